"""Pages of the site made of the notebooks in examples/notebooks/: their text, and their code in fences."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

NOTEBOOKS = Path(__file__).resolve().parents[2] / "examples" / "notebooks"
#: Links of a notebook to pages of docs/, and of these to notebooks.
_TO_DOCS = "](../../docs/"
_TO_NOTEBOOK = re.compile(r"\]\(\.\./examples/notebooks/([\w-]+)\.ipynb\)")


def pages() -> Iterator[tuple[str, str]]:
    """(path within the site's pages, text in Markdown) of each notebook."""
    for notebook in sorted(NOTEBOOKS.glob("*.ipynb")):
        yield f"examples/{notebook.stem}.md", page(notebook)


def page(notebook: Path) -> str:
    """A notebook's cells in Markdown."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    shown = [_shown(cell["cell_type"], "".join(cell["source"])) for cell in cells]
    where = f"This page is the notebook `examples/notebooks/{notebook.name}`, whose cells the tests run."
    return "\n\n".join([*shown, where]) + "\n"


def _shown(kind: str, source: str) -> str:
    return f"```python\n{source}\n```" if kind == "code" else source.replace(_TO_DOCS, "](../")


def linked(text: str) -> str:
    """A page of docs/ whose links to notebooks lead to their pages."""
    return _TO_NOTEBOOK.sub(r"](examples/\1.md)", text)

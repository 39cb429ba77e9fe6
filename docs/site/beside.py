"""Pages of the site that lie beside docs/, where a forge looks for them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")
_LINKS = {"](docs/": "](", "](examples/notebooks/)": "](index.md#examples)"}
_FROM_DOCS = re.compile(rf"\]\(\.\./({'|'.join(map(re.escape, NAMES))})")


def pages() -> Iterator[tuple[str, str]]:
    """(path within the site's pages, text in Markdown) of each."""
    for name in NAMES:
        text = (ROOT / name).read_text(encoding="utf-8")
        for link, there in _LINKS.items():
            text = text.replace(link, there)
        yield name.lower(), text


def linked(text: str) -> str:
    """A page of docs/ whose links to these lead to their places on the site."""
    return _FROM_DOCS.sub(lambda found: f"]({found[1].lower()}", text)

"""The notebooks in examples/notebooks/ run from the first cell to the last, and hold nothing of who ran them.

They run in one kernel, since most of a notebook's time is imports: each in emptied names, and in a folder
that lies to the files that it reads as examples/notebooks/ does.
"""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "docs" / "site"))

import notebooks as site  # noqa: E402 - what builds the site is no package

sys.path.pop(0)
NOTEBOOKS = sorted((ROOT / "examples" / "notebooks").glob("*.ipynb"))
each = pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
#: What a notebook quantizes by, which older releases lack tools for.
NEWER = {"09-quantise-and-serve": pytest.mark.needs_onnxruntime(1, 27)}
#: Extra, as the first cell of a notebook says it, or data -> what has to be there to import.
BRINGS = {
    "cpu": ("onnxruntime",),
    "train": ("torch",),
    "serve": ("starlette", "uvicorn"),
    "viz": ("matplotlib",),
    "keras3": ("keras",),
    "scikit-learn": ("sklearn", "scipy"),
}
#: What comes with kcompile, whichever the extra.
ALWAYS = {"kcompile", "kcompile_runtime", "numpy", "h5py"}
READS = (
    "h5/cnn_rmsprop.keras-2.3.1.h5",
    "formats/old/keras1_cnn_theano.h5",
    "formats/old/keras1_cnn_theano.npz",
)
#: Runs in the kernel first: whoever asks for more than this machine is told so.
_NO_NETWORK = """
import sys

def _refuse(event, arguments):
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        if arguments[1][0] not in ("127.0.0.1", "::1", "localhost"):
            raise RuntimeError(f"a notebook connects to {arguments[1]}")

sys.addaudithook(_refuse)
"""


def content(notebook: Path) -> dict:
    return json.loads(notebook.read_text(encoding="utf-8"))


def sources(notebook: Path, kind: str) -> list[str]:
    return ["".join(cell["source"]) for cell in content(notebook)["cells"] if cell["cell_type"] == kind]


def needs(notebook: Path) -> set[str]:
    """Packages that the first cell asks for."""
    said = re.search(r"^Needs `kcompile\[([\w,]+)\]`(.*)$", sources(notebook, "markdown")[0], re.MULTILINE)
    assert said, f"{notebook.name}: the first cell says no `kcompile[...]`"
    extras = [*said[1].split(","), *(name for name in BRINGS if name in said[2])]
    return {package for extra in extras for package in BRINGS[extra]}


def imports(notebook: Path) -> set[str]:
    """Packages that the cells import, without Python's own."""
    nodes = [node for source in sources(notebook, "code") for node in ast.walk(ast.parse(source))]
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
    return {name.partition(".")[0] for name in names} - set(sys.stdlib_module_names)


@pytest.fixture(scope="module")
def kernel():
    """A kernel that runs the code of this checkout, and connects to this machine alone."""
    pytest.importorskip("ipykernel")
    pytest.importorskip("nbclient")
    from jupyter_client.manager import KernelManager

    manager = KernelManager(kernel_name="python3")
    paths = os.pathsep.join([str(ROOT), str(ROOT / "runtime")])
    manager.start_kernel(env={**os.environ, "PYTHONPATH": paths})
    try:
        run(manager, [_NO_NETWORK])
        yield manager
    finally:
        manager.shutdown_kernel(now=True)


def run(kernel, cells: list[str]) -> None:
    """
    Raises:
        nbclient.exceptions.CellExecutionError: a cell failed; its text has the cell and the traceback.
    """
    import nbclient
    import nbformat

    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
    client = nbclient.NotebookClient(notebook, km=kernel, timeout=300)
    try:
        client.execute()
    finally:
        if client.kc is not None:
            client.kc.stop_channels()


@pytest.mark.parametrize(
    "notebook", [pytest.param(path, id=path.stem, marks=NEWER.get(path.stem, ())) for path in NOTEBOOKS]
)
def test_a_notebook_runs(notebook, kernel, tmp_path):
    missing = sorted(package for package in needs(notebook) if find_spec(package) is None)
    if missing:
        pytest.skip(f"{', '.join(missing)} not installed")
    folder = tmp_path / "examples" / "notebooks"
    folder.mkdir(parents=True)
    for name in READS:
        (tmp_path / "tests" / "golden" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / "tests" / "golden" / name, tmp_path / "tests" / "golden" / name)
    there = f"%reset -f\nimport os; os.chdir({str(folder)!r}); del os"
    away = f"import os; os.chdir({str(ROOT)!r})"  # else Windows keeps the folder
    run(kernel, [there, *sources(notebook, "code"), away])


def test_a_notebook_that_fails_or_asks_the_network_is_noticed(kernel):
    from nbclient.exceptions import CellExecutionError

    with pytest.raises(CellExecutionError, match="AssertionError"):
        run(kernel, ["assert 1 == 2"])
    with pytest.raises(CellExecutionError, match="a notebook connects to"):
        run(kernel, ["import socket; socket.create_connection(('192.0.2.1', 80), timeout=1)"])


def test_there_are_ten():
    assert len(NOTEBOOKS) == 10


@each
def test_a_notebook_is_stored_without_outputs_and_without_who_ran_it(notebook):
    nbformat = pytest.importorskip("nbformat")
    found = content(notebook)
    nbformat.validate(found)
    assert found["metadata"] == {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for cell in found["cells"]:
        assert not cell["metadata"] and not cell.get("outputs") and cell.get("execution_count") is None
    names = [cell["id"] for cell in found["cells"]]
    assert len(set(names)) == len(names) and all(re.fullmatch(r"[a-z][a-z0-9-]+", name) for name in names)
    assert notebook.read_text(encoding="utf-8") == nbformat.writes(nbformat.from_dict(found)) + "\n"


@each
def test_a_notebook_says_what_it_shows_and_needs_in_a_few_cells(notebook):
    texts = sources(notebook, "markdown")
    assert texts[0].startswith("# ") and all(text.startswith("## ") for text in texts[1:])
    assert 6 <= len(content(notebook)["cells"]) <= 10
    assert "assert " in "\n".join(sources(notebook, "code"))
    assert imports(notebook) <= needs(notebook) | ALWAYS


@each
def test_the_site_shows_a_notebook(notebook):
    page = site.page(notebook)
    for source in sources(notebook, "code"):
        assert f"```python\n{source}\n```" in page
    for target in re.findall(r"\]\(([^)#\s]+)", page):
        assert "://" in target or (ROOT / "docs" / "examples" / target).resolve().exists(), target
    name, title = notebook.stem, sources(notebook, "markdown")[0].partition("\n")[0].removeprefix("# ")
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    assert f"- {title.replace('`', '')}: examples/{name}.md\n" in navigation
    for start in ("index.md", "index.ko.md"):
        text = (ROOT / "docs" / start).read_text(encoding="utf-8")
        assert f"(../examples/notebooks/{name}.ipynb)" in text
        assert f"(examples/{name}.md)" in site.linked(text)

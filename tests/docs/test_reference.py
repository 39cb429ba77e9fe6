"""The reference of the API has every public name, each with a description; the navigation has every page."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "docs" / "site"))

import beside  # noqa: E402 - what builds the site is no package
import gaps  # noqa: E402
import reference  # noqa: E402

sys.path.pop(0)
NAVIGATION = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", reference.pages(), ids=lambda page: page.module)
def test_every_name_of_a_module_is_described(page):
    module = sys.modules[page.module]
    bare = [entry.name for entry in page.entries if not inspect.getdoc(getattr(module, entry.name))]
    assert page.entries and not bare, f"without a docstring: {', '.join(bare)}"
    assert {entry.name for entry in page.entries} | set(page.plain) == set(reference.public_names(module))


@pytest.mark.parametrize("page", reference.pages(), ids=lambda page: page.module)
def test_a_page_shows_each_name_where_its_text_is(page):
    text = page.text()
    for entry in page.entries:
        assert f"toc_label: {entry.name}\n" in text + "\n" or f"## {entry.name}\n" in text


def test_functions_made_while_the_program_runs_are_shown_with_their_signature():
    page = next(page for page in reference.pages() if page.module == "kcompile.keras.ops")
    assert "## abs\n\n```python\nabs(x)\n```\n" in page.text()


def test_the_navigation_has_every_page_of_docs():
    pages = {path.name for path in (ROOT / "docs").glob("*.md") if not path.name.endswith(".ko.md")}
    pages |= {name for name, _ in beside.pages()}
    assert {name for name in pages if f" {name}\n" not in NAVIGATION} == set()


def test_every_description_tells_shapes_and_errors():
    """Of what takes arrays the shapes, of what raises the errors; `python docs/site/gaps.py` prints them."""
    assert gaps.gaps() == []


def silent(x):
    """Twice the number."""
    if x is None:
        raise ValueError("no number")
    return x


def telling(x):
    """Twice each element; the result has the shape of x.

    Raises:
        ValueError: for None.
    """
    return silent(x)


class Silent:
    """A layer that does something."""

    def __init__(self, units):
        if units < 1:
            raise ValueError("units")

    def call(self, inputs):
        return inputs


class Question:
    """A thing that is no layer."""

    def helper(self):
        raise ValueError("later")


@pytest.mark.parametrize(
    ("value", "module", "expected"),
    [
        (silent, "kcompile.keras.ops", ["shapes", "errors"]),
        (telling, "kcompile.keras.ops", []),
        (Silent, "kcompile.keras.layers", ["shapes", "errors"]),
        (Silent, "kcompile.keras.utils", ["errors"]),
        (Question, "kcompile.keras.layers", []),
    ],
)
def test_what_a_description_lacks_is_found(value, module, expected):
    assert list(gaps.lacking(value, module)) == expected

"""Every python snippet of README.md and docs/ runs, and every shell snippet that is marked ``sh run``.

A snippet marked ``python needs PACKAGE`` runs where that package is installed.

The snippets of one page run in order, in one namespace and one temporary folder, as a reader would run them.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
TRANSLATIONS = [page for page in PAGES if page.name.endswith(".ko.md")]
#: Pages whose ways of quantizing older releases lack tools for.
NEWER = {"optimize.md": pytest.mark.needs_onnxruntime(1, 27)}
_FENCE = re.compile(r"^```([^\n`]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)#\s]+)")


def snippets(text: str) -> Iterator[tuple[str, str, int]]:
    """(kind, code, number of the line before the code) of each fenced block."""
    for match in _FENCE.finditer(text):
        yield match[1].strip(), match[2], text.count("\n", 0, match.start()) + 1


def needed(kind: str) -> str:
    """The package without which a snippet is left out, "" if there is none."""
    return kind.removeprefix("python needs ") if kind.startswith("python needs ") else ""


def executed(kind: str) -> bool:
    return kind in ("python", "sh run")


def runnable(page: Path) -> bool:
    return any(executed(kind) for kind, _, _ in snippets(page.read_text(encoding="utf-8")))


def run_shell(code: str, where: str) -> None:
    """Runs commands with this environment's ``kcompile`` and ``python``; the first that fails ends it."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", code], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, f"{where}: {done.stderr or done.stdout}"


def without_comments(code: str) -> str:
    """The code without its comments, which a translation has in its own language."""
    return re.sub(r"\s*#.*", "", code)


@pytest.mark.parametrize("page", TRANSLATIONS, ids=lambda page: page.name)
def test_a_translation_shows_snippets_of_the_original(page):
    """Those are run below."""
    original = page.with_name(page.name.replace(".ko.", "."))
    known = {
        (kind, without_comments(code)) for kind, code, _ in snippets(original.read_text(encoding="utf-8"))
    }
    for kind, code, line in snippets(page.read_text(encoding="utf-8")):
        assert not executed(kind) or (kind, without_comments(code)) in known, f"{page.name}:{line}"


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, id=page.name, marks=NEWER.get(page.name, ()))
        for page in PAGES
        if runnable(page) and page not in TRANSLATIONS
    ],
)
def test_the_snippets_of_a_page_run(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {"__name__": "__main__"}
    for kind, code, line in snippets(page.read_text(encoding="utf-8")):
        if kind == "python" or needed(kind) and find_spec(needed(kind)):
            exec(compile("\n" * line + code, str(page), "exec"), namespace)
        elif kind == "sh run":
            run_shell(code, f"{page.name}:{line}")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files(page):
    for target in _LINK.findall(page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_to_elsewhere_are_addresses(page):
    """Whether somebody answers there is not asked."""
    text = page.read_text(encoding="utf-8")
    addresses = re.findall(r"\]\(([^)\s]*://[^)]*)\)|<(\w+://[^>]*)>", text)
    wrong = [address for address in map("".join, addresses) if not is_address(address)]
    assert not wrong


def is_address(text: str) -> bool:
    """Whether it is one of the web, by its form: https, a host with a domain, no blanks."""
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return False
    domains = host.split(".")
    named = len(domains) > 1 and all(re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", part) for part in domains)
    return parts.scheme == "https" and named and re.search(r"\s", text) is None


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("https://onnx.ai/onnx/operators/#l-onnx-operators", True),
        ("http://onnx.ai", False),
        ("https://onnx", False),
        ("https://onnx..ai/", False),
        ("https://onnx.ai/a b", False),
        ("https://onnx.ai:port/", False),
        ("https:///onnx.ai", False),
    ],
)
def test_an_address_is_told_by_its_form(text, right):
    assert is_address(text) is right


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_fences_are_closed_and_of_known_kinds(page):
    text = page.read_text(encoding="utf-8")
    assert len(re.findall(r"^```", text, re.MULTILINE)) % 2 == 0
    kinds = {kind for kind, _, _ in snippets(text) if not needed(kind)}
    assert kinds <= {"", "python", "sh", "sh run"}


def test_the_parser_finds_kind_code_and_line():
    text = "a\n\n```python\nx = 1\n```\n\n```sh run\nls\n```\n```\nplain\n```\n"
    assert list(snippets(text)) == [("python", "x = 1\n", 3), ("sh run", "ls\n", 7), ("", "plain\n", 10)]


def test_a_shell_snippet_that_fails_is_noticed():
    with pytest.raises(AssertionError, match="page:1"):
        run_shell("false | true", "page:1")


def test_readme_shows_the_two_commands():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "make demo" in text and "make test" in text

"""The version stands in four files, says the same in each, and a tag cannot say another."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

import kcompile
import kcompile_runtime
from tests.release import version

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The files that say the version, in a repository of one commit."""
    for name in version.PLACES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    version.stamp(tmp_path, "0.5.0")
    _git(tmp_path, "init", "-q")
    _commit(tmp_path)
    return tmp_path


def _git(folder: Path, *words: str) -> None:
    settings = ("user.name=a", "user.email=a@b", "commit.gpgsign=false", "tag.gpgsign=false")
    options = [word for setting in settings for word in ("-c", setting)]
    subprocess.run(["git", *options, *words], cwd=folder, check=True, capture_output=True)


def _commit(folder: Path) -> None:
    _git(folder, "add", "-A")
    _git(folder, "commit", "-q", "--allow-empty", "-m", "m")


def test_all_places_say_the_same() -> None:
    assert version.current(ROOT) == kcompile.__version__ == kcompile_runtime.__version__


def test_a_version_is_written_everywhere_and_nothing_else_is(checkout: Path) -> None:
    version.stamp(checkout, "0.7.0.dev0")
    assert version.current(checkout) == "0.7.0.dev0"
    assert all(said == {"0.7.0.dev0"} for said in version.found(checkout).values())
    version.stamp(checkout, kcompile.__version__)
    for name in version.PLACES:
        assert (checkout / name).read_text() == (ROOT / name).read_text()


def test_files_that_differ_are_named(checkout: Path) -> None:
    path = checkout / "kcompile" / "__init__.py"
    path.write_text(path.read_text().replace("0.5.0", "0.4.0"))
    with pytest.raises(SystemExit, match=r"one version was expected.*0\.4\.0"):
        version.current(checkout)


def test_a_tag_says_what_the_files_say(checkout: Path) -> None:
    version.check_tags(checkout)
    _git(checkout, "tag", "v0.5.0")
    version.check_tags(checkout)
    _commit(checkout)
    with pytest.raises(SystemExit, match=r"v0\.5\.0 is the tag of another commit"):
        version.check_tags(checkout)
    _git(checkout, "tag", "v0.6.0")
    with pytest.raises(SystemExit, match=r"tagged v0\.6\.0, and the files say 0\.5\.0"):
        version.check_tags(checkout)


def test_without_git_there_is_nothing_to_compare(checkout: Path) -> None:
    shutil.rmtree(checkout / ".git")
    version.check_tags(checkout)


@pytest.mark.parametrize("name", ["pyproject.toml", "runtime/pyproject.toml"])
def test_addresses_of_the_project_stand_on_one(name: str) -> None:
    """So that one replacement moves them (CONTRIBUTING.md, "Releasing")."""
    text = (ROOT / name).read_text(encoding="utf-8")
    section = text.split("[project.urls]")[1].split("\n[")[0]
    addresses = dict(re.findall(r'^(\w+) = "(.*)"$', section, re.MULTILINE))
    assert list(addresses) == ["Homepage", "Documentation", "Source", "Changelog", "Issues"]
    base = addresses["Source"]
    assert all(address.startswith((base, _pages(base))) for address in addresses.values())
    assert f"`{base}`" in (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def _pages(base: str) -> str:
    owner, name = base.removeprefix("https://github.com/").split("/")
    return f"https://{owner}.github.io/{name}"

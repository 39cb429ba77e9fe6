"""The version of both distributions: where it stands, how it is changed, and that a tag says the same.

python -m tests.release.version           # says it
python -m tests.release.version 0.2.0     # writes it everywhere
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from packaging.version import InvalidVersion, Version

ROOT = Path(__file__).resolve().parents[2]
#: Files, and what stands around the version in them.
PLACES = {
    "kcompile/__init__.py": r'(?<=^__version__ = ")[^"]+(?=")',
    "runtime/kcompile_runtime/__init__.py": r'(?<=^__version__ = ")[^"]+(?=")',
    "pyproject.toml": r'(?<===)[^"=]+(?=")',
}
PINS = re.compile(r'"kcompile-runtime(?:\[[\w,]+\])?==[^"]+"')


def main(argv: list[str]) -> int:
    """Returns 0, or 2 for what is no version."""
    if argv:
        try:
            stamp(ROOT, str(Version(argv[0])))
        except InvalidVersion as error:
            print(f"expected a version such as 0.2.0 or 0.3.0.dev0: {error}", file=sys.stderr)
            return 2
    print(current(ROOT))
    return 0


def found(root: Path) -> dict[str, set[str]]:
    """File -> the versions that it says."""
    said = {}
    for name, pattern in PLACES.items():
        text = (root / name).read_text(encoding="utf-8")
        lines = PINS.findall(text) if name == "pyproject.toml" else [text]
        said[name] = {match for line in lines for match in re.findall(pattern, line, re.MULTILINE)}
    return said


def current(root: Path) -> str:
    """
    Raises:
        SystemExit: the files say different versions, or none.
    """
    said = found(root)
    versions = set().union(*said.values())
    if len(versions) != 1 or not all(said.values()):
        raise SystemExit(f"one version was expected, found {said}: run python -m tests.release.version X.Y.Z")
    return versions.pop()


def stamp(root: Path, version: str) -> None:
    """Writes a version in all its places."""
    for name, pattern in PLACES.items():
        path = root / name
        text = path.read_text(encoding="utf-8")

        def put(text: str, pattern: str = pattern) -> str:
            return re.sub(pattern, version, text, flags=re.MULTILINE)

        text = PINS.sub(lambda pin: put(pin[0]), text) if name == "pyproject.toml" else put(text)
        path.write_text(text, encoding="utf-8")


def check_tags(root: Path) -> None:
    """That a tag says what the files say. Without git, or without tags, there is nothing to compare.

    Raises:
        SystemExit: this commit has the tag of another version, or another commit the tag of this one.
    """
    version = current(root)
    here = [tag for tag in _git(root, "tag", "--points-at", "HEAD") if re.fullmatch(r"v\d.*", tag)]
    if any(tag != f"v{version}" for tag in here):
        raise SystemExit(
            f"this commit is tagged {', '.join(here)}, and the files say {version}: run "
            f"`python -m tests.release.version {here[0][1:]}`, commit that, and move the tag there"
        )
    if not here and _git(root, "tag", "--list", f"v{version}"):
        raise SystemExit(
            f"v{version} is the tag of another commit: run `python -m tests.release.version X.Y.0.dev0` with "
            "the version that is to come next"
        )


def _git(root: Path, *words: str) -> list[str]:
    try:
        done = subprocess.run(["git", *words], cwd=root, capture_output=True, text=True)
    except FileNotFoundError:
        return []
    return done.stdout.split() if done.returncode == 0 else []


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

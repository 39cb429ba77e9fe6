"""Builds the site: the pages of docs/, and beside them what is made from the code.

    python docs/site/build.py [-o FOLDER]

Needs the packages of the extra ``docs``; nothing is fetched while it builds.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
#: What mkdocs reads: ``docs_dir`` in mkdocs.yml.
STAGE = ROOT / "build" / "docs"
#: Links of a page to itself in another language, and of a Korean page to others that are there in Korean: the
#: site has a switch of languages, and stays in the one that was chosen.
_TRANSLATIONS = re.compile(r"\s+\(\[(?:한국어\]\([\w-]+\.ko|English\]\([\w-]+)\.md\)\)")
_KOREAN = re.compile(r"(?<=\w)\.ko\.md(?=[)#])")
#: What tests do with a snippet, which stands behind its language.
_TESTED = re.compile(r"^(```\w+) (?:run|needs \w+)$", re.MULTILINE)
#: Where a drawing stands in a page: what draws it, and its name.
_DRAWING = re.compile(r"^<!-- (drawing|chart): (.+) -->$", re.MULTILINE)


def main(argv: list[str] | None = None) -> int:
    """Returns mkdocs' exit code: not 0 for a broken link, an unknown heading or an unknown name."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("-o", "--output", type=Path, default=ROOT / "site", help="default: site/")
    arguments = parser.parse_args(argv)
    stage(STAGE)
    output = arguments.output.resolve()
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--config-file", str(ROOT / "mkdocs.yml")]
    code = subprocess.run([*command, "--site-dir", str(output)], cwd=ROOT).returncode
    if code == 0:  # the switch of languages asks for the list of pages beside each page
        for folder in {path.parent for path in output.rglob("*.html")} - {output}:
            shutil.copy(output / "sitemap.xml", folder)
    return code


def stage(folder: Path) -> None:
    """Puts all pages into a folder, which is made anew."""
    sys.path[:0] = [str(ROOT), str(ROOT / "runtime")]
    import beside
    import charts
    import floors  # beside this file, and after the paths: they import kcompile and what tests read it with
    import notebooks
    import reference

    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT / "docs", folder, ignore=shutil.ignore_patterns("site"))
    shutil.copytree(HERE / "assets", folder / "assets")
    drawings = {"drawing": floors.drawings(), "chart": charts.charts()}
    for path in folder.glob("*.md"):
        text = _TESTED.sub(r"\1", _TRANSLATIONS.sub("", path.read_text(encoding="utf-8")))
        if path.name.endswith(".ko.md"):
            text = _KOREAN.sub(".md", text)
        text = _DRAWING.sub(lambda found: drawings[found[1]][found[2]], text)
        path.write_text(notebooks.linked(beside.linked(text)), encoding="utf-8")
    made = ((page.path, page.text()) for page in reference.pages())
    for name, text in (*beside.pages(), *notebooks.pages(), *made):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())

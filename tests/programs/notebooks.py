"""A notebook as a script: what ``jupyter nbconvert --to script`` makes of its code cells."""

from __future__ import annotations

import json
import re

_SHELL = re.compile(r"(\s*)!(.*)")
_LINE_MAGIC = re.compile(r"(\s*)%(\w+) ?(.*)")
_ASSIGNED_SHELL = re.compile(r"(\s*)(\w+) ?= ?!(.*)")


def as_script(notebook: str) -> str:
    """The code cells, one after the other; ``!command`` and ``%magic`` become calls of ``get_ipython()``."""
    cells = [cell for cell in json.loads(notebook)["cells"] if cell["cell_type"] == "code"]
    return "\n\n".join(_cell_as_script("".join(cell["source"])) for cell in cells) + "\n"


def _cell_as_script(source: str) -> str:
    source = _without_leading_indent(source)
    if source.startswith("%%"):
        first, _, body = source.partition("\n")
        magic, _, arguments = first[2:].partition(" ")
        return f"get_ipython().run_cell_magic({magic!r}, {arguments!r}, {body!r})"
    lines = []
    joined = ""
    for line in source.split("\n"):
        command = joined + line
        if line.endswith("\\") and (joined or _SHELL.match(line)):  # a shell command that goes on
            joined = command[:-1]
            continue
        joined = ""
        lines.append(_line_as_script(command))
    return "\n".join(lines)


def _without_leading_indent(source: str) -> str:
    """IPython takes from each line of a cell the indent of its first one."""
    indent = re.match(r"[ \t]*", source.lstrip("\n"))[0]
    return re.sub(rf"^{indent}", "", source, flags=re.MULTILINE) if indent else source


def _line_as_script(line: str) -> str:
    if match := _SHELL.match(line):
        return f"{match[1]}get_ipython().system({match[2]!r})"
    if match := _LINE_MAGIC.match(line):
        return f"{match[1]}get_ipython().run_line_magic({match[2]!r}, {match[3]!r})"
    if match := _ASSIGNED_SHELL.match(line):
        return f"{match[1]}{match[2]} = get_ipython().getoutput({match[3]!r})"
    return line

"""Names from files in the texts of the IR. kcompile_runtime.text says it for all others; this floor stands on
nothing of ours."""

from __future__ import annotations

import unicodedata


def shown(text: str, lines: bool = False) -> str:
    """The text without what a terminal would obey: control characters, marks of direction and what else is no
    printable character are written as Python escapes. ``lines`` keeps line breaks and tabs.
    """
    if text.isprintable():
        return text
    return "".join(c if _is_shown(c) or lines and c in "\n\t" else ascii(c)[1:-1] for c in text)


def _is_shown(character: str) -> bool:
    return character.isprintable() or unicodedata.category(character) == "Zs"

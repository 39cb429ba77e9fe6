"""Text from files as text on a screen."""

from __future__ import annotations

import unicodedata


def harmless(text: object, lines: bool = False) -> str:
    """The text without what a terminal would obey: control characters (escape sequences begin with one),
    marks of direction, invisible characters and lone surrogates are written as ``\\x1b``, ``\\u202e`` ...

    Args:
        text: a name that a file chose, or a message that may have one in it; others are made text first.
        lines: whether line breaks and tabs stay, which a name could forge a line with.
    """
    text = str(text)
    if text.isprintable():
        return text
    return "".join(c if _is_shown(c) or lines and c in "\n\t" else _escaped(c) for c in text)


def _is_shown(character: str) -> bool:
    return character.isprintable() or unicodedata.category(character) == "Zs"  # spaces of other widths


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")

"""Names for generated source, made from whatever text a file holds."""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Iterable

_LONGEST = 200
#: What source reads by these names; a variable must not hide them.
BUILTINS = frozenset(dir(builtins))


def identifier(text: str) -> str:
    """An identifier that resembles a text: ASCII letters, digits and ``_``, first a letter.

    Two texts may give one identifier: see ``Identifiers``.
    """
    name = re.sub(r"[^0-9A-Za-z_]", "_", text[:_LONGEST])
    if not name[:1].isalpha():
        name = f"layer_{name.lstrip('_')}".rstrip("_")
    return f"{name}_" if keyword.iskeyword(name) else name


class Identifiers:
    """Gives identifiers, each once.

    Args:
        taken: names that are never given, besides Python's keywords.
    """

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = set(taken)
        self._numbers: dict[str, int] = {}

    def free(self, hint: str) -> str:
        """An identifier like the hint that was not given before."""
        base = name = identifier(hint)
        while name in self._taken:
            number = self._numbers[base] = self._numbers.get(base, 0) + 1
            name = f"{base}_{number}"
        self._taken.add(name)
        return name

    def take(self, name: str) -> None:
        """Keeps a name from being given."""
        self._taken.add(name)

    def copy(self) -> Identifiers:
        """What gives the same from here on."""
        other = Identifiers()
        other._taken, other._numbers = set(self._taken), dict(self._numbers)
        return other

"""Names for generated source, made from whatever text a file holds."""

from __future__ import annotations

import builtins
import keyword
import re

from .naming import Names

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


class Identifiers(Names):
    """Gives identifiers, each once; never Python's keywords."""

    def free(self, hint: str) -> str:
        """An identifier like the hint that was not given before."""
        return self.unique(identifier(hint))

    def copy(self) -> Identifiers:
        """What gives the same from here on."""
        other = Identifiers()
        other._taken, other._numbers = set(self._taken), dict(self._numbers)
        return other

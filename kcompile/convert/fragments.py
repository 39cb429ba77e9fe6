"""What one call of a layer adds to the class of a model: kept apart until it is whole."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ..ir.identifiers import Identifiers
from .errors import ConversionError


class Fragment:
    """Statements of ``forward``, and members of the module.

    Args:
        variables: gives names to variables.
        attributes: what the module's layers are called.

    Attributes:
        lines: the statements.
        constructors: attribute -> what makes it.
        states: buffer that no file holds -> what makes it.
        reads_mask: whether a template has asked for a mask.
    """

    def __init__(self, variables: Identifiers, attributes: Collection[str]) -> None:
        self.variables, self.attributes = variables, attributes
        self.lines: list[str] = []
        self.constructors: dict[str, str] = {}
        self.states: dict[str, str] = {}
        self.reads_mask = False

    def begin(self) -> Fragment:
        """A fragment that goes on where this one is; dropped, it leaves no trace."""
        further = Fragment(self.variables.copy(), self.attributes)
        further.constructors, further.states = dict(self.constructors), dict(self.states)
        return further

    def commit(self, further: Fragment) -> None:
        """Takes in a fragment that ``begin`` gave."""
        self.lines += further.lines
        self.variables = further.variables
        self.constructors, self.states = further.constructors, further.states

    def free(self, hint: str) -> str:
        """A name for a variable."""
        return self.variables.free(hint)

    def let(self, expression: str, hint: str) -> str:
        """A line that gives an expression a name; names stay as they are."""
        if expression.isidentifier():
            return expression
        name = self.free(hint)
        self.lines.append(f"{name} = {expression}")
        return name

    def unpack(self, expression: str, hints: list[str]) -> list[str]:
        """A line that takes a tuple apart; the hint "_" is for what nobody reads."""
        names = [hint if hint == "_" else self.free(hint) for hint in hints]
        self.lines.append(f"{', '.join(names)} = {expression}")
        return names

    def submodule(self, attribute: str, constructor: str) -> str:
        """An attribute of the module; a shared layer has one.

        Raises:
            ConversionError: if the layer's calls need different modules.
        """
        known = self.constructors.setdefault(attribute, constructor)
        if known != constructor:
            if "Recurrent(" in constructor and "Recurrent(" not in known:
                self.constructors[attribute] = constructor
            elif "Recurrent(" not in known:
                raise ConversionError(
                    f"The layer {attribute!r} is called on inputs that need different modules: {known} and "
                    f"{constructor}."
                )
        return f"self.{attribute}"

    def state(self, name: str, shape: Sequence[int]) -> str:
        """A buffer that no file holds, zeros at first."""
        while name in self.attributes:
            name += "_"
        self.states[name] = f"torch.zeros({', '.join(map(str, shape))})"
        return f"self.{name}"

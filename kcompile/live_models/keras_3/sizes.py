"""Sizes of axes while a user's code runs on symbolic tensors: numbers that know where they come from."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any


class Size(int):
    """A size that code may compute with, and that stands for the size of an axis.

    Its number serves for the inference of shapes alone; ``evaluated`` gives what it stands for.
    """

    tensor: Any  # the symbolic tensor that it is the size of, and which axis
    axis: int
    function: Callable[..., Any] | None  # or the function of sizes that gave it
    operands: tuple[Any, ...]

    @classmethod
    def of(cls, number: int, tensor: Any, axis: int) -> Size:
        """The size of an axis of a symbolic tensor."""
        size = cls(number)
        size.tensor, size.axis, size.function, size.operands = tensor, axis, None, ()
        return size

    @classmethod
    def computed(cls, function: Callable[..., Any], *operands: Any) -> Size:
        """What a function of sizes and whole numbers gives."""
        size = cls(function(*(int(operand) for operand in operands)))
        size.tensor, size.axis, size.function, size.operands = None, 0, function, operands
        return size

    def evaluated(self, size_of: Callable[[Any, int], Any]) -> Any:
        """What it stands for, given what sizes of axes are: a number, or a tensor where one of them is."""
        if self.function is None:
            return size_of(self.tensor, self.axis)
        operands = (x.evaluated(size_of) if isinstance(x, Size) else x for x in self.operands)
        return self.function(*operands)

    def __reduce__(self) -> Any:  # copies are plain numbers
        return int, (int(self),)


def _method(function: Callable[..., Any], reflected: bool) -> Callable[[Any, Any], Any]:
    def method(self: Any, other: Any) -> Any:
        if not isinstance(other, int) or isinstance(other, bool):
            plain = int(self)
            return function(other, plain) if reflected else function(plain, other)
        return Size.computed(function, *((other, self) if reflected else (self, other)))

    return method


for _name in ("add", "sub", "mul", "floordiv", "mod"):
    _function = getattr(operator, _name)
    setattr(Size, f"__{_name}__", _method(_function, reflected=False))
    setattr(Size, f"__r{_name}__", _method(_function, reflected=True))
setattr(Size, "__neg__", lambda self: Size.computed(operator.neg, self))  # noqa: B010

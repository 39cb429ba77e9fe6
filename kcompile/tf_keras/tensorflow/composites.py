"""Tensors that are made of several: ragged and sparse ones, which functions of tensors take as they say."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


class Composite:
    """A tensor of several."""

    def called_in(self, name: str, function: Any, given: dict[str, Any]) -> Any:
        """What a function gives that has this among its arguments.

        Args:
            name: of the function, as the tables have it: ``"math.square"``.
            function: the function, for tensors.
            given: its arguments by name.

        Raises:
            NotImplementedError: where it does not take such a tensor.
        """
        raise NotImplementedError(f"tf.{name} takes no {type(self).__name__}.")


def composite_in(arguments: Iterable[Any]) -> Composite | None:
    """The first tensor of several among arguments, and in lists of them."""
    for value in arguments:
        if isinstance(value, _SOUGHT):
            found = next((x for x in _listed(value) if isinstance(x, Composite)), None)
            if found is not None:
                return found
    return None


_SOUGHT = (Composite, list, tuple)


def _listed(value: Any) -> Iterable[Any]:
    return [value] if isinstance(value, Composite) else value

"""The state of a live model's optimizer: the numbers of each slot, by the variables they are kept for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

Find = Callable[[str, str], str | None]


class OptimizerState:
    """The state of a live optimizer.

    Args:
        layout: names of the counter and of an array of a slot, as files have them.
        iterations: how many steps it has made.
        slots: numbers by slot and variable.
    """

    def __init__(
        self, layout: tuple[str, str], iterations: Any, slots: Mapping[str, Mapping[int, Any]]
    ) -> None:
        self.layout, self.iterations, self.slots = layout, np.asarray(iterations), slots


def slots_of(
    variables: Iterable[tuple[str, Any]], trained: Iterable[tuple[str, Any]], slot_of: Find
) -> dict[str, dict[int, Any]]:
    """Numbers by slot and variable.

    Args:
        variables: the optimizer's, by name.
        trained: the variables that it trains, by name.
        slot_of: which slot of a variable a name is, given that variable's; None for no one of its.
    """
    longest_first = sorted(trained, key=lambda pair: len(pair[0]), reverse=True)
    slots: dict[str, dict[int, Any]] = {}
    for name, value in variables:
        for reference, variable in longest_first:
            slot = slot_of(name, reference)
            if slot is not None and id(variable) not in slots.setdefault(slot, {}):
                slots[slot][id(variable)] = value
                break
    return slots

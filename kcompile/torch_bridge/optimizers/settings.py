"""Numbers that are variables of Keras: read at each step, so that what a callback writes takes effect."""

from __future__ import annotations

from ...ir import Parameter


def read(x: float | Parameter) -> float:
    """A number, or a variable's value.

    Numbers that Keras holds as float32 are float32 here too: ``1 - float32(0.999)`` is not 0.001 by 1e-5.
    """
    return x.storage.array.item() if isinstance(x, Parameter) else x


def write(scalar: Parameter, value: float) -> None:
    """Sets a scalar variable."""
    scalar.storage.array[...] = value
    scalar.storage.written()

"""What one PyTorch module holds of a layer: its tensors, and the Keras weights that they are made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from ...ir import Parameter
from ..core.layer import Layer

Arrays = dict[str, np.ndarray]


def accept(tensors: Arrays) -> None:
    """The check of modules that hold nothing a layer could not."""


@dataclass
class TorchModuleSpec:
    """The tensors of one PyTorch module, and the Keras weights that they are made of.

    Attributes:
        name: dotted path of the module; the tensors are ``name.suffix``.
        kind: the PyTorch module, for messages.
        layer: the Keras layer.
        parameters: the Keras weights, by what ``encode`` calls them.
        encode: Keras arrays -> tensors by suffix.
        decode: tensors by suffix -> Keras arrays. It only moves elements, by methods of arrays and functions
            of NumPy's: so it can be run on what stands for tensors, see ``kcompile.convert.weight_source``.
        check: raises ValueError for tensors that the layer cannot represent.
        note: what a reader of the tensors should know, or "".
        optional: suffixes that a file may leave out.
    """

    name: str
    kind: str
    layer: Layer
    parameters: dict[str, Parameter]
    encode: Callable[[Arrays], Arrays]
    decode: Callable[[Arrays], Arrays]
    check: Callable[[Arrays], None] = accept
    note: str = ""
    optional: frozenset[str] = field(default_factory=frozenset)

    def path(self, suffix: str) -> str:
        """The full name of a tensor."""
        return f"{self.name}.{suffix}" if self.name else suffix

    def tensors(self) -> Arrays:
        """The present values, by suffix."""
        arrays = self.encode({name: p.numpy() for name, p in self.parameters.items()})
        return {suffix: np.asarray(array, order="C") for suffix, array in arrays.items()}

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of each tensor, by suffix."""
        zeros = {name: np.broadcast_to(np.zeros((), p.dtype), p.shape) for name, p in self.parameters.items()}
        return {suffix: array.shape for suffix, array in self.encode(zeros).items()}

    def weights(self, tensors: Mapping[str, np.ndarray]) -> list[tuple[Parameter, np.ndarray]]:
        """The Keras weights that tensors of these suffixes stand for.

        Raises:
            ValueError: if the layer cannot represent them.
        """
        self.check(dict(tensors))
        arrays = self.decode(dict(tensors))
        return [(parameter, arrays[name]) for name, parameter in self.parameters.items()]

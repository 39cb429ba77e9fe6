"""PyTorch source that turns the tensors of a module into Keras's weights.

It is what ``TorchModuleSpec.decode`` does: that runs on stand-ins, which write down how they are moved.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..ir import Parameter
from ..keras.state_dict import TorchModuleSpec
from ..torch_bridge.source import NoSource


class TensorSource:
    """A tensor for methods of arrays and functions of NumPy's that move elements.

    Args:
        text: PyTorch's expression of it.
        shape: of the tensor.
    """

    def __init__(self, text: str, shape: Sequence[int]) -> None:
        self.text, self.shape = text, tuple(shape)

    @property
    def T(self) -> TensorSource:
        return self.transpose(tuple(reversed(range(len(self.shape)))))

    def transpose(self, axes: Sequence[int]) -> TensorSource:
        axes = tuple(int(axis) for axis in axes)
        moved = ".t()" if axes == (1, 0) else f".permute({axes})"
        return TensorSource(self.text + moved, [self.shape[axis] for axis in axes])

    def reshape(self, *shape: Any) -> TensorSource:
        sizes = shape[0] if len(shape) == 1 and isinstance(shape[0], tuple) else shape
        found = np.broadcast_to(0, self.shape).reshape(sizes).shape
        return TensorSource(f"{self.text}.reshape({found})", found)

    def __getitem__(self, rows: slice) -> TensorSource:
        count = len(range(self.shape[0])[rows])
        return TensorSource(f"{self.text}[{rows.start}:{rows.stop}]", (count, *self.shape[1:]))

    def __add__(self, other: TensorSource) -> TensorSource:
        return TensorSource(f"({self.text} + {other.text})", self.shape)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return _FUNCTIONS[function](*args, **kwargs)

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise NoSource("it keeps a weight in a layout that has no expression")


def _split(tensor: TensorSource, count: int, axis: int) -> list[TensorSource]:
    shape = list(tensor.shape)
    shape[axis] //= count
    where = "" if axis == 0 else f", {axis}"
    return [TensorSource(f"{tensor.text}.chunk({count}{where})[{i}]", shape) for i in range(count)]


def _concatenate(tensors: Sequence[TensorSource], axis: int = 0) -> TensorSource:
    shape = list(tensors[0].shape)
    shape[axis] = sum(tensor.shape[axis] for tensor in tensors)
    where = "" if axis == 0 else f", {axis}"
    return TensorSource(f"torch.cat([{', '.join(t.text for t in tensors)}]{where})", shape)


def _stack(tensors: Sequence[TensorSource]) -> TensorSource:
    listed = ", ".join(tensor.text for tensor in tensors)
    return TensorSource(f"torch.stack([{listed}])", (len(tensors), *tensors[0].shape))


_FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.split: _split,
    np.concatenate: _concatenate,
    np.stack: _stack,
}


def weight_sources(spec: TorchModuleSpec, tensors: Mapping[str, str]) -> list[tuple[Parameter, str]]:
    """The Keras weights of a module as PyTorch source.

    Args:
        tensors: suffix -> the expression that holds the tensor.

    Raises:
        NoSource: for a layout of Keras's that has none.
    """
    shapes = spec.shapes()
    given: Any = {suffix: TensorSource(text, shapes[suffix]) for suffix, text in tensors.items()}
    decoded: Any = spec.decode(given)
    return [(parameter, decoded[key].text) for key, parameter in spec.parameters.items()]

"""Steps that users write: traced into a graph whose updates train, or run operator by operator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..ir import Graph, Parameter, StringTensor, Value, changing
from .arrays import as_tensor, numpy_dtype
from .devices import default_device
from .eager import TorchInterpreter
from .random_state import set_generator_states
from .training import _Step, place

__all__ = [
    "OwnStep",
    "as_batch",
    "eager_batch",
    "interpreter",
    "is_composite",
    "numpy_type",
    "set_generator_states",
    "tensors_of",
]


class OwnStep(_Step):
    """A graph whose updates are all that there is to training: ``step(*inputs) -> tuple of tensors``.

    Args:
        graph: gradients are among its nodes, what optimizers do among its updates.
        device: where to compute; the GPU if there is one.
    """

    def __init__(self, graph: Graph, device: torch.device | str | None = None) -> None:
        super().__init__(graph, device, ())
        self._is_weight = [_is_kept(graph.resolve(value)) for value in graph.outputs]

    def __call__(self, *inputs: Any) -> tuple[Tensor, ...]:
        """The outputs, from numpy arrays or tensors. Nothing here waits for a GPU.

        Raises:
            ValueError: for a wrong number of inputs.
        """
        tensors = self._place(inputs)
        with torch.no_grad():
            results = list(self.module(*tensors))
        for i, is_weight in enumerate(self._is_weight):
            if is_weight:  # which goes on changing
                results[i] = results[i].clone()
        with changing():
            return self._finish(results)


def _is_kept(value: Value) -> bool:
    """Whether the memory of an output is a weight's, or what an optimizer keeps for one."""
    if value.node is not None and value.node.op_type in ("StopGradient", "Update"):
        return True
    return isinstance(value, Parameter)


def as_batch(arrays: Sequence[Any]) -> list[Any]:
    """Arrays as tensors, in the memory that they have; text as arrays of objects, tensors that are made of
    several (ragged, sparse) as they are."""
    return [x if isinstance(x, Tensor) or is_composite(x) else _as_tensor(np.asarray(x)) for x in arrays]


def is_composite(x: Any) -> bool:
    """Whether it is a tensor that is made of several, which has no form that a graph could be traced for."""
    return hasattr(x, "type_spec")


def _as_tensor(array: np.ndarray) -> Any:
    return array.astype(object) if array.dtype.kind in "OSU" else as_tensor(array)


def numpy_type(dtype: Any) -> np.dtype:
    """The element type of a part of a batch, as values have it."""
    return dtype if isinstance(dtype, np.dtype) else numpy_dtype(dtype)


def interpreter() -> TorchInterpreter:
    """What computes at once on the device where steps compute."""
    return TorchInterpreter(default_device())


def eager_batch(batch: Sequence[Any]) -> tuple[TorchInterpreter, list[Any]]:
    """Who computes a step operator by operator, and the data as it takes them."""
    here = interpreter()

    def value(x: Any) -> Any:
        if isinstance(x, Tensor):
            return here.eager(place(x, here.device))
        return x if is_composite(x) else StringTensor(x, here)

    return here, [value(x) for x in batch]


def tensors_of(interpreter: TorchInterpreter, leaves: Sequence[Any]) -> list[Any]:
    """What a step returned, with tensors in place of values, apart from weights that go on changing."""
    return [interpreter.tensor(leaf).detach().clone() if isinstance(leaf, Value) else leaf for leaf in leaves]

"""Steps of a model as one graph each: traced once for data of a form, run many times."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from kcompile.ir import Trace, Value, before_graph, interpreter
from kcompile.keras.backend.execution import compile_graph
from kcompile.keras.training.nests import Structure, flatten
from kcompile.keras.training.traced_calls import TracedCall, Types, packed, types_of, why_eager
from kcompile.torch_bridge.arrays import as_tensor
from kcompile.torch_bridge.compiling import compile_step
from kcompile.torch_bridge.own_step import interpreter as computing_steps

from .tensors import as_torch, numpy_of, text_of
from .tracing import traced
from .variables import convert_to_tensor

Step = Callable[[Any], Any]


def gradients_of(loss: Any, variables: Sequence[Any]) -> list[Any]:
    """The gradient of a scalar by each variable; None where it does not depend on one."""
    here = interpreter()
    if isinstance(here, Trace):
        return list(here.gradients([loss], [variable.parameter for variable in variables]))
    leaves = [variable._value for variable in variables]
    return list(torch.autograd.grad(loss, leaves, allow_unused=True))


class ModelStep:
    """A step of a model (``train_step``, ``test_step``, ``predict_step``) as a function of a batch.

    Args:
        step: of the data, as Keras calls it.
        name: what it is called in warnings.
        training: whether gradients are asked for.
        run_eagerly: whether it runs operator by operator.
        predicting: whether onnxruntime is to run it, and arrays are to come out.
        compiled: whether ``torch.compile`` compiles what is traced.
    """

    def __init__(
        self,
        step: Step,
        name: str,
        training: bool = False,
        run_eagerly: bool = False,
        predicting: bool = False,
        compiled: bool = False,
    ) -> None:
        self._step, self._name = step, name
        self._training, self._run_eagerly, self._predicting = training, run_eagerly, predicting
        self._when_made = compile_step if compiled else None
        self._taken = _array if predicting else _tensor
        self._made: dict[Any, TracedCall] = {}
        self._of_arrays: dict[Any, TracedCall] = {}
        self._told = False

    def __call__(self, data: Any) -> Any:
        """What the step returns for a batch: tensors of PyTorch, arrays when predicting."""
        leaves, structure = flatten(data, _is_leaf)
        batch = [self._taken(leaf) for leaf in leaves]
        types = types_of(batch)
        key = structure, tuple([(dtype, len(shape)) for dtype, shape in types])
        call = self._made.get(key)
        if call is None:
            call = self._made[key] = self._call(structure)
        return call(batch, types)

    def of_array(self, x: np.ndarray) -> Any:
        """What the step returns for ``(x,)``, where ``x`` is an array of numbers: with less around it."""
        call = self._of_arrays.get((x.dtype, x.ndim))
        if call is None:
            found = self((x,))
            self._of_arrays[x.dtype, x.ndim] = self._made[_ONE, ((x.dtype, x.ndim),)]
            return found
        return call([x], ((x.dtype, x.shape),))

    def _call(self, structure: Structure) -> TracedCall:
        def function(tensors: Sequence[Any]) -> Any:
            return self._step(structure.pack(tensors))

        kind = _TracedPrediction if self._predicting else _TracedStep
        phase: Any = "train" if self._training else "inference"
        return kind(function, phase, self._tell, self._run_eagerly, when_made=self._when_made)

    def _tell(self, error: Exception) -> None:
        """Warns once that the step runs operator by operator."""
        if not self._told:
            self._told = True
            warnings.warn(why_eager(self._name, error), stacklevel=4)


#: How the data of ``predict`` are nested that are one array.
_ONE = flatten((np.zeros(()),))[1]


def _is_leaf(x: Any) -> bool:
    """Lists of numbers are data, lists of arrays a structure."""
    return (
        isinstance(x, list)
        and bool(x)
        and not isinstance(x[0], list | tuple | dict | np.ndarray | torch.Tensor)
    )


def _tensor(leaf: Any) -> torch.Tensor | np.ndarray:
    if isinstance(leaf, torch.Tensor):
        return leaf
    if type(leaf) is np.ndarray and leaf.dtype.kind in "fiub":
        return as_tensor(leaf)
    text = text_of(leaf)
    return as_torch(leaf) if text is None else text.array


def _array(leaf: Any) -> np.ndarray:
    if type(leaf) is np.ndarray and leaf.dtype.kind in "fiub":
        return leaf
    text = text_of(leaf)
    return numpy_of(as_torch(leaf)) if text is None else text.array


class _TracedStep(TracedCall):
    """As its base; what cannot be traced runs on tensors of PyTorch."""

    _tracing = staticmethod(traced)

    def _run_eagerly(self, batch: Sequence[Any]) -> Any:
        given = [convert_to_tensor(x) for x in batch]
        if self.phase == "train":
            return _detached(self.function(given))
        with torch.no_grad():
            return self.function(given)


class _TracedPrediction(_TracedStep):
    """A step whose graph onnxruntime runs; its batch axis is open from the first call on."""

    def _make(self, types: Types) -> Callable[[Sequence[Any]], Any]:
        if self._open is None and not self._by_sizes:
            dims = [["batch", *shape[1:]] if shape else [] for _, shape in types]
            try:
                return self._opened(types, dims)
            except Exception:  # noqa: S110 - the next attempt says why
                pass
        return super()._make(types)

    def _traced(self, types: Types, dims: list[list[Any]]) -> Callable[[Sequence[Any]], Any]:
        placeholders = [
            Value(dtype, shape, f"data_{i}")
            for i, ((dtype, _), shape) in enumerate(zip(types, dims, strict=True))
        ]
        with traced(Trace(placeholders, computes=computing_steps())) as trace:
            leaves, structure = flatten(self.function(placeholders))
        values = [leaf for leaf in leaves if isinstance(leaf, Value)]
        graph, text = before_graph(trace.graph(values, self.phase))
        compiled = compile_graph(graph)
        compute = compiled if text is None else lambda batch: compiled(text(batch))
        return packed(compute, leaves, structure)


def _detached(found: Any) -> Any:
    leaves, structure = flatten(found)
    return structure.pack([x.detach() if isinstance(x, torch.Tensor) else x for x in leaves])

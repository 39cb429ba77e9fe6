"""Variables of the backend, and what is converted to and from its tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from keras.src.backend.common import KerasVariable
from keras.src.backend.common.stateless_scope import (
    get_stateless_scope,
    in_stateless_scope,
)
from keras.src.backend.common.symbolic_scope import in_symbolic_scope
from keras.src.backend.common.variables import standardize_dtype

from kcompile.ir import EagerTensor, Parameter, Storage, Trace, Value, as_dtype, interpreter, op
from kcompile.keras import backend as K
from kcompile.torch_bridge import weights

from .tensors import (
    as_torch,
    as_value,
    dtype_of,
    get_device,
    holds_value,
    is_tracing,
    is_within,
    numpy_of,
    packed,
    text_of,
    to_torch_dtype,
)

_KEPT = "keras3_variable"  # annotation of a variable of the small tensorflow


class Variable(KerasVariable):
    """A weight or state of Keras over a parameter of the IR, whose memory graphs and tensors share.

    Attributes:
        parameter: what graphs read and write; None until the variable has a value.
        order: the axes from outermost to innermost in memory; None for C order.
    """

    parameter: Parameter | None = None
    order: Sequence[int] | None = None

    @classmethod
    def of(cls, parameter: Parameter) -> Variable:
        """The variable of Keras, one for each, that stands for a variable of the small tensorflow."""
        kept = parameter.annotations.get(_KEPT)
        if kept is None:
            name = parameter.name.replace("/", "_")
            kept = cls(parameter.storage.array, trainable=parameter.trainable, name=name)
            kept.parameter = parameter
            parameter.annotations[_KEPT] = kept
        return kept  # type: ignore[no-any-return]

    def _initialize(self, value: Any) -> None:
        tensor = as_torch(value, self._dtype).detach()
        storage = Storage(numpy_of(tensor), self.order)
        self.parameter = Parameter(storage, self._path, self._trainable)
        if isinstance(value, torch.nn.Parameter):  # of a module of PyTorch, whose weight it stays
            weights.share(self.parameter, value)

    def lay_out(self, order: Sequence[int]) -> None:
        """Keeps the numbers with their axes in this order in memory; for who has just made the variable."""
        self.order = order
        if self.parameter is not None:
            self._initialize(self.parameter.storage.array)

    @property
    def _value(self) -> Any:
        if self.parameter is None:
            return None
        return weights.parameter_of(self.parameter, get_device(), self._trainable)

    @_value.setter
    def _value(self, value: Any) -> None:
        if value is None:
            self.parameter = None
        elif self.parameter is None:
            self._initialize(value)
        else:
            self._direct_assign(value)

    def _direct_assign(self, value: Any) -> None:
        here = interpreter()
        assert self.parameter is not None
        if isinstance(here, Trace):
            here.assign([(self.parameter, as_value(value, self._dtype))])
            return
        with torch.no_grad():
            weights.tensor_of(self.parameter, get_device()).copy_(as_torch(value))
        weights.written([self.parameter], get_device())

    def assign(self, value: Any) -> Any:
        """As ``keras.Variable``; a number that is written to a scalar, as metrics do before each batch, is
        no tensor before."""
        is_plain = type(value) in (int, float) and self._shape == () and self.parameter is not None
        if not is_plain or in_stateless_scope() or interpreter() is not None:
            return super().assign(value)
        device = get_device()
        with torch.no_grad():
            found = weights.tensor_of(self.parameter, device).fill_(value)  # type: ignore[arg-type]
            weights.written([self.parameter], device)  # type: ignore[list-item]
            return found.clone()

    def _convert_to_tensor(self, value: Any, dtype: Any = None) -> Any:
        return convert_to_tensor(value, dtype=dtype)

    @property
    def value(self) -> Any:
        """The tensor of PyTorch; while a step is traced, the parameter of the graph."""
        if in_stateless_scope():
            value = get_stateless_scope().get_current_value(self)
            if value is not None:
                return self._maybe_autocast(value)
        if self.parameter is None:
            if is_tracing() or in_symbolic_scope():
                return self._maybe_autocast(Value(as_dtype(self._dtype), self._shape, self._path))
            return self._maybe_autocast(self._initializer(self._shape, dtype=self._dtype))
        return self._maybe_autocast(self.parameter if is_tracing() else self._value)

    @property
    def trainable(self) -> bool:
        """Whether gradients update it."""
        return self._trainable  # type: ignore[no-any-return]

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)
        if self.parameter is not None:
            self.parameter.trainable = self._trainable

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = [x.value if isinstance(x, Variable) else x for x in args]
        named = {key: x.value if isinstance(x, Variable) else x for key, x in (kwargs or {}).items()}
        return func(*given, **named)

    def __ir_value__(self) -> Value:
        """What functions of the small tensorflow compute with: the weight itself, so that it is trained."""
        return as_value(self.value)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        numbers = numpy_of(self.value)
        return numbers if dtype is None else numbers.astype(dtype)

    def __eq__(self, other: object) -> Any:
        try:
            return super().__eq__(other)
        except Exception:
            return False

    __hash__ = KerasVariable.__hash__


def convert_to_tensor(x: Any, dtype: Any = None, sparse: Any = None, ragged: Any = None) -> Any:
    """``x`` as a tensor, a symbolic value as it is, in an element type if one is named.

    Arrays are copied, so that a tensor that is written to leaves them alone.
    """
    if sparse or ragged:
        kind = "sparse" if sparse else "ragged"
        raise ValueError(f"`{kind}=True` is not supported with the kcompile backend")
    x = x.value if isinstance(x, Variable) else x
    is_computed = isinstance(x, EagerTensor) and not (is_tracing() or is_within())  # by the small tensorflow
    if not is_computed and (isinstance(x, Value) or holds_value(x)):
        x = x if isinstance(x, Value) else packed(x)
        return x if dtype is None else cast(x, dtype)
    if not isinstance(x, torch.Tensor) and (text := text_of(x)) is not None:
        return text
    return as_torch(x.copy() if isinstance(x, np.ndarray) else x, dtype)


def convert_to_numpy(x: Any) -> np.ndarray:
    """The numbers of a tensor as an array."""
    return numpy_of(x)


def is_tensor(x: Any) -> bool:
    """Whether ``x`` is a tensor, computed or symbolic."""
    return isinstance(x, torch.Tensor | Value)


def shape(x: Any) -> tuple[Any, ...]:
    """The sizes: integers, and scalar values where a graph leaves one open."""
    if not isinstance(x, Value):
        return tuple(x.shape)
    sizes = tuple(x.shape or ())
    return tuple(op.Gather(op.Shape(x), i) if n is None else n for i, n in enumerate(sizes))


def cast(x: Any, dtype: Any) -> Any:
    """``x`` in another element type."""
    x = x.value if isinstance(x, Variable) else x
    if isinstance(x, Value):
        name = standardize_dtype(dtype)
        return x if dtype_of(x) == name else K.cast(x, name)
    if isinstance(x, torch.Tensor):
        return x.to(to_torch_dtype(dtype))
    return convert_to_tensor(x, dtype)


def random_seed_dtype() -> str:
    """The element type of the states of seed generators."""
    return "int32"

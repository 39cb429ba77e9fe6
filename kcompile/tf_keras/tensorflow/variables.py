"""``tf.Variable``: a weight of the front end whose arithmetic computes at once."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from ...ir import Parameter, Value
from ...ir import as_dtype as numpy_dtype
from ...keras import backend as K
from ...keras.backend.assignments import Variable as KerasVariable
from ...keras.backend.scattering import with_part
from .dtypes import as_dtype
from .tensors import convert_to_tensor, eager_interpreter


class _IsVariable(type):
    """Weights of layers are variables too."""

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, Parameter)


class Variable(KerasVariable, metaclass=_IsVariable):
    """A tensor that is assigned to.

    Args:
        initial_value: number, list, array or tensor, or a function that makes it.
        trainable: whether optimizers and tapes see it.
        name: of the variable, "Variable" by default.
        dtype: element type; None for that of the value.
        shape: accepted where it is that of the value.
        constraint: function applied after each update.

    Raises:
        ValueError: for a missing value, or another shape than the value's.
    """

    def __init__(
        self,
        initial_value: Any = None,
        trainable: bool = True,
        validate_shape: bool = True,
        caching_device: Any = None,
        name: str | None = None,
        variable_def: Any = None,
        dtype: Any = None,
        import_scope: Any = None,
        constraint: Any = None,
        synchronization: Any = None,
        aggregation: Any = None,
        shape: Any = None,
        experimental_enable_variable_lifting: bool = True,
    ) -> None:
        if initial_value is None:
            raise ValueError("tf.Variable needs an initial_value.")
        value = initial_value() if callable(initial_value) else initial_value
        array = value.numpy() if isinstance(value, Value) else convert_to_tensor(value, dtype).numpy()
        if dtype is not None:
            array = array.astype(numpy_dtype(str(as_dtype(dtype))))
        super().__init__(np.array(array), name or f"Variable_{K.get_uid('Variable')}", bool(trainable))
        self.interpreter = eager_interpreter()
        if constraint is not None:
            self.constraint = constraint
        if shape is not None and None not in tuple(shape) and tuple(shape) != self.shape:
            raise ValueError(
                f"tf.Variable {self.name}: the value has shape {self.shape}, not {tuple(shape)}."
            )

    def __getitem__(self, key: Any) -> Any:
        """A part of the numbers, with ``assign``, ``assign_add`` and ``assign_sub`` for that part."""
        part = super().__getitem__(key)
        if isinstance(part, Value) and self.shape:
            for name in ("assign", "assign_add", "assign_sub"):
                part.annotations[name] = partial(self._assign_part, name, key)
        return part

    def _assign_part(self, how: str, key: Any, value: Any, *options: Any, **others: Any) -> Any:
        return self.assign(with_part(self, key, value, how))

    @property
    def device(self) -> str:
        """Where what is computed of it lies, as TensorFlow writes it."""
        device: str = self.read_value().device
        return device

    def read_value(self) -> Any:
        """The number as it is now."""
        return convert_to_tensor(self)

    value = read_value

"""Operators on text: ONNX's reference evaluator computes them, on arrays of bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any

import numpy as np
from onnx.reference.ops import load_op

from ...ir import (
    OPSET,
    Constant,
    Depends,
    Interpreter,
    OperatorError,
    Parameter,
    StringTensor,
    Value,
    depends,
)
from .interpreter import eager_interpreter


def is_text(value: Value) -> bool:
    """Whether the elements are text."""
    return value.dtype.kind == "O"


class TextInterpreter:
    """Computes operators on text; those on numbers alone are computed by PyTorch."""

    training = False
    frozen = False

    def behaving(self, training: bool, frozen: bool) -> Interpreter:
        """See ``ir.eager.Interpreter``."""
        return self

    def takes(self, value: Value) -> bool:
        """See ``ir.eager.Interpreter``."""
        return depends(value) is not Depends.ON_INPUTS

    def assign(self, pairs: Sequence[tuple[Parameter, Value]]) -> None:
        """See ``ir.eager.Interpreter``; weights are numbers."""
        eager_interpreter().assign(pairs)

    def gradients(self, *args: Any, **kwargs: Any) -> Sequence[Value | None]:
        """See ``ir.eager.Interpreter``; of numbers alone."""
        return eager_interpreter().gradients(*args, **kwargs)

    def update(self, *args: Any) -> bool:
        """See ``ir.eager.Interpreter``; of numbers alone."""
        return eager_interpreter().update(*args)

    def array(self, tensor: Any) -> np.ndarray:
        """See ``ir.eager.Interpreter``."""
        return eager_interpreter().array(tensor)

    def unrecorded(self) -> AbstractContextManager[Any]:
        """See ``ir.eager.Interpreter``; text has no gradients."""
        return nullcontext()

    def device_name(self, tensor: Any) -> str:
        """See ``ir.eager.Interpreter``."""
        return eager_interpreter().device_name(tensor)

    def compute(
        self,
        op_type: str,
        domain: str,
        inputs: Sequence[Value | None],
        attributes: Mapping[str, Any],
        outputs: int,
    ) -> tuple[Any, ...]:
        """See ``ir.eager.Interpreter``."""
        if not any(x is not None and is_text(x) for x in inputs):
            return eager_interpreter().compute(op_type, domain, inputs, attributes, outputs)
        arrays = [None if x is None else _array(x) for x in inputs]
        try:
            found = _computed(op_type, domain, arrays, attributes, outputs)
        except Exception as error:
            raise OperatorError(f"{op_type} does not compute with text here: {error}") from error
        return tuple(_tensor(x) for x in (found if isinstance(found, tuple | list) else (found,)))


def _array(value: Value) -> np.ndarray:
    return text_of(value).array if is_text(value) else np.asarray(value)


def _computed(op_type: str, domain: str, arrays: Any, attributes: Mapping[str, Any], outputs: int) -> Any:
    if op_type == "Add":
        return arrays[0] + arrays[1]
    if domain:  # StopGradient, Print
        return arrays[0]
    return load_op("", op_type, OPSET).eval(*arrays, n_outputs=outputs, **attributes)


def _tensor(array: Any) -> Constant:
    array = np.asarray(array, dtype=object if isinstance(array, bytes) else None)
    return text_of(array) if array.dtype.kind in "OSU" else eager_interpreter().eager_array(array)


@cache
def text_interpreter() -> TextInterpreter:
    """What computes text tensors."""
    return TextInterpreter()


def text_of(value: Any) -> StringTensor:
    """Text as a tensor: strings, bytes and paths, or lists, arrays and tensors of them; text in UTF-8.

    Raises:
        TypeError: for what is no text.
    """
    if isinstance(value, StringTensor):
        return value
    if hasattr(value, "__fspath__"):
        value = value.__fspath__()
    return StringTensor(value.numpy() if isinstance(value, Value) else value, eager_interpreter())


def text_array(entries: Sequence[Any], shape: Sequence[int]) -> StringTensor:
    """Texts one after the other as a tensor of a shape, which may have none of them."""
    array = np.empty(len(entries), object)
    array[:] = list(entries)
    return text_of(array.reshape(tuple(shape)))

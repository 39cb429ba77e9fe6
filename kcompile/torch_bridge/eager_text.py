"""Operators on text, at once: ONNX's reference evaluator computes them, on arrays of bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from onnx.reference.ops import load_op

from kcompile.ir import OPSET, Constant, OperatorError, StringTensor, Value, as_bytes

from .eager import TorchInterpreter


class TextInterpreter(TorchInterpreter):
    """Computes operators on text; PyTorch computes those on numbers alone."""

    def behaving(self, training: bool, frozen: bool) -> TextInterpreter:
        """See ``ir.eager.Interpreter``."""
        return TextInterpreter(self.device, training, frozen)

    def compute(
        self,
        op_type: str,
        domain: str,
        inputs: Sequence[Value | None],
        attributes: Mapping[str, Any],
        outputs: int,
    ) -> tuple[Any, ...]:
        """See ``ir.eager.Interpreter``."""
        if not any(x is not None and x.dtype.kind == "O" for x in inputs):
            return super().compute(op_type, domain, inputs, attributes, outputs)
        arrays = [None if x is None else _array(x) for x in inputs]
        try:
            found = _computed(op_type, domain, arrays, attributes, outputs)
        except Exception as error:
            raise OperatorError(f"{op_type} does not compute with text here: {error}") from error
        return tuple(self._made(x) for x in (found if isinstance(found, tuple | list) else (found,)))

    def _made(self, array: Any) -> Constant:
        array = np.asarray(array, dtype=object if isinstance(array, bytes) else None)
        return StringTensor(array, self) if array.dtype.kind in "OSU" else self.eager_array(array)


def _array(value: Value) -> np.ndarray:
    return as_bytes(value) if value.dtype.kind == "O" else np.asarray(value)


def _computed(op_type: str, domain: str, arrays: Any, attributes: Mapping[str, Any], outputs: int) -> Any:
    if op_type == "Add":
        return arrays[0] + arrays[1]
    if domain:  # StopGradient, Print
        return arrays[0]
    return load_op("", op_type, OPSET).eval(*arrays, n_outputs=outputs, **attributes)

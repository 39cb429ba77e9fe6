"""Layers that read text: called on text they compute at once, in a graph Python computes before it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ....ir import Constant, StringTensor, TextNode, Value
from ... import registry
from ...core.layer import Layer


def text_of(inputs: Any) -> StringTensor | None:
    """Text of any form (``str``, ``bytes``, lists or arrays of them) as a tensor; None for anything else."""
    if isinstance(inputs, StringTensor):
        return inputs
    if isinstance(inputs, Value):
        return None
    if isinstance(inputs, str | bytes):
        return StringTensor(inputs)
    for method in ("to_numpy", "numpy"):  # a column of a table, a tensor of TensorFlow
        if hasattr(inputs, method):
            inputs = getattr(inputs, method)()
            break
    if isinstance(inputs, list | tuple):
        return StringTensor(np.array(inputs, dtype=object)) if _begins_with_text(inputs) else None
    if isinstance(inputs, np.ndarray) and inputs.size and isinstance(inputs.flat[0], str | bytes):
        return StringTensor(inputs)
    return None


def _begins_with_text(inputs: Any) -> bool:
    while isinstance(inputs, list | tuple | np.ndarray) and len(inputs):
        inputs = inputs[0]
    return isinstance(inputs, str | bytes | StringTensor)


def texts_of(data: Any, steps: int | None) -> Iterator[np.ndarray]:
    """Batches of text, of an array, a list, or an iterable of them or of (x, ...) pairs."""
    whole = text_of(data)
    batches = [whole] if whole is not None else data
    for i, batch in enumerate(batches):
        if steps is not None and i >= steps:
            return
        text = text_of(batch[0] if isinstance(batch, tuple) else batch)
        if text is None:
            raise ValueError(f"adapt() of a layer that reads text was given {batch!r}, which is none.")
        yield np.atleast_1d(text.array)


class TextLayer(Layer):
    """A layer whose input is text: it finds numbers for it, of which operators make the output.

    A subclass gives ``_find`` (arrays of ``bytes`` to numbers), ``_write`` (the same in ONNX's operators, for
    exported files), ``_found_type`` (what ``_find`` gives), and ``_finish``.
    """

    input_type: str | None = "string"

    def __call__(self, inputs: Any, **kwargs: Any) -> Any:
        """Takes text of any form, beside tensors."""
        text = text_of(inputs)
        return super().__call__(inputs if text is None else text, **kwargs)

    def call(self, inputs: Any) -> Any:
        if isinstance(inputs, StringTensor):
            found, at_once = self._find(inputs.array), inputs.interpreter
            return self._finish(Constant(found) if at_once is None else at_once.eager_array(found))  # type: ignore[attr-defined]
        if inputs.dtype != object:
            raise ValueError(
                f"Layer {self.name} ({type(self).__name__}) reads text; its input holds {inputs.dtype.name}. "
                "Give the Input dtype='string'."
            )
        dtype, shape = self._found_type(inputs)
        node = TextNode(type(self).__name__, inputs, self._find, self._write, dtype, shape)
        return self._finish(node.outputs[0])

    def _find(self, text: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def _write(self, text: Value) -> Value:
        raise NotImplementedError

    def _found_type(self, text: Value) -> tuple[Any, Any]:
        """Element type and sizes of what ``_find`` gives."""
        return np.int64, text.dims

    def _finish(self, found: Value) -> Value:
        return found


registry.register(globals())

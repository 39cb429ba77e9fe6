"""Text as tensors, and who computes with it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from ...ir import Interpreter, StringTensor, Value
from .interpreter import eager_interpreter


def is_text(value: Value) -> bool:
    """Whether the elements are text."""
    return value.dtype.kind == "O"


@cache
def text_interpreter() -> Interpreter:
    """What computes text tensors."""
    from ...torch_bridge.eager_text import TextInterpreter

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

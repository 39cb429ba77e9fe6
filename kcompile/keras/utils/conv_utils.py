"""Arithmetic of convolution sizes and arguments, and the kernel flip between conventions."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import registry
from ..legacy.old_names import answer_old_names


def normalize_tuple(value: Any, n: int, name: str) -> tuple[int, ...]:
    """``n`` integers from one integer or an iterable of ``n`` integers.

    Raises:
        ValueError: naming the argument ``name``, when ``value`` is neither.
    """
    if isinstance(value, (int, np.integer)):
        return (int(value),) * n
    message = f"The `{name}` argument must be a tuple of {n} integers. Received: {value}"
    try:
        values = tuple(value)
    except TypeError as error:
        raise ValueError(message) from error
    if len(values) != n:
        raise ValueError(message)
    for single in values:
        try:
            int(single)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{message} including element {single} of type {type(single)}") from error
    return values


def normalize_padding(value: Any) -> str:
    """The padding mode in lower case: "valid", "same" or "causal"."""
    padding = value.lower() if isinstance(value, str) else value
    if padding not in ("valid", "same", "causal"):
        raise ValueError(
            'The `padding` argument must be one of "valid", "same" (or "causal" for Conv1D). '
            f"Received: {value}"
        )
    return padding


def convert_kernel(kernel: Any) -> np.ndarray:
    """A kernel with its spatial axes flipped: true convolution (Theano) to cross-correlation and back.

    Args:
        kernel: array of rank 3 to 5, the last two axes being channels.
    """
    kernel = np.asarray(kernel)
    if not 3 <= kernel.ndim <= 5:
        raise ValueError(f"Invalid kernel shape: expected 3 to 5 axes, found {kernel.shape}.")
    return np.copy(np.flip(kernel, axis=tuple(range(kernel.ndim - 2))))


def _check_padding(padding: str, allowed: tuple[str, ...]) -> None:
    if padding not in allowed:
        raise ValueError(f"padding must be one of {', '.join(allowed)}; found {padding!r}.")


def conv_output_length(
    input_length: int | None, filter_size: int, padding: str, stride: int, dilation: int = 1
) -> int | None:
    """Length after a convolution, or None if the input length is unknown.

    ``padding`` is "valid", "same", "causal" or "full".
    """
    if input_length is None:
        return None
    _check_padding(padding, ("same", "valid", "full", "causal"))
    reach = (filter_size - 1) * dilation
    length = input_length + {"valid": -reach, "full": reach}.get(padding, 0)
    return (length + stride - 1) // stride


def conv_input_length(output_length: int | None, filter_size: int, padding: str, stride: int) -> int | None:
    """Length before a convolution that gave ``output_length``, or None if that is unknown."""
    if output_length is None:
        return None
    _check_padding(padding, ("same", "valid", "full"))
    pad = {"same": filter_size // 2, "valid": 0, "full": filter_size - 1}[padding]
    return (output_length - 1) * stride - 2 * pad + filter_size


def deconv_length(
    dim_size: int | None,
    stride_size: int,
    kernel_size: int,
    padding: str,
    output_padding: int | None,
    dilation: int = 1,
) -> int | None:
    """Length after a transposed convolution, or None if the input length is unknown.

    ``output_padding`` None infers the length (for "same": ``dim_size * stride_size``).
    """
    _check_padding(padding, ("same", "valid", "full"))
    if dim_size is None:
        return None
    kernel = (kernel_size - 1) * dilation + 1
    if output_padding is not None:
        pad = {"same": kernel // 2, "valid": 0, "full": kernel - 1}[padding]
        return (dim_size - 1) * stride_size + kernel - 2 * pad + output_padding
    length = dim_size * stride_size
    if padding == "valid":
        return length + max(kernel - stride_size, 0)
    return length - (stride_size + kernel - 2) if padding == "full" else length


answer_old_names(__name__)
registry.register(globals())

"""Categories: encoding, bins of numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from ....ir import Constant, Value, op
from ... import backend as K
from ... import registry
from ...backend.tensors import static_sizes, tensor
from ...core.layer import Layer
from ...declaration import configured, converted, only
from ..arguments import optional, positive_int
from .common import batches_of

__all__ = ["CategoryEncoding", "Discretization"]


def encoded(indices: Value, count: int, mode: str, dtype: str, weights: Any = None) -> Value:
    """Categories as vectors.

    Args:
        indices: integers (batch, ..., n).
        mode: "one_hot" (a last axis of size 1 gives way to the vector), "multi_hot" (1 for each of the n
            categories) or "count" (how often each occurs, or the sum of its weights).
    """
    shape = static_sizes(indices)
    hot = op.OneHot(indices, Constant(np.int64(count)), Constant(np.array([0, 1], dtype)), axis=-1)
    if mode == "one_hot":
        return op.Squeeze(hot, [-2]) if len(shape) > 1 and shape[-1] == 1 else hot
    if len(shape) < 2:
        return hot
    if mode == "multi_hot":
        return op.ReduceMax(hot, [-2], keepdims=0)
    if weights is not None:
        hot = op.Mul(hot, op.Unsqueeze(K.cast(weights, dtype), [-1]))
    return op.ReduceSum(hot, [-2], keepdims=0)


class CategoryEncoding(Layer):
    """Integer categories as one-hot, multi-hot or count vectors.

    Args:
        num_tokens: number of categories, 0 to num_tokens - 1.
        output_mode: "multi_hot", "one_hot" or "count".

    Call arguments:
        count_weights: (batch, n), what each entry counts, for "count".

    Input: (batch, n) integers; output: (batch, num_tokens), for "one_hot" (batch, n, num_tokens) unless n is
    1.

    Raises:
        ValueError: for another ``output_mode``, or ``count_weights`` without "count".
    """

    @configured(num_tokens=positive_int, sparse=only(False))
    def __init__(self, num_tokens: int | None = None, output_mode: str = "multi_hot", **kwargs: Any) -> None:
        if output_mode not in ("multi_hot", "one_hot", "count"):
            raise ValueError(
                "CategoryEncoding: output_mode must be 'multi_hot', 'one_hot' or 'count'; found "
                f"{output_mode!r}."
            )

    def call(self, inputs: Any, count_weights: Any = None) -> Any:
        if count_weights is not None and self.output_mode != "count":
            raise ValueError(f"Layer {self.name}: count_weights are for output_mode='count'.")
        dtype = self.dtype if self.dtype.startswith("float") else K.floatx()
        return encoded(K.cast(inputs, "int64"), self.num_tokens, self.output_mode, dtype, count_weights)


def _floats(values: Any) -> list[float]:
    return [float(x) for x in values]


class Discretization(Layer):
    """The number of the bin that each value falls into.

    Args:
        bin_boundaries: rising numbers; bin i holds values from boundary i - 1 (included) to boundary i. None
            to take them from data by ``adapt``.
        num_bins: number of bins that ``adapt`` makes, each with about as many values.
        epsilon: accepted; ``adapt`` takes exact quantiles.
        output_mode: "int", "one_hot", "multi_hot" or "count".

    Input: numbers of any shape; output: int64 of that shape, or vectors as CategoryEncoding has them.

    Raises:
        ValueError: unless one of bin_boundaries and num_bins is given.
    """

    @configured(bin_boundaries=optional(converted(_floats)), sparse=only(False))
    def __init__(
        self,
        bin_boundaries: Any = None,
        num_bins: int | None = None,
        epsilon: float = 0.01,
        output_mode: str = "int",
        **kwargs: Any,
    ) -> None:
        if output_mode not in ("int", "one_hot", "multi_hot", "count"):
            raise ValueError(
                "Discretization: output_mode must be 'int', 'one_hot', 'multi_hot' or 'count'; found "
                f"{output_mode!r}."
            )
        if bin_boundaries is None and num_bins is None:
            raise ValueError("Discretization: give bin_boundaries, or num_bins to adapt to data.")

    def adapt(self, data: Any, batch_size: int | None = None, steps: int | None = None) -> None:
        """Takes boundaries from data: the quantiles that part it into num_bins bins.

        Raises:
            ValueError: if the boundaries were given to the constructor, or there is no data.
        """
        if self.num_bins is None:
            raise ValueError(f"Layer {self.name}: bin_boundaries were given; there is nothing to adapt.")
        values = [batch.ravel() for batch in batches_of(data, steps)]
        if not sum(len(v) for v in values):
            raise ValueError(f"Layer {self.name}: there is no data to adapt to.")
        parts = np.linspace(0, 1, self.num_bins + 1)[1:-1]
        self.bin_boundaries = [float(x) for x in np.quantile(np.concatenate(values), parts)]

    def call(self, inputs: Any) -> Any:
        if self.bin_boundaries is None:
            raise ValueError(f"Layer {self.name}: call adapt(data) first, or give bin_boundaries.")
        x = K.cast(inputs, K.floatx())
        boundaries = tensor(np.array(self.bin_boundaries, x.dtype))
        behind = op.GreaterOrEqual(op.Unsqueeze(x, [-1]), boundaries)
        bins = op.ReduceSum(K.cast(behind, "int64"), [-1], keepdims=0)
        if self.output_mode == "int":
            return bins
        return encoded(bins, len(self.bin_boundaries) + 1, self.output_mode, K.floatx())


registry.register(globals())

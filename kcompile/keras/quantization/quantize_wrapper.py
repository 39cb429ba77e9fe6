"""QuantizeWrapper: a layer whose products are computed of numbers that were rounded to integers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from ... import ir
from ...ir import LEARNING_PHASE, Parameter, Value, op
from .. import backend as K
from .. import registry
from ..backend.execution import numbers
from ..core.call_frames import call_frame
from ..core.eager_calls import is_frozen_at_once
from ..core.layer import Layer
from ..layers.transparent_wrapper import TransparentWrapper
from ..utils.generic_utils import to_list
from .products import AS_IT_IS, PRODUCTS, Operand, operands_of_product
from .ranges import (
    ActivationRange,
    LearnedRange,
    MovingRange,
    Phased,
    by_channel,
    learning_slowly,
    scale_of_weights,
)


class _Rounding(NamedTuple):
    """How one operand of a product is rounded: by a range, as weights along an axis, or not at all.

    Attributes:
        scale: that of weights, where it is learned; it starts as ``start``.
    """

    range: ActivationRange | None = None
    axis: int | None = None
    scale: Parameter | None = None
    start: Value | None = None


class _Product(NamedTuple):
    """One product of a call, in the order of emission."""

    op_type: str
    operands: tuple[_Rounding, _Rounding]


class QuantizeWrapper(TransparentWrapper):
    """A layer that trains for 8 bits: what it multiplies, and what it gives, is rounded as integers will be.

    Products are found by the operators that the layer emits (Conv, ConvTranspose, MatMul, Gemm), so it may be
    any layer. Weights are rounded to int8, symmetric, with a scale for each channel of the result; what the
    layer itself computes and multiplies, to uint8. ``prepare`` says what else.

    Args:
        layer: the layer.
        inputs: places of the inputs that are rounded first: those that no layer before has rounded.
        outputs: whether the results are rounded; False for the last layer, and where the next layer is
            computed by the same kernel (batch normalisation, ReLU).
        ranges: "moving" or "learned", see ``prepare``.
        momentum: of moving ranges.

    Input and output: those of the layer.
    Weights: those of the layer, and those of its ranges.

    Raises:
        ValueError: for another rule, or a momentum outside [0, 1).
    """

    _prefix = "quant"

    def __init__(
        self,
        layer: Layer,
        inputs: Sequence[int] = (),
        outputs: bool = True,
        ranges: str = "moving",
        momentum: float = 0.99,
        **kwargs: Any,
    ) -> None:
        check_settings(ranges, momentum)
        super().__init__(layer, **kwargs)
        self.rounds_inputs = [int(place) for place in inputs]
        self.rounds_outputs = bool(outputs)
        self.ranges, self.momentum = ranges, float(momentum)
        self._products: list[_Product] = []
        self._input_ranges: dict[int, ActivationRange] = {}
        self._output_ranges: list[ActivationRange] = []

    # --- weights --------------------------------------------------------------------------------------------

    def build(self, input_shape: Any = None) -> None:
        self._build_layer(input_shape)
        several = isinstance(input_shape, list)
        placeholders = [Value(self.dtype, shape) for shape in (input_shape if several else [input_shape])]
        self._input_ranges = {i: self._new_range(f"input_{i}") for i in self.rounds_inputs}
        outputs = self._tried_on(placeholders if several else placeholders[0], placeholders)
        if self.rounds_outputs:
            self._output_ranges = [self._new_range(f"output_{i}") for i, _ in enumerate(outputs)]
        self.built = True

    def _tried_on(self, inputs: Any, placeholders: Sequence[Value]) -> list[Value]:
        """Calls the layer to see its products; what they are rounded by is made here."""
        self._products = []

        def given(value: Value) -> bool:
            return any(value is x for x in placeholders)

        def noted(op_type: str, values: list[Value | None], attributes: Mapping[str, Any]) -> Any:
            operands = operands_of_product(op_type, values, attributes, given)
            if op_type in PRODUCTS:
                pairs = zip(operands or (AS_IT_IS, AS_IT_IS), values, strict=False)
                first, second = (self._rounding(operand, value) for operand, value in pairs)
                self._products.append(_Product(op_type, (first, second)))
            return values

        with ir.eagerly(None), ir.emitting(symbolic=True), call_frame(kept=False), ir.operands_through(noted):
            return to_list(self._call_layer(inputs, {}))

    def _rounding(self, operand: Operand, value: Value | None) -> _Rounding:
        name = f"product_{len(self._products)}"
        if operand.kind == "activations":
            return _Rounding(self._new_range(f"{name}_operand"))
        if operand.kind == "as it is":
            return _Rounding()
        assert value is not None
        if self.ranges != "learned":
            return _Rounding(axis=operand.axis)
        channels = _sizes(value)[operand.axis]
        scale = self.add_weight(f"{name}_scale", (channels,), initializer="ones", dtype="float32")
        return _Rounding(None, operand.axis, scale, scale_of_weights(value, operand.axis))

    def _new_range(self, name: str) -> ActivationRange:
        if self.ranges == "learned":
            return LearnedRange(self, name)
        return MovingRange(self, name, self.momentum)

    @property
    def activation_ranges(self) -> list[ActivationRange]:
        """The ranges of what the layer reads, multiplies and gives."""
        of_products = [rounding.range for product in self._products for rounding in product.operands]
        found = [*self._input_ranges.values(), *of_products, *self._output_ranges]
        return [each for each in found if each is not None]

    def start_from_weights(self) -> None:
        """Sets learned scales of weights so that the largest of each channel is just not clipped."""
        for product in self._products:
            for rounding in product.operands:
                if rounding.scale is not None and rounding.start is not None:
                    rounding.scale.assign(numbers(rounding.start))

    # --- calls ----------------------------------------------------------------------------------------------

    def call(self, inputs: Any, **arguments: Any) -> Any:
        phased = self._phased(arguments.get("training"))
        several = isinstance(inputs, list)
        given = list(inputs) if several else [inputs]
        for place, its in self._input_ranges.items():
            given[place] = self._round(given[place], its, phased)
        with self._rounding_products(phased):
            outputs = self._call_layer(given if several else given[0], arguments)
        if not self._output_ranges:
            return outputs
        rounded = [
            self._round(x, its, phased) for x, its in zip(to_list(outputs), self._output_ranges, strict=True)
        ]
        return rounded if isinstance(outputs, list) else rounded[0]

    @contextmanager
    def _rounding_products(self, phased: Phased) -> Iterator[None]:
        """Within, the products that were noted read rounded operands."""
        waiting = iter(self._products)
        following = next(waiting, None)

        def rounded(op_type: str, values: list[Value | None], attributes: Mapping[str, Any]) -> Any:
            nonlocal following
            if following is None or op_type != following.op_type:
                return values
            product, following = following, next(waiting, None)
            with ir.operands_through(None):
                pairs = zip(values, product.operands, strict=False)
                return [*(self._rounded_operand(x, how, phased) for x, how in pairs), *values[2:]]

        with ir.operands_through(rounded):
            yield

    def _rounded_operand(self, x: Value | None, how: _Rounding, phased: Phased) -> Value | None:
        if x is None:
            return None
        if how.range is not None:
            return self._round(x, how.range, phased)
        if how.axis is None:
            return x
        sizes = _sizes(x)
        channels = sizes[how.axis]
        if how.scale is None:
            scale = scale_of_weights(x, how.axis)
        else:
            scale = learning_slowly(how.scale, 127 * math.prod(sizes) / channels)
        return by_channel(scale, channels, how.axis).rounded(x)

    def _round(self, x: Value, its: ActivationRange, phased: Phased) -> Value:
        if x.dtype.kind != "f":
            return x
        with ir.operands_through(None):
            affine, updates = its.affine(x, phased)
            if updates:
                self.add_update(updates)
            return affine.rounded(x)

    def _phased(self, training: Any) -> Phased:
        """Chooses by the phase of a call; a frozen layer keeps its ranges."""
        if is_frozen_at_once(self):
            training = False
        training = K.learning_phase() if training is None else training
        if training is LEARNING_PHASE:
            return lambda new, old: op.Phase(new, old, owner=self)
        return lambda new, old: K.in_train_phase(new, old, training=training)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "inputs": list(self.rounds_inputs),
            "outputs": self.rounds_outputs,
            "ranges": self.ranges,
            "momentum": self.momentum,
        }


def _sizes(weights: Value) -> list[int]:
    """The sizes of weights, which are known."""
    return [size for size in weights.shape or () if size is not None]


def check_settings(ranges: str, momentum: float) -> None:
    """
    Raises:
        ValueError: naming the argument that is none of its values.
    """
    if ranges not in ("moving", "learned"):
        raise ValueError(f'ranges must be "moving" or "learned"; found {ranges!r}.')
    if not 0 <= momentum < 1:
        raise ValueError(f"momentum must be at least 0 and less than 1; found {momentum!r}.")


registry.register(globals())

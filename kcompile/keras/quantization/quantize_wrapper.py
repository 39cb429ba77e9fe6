"""QuantizeWrapper: a layer whose products are computed of numbers that were rounded to integers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from ... import ir
from ...ir import LEARNING_PHASE, Parameter, Value, op
from .. import backend as K
from .. import registry
from ..core.call_frames import call_frame
from ..core.eager_calls import is_frozen_at_once
from ..core.layer import Layer
from ..layers.transparent_wrapper import TransparentWrapper
from ..utils.generic_utils import to_list
from .products import LOOPS, OF_WEIGHTS, PRODUCTS, in_float, operands_to_round
from .ranges import ActivationRange, LearnedRange, MovingRange, Phased
from .weights import RoundedWeights, Roundings


class _Emitted(NamedTuple):
    """An operator of a call: its name, operands and attributes."""

    op_type: str
    values: list[Value | None]
    attributes: Mapping[str, Any]


class _Rounded(NamedTuple):
    """An operator of a call, and what rounds its operands, by their places.

    Attributes:
        table: the shape of the table that rows are taken of, by which Gather is known again.
    """

    op_type: str
    operands: dict[int, ActivationRange | RoundedWeights]
    table: tuple[int | None, ...] | None = None

    def is_of(self, op_type: str, values: Sequence[Value | None]) -> bool:
        """Whether an operator may be this one."""
        return op_type == self.op_type and (self.table is None or self.table == _shape(values[0]))


class QuantizeWrapper(TransparentWrapper):
    """A layer that trains for 8 bits: what it multiplies, and what it gives, is rounded as integers will be.

    Weights are found by the operators that the layer emits, so it may be any layer. Those of products (Conv,
    ConvTranspose, MatMul, Gemm) are rounded to int8, symmetric, with a scale for each channel of the result;
    what the layer itself computes and multiplies, to uint8. Where a layer runs step by step (LSTM, GRU, RNN,
    or a loop) its matrices are rounded with one scale each, and it is computed in float32. Tables that rows
    are taken of (Gather) are rounded to uint8, with one scale. ``prepare`` says what else.

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
        self._rounded: list[_Rounded] = []
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
        """Calls the layer to see what it computes of weights; what rounds these is made here."""
        emitted: list[_Emitted] = []

        def given(value: Value) -> bool:
            return any(value is x for x in placeholders)

        def noted(op_type: str, values: list[Value | None], attributes: Mapping[str, Any]) -> Any:
            if op_type in OF_WEIGHTS or op_type in LOOPS:
                emitted.append(_Emitted(op_type, list(values), dict(attributes)))
            return values

        with ir.eagerly(None), ir.emitting(symbolic=True), call_frame(kept=False):
            with ir.operands_through(noted):
                outputs = to_list(self._call_layer(inputs, {}))
            self._rounded = list(self._roundings(emitted, given))
        return outputs

    def _roundings(self, emitted: Sequence[_Emitted], given: Callable[[Value], bool]) -> Iterator[_Rounded]:
        """What rounds the operands of the operators, those that round none included, but for Gather."""
        whole = in_float(each.op_type for each in emitted)
        learned = self._new_scale if self.ranges == "learned" else None
        roundings = Roundings(learned, lambda name: LearnedRange(self, name))
        products = 0
        for each in emitted:
            operands = operands_to_round(*each, given, whole)
            found: dict[int, ActivationRange | RoundedWeights] = {}
            for place, operand in operands.items():
                name, value = f"product_{products}", each.values[place]
                assert value is not None
                activations = operand.kind == "activations"
                found[place] = (
                    self._new_range(f"{name}_operand") if activations else roundings.of(operand, value, name)
                )
            products += each.op_type in PRODUCTS
            if each.op_type != "Gather":
                yield _Rounded(each.op_type, found)
            elif found:
                yield _Rounded(each.op_type, found, _shape(each.values[0]))

    def _new_scale(self, name: str, shape: tuple[int, ...]) -> Parameter:
        return self.add_weight(name, shape, initializer="ones", dtype="float32")

    def _new_range(self, name: str) -> ActivationRange:
        if self.ranges == "learned":
            return LearnedRange(self, name)
        return MovingRange(self, name, self.momentum)

    @property
    def activation_ranges(self) -> list[ActivationRange]:
        """The ranges of what the layer reads, multiplies and gives."""
        of_operands = [its for its in self._of_operands() if isinstance(its, ActivationRange)]
        return [*self._input_ranges.values(), *of_operands, *self._output_ranges]

    def _of_operands(self) -> list[ActivationRange | RoundedWeights]:
        return [its for each in self._rounded for its in each.operands.values()]

    def start_from_weights(self) -> None:
        """Sets learned scales of weights so that the largest of each channel is just not clipped."""
        for its in self._of_operands():
            if isinstance(its, RoundedWeights):
                its.start()

    # --- calls ----------------------------------------------------------------------------------------------

    def call(self, inputs: Any, **arguments: Any) -> Any:
        phased = self._phased(arguments.get("training"))
        several = isinstance(inputs, list)
        given = list(inputs) if several else [inputs]
        for place, its in self._input_ranges.items():
            given[place] = self._round(given[place], its, phased)
        outputs = self._called_rounded(given if several else given[0], arguments)
        rounded = self._rounded_outputs(to_list(outputs), arguments.get("training"))
        return rounded if isinstance(outputs, list) else rounded[0]

    def _called_rounded(self, inputs: Any, arguments: dict[str, Any]) -> Any:
        """What the layer gives for rounded inputs, computed of rounded weights."""
        with self._rounding_operands(self._phased(arguments.get("training"))):
            return self._call_layer(inputs, arguments)

    def _rounded_outputs(self, outputs: list[Any], training: Any) -> list[Any]:
        if not self._output_ranges:
            return outputs
        phased = self._phased(training)
        return [self._round(x, its, phased) for x, its in zip(outputs, self._output_ranges, strict=True)]

    @contextmanager
    def _rounding_operands(self, phased: Phased) -> Iterator[None]:
        """Within, the operators that were noted read rounded operands. One branch of two may be left out."""
        waiting = list(self._rounded)

        def rounded(op_type: str, values: list[Value | None], attributes: Mapping[str, Any]) -> Any:
            place = next((i for i, each in enumerate(waiting) if each.is_of(op_type, values)), None)
            if place is None:
                return values
            operands = waiting.pop(place).operands
            with ir.operands_through(None):
                return [self._rounded_operand(x, operands.get(i), phased) for i, x in enumerate(values)]

        with ir.operands_through(rounded):
            yield

    def _rounded_operand(
        self, x: Value | None, its: ActivationRange | RoundedWeights | None, phased: Phased
    ) -> Value | None:
        if x is None or its is None:
            return x
        return self._round(x, its, phased) if isinstance(its, ActivationRange) else its.rounded(x)

    def _round(self, x: Value, its: ActivationRange, phased: Phased) -> Value:
        if x.dtype.kind != "f":
            return x
        with ir.operands_through(None):
            affine, updates = its.affine(x, phased)
            if updates:
                self.add_update(updates)
            return affine.rounded(x)

    def chosen(self, new: Value, old: Value, training: Any) -> Value:
        """Of two values the one that a call takes: the new one in training, unless the layer is frozen."""
        return self._phased(training)(new, old)

    def _phased(self, training: Any) -> Phased:
        """Chooses by the phase of a call; a frozen layer keeps its ranges."""
        training = self._training(training)
        if training is LEARNING_PHASE:
            return lambda new, old: op.Phase(new, old, owner=self)
        return lambda new, old: K.in_train_phase(new, old, training=training)

    def _training(self, training: Any) -> Any:
        """What a call is told of its phase, or what it is in."""
        if is_frozen_at_once(self):
            return False
        return K.learning_phase() if training is None else training

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "inputs": list(self.rounds_inputs),
            "outputs": self.rounds_outputs,
            "ranges": self.ranges,
            "momentum": self.momentum,
        }


def _shape(value: Value | None) -> tuple[int | None, ...]:
    return () if value is None else tuple(value.shape or ())


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

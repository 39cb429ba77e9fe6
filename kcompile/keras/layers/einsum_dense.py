"""EinsumDense: a layer of weights applied by Einstein summation."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .. import registry
from ..backend.einsum import einsum
from ..core.layer import Layer
from ..declaration import Argument, configured, converted, only
from .arguments import one_or_more, weight_arguments


class EinsumDense(Layer):
    """``activation(einsum(equation, inputs, kernel) + bias)``.

    Args:
        equation: such as "ab,bc->ac" (a Dense layer) or "...x,xy->...y"; an ellipsis may stand first or last
            in input and output.
        output_shape: sizes of the output's axes without the batch (and without the axes that a leading
            ellipsis stands for); None where the size is the input's. An int for one axis.
        activation: name or function (default linear).
        bias_axes: letters of the output whose axes the bias has, None for no bias.
        kernel_initializer, bias_initializer: name or Initializer.
        kernel_regularizer, bias_regularizer, activity_regularizer: Regularizer or None.
        kernel_constraint, bias_constraint: Constraint or None.

    Weights: kernel, with the axes that the equation says; bias, from the first of bias_axes on, with size 1
    on axes that are not among them. Emits ONNX MatMul
    where it is one product, else Einsum.

    Raises:
        ValueError: for an equation of another form, or sizes that do not follow from it.
    """

    @configured(
        output_shape=Argument(converted(one_or_more), attribute="partial_output_shape"),
        equation=Argument(after="output_shape"),
        lora_rank=only(None),
        lora_alpha=only(None),
        gptq_unpacked_column_size=only(None),
    )
    def __init__(
        self,
        equation: str,
        output_shape: Any,
        activation: Any = None,
        bias_axes: str | None = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        self._terms = _terms(self, equation)
        if bias_axes is not None and not set(bias_axes) <= set(self._terms.output):
            raise ValueError(
                f"EinsumDense: bias_axes={bias_axes!r} are not all axes of the output of {equation!r}."
            )

    def build(self, input_shape: Any) -> None:
        terms = self._terms
        sizes = self._sizes(input_shape)
        shape = [sizes.get(letter) for letter in terms.kernel]
        if None in shape:
            raise ValueError(
                f"Layer {self.name}: the kernel of {self.equation!r} gets the shape {tuple(shape)} from an "
                f"input of shape {tuple(input_shape)} and output_shape={self.partial_output_shape}; all its "
                "sizes must be known."
            )
        self.kernel = self.add_weight("kernel", shape, **weight_arguments(self, "kernel"))
        self.bias = None
        if self.bias_axes:
            first = min(terms.output.index(letter) for letter in self.bias_axes)
            shape = [sizes[c] if c in self.bias_axes else 1 for c in terms.output[first:]]
            if terms.ellipsis == "last":
                shape += [1] * (len(input_shape) - len(terms.input))
            self.bias = self.add_weight("bias", shape, **weight_arguments(self, "bias"))
        self.built = True

    def _sizes(self, input_shape: Any) -> dict[str, Any]:
        """Size by letter: those of the input, and those that output_shape adds."""
        terms = self._terms
        if len(input_shape) < len(terms.input) or not terms.ellipsis and len(input_shape) != len(terms.input):
            raise ValueError(
                f"Layer {self.name}: the equation {self.equation!r} does not fit an input of shape "
                f"{tuple(input_shape)}."
            )
        by_input = _aligned(terms.input, tuple(input_shape), terms.ellipsis)
        wanted = (input_shape[0], *self.partial_output_shape)
        if len(wanted) < len(terms.output):
            raise ValueError(
                f"EinsumDense: the output of {self.equation!r} has more axes than output_shape="
                f"{self.partial_output_shape} gives sizes for."
            )
        by_output = _aligned(terms.output, wanted, terms.ellipsis)
        for letter, size in by_output.items():
            known = by_input.get(letter)
            if size is not None and known is not None and size != known:
                raise ValueError(
                    f"Layer {self.name}: axis {letter!r} of {self.equation!r} has size {known} in the input "
                    f"and {size} in output_shape={self.partial_output_shape}."
                )
        known_output = {letter: size for letter, size in by_output.items() if size is not None}
        return {**by_output, **by_input, **known_output}

    def call(self, inputs: Any) -> Any:
        output = einsum(self.equation, inputs, self.kernel, bias=self.bias)
        return output if self.activation is None else self.activation(output)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """None: a mask ends here, as in Keras, since the equation may do away with its axes."""
        return None

    def compute_output_shape(self, input_shape: Any) -> Any:
        terms = self._terms
        sizes = self._sizes(input_shape)
        own = [sizes[letter] for letter in terms.output]
        elided = len(input_shape) - len(terms.input)
        if terms.ellipsis == "first":
            return (*input_shape[:elided], *own)
        return (*own, *input_shape[len(terms.input) :])


@dataclass(frozen=True)
class _Terms:
    """The letters of an equation, and where its ellipsis stands: "first", "last" or nowhere ("")."""

    input: str
    kernel: str
    output: str
    ellipsis: str


def _terms(layer: Layer, equation: str) -> _Terms:
    patterns = {
        "": r"([a-zA-Z]+),([a-zA-Z]+)->([a-zA-Z]+)",
        "first": r"\.\.\.([a-zA-Z]+),([a-zA-Z]+)->\.\.\.([a-zA-Z]+)",
        "last": r"([a-zA-Z]+)\.\.\.,([a-zA-Z]+)->([a-zA-Z]+)\.\.\.",
    }
    for ellipsis, pattern in patterns.items():
        found = re.fullmatch(pattern, str(equation).replace(" ", ""))
        if found:
            return _Terms(found[1], found[2], found[3], ellipsis)
    raise ValueError(
        f"{type(layer).__name__}: the equation {equation!r} must be of the form 'X,Y->Z', '...X,Y->...Z' or "
        "'X...,Y->Z...', with letters for X, Y and Z."
    )


def _aligned(letters: str, sizes: Sequence[Any], ellipsis: str) -> dict[str, Any]:
    """Size by letter; a leading ellipsis stands for the axes in front."""
    chosen = sizes[len(sizes) - len(letters) :] if ellipsis == "first" else sizes[: len(letters)]
    return dict(zip(letters, chosen, strict=True))


registry.register(globals(), listed=True)

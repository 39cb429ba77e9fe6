"""Networks that learn their inputs from the first call or the first data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...ir import Value
from .. import backend as K
from .. import registry, rules
from ..core.input_layer import Input
from ..core.layer_graph import keys_of, nesting_of, plain_keys
from ..core.node import flat_outputs, keras_history
from ..utils.generic_utils import to_list, unpack_singleton
from . import data_errors
from .arrays import as_array
from .compiled_network import CompiledNetwork


class DeferredNetwork(CompiledNetwork):
    """A compiled network whose subclasses may leave open what it is called on."""

    _in_call = False
    #: Shape and element type of each tensor of the last call on tensors of no model.
    _called_on: list[tuple[tuple[int | None, ...], str]] = []

    def _assert_weights_exist(self) -> None:
        if not self.built and not self.weights:
            raise ValueError(
                f"The weights of {self.name} have not been created yet: a subclassed model makes them when "
                "its input shape is known. Call it on an Input, call build((None, ...)) with the shape of a "
                "batch, or fit it first."
            )

    def build(self, input_shape: Any = None) -> None:
        """Makes the weights of a subclassed model by calling it on placeholders of these shapes.

        Args:
            input_shape: shape with the batch axis, a list of them, or a dict of them by the names under which
                ``call`` finds the inputs.
        """
        if self._is_graph_network or self.inputs or self._in_call:
            return
        names, shapes = _named(input_shape)
        self.built = True  # a build() of a subclass that comes here has done its part
        try:
            self._set_inputs([(None, *shape[1:]) for shape in shapes], [K.floatx()] * len(shapes), names)
        except BaseException:
            self.built = False
            raise

    def _set_inputs(
        self, shapes: Sequence[tuple[int | None, ...]], dtypes: Sequence[Any], names: list[str] | None
    ) -> None:
        """Calls a subclassed model on placeholders; from then on it has inputs and outputs."""
        numbered = [f"input_{i + 1}" for i in range(len(shapes))]
        placeholders = [
            Input(batch_shape=shape, dtype=dtype, name=name)
            for shape, dtype, name in zip(shapes, dtypes, names or numbered, strict=True)
        ]
        self(unpack_singleton(placeholders) if names is None else dict(zip(names, placeholders, strict=True)))

    def _maybe_build(self, inputs: Any, nesting: Any = None) -> None:
        if type(self).build is not DeferredNetwork.build:  # which would call the model, as is being done
            if self._input_keys is not None and not self._is_graph_network:
                nesting = dict.fromkeys(self._input_keys)
            super()._maybe_build(inputs, nesting)

    def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(inputs, dict) and not self._is_graph_network:
            self._input_keys, inputs = _named(inputs)
        in_call, self._in_call = self._in_call, True
        try:
            outputs = super().__call__(inputs, *args, **kwargs)
        finally:
            self._in_call = in_call
        tensors = to_list(inputs)
        if not self._is_graph_network and not self.inputs:
            if all(hasattr(x, "_keras_history") for x in tensors):
                self._define_ends(tensors, outputs)
            elif all(isinstance(x, Value | np.ndarray) and x.shape for x in tensors):
                called_on = [((None, *x.shape[1:]), x.dtype.name) for x in tensors]
                self._called_on = _opened(self._called_on, called_on)
        self.built = True
        return outputs

    def _build_as_called(self) -> None:
        """A subclassed model that steps of its own have called alone has inputs like theirs from now on."""
        if not self.inputs and self._called_on:
            shapes, dtypes = zip(*self._called_on, strict=True)
            self._set_inputs(shapes, dtypes, self._input_keys)

    def _as_taken(self, inputs: Any, nesting: Any) -> Any:
        """A dict where the model was called on one, or built for one."""
        inputs = super()._as_taken(inputs, nesting)
        if self._input_keys is None or self._is_graph_network:
            return inputs
        return dict(zip(self._input_keys, to_list(inputs), strict=True))

    def _define_ends(self, inputs: list[Value], outputs: Any) -> None:
        """A subclassed model's first call on Inputs defines its inputs and outputs."""
        tracking, self._tracks_attributes = self._tracks_attributes, False
        self._output_keys = plain_keys(outputs, "outputs")
        self._output_nesting = nesting_of(outputs, True) if rules.of_layer(self).keeps_nests else None
        self.inputs, self.outputs = list(inputs), to_list(flat_outputs(outputs, self))
        self.input_names = self._input_keys or [keras_history(x).layer.name for x in self.inputs]
        numbered = [f"output_{i + 1}" for i in range(len(self.outputs))]
        self.output_names = sorted(self._output_keys or ()) or numbered
        self.built = True
        self._tracks_attributes = tracking

    def _build_for(self, arrays: list[Any], names: list[str] | None = None) -> None:
        """Subclassed models learn the shapes of their inputs, and their names if they have some, from the
        first data."""
        if not self.inputs:
            dtypes = [
                np.dtype(x.dtype).name if np.dtype(x.dtype).kind in "iu" else K.floatx() for x in arrays
            ]
            self._set_inputs([(None, *x.shape[1:]) for x in arrays], dtypes, names)

    def _ensure_built(self, x: Any) -> None:
        if not self.inputs:
            if x is None:
                raise ValueError(
                    f"The model {self.name} is not built yet, and there is no data to learn its shape from."
                )
            is_list = isinstance(x, list | tuple) and any(hasattr(entry, "shape") for entry in x)
            names, given = _named(list(x) if is_list else x if isinstance(x, dict) else [x])
            arrays = [as_array(entry, "x", "input") for entry in given]
            try:
                self._build_for(arrays, names)
            except ValueError as error:
                raise data_errors.build_error(error, arrays) from error
        if self._is_compiled and self._compiled_network is None:
            self._finish_compile()


def _opened(before: Any, now: list[tuple[Any, str]]) -> list[tuple[Any, str]]:
    """What a model was called on, with the sizes open in which its calls differ."""
    ranks = [[len(shape) for shape, _ in inputs] for inputs in (before or (), now)]
    if ranks[0] != ranks[1]:
        return now
    return [
        (tuple([a if a == b else None for a, b in zip(shape, other, strict=True)]), dtype)
        for (shape, dtype), (other, _) in zip(now, before, strict=True)
    ]


def _named(given: Any) -> tuple[list[str] | None, list[Any]]:
    """Names and entries of a dict, in the order in which tf.keras and Keras 3 count them; no names for a list
    or a single entry."""
    names = keys_of(given, "inputs")
    if names is None:
        return None, given if isinstance(given, list) else [given]
    return sorted(names), [given[name] for name in sorted(names)]


registry.register(globals())

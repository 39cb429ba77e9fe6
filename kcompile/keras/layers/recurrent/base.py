"""RNN over any cell."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ....ir import Parameter, TensorShape, Value, claim_steps
from ... import backend as K
from ... import registry, rules
from ...backend.recurrent import zeroed_where_masked
from ...backend.tensors import dims_of, filled, known_shape
from ...core.layer import InputSpec, Layer
from ...core.layer_configs import deserialize, serialize
from ...declaration import Argument, configured, converted
from ...utils.generic_utils import has_arg, to_list, unpack_singleton
from ...utils.nested import leaves, mapped, packed
from .arguments import (
    as_tensor,
    drop_keras3_arguments,
    list_or_none,
    standardize_arguments,
    with_states,
    without_keras3_arguments,
)
from .stacked_cells import (
    StackedRNNCells,
    check_cell,
    is_one_shape,
    leaf_cells,
    output_size_of,
    shapes_of,
)
from .states import (
    States,
    batch_of_states,
    leaf_sizes,
    nested_states,
    require_stateful,
    reset,
    state_axes,
)

__all__ = ["RNN"]


def _one_cell(cell: Any) -> Any:
    if isinstance(cell, list | tuple):
        cell = StackedRNNCells(cell)
    check_cell(cell)
    return cell


class RNN(Layer):
    """A recurrent layer over a cell.

    Args:
        cell: has ``call(inputs, states) -> (output, new states)``, ``state_size`` (an integer, or a
            ``tf.TensorShape`` of a state with several axes, or a nest of them) and perhaps ``output_size``,
            likewise; or a list of such cells, which are stacked. A cell that is a Layer is built, saved and
            trained with this layer. ``call`` may also take ``training`` and ``constants``.
        return_sequences: return the outputs of all steps instead of the last one.
        return_state: return the last states behind the output.
        go_backwards: take the last step first; outputs come in the order in which they were computed.
        stateful: start each batch from the states that the batch before left; needs a fixed batch size.
        unroll: emit each step instead of a loop; needs a fixed number of steps.
        zero_output_for_mask: (keyword, of later Keras versions) output zeros where the mask is false.

    Input: (batch, time, features), and behind it, in a list, initial states (batch, state size) and
    constants. A cell of the user's may take a nest of sequences: a tuple, dict or named tuple of them; its
    step gets the same nest, and so does ``build`` of the shapes. It may return a nest of outputs.
    Output: (batch, time, output size) or (batch, output size); with return_state a list with the states
    behind it.
    A step that the mask leaves out repeats the output of the step before (zeros at first) and keeps the
    states.

    Raises:
        ValueError: for constants that the cell does not take, or ``unroll`` over an unknown number of
            steps.
    """

    input_spec: list[InputSpec]
    supports_masking = True

    @configured(
        cell=Argument(written="never"),
        zero_output_for_mask=Argument(converted(bool), written="changed", default=False),
    )
    def __init__(
        self,
        cell: Any,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        **kwargs: Any,
    ) -> None:
        self._set_cell(_one_cell(cell))
        one_axis = registry.is_built_in(type(cell))  # a cell of a user's may take images, or sets of vectors
        self.input_spec = [InputSpec(ndim=3) if one_axis else InputSpec(min_ndim=3)]
        self.state_spec: list[InputSpec] | None = None
        self.constants_spec: list[InputSpec] | None = None
        self._states: list[Parameter] | None = None
        self._num_constants: int | None = None

    @classmethod
    def _prepare(cls, arguments: dict[str, Any]) -> None:
        del arguments["cell"]  # which _set_cell makes an attribute
        drop_keras3_arguments(arguments)

    def _set_cell(self, cell: Any) -> None:
        self.cell = cell

    # --- shapes, masks, weights -------------------------------------------------------------------------
    @property
    def state_sizes(self) -> list[Any]:
        """The size of each state, a number or a ``tf.TensorShape``."""
        return leaf_sizes(self.cell.state_size)

    @property
    def states(self) -> list[Any]:
        """What a stateful layer carries from batch to batch; None in place of each before build."""
        return [None] * len(self.state_sizes) if self._states is None else self._states

    @states.setter
    def states(self, states: list[Parameter] | None) -> None:
        self._states = states

    def build(self, input_shape: Any) -> None:
        constants_shape: list[Any] = []
        if isinstance(input_shape, list):
            if self._num_constants:
                constants_shape = input_shape[-self._num_constants :]
            input_shape = input_shape[0]
        self.input_spec = [
            InputSpec(shape=(shape[0] if self.stateful else None, None, *shape[2:]))
            for shape in leaves(input_shape, is_one_shape)
        ]
        if isinstance(self.cell, Layer) and not self.cell.built:
            step_shape = mapped(input_shape, lambda shape: (shape[0], *shape[2:]), is_one_shape)
            self.cell.build([step_shape, *constants_shape] if constants_shape else step_shape)
            self.cell.built = True
        self.state_spec = [InputSpec(shape=(None, *state_axes(size))) for size in self.state_sizes]
        if self.stateful:
            self.reset_states()
        self.built = True

    def compute_output_shape(self, input_shape: Any) -> Any:
        if isinstance(input_shape, list):
            input_shape = input_shape[0]
        outputs = shapes_of(output_size_of(self.cell), input_shape, 2 if self.return_sequences else 1)
        outputs = unpack_singleton(leaves(outputs, is_one_shape))
        if not self.return_state:
            return outputs
        return [*to_list(outputs), *(shapes_of(size, input_shape) for size in self.state_sizes)]

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        if isinstance(mask, list):
            mask = mask[0]
        output_mask = mask if self.return_sequences else None
        outputs = len(leaf_sizes(output_size_of(self.cell)))
        if outputs > 1 and not self.return_state:  # as in tf.keras, where the first of a nest has the mask
            return [output_mask] + [None] * (outputs - 1)
        return [output_mask] + [None] * len(self.state_sizes) if self.return_state else output_mask

    # --- calling ----------------------------------------------------------------------------------------
    def __call__(self, inputs: Any, initial_state: Any = None, constants: Any = None, **kwargs: Any) -> Any:
        """Calls the layer; initial states and constants that are Keras tensors become inputs of it.

        Raises:
            ValueError: if the number or a shape of the initial states does not fit the cell.
        """
        is_nest = isinstance(inputs, dict | tuple) and self._cell_may_take_nests()
        check = self.check_initial_state
        inputs, arguments = with_states(self, inputs, initial_state, constants, check, is_nest)
        return super().__call__(inputs, **arguments, **kwargs)

    def _cell_may_take_nests(self) -> bool:
        """Whether a tuple is one nest of sequences, as in tf.keras, and no sequence with states behind it."""
        return not all(registry.is_built_in(type(cell)) for cell in leaf_cells(self.cell))

    def check_initial_state(self, states: Sequence[Value] | None) -> None:
        """Compares the number and the last axes of initial states with the cell.

        Raises:
            ValueError: naming the layer, what the cell has and what was given.
        """
        if states is None or self.cell.state_size is None:  # a cell may find out when it is built
            return
        if len(states) != len(self.state_sizes):
            raise ValueError(
                f"Layer {self.name} has {len(self.state_sizes)} states but was passed {len(states)} initial "
                f"states."
            )
        for i, (state, size) in enumerate(zip(states, self.state_sizes, strict=True)):
            shape = K.int_shape(state)
            if shape is not None and not self._fits_state(shape, size):
                raise ValueError(
                    f"Layer {self.name}: initial state {i} is not compatible with the cell, whose state_size "
                    f"is {self.cell.state_size}; found shape {shape}."
                )

    def _fits_state(self, shape: tuple[int | None, ...], size: Any) -> bool:
        return TensorShape(shape[1:]).is_compatible_with(state_axes(size))

    def assert_input_compatibility(self, inputs: Any) -> None:
        super().assert_input_compatibility(to_list(inputs)[: len(self.input_spec)])

    def get_initial_state(self, inputs: Any) -> States:
        """What the cell says if it is a user's and says something, else zeros: (batch, state size) for each
        state, in a flat list.

        Args:
            inputs: (batch, time, ...), or a nest of such.
        """
        inputs = leaves(inputs)[0]
        batch = dims_of(inputs)[0]
        if _says_start(self.cell):
            found = self.cell.get_initial_state(inputs=None, batch_size=batch, dtype=inputs.dtype)
            return [as_tensor(state) for state in leaves(found)]
        return [self._zero_states(inputs, [batch, *state_axes(size)]) for size in self.state_sizes]

    @staticmethod
    def _zero_states(inputs: Value, shape: list[Any]) -> Value:
        zeros = filled(0, shape, inputs.dtype)
        zeros.refine([known_shape(inputs)[0], *shape[1:]])
        return zeros

    def call(
        self,
        inputs: Any,
        mask: Any = None,
        training: Any = None,
        initial_state: Any = None,
        constants: Any = None,
    ) -> Any:
        inputs, initial_state, constants = self._take_apart(inputs, initial_state, constants)
        mask = leaves(mask)[0]
        if initial_state is None and self.stateful:
            initial_state = list(self.states)
        if initial_state is not None:
            initial_state = [as_tensor(state) for state in leaves(initial_state)]
        self.check_initial_state(initial_state)
        if constants and not has_arg(self.cell.call, "constants"):
            raise ValueError(
                f"Layer {self.name}: its cell does not take constants; {len(constants)} were given."
            )
        if self.unroll and _steps(inputs) is None:
            raise ValueError(
                f"Layer {self.name}: unrolling needs a fixed number of timesteps, but the input has the "
                f"shape {K.int_shape(leaves(inputs)[0])}. Give it with input_shape, batch_input_shape or "
                "(for an Embedding before) input_length, with Input(shape=...), or use unroll=False."
            )
        last, outputs, states = self._run_cell(inputs, mask, training, initial_state, constants)
        if self.stateful:
            self.add_update(list(zip(self.states, states, strict=True)))
        if self.zero_output_for_mask and mask is not None:
            pairs = zip(leaves(last), leaves(outputs), strict=True)
            zeroed = [zeroed_where_masked(*pair, mask, self.go_backwards) for pair in pairs]
            last, outputs = (packed(outputs, iter(flat)) for flat in zip(*zeroed, strict=True))
        output = outputs if self.return_sequences else last
        return [output, *self._by_cell(states)] if self.return_state else output

    def _by_cell(self, states: States) -> list[Any]:
        """Last states as a caller gets them: by the rules of tf.keras those of stacked cells cell by cell."""
        if not isinstance(self.cell, StackedRNNCells) or not rules.of_layer(self).keeps_nests:
            return states
        rest, found = iter(states), []
        for cell in self.cell._in_state_order(self.cell.cells):
            own = [next(rest) for _ in leaf_sizes(cell.state_size)]
            found.append(own if len(own) > 1 else own[0])
        return found

    def _take_apart(self, inputs: Any, initial_state: Any, constants: Any) -> tuple[Any, Any, Any]:
        """Inputs, initial states and constants of a call that may have them in one list."""
        if not isinstance(inputs, list | tuple) or len(inputs) == 1:
            inputs = inputs[0] if isinstance(inputs, list | tuple) else inputs
            return inputs, list_or_none(initial_state), list_or_none(constants)
        return standardize_arguments(inputs, initial_state, constants, self._num_constants)

    def _run_cell(
        self, inputs: Any, mask: Any, training: Any, initial_state: States | None, constants: Any
    ) -> tuple[Any, Any, States]:
        """Last output (batch, ...), outputs (batch, time, ...) and last states."""
        return self._loop_over_steps(inputs, mask, training, initial_state, constants)

    def _loop_over_steps(
        self, inputs: Any, mask: Any, training: Any, initial_state: States | None, constants: Any = None
    ) -> tuple[Any, Any, States]:
        """The cell applied step by step: an ONNX Scan, or all steps written out."""
        if initial_state is None:
            initial_state = self.get_initial_state(inputs)
        drawing = [cell for cell in leaf_cells(self.cell) if hasattr(cell, "draw_masks")]
        for cell in drawing:
            cell.draw_masks(inputs, initial_state)
        try:
            inputs, step = self._step_function(inputs, training, constants)
            last, outputs, states = K.rnn(
                step,
                inputs,
                nested_states(self.cell.state_size, initial_state),
                go_backwards=self.go_backwards,
                mask=mask,
                constants=constants,
                unroll=self.unroll,
                input_length=_steps(inputs),
            )
            return last, outputs, leaves(states)
        finally:
            for cell in drawing:
                cell.forget_masks()

    def _step_function(self, inputs: Any, training: Any, constants: Any) -> tuple[Any, Callable[..., Any]]:
        """The sequence that K.rnn is to walk along, and the step."""
        if hasattr(self.cell, "ahead_of_time") and not constants:
            return self.cell.ahead_of_time(inputs, training)
        arguments = {"training": training} if has_arg(self.cell.call, "training", accept_all=False) else {}
        count = len(constants or [])

        def step(x: Value, states: States) -> Any:
            if not count:
                return self.cell.call(x, states, **arguments)
            return self.cell.call(x, states[:-count], constants=states[-count:], **arguments)

        return inputs, step

    # --- states -----------------------------------------------------------------------------------------
    def reset_states(self, states: Any = None) -> None:
        """Sets the states of a stateful layer.

        Args:
            states: one array (batch, state size) per state, or a single array for a single state; zeros by
                default.

        Raises:
            AttributeError: if the layer is not stateful.
            ValueError: if the batch size is not known, or the number or a shape of the states does not fit.
        """
        require_stateful(self)
        shapes = self._state_shapes()
        claim_steps(sum(math.prod(shape) for shape in shapes), f"states of the shapes {shapes}")
        self._states = reset(self, self._states, shapes, states)

    def _state_shapes(self) -> list[tuple[int, ...]]:
        batch = batch_of_states(self, self.input_spec[0])
        return [(batch, *state_axes(size)) for size in self.state_sizes]

    # --- configuration ----------------------------------------------------------------------------------
    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        if self._num_constants is not None:
            config["num_constants"] = self._num_constants
        config["cell"] = serialize(self.cell)
        return config

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Any:
        config = without_keras3_arguments(config)
        cell = deserialize(config.pop("cell"), custom_objects=custom_objects)
        num_constants = config.pop("num_constants", None)
        layer = cls(cell, **config)
        layer._num_constants = num_constants
        return layer


def _says_start(cell: Any) -> bool:
    """Whether a user's class says what the states begin with."""
    defined = next((cls for cls in type(cell).__mro__ if "get_initial_state" in vars(cls)), None)
    return defined is not None and not registry.is_built_in(defined)


def _steps(inputs: Any) -> int | None:
    """The number of steps, where it is known."""
    steps = known_shape(leaves(inputs)[0])[1]
    return steps if isinstance(steps, int) else None


registry.register(globals())

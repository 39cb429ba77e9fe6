"""SimpleRNN, GRU and LSTM as the ONNX operators RNN, GRU and LSTM."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ....ir import Value
from ... import backend as K
from ... import registry
from ...operations.recurrent_operators import activation_attributes, recurrent_operator
from .base import RNN
from .cells import GatedCell, MakesCell
from .states import States


class FusedRNN(MakesCell):
    """A recurrent layer over a GatedCell, emitted as one ONNX operator where that has the cell's activations.

    Dropout of the previous output, and of the inputs with one mask per gate, needs the loop; it is emitted
    for training only, and inference keeps the operator.
    """

    cell: GatedCell
    op_type = "RNN"

    def _run_cell(
        self, inputs: Value, mask: Any, training: Any, initial_state: States | None, constants: Any
    ) -> tuple[Value, Value, States]:
        attributes = activation_attributes(self.op_type, self.cell.onnx_activations())
        if attributes is None or type(self.cell).call is not GatedCell.call:
            return self._loop_over_steps(inputs, mask, training, initial_state, constants)
        if type(self).get_initial_state is not RNN.get_initial_state and initial_state is None:
            initial_state = self.get_initial_state(inputs)
        cell = self.cell
        drops_by_mask = cell.drops_inputs and not cell.one_mask
        if cell.drops_states or drops_by_mask:
            return self._looped_in_training(attributes, inputs, mask, training, initial_state)
        if cell.drops_inputs:
            inputs = _dropped_sequence(inputs, cell.dropout, training)
        return self._fused(attributes, inputs, mask, initial_state)

    def _fused(
        self, attributes: Mapping[str, Any], inputs: Value, mask: Any, initial_state: States | None
    ) -> tuple[Value, Value, States]:
        return recurrent_operator(
            self.op_type,
            inputs,
            self.cell.onnx_weights(),
            self.cell.units,
            initial_state,
            mask,
            self.go_backwards,
            len(self.state_sizes),
            **attributes,
            **self._operator_attributes(),
        )

    def _operator_attributes(self) -> dict[str, Any]:
        return {}

    def _looped_in_training(
        self,
        attributes: Mapping[str, Any],
        inputs: Value,
        mask: Any,
        training: Any,
        initial_state: States | None,
    ) -> tuple[Value, Value, States]:
        if isinstance(training, bool | int | np.bool_ | np.integer):
            if training:
                return self._loop_over_steps(inputs, mask, training, initial_state)
            return self._fused(attributes, inputs, mask, initial_state)
        looped = self._loop_over_steps(inputs, mask, training, initial_state)
        fused = self._fused(attributes, inputs, mask, initial_state)
        both = zip([*looped[:2], *looped[2]], [*fused[:2], *fused[2]], strict=True)
        last, outputs, *states = [K.in_train_phase(a, b, training=training) for a, b in both]
        return last, outputs, states

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: Any = None) -> Any:
        if config.get("implementation") == 0:
            config = {**config, "implementation": 1}
        return super().from_config(config)


def _dropped_sequence(inputs: Value, rate: float, training: Any) -> Value:
    """The same features of a sample dropped at all steps, while training."""
    return K.in_train_phase(
        lambda: K.dropout(inputs, rate, noise_shape=(None, 1, None)), inputs, training=training
    )


registry.register(globals())

"""Identity, and the base class that tf.keras gives to cells."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ir import Value
from .. import backend as K
from .. import registry
from ..backend.tensors import dims_of
from ..backend.variables import filled
from ..core.layer import Layer


class Identity(Layer):
    """Passes its input on.

    Input and output: any shape; a mask is passed on, too.
    """

    supports_masking = True

    def call(self, inputs: Any) -> Any:
        return inputs

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape


class AbstractRNNCell(Layer):
    """A base for cells of ``RNN``.

    A subclass has ``call(inputs, states)``, ``state_size`` and ``output_size``.
    """

    def call(self, inputs: Any, states: Any) -> Any:
        raise NotImplementedError(f"The cell {type(self).__name__} defines no call(inputs, states).")

    @property
    def state_size(self) -> Any:
        """Features of each state: a number, or a list of them."""
        raise NotImplementedError(f"The cell {type(self).__name__} defines no state_size.")

    @property
    def output_size(self) -> Any:
        """Features of the output."""
        raise NotImplementedError(f"The cell {type(self).__name__} defines no output_size.")

    def get_initial_state(
        self, inputs: Value | None = None, batch_size: Any = None, dtype: Any = None
    ) -> Any:
        """Zeros, (batch, features) for each state."""
        if inputs is not None:
            batch_size, dtype = dims_of(inputs)[0], inputs.dtype
        sizes = self.state_size if isinstance(self.state_size, list | tuple) else [self.state_size]
        states = [filled(0, [batch_size, size], np.dtype(dtype or K.floatx())) for size in sizes]
        return states if isinstance(self.state_size, list | tuple) else states[0]


registry.register(globals())

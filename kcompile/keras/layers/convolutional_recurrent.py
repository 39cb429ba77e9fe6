"""ConvLSTM: an LSTM whose products are convolutions over one to three axes; ConvRNN2D for any such cell."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...ir import Value, op
from .. import backend as K
from .. import registry
from ..backend.convolution import conv
from ..backend.tensors import dims_of, filled, known_shape, shape_vector
from ..core.layer import InputSpec, Layer
from ..declaration import ANY, Argument, configured, converted, like, only
from ..legacy.old_names import answer_old_names
from ..utils.conv_utils import conv_output_length, normalize_tuple
from .arguments import data_format, padding, unit_interval, weight_arguments
from .convolutional.convolutions import kernel_order
from .recurrent.base import RNN
from .recurrent.cells import DroppingCell, MakesCell
from .recurrent.lstm import forget_gate_at_one
from .recurrent.states import States

__all__ = ["ConvLSTM1D", "ConvLSTM2D", "ConvLSTM2DCell", "ConvLSTM3D", "ConvRNN2D"]


class _ConvRNN(RNN):
    """A recurrent layer over a convolutional cell of as many spatial axes as its kernel has."""

    @configured
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
        self.input_spec = [InputSpec(ndim=len(self.cell.kernel_size) + 3)]

    @classmethod
    def _prepare(cls, arguments: dict[str, Any]) -> None:
        if arguments["unroll"]:
            raise TypeError("Unrolling isn't possible with convolutional RNNs.")
        if isinstance(arguments["cell"], list | tuple):
            raise TypeError("It is not possible at the moment to stack convolutional cells; give one cell.")

    def _state_shape(self, input_shape: Any, channels: int) -> tuple[Any, ...]:
        """(batch, spatial..., channels) of a state, in the cell's data format."""
        cell = self.cell
        first = cell.data_format == "channels_first"
        sizes = input_shape[3:] if first else input_shape[2:-1]
        new = [
            conv_output_length(size, window, cell.padding, stride, dilation)
            for size, window, stride, dilation in zip(
                sizes, cell.kernel_size, cell.strides, cell.dilation_rate, strict=True
            )
        ]
        return (input_shape[0], channels, *new) if first else (input_shape[0], *new, channels)

    def compute_output_shape(self, input_shape: Any) -> Any:
        if isinstance(input_shape, list):
            input_shape = input_shape[0]
        batch, *rest = self._state_shape(input_shape, self.cell.filters)
        output = (batch, input_shape[1], *rest) if self.return_sequences else (batch, *rest)
        if not self.return_state:
            return output
        return [output, *(self._state_shape(input_shape, size) for size in self.state_sizes)]

    def _fits_state(self, shape: tuple[int | None, ...], size: int) -> bool:
        axis = 1 if self.cell.data_format == "channels_first" else -1
        return len(shape) == len(self.cell.kernel_size) + 2 and shape[axis] in (None, size)

    def _state_shapes(self) -> list[tuple[int, ...]]:
        shapes = [self._state_shape(self.input_spec[0].shape, size) for size in self.state_sizes]
        if any(None in shape for shape in shapes):
            raise ValueError(
                f"Layer {self.name} is stateful and needs to know its batch size and spatial sizes; found "
                f"the input shape {self.input_spec[0].shape}. In a Sequential model give the first layer a "
                "batch_input_shape, in a functional model give Input a batch_shape."
            )
        return shapes

    def get_initial_state(self, inputs: Value) -> States:
        """Zeros, (batch, new spatial..., channels) for each state."""
        known = [self._state_shape(K.int_shape(inputs), size) for size in self.state_sizes]
        if all(None not in shape[1:] for shape in known):
            batch = dims_of(inputs)[0]
            return [self._zero_states(inputs, [batch, *shape[1:]]) for shape in known]
        cell = self.cell
        # sizes that only the input at run time tells: those of a convolution of zeros
        zeros = K.zeros_like(inputs[:, 0])
        channels = known_shape(inputs)[2 if cell.data_format == "channels_first" else -1]
        found = []
        for size, shape in zip(self.state_sizes, known, strict=True):
            kernel = filled(0, [*cell.kernel_size, channels, size], inputs.dtype)
            state = conv(zeros, kernel, cell.strides, cell.padding, cell.data_format, cell.dilation_rate)
            state.refine([known_shape(inputs)[0], *shape[1:]])
            found.append(state)
        return found


class ConvRNN2D(_ConvRNN):
    """A recurrent layer over a convolutional cell of two axes.

    Args:
        cell: as of RNN, with ``filters``, ``kernel_size``, ``strides``, ``padding``, ``dilation_rate`` and
            ``data_format`` besides; ``state_size`` counts channels.
        return_sequences, return_state, go_backwards, stateful: see RNN.
        unroll: not possible here.

    Input: (batch, time, rows, cols, channels), or (batch, time, channels, rows, cols) with channels_first.
    Output: (batch, time, new rows, new cols, filters) or the last of them; states have the same shape as
    one output.

    Raises:
        TypeError: for unroll, or a list of cells.
    """


def _per_axis(layer: Any, name: str, sizes: Any) -> tuple[int, ...]:
    return normalize_tuple(sizes, layer.rank, name)


def _steps(layer: Any, name: str, sizes: Any) -> tuple[int, ...]:
    """One for each axis; the default of two axes stands for a layer of another number of them, too."""
    return _per_axis(layer, name, 1 if sizes == (1, 1) else sizes)


class _ConvLSTM(MakesCell, _ConvRNN):
    """An LSTM over a convolutional cell."""

    cell: _ConvLSTMCell

    @configured(
        unit_forget_bias=Argument(after="use_bias"), activity_regularizer=Argument(after="recurrent_dropout")
    )
    def __init__(
        self: Any,
        filters: int,
        kernel_size: Any,
        strides: Any = (1, 1),
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = (1, 1),
        activation: Any = "tanh",
        recurrent_activation: Any = "hard_sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True,
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        return_sequences: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        **kwargs: Any,
    ) -> None: ...

    @classmethod
    def _prepare(cls, arguments: dict[str, Any]) -> None:
        cls._make_cell(arguments)


class _ConvLSTMCell(DroppingCell, Layer):
    """The cell of a convolutional LSTM over ``rank`` spatial axes."""

    rank: int
    gates = 4  # input (i), forget (f), candidate (c), output (o)

    @configured(
        filters=converted(int),
        kernel_size=_per_axis,
        strides=_steps,
        padding=padding,
        data_format=data_format,
        dilation_rate=_steps,
        unit_forget_bias=Argument(after="use_bias"),
        dropout=unit_interval,
        recurrent_dropout=unit_interval,
        seed=only(ANY),
    )
    @like(
        _ConvLSTM.__init__, without=("activity_regularizer", "return_sequences", "go_backwards", "stateful")
    )
    def __init__(self) -> None:
        self.state_size = (self.filters, self.filters)
        self._channels = 1 if self.data_format == "channels_first" else self.rank + 1

    def build(self, input_shape: Any) -> None:
        channels = input_shape[self._channels]
        if channels is None:
            raise ValueError(
                f"Layer {self.name}: the channel dimension of the inputs should be defined; found the shape "
                f"{input_shape} with data_format={self.data_format!r}."
            )
        self.kernel = self._kernel("kernel", channels)
        self.recurrent_kernel = self._kernel("recurrent_kernel", self.filters)
        self.bias = None
        if self.use_bias:
            initializer = self.bias_initializer
            if self.unit_forget_bias:
                initializer = forget_gate_at_one(initializer, self.filters)
            arguments = {**weight_arguments(self, "bias"), "initializer": initializer}
            self.bias = self.add_weight("bias", (4 * self.filters,), **arguments)
        self.built = True

    def _kernel(self, name: str, channels: int) -> Any:
        return self.add_weight(
            name,
            (*self.kernel_size, channels, 4 * self.filters),
            **weight_arguments(self, name.split("_")[0]),
            memory_order=kernel_order(self.rank, self.data_format),
        )

    def project(self, inputs: Value, training: Any = None) -> Value:
        """Inputs (batch, spatial..., channels), convolved, plus the bias."""
        projected = self.dropped_product(
            inputs, self.input_masks, self.kernel, self._input_conv, training, self._channels
        )
        return self._with_bias(projected)

    def ahead_of_time(self, inputs: Value, training: Any) -> tuple[Value, Callable[..., Any]]:
        """The sequence (batch, time, spatial..., channels), convolved as one batch, and the step for it."""
        if type(self).call is not _ConvLSTMCell.call or self._has_own("input_conv"):
            return inputs, lambda x, states: self.call(x, states, training=training)
        projected = self.dropped_product(
            inputs, self.input_masks, self.kernel, self._conv_over_time, training, self._channels + 1
        )
        return self._with_bias(projected), lambda x, states: self.step(x, states, training)

    def step(self, projected: Value, states: States, training: Any = None) -> tuple[Value, States]:
        """One step from convolved inputs (batch, new spatial..., 4 filters)."""
        h, c = states
        inner = self.dropped_product(
            h, self.state_masks, self.recurrent_kernel, self._recurrent_conv, training, self._channels
        )
        gates = op.Add(projected, inner)
        i, f, candidate, o = op.Split(gates, axis=self._channels, num_outputs=4, outputs=4)
        kept = op.Mul(self.recurrent_activation(f), c)
        c = op.Add(kept, op.Mul(self.recurrent_activation(i), self.activation(candidate)))
        c.refine(known_shape(states[1]))
        h = op.Mul(self.recurrent_activation(o), self.activation(c))
        h.refine(known_shape(states[0]))
        return h, [h, c]

    def input_conv(self, x: Value, w: Value, b: Value | None = None, padding: str = "valid") -> Value:
        """The convolution of an input, for cells that override ``call``."""
        y = conv(x, w, self.strides, padding, self.data_format, self.dilation_rate)
        return y if b is None else K.bias_add(y, b, data_format=self.data_format)

    def recurrent_conv(self, x: Value, w: Value) -> Value:
        """The convolution of a state, for cells that override ``call``."""
        return self._plain_recurrent_conv(x, w)

    def _has_own(self, convolution: str) -> bool:
        """Whether a subclass convolves in a way of its own."""
        return getattr(type(self), convolution) is not getattr(_ConvLSTMCell, convolution)

    def _by_gate(self, convolution: Callable[..., Value], kernel: Value, **kwargs: Any) -> Value:
        """The results of a subclass's convolution for the kernel of each gate, side by side."""
        parts = op.Split(kernel, axis=-1, num_outputs=4, outputs=4)
        return op.Concat(*(convolution(w=part, **kwargs) for part in parts), axis=self._channels)

    def _input_conv(self, x: Value, kernel: Value) -> Value:
        if self._has_own("input_conv"):
            return self._by_gate(self.input_conv, kernel, x=x, padding=self.padding)
        return conv(x, kernel, self.strides, self.padding, self.data_format, self.dilation_rate)

    def _recurrent_conv(self, h: Value, kernel: Value) -> Value:
        if self._has_own("recurrent_conv"):
            return self._by_gate(self.recurrent_conv, kernel, x=h)
        return self._plain_recurrent_conv(h, kernel)

    def _plain_recurrent_conv(self, h: Value, kernel: Value) -> Value:
        return conv(h, kernel, (1,) * self.rank, "same", self.data_format, (1,) * self.rank)

    def _conv_over_time(self, x: Value, kernel: Value) -> Value:
        folded = op.Reshape(x, shape_vector([-1, *dims_of(x)[2:]]))
        folded.refine([None, *known_shape(x)[2:]])
        y = self._input_conv(folded, kernel)
        found = op.Reshape(y, shape_vector([*dims_of(x)[:2], *dims_of(y)[1:]]))
        found.refine([*known_shape(x)[:2], *known_shape(y)[1:]])
        return found

    def _with_bias(self, projected: Value) -> Value:
        if self.bias is None:
            return projected
        if self.data_format == "channels_last":
            return op.Add(projected, self.bias)
        return op.Add(projected, op.Reshape(self.bias, [4 * self.filters, *[1] * self.rank]))

    def _dropped_sizes(self, inputs: Value, states: States) -> tuple[list[Any], list[Any]]:
        sizes = dims_of(inputs)  # perhaps with a time axis behind the batch axis
        return [sizes[0], *sizes[-self.rank - 1 :]], dims_of(states[0])


class ConvLSTM2D(_ConvLSTM, ConvRNN2D):
    """LSTM over images: the products with kernel and recurrent kernel are convolutions.

    Args:
        filters: channels of the output.
        kernel_size: rows and columns of both kernels, one number or two.
        strides, padding ("valid" or "same"), dilation_rate: of the convolution of the inputs.
        data_format: "channels_last" or "channels_first"; ``K.image_data_format()`` by default.
        activation: of candidate and output (default tanh).
        recurrent_activation: of the gates (default hard_sigmoid).
        use_bias, unit_forget_bias: whether there is a bias, and whether that of the forget gate starts at
            one.
        kernel_initializer, recurrent_initializer, bias_initializer: name or Initializer.
        kernel_regularizer, recurrent_regularizer, bias_regularizer, activity_regularizer: Regularizer or
            None.
        kernel_constraint, recurrent_constraint, bias_constraint: Constraint or None.
        return_sequences, go_backwards, stateful: see RNN; return_state may be given too.
        dropout, recurrent_dropout: part of inputs and previous output to drop while training; the same at
            all steps.

    Input: (batch, time, rows, cols, channels), or (batch, time, channels, rows, cols).
    Output: (batch, new rows, new cols, filters), with the time axis behind the batch axis for
    return_sequences.
    Weights: kernel (rows, cols, channels, 4 filters), recurrent_kernel (rows, cols, filters, 4 filters), bias
    (4 filters,), gates in the order i, f, c, o. (Shi et al. 2015, without peepholes)
    """


@ConvLSTM2D.made_of
class ConvLSTM2DCell(_ConvLSTMCell):
    """The cell of ConvLSTM2D.

    Args: those of ConvLSTM2D that do not concern the sequence.

    Call: inputs (batch, rows, cols, channels), states [h, c], each (batch, new rows, new cols, filters);
    returns output h and the new states.
    """

    rank = 2


class ConvLSTM1D(_ConvLSTM):
    """LSTM over sequences of sequences: the products with kernel and recurrent kernel are convolutions.

    Args: those of ``ConvLSTM2D``, with one number for kernel_size, strides and dilation_rate.

    Input: (batch, time, steps, channels), or (batch, time, channels, steps).
    Output: (batch, new steps, filters), with the time axis behind the batch axis for return_sequences.
    Weights: kernel (window, channels, 4 filters), recurrent_kernel (window, filters, 4 filters), bias
    (4 filters,), gates in the order i, f, c, o.
    """


@ConvLSTM1D.made_of
class ConvLSTM1DCell(_ConvLSTMCell):
    """The cell of ConvLSTM1D.

    Args: those of ConvLSTM1D that do not concern the sequence.

    Call: inputs (batch, steps, channels), states [h, c], each (batch, new steps, filters);
    returns output h and the new states.
    """

    rank = 1


class ConvLSTM3D(_ConvLSTM):
    """LSTM over volumes: the products with kernel and recurrent kernel are convolutions.

    Args: those of ``ConvLSTM2D``, with one number or three for kernel_size, strides and dilation_rate.

    Input: (batch, time, dim1, dim2, dim3, channels), or (batch, time, channels, dim1, dim2, dim3).
    Output: (batch, new dim1, new dim2, new dim3, filters), with the time axis behind the batch axis for
    return_sequences.
    Weights: kernel (window..., channels, 4 filters), recurrent_kernel (window..., filters, 4 filters), bias
    (4 filters,), gates in the order i, f, c, o.
    """


@ConvLSTM3D.made_of
class ConvLSTM3DCell(_ConvLSTMCell):
    """The cell of ConvLSTM3D.

    Args: those of ConvLSTM3D that do not concern the sequence.

    Call: inputs (batch, dim1, dim2, dim3, channels), states [h, c], each (batch, new dim1, new dim2,
    new dim3, filters); returns output h and the new states.
    """

    rank = 3


answer_old_names(__name__)
registry.register(globals())

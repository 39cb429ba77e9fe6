"""Core layers: Dense, Dropout, Activation, Masking and layers that change shapes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...ir import op
from .. import backend as K
from .. import registry, regularizers
from ..core.layer import InputSpec, Layer
from ..declaration import Argument, configured, converted, fixed, only
from ..legacy.old_names import answer_old_names
from .arguments import data_format, positive_int, unit_interval, weight_arguments
from .lambda_layer import Lambda
from .same_shape import SameShape

__all__ = [
    "Activation",
    "ActivityRegularization",
    "Dense",
    "Dropout",
    "Flatten",
    "Identity",
    "Lambda",
    "Masking",
    "Permute",
    "RepeatVector",
    "Reshape",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "SpatialDropout3D",
]


class Activation(SameShape):
    """Applies an activation function.

    Args:
        activation: name or function.

    Input and output: any shape.
    """

    @configured
    def __init__(self, activation: Any, **kwargs: Any) -> None: ...

    def call(self, inputs: Any) -> Any:
        return self.activation(inputs)


class Dense(Layer):
    """A fully connected layer: ``activation(inputs @ kernel + bias)``.

    Args:
        units: size of the output's last axis.
        activation: name or function (default linear).
        use_bias: whether there is a bias.
        kernel_initializer, bias_initializer: name or Initializer.
        kernel_regularizer, bias_regularizer, activity_regularizer: Regularizer or None.
        kernel_constraint, bias_constraint: Constraint or None.

    Input: (batch, ..., features); output: (batch, ..., units).
    Weights: kernel (features, units), bias (units,).
    """

    input_spec = InputSpec(min_ndim=2)
    supports_masking = True

    @configured(units=positive_int, lora_rank=only(None), lora_alpha=only(None))
    def __init__(
        self,
        units: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None: ...

    def build(self, input_shape: Any) -> None:
        features = input_shape[-1]
        self.kernel = self.add_weight("kernel", (features, self.units), **weight_arguments(self, "kernel"))
        self.bias = (
            self.add_weight("bias", (self.units,), **weight_arguments(self, "bias"))
            if self.use_bias
            else None
        )
        self.input_spec = InputSpec(min_ndim=2, axes={-1: features})
        self.built = True

    def call(self, inputs: Any) -> Any:
        if inputs.dtype.kind in "iub":  # as tf.keras does
            inputs = K.cast(inputs, K.dtype(self.kernel))
        output = K.dot(inputs, self.kernel)
        if self.use_bias:
            output = K.bias_add(output, self.bias, data_format="channels_last")
        return output if self.activation is None else self.activation(output)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*input_shape[:-1], self.units)


class Dropout(SameShape):
    """Sets a random part of the inputs to zero while training, and scales the rest up.

    Args:
        rate: part to drop, 0 <= rate < 1.
        noise_shape: shape of the mask, with 1 on axes that share it, such as (batch, 1, features).
        seed: of the random numbers.

    Input and output: any shape. (Srivastava et al. 2014)
    """

    @configured(rate=unit_interval)
    def __init__(
        self, rate: float, noise_shape: Any = None, seed: int | None = None, **kwargs: Any
    ) -> None: ...

    def _get_noise_shape(self, inputs: Any) -> Any:
        """The mask's shape, with sizes of the input where noise_shape leaves them open."""
        if self.noise_shape is None:
            return None
        symbolic = K.shape(inputs)
        return [symbolic[i] if size is None else size for i, size in enumerate(self.noise_shape)]

    def call(self, inputs: Any, training: Any = None) -> Any:
        if not 0.0 < self.rate < 1.0:
            return inputs
        noise_shape = self._get_noise_shape(inputs)
        return K.in_train_phase(
            lambda: K.dropout(inputs, self.rate, noise_shape, seed=self.seed), inputs, training=training
        )


class ActivityRegularization(SameShape):
    """Passes the input on and adds a penalty on it to the loss.

    Args:
        l1, l2: factors of the sum of absolute values and of squares.

    Input and output: any shape.
    """

    @configured
    def __init__(self, l1: float = 0.0, l2: float = 0.0, **kwargs: Any) -> None:
        self.activity_regularizer = regularizers.L1L2(l1=l1, l2=l2)


def _is_unusual(data_format: str) -> bool:
    """Keras 2.3 leaves the layout out; it is written where it is not what loading would choose."""
    return data_format != K.image_data_format()


class _SpatialDropout(Dropout):
    """Drops whole channels; ``rank`` spatial axes."""

    rank: int

    @configured(data_format=Argument(data_format, written=_is_unusual))
    def __init__(self, rate: float, data_format: str | None = None, **kwargs: Any) -> None:
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def _get_noise_shape(self, inputs: Any) -> Any:
        spatial = [1] * self.rank
        return [None, None, *spatial] if self.data_format == "channels_first" else [None, *spatial, None]


class SpatialDropout1D(_SpatialDropout):
    """Sets whole features to zero while training, for all steps of a sample alike.

    Args:
        rate: part to drop, 0 <= rate < 1.

    Input and output: (batch, steps, features). (Tompson et al. 2014)
    """

    rank = 1

    @configured(data_format=fixed("channels_last"))
    def __init__(self, rate: float, **kwargs: Any) -> None: ...


class SpatialDropout2D(_SpatialDropout):
    """Sets whole channels of images to zero while training.

    Args:
        rate: part to drop, 0 <= rate < 1.
        data_format: "channels_last" or "channels_first"; default ``K.image_data_format()``.

    Input and output: (batch, rows, cols, channels), or (batch, channels, rows, cols). (Tompson et al. 2014)
    """

    rank = 2


class SpatialDropout3D(_SpatialDropout):
    """Sets whole channels of volumes to zero while training.

    Args:
        rate: part to drop, 0 <= rate < 1.
        data_format: "channels_last" or "channels_first"; default ``K.image_data_format()``.

    Input and output: (batch, depth, rows, cols, channels), or (batch, channels, depth, rows, cols).
    """

    rank = 3


class Flatten(Layer):
    """All elements of a sample along one axis.

    Args:
        data_format: "channels_first" moves the channels (axis 1) last first, so that weights of a following
            layer fit both layouts; default ``K.image_data_format()``.

    Input: (batch, ...); output: (batch, elements).
    """

    input_spec = InputSpec(min_ndim=1)

    @configured(data_format=data_format)
    def __init__(self, data_format: str | None = None, **kwargs: Any) -> None: ...

    def call(self, inputs: Any) -> Any:
        if self.data_format == "channels_first" and inputs.rank > 2:
            inputs = op.Transpose(inputs, perm=[0, *range(2, inputs.rank), 1])
        return op.Flatten(inputs, axis=1)

    def compute_output_shape(self, input_shape: Any) -> Any:
        sizes = input_shape[1:]
        return (input_shape[0], None if None in sizes else math.prod(sizes))


def _target_shape(layer: Layer, name: str, value: Any) -> tuple[int, ...]:
    shape = tuple(int(size) for size in np.atleast_1d(np.asarray(value, dtype=object)))
    if sum(size == -1 for size in shape) > 1 or any(size < -1 for size in shape):
        raise ValueError(f"Reshape: target_shape takes sizes and at most one -1, found {shape}.")
    return shape


class Reshape(Layer):
    """The elements of a sample in another shape.

    Args:
        target_shape: tuple without the batch axis; one size may be -1: what is left over.

    Input: (batch, ...); output: (batch, *target_shape).

    Raises:
        ValueError: if the numbers of elements differ.
    """

    @configured(target_shape=_target_shape)
    def __init__(self, target_shape: Sequence[int], **kwargs: Any) -> None: ...

    def call(self, inputs: Any) -> Any:
        self.compute_output_shape(K.int_shape(inputs))
        return op.Reshape(inputs, [0, *self.target_shape])

    def compute_output_shape(self, input_shape: Any) -> Any:
        if None in input_shape[1:]:
            return (input_shape[0], *(None if size == -1 else size for size in self.target_shape))
        return (input_shape[0], *self._fix_unknown_dimension(input_shape[1:], self.target_shape))

    def _fix_unknown_dimension(self, input_shape: Any, output_shape: Any) -> tuple[int, ...]:
        """The target shape with what is left over for -1; both without the batch axis.

        Raises:
            ValueError: if the numbers of elements differ.
        """
        elements = math.prod(input_shape)
        known = math.prod(size for size in output_shape if size != -1)
        fits = elements % known == 0 if -1 in output_shape and known else elements == known
        if not fits:
            raise ValueError(
                f"Layer {self.name}: total size of new array must be unchanged: {elements} elements of a "
                f"sample, in an input of shape {(None, *input_shape)}, do not go into "
                f"target_shape={tuple(output_shape)}."
            )
        return tuple(elements // known if size == -1 else size for size in output_shape)


class Permute(Layer):
    """The axes of a sample in another order.

    Args:
        dims: the axes from 1 in their new order, such as (2, 1).

    Input: (batch, ...); output: (batch, ...) permuted.

    Raises:
        ValueError: if dims is not a permutation of 1 to n.
    """

    @configured(dims=converted(tuple))
    def __init__(self, dims: Sequence[int], **kwargs: Any) -> None:
        if sorted(self.dims) != list(range(1, len(self.dims) + 1)):
            raise ValueError(
                f"Permute: dims must be a permutation of 1 to {len(self.dims)} (the batch is axis 0), found "
                f"{dims}."
            )
        self.input_spec = InputSpec(ndim=len(self.dims) + 1)

    def call(self, inputs: Any) -> Any:
        return op.Transpose(inputs, perm=[0, *self.dims])

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (input_shape[0], *(input_shape[axis] for axis in self.dims))


class RepeatVector(Layer):
    """The input ``n`` times, along a new axis of steps.

    Args:
        n: int.

    Input: (batch, features); output: (batch, n, features).
    """

    input_spec = InputSpec(ndim=2)

    @configured(n=positive_int)
    def __init__(self, n: int, **kwargs: Any) -> None: ...

    def call(self, inputs: Any) -> Any:
        return K.repeat(inputs, self.n)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (input_shape[0], self.n, input_shape[1])


class Masking(SameShape):
    """Masks the steps all of whose features equal ``mask_value``, and sets them to zero.

    Args:
        mask_value: float.

    Input and output: (batch, steps..., features); mask: (batch, steps...).
    """

    @configured
    def __init__(self, mask_value: float = 0.0, **kwargs: Any) -> None: ...

    def _valid(self, inputs: Any) -> Any:
        """(batch, steps..., 1), made once for call and mask."""
        made = inputs.annotations.setdefault("_valid_steps", {})
        if self.mask_value not in made:
            made[self.mask_value] = K.any(K.not_equal(inputs, self.mask_value), axis=-1, keepdims=True)
        return made[self.mask_value]

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return op.Squeeze(self._valid(inputs), [-1])

    def call(self, inputs: Any) -> Any:
        return inputs * K.cast(self._valid(inputs), K.dtype(inputs))


class Identity(SameShape):
    """Passes its input on.

    Input and output: any shape; a mask is passed on, too.
    """

    def call(self, inputs: Any) -> Any:
        return inputs


answer_old_names(__name__)
registry.register(globals())

"""Batch normalization."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ir import LEARNING_PHASE, Value, op
from .. import backend as K
from .. import registry, rules
from ..backend.tensors import filled
from ..core.eager_calls import is_frozen_at_once
from ..core.layer import InputSpec
from ..declaration import ANY, configured, only
from ..legacy.old_names import answer_old_names
from .arguments import weight_arguments
from .same_shape import SameShape


def _single_axis(layer: Any, name: str, axis: Any) -> int:
    """``axis`` as an int; later versions write a list of one."""
    if isinstance(axis, list | tuple) and len(axis) == 1:
        axis = axis[0]
    if isinstance(axis, bool) or not isinstance(axis, int | np.integer):
        raise ValueError(f"BatchNormalization: axis must be an integer, found {axis!r}.")
    return int(axis)


class BatchNormalization(SameShape):
    """Normalizes each channel by statistics of the batch while training, else by their moving averages.

    ``gamma * (x - mean) / sqrt(variance + epsilon) + beta``. A layer that is not trainable uses the moving
    averages in training too, and leaves them alone (as tf.keras 2 and Keras 3 have it; Keras 2.3 did not).

    Args:
        axis: the axis of the channels (default -1).
        momentum: of the moving averages.
        epsilon: added to the variance.
        center: whether there is beta.
        scale: whether there is gamma.
        beta_initializer, gamma_initializer, moving_mean_initializer, moving_variance_initializer: name or
            Initializer.
        beta_regularizer, gamma_regularizer: Regularizer or None.
        beta_constraint, gamma_constraint: Constraint or None.

    Call arguments:
        training: True normalizes by the batch, False by the moving averages, None as the model is run.

    Input and output: any shape of at least 2 axes.
    Weights: gamma, beta, moving_mean, moving_variance, each (channels,). Emits ONNX BatchNormalization in
    both modes. (Ioffe, Szegedy 2015)

    Raises:
        ValueError: for an axis that the input lacks, or whose size is unknown.
    """

    @configured(
        axis=_single_axis,
        fused=only(ANY),  # how it is computed, not what
        synchronized=only(ANY),  # on several devices, too, each normalizes its part of the batch
        renorm=only(False),
        renorm_clipping=only(None),
        renorm_momentum=only(0.99),
        virtual_batch_size=only(None),
        adjustment=only(None),
    )
    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        moving_mean_initializer: Any = "zeros",
        moving_variance_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **kwargs: Any,
    ) -> None: ...

    def build(self, input_shape: Any) -> None:
        rank = len(input_shape)
        if rank < 2 or not -rank <= self.axis < rank or self.axis % rank == 0:
            raise ValueError(
                f"Layer {self.name}: axis {self.axis} is not an axis of channels of an input of shape "
                f"{input_shape}."
            )
        size = input_shape[self.axis]
        if size is None:
            raise ValueError(
                f"Layer {self.name}: axis {self.axis} of the input should have a defined dimension, but the "
                f"layer received an input with shape {input_shape}."
            )
        self.input_spec = InputSpec(ndim=rank, axes={self.axis: size})
        self.gamma = (
            self.add_weight("gamma", (size,), **weight_arguments(self, "gamma")) if self.scale else None
        )
        self.beta = (
            self.add_weight("beta", (size,), **weight_arguments(self, "beta")) if self.center else None
        )
        self.moving_mean = self.add_weight(
            "moving_mean", (size,), initializer=self.moving_mean_initializer, trainable=False
        )
        self.moving_variance = self.add_weight(
            "moving_variance", (size,), initializer=self.moving_variance_initializer, trainable=False
        )
        self.built = True

    def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        training = K.learning_phase() if training is None else training
        if is_frozen_at_once(self):
            training = False
        x, back = _channels_second(inputs, self.axis)
        size, dtype = x.shape[1], self.moving_mean.dtype
        gamma: Any = self.gamma if self.scale else filled(1.0, [size], dtype)
        beta: Any = self.beta if self.center else filled(0.0, [size], dtype)
        if isinstance(training, bool | int) and not training:
            return self._by_moving_averages(x, gamma, beta, back)
        last = self.axis % inputs.rank == inputs.rank - 1
        if mask is not None and rules.holds(self, lambda its: x.rank in its.masked_ranks):
            counted = op.Expand(op.Unsqueeze(K.cast(mask, x.dtype.name), [-1]), op.Shape(inputs))
            weights, _ = _channels_second(counted, self.axis)
            normalized, mean, variance = self._by_weighted_batch(x, weights, gamma, beta)
        else:
            normalized, mean, variance = self._by_batch(x, gamma, beta, last)
        normalized = _permuted(normalized, back)
        updates = [(self.moving_mean, mean), (self.moving_variance, variance)]
        if isinstance(training, bool | int):
            self.add_update(updates)
            return normalized
        inference = self._by_moving_averages(x, gamma, beta, back)
        if training is LEARNING_PHASE:
            self.add_update([(old, op.Phase(new, old, owner=self)) for old, new in updates])
            return op.Phase(normalized, inference, owner=self)
        self.add_update([(old, K.switch(training, new, old)) for old, new in updates])
        return K.switch(training, normalized, inference)

    def _by_moving_averages(self, x: Value, gamma: Value, beta: Value, back: list[int] | None) -> Value:
        y = op.BatchNormalization(
            x, gamma, beta, self.moving_mean, self.moving_variance, epsilon=self.epsilon
        )
        return _permuted(y, back)

    def _by_batch(self, x: Value, gamma: Value, beta: Value, last: bool) -> tuple[Value, Value, Value]:
        """The normalized input, and the new moving averages, from the one operator that knows the statistics.

        The operator takes in the population variance; Keras takes in a multiple of it. Dividing the old
        average by the factor first makes up for that.
        """
        population = rules.holds(self, lambda its: its.population_variance)
        fused = x.rank in rules.of_layer(self).fused_ranks and (last or population)
        factor = _variance_factor(x, None if population else self.epsilon, fused)
        y, mean, variance = op.BatchNormalization(
            x,
            gamma,
            beta,
            self.moving_mean,
            self.moving_variance if factor is None else self.moving_variance / factor,
            epsilon=self.epsilon,
            momentum=self.momentum,
            training_mode=1,
            outputs=3,
        )
        return y, mean, variance if factor is None else variance * factor

    def _by_weighted_batch(
        self, x: Value, weights: Value, gamma: Any, beta: Any
    ) -> tuple[Value, Value, Value]:
        """As ``_by_batch``, of the steps alone that a mask counts: in files of later Keras."""
        others = [axis for axis in range(x.rank or 0) if axis != 1]
        total = K.maximum(K.sum(weights, axis=others, keepdims=True), K.epsilon())
        mean = K.sum(weights * x, axis=others, keepdims=True) / total
        variance = K.sum(weights * K.square(x - mean), axis=others, keepdims=True) / total
        behind = list(range(1, len(others)))
        scale, offset = (op.Unsqueeze(value, behind) if behind else value for value in (gamma, beta))
        y = (x - mean) / K.sqrt(variance + self.epsilon) * scale + offset
        averages = [
            old * self.momentum + op.Squeeze(new, others) * (1.0 - self.momentum)
            for old, new in ((self.moving_mean, mean), (self.moving_variance, variance))
        ]
        return y, averages[0], averages[1]


def _channels_second(x: Any, axis: int) -> tuple[Any, list[int] | None]:
    """``x`` with ``axis`` moved to place 1, as ONNX has it, and the permutation that moves it back."""
    rank = len(x.dims)
    axis %= rank
    if axis == 1:
        return x, None
    forth = [0, axis, *(i for i in range(1, rank) if i != axis)]
    return op.Transpose(x, perm=forth), [int(i) for i in np.argsort(forth)]


def _permuted(x: Value, perm: list[int] | None) -> Value:
    return x if perm is None else op.Transpose(x, perm=perm)


def _variance_factor(x: Any, epsilon: float | None, fused: bool) -> Value | float | None:
    """What Keras multiplies the population variance by before it takes it into the moving average;
    None for nothing.

    Keras 2.3: n / (n - 1 - epsilon) for the n elements of a channel; for images with channels last times
    n / (n - 1) once more, because TensorFlow's fused kernel for them has corrected the variance already.
    tf.keras 2 has the kernel's correction alone, Keras 3 none.

    Args:
        x: (batch, channels, ...).
        epsilon: None for no correction but the kernel's.
        fused: whether the kernel corrects.
    """
    if epsilon is None and not fused:
        return None
    channels = x.dims[1]
    others = [size for i, size in enumerate(x.dims) if i != 1]
    if all(isinstance(size, int) for size in others):
        elements: Value | float = float(np.prod(others) * channels)
    else:
        elements = K.cast(op.Size(x), x.dtype)  # n times the channels
    factor: Value | float = 1.0 if epsilon is None else elements / (elements - channels * (1 + epsilon))
    if not fused:
        return factor
    others_than_one = elements - channels
    if isinstance(others_than_one, Value):
        return factor * (elements / op.Max(others_than_one, float(channels)))
    return factor * elements / max(others_than_one, channels)


answer_old_names(__name__)
registry.register(globals(), listed=True)

"""``tf.keras.experimental.LinearModel`` and ``WideDeepModel``: subclassed models, as users write them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..keras import activations, dialects, initializers, layers, regularizers, rules
from ..keras import backend as K
from ..keras.optimizers import get as optimizer_of
from ..keras.training.model import Model as _Model
from ..keras.utils.generic_utils import register_keras_serializable
from ..keras.utils.sequences import unpack_x_y_sample_weight
from .tensorflow.gradient_tape import GradientTape

Model: Any = dialects.as_in(rules.TF_KERAS, _Model)


@register_keras_serializable(package="kcompile")
class LinearModel(Model):
    """A linear function of its inputs, ``activation(sum of x_i @ kernel_i + bias)``.

    Args:
        units: number of outputs.
        activation: of the sum, None for none.
        use_bias: whether there is a bias.
        kernel_initializer, bias_initializer: zeros.
        kernel_regularizer, bias_regularizer: None.

    Input: (batch, features), or a list or dict of such; output: (batch, units).
    """

    def __init__(
        self,
        units: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "zeros",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)

    def build(self, input_shape: Any) -> None:
        self.dense_layers = []
        for shape in _shapes(input_shape):
            layer = layers.Dense(
                self.units,
                use_bias=False,
                kernel_initializer=self.kernel_initializer,
                kernel_regularizer=self.kernel_regularizer,
            )
            layer.build(tuple(shape))
            self.dense_layers.append(layer)
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                "bias", (self.units,), initializer=self.bias_initializer, regularizer=self.bias_regularizer
            )
        self.built = True

    def call(self, inputs: Any) -> Any:
        if isinstance(inputs, Mapping):
            inputs = [inputs[name] for name in sorted(inputs)]
        parts = inputs if isinstance(inputs, list | tuple) else [inputs]
        total: Any = None
        for layer, part in zip(self.dense_layers, parts, strict=True):
            total = layer(part) if total is None else total + layer(part)
        total = total if self.bias is None else K.bias_add(total, self.bias)
        return self.activation(total)

    def get_config(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "trainable": self.trainable,
            "dtype": self.dtype,
            "units": self.units,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
            "kernel_regularizer": regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": regularizers.serialize(self.bias_regularizer),
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: Any = None) -> Any:
        return cls(**config)


def _shapes(input_shape: Any) -> list[Any]:
    """The shapes of the inputs; those of a dict in the order of their names."""
    if isinstance(input_shape, Mapping):
        return [input_shape[name] for name in sorted(input_shape)]
    several = any(isinstance(entry, list | tuple) for entry in input_shape)
    return list(input_shape) if several else [input_shape]


@register_keras_serializable(package="kcompile")
class WideDeepModel(Model):
    """The sum of a linear model and another one (Cheng et al. 2016), trained together.

    ``compile`` takes one optimizer, or a list of two, of which the first is the linear model's.

    Args:
        linear_model: a ``LinearModel``.
        dnn_model: a model of as many outputs.
        activation: of the sum, None for none.

    Input: that of both models, or a list of two, the linear model's first.
    """

    def __init__(self, linear_model: Any, dnn_model: Any, activation: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.linear_model = linear_model
        self.dnn_model = dnn_model
        self.activation = activations.get(activation)
        self._two_optimizers: tuple[Any, Any] | None = None

    def compile(self, optimizer: Any = "rmsprop", *args: Any, **kwargs: Any) -> None:
        """``Model.compile``, where a list of two optimizers trains the two models."""
        self._two_optimizers = None
        if isinstance(optimizer, list | tuple):
            first, second = map(optimizer_of, optimizer)
            self._two_optimizers, optimizer = (first, second), first
        super().compile(optimizer, *args, **kwargs)

    def call(self, inputs: Any, training: Any = None) -> Any:
        pair = inputs if isinstance(inputs, list | tuple) and len(inputs) == 2 else (inputs, inputs)
        return self.activation(self.linear_model(pair[0]) + self.dnn_model(pair[1], training=training))

    def train_step(self, data: Any) -> Any:
        if self._two_optimizers is None:
            return super().train_step(data)
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        with GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.compute_loss(x, y, y_pred, sample_weight)
        weights = [self.linear_model.trainable_variables, self.dnn_model.trainable_variables]
        for optimizer, grads, its in zip(
            self._two_optimizers, tape.gradient(loss, weights), weights, strict=True
        ):
            optimizer.apply_gradients(zip(grads, its, strict=True))
        return self.compute_metrics(x, y, y_pred, sample_weight)

    def get_config(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "linear_model": layers.serialize(self.linear_model),
            "dnn_model": layers.serialize(self.dnn_model),
            "activation": activations.serialize(self.activation),
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: Any = None) -> Any:
        models = {
            name: layers.deserialize(config[name], custom_objects) for name in ("linear_model", "dnn_model")
        }
        return cls(**{**config, **models})


__all__ = ["LinearModel", "WideDeepModel"]

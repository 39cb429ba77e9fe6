"""The network and the data that real Keras and kcompile train in half precision: both by rules."""

from __future__ import annotations

import numpy as np

SAMPLES = 24


def data():
    x = (np.sin(np.arange(SAMPLES * 8 * 8 * 2) * 0.7).reshape(SAMPLES, 8, 8, 2)).astype("float32")
    return x, (np.arange(SAMPLES) * 5 % 3).astype("int32")


def network(k, policy):
    """A model whose weights follow a rule, and whose last layer computes in float32."""
    layers = k.layers
    k.mixed_precision.set_global_policy(policy)
    inputs = k.Input((8, 8, 2))
    x = layers.Conv2D(4, 3, padding="same", activation="relu")(inputs)
    x = layers.BatchNormalization()(x)
    x = layers.Add()([x, layers.Conv2D(4, 1)(x)])
    x = layers.MaxPooling2D()(x)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dense(6, activation="tanh")(x)
    model = k.Model(inputs, layers.Dense(3, activation="softmax", dtype="float32", name="probabilities")(x))
    k.mixed_precision.set_global_policy("float32")
    arrays = []
    for i, weight in enumerate(model.trainable_weights):
        values = np.cos(np.arange(np.prod(weight.shape)) * 1.3 + i) * 0.4
        arrays.append(values.reshape(tuple(weight.shape)).astype("float32"))
    for layer in model.layers:  # gamma and beta come before the moving statistics
        count = len(layer.trainable_weights)
        if count:
            layer.set_weights([*arrays[:count], *layer.get_weights()[count:]])
            del arrays[:count]
    model.compile(k.optimizers.Adam(0.02), "sparse_categorical_crossentropy")
    return model

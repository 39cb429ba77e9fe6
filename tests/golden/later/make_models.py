"""Writes small models with later layers, and their answers: Keras 3 as .keras, tf_keras as .h5.

python -m tests.golden.later.make_models keras      (pip install keras==3.15.0 tensorflow==2.21.0)
python -m tests.golden.later.make_models tf_keras   (pip install tf-keras==2.21.0 tensorflow==2.21.0)
"""

from __future__ import annotations

import importlib
import os
import sys

import numpy as np

from tests.golden.cases import array

FOLDER = os.path.dirname(os.path.abspath(__file__))


def transformer(keras):
    layers = keras.layers
    x, memory = layers.Input((4, 6), name="x"), layers.Input((5, 6), name="memory")
    y = layers.LayerNormalization(name="before")(layers.Masking(name="masking")(x))
    y = layers.Add(name="with_self")([x, layers.MultiHeadAttention(2, 3, name="own")(y, y)])
    y = layers.MultiHeadAttention(3, 2, name="cross")(y, memory, use_causal_mask=True)
    y = layers.EinsumDense("abc,cd->abd", (None, 4), bias_axes="d", activation="gelu", name="mix")(y)
    y = layers.GroupNormalization(2, name="groups")(y)
    y = layers.Attention(name="dot")([y, y])
    y = layers.Dense(2, activation="hard_sigmoid", name="last")(y)
    return keras.models.Model([x, memory], y)


def images(keras):
    layers = keras.layers
    x = layers.Input((4, 5, 2), name="x")
    y = layers.Rescaling(0.5, offset=0.25, name="scaled")(x)
    y = layers.RandomFlip("horizontal", seed=1, name="flip")(y)
    y = layers.UpSampling2D((2, 3), interpolation="bilinear", name="up")(y)
    y = layers.Conv2D(3, 3, activation="swish", name="conv")(y)
    y = layers.Resizing(3, 3, name="resized")(y)
    return keras.models.Model(x, y)


MODELS = {"transformer": (transformer, [(2, 4, 6), (2, 5, 6)]), "images": (images, [(2, 4, 5, 2)])}


def inputs(name):
    return [array(name, f"input{i}", shape) for i, shape in enumerate(MODELS[name][1])]


def main(program):
    keras = importlib.import_module(program)
    answers = {}
    for name, (make, _) in MODELS.items():
        model = make(keras)
        weights = [
            array(name, f"weight{i}", np.shape(w), -0.5, 0.5) for i, w in enumerate(model.get_weights())
        ]
        model.set_weights(weights)
        model.save(os.path.join(FOLDER, f"{name}.{'keras' if program == 'keras' else 'h5'}"))
        answers[name] = model.predict(inputs(name), verbose=0)
    np.savez(os.path.join(FOLDER, f"models_{program}.npz"), **answers)


if __name__ == "__main__":
    main(sys.argv[1])

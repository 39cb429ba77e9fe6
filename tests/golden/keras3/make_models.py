"""Writes small models with later layers, and their answers: Keras 3 as .keras, tf_keras as .h5.

python -m tests.golden.keras3.make_models keras      (pip install keras==3.15.0 tensorflow==2.21.0)
python -m tests.golden.keras3.make_models tf_keras   (pip install tf-keras==2.21.0 tensorflow==2.21.0)
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


def vision(keras):
    """Further layers that both programs have, and augmentation."""
    layers = keras.layers
    x = layers.Input((8, 7, 3), name="x")
    y = layers.RandomBrightness(0.02, value_range=(-1, 1), seed=1, name="bright")(x)
    y = layers.RandomZoom(0.05, fill_mode="nearest", seed=1, name="zoom")(y)
    y = layers.Resizing(6, 6, interpolation="bicubic", name="resized")(y)
    y = layers.Conv2D(4, 3, name="conv")(y)
    y = layers.Reshape((4, 4, 4), name="steps")(y)
    y = layers.ConvLSTM1D(2, 2, recurrent_activation="sigmoid", return_sequences=True, name="conv_lstm")(y)
    y = layers.Reshape((4, 6), name="flat")(y)
    own = layers.SimpleRNN(2, return_sequences=True, go_backwards=True, activation="relu", name="own")
    rnn = layers.LSTM(3, return_sequences=True, name="rnn")
    y = layers.Bidirectional(rnn, backward_layer=own, name="both")(y)
    return keras.models.Model(x, layers.Identity(name="same")(y))


def later(keras):
    """Layers that only Keras 3 has."""
    layers = keras.layers
    x = layers.Input((8, 7, 3), name="x")
    augment = [layers.RandomHue(0.02, (-1, 1)), layers.RandomErasing(0.1), layers.AutoContrast((-1, 1))]
    y = layers.Pipeline([*augment, layers.MixUp(), layers.Conv2D(3, 3, name="conv")], name="pipeline")(x)
    y = layers.RandomPerspective(0.1, 0.1, name="augment")(y)
    y = layers.SpectralNormalization(layers.Dense(3, name="dense"), name="spectral")(y)
    y = layers.AdaptiveMaxPooling2D((4, 3), name="pooled")(y)
    y = layers.Reshape((12, 3), name="steps")(y)
    y = layers.MultiHeadAttention(2, 3, use_gate=True, sliding_window=3, name="gated")(y, y)
    y = layers.GroupQueryAttention(2, 4, 2, sliding_window=2, use_gate=True, name="grouped")(y, y)
    return keras.models.Model(x, layers.AdaptiveAveragePooling1D(5, name="mean")(y))


# shapes of the inputs, and who has all of the layers
BOTH = ("keras", "tf_keras")
MODELS = {
    "transformer": (transformer, [(2, 4, 6), (2, 5, 6)], BOTH),
    "images": (images, [(2, 4, 5, 2)], BOTH),
    "vision": (vision, [(2, 8, 7, 3)], BOTH),
    "later": (later, [(2, 8, 7, 3)], ("keras",)),
}
FILES = [
    (program, name) for program in BOTH for name, (_, _, programs) in MODELS.items() if program in programs
]


def inputs(name):
    return [array(name, f"input{i}", shape) for i, shape in enumerate(MODELS[name][1])]


def main(program):
    keras = importlib.import_module(program)
    # files that are there stay as they are
    stored = os.path.join(FOLDER, f"models_{program}.npz")
    answers = dict(np.load(stored)) if os.path.exists(stored) else {}
    for name in [name for writer, name in FILES if writer == program]:
        if name in answers:
            continue
        model = MODELS[name][0](keras)
        weights = [
            array(name, f"weight{i}", np.shape(w), -0.5, 0.5) for i, w in enumerate(model.get_weights())
        ]
        model.set_weights(weights)
        model.save(os.path.join(FOLDER, f"{name}.{'keras' if program == 'keras' else 'h5'}"))
        answers[name] = model.predict(inputs(name), verbose=0)
    np.savez(stored, **answers)


if __name__ == "__main__":
    main(sys.argv[1])

"""Networks written for any Keras, with a batch to train them on."""

from __future__ import annotations

from typing import Any

import numpy as np

from .dcgan import dcgan, torch_dcgan

WORDS, LONGEST = 20_000, 60


def text(keras: Any) -> tuple[Any, np.ndarray, np.ndarray]:
    """A masked bidirectional LSTM behind an Embedding; texts of 10 to 60 words, padded behind."""
    layers = keras.layers
    model = keras.models.Sequential(
        [
            layers.Embedding(WORDS, 128, mask_zero=True),
            layers.Bidirectional(layers.LSTM(64, recurrent_activation="sigmoid")),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile("adam", "binary_crossentropy")
    random = np.random.RandomState(0)
    words = random.randint(1, WORDS, (32, LONGEST)).astype("int32")
    lengths = random.randint(10, LONGEST + 1, (32, 1))
    words *= np.arange(LONGEST) < lengths
    return model, words, random.randint(0, 2, (32, 1)).astype("float32")


def unet(keras: Any) -> tuple[Any, np.ndarray, np.ndarray]:
    """A U-Net of 16 to 64 channels on images of 64 x 64."""
    layers = keras.layers

    def block(x: Any, filters: int) -> Any:
        for _ in range(2):
            x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
        return x

    inputs = layers.Input((64, 64, 3))
    first = block(inputs, 16)
    second = block(layers.MaxPooling2D()(first), 32)
    x = block(layers.MaxPooling2D()(second), 64)
    x = block(layers.Concatenate()([layers.UpSampling2D()(x), second]), 32)
    x = block(layers.Concatenate()([layers.UpSampling2D()(x), first]), 16)
    model = keras.models.Model(inputs, layers.Conv2D(1, 1, activation="sigmoid")(x))
    model.compile("adam", "binary_crossentropy")
    random = np.random.RandomState(0)
    images = random.uniform(size=(16, 64, 64, 3)).astype("float32")
    return model, images, random.randint(0, 2, (16, 64, 64, 1)).astype("float32")


def gan(keras: Any) -> tuple[Any, np.ndarray, None]:
    """The DCGAN of Keras's guide with a step of its own, on 64 images of 28 x 28."""
    images = np.random.RandomState(0).uniform(size=(64, 28, 28, 1)).astype("float32")
    if keras.backend.backend() == "torch":
        return torch_dcgan(keras), images, None
    if keras.__name__.startswith("kcompile"):
        from kcompile.tf_keras import tensorflow as tf
    else:
        import tensorflow as tf
    return dcgan(keras, tf, tf.random.normal, tf.random.uniform), images, None


NETWORKS = {"text": text, "unet": unet, "gan": gan}

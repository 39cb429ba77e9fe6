"""Models of tf.keras's dialect predict in real tf_keras what they predict here; run by `make peers-test`."""

from __future__ import annotations

import os
import subprocess

import numpy as np
import pytest

from kcompile import tf_keras

PEERS = os.environ.get("KCOMPILE_PEERS_PYTHON")

pytestmark = [
    pytest.mark.peers,
    pytest.mark.skipif(not PEERS, reason="needs KCOMPILE_PEERS_PYTHON: run `make peers-test`"),
]

PREDICT = """
import sys
import numpy as np
import tf_keras
folder = sys.argv[1]
for name in sys.argv[2:]:
    model = tf_keras.models.load_model(f"{folder}/{name}.h5")
    x = np.load(f"{folder}/{name}.x.npy")
    predicted = model.predict(x, verbose=0)
    loss = model.train_on_batch(x, predicted * 0)
    np.savez(f"{folder}/{name}.npz", predicted=predicted, trained=model.predict(x, verbose=0))
"""


def sequence():
    """Masked recurrent layers."""
    layers = tf_keras.layers
    inner = [
        layers.Bidirectional(layers.GRU(4, return_sequences=True)),
        layers.LSTM(3),
        layers.BatchNormalization(),
    ]
    return tf_keras.Sequential([layers.Masking(0.0, input_shape=(5, 3)), *inner, layers.Dense(2)])


def image():
    """Images, enlarged between pixels."""
    layers, inputs = tf_keras.layers, tf_keras.Input((6, 6, 2))
    enlarged = layers.UpSampling2D(2, interpolation="bilinear")(layers.Conv2D(4, 3, padding="same")(inputs))
    return tf_keras.Model(inputs, layers.Dense(2)(layers.GlobalAveragePooling2D()(enlarged)))


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """Name -> (here, in tf_keras): predictions, and those after a step of training."""
    folder, found = tmp_path_factory.mktemp("models"), {}
    for make, optimizer in ((sequence, "rmsprop"), (image, "adagrad")):
        model = make()
        model.compile(optimizer, "mse")
        x = np.random.RandomState(0).rand(4, *model.input_shape[1:]).astype("float32")
        model.fit(x, np.ones((4, 2)), epochs=2, verbose=0)
        model.save(folder / f"{make.__name__}.h5")
        np.save(folder / f"{make.__name__}.x.npy", x)
        predicted = model.predict(x)
        model.train_on_batch(x, predicted * 0)
        found[make.__name__] = {"predicted": predicted, "trained": model.predict(x)}
    subprocess.run([str(PEERS), "-c", PREDICT, str(folder), *found], check=True, capture_output=True)
    return {name: (here, np.load(folder / f"{name}.npz")) for name, here in found.items()}


@pytest.mark.parametrize("what", ["predicted", "trained"])
@pytest.mark.parametrize("name", ["sequence", "image"])
def test_answers_are_the_same_in_tf_keras(name, what, answers):
    here, there = answers[name]
    np.testing.assert_allclose(here[what], there[what], rtol=1e-4, atol=1e-5)

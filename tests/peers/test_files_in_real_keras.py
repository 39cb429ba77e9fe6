"""Files that are written here open in real Keras with equal predictions; run by `make peers-test`."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from kcompile import keras
from kcompile.keras.layers import (
    LSTM,
    BatchNormalization,
    Conv2D,
    Dense,
    Embedding,
    Flatten,
    Input,
    MaxPooling2D,
    concatenate,
)
from kcompile.keras.models import Model, Sequential, load_model
from tests.golden.keras3 import make_models

PEERS = os.environ.get("KCOMPILE_PEERS_PYTHON")

pytestmark = [
    pytest.mark.peers,
    pytest.mark.skipif(not PEERS, reason="needs KCOMPILE_PEERS_PYTHON: run `make peers-test`"),
]

PREDICT = """
import sys
import numpy as np
import {module} as keras
model = keras.models.load_model(sys.argv[1])
inputs = np.load(sys.argv[2])
arrays = [inputs[name] for name in inputs.files]
predicted = model.predict(arrays[0] if len(arrays) == 1 else arrays, verbose=0)
steps = [float(np.ravel(model.train_on_batch(arrays[0] if len(arrays) == 1 else arrays, predicted * 0))[0])
         for _ in range(3)] if getattr(model, "optimizer", None) is not None else []
np.savez(sys.argv[3], predicted=predicted, steps=steps)
"""

PREDICT_ALL = """
import sys
import numpy as np
import {module} as keras
model = keras.models.load_model(sys.argv[1])
inputs = np.load(sys.argv[2])
arrays = [inputs[name] for name in inputs.files]
predicted = model.predict(arrays[0] if len(arrays) == 1 else arrays, verbose=0)
np.savez(sys.argv[3], *(predicted if isinstance(predicted, list) else [predicted]))
"""

FORMATS = Path(__file__).resolve().parent.parent / "golden" / "formats"


def convolutional():
    model = Sequential(
        [
            Conv2D(4, 3, activation="relu", input_shape=(8, 8, 1)),
            BatchNormalization(),
            MaxPooling2D(),
            Flatten(),
            Dense(3, activation="softmax"),
        ]
    )
    return model, [np.random.RandomState(0).uniform(-1, 1, (5, 8, 8, 1)).astype("float32")]


def recurrent():
    words = np.random.RandomState(0).randint(0, 20, (5, 7)).astype("float32")
    return Sequential([Embedding(20, 4, mask_zero=True, input_length=7), LSTM(6), Dense(2)]), [words]


def two_inputs():
    a, b = Input((3,), name="a"), Input((4,), name="b")
    shared = Dense(5, activation="tanh")
    merged = concatenate([shared(a), shared(Dense(3)(b))])
    random = np.random.RandomState(0)
    arrays = [random.uniform(-1, 1, (5, n)).astype("float32") for n in (3, 4)]
    return Model([a, b], Dense(2)(merged)), arrays


def in_real_keras(module, path, arrays, folder):
    np.savez(folder / "inputs.npz", *arrays)
    done = subprocess.run(
        [PEERS, "-c", PREDICT.format(module=module), path, folder / "inputs.npz", folder / "answer.npz"],
        capture_output=True,
        text=True,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3"},
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    with np.load(folder / "answer.npz") as answer:
        return answer["predicted"], answer["steps"]


def in_real_keras_all(module, path, arrays, folder):
    """The predictions of a model with several outputs."""
    np.savez(folder / "inputs.npz", *arrays)
    done = subprocess.run(
        [PEERS, "-c", PREDICT_ALL.format(module=module), path, folder / "inputs.npz", folder / "answer.npz"],
        capture_output=True,
        text=True,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3"},
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    with np.load(folder / "answer.npz") as answer:
        return [answer[f"arr_{i}"] for i in range(len(answer.files))]


@pytest.mark.parametrize("build", [convolutional, recurrent, two_inputs])
@pytest.mark.parametrize("module, ending", [("tf_keras", "h5"), ("keras", "keras")])
def test_a_file_predicts_the_same_in_real_keras(build, module, ending, tmp_path):
    model, arrays = build()
    path = tmp_path / f"model.{ending}"
    model.save(path)
    predicted, _ = in_real_keras(module, path, arrays, tmp_path)
    np.testing.assert_allclose(predicted, model.predict(arrays), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name, module, ending", [
    ("vision", "tf_keras", "h5"), ("vision", "keras", "h5"), ("vision", "keras", "keras"),
    ("later", "keras", "keras"),
])  # fmt: skip
def test_layers_of_later_versions_predict_the_same_in_real_keras(name, module, ending, tmp_path):
    model = load_model(os.path.join(make_models.FOLDER, f"{name}.keras"))
    path = tmp_path / f"model.{ending}"
    model.save(path)
    arrays = make_models.inputs(name)
    predicted, _ = in_real_keras(module, path, arrays, tmp_path)
    np.testing.assert_allclose(predicted, model.predict(arrays), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("module, ending", [("tf_keras", "h5"), ("keras", "keras")])
def test_real_keras_trains_on_with_the_optimizers_state(module, ending, tmp_path):
    model, arrays = two_inputs()
    model.compile(keras.optimizers.Adam(0.01), "mse")
    model.fit(arrays, np.ones((5, 2)), epochs=5, verbose=0)
    path = tmp_path / f"model.{ending}"
    model.save(path)
    _, steps = in_real_keras(module, path, arrays, tmp_path)
    zeros = np.zeros((5, 2), "float32")
    own = [model.train_on_batch(arrays, zeros) for _ in range(3)]
    np.testing.assert_allclose(steps, own, rtol=1e-4)


FUNCTIONS = [f"keras3/ops_{name}.keras" for name in ("chain", "elementwise", "pairs", "reductions", "shapes")]


@pytest.mark.parametrize(
    ("module", "source", "ending"),
    [
        *(("keras", source, "keras") for source in FUNCTIONS),
        # a model by tf.keras's rules goes into a .keras file of tf.keras's
        *(("tf_keras", "tfkeras_ops.h5", ending) for ending in ("h5", "keras")),
        ("tf_keras", "keras3/ops_plain.keras", "h5"),
        ("keras", "keras3/ops_layers.keras", "h5"),
    ],
)
def test_functions_between_layers_answer_the_same_in_real_keras(module, source, ending, tmp_path):
    model = load_model(FORMATS / source)
    with np.load(FORMATS / "keras3" / "ops.npz") as stored:
        inputs = [stored[name] for name in model.input_names]
    path = tmp_path / f"model.{ending}"
    model.save(path)
    predicted = in_real_keras_all(module, path, inputs, tmp_path)
    own = model.predict(inputs if len(inputs) > 1 else inputs[0])
    for theirs, ours in zip(predicted, own if isinstance(own, list) else [own], strict=True):
        np.testing.assert_allclose(theirs, ours, rtol=2e-5, atol=2e-6)

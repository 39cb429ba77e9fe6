"""FAQ: GPUs, several devices, HDF5 inputs, the configuration file, reproducible results, h5py."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest


def python(code: str, **environment: str) -> str:
    """What a fresh Python prints."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_how_can_i_run_keras_on_gpu():
    code = "from kcompile.torch_bridge.training import default_device; print(default_device().type)"
    assert python(code, CUDA_VISIBLE_DEVICES="").split() == ["cpu"]
    import torch

    expected = "cuda" if torch.cuda.is_available() else "cpu"
    assert python(code).split() == [expected]


def test_how_can_i_run_a_keras_model_on_multiple_gpus_that_are_not_there(run, compiled):
    with pytest.raises(ValueError, match="gpus=8"):
        run(
            """
from keras.utils import multi_gpu_model
parallel_model = multi_gpu_model(model, gpus=8)
""",
            model=compiled,
        )


def test_how_can_i_run_a_keras_model_on_multiple_gpus_with_processes_in_their_place(run, data):
    names = run(
        """
from keras.models import Sequential, clone_model
from keras.layers import Dense
from keras.utils import multi_gpu_model

model = Sequential([Dense(16, activation='tanh', input_dim=8), Dense(3, activation='softmax')])
alone = clone_model(model)
alone.set_weights(model.get_weights())
alone.compile(loss='categorical_crossentropy', optimizer='rmsprop')

parallel_model = multi_gpu_model(model, devices=['cpu:0', 'cpu:1'])
parallel_model.compile(loss='categorical_crossentropy', optimizer='rmsprop')
parallel_model.fit(x, y, epochs=2, batch_size=16, shuffle=False, verbose=0)
alone.fit(x, y, epochs=2, batch_size=16, shuffle=False, verbose=0)
""",
        x=data[0],
        y=data[1],
    )
    for shared, expected in zip(names["model"].get_weights(), names["alone"].get_weights(), strict=True):
        assert np.allclose(shared, expected, rtol=1e-4, atol=1e-5)


def test_device_parallelism_names_what_is_not_there():
    import kcompile

    with pytest.raises(kcompile.DeviceNotFoundError, match="gpu:7"), kcompile.device_scope("/gpu:7"):
        pass


def test_device_parallelism_of_a_shared_lstm(run):
    names = run("""
import keras
import kcompile as tf
tweet_a = keras.Input(shape=(14, 25))
tweet_b = keras.Input(shape=(14, 25))
shared_lstm = keras.layers.LSTM(6)

with tf.device_scope('/cpu:0'):
    encoded_a = shared_lstm(tweet_a)
with tf.device_scope('/cpu:0'):
    encoded_b = shared_lstm(tweet_b)
with tf.device_scope('/cpu:0'):
    merged_vector = keras.layers.concatenate([encoded_a, encoded_b], axis=-1)
model = keras.models.Model([tweet_a, tweet_b], merged_vector)
model.compile('sgd', 'mse')
""")
    model = names["model"]
    a, b = np.random.random((2, 4, 14, 25))
    assert model.train_on_batch([a, b], np.zeros((4, 12))) > 0
    swapped = model.predict([b, a])
    assert np.allclose(model.predict([a, b])[:, :6], swapped[:, 6:], atol=1e-6)


def test_how_can_i_use_hdf5_inputs_with_keras(run, compiled, data, tmp_path):
    import h5py

    (tmp_path / "input").mkdir()
    with h5py.File(tmp_path / "input" / "file.hdf5", "w") as f:
        f["x_data"], f["y_data"] = data
    names = run(
        """
import h5py
from keras.utils import HDF5Matrix
with h5py.File('input/file.hdf5', 'r') as f:
    x_data = f['x_data']
    predicted = model.predict(x_data)
    model.fit(x_data, f['y_data'], shuffle='batch', batch_size=8, verbose=0)
part = HDF5Matrix('input/file.hdf5', 'x_data', start=10, end=30, normalizer=lambda x: x / 2)
predicted_part = model.predict(part)
""",
        model=compiled,
    )
    assert names["predicted"].shape == (40, 3)
    assert np.allclose(names["predicted_part"], compiled.predict(data[0][10:30] / 2), atol=1e-6)


def test_where_is_the_keras_configuration_file_stored(tmp_path):
    show = "from kcompile.keras import backend as K; print(K.floatx(), K.epsilon(), K.image_data_format())"
    environment = {"HOME": str(tmp_path), "KERAS_HOME": ""}
    assert python(show, **environment).split() == ["float32", "1e-07", "channels_last"]
    path = tmp_path / ".keras" / "keras.json"
    created = json.loads(path.read_text())
    assert created == {
        "floatx": "float32", "epsilon": 1e-07, "backend": "tensorflow", "image_data_format": "channels_last",
    }  # fmt: skip
    mine = (
        '{"backend": "theano", "image_data_format": "channels_first", "epsilon": 1e-05, "floatx": "float64"}'
    )
    path.write_text(mine)
    assert python(show, **environment).split() == ["float64", "1e-05", "channels_first"]
    assert path.read_text() == mine


REPRODUCIBLE = """
import hashlib
import random as rn
import numpy as np
import torch
from kcompile import keras
from kcompile.keras.layers import Dense, Dropout

for threads in (1, 2):
    torch.set_num_threads(threads)
    np.random.seed(42)
    rn.seed(12345)
    keras.utils.set_random_seed(1234)
    model = keras.models.Sequential([Dense(64, activation='relu', input_dim=20), Dropout(0.5), Dense(5)])
    model.compile('adam', 'mse')
    x, y = np.random.random((200, 20)), np.random.random((200, 5))
    model.fit(x, y, epochs=2, verbose=0)
    print(threads, hashlib.sha256(b''.join(w.tobytes() for w in model.get_weights())).hexdigest())
"""


def test_how_can_i_obtain_reproducible_results_using_keras_during_development():
    environment = {"PYTHONHASHSEED": "0", "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "2"}
    first = python(REPRODUCIBLE, **environment)
    assert [line.split()[0] for line in first.splitlines()] == ["1", "2"]
    assert first == python(REPRODUCIBLE, **environment)


def test_how_can_i_install_hdf5_or_h5py_to_save_my_models_in_keras():
    import h5py

    assert h5py.version.version

"""What holds of single live models, run in a process whose Keras has the backend of PyTorch.

Prints JSON: for each function that begins with ``it_`` the traceback of what it raised, "" for none.
"""

from __future__ import annotations

import json
import os
import tempfile
import traceback
from types import SimpleNamespace

import keras
import numpy as np
import onnx
import pytest
from keras import layers, ops

import kcompile
from kcompile.live_models import live as doors
from tests.live_models import models
from tests.live_models.inputs import floats


def it_shares_the_memory_of_tensors_and_sees_what_the_live_model_learns():
    inputs = keras.Input((3,))
    live = keras.Model(inputs, layers.Dense(2, use_bias=False)(inputs))
    model = kcompile.from_keras(live)
    x = floats(4, 3)
    model.predict(x, verbose=0)
    live.layers[1].kernel.assign(np.ones((3, 2), "float32"))
    np.testing.assert_allclose(model.predict(x, verbose=0), x @ np.ones((3, 2)), rtol=1e-5)
    model.compile("sgd", "mse")
    model.fit(x, np.zeros((4, 2)), epochs=3, verbose=0)
    trained = keras.ops.convert_to_numpy(live.layers[1].kernel)
    np.testing.assert_array_equal(trained, model.get_weights()[0])
    assert not np.allclose(trained, 1.0)


def it_trains_layers_of_ones_own_and_pushes_the_weights_back():
    live, x = models.text_classification_with_transformer()
    model = kcompile.from_keras(live)
    model.compile(kcompile.keras.optimizers.Adam(0.02), "sparse_categorical_crossentropy")
    y = np.array([0, 1, 0, 1])
    before = model.evaluate(x, y, verbose=0)
    model.fit(x, y, epochs=30, verbose=0)
    assert model.evaluate(x, y, verbose=0) < before / 2
    kcompile.push_weights(model)
    np.testing.assert_allclose(live.predict(x, verbose=0), model.predict(x, verbose=0), atol=1e-5)


def it_trains_by_the_training_branch_of_a_call():
    live, x = models.state_that_inference_reads()
    model = kcompile.from_keras(live)
    mean = live.layers[1].mean
    before = keras.ops.convert_to_numpy(mean).copy()
    model.compile("sgd", "mse")
    model.fit(x, np.zeros((3, 2)), batch_size=3, verbose=0)
    kcompile.push_weights(model)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(mean), 0.9 * before + 0.1 * x.mean(0), atol=1e-6)


def it_trains_on_from_where_the_optimizer_of_the_live_model_stopped():
    inputs = keras.Input((5, 3))
    x = layers.GRU(4, return_sequences=True)(models.Linear(3)(inputs))
    live = keras.Model(inputs, layers.Dense(2, use_bias=False)(layers.LSTM(3)(x)))
    x, y = floats(8, 5, 3), floats(8, 2)
    how = {"batch_size": 4, "epochs": 3, "shuffle": False, "verbose": 0}
    live.compile(keras.optimizers.Adam(0.05), keras.losses.Huber(), metrics=["mae"])
    live.fit(x, y, **how)
    before = live.get_weights()
    model = kcompile.from_keras(live)
    ours = model.fit(x, y, **how).history
    assert int(model.optimizer.iterations.numpy()) == 12
    live.set_weights(before)
    theirs = live.fit(x, y, **how).history
    for name in ("loss", "mae"):
        np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-4)


def it_says_that_a_loss_of_ones_own_leaves_the_model_uncompiled():
    def own(a, b):
        return ops.abs(a - b)

    live, x = models.dense_layer_of_ones_own()
    live.compile("adam", own)
    with pytest.warns(UserWarning, match="is not compiled as the live model is: .*'own'"):
        model = kcompile.from_keras(live)
    with pytest.raises(RuntimeError, match="compile"):
        model.fit(x, x, verbose=0)


def it_predicts_a_live_model_anew_after_it_has_learnt():
    live, x = models.residual_network_of_subclasses()
    for _ in range(2):
        expected = live.predict(x, verbose=0)
        np.testing.assert_allclose(kcompile.predict(live, x, verbose=0), expected, atol=1e-5)
        live.set_weights([w + 0.05 for w in live.get_weights()])


def it_predicts_a_live_model_anew_after_layers_were_adapted():
    live, x = models.low_rank_adaptation()
    kcompile.predict(live, x, verbose=0)
    live.layers[1].enable_lora(1)
    live.layers[1].lora_kernel_b.assign(floats(1, 3))
    np.testing.assert_allclose(kcompile.predict(live, x, verbose=0), live.predict(x, verbose=0), atol=1e-5)


def it_exports_adapted_weights_apart_from_the_kernel_for_training_on():
    live, _ = models.low_rank_adaptation()
    names = [weight.name for weight in kcompile.from_keras(live).trainable_weights]
    assert sum("lora" in name for name in names) == 2
    assert not any(name == "dense/kernel" for name in names), names


def it_writes_adapted_weights_into_the_kernel_of_a_file():
    live, _ = models.low_rank_adaptation()
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model.onnx")
        kcompile.export(live, path)
        file = onnx.load(path)
        names = [weight.name for weight in file.graph.initializer]
        assert not any("lora" in name for name in names), names
        kernels = [tuple(w.dims) for w in file.graph.initializer if len(w.dims) == 2]
        assert sorted(kernels) == sorted(tuple(layer.kernel.shape) for layer in live.layers)


def it_takes_inputs_for_code_that_was_never_called():
    class Doubled(keras.Model):
        def call(self, x):
            return 2.0 * x

    live = Doubled()
    with pytest.raises(ValueError, match="is code, and it is not known what it is called on"):
        kcompile.from_keras(live)
    model = kcompile.from_keras(live, inputs=np.zeros((1, 3), "float32"))
    np.testing.assert_array_equal(model.predict(np.ones((2, 3)), verbose=0), np.full((2, 3), 2.0))


def it_keeps_a_layer_frozen_that_was_frozen():
    inputs = keras.Input((3,))
    live = keras.Model(inputs, layers.Dense(1)(models.Linear(2)(inputs)))
    live.layers[1].trainable = False
    assert len(kcompile.from_keras(live).trainable_weights) == 2


def _refused(layer, shape, *words):
    inputs = keras.Input(shape)
    live = keras.Model(inputs, layer(inputs))
    with pytest.raises(ValueError) as raised:
        kcompile.from_keras(live)
    for word in words:
        assert word in str(raised.value), (word, str(raised.value))


def it_names_an_operation_without_counterpart_its_layer_and_line():
    class Factor(layers.Layer):
        def call(self, x):
            return ops.cholesky(ops.matmul(x, ops.transpose(x, (0, 2, 1))))

    _refused(Factor(name="factor"), (3, 3), "'factor' (Factor)", "Cholesky", "checks.py:")


def it_names_the_line_that_needs_a_size_that_is_open():
    class Looped(layers.Layer):
        def call(self, x):
            return x * float(sum(range(x.shape[1])))

    _refused(
        Looped(name="looped"), (None,), "'looped' (Looped)", "size of an axis that is open", "checks.py:"
    )


def it_names_the_line_that_calls_another_library():
    class Foreign(layers.Layer):
        def call(self, x):
            import torch

            return torch.relu(x)

    _refused(Foreign(name="foreign"), (3,), "'foreign' (Foreign)", "checks.py:", "keras.ops")


def it_refuses_to_push_what_was_made_otherwise():
    with pytest.raises(ValueError, match="was not made by from_keras"):
        kcompile.push_weights(kcompile.keras.Sequential(name="other"))


def it_refuses_a_version_of_keras_that_is_not_known():
    stock, doors.sys = doors.sys, SimpleNamespace(modules={"keras": _OfVersion("3.99.0")})
    try:
        with pytest.raises(ValueError, match=r"Keras 3\.99\.0 is not known here"):
            kcompile.from_keras(models.dense_layer_of_ones_own()[0])
    finally:
        doors.sys = stock


class _OfVersion:
    Model = keras.Model

    def __init__(self, version):
        self.__version__ = version


def main():
    found = {}
    for name, check in list(globals().items()):
        if name.startswith("it_"):
            keras.utils.set_random_seed(1)
            try:
                check()
                found[name] = ""
            except Exception:
                found[name] = traceback.format_exc(limit=-6)
    print(json.dumps(found))


if __name__ == "__main__":
    main()

"""Steps that are executed together run as written-out kernels: to the bit what autograd computes."""

from __future__ import annotations

import gc

import numpy as np
import pytest
from torch.fx import graph_module

from kcompile import keras
from kcompile.keras import backend as K
from kcompile.torch_bridge.devices import default_device
from kcompile.torch_bridge.written_out import WrittenOut

L = keras.layers
pytestmark = pytest.mark.skipif(default_device().type != "cpu", reason="on other devices autograd goes on")


def dense():
    return [L.Dense(8, "relu", kernel_regularizer="l2"), L.Dropout(0.3), L.Dense(3, "softmax")]


def images():
    return [
        L.Reshape((6, 6, 1)),
        L.Conv2D(4, 3, padding="same"),
        L.BatchNormalization(),
        L.ReLU(),
        L.MaxPooling2D(),
        L.Conv2DTranspose(4, 3, strides=2, activation="tanh"),
        L.GaussianNoise(0.1),
        L.Flatten(),
        L.Dense(3, "softmax"),
    ]


def sequences():
    return [L.Reshape((6, 6)), L.SimpleRNN(4, return_sequences=True), L.GRU(4), L.Dense(3, "softmax")]


def fused():
    """Of oneDNN's kernel for LSTMs torch does not say all that its backward pass takes."""
    return [L.Reshape((6, 6)), L.LSTM(4, recurrent_activation="sigmoid"), L.Dense(3, "softmax")]


def masked():
    return [L.Reshape((6, 6)), L.Masking(0.0), L.LSTM(4), L.Dense(3, "softmax")]


def seeded():
    return [L.Dense(8, "elu"), L.Dropout(0.3, seed=4), L.Dense(3, "softmax")]


def printing():
    return [L.Lambda(lambda x: K.print_tensor(x, "seen")), L.Dense(3, "softmax")]


def trained(make, together, optimizer="adam"):
    """The history and the weights after two epochs whose last batch is smaller, and the model."""
    K.clear_session()
    np.random.seed(1)
    from kcompile.torch_bridge.training import seed

    seed(1)
    random = np.random.RandomState(0)
    x, y = random.normal(size=(36, 36)).astype("float32"), random.randint(0, 3, (36, 1))
    model = keras.Sequential([keras.Input((36,)), *make()])
    model.compile(
        optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"], steps_per_execution=together
    )
    history = model.fit(x, y, batch_size=8, epochs=2, verbose=0).history
    return history, model.get_weights(), model


def forms_of(model):
    """For each form of inputs whether its passes are written out."""
    (step,) = model._compiled_steps.made().values()
    return [flat is not None for flat in step._pass._passes.values()]


@pytest.mark.parametrize("optimizer", ["adam", "sgd", "rmsprop"])
@pytest.mark.parametrize(
    ("make", "written"),
    [(dense, True), (images, True), (sequences, True), (masked, False), (seeded, True), (printing, False)],
)
def test_written_out_steps_compute_the_same_to_the_bit(make, written, optimizer, capsys):
    history, weights, _ = trained(make, 1, optimizer)
    printed = capsys.readouterr().out
    their_history, their_weights, model = trained(make, 4, optimizer)
    assert their_history == history
    for one, many in zip(weights, their_weights, strict=True):
        np.testing.assert_array_equal(one, many)
    assert forms_of(model) == [written] * 2
    assert capsys.readouterr().out == printed


def test_steps_that_are_executed_one_by_one_are_not_written_out():
    (step,) = trained(dense, 1)[2]._compiled_steps.made().values()
    assert not isinstance(step._pass, WrittenOut)


def test_inputs_of_many_forms_are_left_to_autograd():
    model = trained(dense, 2)[2]
    for samples in range(10, 20):
        loss = model.train_on_batch(np.ones((samples, 36), "float32"), np.ones((samples, 1)))
        assert np.isfinite(loss).all()
    assert forms_of(model).count(True) == 8


def test_what_fails_in_a_written_out_step_is_told_with_its_layer():
    model = keras.Sequential([L.Embedding(5, 3, input_length=2), L.Flatten(), L.Dense(1)])
    model.compile("adam", "mse", steps_per_execution=2)
    x, y = np.ones((4, 2), "int32"), np.ones((4, 1))
    model.train_on_batch(x, y)
    assert forms_of(model) == [True]
    step = model._compiled_steps.train(False)
    with pytest.raises(IndexError, match="embedding"):
        step([x + 7, y])


def test_the_source_of_what_is_written_out_goes_with_it():
    trained(dense, 4)
    gc.collect()
    before = len(graph_module._loader.eval_cache)
    for _ in range(3):
        trained(dense, 4)
    gc.collect()
    assert len(graph_module._loader.eval_cache) == before

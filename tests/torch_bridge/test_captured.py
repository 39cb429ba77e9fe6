"""Steps on a GPU that are launched as one CUDA graph train as steps whose kernels are launched one by one.

Runs on a GPU, or a simulated one (tests/test_simulated_gpu.py).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kcompile import keras
from kcompile.ir import op
from kcompile.keras import backend as K
from kcompile.torch_bridge import captured
from kcompile.torch_bridge.devices import default_device

L = keras.layers
pytestmark = pytest.mark.skipif(default_device().type != "cuda", reason="there is no GPU")
BATCH, FULL, REST = 8, 6, 3


def dense() -> list[Any]:
    return [L.Dense(8, "relu", kernel_regularizer="l2"), L.Dropout(0.3), L.Dense(3, "softmax")]


def seeded() -> list[Any]:
    return [L.Dense(8, "elu"), L.Dropout(0.3, seed=4), L.GaussianNoise(0.1), L.Dense(3, "softmax")]


def images() -> list[Any]:
    layers = [L.Reshape((6, 6, 1)), L.Conv2D(4, 3, padding="same"), L.BatchNormalization(), L.ReLU()]
    return [*layers, L.MaxPooling2D(), L.Flatten(), L.Dense(3, "softmax", kernel_constraint="max_norm")]


def recurrent() -> list[Any]:
    return [L.Reshape((6, 6)), L.LSTM(4, recurrent_activation="sigmoid"), L.Dense(3, "softmax")]


def waiting() -> list[Any]:
    """How long a result is depends on numbers, for which the GPU is waited for."""
    count = L.Lambda(lambda x: x * op.Cast(op.Shape(op.NonZero(x), start=1), to=1) / 300.0)
    return [count, L.Dense(3, "softmax")]


def printing() -> list[Any]:
    return [L.Lambda(lambda x: K.print_tensor(x, "seen")), L.Dense(3, "softmax")]


def trained(
    make: Any, optimizer: Any, monkeypatch: pytest.MonkeyPatch, capture: bool
) -> tuple[dict[str, list[float]], list[np.ndarray], Any]:
    """The history and the weights after epochs whose last batch is smaller, and the model."""
    monkeypatch.setenv("KCOMPILE_CUDA_GRAPHS", str(int(capture)))
    K.clear_session()
    keras.utils.set_random_seed(1)
    random = np.random.RandomState(0)
    samples = BATCH * FULL + REST
    x, y = random.normal(size=(samples, 36)).astype("float32"), random.randint(0, 3, (samples, 1))
    model = keras.Sequential([keras.Input((36,)), *make()])
    model.compile(optimizer(), "sparse_categorical_crossentropy", metrics=["accuracy"])
    slower = keras.callbacks.LearningRateScheduler(lambda epoch, rate: 0.9 * rate)
    history = model.fit(x, y, batch_size=BATCH, epochs=4, verbose=0, callbacks=[slower]).history
    return history, model.get_weights(), model


def graphs_of(model: Any) -> list[bool]:
    """For each form of inputs that was tried whether its passes are launched as one graph."""
    (step,) = model._compiled_steps.made().values()
    return [graph is not None for graph in getattr(step._pass, "graphs", {}).values()]


def refused(model: Any) -> list[str]:
    """Why not."""
    (step,) = model._compiled_steps.made().values()
    return step._pass.refused


OPTIMIZERS = {
    "adam": lambda: keras.optimizers.Adam(0.01),
    "clipped sgd": lambda: keras.optimizers.SGD(0.1, momentum=0.9, clipnorm=0.5),
    "accumulating": lambda: keras.optimizers.Adam(0.01, gradient_accumulation_steps=2),
}


@pytest.mark.parametrize(
    ("make", "optimizer"),
    [(make, "adam") for make in (dense, seeded, images, recurrent)]
    + [(dense, "clipped sgd"), (images, "accumulating")],
)
def test_captured_steps_train_as_others(make, optimizer, monkeypatch):
    found = trained(make, OPTIMIZERS[optimizer], monkeypatch, capture=True)
    expected = trained(make, OPTIMIZERS[optimizer], monkeypatch, capture=False)
    assert graphs_of(found[2]) == [True], refused(found[2])
    assert graphs_of(expected[2]) == []
    for name, values in expected[0].items():
        np.testing.assert_allclose(found[0][name], values, rtol=1e-4, err_msg=name)
    for one, other in zip(found[1], expected[1], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("make", "disagrees", "why"), [(waiting, False, "synchronizing"), (dense, True, "something else")]
)
def test_what_cannot_be_captured_trains_as_others(make, disagrees, why, monkeypatch):
    if disagrees:
        monkeypatch.setattr(captured, "_close", lambda *tensors: False)
    found = trained(make, OPTIMIZERS["adam"], monkeypatch, capture=True)
    expected = trained(make, OPTIMIZERS["adam"], monkeypatch, capture=False)
    assert graphs_of(found[2]) == [False] and why in refused(found[2])[0]
    assert found[0] == expected[0]


def test_what_prints_is_not_tried(monkeypatch, capsys):
    assert graphs_of(trained(printing, OPTIMIZERS["adam"], monkeypatch, capture=True)[2]) == []
    assert capsys.readouterr().out.count("seen") == 4 * (FULL + 1)


def test_losses_of_steps_are_kept_apart(monkeypatch):
    """The memory of a graph is written to again by the next replay."""
    model = trained(dense, OPTIMIZERS["adam"], monkeypatch, capture=True)[2]
    (step,) = model._compiled_steps.made().values()
    random = np.random.RandomState(1)
    batches = [(random.rand(BATCH, 36).astype("f"), np.full((BATCH, 1), i % 3)) for i in range(3)]
    losses = [step(*batch)[0] for batch in batches]
    assert len({float(loss) for loss in losses}) == 3


def test_weights_that_are_set_between_steps_count(monkeypatch):
    model = trained(dense, OPTIMIZERS["adam"], monkeypatch, capture=True)[2]
    model.set_weights([np.zeros_like(w) for w in model.get_weights()])
    x, y = np.ones((BATCH, 36), "f"), np.zeros((BATCH, 1), "i")
    assert model.train_on_batch(x, y)[0] == pytest.approx(np.log(3), rel=1e-5)

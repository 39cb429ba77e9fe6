"""``model.to_torch()`` for each family of layers: trained by PyTorch, written by both sides, never stale."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from kcompile.keras import layers as L  # noqa: E402
from kcompile.keras.models import Model, Sequential  # noqa: E402

IMAGE, STEPS, FLAT, FRAMES = (7, 6, 3), (5, 4), (6,), (3, 5, 5, 2)
RNN = {"return_sequences": True}


def attend(x):
    return L.MultiHeadAttention(2, 2)(x, x)


FAMILIES = {
    "dense": ([L.Dense(4, "relu"), L.Dense(2)], FLAT),
    "convolution": ([L.Conv2D(3, 3), L.BatchNormalization(), L.Conv2D(2, 3, strides=2)], IMAGE),
    "one dimension": ([L.Conv1D(3, 2), L.Conv1DTranspose(2, 3)], STEPS),
    "depthwise": ([L.DepthwiseConv2D(3), L.SeparableConv2D(4, 3)], IMAGE),
    "transposed": ([L.Conv2DTranspose(3, 3, strides=2)], IMAGE),
    "locally connected": ([L.LocallyConnected1D(3, 2), L.LocallyConnected1D(2, 2)], STEPS),
    "normalization": ([L.LayerNormalization(), L.GroupNormalization(2), L.RMSNormalization()], STEPS),
    "lstm": ([L.LSTM(4, **RNN), L.LSTM(3)], STEPS),
    "lstm, default gates of Keras 2": ([L.LSTM(4, recurrent_activation="hard_sigmoid")], STEPS),
    "gru": ([L.GRU(4, **RNN), L.GRU(3, reset_after=True)], STEPS),
    "both ways": ([L.Bidirectional(L.SimpleRNN(4))], STEPS),
    "cells": ([L.RNN([L.LSTMCell(3), L.GRUCell(2)])], STEPS),
    "convolutional lstm": ([L.ConvLSTM2D(2, 3)], FRAMES),
    "time distributed": ([L.TimeDistributed(L.Dense(3))], STEPS),
    "attention": ([attend], STEPS),
    "additive attention": ([lambda x: L.AdditiveAttention()([x, x])], STEPS),
    "einsum": ([L.EinsumDense("abc,cd->abd", (None, 3), bias_axes="d")], STEPS),
    "slopes": ([L.Dense(4), L.PReLU()], FLAT),
    "model in a model": ([Sequential([L.Dense(3, input_shape=(6,)), L.BatchNormalization()])], FLAT),
}  # fmt: skip


def built(family: str) -> tuple[Model, np.ndarray]:
    layers, shape = FAMILIES[family]
    x = y = L.Input(shape)
    for layer in layers:
        again = isinstance(layer, L.Layer) and not isinstance(layer, Model)
        y = (type(layer).from_config(layer.get_config()) if again else layer)(y)
    data = np.random.default_rng(0).standard_normal((4, *shape)).astype(np.float32)
    return Model(x, y), data


def assert_same(module, model, data) -> None:
    training = module.training
    with torch.no_grad():
        found = module.eval()(torch.from_numpy(data)).numpy()
    module.train(training)
    np.testing.assert_allclose(found, model.predict(data), atol=2e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_pytorch_trains_it_and_neither_side_is_stale(family, tmp_path) -> None:
    model, data = built(family)
    module = model.to_torch(training=True)
    assert_same(module, model, data)
    assert sum(p.requires_grad for p in module.parameters()) == len(model.trainable_weights)
    for name, tensor in module.state_dict().items():
        assert name.isidentifier()
        assert any(tuple(tensor.shape) == w.shape for w in model.weights)

    target = torch.ones(model.predict(data).shape)
    optimizer = torch.optim.Adam([p for p in module.parameters() if p.requires_grad], lr=0.02)
    losses = []
    for _ in range(12):
        optimizer.zero_grad()
        loss = (module(torch.from_numpy(data)) - target).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    assert_same(module, model, data)

    with torch.no_grad():  # a step written by hand
        for parameter in module.parameters():
            parameter.mul_(0.9)
    assert_same(module, model, data)

    model.save_weights(tmp_path / "w.h5")
    trained = model.predict(data)
    model.set_weights([w * 0.5 for w in model.get_weights()])
    assert_same(module, model, data)
    model.load_weights(tmp_path / "w.h5")
    assert_same(module, model, data)
    np.testing.assert_allclose(model.predict(data), trained, atol=1e-6)

    model.compile("sgd", "mse")
    model.fit(data, target.numpy(), epochs=1, verbose=0)
    assert_same(module, model, data)

    state = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    model.set_weights([w * 2 for w in model.get_weights()])
    module.load_state_dict(state)
    assert_same(module, model, data)


def test_weights_read_after_a_write_by_hand_are_new() -> None:
    model, _ = built("dense")
    model.predict(np.zeros((1, 6), np.float32))
    module = model.to_torch()
    with torch.no_grad():
        next(module.parameters()).fill_(3.0)
    assert (model.get_weights()[0] == 3).all()


def test_assigning_a_state_dict_is_refused() -> None:
    module = built("dense")[0].to_torch()
    with pytest.raises(RuntimeError, match="copied, not assigned"):
        module.load_state_dict(module.state_dict(), assign=True)


def test_a_module_that_is_gone_leaves_the_model_as_it_is() -> None:
    model, data = built("convolution")
    before = model.predict(data)
    module = model.to_torch()
    gone = weakref.ref(module)
    del module
    gc.collect()
    assert gone() is None
    np.testing.assert_array_equal(model.predict(data), before)

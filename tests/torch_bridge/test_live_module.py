"""``model.to_torch()``: one set of weights, two owners."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from kcompile.keras.layers import LSTM, BatchNormalization, Dense, Dropout, Input
from kcompile.keras.models import Model, Sequential

X = np.random.default_rng(0).standard_normal((6, 4)).astype(np.float32)


def network() -> Sequential:
    return Sequential([Dense(8, activation="relu", input_shape=(4,)), BatchNormalization(), Dense(2)])


def outputs(module, x=X):
    with torch.no_grad():
        return module(torch.from_numpy(x)).numpy()


def test_it_gives_the_models_outputs() -> None:
    model = network()
    np.testing.assert_allclose(outputs(model.to_torch()), model.predict(X), atol=1e-6)


def test_what_an_optimizer_of_torch_does_the_model_sees() -> None:
    model = network()
    before = model.predict(X)
    module = model.to_torch(training=True)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        module(torch.from_numpy(X)).square().mean().backward()
        optimizer.step()
        after = model.predict(X)  # a session that holds old weights would show
    assert np.abs(after).mean() < np.abs(before).mean() * 0.99
    np.testing.assert_allclose(outputs(module.eval()), model.predict(X), atol=1e-6)
    assert np.abs(model.layers[1].get_weights()[2]).max() > 0  # the moving mean has moved


def test_what_the_model_does_the_module_sees() -> None:
    model = network()
    model.compile("sgd", "mse")
    module = model.to_torch()
    model.fit(X, np.ones((6, 2)), epochs=2, verbose=0)
    np.testing.assert_allclose(outputs(module), model.predict(X), atol=1e-6)


def test_a_state_dict_that_is_loaded_reaches_the_model() -> None:
    model, other = network(), network()
    model.predict(X)
    module = model.to_torch()
    state = other.to_torch().state_dict()
    module.load_state_dict(dict(zip(module.state_dict(), state.values(), strict=True)))
    np.testing.assert_allclose(model.predict(X), other.predict(X), atol=1e-6)


def test_each_weight_appears_once_and_frozen_ones_need_no_gradient() -> None:
    model = network()
    model.layers[0].trainable = False
    module = model.to_torch()
    assert len(list(module.parameters())) == len(model.weights)
    assert sum(p.requires_grad for p in module.parameters()) == len(model.trainable_weights)


def test_train_mode_drops_out() -> None:
    model = Sequential([Dropout(0.5, input_shape=(4,))])
    module = model.to_torch()
    np.testing.assert_array_equal(outputs(module), X)
    assert (outputs(module.train()) == 0).any()


def test_several_inputs_and_outputs() -> None:
    x, y = Input((3, 4)), Input((4,))
    model = Model([x, y], [LSTM(2)(x), Dense(3)(y)])
    steps = np.stack([X[:2], X[2:4], X[4:]], 1)
    found = model.to_torch()(torch.from_numpy(steps), torch.from_numpy(X[:2]))
    for a, b in zip(found, model.predict([steps, X[:2]]), strict=True):
        np.testing.assert_allclose(a.detach(), b, atol=1e-6)


def test_moving_it_is_refused() -> None:
    module = network().to_torch()
    assert module.to("cpu") is module
    with pytest.raises(RuntimeError, match="shares its weights"):
        module.double()


def test_a_model_that_is_not_built_says_so() -> None:
    with pytest.raises(ValueError, match="not built"):
        Sequential([Dense(2)]).to_torch()

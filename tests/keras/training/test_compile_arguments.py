"""Arguments of compile(), and weights, by output."""

from __future__ import annotations

import numpy as np
import pytest

from kcompile.keras import backend as K
from kcompile.keras.layers import Dense, Embedding, Input
from kcompile.keras.models import Model, Sequential

pytest.importorskip("torch")

X = np.arange(30.0).reshape(10, 3)


def two_outputs() -> Model:
    x = Input((3,))
    return Model(x, [Dense(2, name="a")(x), Dense(2, name="b")(x)])


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"loss_weights": (0.5, 0.5)}, TypeError, "expected a list or a dict"),
        ({"target_tensors": set()}, TypeError, "list or dict or a single tensor"),
        ({"target_tensors": [None]}, ValueError, "one entry per model output"),
        ({"target_tensors": {"c": None}}, ValueError, "'c'"),
        ({"sample_weight_mode": {"a": "temporal"}}, ValueError, r"nothing of the outputs \['b'\]"),
        ({"sample_weight_mode": ["temporal"]}, ValueError, "one entry per model output"),
    ],
)
def test_arguments_of_compile_that_do_not_fit_the_outputs(arguments, error, message):
    with pytest.raises(error, match=message):
        two_outputs().compile("sgd", "mse", **arguments)


def test_a_single_target_tensor_needs_a_single_output():
    with pytest.raises(ValueError, match="has 2 outputs, but you passed a single tensor"):
        two_outputs().compile("sgd", "mse", target_tensors=K.zeros((10, 2)))


def test_targets_that_are_tensors_take_no_data_but_weights():
    model = two_outputs()
    model.compile("sgd", "mse", target_tensors=[K.zeros((10, 2)), K.zeros((10, 2))])
    plain = model.test_on_batch(X, None)
    weighted = model.test_on_batch(X, None, sample_weight={"a": np.full(10, 0.5)})
    np.testing.assert_allclose(weighted[1], plain[1] / 2, rtol=1e-6)
    np.testing.assert_allclose(weighted[2], plain[2], rtol=1e-6)
    with pytest.raises(ValueError, match="target_tensors of compile.* no target data"):
        model.train_on_batch(X, [X[:, :2], X[:, :2]])


def test_sample_weights_are_a_list_or_dict_by_name():
    model = two_outputs()
    model.compile("sgd", "mse")
    y = [X[:, :2], X[:, :2]]
    with pytest.raises(TypeError, match="sample_weight"):
        model.train_on_batch(X, y, sample_weight=(None, np.ones(10)))
    plain = model.test_on_batch(X, y)
    with pytest.warns(UserWarning, match="by output names"):
        assert model.test_on_batch(X, y, {model.targets[0]: np.zeros(10)}) == plain


def test_an_integer_tensor_as_data_keeps_its_type():
    model = Sequential([Embedding(9, 2, input_length=4)])
    ids = K.variable(np.arange(8).reshape(2, 4), dtype="int32")
    np.testing.assert_array_equal(model.predict(ids, steps=1), model.predict(K.eval(ids)))

"""Arguments of K's functions that are numbers may be tensors, as in TensorFlow: the result is the same."""

from __future__ import annotations

import numpy as np
import pytest

import kcompile.keras as keras
from kcompile.keras import backend as K

X = np.array([[-2.0, -0.5, 0.3], [1.0, 4.0, 8.0]], "float32")
IMAGE = np.arange(4.0, dtype="float32").reshape(1, 2, 2, 1)

#: function, its first arguments, and those that may be tensors
CASES = [
    ("relu", (X,), {"alpha": 0.1}),
    ("relu", (X,), {"max_value": 2.0}),
    ("relu", (X,), {"threshold": 0.5}),
    ("relu", (X,), {"alpha": 0.1, "max_value": 2.0, "threshold": 0.5}),
    ("elu", (X,), {"alpha": 0.5}),
    ("clip", (X,), {"min_value": -1.0, "max_value": 2.0}),
    ("pow", (X,), {"a": 2.0}),
    ("dropout", (X,), {"level": 0.0}),
    ("arange", (), {"start": 2, "stop": 7, "step": 2}),
    ("one_hot", (np.array([[0, 2, 1]]),), {"num_classes": 4}),
    ("repeat", (X,), {"n": 3}),
    ("tile", (X,), {"n": [2, 3]}),
    ("reshape", (X,), {"shape": [3, 2]}),
    ("slice", (X,), {"start": [0, 1], "size": [2, 2]}),
    ("gather", (X,), {"indices": 1}),
    ("in_top_k", (X, np.array([1, 2])), {"k": 2}),
    ("switch", (), {"condition": True, "then_expression": 1.0, "else_expression": 2.0}),
    ("in_train_phase", (), {"x": 1.0, "alt": 2.0, "training": 1}),
    ("batch_normalization", (X, X, X * X + 1, X, X), {"epsilon": 0.1}),
    ("temporal_padding", (IMAGE[0],), {"padding": [1, 2]}),
    ("spatial_2d_padding", (IMAGE,), {"padding": [[1, 2], [0, 1]], "data_format": "channels_last"}),
    ("random_uniform", ((2, 3),), {"minval": 1.0, "maxval": 2.0, "seed": 3}),
    ("random_normal", ((2, 3),), {"mean": 1.0, "stddev": 2.0, "seed": 3}),
    ("random_binomial", ((2, 3),), {"p": 0.5, "seed": 3}),
    ("truncated_normal", ((2, 3),), {"mean": 1.0, "stddev": 2.0, "seed": 3}),
    ("moving_average_update", (K.variable(X), X + 1), {"momentum": 0.9}),
    *((f, (X,), {"y": 0.3}) for f in ("maximum", "minimum", "equal", "not_equal", "greater", "less_equal")),
    *((f, (K.variable(X),), {a: 2.0}) for f, a in (("update_add", "increment"), ("update_sub", "decrement"))),
]


def tensors(value):
    """The ways in which a tensor may say a value; those of pairs one by one too."""
    dtype = "float32" if isinstance(value, float) else "bool" if isinstance(value, bool) else "int32"
    yield K.constant(value, dtype=dtype)
    yield K.identity(K.constant(value, dtype=dtype))
    if isinstance(value, float):
        yield K.variable(value)
    if isinstance(value, list) and not isinstance(value[0], list):
        yield [K.identity(K.constant(entry, dtype=dtype)) for entry in value]
    elif isinstance(value, list):
        yield [[K.identity(K.constant(n, dtype=dtype)) for n in entry] for entry in value]


@pytest.mark.parametrize("function, args, numbers", CASES, ids=[f"{c[0]}({', '.join(c[2])})" for c in CASES])
def test_tensors_do_what_numbers_do(function, args, numbers):
    def computed(**kwargs):
        given = [K.constant(a, dtype=a.dtype.name) if isinstance(a, np.ndarray) else a for a in args]
        made = getattr(K, function)(*given, **kwargs)
        return K.eval(made[1] if isinstance(made, tuple) else made)

    expected = computed(**numbers)
    for name, value in numbers.items():
        if name in ("seed", "data_format"):
            continue
        for tensor in (
            tensors(value)
            if name != "padding" or function == "temporal_padding"
            else [[K.identity(K.constant(pair, dtype="int32")) for pair in value]]
        ):
            found = computed(**{**numbers, name: tensor})
            assert np.shape(found) == np.shape(expected)
            np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_a_slope_for_each_channel():
    slopes = np.array([0.1, 0.2, 0.3], "float32")
    expected = np.where(X > 0, X, slopes * (np.exp(X) - 1))
    for alpha in (slopes, K.constant(slopes)):
        np.testing.assert_allclose(K.eval(K.elu(K.constant(X), alpha)), expected, rtol=1e-5)


def test_padding_by_a_size_of_another_tensor_keeps_what_is_known_of_the_shape():
    x = K.placeholder((None, 4, 3))
    padded = K.temporal_padding(x, (K.shape(x)[0], 1))
    assert K.int_shape(padded) == (None, None, 3)
    assert K.function([x], [padded])([np.ones((2, 4, 3))])[0].shape == (2, 7, 3)


def test_weights_of_losses_may_be_variables_that_change(tmp_path):
    """As programs anneal them, by K.set_value in a callback."""
    pytest.importorskip("torch")
    x = keras.Input((2,))
    model = keras.Model(x, [keras.layers.Dense(1, name=name, kernel_initializer="ones")(x) for name in "ab"])
    factor = K.variable(0.0)
    model.compile(keras.optimizers.SGD(0.0), "mse", loss_weights={"a": 1.0, "b": factor})
    data = np.ones((4, 2)), [np.zeros(4), np.zeros(4)]
    assert model.train_on_batch(*data) == [4.0, 4.0, 4.0]
    K.set_value(factor, 0.5)
    assert model.train_on_batch(*data) == [6.0, 4.0, 4.0] == model.test_on_batch(*data)
    model.save(tmp_path / "m.h5")
    assert keras.models.load_model(tmp_path / "m.h5").test_on_batch(*data) == [6.0, 4.0, 4.0]

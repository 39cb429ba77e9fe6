"""keras.engine.training_utils: what programs of Keras 2.2 and 2.3 import from there."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import kcompile.keras as keras
from kcompile.keras import backend as K
from kcompile.keras import losses
from kcompile.keras.training import training_utils as utils

X = np.ones((5, 3))


def test_data_become_lists_of_arrays_with_a_feature_axis():
    assert [a.shape for a in utils.standardize_input_data(X, ["x"], [(None, 3)])] == [(5, 3)]
    by_name = utils.standardize_input_data({"b": X, "a": np.arange(5)}, ["a", "b"])
    assert [a.shape for a in by_name] == [(5, 1), (5, 3)]
    assert utils.standardize_input_data(None, ["a", "b"]) == [None, None]
    assert utils.standardize_input_data([], []) == []
    assert utils.standardize_input_data(X, ["x"], [(7, 3)], check_batch_axis=False)[0].shape == (5, 3)
    for data, names, shapes in ((X, ["x"], [(None, 4)]), (X, [], None), (X, ["x"], [(7, 3)])):
        with pytest.raises(ValueError):
            utils.standardize_input_data(data, names, shapes)
    assert utils.standardize_single_array(np.arange(4)).shape == (4, 1)


def test_weights_by_output():
    weights = np.arange(5.0)
    assert utils.standardize_sample_weights({"a": weights}, ["a", "b"])[1] is None
    assert utils.standardize_class_weights({0: 1.0}, ["a"]) == [{0: 1.0}]
    y = np.array([[0], [1], [1], [0], [1]])
    assert utils.standardize_weights(y).tolist() == [1] * 5
    assert utils.standardize_weights(y, class_weight={0: 1, 1: 2}).tolist() == [1, 2, 2, 1, 2]
    assert utils.standardize_weights(y, weights, {0: 1, 1: 2}).tolist() == [0, 2, 4, 3, 8]
    assert utils.standardize_weights(np.ones((2, 3, 1)), sample_weight_mode="temporal").shape == (2, 3)


def test_lengths_and_targets_are_compared():
    utils.check_array_length_consistency([X], [X], [None])
    with pytest.raises(ValueError):
        utils.check_array_length_consistency([X], [X[:3]])
    one_hot = losses.categorical_crossentropy
    utils.check_loss_and_target_compatibility([X], [one_hot], [(None, 3)])
    with pytest.raises(ValueError, match="to_categorical"):
        utils.check_loss_and_target_compatibility([X[:, :1]], [one_hot], [(None, 3)])
    with pytest.raises(ValueError, match="mean_squared_error"):
        utils.check_loss_and_target_compatibility([X], [losses.mean_squared_error], [(None, 4)])
    utils.check_generator_arguments()
    with pytest.raises(ValueError, match="sample_weight"):
        utils.check_generator_arguments(sample_weight=X)


def test_batches():
    assert utils.make_batches(7, 3) == [(0, 3), (3, 6), (6, 7)]
    shuffled = utils.batch_shuffle(np.arange(20), 3)
    assert sorted(shuffled) == list(range(20)) and list(shuffled[-2:]) == [18, 19]
    assert all(list(chunk) == list(range(chunk[0], chunk[0] + 3)) for chunk in shuffled[:18].reshape(-1, 3))
    assert utils.check_num_samples([X], batch_size=2) == 5
    assert utils.check_num_samples([K.placeholder((None, 3))], steps=2) is None
    with pytest.raises(ValueError, match="steps"):
        utils.check_num_samples([X], batch_size=2, steps=2)
    with pytest.raises(ValueError, match="Tensors"):
        utils.check_num_samples([K.placeholder((None, 3))], batch_size=2)
    assert [utils.should_run_validation(2, e) for e in range(3)] == [False, True, False]
    assert utils.should_run_validation([1], 0)


def test_sequences_and_generators():
    class Numbers(keras.utils.Sequence):
        def __len__(self):
            return 2

        def __getitem__(self, i):
            return i

    assert utils.is_sequence(Numbers()) and not utils.is_sequence(iter([1]))
    assert utils.is_generator_or_sequence(Numbers()) and utils.is_generator_or_sequence(i for i in ())
    assert not utils.is_generator_or_sequence(X)
    assert list(itertools.islice(utils.iter_sequence_infinite(Numbers()), 5)) == [0, 1, 0, 1, 0]


def test_layers_and_losses():
    model = keras.Sequential([keras.layers.Dense(2, batch_input_shape=(4, 3))])
    assert utils.get_static_batch_size(model.layers[0]) == 4
    assert utils.get_input_shape_and_dtype(model) == ((4, 3), "float32")
    assert utils.get_static_batch_size(keras.layers.Dense(2)) is None
    assert [loss is None for loss in utils.prepare_loss_functions({"a": "mse"}, ["a", "b"])] == [False, True]
    assert utils.prepare_loss_weights(["a", "b"], {"b": 3.0}) == [1.0, 3.0]
    assert isinstance(utils.get_loss_function("mse"), losses.Loss)


def test_a_weighted_masked_objective_is_the_loss_of_keras_2_2():
    y_true, y_pred = np.array([[[1.0], [2.0], [5.0]]] * 2), np.zeros((2, 3, 1))
    weighted = utils.weighted_masked_objective(losses.mean_squared_error)
    plain = weighted(K.constant(y_true), K.constant(y_pred), None)
    assert K.eval(plain) == pytest.approx(10.0)
    mask = K.constant([[True, True, False]] * 2, dtype="bool")
    masked = weighted(K.constant(y_true), K.constant(y_pred), None, mask)
    assert K.eval(masked) == pytest.approx((1 + 4) / 2, rel=1e-4)
    by_sample = weighted(K.constant(y_true), K.constant(y_pred), K.constant([0.0, 2.0]))
    assert K.eval(by_sample) == pytest.approx(20.0)  # the sample of weight 0 does not count
    assert utils.weighted_masked_objective(None) is None

"""Lambda layers: calling, shapes, masks, and what their configs may and may not bring back."""

from __future__ import annotations

import copy
import json
import pickle

import numpy as np
import pytest

from kcompile import keras
from kcompile.keras import backend as K
from kcompile.keras import layers
from kcompile.keras.utils.generic_utils import SafeModeScope

Input, Lambda = layers.Input, layers.Lambda


def doubled(x, factor=2.0):
    return x * factor


def halved_shape(shape):
    return (shape[0], shape[1] // 2)


def through_json(config):
    return json.loads(json.dumps(config))


def model_of(layer, *shapes):
    inputs = [Input(shape) for shape in shapes]
    return keras.models.Model(inputs, layer(inputs if len(inputs) > 1 else inputs[0]))


def test_the_function_is_part_of_the_graph_and_trains():
    layer = Lambda(lambda x: K.square(x) + 1.0)
    inputs = Input((3,))
    model = keras.models.Model(inputs, layer(layers.Dense(2, name="before")(inputs)))
    x = np.random.default_rng(0).normal(size=(5, 3)).astype("float32")
    kernel, bias = model.get_layer("before").get_weights()
    np.testing.assert_allclose(model.predict(x), (x @ kernel + bias) ** 2 + 1, rtol=1e-5)
    model.compile(keras.optimizers.SGD(0.01), "mse")
    losses = [model.train_on_batch(x, np.ones((5, 2))) for _ in range(20)]
    assert losses[-1] < losses[0]


def test_arguments_and_several_inputs():
    assert model_of(Lambda(doubled, arguments={"factor": 3.0}), (2,)).predict(np.ones((1, 2))).tolist() == [
        [3.0, 3.0]
    ]
    difference = model_of(Lambda(lambda inputs: inputs[0] - inputs[1]), (2,), (2,))
    assert difference.predict([np.ones((1, 2)), np.full((1, 2), 4.0)]).tolist() == [[-3.0, -3.0]]


@pytest.mark.parametrize(
    "layer, expected",
    [
        (Lambda(lambda x: x[:, :2]), (None, 2)),
        (Lambda(lambda x: x[:, :2], output_shape=(2,)), (None, 2)),
        (Lambda(lambda x: x[:, :2], output_shape=halved_shape), (None, 2)),
        (Lambda(lambda x: K.sum(x, axis=1)), (None,)),
    ],
)
def test_output_shape_is_inferred_given_or_computed(layer, expected):
    assert layer.compute_output_shape((None, 4)) == expected
    assert K.int_shape(layer(Input((4,)))) == expected


def test_masks_reach_the_function_and_are_made_by_the_mask_argument():
    masked = layers.Masking()(Input((3, 2)))
    seen = []
    Lambda(lambda x, mask=None: seen.append(mask) or x)(masked)
    assert seen == [masked._keras_mask]
    assert Lambda(doubled)(masked)._keras_mask is None
    kept = Lambda(doubled, mask=lambda inputs, mask: mask)(masked)
    assert kept._keras_mask is masked._keras_mask


def test_config_is_that_of_keras():
    config = Lambda(doubled, arguments={"factor": 3.0}, name="twice").get_config()
    assert list(config)[-5:] == [
        "function",
        "function_type",
        "output_shape",
        "output_shape_type",
        "arguments",
    ]
    code, defaults, closure = config["function"]
    assert isinstance(code, str) and defaults == (2.0,) and closure is None
    assert config["function_type"] == "lambda" and config["output_shape_type"] == "raw"
    assert Lambda(len).get_config()["function"] == "len"


@pytest.mark.parametrize("copied", [lambda config: config, copy.copy, copy.deepcopy])
def test_a_config_that_stayed_in_the_process_gives_the_function_itself(copied):
    layer = Lambda.from_config(copied(Lambda(doubled, output_shape=halved_shape).get_config()))
    assert layer.function is doubled
    assert layer.compute_output_shape((None, 4)) == (None, 2)


def test_models_with_lambdas_are_cloned():
    model = model_of(Lambda(lambda x: x * 5.0), (2,))
    clone = keras.models.clone_model(model)
    assert clone.predict(np.ones((1, 2))).tolist() == [[5.0, 5.0]]


@pytest.mark.parametrize("stored", [through_json, lambda config: pickle.loads(pickle.dumps(config))])
def test_bytecode_from_a_file_is_refused(stored):
    config = stored(Lambda(lambda x: x * 5.0).get_config())
    with pytest.raises(ValueError, match="safe_mode=False"):
        Lambda.from_config(config)
    config = stored(Lambda(doubled, output_shape=lambda shape: shape).get_config())
    config["function"], config["function_type"] = "doubled", "function"
    with pytest.raises(ValueError, match="safe_mode=False"):
        Lambda.from_config(config, custom_objects={"doubled": doubled})


def test_bytecode_as_keras_3_writes_it_is_refused():
    code, defaults, closure = Lambda(doubled).get_config()["function"]
    inner = {"code": code, "defaults": defaults, "closure": closure}
    config = {"name": "l", "function": {"class_name": "__lambda__", "config": inner}, "arguments": {}}
    with pytest.raises(ValueError, match="safe_mode=False"):
        Lambda.from_config(config)


def test_bytecode_of_a_trusted_author_runs_and_finds_the_backend():
    config = through_json(Lambda(lambda x: K.square(x) * 5.0).get_config())
    with SafeModeScope(False):
        layer = Lambda.from_config(config)
    assert model_of(layer, (2,)).predict(np.full((1, 2), 2.0)).tolist() == [[20.0, 20.0]]


def test_named_functions_come_from_custom_objects_only():
    config = {"name": "l", "function": "doubled", "function_type": "function", "arguments": {"factor": 4.0}}
    layer = Lambda.from_config(config, custom_objects={"doubled": doubled})
    assert layer.function is doubled and layer.arguments == {"factor": 4.0}
    with keras.utils.custom_object_scope({"doubled": doubled}):
        assert Lambda.from_config(config).function is doubled
    with pytest.raises(ValueError, match="Unknown function in Lambda layer: 'doubled'"):
        Lambda.from_config(config)
    with pytest.raises(ValueError, match="Unknown function in Lambda layer: 'system'"):
        Lambda.from_config({**config, "function": "system", "module": "os"})


def test_arrays_among_the_arguments_come_back():
    config = {"name": "l", "function": "doubled", "function_type": "function"}
    config["arguments"] = {"factor": {"type": "ndarray", "value": [1.0, 2.0]}}
    layer = Lambda.from_config(config, custom_objects={"doubled": doubled})
    assert layer.arguments["factor"].tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    "make, problem",
    [
        (lambda: Lambda("square"), "function must be callable, found 'square'"),
        (lambda: Lambda(doubled, output_shape=3), "`output_shape` must be a list, a tuple, or a function"),
        (
            lambda: Lambda.from_config({"name": "l", "function": "f", "function_type": "shell"}),
            "type .*'shell'",
        ),
        (
            lambda: Lambda(doubled, output_shape=lambda s: 3).compute_output_shape((2, 3)),
            "must return a tuple",
        ),
    ],
)
def test_bad_arguments_are_refused_by_one_clear_error(make, problem):
    with pytest.raises((TypeError, ValueError), match=problem):
        make()

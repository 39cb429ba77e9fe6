"""Policies of half precision: training computes by them, as tf.keras and Keras 3 do; all else is float32."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pytest

from kcompile import keras, tf_keras
from kcompile.keras import backend as K
from kcompile.keras import layers as L
from kcompile.keras.mixed_precision import LossScaleOptimizer, Policy, global_policy, set_global_policy
from kcompile.tf_keras import tensorflow
from tests.golden import load
from tests.golden.precision import own_steps, rule

GOLDEN = Path(__file__).parents[1] / "golden/precision"
FOUND = json.loads((GOLDEN / "precision.json").read_text())
#: Half of the distance between neighbouring numbers, of 1.
ERROR = {"float16": 2.0**-11, "bfloat16": 2.0**-8}
POLICIES = ["mixed_float16", "mixed_bfloat16"]


@pytest.fixture(autouse=True)
def no_policy():
    yield
    set_global_policy(None)


def half(policy):
    return policy.removeprefix("mixed_")


# --- as in tf.keras and Keras 3


@pytest.mark.parametrize("name", list(FOUND))
def test_training_is_that_of_keras_within_the_error_of_half_precision(name):
    policy = name.partition("-")[2].partition(".")[0]
    model = rule.network(keras, policy)
    x, y = rule.data()
    history = model.fit(x, y, batch_size=8, epochs=4, shuffle=False, verbose=0)
    np.testing.assert_allclose(history.history["loss"], FOUND[name]["losses"], rtol=4 * ERROR[half(policy)])


@pytest.mark.parametrize("name", list(FOUND))
def test_a_file_of_keras_keeps_its_policies_and_trains_on(name):
    expected = FOUND[name]
    model = keras.models.load_model(GOLDEN / name)
    layers = model.layers[1:]
    assert [layer.dtype_policy.name for layer in layers] == expected["policies"]
    assert [layer.compute_dtype for layer in layers] == expected["compute"]
    assert [layer.variable_dtype for layer in layers] == expected["variable"]
    assert {w.dtype for w in model.get_weights()} == {np.dtype(np.float32)}
    x, y = rule.data()
    error = 8 * ERROR[half(expected["policies"][0])]
    np.testing.assert_allclose(model.predict(x[:4]), expected["predicted"], atol=error)
    loss = model.fit(x, y, batch_size=8, shuffle=False, verbose=0).history["loss"][0]
    assert loss < expected["losses"][-1] + error


# --- files of our own


@pytest.mark.parametrize("suffix", [".h5", ".keras", ".json", ".yaml", ".onnx"])
@pytest.mark.parametrize("policy", POLICIES)
def test_a_file_of_ours_keeps_policies(tmp_path, policy, suffix):
    model = rule.network(keras, policy)
    x, _ = rule.data()
    path = str(tmp_path / f"model{suffix}")
    if suffix in (".json", ".yaml"):
        text = model.to_json() if suffix == ".json" else model.to_yaml()
        again = (keras.models.model_from_json if suffix == ".json" else keras.models.model_from_yaml)(text)
        again.set_weights(model.get_weights())
    else:
        (model.export if suffix == ".onnx" else model.save)(path)
        again = keras.models.load_model(path)
    assert [layer.dtype_policy for layer in again.layers[1:]] == [
        layer.dtype_policy for layer in model.layers[1:]
    ]
    np.testing.assert_array_equal(again.predict(x), model.predict(x))


@pytest.mark.parametrize("policy", POLICIES)
def test_an_exported_file_computes_in_float32_alone(tmp_path, policy):
    import onnx

    rule.network(keras, policy).export(tmp_path / "model.onnx")
    model = onnx.load(tmp_path / "model.onnx")
    inferred = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True)
    halves = {onnx.TensorProto.FLOAT16, onnx.TensorProto.BFLOAT16}
    values = [*inferred.graph.value_info, *inferred.graph.input, *inferred.graph.output]
    assert not halves & {value.type.tensor_type.elem_type for value in values}
    assert not halves & {weight.data_type for weight in inferred.graph.initializer}


# --- policies


def test_policies_say_their_types():
    assert (global_policy().name, Policy("mixed_float16").name) == ("float32", "mixed_float16")
    table = {"mixed_float16": ("float16", "float32"), "mixed_bfloat16": ("bfloat16", "float32")}
    for name, types in {**table, "float64": ("float64", "float64")}.items():
        policy = Policy(name)
        assert (policy.compute_dtype, policy.variable_dtype) == types
        assert Policy.from_config(policy.get_config()) == policy
    for wrong in ("mixed_float8", "half a float"):
        with pytest.raises(ValueError, match=f"{wrong!r}.*mixed_bfloat16"):
            Policy(wrong)
    with pytest.raises(TypeError, match="found 3"):
        Policy(3)


def test_layers_take_the_global_policy_or_their_own():
    set_global_policy("mixed_bfloat16")
    assert global_policy() == Policy("mixed_bfloat16")
    assert (L.Dense(1).compute_dtype, L.Dense(1).dtype) == ("bfloat16", "float32")
    own = [L.Dense(1, dtype="float32"), L.Dense(1, dtype=Policy("mixed_float16"))]
    assert [layer.compute_dtype for layer in own] == ["float32", "float16"]
    described = {"class_name": "DTypePolicy", "config": {"name": "mixed_float16"}}
    assert L.Dense(1, dtype=described).dtype_policy.name == "mixed_float16"
    assert L.Dense(1).get_config()["dtype"] == "mixed_bfloat16"
    set_global_policy(None)
    assert L.Dense(1).get_config()["dtype"] == "float32"


def products(model, weighted=False):
    """The types in which the lowered step of training multiplies matrices."""
    code = model._compiled_steps.made()["train", weighted].module.code
    return {name for name in ("torch.float16", "torch.bfloat16") if name in code}


def test_layers_within_a_layer_have_their_own_precision():
    class Block(L.Layer):
        def build(self, input_shape):
            self.inner = L.Dense(2, dtype="float32")
            super().build(input_shape)

        def call(self, inputs):
            return self.inner(inputs)

    model = keras.Sequential([Block(dtype="mixed_bfloat16", input_shape=(2,))])
    model.compile("sgd", "mse")
    model.train_on_batch(np.ones((2, 2)), np.ones((2, 2)))
    assert products(model) == set()


def test_a_layer_may_cast_to_the_type_it_computes_in():
    class Scaled(L.Layer):
        def call(self, inputs):
            factors = K.cast(K.constant([2, 3], "int32"), self.compute_dtype)
            return K.cast(inputs, self.compute_dtype) * factors

    model = keras.Sequential([Scaled(dtype="mixed_bfloat16", input_shape=(2,)), L.Dense(1)])
    model.compile("sgd", "mse")
    model.train_on_batch(np.ones((2, 2)), np.ones((2, 1)))
    assert products(model) == {"torch.bfloat16"}
    assert model.predict(np.ones((1, 2))).dtype == np.float32


FIRST_OF_CLASS = list({g.case["layer"]["class"]: g for g in reversed(load.load("layers"))}.values())


@pytest.mark.parametrize("golden", FIRST_OF_CLASS, ids=repr)
def test_every_layer_trains_by_a_mixed_policy(golden):
    set_global_policy("mixed_bfloat16")
    arrays, _ = load.run(keras, golden)
    for name, value in golden.arrays.items():
        if name.startswith("loss"):
            np.testing.assert_allclose(arrays[name], value, rtol=0.05, atol=0.01)


# --- the scale of the loss


def one_weight(optimizer, policy="mixed_float16", loss="mse"):
    layer = L.Dense(1, use_bias=False, kernel_initializer="ones", dtype=policy)
    model = keras.Sequential([L.Input((1,)), layer])
    model.compile(optimizer, loss)
    return model


def small_loss(y_true, y_pred):
    return 1e-8 * K.mean(y_pred - y_true)


def test_gradients_too_small_for_float16_arrive_by_the_scale():
    model = one_weight(keras.optimizers.SGD(1e7), loss=small_loss)
    model.train_on_batch(np.ones((1, 1)), np.ones((1, 1)))
    assert model.get_weights()[0].item() == pytest.approx(0.9, rel=1e-3)
    fixed = LossScaleOptimizer(keras.optimizers.SGD(1e7), dynamic=False, initial_scale=1)
    model = one_weight(fixed, loss=small_loss)
    model.train_on_batch(np.ones((1, 1)), np.ones((1, 1)))
    assert model.get_weights()[0].item() == 1.0  # they vanished


def test_a_step_whose_gradients_are_not_finite_changes_no_weights_and_halves_the_scale():
    model = one_weight("sgd")
    model.train_on_batch(np.full((1, 1), 3e4), np.zeros((1, 1)))
    optimizer = model.optimizer
    assert isinstance(optimizer, LossScaleOptimizer) and optimizer.inner_optimizer is optimizer
    assert model.get_weights()[0].item() == 1.0
    assert (K.get_value(optimizer.loss_scale), K.get_value(optimizer.iterations)) == (2.0**14, 0)


def test_the_scale_doubles_after_enough_good_steps():
    optimizer = LossScaleOptimizer("sgd", initial_scale=4.0, dynamic_growth_steps=2)
    model = one_weight(optimizer)
    scales = []
    for _ in range(5):
        model.train_on_batch(np.ones((1, 1)), np.zeros((1, 1)))
        scales.append(float(K.get_value(model.optimizer.loss_scale)))
    assert scales == [4, 8, 8, 16, 16]


def test_only_float16_needs_a_scale():
    model = one_weight("sgd", "mixed_bfloat16")
    model.train_on_batch(np.ones((1, 1)), np.zeros((1, 1)))
    assert not isinstance(model.optimizer, LossScaleOptimizer)
    assert not hasattr(model.optimizer, "inner_optimizer")


def test_losses_and_gradients_are_scaled_for_loops_of_ones_own():
    optimizer = LossScaleOptimizer("sgd", initial_scale=8.0)
    scaled = optimizer.get_scaled_loss(K.constant(0.5))
    assert float(scaled) == 4.0
    (grad, none) = optimizer.get_unscaled_gradients([K.constant(16.0), None])
    assert (float(grad), none) == (2.0, None)
    plain = keras.optimizers.SGD()
    assert plain.get_scaled_loss(3.0) == 3.0 and plain.get_unscaled_gradients([1.0]) == [1.0]


# --- steps of one's own

OWN = json.loads((GOLDEN / "own_steps.json").read_text())


@pytest.mark.parametrize("run_eagerly", [False, True], ids=["traced", "at once"])
@pytest.mark.parametrize("policy, step", own_steps.CASES)
def test_own_steps_train_as_those_of_tf_keras(policy, step, run_eagerly):
    expected = OWN[f"{policy}, {step}"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = own_steps.trained(tf_keras, tensorflow, policy, step, run_eagerly)
    error = 8 * ERROR[half(policy)]
    np.testing.assert_allclose(found["loss"], expected["loss"], rtol=error)
    np.testing.assert_allclose(found["weights"], expected["weights"], rtol=error)
    assert found["scale"] == expected["scale"]


def test_layers_of_a_model_called_in_another_compute_by_their_own_policies():
    inner = keras.Sequential([L.Dense(3, input_shape=(4,), dtype="float32"), L.Dense(3)])
    set_global_policy("mixed_bfloat16")
    half_one = keras.Sequential([L.Dense(3, input_shape=(4,)), L.Dense(4, dtype="float32")])
    x = L.Input((4,))
    y = keras.models.Model(x, inner(half_one(x))).output
    nodes = keras.models.Model(x, y)
    products = {}
    stack = [y]
    while stack:
        node = stack.pop().node
        if node is not None:
            if node.op_type == "MatMul":
                products[node.scope.rpartition("/")[2]] = node.precision
            stack += [value for value in node.inputs if value is not None]
    assert list(products.values()).count("bfloat16") == 1 and len(products) == 4
    assert nodes.count_params() == inner.count_params() + half_one.count_params()


def test_gradients_that_are_not_finite_update_nothing_at_once_either():
    optimizer = LossScaleOptimizer(keras.optimizers.SGD(1.0), initial_scale=8, dynamic_growth_steps=2)
    weight = tensorflow.Variable([1.0, 2.0])
    scales = []
    for gradient in ([np.inf, 1], [1, np.nan], [1, 1], [1, 1], [0, 1]):
        optimizer.apply_gradients([(tensorflow.constant(gradient, "float32"), weight)])
        scales.append(float(optimizer.loss_scale))
    assert scales == [4, 2, 2, 4, 4] and weight.numpy().tolist() == [-1, -1]


HALF_CALLS = {
    "products": (lambda policy: L.Dense(1, use_bias=False, kernel_initializer="ones", dtype=policy), 1.0),
    "what works by element": (lambda policy: L.LeakyReLU(1.0, dtype=policy), 1.0),
    "sums": (lambda policy: L.Lambda(lambda x: K.sum(x, axis=-1, keepdims=True), dtype=policy), None),
    "float32": (lambda policy: L.Dense(1, use_bias=False, kernel_initializer="ones", dtype="float32"), None),
}


@pytest.mark.parametrize("what", HALF_CALLS)
@pytest.mark.parametrize("policy", POLICIES)
def test_layers_called_on_tensors_compute_by_their_policy(policy, what):
    make, rounded = HALF_CALLS[what]
    x = 1 + ERROR[half(policy)] / 2  # lies between 1 and the next number of the half precision
    found = make(policy)(tensorflow.constant([[x]], "float32"))
    assert found.dtype == np.float32
    assert found.numpy().item() == (x if rounded is None else rounded)


@pytest.mark.parametrize("policy", POLICIES)
def test_a_step_at_once_is_the_traced_one(policy):
    def gradients(function):
        set_global_policy(policy)
        layer = L.Dense(4, activation="tanh", kernel_initializer=keras.initializers.RandomNormal(seed=1))
        x = tensorflow.constant(np.linspace(-1, 1, 24).reshape(4, 6).astype("float32"))
        layer(x)

        def step(x):
            with tensorflow.GradientTape() as tape:
                loss = tensorflow.reduce_mean(tensorflow.square(layer(x)))
            return [loss, *tape.gradient(loss, layer.trainable_weights)]

        return [np.asarray(found) for found in function(step)(x)]

    traced, at_once = gradients(tensorflow.function), gradients(lambda step: step)
    for a, b in zip(traced, at_once, strict=True):
        np.testing.assert_allclose(a, b, rtol=4 * ERROR[half(policy)], atol=ERROR[half(policy)] / 8)

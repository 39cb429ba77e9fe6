"""Programs of tensorflow-model-optimization, as its guides have them, run on what is here by its names."""

from __future__ import annotations

import inspect
import os
from collections import Counter

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper

from kcompile.tf_keras import model_optimization as tfmot
from kcompile.tf_keras import tensorflow as tf

X = np.random.default_rng(0).normal(size=(64, 20)).astype(np.float32)
Y = (X[:, :3] + X[:, 3:6]).argmax(axis=1)
LOSS = "sparse_categorical_crossentropy"

#: Of tensorflow-model-optimization 0.8.0: a public name -> its parameters, with their defaults behind "=".
SIGNATURES = {
    "clustering.keras.cluster_scope": "",
    "clustering.keras.cluster_weights": "to_cluster number_of_clusters "
    "cluster_centroids_init=CentroidInitialization.KMEANS_PLUS_PLUS",
    "clustering.keras.experimental.cluster_weights": "to_cluster number_of_clusters "
    "cluster_centroids_init=CentroidInitialization.KMEANS_PLUS_PLUS preserve_sparsity=False "
    "cluster_per_channel=False",
    "clustering.keras.strip_clustering": "model",
    "quantization.keras.QuantizeWrapperV2": "layer quantize_config",
    "quantization.keras.quantize_annotate_layer": "to_annotate quantize_config=None",
    "quantization.keras.quantize_annotate_model": "to_annotate",
    "quantization.keras.quantize_apply": "model scheme=None quantized_layer_name_prefix='quant_'",
    "quantization.keras.quantize_model": "to_quantize quantized_layer_name_prefix='quant_'",
    "quantization.keras.quantizers.AllValuesQuantizer": "num_bits per_axis symmetric narrow_range",
    "quantization.keras.quantizers.FixedQuantizer": "num_bits init_min init_max narrow_range",
    "quantization.keras.quantizers.LastValueQuantizer": "num_bits per_axis symmetric narrow_range",
    "quantization.keras.quantizers.MovingAverageQuantizer": "num_bits per_axis symmetric narrow_range",
    "sparsity.keras.ConstantSparsity": "target_sparsity begin_step end_step=-1 frequency=100",
    "sparsity.keras.PolynomialDecay": "initial_sparsity final_sparsity begin_step end_step power=3 "
    "frequency=100",
    "sparsity.keras.PruningSummaries": "log_dir update_freq='epoch'",
    "sparsity.keras.UpdatePruningStep": "",
    "sparsity.keras.prune_low_magnitude": "to_prune pruning_schedule=None block_size=(1,1) "
    "block_pooling_type='AVG' pruning_policy=None sparsity_m_by_n=None",
    "sparsity.keras.prune_scope": "",
    "sparsity.keras.strip_pruning": "model",
}
#: Those that are classes or functions without arguments to compare: bases, an enumeration, a scope.
OTHERS = """
    clustering.keras.CentroidInitialization clustering.keras.ClusterableLayer
    quantization.keras.QuantizeConfig quantization.keras.QuantizeWrapper quantization.keras.quantize_scope
    quantization.keras.quantizers.Quantizer
    sparsity.keras.PrunableLayer sparsity.keras.PruningPolicy sparsity.keras.PruningSchedule
""".split()
#: Those that are not here.
NOT_HERE = """
    clustering.keras.ClusteringAlgorithm clustering.keras.ClusteringSummaries experimental
    quantization.keras.QuantizeLayoutTransform quantization.keras.QuantizeRegistry
    quantization.keras.QuantizeScheme quantization.keras.collab_opts quantization.keras.default_8bit
    quantization.keras.experimental quantization.keras.fix_input_output_range
    quantization.keras.graph_transformations quantization.keras.remove_input_range
    sparsity.keras.PruneForLatencyOnXNNPack
""".split()


def found(path):
    value = tfmot
    for name in path.split("."):
        value = getattr(value, name)
    return value


@pytest.mark.parametrize("path", sorted(SIGNATURES))
def test_parameters_and_defaults_are_those_of_the_package(path):
    function = found(path)
    taken = inspect.signature(function.__init__ if inspect.isclass(function) else function).parameters
    positions = [p for p in taken.values() if p.name != "self" and p.kind is p.POSITIONAL_OR_KEYWORD]
    for wanted, parameter in zip(SIGNATURES[path].split(), positions, strict=False):
        name, has_default, default = wanted.partition("=")
        assert parameter.name == name
        given = parameter.default
        assert (given is parameter.empty) == (not has_default)
        shown = f"CentroidInitialization.{given.name}" if hasattr(given, "name") else repr(given)
        assert not has_default or shown.replace(" ", "") == default
    assert len(positions) >= len(SIGNATURES[path].split())


def test_the_other_public_names_are_there_or_said_not_to_be():
    assert all(found(path) is not None for path in OTHERS)
    for path in NOT_HERE:
        with pytest.raises(AttributeError, match=rf"tfmot.{path} is not here: "):
            found(path)
    with pytest.raises(AttributeError, match=r"tfmot.sparsity.keras.prune_all is not here; there are Const"):
        found("sparsity.keras.prune_all")


def setup_model():
    return tf.keras.Sequential(
        [
            tf.keras.layers.Dense(16, activation="relu", input_shape=(20,)),
            tf.keras.layers.Flatten(),
            tf.keras.layers.Dense(3, activation="softmax"),
        ]
    )


@pytest.fixture(scope="module")
def pretrained_weights():
    np.random.seed(0)
    model = setup_model()
    model.compile(tf.keras.optimizers.Adam(0.01), LOSS)
    model.fit(X, Y, epochs=20, verbose=0)
    return model.get_weights()


@pytest.fixture
def base_model(pretrained_weights):
    model = setup_model()
    model.set_weights(pretrained_weights)
    model.compile("adam", LOSS, metrics=["accuracy"])
    return model


def fit(model, **options):
    model.compile(tf.keras.optimizers.Adam(0.001), LOSS, metrics=["accuracy"])
    return model.fit(X, Y, verbose=0, **options)


def integers_of(model, path):
    """The weights that a model's file has as integers, and how far it computes from the model."""
    model.export(path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    computed = session.run(None, {session.get_inputs()[0].name: X})[0]
    arrays = {t.name: numpy_helper.to_array(t) for t in onnx.load(path).graph.initializer}
    kernels = {name: array for name, array in arrays.items() if array.dtype == np.int8 and array.ndim == 2}
    return kernels, np.abs(computed - model.predict(X, verbose=0)).max()


# --- pruning, by the comprehensive guide --------------------------------------------------------------------


def test_a_whole_model_is_pruned_and_saved(base_model, tmp_path):
    model_for_pruning = tfmot.sparsity.keras.prune_low_magnitude(
        base_model,
        pruning_schedule=tfmot.sparsity.keras.PolynomialDecay(
            initial_sparsity=0.50, final_sparsity=0.80, begin_step=0, end_step=6, frequency=1
        ),
    )
    log_dir = str(tmp_path / "logs")
    callbacks = [
        tfmot.sparsity.keras.UpdatePruningStep(),
        tfmot.sparsity.keras.PruningSummaries(log_dir=log_dir),
    ]
    fit(model_for_pruning, epochs=4, callbacks=callbacks)
    assert any(files for *_, files in os.walk(log_dir))
    model_for_pruning.save(tmp_path / "pruned.h5")
    with tfmot.sparsity.keras.prune_scope():
        loaded_model = tf.keras.models.load_model(tmp_path / "pruned.h5")
    model_for_export = tfmot.sparsity.keras.strip_pruning(loaded_model)
    assert [type(layer).__name__ for layer in model_for_export.layers] == ["Dense", "Flatten", "Dense"]
    kernel = model_for_export.layers[0].kernel.numpy()
    assert (kernel == 0).mean() == pytest.approx(0.8, abs=0.01)


def test_some_layers_are_pruned_and_layers_say_which_weights(base_model):
    def apply_pruning_to_dense(layer):
        if isinstance(layer, tf.keras.layers.Dense):
            return tfmot.sparsity.keras.prune_low_magnitude(layer)
        return layer

    pruned = tf.keras.models.clone_model(base_model, clone_function=apply_pruning_to_dense)
    fit(pruned, callbacks=[tfmot.sparsity.keras.UpdatePruningStep()])
    assert [(w.numpy() == 0).mean() for w in pruned.weights if "kernel" in w.name] == [0.5, 0.5]

    class MyDenseLayer(tf.keras.layers.Dense, tfmot.sparsity.keras.PrunableLayer):
        def get_prunable_weights(self):
            return [self.kernel, self.bias]

    model = tf.keras.Sequential(
        [
            tfmot.sparsity.keras.prune_low_magnitude(MyDenseLayer(20, input_shape=(20,))),
            tf.keras.layers.Flatten(),
        ]
    )
    assert len(model.layers[0].pruning_masks) == 2


def test_a_policy_says_which_layers_of_a_model_are_pruned(base_model):
    class OnlyWide(tfmot.sparsity.keras.PruningPolicy):
        def allow_pruning(self, layer):
            return layer.units > 3

        def ensure_model_supports_pruning(self, model):
            if len(model.layers) < 3:
                raise ValueError("too few layers")

    pruned = tfmot.sparsity.keras.prune_low_magnitude(base_model, pruning_policy=OnlyWide())
    assert [type(layer).__name__ for layer in pruned.layers] == ["PruneLowMagnitude", "Flatten", "Dense"]
    with pytest.raises(ValueError, match="too few layers"):
        tfmot.sparsity.keras.prune_low_magnitude(
            tf.keras.Sequential([tf.keras.layers.Dense(2, input_shape=(2,))]), pruning_policy=OnlyWide()
        )


# --- clustering, by the comprehensive guide -----------------------------------------------------------------


def test_a_whole_model_is_clustered(base_model, tmp_path):
    init = tfmot.clustering.keras.CentroidInitialization
    clustered = tfmot.clustering.keras.cluster_weights(
        base_model, number_of_clusters=3, cluster_centroids_init=init.LINEAR
    )
    fit(clustered)
    clustered.save(tmp_path / "clustered.h5")
    with tfmot.clustering.keras.cluster_scope():
        loaded = tf.keras.models.load_model(tmp_path / "clustered.h5")
    final = tfmot.clustering.keras.strip_clustering(loaded)
    assert all(len(np.unique(layer.kernel.numpy())) <= 3 for layer in final.layers if layer.weights)


@pytest.mark.parametrize("preserve_sparsity", [False, True])
def test_each_filter_of_a_convolution_shares_values_of_its_own(preserve_sparsity, tmp_path):
    images = np.random.default_rng(1).normal(size=(16, 6, 6, 2)).astype(np.float32)
    model = tf.keras.Sequential(
        [tf.keras.layers.Conv2D(5, 3, input_shape=(6, 6, 2)), tf.keras.layers.Flatten()]
    )
    kernel = model.layers[0].kernel.numpy()
    zeros = np.abs(kernel) < np.median(np.abs(kernel))
    model.layers[0].set_weights([np.where(zeros, 0, kernel), np.zeros(5)])
    clustered = tfmot.clustering.keras.experimental.cluster_weights(
        model,
        number_of_clusters=4,
        cluster_centroids_init=tfmot.clustering.keras.CentroidInitialization.KMEANS_PLUS_PLUS,
        preserve_sparsity=preserve_sparsity,
        cluster_per_channel=True,
    )
    clustered.compile("adam", "mse")
    clustered.fit(images, np.ones((16, 80)), epochs=2, verbose=0)
    outputs = clustered.predict(images, verbose=0)
    clustered.save(tmp_path / "model.keras")
    for each in (clustered, tf.keras.models.load_model(tmp_path / "model.keras")):
        final = tfmot.clustering.keras.strip_clustering(each)
        np.testing.assert_allclose(final.predict(images, verbose=0), outputs, atol=1e-5)
        found = final.layers[0].kernel.numpy()
        assert all(len(np.unique(found[..., channel])) <= 4 + preserve_sparsity for channel in range(5))
        assert len(np.unique(found)) > 5
        assert not preserve_sparsity or (found[zeros] == 0).all()


# --- quantization aware training, by the comprehensive guide ------------------------------------------------


def test_a_whole_model_is_quantized_saved_and_deployed(base_model, tmp_path):
    quant_aware_model = tfmot.quantization.keras.quantize_model(base_model)
    assert [layer.name for layer in quant_aware_model.layers] == [
        f"quant_{layer.name}" if layer.weights else layer.name for layer in base_model.layers
    ]
    fit(quant_aware_model, epochs=3)
    before = base_model.evaluate(X, Y, verbose=0)[1]
    assert quant_aware_model.evaluate(X, Y, verbose=0)[1] >= before - 0.02
    quant_aware_model.save(tmp_path / "model.h5")
    with tfmot.quantization.keras.quantize_scope():
        loaded = tf.keras.models.load_model(tmp_path / "model.h5")
    kernels, difference = integers_of(loaded, tmp_path / "model.onnx")
    assert len(kernels) == 2 and difference < 0.03
    kinds = Counter(node.op_type for node in onnx.load(tmp_path / "model.onnx").graph.node)
    assert kinds["Gemm"] == 2


def test_some_layers_are_annotated_and_quantized(base_model, tmp_path):
    def apply_quantization_to_dense(layer):
        if isinstance(layer, tf.keras.layers.Dense) and layer.units == 3:
            return tfmot.quantization.keras.quantize_annotate_layer(layer)
        return layer

    annotated_model = tf.keras.models.clone_model(base_model, clone_function=apply_quantization_to_dense)
    annotated_model.set_weights(base_model.get_weights())
    quant_aware_model = tfmot.quantization.keras.quantize_apply(annotated_model)
    weights = base_model.get_weights()
    assert [type(layer).__name__ for layer in quant_aware_model.layers] == [
        "Dense",
        "Flatten",
        "QuantizeWrapper",
    ]
    np.testing.assert_array_equal(quant_aware_model.layers[2].get_weights()[0], weights[2])
    fit(quant_aware_model)
    kernels, difference = integers_of(quant_aware_model, tmp_path / "model.onnx")
    assert len(kernels) == 1 and difference < 0.03
    for old, now in zip(weights, base_model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, now)


LastValueQuantizer = tfmot.quantization.keras.quantizers.LastValueQuantizer
MovingAverageQuantizer = tfmot.quantization.keras.quantizers.MovingAverageQuantizer


class DefaultDenseQuantizeConfig(tfmot.quantization.keras.QuantizeConfig):
    bits = 8

    def get_weights_and_quantizers(self, layer):
        return [
            (
                layer.kernel,
                LastValueQuantizer(num_bits=self.bits, symmetric=True, narrow_range=False, per_axis=False),
            )
        ]

    def get_activations_and_quantizers(self, layer):
        return [
            (
                layer.activation,
                MovingAverageQuantizer(num_bits=8, symmetric=False, narrow_range=False, per_axis=False),
            )
        ]

    def set_quantize_weights(self, layer, quantize_weights):
        layer.kernel = quantize_weights[0]

    def set_quantize_activations(self, layer, quantize_activations):
        layer.activation = quantize_activations[0]

    def get_output_quantizers(self, layer):
        return []

    def get_config(self):
        return {}


class FourBitsConfig(DefaultDenseQuantizeConfig):
    bits = 4


class FixedRangeQuantizer(tfmot.quantization.keras.quantizers.Quantizer):
    def build(self, tensor_shape, name, layer):
        limit = layer.add_weight(
            f"{name}_limit", initializer=tf.keras.initializers.Constant(0.5), trainable=False
        )
        return {"limit": limit}

    def __call__(self, inputs, training, weights, **kwargs):
        return tf.clip_by_value(inputs, -weights["limit"], weights["limit"])

    def get_config(self):
        return {}


class ClippedConfig(DefaultDenseQuantizeConfig):
    def get_weights_and_quantizers(self, layer):
        return [(layer.kernel, FixedRangeQuantizer())]

    def get_activations_and_quantizers(self, layer):
        return []

    def set_quantize_activations(self, layer, quantize_activations):
        pass

    def get_output_quantizers(self, layer):
        return [tfmot.quantization.keras.quantizers.FixedQuantizer(8, 0.0, 4.0, False)]


class CustomLayer(tf.keras.layers.Dense):
    pass


@pytest.mark.parametrize("config", [DefaultDenseQuantizeConfig, FourBitsConfig, ClippedConfig])
def test_a_config_says_how_a_layer_is_quantized(config, tmp_path):
    np.random.seed(0)
    annotate = tfmot.quantization.keras.quantize_annotate_layer
    model = tfmot.quantization.keras.quantize_annotate_model(
        tf.keras.Sequential(
            [
                annotate(CustomLayer(16, activation="relu", input_shape=(20,)), config()),
                tf.keras.layers.Flatten(),
                tf.keras.layers.Dense(3, activation="softmax"),
            ]
        )
    )
    with tfmot.quantization.keras.quantize_scope({config.__name__: config, "CustomLayer": CustomLayer}):
        quant_aware_model = tfmot.quantization.keras.quantize_apply(model)
        losses = fit(quant_aware_model, epochs=15).history["loss"]
        quant_aware_model.save(tmp_path / "model.h5")
        loaded = tf.keras.models.load_model(tmp_path / "model.h5")
    assert losses[-1] < losses[0]
    np.testing.assert_array_equal(loaded.predict(X, verbose=0), quant_aware_model.predict(X, verbose=0))
    kernels, difference = integers_of(loaded, tmp_path / "model.onnx")
    assert difference < 0.03
    name = loaded.layers[0].weights[0].name
    bits = {DefaultDenseQuantizeConfig: 8, FourBitsConfig: 4}.get(config)
    assert (name in kernels) == (bits is not None)
    if bits is not None:
        assert 2 ** (bits - 1) - 1 == np.abs(kernels[name].astype(int)).max()


class ByChannelConfig(ClippedConfig):
    def get_weights_and_quantizers(self, layer):
        return [(layer.kernel, LastValueQuantizer(8, per_axis=True, symmetric=True, narrow_range=True))]

    def get_output_quantizers(self, layer):
        return [MovingAverageQuantizer(8, per_axis=False, symmetric=False, narrow_range=False)]


def test_a_convolution_of_a_config_runs_on_integers(tmp_path):
    annotate, images = tfmot.quantization.keras.quantize_annotate_layer, X[:, :16].reshape(-1, 4, 4, 1)
    convolution = annotate(tf.keras.layers.Conv2D(5, 3, input_shape=(4, 4, 1)), ByChannelConfig())
    model = tfmot.quantization.keras.quantize_apply(
        tf.keras.Sequential([convolution, tf.keras.layers.Flatten(), tf.keras.layers.Dense(3)])
    )
    model.compile("sgd", "mse")
    model.fit(images, np.ones((len(images), 3)), verbose=0)
    assert model.export(tmp_path / "model.onnx")
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    onnxruntime.InferenceSession(tmp_path / "model.onnx", options, providers=["CPUExecutionProvider"])
    kinds = {node.op_type for node in onnx.load(tmp_path / "optimized.onnx").graph.node}
    assert "QLinearConv" in kinds and "Conv" not in kinds


@pytest.mark.parametrize("kind", sorted(set(tfmot.quantization.keras.quantizers.__all__) - {"Quantizer"}))
@pytest.mark.parametrize("bits", [4, 8, 16])
def test_quantizers_round_what_they_have_seen_to_as_many_steps(kind, bits):
    cls = getattr(tfmot.quantization.keras.quantizers, kind)
    fixed = kind == "FixedQuantizer"
    quantizer = cls(bits, -3.0, 3.0, False) if fixed else cls(bits, False, False, False)
    assert cls.from_config(quantizer.get_config()) == quantizer

    class Outputs(ClippedConfig):
        def get_weights_and_quantizers(self, layer):
            return []

        def get_output_quantizers(self, layer):
            return [quantizer]

    wrapper = tfmot.quantization.keras.QuantizeWrapperV2(
        tf.keras.layers.Activation("linear", input_shape=(1,)), Outputs()
    )
    model = tf.keras.Sequential([wrapper])
    model.compile("sgd", "mse")
    x = np.linspace(-3, 3, 5000, dtype=np.float32)[:, None]
    model.fit(x, x, batch_size=5000, verbose=0)
    y = model.predict(x, verbose=0)
    step = 6 / (2**bits - 1)
    assert np.abs(y - x).max() <= 0.5001 * step + (0 if bits < 16 else 1e-6) + 0.5 * step  # and where 0 lies
    assert len(np.unique(y)) == min(2**bits, 5000)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda q: q.quantize_model(None), "`to_quantize` can only be"),
        (lambda q: q.quantize_annotate_model(tf.keras.layers.Dense(2)), "`to_annotate` can only be"),
        (lambda q: q.quantize_annotate_layer(setup_model()), "Only a layer is annotated"),
        (lambda q: q.quantize_annotate_layer(tf.keras.layers.Dense(2), "all"), "must be a QuantizeConfig"),
        (lambda q: q.quantize_apply(setup_model()), "has no layer that quantize_annotate"),
        (lambda q: q.quantize_apply(setup_model(), "8 bits"), "scheme must be None"),
        (lambda q: q.quantizers.LastValueQuantizer(1, False, True, False), "num_bits must be from 2 to 16"),
        (lambda q: q.quantizers.FixedQuantizer(8, 1.0, 0.0, False), "init_min must be less"),
    ],
)
def test_what_cannot_be_quantized_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call(tfmot.quantization.keras)

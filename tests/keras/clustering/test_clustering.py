"""Clustering: few values, chosen and trained as in tensorflow-model-optimization."""

from __future__ import annotations

import gzip

import numpy as np
import pytest

from kcompile import keras
from kcompile.keras import clustering as C
from kcompile.keras import layers as L
from kcompile.keras.clustering.centroids import first_centroids
from tests.keras.sparsity.test_pruning import LAYERS, compiled, digits, digits_network, sparsity

__all__ = ["digits"]


def test_linear_centroids_lie_at_equal_distances():
    found = first_centroids(np.array([[-1.0, 3.0], [0.2, 0.4]], np.float32), 5, "LINEAR", False)
    np.testing.assert_allclose(found, [-1, 0, 1, 2, 3])


def test_centroids_by_density_have_as_many_weights_between_them():
    weights = np.random.default_rng(0).normal(size=(50, 40))
    found = first_centroids(weights, 5, "DENSITY_BASED", False)
    counts, _ = np.histogram(weights, found)
    assert counts.max() - counts.min() <= 1


@pytest.mark.parametrize("rule", [each.value for each in C.CentroidInitialization])
def test_centroids_are_sorted_and_lie_among_the_weights(rule):
    weights = np.random.default_rng(0).normal(size=(20, 10)).astype(np.float32)
    found = first_centroids(weights, 8, rule, True)
    assert found.shape == (8,)
    assert (np.diff(found) >= 0).all()
    assert (0 == found).any()
    assert found.min() >= weights.min()
    assert found.max() <= weights.max()


def test_far_apart_finds_clusters_that_are_there():
    random = np.random.default_rng(0)
    weights = np.concatenate([random.normal(at, 0.01, 50) for at in (-5, 0, 2, 9)])
    np.testing.assert_allclose(
        first_centroids(weights, 4, "KMEANS_PLUS_PLUS", False), [-5, 0, 2, 9], atol=0.1
    )


def test_gradients_reach_centroids_as_sums_and_weights_as_they_are():
    layer = C.cluster_weights(L.Dense(2, use_bias=False), 2, "LINEAR")
    model = keras.Sequential([layer])
    model.build((None, 3))
    kernel = np.array([[0.0, 1.0], [0.1, 0.9], [0.2, 0.8]], np.float32)
    layer.layer.kernel.assign(kernel)
    centroids = layer.weights[0]
    assert "centroids" in centroids.name
    centroids.assign(np.array([0.0, 1.0], np.float32))
    x = np.array([[1.0, 2.0, 3.0]], np.float32)
    np.testing.assert_allclose(model.predict(x), [[0.0, 6.0]])
    model.compile(keras.optimizers.SGD(0.01), lambda t, y: keras.backend.sum(y * t, axis=-1))
    model.train_on_batch(x, np.array([[1.0, 10.0]]))
    np.testing.assert_allclose(centroids.numpy(), [0 - 0.01 * 6, 1 - 0.01 * 60], rtol=1e-5)
    gradient = np.array([[1, 10], [2, 20], [3, 30]])
    np.testing.assert_allclose(layer.layer.kernel.numpy(), kernel - 0.01 * gradient, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", sorted(LAYERS))
def test_any_layer_with_kernels_shares_values_while_it_trains(name):
    make, shape = LAYERS[name]
    layer = C.cluster_weights(make(), 4)
    model = keras.Sequential([layer, L.Flatten(), L.Dense(1)])
    model.build((None, *shape))
    model.compile("sgd", "mse")
    x = np.random.default_rng(0).normal(size=(32, *shape))
    before = [array.copy() for _, array in layer.clustered_weights()]
    model.fit(x, np.ones((32, 1)), batch_size=8, verbose=0)
    after = [array for _, array in layer.clustered_weights()]
    assert all(len(np.unique(array)) <= 4 for array in after)
    assert any((a != b).any() for a, b in zip(before, after, strict=True))
    stripped = C.strip_clustering(model)
    assert type(stripped.layers[0]) is type(make())
    np.testing.assert_allclose(stripped.predict(x), model.predict(x), rtol=1e-5, atol=1e-6)
    assert all(
        len(np.unique(w.numpy())) <= 4
        for w, _ in zip(layer.layer.trainable_weights, after, strict=False)
        if len(w.shape) > 1 and "depthwise" not in w.name
    )


def test_zeros_stay_zero():
    model = keras.Sequential([L.Dense(6, input_shape=(8,))])
    kernel = model.layers[0].kernel.numpy()
    kernel[::2] = 0
    model.layers[0].kernel.assign(kernel)
    clustered = C.cluster_weights(model, 4, preserve_sparsity=True)
    clustered.compile(keras.optimizers.SGD(0.5), "mse")
    clustered.fit(np.ones((8, 8)), np.ones((8, 6)), verbose=0)
    found = C.strip_clustering(clustered).layers[0].kernel.numpy()
    assert sparsity(found[::2]) == 1
    assert len(np.unique(found)) <= 5


def test_a_model_is_clustered_and_smaller_and_as_good(digits, tmp_path):
    (x, y), (x_test, y_test) = digits
    model = compiled(digits_network())
    model.fit(x, y, epochs=6, verbose=0)
    free = model.evaluate(x_test, y_test, verbose=0)[1]
    model.export(tmp_path / "free.onnx", verify=False)
    clustered = compiled(C.cluster_weights(model, 16), 1e-4)
    clustered.fit(x, y, epochs=2, verbose=0)
    stripped = compiled(C.strip_clustering(clustered))
    assert stripped.evaluate(x_test, y_test, verbose=0)[1] > free - 0.03
    stripped.export(tmp_path / "clustered.onnx", verify=False)
    packed = [len(gzip.compress((tmp_path / f"{n}.onnx").read_bytes())) for n in ("free", "clustered")]
    assert packed[1] < 0.3 * packed[0]


@pytest.mark.parametrize("ending", ["h5", "keras"])
def test_a_clustered_model_comes_back_from_a_file(ending, tmp_path):
    model = C.cluster_weights(digits_network(), 8)
    model.save(tmp_path / f"model.{ending}")
    with C.cluster_scope():
        back = keras.models.load_model(tmp_path / f"model.{ending}")
    x = np.random.default_rng(0).normal(size=(4, 8, 8, 1))
    np.testing.assert_array_equal(back.predict(x), model.predict(x))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: C.cluster_weights(3, 4), "takes a layer"),
        (lambda: C.cluster_weights(L.Dense(2), 1), "at least 2"),
        (lambda: C.cluster_weights(L.Dense(2), 4, "SOMEHOW"), "must be one of"),
        (lambda: C.cluster_weights(keras.Sequential([L.ReLU(input_shape=(2,))]), 4), "no weights to cluster"),
        (lambda: C.strip_clustering(L.Dense(2)), "takes a Sequential"),
    ],
)
def test_what_cannot_be_clustered_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()

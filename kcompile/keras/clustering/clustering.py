"""Clustering of layers and models."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from ...ir import assign_all
from ..core.layer import Layer
from ..utils.generic_utils import CustomObjectScope
from ..wrapped_layers import unwrapped, wrapped
from .cluster_wrapper import CentroidInitialization, ClusterableLayer, ClusterWeights, clusterable_weights


def cluster_weights(
    to_cluster: Any,
    number_of_clusters: int,
    cluster_centroids_init: CentroidInitialization | str = CentroidInitialization.KMEANS_PLUS_PLUS,
    preserve_sparsity: bool = False,
    cluster_per_channel: bool = False,
    **kwargs: Any,
) -> Any:
    """A layer, a list of them, or a model whose weights share a few values while it trains.

    Fit it at a small learning rate, then take the layers out of the wrappers by ``strip_clustering``. Layers
    are taken as they are, with their weights; a model is a new one of them. Those without weights to cluster
    stay as they are in a model.

    Args:
        to_cluster: a layer, a list of layers, or a Sequential or functional model, perhaps of models.
        number_of_clusters, cluster_centroids_init, preserve_sparsity, cluster_per_channel, kwargs: of
            ``ClusterWeights``.

    Raises:
        ValueError: for anything else, a subclassed model, a layer without weights to cluster, or a model in
            which no layer has any.
    """
    arguments = {
        "number_of_clusters": number_of_clusters,
        "cluster_centroids_init": cluster_centroids_init,
        "preserve_sparsity": preserve_sparsity,
        "cluster_per_channel": cluster_per_channel,
        **kwargs,
    }

    def wrap(layer: Layer) -> Layer:
        if isinstance(layer, ClusterWeights):
            return layer
        if layer.built and not isinstance(layer, ClusterableLayer) and not clusterable_weights(layer):
            return layer
        return ClusterWeights(layer, **arguments)

    return wrapped(to_cluster, wrap, ClusterWeights, "cluster_weights", "cluster")


def strip_clustering(model: Any) -> Any:
    """The model of the layers inside the wrappers, whose weights are the values that they computed with.

    Args:
        model: what ``cluster_weights`` gave, or a model with such layers.

    Raises:
        ValueError: for what is no model.
    """
    return unwrapped(model, _stripped, "strip_clustering")


def _stripped(layer: Layer) -> Layer:
    if not isinstance(layer, ClusterWeights):
        return layer
    assign_all(layer.clustered_weights())
    inner: Layer = layer.layer
    return inner


def cluster_scope() -> AbstractContextManager[Any]:
    """As in tensorflow-model-optimization: the names of these layers, which files here may say anyhow."""
    return CustomObjectScope({"ClusterWeights": ClusterWeights})

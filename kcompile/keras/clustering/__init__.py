"""Clustering: the weights of a layer share a few values, so that a file of them packs well (Han et al. 2016).

Names and behaviour are those of ``tensorflow_model_optimization.clustering.keras``.
"""

from .cluster_wrapper import CentroidInitialization, ClusterableLayer, ClusterWeights
from .clustering import cluster_scope, cluster_weights, strip_clustering

__all__ = [
    "CentroidInitialization",
    "ClusterWeights",
    "ClusterableLayer",
    "cluster_scope",
    "cluster_weights",
    "strip_clustering",
]

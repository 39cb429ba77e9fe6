"""ClusterWeights: a layer whose weights are each one of a few values, which train."""

from __future__ import annotations

from enum import Enum
from typing import Any, NamedTuple

import numpy as np

from ... import ir
from ...ir import Parameter, Value, op
from .. import registry
from ..backend.execution import numbers
from ..core.layer import Layer
from ..layers.convolutional import Conv2D
from ..layers.transparent_wrapper import TransparentWrapper, kernels
from .centroids import first_centroids


class CentroidInitialization(str, Enum):
    """Where the values begin that weights share."""

    LINEAR = "LINEAR"
    RANDOM = "RANDOM"
    DENSITY_BASED = "DENSITY_BASED"
    KMEANS_PLUS_PLUS = "KMEANS_PLUS_PLUS"


class ClusterableLayer:
    """What a layer derives from, beside Layer, that says itself which weights are clustered."""

    def get_clusterable_weights(self) -> list[tuple[str, Parameter]]:
        """The weights that are clustered, each behind its name."""
        raise NotImplementedError(f"{type(self).__name__} must say which weights are clustered.")


class _Clustered(NamedTuple):
    """A weight, the values that it shares, and where it is not 0 if that is kept."""

    weight: Parameter
    centroids: Parameter
    mask: Parameter | None
    by_channel: bool

    def nearest(self) -> Value:
        """The centroid nearest to each weight, as if it were the weight to what trains the weight."""
        now = ir.current_readings()
        weight, centroids = now.get(self.weight, self.weight), now.get(self.centroids, self.centroids)
        distances = op.Abs(op.Unsqueeze(op.StopGradient(weight), [-1]) - op.StopGradient(centroids))
        places = op.ArgMin(distances, axis=-1, keepdims=0)
        if self.by_channel:
            channels, count = self.centroids.storage.array.shape
            places = op.Add(places, np.arange(channels, dtype=np.int64) * count)
            centroids = op.Reshape(centroids, [-1])
        nearest = op.Gather(centroids, places)
        found = nearest + (weight - op.StopGradient(weight))
        return found if self.mask is None else found * self.mask


class ClusterWeights(TransparentWrapper):
    """A layer that computes with the centroid nearest to each weight.

    In training the gradient of a weight goes to its centroid, whose gradient is the sum of those of its
    weights, and to the weight itself, which may so come nearer to another centroid.

    Args:
        layer: any layer with weights to cluster: its trainable ones of at least two axes, but for depthwise
            kernels; or those that it names itself (``ClusterableLayer``). They are best trained already, and
            are taken as they are when the wrapper is built.
        number_of_clusters: how many values there are, at least 2.
        cluster_centroids_init: CentroidInitialization or its name.
        preserve_sparsity: whether weights that are 0 when the wrapper is built stay 0.
        cluster_per_channel: whether each filter of a Conv2D shares values of its own; of other layers it is
            ignored. Integers of 8 bits have scales by channel, so this is what to train first for them.

    Input and output: those of the layer.
    Weights: ``cluster_centroids`` (number_of_clusters,), by channel (channels, number_of_clusters), for each
    weight, and those of the layer.

    Raises:
        ValueError: for a layer without weights to cluster, or another value of an argument than these.
    """

    _prefix = "cluster"

    def __init__(
        self,
        layer: Layer,
        number_of_clusters: int,
        cluster_centroids_init: CentroidInitialization | str = CentroidInitialization.KMEANS_PLUS_PLUS,
        preserve_sparsity: bool = False,
        cluster_per_channel: bool = False,
        **kwargs: Any,
    ) -> None:
        if int(number_of_clusters) != number_of_clusters or number_of_clusters < 2:
            raise ValueError(
                f"number_of_clusters must be a whole number of at least 2; found {number_of_clusters!r}."
            )
        super().__init__(layer, **kwargs)
        self.number_of_clusters = int(number_of_clusters)
        self.cluster_centroids_init = _initialization(cluster_centroids_init)
        self.preserve_sparsity = bool(preserve_sparsity)
        self.cluster_per_channel = bool(cluster_per_channel)
        self._clustered: list[_Clustered] = []

    def build(self, input_shape: Any = None) -> None:
        self._build_layer(input_shape)
        weights = clusterable_weights(self.layer)
        if not weights:
            raise ValueError(
                f"Layer {self.name}: {type(self.layer).__name__} has no weights to cluster: trainable "
                "ones of at least two axes. Let it derive from ClusterableLayer to name them."
            )
        by_channel = self.cluster_per_channel and isinstance(self.layer, Conv2D)
        self._clustered = [
            _Clustered(weight, self._new_centroids(weight, by_channel), self._new_mask(weight), by_channel)
            for weight in weights
        ]
        self.built = True

    def _new_centroids(self, weight: Parameter, by_channel: bool) -> Parameter:
        arrays = np.moveaxis(weight.numpy(), -1, 0) if by_channel else [weight.numpy()]
        rows = [
            first_centroids(
                array,
                self.number_of_clusters,
                self.cluster_centroids_init.value,
                self.preserve_sparsity,
            )
            for array in arrays
        ]
        found = np.stack(rows) if by_channel else rows[0]
        return self.add_weight(
            "cluster_centroids",
            found.shape,
            initializer=lambda shape, dtype=None: found,
            dtype=str(weight.dtype),
        )

    def _new_mask(self, weight: Parameter) -> Parameter | None:
        if not self.preserve_sparsity:
            return None
        mask = (weight.numpy() != 0).astype(weight.dtype)
        return self.add_weight(
            "sparsity_mask",
            mask.shape,
            initializer=lambda shape, dtype=None: mask,
            trainable=False,
            dtype=str(weight.dtype),
        )

    def _call_layer(self, inputs: Any, arguments: dict[str, Any]) -> Any:
        read: dict[Value, Value] = {each.weight: each.nearest() for each in self._clustered}
        with ir.reading_as({**ir.current_readings(), **read}):
            return super()._call_layer(inputs, arguments)

    def clustered_weights(self) -> list[tuple[Parameter, np.ndarray]]:
        """Each weight that is clustered, with the numbers that the layer computes with."""
        return [(each.weight, numbers(each.nearest())) for each in self._clustered]

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "number_of_clusters": self.number_of_clusters,
            "cluster_centroids_init": self.cluster_centroids_init.value,
            "preserve_sparsity": self.preserve_sparsity,
            "cluster_per_channel": self.cluster_per_channel,
        }


def clusterable_weights(layer: Layer) -> list[Parameter]:
    """The weights of a built layer that are clustered."""
    if isinstance(layer, ClusterableLayer):
        return [weight for _, weight in layer.get_clusterable_weights()]
    return kernels(layer)


def _initialization(given: Any) -> CentroidInitialization:
    try:
        return CentroidInitialization(str(getattr(given, "value", given)).rpartition(".")[2].upper())
    except ValueError:
        known = ", ".join(each.value for each in CentroidInitialization)
        raise ValueError(f"cluster_centroids_init must be one of {known}; found {given!r}.") from None


registry.register(globals())

"""Where tf.keras 2 had layers before they were settled."""

from __future__ import annotations

from ..einsum_dense import EinsumDense
from ..normalization import BatchNormalization
from ..random_fourier_features import RandomFourierFeatures
from . import preprocessing

#: Every batch is normalized by itself here, in parts where it is divided over devices.
SyncBatchNormalization = BatchNormalization

__all__ = ["EinsumDense", "RandomFourierFeatures", "SyncBatchNormalization", "preprocessing"]

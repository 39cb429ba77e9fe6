"""Where tf.keras 2 had layers before they were settled."""

from __future__ import annotations

from ..einsum_dense import EinsumDense
from . import preprocessing

__all__ = ["EinsumDense", "preprocessing"]

"""The module of Keras 2.0 that multi_gpu_model is in."""

from ..legacy.old_names import answer_old_names
from .multi_gpu_utils import multi_gpu_model

__all__ = ["multi_gpu_model"]

answer_old_names(__name__, ["layers"])

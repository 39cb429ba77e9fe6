"""MobileNetV2 under the module name of Keras 2.2.0."""

from ..legacy.old_names import answer_old_names
from .mobilenet_v2 import MobileNetV2, decode_predictions, preprocess_input

__all__ = ["MobileNetV2", "decode_predictions", "preprocess_input"]

answer_old_names(__name__, ["layers"])

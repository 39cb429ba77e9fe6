"""The path of tf.keras to what a training step is given; the code is in ``utils.sequences``."""

from ..utils.sequences import pack_x_y_sample_weight, unpack_x_y_sample_weight

__all__ = ["pack_x_y_sample_weight", "unpack_x_y_sample_weight"]

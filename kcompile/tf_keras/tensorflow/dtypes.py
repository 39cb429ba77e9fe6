"""Element types by TensorFlow's names: ``tf.float32``."""

from __future__ import annotations

from ...keras.data.dtypes import DTYPES, DType, as_dtype

__all__ = ["DTYPES", "DType", "as_dtype"]

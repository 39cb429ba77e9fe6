"""Tensors of a file as arrays."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import numpy_helper

from .errors import FormatError


def array_of(tensor: onnx.TensorProto) -> np.ndarray:
    """The values of a tensor that lie in the file itself.

    Raises:
        FormatError: if they are not as many as its shape asks for, or of no known type.
    """
    try:
        return numpy_helper.to_array(tensor)
    except (ValueError, TypeError, KeyError) as error:
        raise FormatError(
            f"the tensor {tensor.name!r} has not the data that its type and shape ask for: {error}"
        ) from error

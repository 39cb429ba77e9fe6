"""Convolutions with gaps as Keras 1 named them."""

from __future__ import annotations

import warnings
from typing import Any

from ... import registry
from .convolutions import Conv1D, Conv2D

__all__ = [
    "AtrousConvolution1D",
    "AtrousConvolution2D",
]


def AtrousConvolution1D(*args: Any, **kwargs: Any) -> Conv1D:
    """A Conv1D whose dilation_rate is ``atrous_rate`` (default 1)."""
    return Conv1D(*args, **_dilated("AtrousConvolution1D", "Conv1D", kwargs))


def AtrousConvolution2D(*args: Any, **kwargs: Any) -> Conv2D:
    """A Conv2D whose dilation_rate is ``atrous_rate`` (default 1)."""
    return Conv2D(*args, **_dilated("AtrousConvolution2D", "Conv2D", kwargs))


def _dilated(old: str, new: str, kwargs: dict[str, Any]) -> dict[str, Any]:
    warnings.warn(
        f"The `{old}` layer  has been deprecated. Use instead the `{new}` layer with the "
        "`dilation_rate` argument.",
        stacklevel=3,
    )
    rate = kwargs.pop("atrous_rate", 1)
    return {**kwargs, "dilation_rate": rate}


registry.register(globals())

"""Layers of later Keras versions that cannot be computed here: each says why, and what to do."""

from __future__ import annotations

from typing import Any

from .. import registry
from ..core.layer import Layer

_BEFORE = (
    "Do this step in front of the model, and build the model on what follows it (in the program that wrote "
    "the file: Model(layer.output, model.output), saved again)"
)
_OWN = "or pass a layer of your own as custom_objects={{'{name}': YourLayer}}"


class _Unavailable(Layer):
    """A layer whose constructor is an error that names it.

    Raises:
        ValueError: always.
    """

    why: str
    instead: str

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        name = type(self).__name__
        own = kwargs.get("name")
        called = f" (layer {own!r})" if isinstance(own, str) else ""
        what_to_do = self.instead.format(name=name)
        raise ValueError(f"{name}{called} is not available: it {self.why}. {what_to_do}.")


class DenseFeatures(_Unavailable):
    why = "reads feature columns of TensorFlow out of a dict of tensors"
    instead = f"{_BEFORE}: an array of features; {_OWN}"


class MaxNumBoundingBoxes(_Unavailable):
    why = "changes bounding boxes that come with images in a dict, and inputs here are single arrays"
    instead = f"Do this step in front of the model, {_OWN}"


class TFSMLayer(_Unavailable):
    why = "calls a SavedModel, a program of TensorFlow that lies in a folder of its own"
    instead = f"Convert that with tf2onnx and use ONNXGraph in its place, {_OWN}"


class JaxLayer(_Unavailable):
    why = "calls a function of JAX"
    instead = f"Write the function as a layer with keras.backend operations; {_OWN}"


class FlaxLayer(_Unavailable):
    why = "calls a module of Flax"
    instead = f"Write the module as a layer with keras.backend operations; {_OWN}"


class TorchModuleWrapper(_Unavailable):
    why = "calls a torch.nn.Module, which the file holds as a pickle that is not opened"
    instead = f"Export the module with torch.onnx.export and use ONNXGraph in its place, {_OWN}"


registry.register(globals(), listed=True)

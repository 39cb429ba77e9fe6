"""What preprocessing layers share: float types, numbers of configs, batches of data to adapt to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ....ir import Value
from ... import backend as K
from ... import registry, rules
from ...backend.tensors import static_sizes
from ...core.called_on_numbers import as_values
from ...core.layer import InputSpec, Layer


def float_type(layer: Layer) -> str:
    """The layer's own type, or floatx where that is one of integers."""
    return layer.dtype if layer.dtype.startswith(("float", "bfloat")) else K.floatx()


class ImagesLayer(Layer):
    """A layer over batches of images; single ones, in pipelines of data, make a batch of one."""

    input_spec = InputSpec(ndim=4)

    def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """Images (batch, height, width, channels), or one without the batch axis outside of models."""
        x = as_values(inputs, self)
        is_single = isinstance(x, Value) and len(static_sizes(x)) == 3 and not hasattr(x, "_keras_history")
        if not is_single:
            return super().__call__(x, *args, **kwargs)
        return K.squeeze(super().__call__(K.expand_dims(x, 0), *args, **kwargs), 0)


def as_float(layer: Layer, x: Any) -> Any:
    """``x`` in the float type of the layer: images come as integers too."""
    dtype = float_type(layer)
    return x if K.dtype(x) == dtype else K.cast(x, dtype)


def without_default_training(arguments: dict[str, Any]) -> dict[str, Any]:
    """Keras 3 writes training=True, the default of these calls, and means: as the model is run."""
    return {name: value for name, value in arguments.items() if name != "training" or value is not True}


def plain(value: Any) -> Any:
    """Numbers and lists as configs hold them."""
    if isinstance(value, dict) and "config" in value:  # how Keras 3 writes an array
        value = value["config"].get("value")
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value


def adapted_to(layer: Layer, batch: np.ndarray) -> None:
    """Has a Sequential model that begins with the layer know its input, as in tf.keras."""
    if rules.of_layer(layer).begins_with_adapted and not hasattr(layer, "batch_input_shape"):
        layer.batch_input_shape = (None, *batch.shape[1:])


def batches_of(data: Any, steps: int | None) -> Iterable[np.ndarray]:
    """Batches as float64 arrays, of an array, a table, or an iterable of arrays or (x, ...) pairs."""
    if hasattr(data, "to_numpy"):
        data = data.to_numpy()
    if isinstance(data, np.ndarray) or isinstance(data, Sequence) and not hasattr(data, "__next__"):
        batches: Iterable[Any] = [data] if not hasattr(data, "on_epoch_end") else data
    else:
        batches = data
    for i, batch in enumerate(batches):
        if steps is not None and i >= steps:
            return
        if isinstance(batch, tuple) or isinstance(batch, list) and any(hasattr(x, "shape") for x in batch):
            batch = batch[0]
        array = np.asarray(batch, np.float64)
        yield array[:, None] if array.ndim == 1 else array


def check_rgb(layer: Any, x: Value, axis: int) -> None:
    """Raises a ValueError unless there are three channels."""
    if static_sizes(x)[axis] != 3:
        raise ValueError(
            f"Layer {layer.name} ({type(layer).__name__}) changes the colors of RGB images, with 3 channels "
            f"on axis {axis}; the input has the shape {K.int_shape(x)} (data_format={layer.data_format!r})."
        )


registry.register(globals())

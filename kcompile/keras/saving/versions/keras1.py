"""Files of Keras 1, and of Keras on Theano: configurations in today's words, weights in today's layout.

The layouts, by layer, are those that Keras 2 documents in its own conversion of such files:

    Conv1D              kernel with an axis of size 1: (steps, 1, in, out), of Theano (out, in, steps, 1)
    Conv2D, Conv3D      channels first: (out, in, *window) for (*window, in, out)
    Conv2DTranspose     (*window, in, out) for (*window, out, in); channels first: (out, in, *window)
    LSTM, ConvLSTM2D    kernel, recurrent kernel and bias of each gate, in the order i, c, f, o
    GRU                 the same in the order z, r, h
    any, on Theano      convolutions there turn the window by 180 degrees
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ... import registry
from ...core.network import Network
from ...legacy.spellings import upgrade_arguments, upgrade_class_name
from ...utils.nested import each
from .keras1_merge import functional_of_merge
from .writer import Writer

if TYPE_CHECKING:
    from ...core.layer import Layer

Stored = Sequence[tuple[str, Any]]

_MERGE = {
    "sum": "Add",
    "mul": "Multiply",
    "ave": "Average",
    "max": "Maximum",
    "concat": "Concatenate",
    "dot": "Dot",
    "cos": "Dot",
}
_GATES = {"LSTM": (0, 2, 1, 3), "ConvLSTM2D": (0, 2, 1, 3), "GRU": (0, 1, 2)}
_CONVOLUTIONS = {"Conv1D", "Conv2D", "Conv3D", "Conv2DTranspose", "ConvLSTM2D"}


# --- configurations -----------------------------------------------------------------------------------------


def upgrade(value: Any) -> Any:
    """A configuration with the classes and arguments of Keras 2, at every level.

    Raises:
        ValueError: for a Merge layer that has no counterpart.
    """
    value = each(functional_of_merge(value), upgrade)
    if not isinstance(value, dict):
        return value
    class_name, config = value.get("class_name"), value.get("config")
    if not isinstance(class_name, str) or not isinstance(config, Mapping):
        return value
    if class_name == "Graph":
        raise ValueError(
            "The file holds a Graph of Keras 0.3 and 1, a container that Keras dropped, which is not read: "
            "build the model in code and use load_weights."
        )
    if class_name == "Merge":
        return {**value, **_merge(config)}
    if class_name == "TimeDistributedDense":
        inner = {"class_name": "Dense", "config": upgrade_arguments("Dense", config)}
        outer = {key: config[key] for key in ("name", "batch_input_shape") if key in config}
        return {**value, "class_name": "TimeDistributed", "config": {**outer, "layer": inner}}
    if class_name in ("Model", "Sequential"):
        return value
    if class_name != "InputLayer":
        # The type of the model's input, which today is that of the layer's weights.
        config = {key: entry for key, entry in config.items() if key != "input_dtype"}
    return {
        **value,
        "class_name": upgrade_class_name(class_name),
        "config": upgrade_arguments(class_name, config),
    }


def _merge(config: Mapping[str, Any]) -> dict[str, Any]:
    mode = config.get("mode")
    name = config.get("name")
    if config.get("mode_type") in ("function", "lambda") and not config.get("layers"):
        return _merge_by_function(config)
    if not isinstance(mode, str) or mode not in _MERGE or config.get("layers"):
        raise ValueError(
            f"The layer {name!r} of the file is a Merge of Keras 1 with mode={mode!r}"
            f"{' as a layer of a Sequential model' if config.get('layers') else ''}, which is not read. "
            f"Read are the modes {', '.join(_MERGE)} in functional models; "
            "build this model in code and use load_weights."
        )
    arguments: dict[str, Any] = {"name": name}
    if mode == "concat":
        arguments["axis"] = config.get("concat_axis", -1)
    elif mode in ("dot", "cos"):
        arguments |= {"axes": config.get("dot_axes", -1), "normalize": mode == "cos"}
        if (
            isinstance(arguments["axes"], list)
            and arguments["axes"]
            and isinstance(arguments["axes"][0], list)
        ):
            arguments["axes"] = [axes[0] for axes in arguments["axes"]]
    return {"class_name": _MERGE[mode], "config": arguments}


def _merge_by_function(config: Mapping[str, Any]) -> dict[str, Any]:
    """A function of the list of inputs: by its name in custom_objects, or as bytecode, which safe_mode
    refuses."""
    arguments = {
        "name": config.get("name"),
        "function": config["mode"],
        "function_type": config["mode_type"],
        "arguments": config.get("arguments") or {},
    }
    if config.get("output_shape_type", "raw") == "raw" and isinstance(config.get("output_shape"), list):
        arguments |= {"output_shape": config["output_shape"], "output_shape_type": "raw"}
    return {"class_name": "Lambda", "config": arguments}


# --- weights ------------------------------------------------------------------------------------------------


class WeightUpgrade:
    """Brings stored weights into today's layout: those of Keras 1, and of any Keras on Theano."""

    def __init__(self, writer: Writer) -> None:
        self.keras_1 = writer.program == "keras_1"
        self.theano = writer.backend == "theano"

    def convert(self, layer: Any, stored: Stored) -> Stored:
        """The weights of a layer in its own order; what fits as it is stays as it is."""
        if not (self.keras_1 or self.theano) or not stored:
            return stored
        if registry.is_a(layer, "layer", "Bidirectional"):
            half = len(stored) // 2
            forward, backward = stored[:half], stored[half:]
            return [
                *self.convert(layer.forward_layer, forward),
                *self.convert(layer.backward_layer, backward),
            ]
        if hasattr(getattr(layer, "layer", None), "weights"):
            return self.convert(layer.layer, stored)
        if isinstance(layer, Network):
            return self._of_model(layer.layers, stored)
        class_name = type(layer).__name__
        if self.keras_1:
            stored = self._of_keras_1(class_name, layer, stored)
        if self.theano and class_name in _CONVOLUTIONS:
            turned = 2 if class_name == "ConvLSTM2D" else 1
            stored = [*((name, _turned(a)) for name, a in stored[:turned]), *stored[turned:]]
        return stored

    def convert_state(self, model: Any, arrays: list[np.ndarray]) -> list[np.ndarray]:
        """An optimizer's state: counters, then the arrays of a slot as the weights are that it is kept for.

        What does not divide among the layers stays as it is.
        """
        if not (self.keras_1 or self.theano):
            return arrays
        head = next((i for i, array in enumerate(arrays) if array.shape), len(arrays))
        counts = [
            self._count(layer) - len(layer.weights) + len(layer.trainable_weights) for layer in model.layers
        ]
        trained = [
            (layer, count)
            for layer, count in zip(model.layers, counts, strict=True)
            if layer.trainable_weights
        ]
        total = sum(count for _, count in trained)
        if not total or (len(arrays) - head) % total:
            return arrays
        result, at = arrays[:head], head
        while at < len(arrays):
            for layer, count in trained:
                part = [("", array) for array in arrays[at : at + count]]
                result += [np.asarray(array) for _, array in self.convert(layer, part)]
                at += count
        return result

    def _of_model(self, layers: Sequence[Layer], stored: Stored) -> Stored:
        result: list[tuple[str, Any]] = []
        at = 0
        for layer in layers:
            count = self._count(layer)
            result += self.convert(layer, stored[at : at + count])
            at += count
        return result if at == len(stored) else stored

    def _count(self, layer: Any) -> int:
        """How many weights the file has of a layer."""
        class_name = type(layer).__name__
        if isinstance(layer, Network):
            return sum(self._count(inner) for inner in layer.layers)
        if registry.is_a(layer, "layer", "Bidirectional"):
            return 2 * self._count(layer.forward_layer)
        if hasattr(getattr(layer, "layer", None), "weights"):
            return self._count(layer.layer)
        gates = _GATES.get(class_name, ()) if self.keras_1 else ()
        return 3 * len(gates) if gates else len(layer.weights)

    def _of_keras_1(self, class_name: str, layer: Any, stored: Stored) -> Stored:
        gates = _GATES.get(class_name)
        if gates is not None and len(stored) == 3 * len(gates):
            return self._joined(layer, [np.asarray(array) for _, array in stored], gates)
        if class_name in ("Conv1D", "Conv2D", "Conv3D", "Conv2DTranspose"):
            (name, kernel), *rest = stored
            return [(name, _kernel(class_name, layer, np.asarray(kernel))), *rest]
        return stored

    def _joined(self, layer: Any, arrays: list[np.ndarray], gates: Sequence[int]) -> Stored:
        result = []
        for i, name in enumerate(("kernel", "recurrent_kernel", "bias")):
            parts = [arrays[3 * gate + i] for gate in gates]
            if parts[0].ndim == 4 and getattr(layer.cell, "data_format", "") == "channels_first":
                parts = [part.transpose(2, 3, 1, 0) for part in parts]
            result.append((name, np.concatenate(parts, axis=-1)))
        return result


def _kernel(class_name: str, layer: Any, kernel: np.ndarray) -> np.ndarray:
    channels_first = layer.data_format == "channels_first"
    if class_name == "Conv1D" and kernel.ndim == 4:
        if kernel.shape[:2] != (layer.kernel_size[0], 1) or kernel.shape[3] != layer.filters:
            kernel = kernel.transpose(2, 3, 1, 0)
        return kernel[:, 0]
    if class_name == "Conv2D" and channels_first and kernel.ndim == 4:
        return kernel.transpose(2, 3, 1, 0)
    if class_name == "Conv3D" and channels_first and kernel.ndim == 5:
        return kernel.transpose(2, 3, 4, 1, 0)
    if class_name == "Conv2DTranspose" and kernel.ndim == 4:
        return kernel.transpose(2, 3, 0, 1) if channels_first else kernel.transpose(0, 1, 3, 2)
    return kernel


def _turned(array: Any) -> np.ndarray:
    """A kernel turned by 180 degrees in its spatial axes."""
    values = np.asarray(array)
    return np.flip(values, tuple(range(values.ndim - 2)))

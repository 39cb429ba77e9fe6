"""The weights of a whole model as tensors of PyTorch's modules.

Most layers are one module; a separable convolution is two, a bidirectional layer is one (nn.LSTM keeps both
directions).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ..core.layer import Layer
from ..core.network import Network
from .flattening import turned, turned_layers
from .layouts import LAYOUTS, as_it_is, recurrent_kind
from .names import attribute_names
from .spec import Arrays, TorchModuleSpec


def state_dict(model: Network) -> Arrays:
    """All weights of a model under PyTorch's names: ``conv1.weight``, ``lstm.weight_ih_l0`` ...

    A layer that PyTorch has no module for keeps Keras's names and layouts.
    """
    return tensors_of(module_specs(model))


def tensors_of(specs: Iterable[TorchModuleSpec]) -> Arrays:
    """The present values of modules, by their full names."""
    return {spec.path(s): array for spec in specs for s, array in spec.tensors().items()}


def module_specs(model: Network, flattened: bool = True) -> list[TorchModuleSpec]:
    """The modules of a model, layer by layer; those of nested models under their names.

    The initializers of an ONNX graph that is the whole model keep their names as they are.

    Args:
        model: a built model.
        flattened: whether layers behind a Flatten have PyTorch's order of features, or else Keras's.
    """
    holding = [layer for layer in model.layers if layer.weights]
    if len(holding) == 1 and type(holding[0]).__name__ == "ONNXGraph":
        graph: Any = holding[0]
        own = {w.name: p for w, p in zip(graph._template.weights, graph._onnx_weights, strict=True)}
        return [
            TorchModuleSpec(
                "", "ONNXGraph", graph, own, dict, dict, note="names and layouts are the ONNX file's"
            )
        ]
    return attribute_specs(model, flattened)


def attribute_specs(model: Network, flattened: bool = True) -> list[TorchModuleSpec]:
    """The modules of a model, each under the attribute that its layer is of a PyTorch module."""
    return [
        spec
        for name, layer, image in _named_layers(model)
        for spec in layer_specs(layer, name, image if flattened else None)
    ]


def _named_layers(model: Network, prefix: str = "") -> Iterator[tuple[str, Layer, list[int] | None]]:
    """(dotted name, layer, image that it reads flattened) of every layer that holds weights itself.

    Nested models are taken apart.
    """
    names = attribute_names(model)
    images = turned_layers(model) if model._network_nodes else {}
    for layer in model.layers:
        name = prefix + names[layer]
        if isinstance(layer, Network):
            yield from _named_layers(layer, f"{name}.")
        elif layer.weights:
            yield name, layer, images.get(layer)


def layer_specs(layer: Layer, name: str, image: list[int] | None = None) -> list[TorchModuleSpec]:
    """The modules of one layer; ``image`` is what its features are, flattened, see ``flattening``."""
    if image is not None:
        return [turned(spec, image) for spec in layer_specs(layer, name)]
    inner: Any = layer
    if not layer.weights:
        return []
    kind = type(layer).__name__
    if kind == "TimeDistributed" and isinstance(inner.layer, Network):
        named = _named_layers(inner.layer, f"{name}.")
        return [spec for path, part, turned_from in named for spec in layer_specs(part, path, turned_from)]
    if kind == "TimeDistributed":
        return layer_specs(inner.layer, name)
    if kind == "Bidirectional" and recurrent_kind(inner.forward_layer) is None:
        sides = ("forward_layer", "backward_layer")
        return [spec for side in sides for spec in layer_specs(getattr(layer, side), f"{name}.{side}")]
    layout = LAYOUTS.get(kind)
    return [as_it_is(layer, name)] if layout is None else layout(layer, name)

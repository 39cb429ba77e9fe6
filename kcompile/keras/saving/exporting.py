"""A Model to an ONNX file and back, and the proof that the file computes the same."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np

from ... import onnx_io
from ...formats import FileFormatError
from ...formats.json import parse, plain_or_named
from ...ir import Graph, Names, Parameter, assign_all, unchanging
from ...onnx_io.comparing import ROUNDING
from ...onnx_io.comparing import difference as difference
from ..backend.execution import numbers_of
from ..backend.fixed_scales import with_fixed_scales
from ..core.network import Network
from ..core.weight_budget import WeightBudget
from ..training.model import Model
from ..training.prediction import graph_inputs
from ..training.sequential import Sequential
from ..utils.generic_utils import CustomObjectScope, SafeModeScope
from .archives import model_config, model_from_config
from .compile_configs import training_config, try_to_compile
from .limits import making
from .merged_weights import with_merged_weights
from .onnx_models import model_from_graph
from .verification import first_difference, verify_export

TRAINING = "kcompile.training"
"""Metadata entry: JSON of compile()'s arguments, as a .h5 file has them."""

ORDER = "kcompile.order"
"""Metadata entry: JSON list of the initializers in the order of ``get_weights()``."""


@unchanging()
def export_model(
    model: Network,
    filepath: Any,
    opset: int = 21,
    verify: bool = True,
    tolerance: float = 1e-3,
    external_data: bool | None = None,
) -> bool:
    """Writes the inference graph as an ONNX file that needs nothing but onnxruntime.

    Args:
        model: a built model.
        filepath: where to write, atomically.
        opset: version of the ONNX standard operator set.
        verify: run the file by onnxruntime and the graph by PyTorch on the same random inputs, of sizes that
            the model can take, before anything is written. Where that cannot be done (torch is not installed,
            no sizes were found, random numbers are drawn inside a loop) a warning says why, and the file is
            written.
        tolerance: largest difference allowed, relative to the largest value of an output.
        external_data: whether the weights go into a file beside; by default only over 2 GB.

    Returns:
        whether the file was compared with the model.

    Raises:
        ValueError: if the model is not built.
        kcompile.onnx_io.ExportError: for operators that ONNX or the opset lacks, or if verification fails;
            then the message names the layer. An existing file is left as it was.
    """
    if not model.inputs and isinstance(model, Model):
        model._build_as_called()
    if not model.inputs:
        raise ValueError(
            f"The model {model.name} is not built yet; call build(batch_input_shape), or fit it first."
        )
    weight_names = _weight_names(model)
    arguments: dict[str, Any] = {
        "input_names": model._feed_input_names,
        "output_names": _output_names(model),
        "weight_names": weight_names,
        "initial": {p: np.zeros(p.shape, p.dtype) for p in model._state_weights()},
        "metadata": _metadata(model, weight_names),
        "opset": opset,
        "name": model.name,
    }
    graph = with_fixed_scales(inference_graph(model), numbers_of)
    if not _has_config(model):  # which nobody makes the model from again
        graph = with_merged_weights(graph)
    arguments["unread"] = _unread_weights(model, graph, weight_names)
    if not verify:
        onnx_io.export(graph, filepath, external_data=external_data, **arguments)
        return False
    # what is verified is the file itself: no second copy of the weights is needed in memory
    with onnx_io.saved_on_success(filepath) as trial:
        onnx_io.export(graph, trial, external_data=external_data, **arguments)
        return verify_export(
            model.name, model.output_names, graph, trial, tolerance, partial(first_difference, model)
        )


def _unread_weights(
    model: Network, graph: Graph, weight_names: Mapping[Parameter, str]
) -> dict[str, np.ndarray]:
    """Weights that only training reads; they go into a file that can become a Keras model again."""
    if not _has_config(model):
        return {}
    read = {*graph.parameters, *model._state_weights()}
    return {weight_names[p]: p.storage.array for p in model._weights_in_order() if p not in read}


def inference_graph(model: Network) -> Graph:
    """The outputs in test mode, with the state updates of stateful layers."""
    inputs, replaced = graph_inputs(model)
    text = model._text_stage
    if text is not None:  # a file takes the text itself
        inputs, replaced = list(text.inputs), dict(text.written())
    updates = model.state_updates
    return Graph(model.outputs, inputs, updates, "inference", silent=True, replaced=replaced)


def _output_names(model: Network) -> list[str]:
    """Names of the outputs, told apart where one layer gives several, and from the inputs."""
    names = Names(model.input_names)
    return [names.unique(name) for name in model.output_names]


def _weight_names(model: Network) -> dict[Parameter, str]:
    """Names in the file: weights of nested models may be called alike, and are told apart by a number."""
    names = Names(model.input_names)
    parameters = dict.fromkeys([*model._weights_in_order(), *model._state_weights()])
    return {parameter: names.unique(parameter.name) for parameter in parameters}


def _metadata(model: Network, weight_names: Mapping[Parameter, str]) -> dict[str, str]:
    """Configuration and training configuration, for models that have one (subclassed ones do not)."""
    if not _has_config(model):
        return {}
    states = model._state_weights()
    order = [weight_names[p] for p in model._weights_in_order() if p not in states]
    entries = {"kcompile.config": _json(model_config(model)), ORDER: _json(order)}
    if model.optimizer is not None:
        entries[TRAINING] = _json(training_config(model))
    return entries


def _has_config(model: Network) -> bool:
    within = [layer for layer in model._flat_layers if isinstance(layer, Network)]
    of_layers = all(_is_of_layers(network) or network._says_its_config for network in within)
    return _is_of_layers(model) and of_layers and all(layer.has_config for layer in model._flat_layers)


def _is_of_layers(model: Network) -> bool:
    return model._is_graph_network or isinstance(model, Sequential)


def _json(value: Any) -> str:
    return json.dumps(value, default=plain_or_named, separators=(",", ":"))


# --- reading ------------------------------------------------------------------------------------------------


def import_model(
    filepath: Any, custom_objects: Mapping[str, Any] | None = None, safe_mode: bool = True
) -> Model:
    """The Keras model back from an ONNX file that ``export_model`` wrote, weights and compile() arguments
    included; of anyone else's file a model of one ``ONNXGraph`` layer. So it is, with a warning, for a file
    of ours that another program has quantized, or whose weights it has merged or renamed.

    Raises:
        kcompile.onnx_io.FormatError: if the file is damaged.
        kcompile.ir.OperatorError: for operators that are not in the ONNX standard set.
        ValueError: if it has weights that do not fit its Keras configuration.
    """
    proto = onnx_io.load(filepath, external_data=None if safe_mode else True)
    source = str(filepath)
    with onnx_io.located(source):
        entries = onnx_io.get_metadata(proto)
        if "kcompile.config" not in entries:
            return model_from_graph(proto)
        weights = onnx_io.restore_weights(proto)
    try:
        with _naming(source), SafeModeScope(safe_mode), CustomObjectScope(custom_objects or {}):
            rounding = ROUNDING.intersection(node.op_type for node in proto.graph.node)
            return _keras_model(entries, weights, rounding, source)
    except _Rewritten as why:
        warnings.warn(
            f"{source} was rewritten since kcompile exported it ({why}): its Keras configuration is left "
            "aside, and the model is one layer, the ONNX graph as it stands.",
            stacklevel=3,
        )
    with onnx_io.located(source):
        return model_from_graph(proto)


class _Rewritten(Exception):
    """A file whose graph is no longer that of its Keras configuration; the message says what shows it."""


def _keras_model(
    entries: Mapping[str, str], weights: Mapping[str, np.ndarray], rounding: Set[str], source: str
) -> Model:
    order = _parse(entries.get(ORDER, "[]"), ORDER, list)
    missing = next((name for name in map(str, order) if name not in weights), None)
    if missing is not None:
        raise _Rewritten(f"it has no weight {missing!r}")
    config = _parse(entries["kcompile.config"], "kcompile.config", dict)
    elements = sum(array.size for array in weights.values())
    with making(source, config), WeightBudget(source, elements, from_zeros=False):
        model: Model = model_from_config(config)
    _restore_weights(model, weights, order, source)
    if rounding and rounding.isdisjoint(node.op_type for node in inference_graph(model).nodes):
        raise _Rewritten(f"no layer has its operator {min(rounding)}")
    if TRAINING in entries:
        try_to_compile(model, source, lambda: _parse(entries[TRAINING], TRAINING, dict), config)
    return model


@contextmanager
def _naming(source: str) -> Iterator[None]:
    """What is wrong with the Keras model in a file, as an error that names the file."""
    try:
        yield
    except ValueError as error:
        if source in str(error):
            raise
        kind = type(error) if isinstance(error, FileFormatError) else FileFormatError
        raise kind(source, str(error)) from error


def _parse(text: str, entry: str, kind: type) -> Any:
    value = parse(text, f"metadata entry {entry}")
    if not isinstance(value, kind):
        raise ValueError(f"the metadata entry {entry} should be a JSON {kind.__name__}; found {text[:40]!r}.")
    return value


def _restore_weights(
    model: Network, weights: Mapping[str, np.ndarray], order: Sequence[str], source: str
) -> None:
    states = model._state_weights()
    parameters = [p for p in model._weights_in_order() if p not in states]
    if len(order) != len(parameters):
        raise ValueError(
            f"{source}: the file has {len(order)} weights, the model in it has {len(parameters)}."
        )
    pairs = [(parameter, weights[name]) for parameter, name in zip(parameters, order, strict=True)]
    for parameter, array in pairs:
        if parameter.shape != array.shape:
            raise ValueError(
                f"{source}: the weight {parameter.name} has shape {parameter.shape}, the file has "
                f"{array.shape}."
            )
    assign_all(pairs)

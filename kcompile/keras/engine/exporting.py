"""A Model to an ONNX file and back, and the proof that the file computes the same."""

from __future__ import annotations

import importlib.util
import json
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...ir import Constant, Graph, Parameter, Value
from ..utils.generic_utils import CustomObjectScope, SafeModeScope
from .saving import compile_from, model_config, model_from_config, reporting_malformed, training_config
from .weight_budget import WeightBudget

if TYPE_CHECKING:
    from .training import Model

TRAINING = "kcompile.training"
"""Metadata entry: JSON of compile()'s arguments, as a .h5 file has them."""

ORDER = "kcompile.order"
"""Metadata entry: JSON list of the initializers in the order of ``get_weights()``."""


def export_model(
    model: Model,
    filepath: Any,
    opset: int = 21,
    verify: bool = True,
    tolerance: float = 1e-3,
    external_data: bool | None = None,
) -> None:
    """Writes the inference graph as an ONNX file that needs nothing but onnxruntime.

    Args:
        model: a built model.
        filepath: where to write, atomically.
        opset: version of the ONNX standard operator set.
        verify: run the file by onnxruntime and the graph by PyTorch on the same random inputs, before
            anything is written. Without torch installed this is left out with a warning.
        tolerance: largest difference allowed, relative to the largest value of an output.
        external_data: whether the weights go into a file beside; by default only over 2 GB.

    Raises:
        ValueError: if the model is not built.
        kcompile.onnx_io.ExportError: for operators that ONNX or the opset lacks, or if verification fails;
        the
            message names the layer. An existing file is left as it was.
    """
    from ... import onnx_io

    if not model.inputs:
        raise ValueError(
            f"The model {model.name} is not built yet; call build(batch_input_shape), or fit it first."
        )
    weight_names = _weight_names(model)
    arguments: dict[str, Any] = {
        "input_names": model._feed_input_names,
        "output_names": _output_names(model),
        "weight_names": weight_names,
        "initial": {p: np.zeros(p.shape, p.dtype) for p in model._states()},
        "metadata": _metadata(model, weight_names),
        "opset": opset,
        "name": model.name,
    }
    graph = inference_graph(model)
    arguments["unread"] = _unread_weights(model, graph, weight_names)
    if not verify:
        onnx_io.export(graph, filepath, external_data=external_data, **arguments)
        return
    # what is verified is the file itself: no second copy of the weights is needed in memory
    with onnx_io.saved_on_success(filepath) as trial:
        onnx_io.export(graph, trial, external_data=external_data, **arguments)
        verify_export(model, graph, trial, tolerance)


def _unread_weights(
    model: Model, graph: Graph, weight_names: Mapping[Parameter, str]
) -> dict[str, np.ndarray]:
    """Weights that only training reads; they go into a file that can become a Keras model again."""
    if not _has_config(model):
        return {}
    read = {*graph.parameters, *model._states()}
    return {weight_names[p]: p.storage.array for p in model._weights_by_layer() if p not in read}


def inference_graph(model: Model) -> Graph:
    """The outputs in test mode, with the state updates of stateful layers."""
    return Graph(model.outputs, model._feed_inputs, model.state_updates, "inference", silent=True)


def _output_names(model: Model) -> list[str]:
    """Names of the outputs, told apart where one layer gives several, and from the inputs."""
    taken = set(model.input_names)
    names = []
    for name in model.output_names:
        unique, number = name, 1
        while unique in taken:
            unique, number = f"{name}_{number}", number + 1
        taken.add(unique)
        names.append(unique)
    return names


def _weight_names(model: Model) -> dict[Parameter, str]:
    """Names in the file: weights of nested models may be called alike, and are told apart by a number."""
    names: dict[Parameter, str] = {}
    taken = set(model.input_names)
    for parameter in dict.fromkeys([*model._weights_by_layer(), *model._states()]):
        unique, number = parameter.name, 1
        while unique in taken:
            unique, number = f"{parameter.name}_{number}", number + 1
        taken.add(unique)
        names[parameter] = unique
    return names


def _metadata(model: Model, weight_names: Mapping[Parameter, str]) -> dict[str, str]:
    """Configuration and training configuration, for models that have one (subclassed ones do not)."""
    if not _has_config(model):
        return {}
    states = model._states()
    order = [weight_names[p] for p in model._weights_by_layer() if p not in states]
    entries = {"kcompile.config": _json(model_config(model)), ORDER: _json(order)}
    if model.optimizer is not None:
        entries[TRAINING] = _json(training_config(model))
    return entries


def _has_config(model: Model) -> bool:
    from .sequential import Sequential

    return model._is_graph_network or isinstance(model, Sequential)


def _json(value: Any) -> str:
    from ...formats.json import plain

    return json.dumps(value, default=plain, separators=(",", ":"))


# --- verification -------------------------------------------------------------------------------------------


def verify_export(model: Model, graph: Graph, exported: str, tolerance: float) -> None:
    """Compares onnxruntime on the exported file with the torch bridge on the graph.

    Raises:
        ExportError: naming the first layer whose output differs.
    """
    if importlib.util.find_spec("torch") is None:
        warnings.warn(
            "torch is not installed, so the exported file is checked but not compared.", stacklevel=4
        )
        return
    from kcompile_runtime import Executor

    from ...onnx_io import ExportError
    from ...torch_bridge import lower, run

    inputs = random_inputs(graph)
    # this session is gone, with its copies of the weights, before PyTorch takes memory
    found = Executor(exported).run(inputs)
    # the file starts from zero states, whatever the model stands at: so does the comparison
    states = [p for p, _ in graph.updates]
    from_zeros = Graph(graph.outputs, [*graph.inputs, *states], phase="inference", silent=True)
    expected = run(lower(from_zeros), *inputs, *(np.zeros(p.shape, p.dtype) for p in states))
    worst = [difference(a, b) for a, b in zip(expected, found, strict=True)]
    bad = [i for i, value in enumerate(worst) if not value <= tolerance]
    if bad:
        culprit = first_difference(model, inputs, tolerance)
        raise ExportError(
            f"The exported model differs from {model.name}: output {model.output_names[bad[0]]!r} by "
            f"{worst[bad[0]]:.2g} relative to its largest value (allowed {tolerance:.2g}). {culprit} Nothing "
            "was written."
        )


def difference(expected: np.ndarray, found: np.ndarray) -> float:
    """Largest absolute difference, relative to the largest expected value; infinite for other shapes or
    NaNs."""
    if expected.shape != found.shape:
        return float("inf")
    if not expected.size:
        return 0.0
    expected, found = expected.astype(np.float64), found.astype(np.float64)
    if not np.array_equal(np.isnan(expected), np.isnan(found)):
        return float("inf")
    scale = max(1e-3, float(np.nanmax(np.abs(expected), initial=0.0)))
    return float(np.nanmax(np.abs(expected - found), initial=0.0)) / scale


def first_difference(model: Model, inputs: list[np.ndarray], tolerance: float) -> str:
    """A sentence that names the first layer, in the order of computation, whose output differs."""
    from kcompile_runtime import Executor

    from ...onnx_io import export
    from ...torch_bridge import lower, run

    for node in getattr(model, "_network_nodes", []):
        if not node.inbound_layers:
            continue
        graph = Graph(node.output_tensors, model._feed_inputs, phase="inference", silent=True)
        names = [f"output_{i}" for i in range(len(node.output_tensors))]
        proto = export(graph, input_names=model._feed_input_names, output_names=names, check=False)
        found = Executor(proto.SerializeToString()).run(inputs)
        expected = run(lower(graph), *inputs)
        if any(not difference(a, b) <= tolerance for a, b in zip(expected, found, strict=True)):
            layer = node.outbound_layer
            return f"The first layer that differs is {layer.name!r} ({type(layer).__name__})."
    return "Layer by layer there is no difference, so it arises between them."


# Sizes tried for axes of any size other than the batch: convolutions without padding need large ones.
_AXIS_SIZES = {3: 12, 4: 64, 5: 24}


def random_inputs(graph: Graph, seed: int = 0, samples: int = 2) -> list[np.ndarray]:
    """Inputs that a graph can compute on: normal floats, integers within the tables that they index.

    Args:
        graph: what to compute.
        seed: of the random numbers.
        samples: size of the batch axis where it is open.
    """
    random = np.random.default_rng(seed)
    bounds = _index_bounds(graph)
    arrays = []
    for value in graph.inputs:
        shape = [
            dim if isinstance(dim, int) else samples if i == 0 else _AXIS_SIZES.get(len(value.shape), 8)
            for i, dim in enumerate(value.shape)
        ]
        bound = bounds.get(value)
        if bound is not None:
            arrays.append(random.integers(0, max(1, bound), shape).astype(value.dtype))
        elif value.dtype == bool:
            arrays.append(random.integers(0, 2, shape).astype(bool))
        elif value.dtype.kind in "iu":
            arrays.append(random.integers(0, 2, shape).astype(value.dtype))
        else:
            arrays.append(random.standard_normal(shape).astype(value.dtype))
    return arrays


# Operators that move indices about without changing them.
_INDEX_PRESERVING = frozenset(
    (
        "Cast",
        "Reshape",
        "Flatten",
        "Transpose",
        "Squeeze",
        "Unsqueeze",
        "Slice",
        "Split",
        "Gather",
        "Concat",
        "Expand",
    )
)


def _index_bounds(graph: Graph) -> dict[Value, int]:
    """For each input whose values index a table (an embedding), the number of rows of the smallest one."""
    sources: dict[Value, set[Value]] = {value: {value} for value in graph.inputs}
    bounds: dict[Value, int] = {}
    for node in graph.nodes:
        operands = graph.operands(node)
        if (
            node.op_type == "Gather"
            and operands[1] in sources
            and isinstance(operands[0], Parameter | Constant)
        ):
            rows = operands[0].shape[node.attributes.get("axis", 0)]
            for source in sources[operands[1]]:
                bounds[source] = min(rows, bounds.get(source, rows))
        elif node.op_type in _INDEX_PRESERVING:
            found = set().union(*(sources.get(value, set()) for value in operands if value is not None))
            if found:
                sources.update((output, found) for output in node.outputs)
    return bounds


# --- reading ------------------------------------------------------------------------------------------------


def import_model(
    filepath: Any, custom_objects: Mapping[str, Any] | None = None, safe_mode: bool = True
) -> Model:
    """The Keras model back from an ONNX file that ``export_model`` wrote, weights and compile() arguments
    included; of anyone else's file a model of one ``ONNXGraph`` layer.

    Raises:
        kcompile.onnx_io.FormatError: if the file is damaged.
        kcompile.ir.OperatorError: for operators that are not in the ONNX standard set.
        ValueError: if it has weights that do not fit its Keras configuration.
    """
    from ... import onnx_io

    proto = onnx_io.load(filepath, external_data=None if safe_mode else True)
    entries = onnx_io.get_metadata(proto)
    if "kcompile.config" not in entries:
        from ..layers.onnx_graph import model_from_graph

        return model_from_graph(proto)
    weights, source = onnx_io.restore_weights(proto), str(filepath)
    elements = sum(array.size for array in weights.values())
    with SafeModeScope(safe_mode), CustomObjectScope(custom_objects or {}):
        with reporting_malformed(source), WeightBudget(source, elements, from_zeros=False):
            model = model_from_config(_parse(entries["kcompile.config"], "kcompile.config"))
        _restore_weights(model, weights, _parse(entries.get(ORDER, "[]"), ORDER), source)
        if TRAINING in entries:
            with reporting_malformed(source):
                compile_from(model, _parse(entries[TRAINING], TRAINING))
    return model


def _parse(text: str, entry: str) -> Any:
    from ...formats.json import parse

    return parse(text, f"metadata entry {entry}")


def _restore_weights(
    model: Model, weights: Mapping[str, np.ndarray], order: Sequence[str], source: str
) -> None:
    states = model._states()
    parameters = [p for p in model._weights_by_layer() if p not in states]
    if len(order) != len(parameters):
        raise ValueError(
            f"{source}: the file has {len(order)} weights, the model in it has {len(parameters)}."
        )
    unused = [name for name in order if name not in weights]
    if unused:
        warnings.warn(
            f"{source}: {len(unused)} weights that no output depends on are not in the file and start "
            f"afresh: {', '.join(unused[:5])}.",
            stacklevel=4,
        )
    pairs = [(p, weights[name]) for p, name in zip(parameters, order, strict=True) if name in weights]
    for parameter, array in pairs:
        if parameter.shape != array.shape:
            raise ValueError(
                f"{source}: the weight {parameter.name} has shape {parameter.shape}, the file has "
                f"{array.shape}."
            )
    for parameter, array in pairs:
        parameter.assign(array)

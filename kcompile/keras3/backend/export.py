"""Export of models as ONNX; loaded when the first one is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras.src import tree

from kcompile import onnx_io
from kcompile.ir import Graph, Names, Parameter, Trace, Value, as_dtype, before_graph
from kcompile.keras.saving.merged_weights import with_merged_weights
from kcompile.keras.saving.verification import verify_export

from .tensors import is_symbolic
from .tracing import traced

TOLERANCE = 1e-3


def export_onnx_file(
    model: Any,
    filepath: Any,
    input_signature: Sequence[Any],
    opset_version: int | None = None,
    verify: bool = True,
) -> None:
    """Writes what a model computes in test mode as an ONNX file, compared with the model before it is there.

    Args:
        model: a built model of Keras.
        filepath: where to write, atomically.
        input_signature: specs of what the model is called with (``shape``, ``dtype``, ``name``), of any
            nesting; axes of size None are open in the file.
        opset_version: of the standard operator set; 21 by default.
        verify: run the file by onnxruntime and the graph by PyTorch on the same random inputs.

    Raises:
        kcompile.onnx_io.ExportError: for what ONNX lacks, or where the file does not compute the same; an
            existing one is left as it was.
    """
    graph, input_names, output_names = traced_model(model, input_signature)
    options: dict[str, Any] = {} if opset_version is None else {"opset": opset_version}
    options |= {
        "input_names": input_names,
        "output_names": output_names,
        "weight_names": _weight_names(model, graph, input_names),
        "name": model.name,
    }
    if not verify:
        onnx_io.export(graph, filepath, **options)
        return
    with onnx_io.saved_on_success(filepath) as trial:
        onnx_io.export(graph, trial, **options)
        verify_export(model.name, output_names, graph, trial, TOLERANCE)


def traced_model(model: Any, input_signature: Sequence[Any]) -> tuple[Graph, list[str], list[str]]:
    """A model's outputs in test mode as a graph, and the names of its inputs and outputs.

    The batch axis is open, unless the model computes with the size that its inputs were declared with.
    """
    try:
        return _traced(model, input_signature, "batch")
    except Exception:
        sizes = {x.shape[0] for x in getattr(model, "inputs", None) or ()}
        if len(sizes) != 1 or sizes == {None}:
            raise
        return _traced(model, input_signature, sizes.pop())


def _traced(
    model: Any, input_signature: Sequence[Any], batch: int | str
) -> tuple[Graph, list[str], list[str]]:
    names = Names()
    inputs: list[Value] = []

    def placeholder(spec: Any) -> Value:
        name = names.unique(getattr(spec, "name", None) or f"input_{len(inputs)}")
        sizes = [n if n is not None else batch if i == 0 else None for i, n in enumerate(spec.shape)]
        inputs.append(Value(as_dtype(spec.dtype or "float32"), sizes, name))
        return inputs[-1]

    given = tree.map_structure(placeholder, list(input_signature))
    options = {"training": False} if model._call_has_training_arg else {}
    with traced(Trace(inputs)) as trace:
        found = model(*given, **options)
    outputs = [x for x in tree.flatten(found) if is_symbolic(x)]
    return (
        with_merged_weights(_with_text(_without_counting(trace.graph(outputs, "inference")))),
        [x.name for x in inputs],
        _output_names(model, found, len(outputs), names),
    )


def _with_text(graph: Graph) -> Graph:
    """The graph with operators of ONNX in the place of what Python computes of text."""
    _, text = before_graph(graph)
    return graph if text is None else graph.replacing(text.written())


def _without_counting(graph: Graph) -> Graph:
    """The graph without updates of what no output reads, such as the states of seeds, which count up."""
    kept: list[tuple[Parameter, Value]] = []
    while True:
        wanted = [*graph.outputs, *(new for _, new in kept)]
        read = set(graph.with_inputs(graph.inputs, wanted).parameters)
        found = [(parameter, new) for parameter, new in graph.updates if parameter in read]
        if len(found) == len(kept):
            return Graph(graph.outputs, graph.inputs, kept, graph.phase, replaced=graph.replaced)
        kept = found


def _output_names(model: Any, found: Any, count: int, names: Names) -> list[str]:
    """Those of a functional model's outputs, keys of a dict, or ``output_0``, ..."""
    if isinstance(found, dict) and len(found) == count:
        wanted = list(map(str, sorted(found)))
    else:
        wanted = list(getattr(model, "output_names", None) or ())
    if len(wanted) != count:
        wanted = [f"output_{i}" for i in range(count)]
    return [names.unique(name) for name in wanted]


def _weight_names(model: Any, graph: Graph, taken: Sequence[str]) -> dict[Parameter, str]:
    names = Names(taken)
    paths = {
        variable.parameter: variable.path for variable in model.variables if variable.parameter is not None
    }
    in_file = dict.fromkeys([*graph.parameters, *(p for p, _ in graph.updates)])
    parameters = dict.fromkeys([*(p for p in paths if p in in_file), *in_file])
    return {parameter: names.unique(paths.get(parameter, parameter.name)) for parameter in parameters}

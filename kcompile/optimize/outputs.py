"""A model that computes some of its outputs alone."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import onnx
import onnx_ir as oir

from .. import onnx_io
from ..onnx_io import get_metadata
from ..onnx_io.metadata import CONFIG, STATES
from .errors import OptimizeError
from .sources import exported
from .steps import take_entries


def only_outputs(model: onnx.ModelProto, names: Sequence[str]) -> onnx.ModelProto:
    """The model with these outputs, in this order, and what they need; the model itself is not changed.

    Inputs that nothing reads any more go, states that the caller carries stay. A file of a functional Keras
    model is one of the model of these outputs; other files become graphs.

    Args:
        names: of outputs of the model.

    Raises:
        OptimizeError: there is no such output, or none is asked for.
    """
    states = json.loads(get_metadata(model).get(STATES, "[]"))
    carried = {state[end] for state in states for end in ("input", "output")}
    names = list(dict.fromkeys(names))
    known = [output.name for output in model.graph.output if output.name not in carried]
    if unknown := [name for name in names if name not in known]:
        raise OptimizeError(f"outputs: there is no {unknown[0]!r}; the model has {', '.join(known)}.")
    if not names:
        raise OptimizeError(f"outputs: none is asked for; the model has {', '.join(known)}.")
    if names == known:
        return model
    pruned = _pruned(model, names, carried)
    again = _keras_model(model, pruned, names) if CONFIG in get_metadata(model) and not carried else None
    if again is not None:
        return exported(again)
    take_entries(pruned, model, keras=False)
    return pruned


def _pruned(model: onnx.ModelProto, names: Sequence[str], carried: set[str]) -> onnx.ModelProto:
    from onnx_ir.passes import common

    # onnx_ir reads a model without changing it, and tensors are not copied
    graph_model = oir.from_proto(model)
    graph = graph_model.graph
    by_name = {value.name: value for value in graph.outputs}
    kept = [by_name[name] for name in names] + [v for v in graph.outputs if v.name in carried]
    graph.outputs[:] = kept
    common.RemoveUnusedNodesPass()(graph_model)
    graph.inputs[:] = [
        value for value in graph.inputs if value.uses() or value.is_graph_output() or value.name in carried
    ]
    return oir.to_proto(graph_model)


def _keras_model(model: onnx.ModelProto, pruned: onnx.ModelProto, names: Sequence[str]) -> Any:
    """The Keras model of these outputs; None where the file's model is not made of layers by calling them."""
    from ..keras.models import Model, load_model

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        onnx_io.save(model, path)
        whole = load_model(path, compile=False)
    inputs, outputs = getattr(whole, "inputs", None), getattr(whole, "outputs", None)
    if not inputs or not outputs:
        return None
    if len(inputs) != len(model.graph.input) or len(outputs) != len(model.graph.output):
        return None
    read = {value.name for value in pruned.graph.input}
    places = {value.name: i for i, value in enumerate(model.graph.output)}
    return Model(
        [x for x, value in zip(inputs, model.graph.input, strict=True) if value.name in read],
        [outputs[places[name]] for name in names],
    )


__all__ = ["only_outputs"]

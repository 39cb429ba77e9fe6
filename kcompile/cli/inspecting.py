"""``kcompile inspect``."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .loading import ModelFile, inference_graph, kind_of, load
from .tables import console, format_bytes, format_shape, say, table

if TYPE_CHECKING:
    from ..ir import Graph


def inspect_model(file: ModelFile, ir: bool, as_json: bool) -> None:
    """Prints what a model is made of: as tables, as JSON, or as the text of its graph (also within JSON)."""
    model = load(file, new_weights=True)
    graph = inference_graph(model)
    if ir and not as_json:
        say(graph)
        return
    found = description(file.path, model, graph)
    if as_json:
        print(json.dumps({**found, "ir": str(graph)} if ir else found, indent=2))
    else:
        _print_tables(found)


def description(path: Path, model: Any, graph: Graph) -> dict[str, Any]:
    """What ``inspect`` shows, as plain data."""
    bare = model is graph
    described: dict[str, Any] = {
        "file": str(path),
        "format": kind_of(path),
        "file_bytes": os.path.getsize(path) if path.exists() else 0,
        "name": path.stem if bare else model.name,
        "inputs": [_tensor(value) for value in graph.inputs],
        "outputs": [_tensor(value) for value in graph.outputs],
        "states": [_tensor(parameter) for parameter, _ in graph.updates],
    }
    if described["format"] == "onnx":
        from ..onnx_io.opsets import opsets_of

        described["opset"] = opsets_of(path)
    if not bare:
        described["inputs"] = _named(described["inputs"], model.input_names)
        described["outputs"] = _named(described["outputs"], model.output_names)
        described["layers"] = [_layer(layer) for layer in model.layers]
        parameters = model.weights
        trainable = model.trainable_weights
    else:
        parameters = list(graph.parameters)
        trainable = [parameter for parameter in parameters if parameter.trainable]
    described["parameters"] = sum(_size(parameter) for parameter in parameters)
    described["trainable_parameters"] = sum(_size(parameter) for parameter in trainable)
    described["parameter_bytes"] = sum(parameter.storage.array.nbytes for parameter in parameters)
    described["operators"] = dict(Counter(_operators(graph)).most_common())
    described["weights"] = [
        {"name": p.name, "shape": list(p.shape), "dtype": p.dtype.name, "bytes": p.storage.array.nbytes}
        for p in parameters
    ]
    return described


def _operators(graph: Graph) -> list[str]:
    """Types of all nodes, those in the bodies of loops and conditions included."""
    found = []
    for node in graph.nodes:
        found.append(node.op_type)
        for body in graph.bodies(node).values():
            found += _operators(body)
    return found


def _tensor(value: Any) -> dict[str, Any]:
    return {
        "name": value.name,
        "dtype": value.dtype.name,
        "shape": None if value.shape is None else list(value.shape),
    }


def _named(tensors: list[dict[str, Any]], names: list[str]) -> list[dict[str, Any]]:
    return [{**tensor, "name": name} for tensor, name in zip(tensors, names, strict=True)]


def _layer(layer: Any) -> dict[str, Any]:
    try:
        shape = layer.output_shape
    except AttributeError:  # called several times, with several shapes
        shape = None
    return {
        "name": layer.name,
        "type": type(layer).__name__,
        "output_shape": shape,
        "parameters": layer.count_params(),
        "trainable": bool(layer.trainable),
    }


def _size(parameter: Any) -> int:
    return int(parameter.storage.array.size)


def _print_tables(found: dict[str, Any]) -> None:
    out = console()
    size = format_bytes(found["file_bytes"])
    say(f"{found['name']}  {found['file']} ({found['format']}, {size})\n")
    tensors = [
        (what, tensor["name"], tensor["dtype"], format_shape(tensor["shape"]))
        for what in ("input", "output", "state")
        for tensor in found[f"{what}s"]
    ]
    title = "Inputs, outputs and states" if found["states"] else "Inputs and outputs"
    out.print(table(title, ["", "name", "dtype", "shape"], tensors))
    if "layers" in found:
        layers = [
            (
                row["name"],
                row["type"],
                _shapes(row["output_shape"]),
                row["parameters"],
                "" if row["trainable"] else "frozen",
            )
            for row in found["layers"]
        ]
        out.print(table("Layers", ["name", "type", "output shape", "parameters", ""], layers, right=(3,)))
    else:
        weights = [
            (w["name"], w["dtype"], format_shape(w["shape"]), format_bytes(w["bytes"]))
            for w in found["weights"]
        ]
        out.print(table("Weights", ["name", "dtype", "shape", "size"], weights, right=(3,)))
    out.print(table("Operators", ["operator", "count"], list(found["operators"].items()), right=(1,)))
    if "opset" in found:
        versions = (f"{n} of {domain}" if domain else str(n) for domain, n in found["opset"].items())
        out.print(f"opset {', '.join(versions)}")
    frozen = found["parameters"] - found["trainable_parameters"]
    out.print(
        f"{found['parameters']:,} parameters ({frozen:,} not trainable), "
        f"{format_bytes(found['parameter_bytes'])}"
    )


def _shapes(shape: Any) -> str:
    if isinstance(shape, list):
        return ", ".join(format_shape(entry) for entry in shape)
    return format_shape(shape)

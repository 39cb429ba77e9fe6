"""Asks our networks what the golden cases ask, for the tests and for the table of docs/applications.md."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from kcompile import keras
from kcompile.keras.core.weight_budget import WeightBudget

from . import rule

TOLERANCE = 1e-4
CASES: dict[str, dict[str, Any]] = {"top": {"classes": rule.CLASSES}, "bottom": {"include_top": False}}
#: name -> what real Keras answered; "judge" says which Keras
ANSWERS: dict[str, dict[str, Any]] = {}
for _path in sorted(Path(__file__).parent.glob("keras*.json")):
    _stored = json.loads(_path.read_text(encoding="utf-8"))
    ANSWERS.update({n: {**a, "judge": _stored["judge"]} for n, a in _stored["answers"].items()})


def architecture(name: str) -> Any:
    """The function of this name: ``ResNet50``, or ``resnet.ResNet50`` where a module has another one."""
    module, _, function = name.rpartition(".")
    package = "kcompile.keras.applications"
    return getattr(importlib.import_module(f"{package}.{module}" if module else package), function)


def build(name: str, **arguments: Any) -> keras.Model:
    """A network whose weights are zeros, which take no memory before somebody sets them."""
    keras.backend.clear_session()  # layers without a name are numbered from 1
    with WeightBudget(name, ANSWERS[name]["structure"]["parameters"]):
        return architecture(name)(weights=None, **arguments)


def with_drawn_weights(name: str, case: str) -> tuple[keras.Model, np.ndarray]:
    """The network of a case with the rule's weights, and the rule's images."""
    x = rule.images(name)
    model = build(name, input_shape=x.shape[1:], **CASES[case])
    rule.set_weights(model, name)
    return model, x


def structure(model: keras.Model, name: str) -> dict[str, Any]:
    """What ``make_golden.py`` stores about the names, layers and weights of a network."""
    # Keras 3 has layers without weights in places where arithmetic needs none here
    everything = not name.startswith(rule.RESCALING)
    listed = [_listed(layer) for layer in model.layers if layer.weights or everything]
    return {"model": model.name, "structure": rule.structure(listed)}


def difference(name: str, case: str, output: np.ndarray) -> float:
    """Largest difference from what real Keras answered, relative to the largest magnitude of its output.

    Raises:
        ValueError: the output has another shape.
    """
    expected, found = ANSWERS[name][case], rule.samples(name + case, output)
    if found["shape"] != expected["shape"]:
        raise ValueError(f"{name}, {case}: the output is {found['shape']}, Keras's {expected['shape']}.")
    pairs = [*zip(found["values"], expected["values"], strict=True)]
    pairs += [(found[key], expected[key]) for key in ("largest", "mean")]
    return max(abs(a - b) for a, b in pairs) / expected["largest"]


def _listed(layer: Any) -> tuple[str, str, list[tuple[str, Any]]]:
    cls = type(layer).__name__
    return layer.name, cls, [(rule.kind_of(w.name, cls), w.shape) for w in layer.weights]

"""Initializers of an ONNX file to the weights of a model, by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ... import onnx_io
from ..core.network import Network
from .matching import Report


def match_onnx(model: Network, filepath: Any, mapping: Mapping[str, str | None] | None = None) -> Report:
    """Finds an initializer for every weight; changes nothing.

    A file that kcompile exported gives its weights in Keras's layout; of other files an initializer must have
    the shape of the weight.

    Args:
        model: a built model.
        filepath: the .onnx file.
        mapping: Keras weight -> initializer, None to leave the weight as it is; weights that it does not name
            are matched by name.

    Raises:
        kcompile.onnx_io.FormatError: if the file is damaged.
    """
    arrays = onnx_io.restore_weights(onnx_io.load(filepath))
    report = Report("names" if mapping is None else "mapping and names")
    used: set[str] = set()
    model._assert_weights_exist()
    parameters = model._weights_in_order()
    for parameter in parameters:
        name = (mapping or {}).get(parameter.name, parameter.name)
        if name is not None and not isinstance(name, str):
            report.missing.append((parameter.name, f"the mapping says {name!r}: for .onnx it is a name"))
            continue
        if name is None:
            report.kept.append(parameter.name)
            continue
        array = arrays.get(name)
        if array is None:
            report.missing.append((parameter.name, f"the file has no initializer {name!r}"))
        elif array.shape != parameter.shape:
            why = f"it has shape {list(parameter.shape)}, the initializer {list(array.shape)}"
            report.missing.append((parameter.name, why))
        else:
            report.matched.append((parameter.name, name))
            report.assignments.append((parameter, np.asarray(array)))
            used.add(name)
    known = {parameter.name for parameter in parameters}
    report.missing += [
        (k, "the mapping names it, the model has no such weight") for k in mapping or () if k not in known
    ]
    report.unused += [
        (name, f"no weight is called so; shape {list(array.shape)}")
        for name, array in arrays.items()
        if name not in used and array.dtype.kind == "f"
    ]
    return report

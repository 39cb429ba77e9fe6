"""How much the outputs of two models differ, and those of a model and of its file."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np

import kcompile


def flat(outputs):
    if isinstance(outputs, Mapping):
        return [x for key in sorted(outputs) for x in flat(outputs[key])]
    if isinstance(outputs, list | tuple):
        return [x for entry in outputs for x in flat(entry)]
    return [np.asarray(outputs, "float64")]


def difference(ours, theirs):
    """The largest one, in parts of the largest number where that is above one."""
    pairs = zip(flat(ours), flat(theirs), strict=True)
    return max(float(np.abs(a - b).max()) / max(1.0, float(np.abs(b).max())) for a, b in pairs)


def of_file(model, x):
    """The difference between a model and the .onnx file that it exports."""
    from kcompile_runtime import Executor

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.onnx"
        kcompile.export(model, path)
        executor = Executor(path)
        arrays = list(x.values()) if isinstance(x, dict) else x if isinstance(x, list) else [x]
        if isinstance(x, dict):
            arrays = [x[info.name] for info in executor.inputs]
        typed = [a.astype("int32") if a.dtype.kind == "i" else a for a in arrays]
        return difference(executor.run(typed), model.predict(x, verbose=0))


@contextmanager
def refused(pattern: str) -> Iterator[None]:
    """Within, a ValueError must be raised whose message has the pattern in it."""
    try:
        yield
    except ValueError as error:
        assert re.search(pattern, str(error)), str(error)
    else:
        raise AssertionError("nothing was refused")

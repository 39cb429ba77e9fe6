"""Files that stock Keras 3 exports on kcompile, next to those of its exports on PyTorch and by tf2onnx."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import inliner

from .keras3 import available, python, title
from .keras3_networks import NETWORKS
from .measuring import Row, compare, pair_row

_OURS = "kcompile"
_OTHERS = {"torch": "Keras 3's export on PyTorch", "tensorflow": "tf2onnx"}
TOPIC = "export of stock Keras 3"
TARGET = 1.0


def rows(rounds: int = 30) -> Iterator[Row]:
    """By network the seconds to export, nodes, Transposes, and the latency of one sample in onnxruntime."""
    interpreter = available()
    if interpreter is None:
        return
    with tempfile.TemporaryDirectory() as folder:
        interpreters = {_OURS: sys.executable, **dict.fromkeys(_OTHERS, interpreter)}
        found = {
            backend: _exported(backend, where, Path(folder) / backend)
            for backend, where in interpreters.items()
        }
        for name in NETWORKS:
            ours = Path(folder) / _OURS / f"{name}.onnx", float(found[_OURS][name])
            for backend, called in _OTHERS.items():
                theirs, other = Path(folder) / backend / f"{name}.onnx", found[backend][name]
                why = other if isinstance(other, str) else _fault(theirs)
                if isinstance(other, str) or why is not None:
                    print(f"  {name}: {called} fails: {why}", file=sys.stderr)
                    yield Row(TOPIC, f"{title(name)}; {called} fails: export", ours[1], "s")
                else:
                    yield from _rows(f"{title(name)}; {called}", ours, (theirs, other), rounds)


def _exported(backend: str, interpreter: str | Path, folder: Path) -> dict[str, float | str]:
    """By network the seconds of its export, or why there is none; all by one process."""
    folder.mkdir()
    arguments = "benchmarks.keras3_process", "export", str(folder), *NETWORKS
    ran = python(*arguments, interpreter=interpreter, backend=backend, check=False)
    reason = (ran.stderr.strip().splitlines() or ["?"])[-1]
    return dict.fromkeys(NETWORKS, reason) | dict(map(json.loads, ran.stdout.splitlines()))


def _fault(path: Path) -> str | None:
    """Why a file does not run; None if it does."""
    try:
        _run(path)()
    except Exception as error:  # of onnxruntime
        return str(error).splitlines()[0]
    return None


def _rows(what: str, ours: tuple[Path, float], other: tuple[Path, float], rounds: int) -> Iterator[Row]:
    yield Row(TOPIC, f"{what}: export", ours[1], "s", other[1], ours[1] / other[1], TARGET)
    counts = [_operators(path) for path, _ in (ours, other)]
    for label, (a, b) in (
        ("nodes", [len(found) for found in counts]),
        ("Transposes", [found.count("Transpose") for found in counts]),
    ):
        yield Row(TOPIC, f"{what}: {label}", a, "", b, a / b if b else None)
    pair = compare(*(_run(path) for path, _ in (ours, other)), rounds, most_seconds=2.0)
    yield pair_row(TOPIC, f"{what}: one sample", pair, TARGET)


def _operators(path: Path) -> list[str]:
    """Of all nodes, those of functions where they are called, without constants."""
    model = inliner.inline_local_functions(onnx.load(path))
    return [node.op_type for node in model.graph.node if node.op_type != "Constant"]


def _run(path: Path) -> partial[object]:
    """A session's run on one sample."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    sizes = [size if isinstance(size, int) else 1 for size in given.shape]
    dtype = {"tensor(float)": np.float32, "tensor(int32)": np.int32, "tensor(int64)": np.int64}[given.type]
    return partial(session.run, None, {given.name: np.ones(sizes, dtype)})

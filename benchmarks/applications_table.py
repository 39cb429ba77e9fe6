"""The table of docs/applications.md: what is true of every architecture, found out now.

    python -m benchmarks applications --write

Each architecture has a process of its own, which builds it, compares it with the golden answers of real
Keras in tests/golden/applications, exports it and times the file. What `make peers-test` found when it loaded
weights that real Keras had saved stands in tests/golden/applications/loaded.json.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

from .measuring import median_time
from .results import where

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "applications.md"
LOADED = ROOT / "tests" / "golden" / "applications" / "loaded.json"
BEGIN, END = "<!-- written by `python -m benchmarks applications --write` -->", "<!-- end of the table -->"
COLUMNS = (
    "architecture",
    "parameters",
    "load from real Keras",
    "outputs agree",
    "export (s, MB)",
    "Transposes",
    "latency (ms)",
)


def write(about: dict[str, Any], names: Iterable[str] = (), page: Path = PAGE) -> None:
    """Measures every architecture, or those that are named, and replaces the table in the page."""
    table = [row(found) for found in measured(list(names) or architectures())]
    text = page.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    lines = [_line(COLUMNS), _line("---" if i in (0, 2) else "---:" for i in range(len(COLUMNS)))]
    lines += [_line(cells) for cells in table]
    new = f"{before}{BEGIN}\n{machine(about)}\n\n" + "\n".join(lines) + f"\n{END}{after}"
    page.write_text(new, encoding="utf-8")


def architectures() -> list[str]:
    """Names of all whose outputs real Keras was asked for, those of one module together."""
    from kcompile.keras import applications
    from tests.golden.applications import checking

    names = [n for n in applications.ARCHITECTURES if {*checking.CASES} <= set(checking.ANSWERS[n])]
    names.insert(names.index("ResNet50") + 1, "resnet.ResNet50")
    return names


def measured(names: list[str]) -> Iterator[dict[str, Any]]:
    """What ``measure`` finds for each, in a process of its own."""
    for name in names:
        start = time.perf_counter()
        command = [sys.executable, "-m", "benchmarks.applications_table", name]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
        if done.returncode:
            raise RuntimeError(f"{name} cannot be measured: {done.stderr[-2000:]}")
        print(f"  {name}: {time.perf_counter() - start:.0f} s", file=sys.stderr)
        yield json.loads(done.stdout.splitlines()[-1])


def measure(name: str) -> dict[str, Any]:
    """Everything about one architecture that can be found out without real Keras."""
    import onnx
    import onnxruntime

    from tests.golden.applications import checking

    model = checking.build(name)
    found: dict[str, Any] = {"name": name, "parameters": model.count_params()}
    found["structure"] = checking.structure(model, name) == {
        key: checking.ANSWERS[name][key] for key in ("model", "structure")
    }
    found["judge"] = checking.ANSWERS[name]["judge"]
    differences = []
    for case in checking.CASES:
        small, x = checking.with_drawn_weights(name, case)
        differences.append(checking.difference(name, case, small.predict(x)))
        del small
    found["difference"] = max(differences)
    found["tolerance"] = checking.TOLERANCE
    checking.rule.set_weights(model, name)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        start = time.perf_counter()
        model.export(path, verify=False)
        found["seconds"] = time.perf_counter() - start
        found["bytes"] = sum(file.stat().st_size for file in Path(folder).iterdir())
        graph = onnx.load(path, load_external_data=False).graph
        found["transposes"] = sum(node.op_type == "Transpose" for node in graph.node)
        shape = model.input_shape[1:]
        del model
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    x = np.random.default_rng(0).uniform(0, 255, (1, *shape)).astype(np.float32)
    feed = {session.get_inputs()[0].name: x}
    found["latency"] = median_time(lambda: session.run(None, feed), 7)
    found["size"] = shape[0]
    return found


def row(found: dict[str, Any]) -> list[str]:
    """The cells of one architecture."""
    agrees = found["difference"] < found["tolerance"]
    return [
        found["name"],
        f"{found['parameters']:,}",
        loads(found),
        f"{'yes' if agrees else 'NO'}, {found['difference']:.0e}",
        f"{found['seconds']:.1f}, {found['bytes'] / 1e6:.0f}",
        str(found["transposes"]),
        f"{1e3 * found['latency']:.1f}",
    ]


def loads(found: dict[str, Any], path: Path = LOADED) -> str:
    """Which files of which Keras loaded, with equal outputs; NO if the layers are not those of Keras."""
    if not found["structure"]:
        return f"NO: layers differ from {found['judge']}"
    judges = json.loads(path.read_text(encoding="utf-8")).get(found["name"], {}) if path.exists() else {}
    parts = []
    for judge, ways in judges.items():
        failed = sorted(way for way, value in ways.items() if not value < found["tolerance"])
        if failed:
            return f"NO: {judge}, {failed[0]}"
        parts.append(f"{judge} ({', '.join(sorted({way.split(',')[0] for way in ways}))})")
    return "; ".join(parts) or f"not tried; names, order and shapes are those of {found['judge']}"


def machine(about: dict[str, Any]) -> str:
    """Where the figures come from."""
    return f"Taken on {datetime.now(tz=timezone.utc):%Y-%m-%d}: {where(about)}."


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1])))

"""Results as a file: an entry a topic, with the day, the command and the machine that it comes from."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from .measuring import Row

PACKAGES = ("kcompile", "kcompile-runtime", "torch", "onnxruntime", "onnx", "numpy")
#: What makes products of 8 bits quick: flag of the processor -> its name.
INSTRUCTIONS = {"avx512_vnni": "AVX-512 VNNI", "avx_vnni": "AVX-VNNI", "avx512f": "AVX-512", "avx2": "AVX2"}
_FIELDS = tuple(field.name for field in fields(Row))


class ResultsError(Exception):
    """A file holds something else than results."""


def environment(load_average: float | None = None) -> dict[str, Any]:
    """Where the figures come from; the load is that before they were taken."""
    import torch

    return {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "processor": processor(),
        "instructions": instructions(),
        "cpus": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "torch_threads": torch.get_num_threads(),
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        "load_average": load_average,
        **{name: _version(name) for name in PACKAGES},
    }


def load() -> float | None:
    """How many processes want to run, in the mean of a minute."""
    return round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None


def processor() -> str:
    """As the system calls it."""
    return _cpuinfo("model name") or platform.processor() or platform.machine()


def instructions() -> str:
    """The first of INSTRUCTIONS that the processor has, "" if it has none or does not say."""
    flags = _cpuinfo("flags").split()
    return next((name for flag, name in INSTRUCTIONS.items() if flag in flags), "")


def where(about: Mapping[str, Any]) -> str:
    """The machine and the versions in one line; what an entry does not say is left out."""
    parts = [
        about.get("processor"),
        f"{about['cpus']} CPUs",
        " with ".join(filter(None, (about.get("machine"), about.get("instructions")))),
        f"GPU {about['device']}" if about.get("device", "cpu") != "cpu" else None,
        f"Python {about['python']}",
        *(f"{name} {about[name]}" for name in PACKAGES if name != "kcompile-runtime" and about.get(name)),
    ]
    busy = f"; load {about['load_average']} before" if about.get("load_average") is not None else ""
    return ", ".join(filter(None, parts)) + busy


def entry(rows: Iterable[Row], command: str, about: Mapping[str, Any]) -> dict[str, Any]:
    """The results of one topic as plain data."""
    return {
        "taken": f"{datetime.now(tz=timezone.utc):%Y-%m-%d}",
        "command": command,
        "environment": dict(about),
        "rows": [{**asdict(row), "reached": row.reached} for row in rows],
    }


def rows_of(found: Mapping[str, Any]) -> list[Row]:
    """The rows of an entry."""
    return [Row(**{name: row[name] for name in _FIELDS if name in row}) for row in found["rows"]]


def read(path: Path) -> dict[str, dict[str, Any]]:
    """Entries by topic; none where there is no file.

    Raises:
        ResultsError: it holds something else.
    """
    try:
        topics = json.loads(path.read_text(encoding="utf-8"))["topics"]
        for name, found in topics.items():
            rows_of(found), where(found["environment"]), f"{name} {found['taken']} {found['command']}"
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ResultsError(
            f"{path} holds no results ({type(error).__name__}: {error}): name another file, or remove it"
        ) from None
    return topics


def merge(path: Path, topic: str, found: Mapping[str, Any]) -> None:
    """Puts one topic's entry in the place of its former one; those of other topics stay.

    Raises:
        ResultsError: there is a file that holds something else.
    """
    from kcompile.atomic import replacing

    text = json.dumps({"topics": {**read(path), topic: found}}, indent=1, ensure_ascii=False) + "\n"
    with replacing(path) as temporary:
        Path(temporary).write_text(text, encoding="utf-8")


def cells(row: Row) -> list[str]:
    """A row of the table: what, ours, the other's, ratio, target, whether that is reached."""
    target = ""
    if row.target is not None:
        wanted = f"{row.target:.2f}" if row.ratio is not None else figure(row.target, row.unit)
        target = f"{'>=' if row.at_least else '<='} {wanted}"
    return [
        row.what,
        figure(row.ours, row.unit),
        "" if row.other is None else figure(row.other, row.unit),
        "" if row.ratio is None else _ratio(row),
        target,
        "within noise" if row.within_noise else {None: "", True: "yes", False: "NO"}[row.reached],
    ]


def _ratio(row: Row) -> str:
    """With as many digits as the verdict on it needs, and its noise."""
    digits = 2
    while digits < 5 and row.target is not None and row.reached_by_ratio != _reached(row, digits):
        digits += 1
    noise = "" if row.noise is None else f" ± {row.noise:.{3 if row.noise < 0.005 else 2}f}"
    return f"{row.ratio:.{digits}f}{noise}"


def _reached(row: Row, digits: int) -> bool:
    """Whether the ratio as it would be printed reaches the target."""
    assert row.ratio is not None and row.target is not None
    found = round(row.ratio, digits)
    return found >= row.target if row.at_least else found <= row.target


def figure(value: float, unit: str) -> str:
    """A figure with three significant digits."""
    digits = f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
    return f"{digits} {unit}".rstrip()


def _cpuinfo(key: str) -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            return next((line.partition(":")[2].strip() for line in file if line.startswith(key)), "")
    except OSError:
        return ""


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None

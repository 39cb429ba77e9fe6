"""How a model is best run on this machine, as ``kcompile tune`` measured it and wrote it beside the model.

The file beside ``m.onnx`` is called ``m.onnx.session.json``. Its vocabulary is that of onnxruntime's
SessionOptions, as Olive writes it in its inference settings. What stands in it reaches onnxruntime only as
one of the values that are listed here; it names no other file.
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .errors import ModelFileError

SUFFIX = ".session.json"
PROVIDERS = ("CPUExecutionProvider", "CUDAExecutionProvider")
"""Those that are measured, and that a file may choose. It has no options of theirs: these can name files."""
LEVELS = {0: "ORT_DISABLE_ALL", 1: "ORT_ENABLE_BASIC", 2: "ORT_ENABLE_EXTENDED", 99: "ORT_ENABLE_ALL"}
MODES = {0: "ORT_SEQUENTIAL", 1: "ORT_PARALLEL"}
SPINNING = "session.intra_op.allow_spinning"
MOST_THREADS, MOST_BATCH = 1024, 4096
_MOST_BYTES = 1 << 16


@dataclass(frozen=True)
class SessionSettings:
    """What the file says; None for what it leaves to the defaults.

    Attributes:
        provider: that runs the model.
        intra_op_num_threads: threads of one operator.
        inter_op_num_threads: operators at a time, where the mode is 1.
        execution_mode: 0 for one operator after the other, 1 for several at a time.
        graph_optimization_level: 0, 1, 2 or 99, as onnxruntime numbers them.
        allow_spinning: whether threads that wait go on asking for work.
        batch_size: samples of one run where any number may be chosen.
    """

    provider: str | None = None
    intra_op_num_threads: int | None = None
    inter_op_num_threads: int | None = None
    execution_mode: int | None = None
    graph_optimization_level: int | None = None
    allow_spinning: bool | None = None
    batch_size: int | None = None

    def apply(self, ort: Any, options: Any) -> None:
        """Sets them on an onnxruntime.SessionOptions."""
        if self.intra_op_num_threads is not None:
            options.intra_op_num_threads = self.intra_op_num_threads
        if self.inter_op_num_threads is not None:
            options.inter_op_num_threads = self.inter_op_num_threads
        if self.execution_mode is not None:
            options.execution_mode = getattr(ort.ExecutionMode, MODES[self.execution_mode])
        if self.graph_optimization_level is not None:
            level = LEVELS[self.graph_optimization_level]
            options.graph_optimization_level = getattr(ort.GraphOptimizationLevel, level)
        if self.allow_spinning is not None:
            options.add_session_config_entry(SPINNING, str(int(self.allow_spinning)))

    def to_json(self, model: str | os.PathLike[str], measured: Mapping[str, float]) -> str:
        """The file's text.

        Args:
            model: the .onnx file that it goes with.
            measured: what was found, for people: it is not read.
        """
        options: dict[str, Any] = {
            name: value
            for name in _OPTIONS
            if name != "extra_session_config" and (value := getattr(self, name)) is not None
        }
        if self.allow_spinning is not None:
            options["extra_session_config"] = {SPINNING: str(int(self.allow_spinning))}
        content: dict[str, Any] = {"session_options": options}
        if self.provider is not None:
            content["execution_provider"] = self.provider
        if self.batch_size is not None:
            content["batch_size"] = self.batch_size
        content["tuned_for"] = {"model_bytes": os.path.getsize(model), "processors": processors()}
        content["measured"] = dict(measured)
        return json.dumps(content, indent=2, allow_nan=False) + "\n"


def path_beside(model: str | os.PathLike[str]) -> str:
    """Where the settings of a model lie."""
    return os.fspath(model) + SUFFIX


def processors() -> int:
    """How many this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def settings_beside(model: str | os.PathLike[str]) -> SessionSettings | None:
    """The settings of a model; None where there are none, or (with a warning) where they were measured for
    another file or on another machine.

    Raises:
        ModelFileError: the file beside the model is damaged, or says what it may not.
    """
    path = path_beside(model)
    if not os.path.isfile(path):
        return None
    content = _object(_read(path), "the file", path, _CONTENT)
    tuned_for = content.get("tuned_for", {})
    if unlike := _unlike(tuned_for, model):
        warnings.warn(
            f"{path!r} is not used: it was measured for {unlike}; kcompile tune measures anew",
            RuntimeWarning,
            stacklevel=5,
        )
        return None
    options = content.get("session_options", {})
    spinning = options.get("extra_session_config", {}).get(SPINNING)
    return SessionSettings(
        provider=content.get("execution_provider"),
        intra_op_num_threads=options.get("intra_op_num_threads"),
        inter_op_num_threads=options.get("inter_op_num_threads"),
        execution_mode=options.get("execution_mode"),
        graph_optimization_level=options.get("graph_optimization_level"),
        allow_spinning=None if spinning is None else spinning == "1",
        batch_size=content.get("batch_size"),
    )


def _unlike(tuned_for: Mapping[str, int], model: str | os.PathLike[str]) -> str:
    size, count = tuned_for.get("model_bytes"), tuned_for.get("processors")
    if size is not None and os.path.exists(model) and size != os.path.getsize(model):
        return f"a model of {size} bytes, and this one has {os.path.getsize(model)}"
    if count is not None and count != processors():
        return f"{count} processors, and there are {processors()}"
    return ""


def _read(path: str) -> Any:
    if os.path.getsize(path) > _MOST_BYTES:
        raise ModelFileError(f"{path!r}: expected at most {_MOST_BYTES} bytes of settings")
    try:
        with open(path, encoding="utf-8") as stream:
            return json.loads(stream.read(_MOST_BYTES))
    except (ValueError, RecursionError) as error:
        raise ModelFileError(f"{path!r} is no JSON: {str(error)[:200]}") from None


Check = Callable[[Any, str, str], Any]


def _object(value: Any, key: str, path: str, known: Mapping[str, Check]) -> dict[str, Any]:
    """An object of known keys, each with a value that its check takes."""
    if not isinstance(value, dict):
        raise ModelFileError(f"{path!r}: {key}: expected an object, found {type(value).__name__}")
    for name, entry in value.items():
        if name not in known:
            raise ModelFileError(f"{path!r}: {key}: expected {', '.join(known)}, found {name[:64]!r}")
        known[name](entry, name, path)
    return value


def _whole(least: int, most: int) -> Check:
    def check(value: Any, key: str, path: str) -> None:
        if type(value) is not int or not least <= value <= most:
            raise ModelFileError(
                f"{path!r}: {key}: expected a number from {least} to {most}, found {_short(value)}"
            )

    return check


def _one_of(*values: Any) -> Check:
    def check(value: Any, key: str, path: str) -> None:
        if not any(type(value) is type(known) and value == known for known in values):
            raise ModelFileError(
                f"{path!r}: {key}: expected {' or '.join(map(repr, values))}, found {_short(value)}"
            )

    return check


def _of(known: Mapping[str, Check]) -> Check:
    return lambda value, key, path: _object(value, key, path, known)


def _short(value: Any) -> str:
    return repr(value)[:64]


_OPTIONS: dict[str, Check] = {
    "intra_op_num_threads": _whole(1, MOST_THREADS),
    "inter_op_num_threads": _whole(1, MOST_THREADS),
    "execution_mode": _one_of(*MODES),
    "graph_optimization_level": _one_of(*LEVELS),
    "extra_session_config": _of({SPINNING: _one_of("0", "1")}),
}
_CONTENT: dict[str, Check] = {
    "session_options": _of(_OPTIONS),
    "execution_provider": _one_of(*PROVIDERS),
    "batch_size": _whole(1, MOST_BATCH),
    "tuned_for": _of({"model_bytes": _whole(0, 1 << 62), "processors": _whole(1, 1 << 20)}),
    "measured": lambda value, key, path: None,
}

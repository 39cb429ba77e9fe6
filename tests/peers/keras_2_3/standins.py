"""A pytest plugin: what the tests of Keras 2.3.1 need beside ``keras``, and a record of their outcomes.

``keras`` is kcompile.keras. Keras's own helpers for tests (a numpy version of the backend, ``layer_test``)
are read from its distribution at run time. Of TensorFlow there is what tests make inputs with:
``tf.Variable`` and ``tf.device``. A path in Google's storage is a file in a temporary folder.
"""

from __future__ import annotations

import builtins
import contextlib
import importlib.machinery
import importlib.util
import os
import signal
import sys
import tempfile
import types
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

RELEASE = Path(os.environ["KERAS_RELEASE"])
OUTCOMES = Path(os.environ["KERAS_OUTCOMES"])

sys.path.append(os.environ["KERAS_HELPERS"])

import kcompile  # noqa: E402
from kcompile.cli import aliasing  # noqa: E402

aliasing.install()

import keras  # noqa: E402
import keras.backend as K  # noqa: E402
import keras.backend.tensorflow_backend  # noqa: E402
import keras.engine  # noqa: E402
import keras.utils  # noqa: E402


class LocalFiles:
    """In place of Keras's stand-in for Google's storage: the same methods on a temporary folder."""

    def __init__(self, file_io_module: str | None = None, bucket_name: str | None = None) -> None:
        self.folder = tempfile.mkdtemp()

    def __enter__(self) -> LocalFiles:
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def start(self) -> None:
        """Nothing to start."""

    def stop(self) -> None:
        """Nothing to stop."""

    def get_filepath(self, filename: str) -> str:
        """A path for a file of this name."""
        return os.path.join(self.folder, os.path.basename(filename))

    def file_exists(self, filepath: str) -> bool:
        """Whether it is there."""
        return os.path.exists(filepath)

    def assert_exists(self, filepath: str) -> None:
        """Fails if it is not there."""
        assert os.path.exists(filepath)

    def delete_file(self, filepath: str) -> None:
        """Removes it."""
        os.remove(filepath)


def helper(name: str) -> Any:
    """A helper for tests of Keras's distribution, under its own name."""
    path = RELEASE / (name.replace(".", "/") + ".py")
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        spec.loader.exec_module(module)
    parent, _, last = name.rpartition(".")
    setattr(sys.modules[parent], last, module)
    return module


def some_tensorflow() -> types.ModuleType:
    """The module ``tensorflow`` for the tests, and for nobody else who might look for it."""
    tf: Any = types.ModuleType("tensorflow")
    tf.__version__ = "1.15.5"
    tf.float32 = "float32"
    tf.Variable = lambda value, dtype=None: K.variable(value, dtype)
    tf.device = kcompile.device_scope
    tf.keras = types.ModuleType("tensorflow.keras")
    original = builtins.__import__

    def importing(name: str, scope: Any = None, *arguments: Any, **keywords: Any) -> Any:
        if name == "tensorflow" and scope and str(scope.get("__file__", "")).startswith(str(RELEASE)):
            return tf
        return original(name, scope, *arguments, **keywords)

    builtins.__import__ = importing  # type: ignore[assignment]
    return tf


def older_libraries() -> None:
    """Names that numpy and pytest had in 2019."""
    for name, value in {
        "float": float,
        "int": int,
        "bool": bool,
        "object": object,
        "alltrue": np.all,
    }.items():
        if name not in vars(np):
            setattr(np, name, value)
    warns: Callable[..., Any] = pytest.warns

    def old_warns(expected: Any = Warning, *arguments: Any, **keywords: Any) -> Any:
        return any_warnings() if expected is None else warns(expected, *arguments, **keywords)

    setattr(pytest, "warns", old_warns)  # noqa: B010


@contextlib.contextmanager
def any_warnings() -> Iterator[list[warnings.WarningMessage]]:
    """Collects warnings, of which there may be none."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        yield found


older_libraries()
some_tensorflow()
keras.backend.tensorflow_backend._is_tf_1 = lambda: False
keras.backend.tensorflow_backend._get_available_gpus = list
K.load_backend = sys.modules["keras.backend.load_backend"] = types.ModuleType("keras.backend.load_backend")
helper("keras.backend.numpy_backend")
helper("keras.utils.test_utils").tf_file_io_proxy = LocalFiles
helper("keras.engine.training_utils")

_phases: dict[str, set[str]] = {}


def pytest_runtest_logreport(report: Any) -> None:
    """Writes the outcome of a test that is over."""
    phases = _phases.setdefault(report.nodeid, set())
    phases.add(report.outcome)
    if report.when == "teardown":
        outcome = next(which for which in ("failed", "skipped", "passed") if which in phases)
        with OUTCOMES.open("a") as file:
            file.write(f"{outcome} {report.nodeid}\n")
        del _phases[report.nodeid]


def pytest_runtest_teardown() -> None:
    """Stops the alarm clock of a test that failed before it could."""
    signal.setitimer(signal.ITIMER_REAL, 0)

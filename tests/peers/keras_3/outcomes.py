"""A pytest plugin for Keras 3's tests: a record of their outcomes, and what the configuration of Keras's own
repository gives them, which its source distribution lacks (``conftest``)."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import torch  # noqa: F401 - before TensorFlow: the other order crashes

import pytest  # isort: skip
from keras.src.backend import backend  # isort: skip

OUTCOMES = Path(os.environ["KERAS_OUTCOMES"])
_phases: dict[str, set[str]] = {}
sys.modules["conftest"] = sys.modules[__name__]


def skip_if_backend(given_backend: str, reason: str) -> Any:
    """A mark for tests of other backends."""
    return pytest.mark.skipif(backend() == given_backend, reason=reason)


def pytest_configure(config: Any) -> None:
    """Names the marks."""
    config.addinivalue_line("markers", "requires_trainable_backend: trains")


def pytest_runtest_logreport(report: Any) -> None:
    """Writes the outcome of a test that is over."""
    phases = _phases.setdefault(report.nodeid, set())
    phases.add(report.outcome)
    if report.when == "teardown":
        outcome = next(which for which in ("failed", "skipped", "passed") if which in phases)
        with OUTCOMES.open("a") as file:
            file.write(f"{outcome} {report.nodeid}\n")
        del _phases[report.nodeid]

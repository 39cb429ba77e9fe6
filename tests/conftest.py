"""What every test shares: reproducible hypothesis runs, one thread a process when run in parallel."""

from __future__ import annotations

import functools
import gc
import os
from typing import Any

# With `-n auto` each worker has one core: thread pools as wide as the machine would only fight one another.
if "PYTEST_XDIST_WORKER" in os.environ:
    for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(_name, "1")

import pytest
from hypothesis import HealthCheck, settings

from kcompile_runtime.session import load_onnxruntime, older

settings.register_profile(
    "kcompile", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("kcompile")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests marked `peers` need real Keras: `make peers-test` says where it is. Tests marked `slow` are
    skipped unless the mark is named, as in `pytest -m slow tests/keras/applications`. Those marked
    `needs_onnxruntime` are skipped under an older release, as Python 3.10 has it.
    """
    skipped = {}
    if not os.environ.get("KCOMPILE_PEERS_PYTHON"):
        skipped["peers"] = pytest.mark.skip(reason="compares with real Keras: run `make peers-test`")
    if "slow" not in (config.option.markexpr or ""):
        skipped["slow"] = pytest.mark.skip(reason="a large network: run by `-m slow`")
    for item in items:
        for mark, skip in skipped.items():
            if item.get_closest_marker(mark):
                item.add_marker(skip)
        if (needed := item.get_closest_marker("needs_onnxruntime")) and older(
            load_onnxruntime(), *needed.args
        ):
            item.add_marker(pytest.mark.skip(reason="needs onnxruntime {}.{}".format(*needed.args)))
    # The longest first: a worker that came to them near the end would be the last by far.
    items.sort(key=lambda item: item.path.name != "test_simulated_gpu.py")


def pytest_sessionstart() -> None:
    """A worker's sessions of onnxruntime have one thread where nobody asks for more. By itself each of the
    thousands would start one for every core, wait for its end, and let it turn for some 20 ms in between.
    """
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return
    import onnxruntime

    create = onnxruntime.InferenceSession.__init__

    @functools.wraps(create)
    def create_with_one_thread(self: Any, model: Any, options: Any = None, *rest: Any, **named: Any) -> None:
        options = named.pop("sess_options", options) or onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.intra_op_num_threads or 1
        create(self, model, options, *rest, **named)

    onnxruntime.InferenceSession.__init__ = create_with_one_thread


def pytest_collection_finish(session: pytest.Session) -> None:
    """What collection made stays to the end: the collector need not walk it again and again. Tests make and
    drop many small objects, for which it comes more often by default than pays.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 10, 10)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--simulated-gpu", action="store_true", help="run every test on a simulated GPU")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--simulated-gpu"):
        from tests import simulated_gpu

        simulated_gpu.register()
        gpus = simulated_gpu.simulated_gpus()
        gpus.__enter__()
        config.add_cleanup(lambda: gpus.__exit__(None, None, None))

"""Models that nobody refers to are freed before their weights fill the memory."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

from kcompile.ir import Storage, collecting
from kcompile.keras.layers import Dense
from kcompile.keras.models import Sequential

SIDE = 300


@pytest.fixture
def small_limit(monkeypatch):
    """As if a megabyte were much, in a process that holds little else for the collector to walk."""
    gc.collect()
    gc.freeze()
    for name, value in (("_LEAST", 1 << 20), ("_limit", 1 << 20), ("_new", 0), ("_alive", 0)):
        monkeypatch.setattr(collecting, name, value)


@pytest.mark.parametrize("job", ["build", "fit", "predict", "save"])
def test_models_dropped_in_a_loop_do_not_pile_up(job, small_limit, tmp_path):
    x = np.ones((2, SIDE), "float32")
    alive, most = weakref.WeakSet(), 0
    for _ in range(30):
        model = Sequential([Dense(SIDE, input_shape=(SIDE,)), Dense(1)])
        model.compile("adam", "mse")
        alive.add(model)
        if job == "fit":
            model.fit(x, np.ones((2, 1)), verbose=0)
        elif job == "predict":
            model.predict(x)
        elif job == "save":
            model.save(tmp_path / "m.h5")
        most = max(most, len(alive))
    assert most <= 5


def test_what_is_alive_is_counted(small_limit):
    kept = [Storage(np.zeros(1000, "float32")) for _ in range(5)]
    zeros = Storage.zeros((500,), "float32")
    assert collecting._alive == 22_000
    del kept, zeros
    assert collecting._alive == 0


def test_a_large_model_that_grows_is_not_collected_at_every_weight(small_limit, monkeypatch):
    collected = []
    monkeypatch.setattr(collecting.gc, "collect", lambda: collected.append(1))
    kept = [Storage(np.zeros(1 << 16, "float32")) for _ in range(256)]  # 64 MiB
    assert len(kept) == 256 and 3 <= len(collected) <= 8


def test_a_program_without_collector_stays_without(small_limit, monkeypatch):
    monkeypatch.setattr(collecting.gc, "collect", lambda: pytest.fail("collected"))
    gc.disable()
    try:
        Storage(np.zeros(1 << 20, "float32"))
    finally:
        gc.enable()

"""What counts as an object of a configuration."""

from __future__ import annotations

from kcompile.keras.saving.entries import entries

INNER = {"class_name": "Zeros", "config": {}}
LAYER = {"class_name": "Dense", "config": {"name": "d", "kernel_initializer": INNER, "units": 2}}


def test_objects_are_found_at_any_depth_and_nothing_else_is():
    config = {"class_name": "Model", "config": {"layers": [LAYER, [LAYER]], "name": "class_name"}}
    found = list(entries(config))
    assert len(found) == 5 and found[0] is config
    assert sum(entry is LAYER for entry in found) == sum(entry is INNER for entry in found) == 2
    assert list(entries([1, "class_name", None, {"config": 3}])) == []


def test_depth_needs_no_recursion():
    config = LAYER
    for _ in range(5000):
        config = {"class_name": "TimeDistributed", "config": {"layer": config}}
    assert sum(1 for _ in entries(config)) == 5002

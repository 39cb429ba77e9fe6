"""Logs: what is left unread, and metrics by their earlier names."""

from __future__ import annotations

import copy
import json
import pickle

import pytest

from kcompile.keras import callbacks as cbks

from .training import FULL, Device


def test_batch_logs_are_not_fetched_by_size_truth_or_writing():
    device = Device()
    logs = device.logs(3, 8)
    assert (logs or {}) is logs and isinstance(logs, dict)
    assert (logs["batch"], logs["size"], logs.get("size", 0)) == (3, 8, 8)
    logs["mine"] = 1
    logs["acc"] = 9
    assert device.reads == 0
    assert logs["loss"] == 0.5
    assert dict(logs) == {"batch": 3, "size": 8, "mine": 1, "acc": 9, "loss": 0.5}
    assert device.reads == 1


@pytest.mark.parametrize(
    "look",
    [
        lambda logs: dict(logs),
        lambda logs: dict(**logs),
        lambda logs: {**logs},
        lambda logs: dict(logs.items()),
        lambda logs: dict(zip(logs.keys(), logs.values(), strict=True)),
        lambda logs: {name: logs[name] for name in logs},
        lambda logs: {name: logs.get(name) for name in sorted(logs)},
        lambda logs: json.loads(json.dumps(logs)),
        lambda logs: pickle.loads(pickle.dumps(logs)),
        lambda logs: copy.deepcopy(logs),
        lambda logs: logs.copy(),
        lambda logs: logs | {},
        lambda logs: {} | logs,
        lambda logs: eval(repr(logs)),
        lambda logs: logs if len(logs) == 4 and "loss" in logs else None,
        lambda logs: {**FULL, "loss": logs.pop("loss")},
        lambda logs: {**FULL, "loss": logs.setdefault("loss", 7)},
    ],
)
def test_batch_logs_show_every_value_however_they_are_read(look):
    device = Device()
    assert look(device.logs()) == FULL
    assert device.reads == 1


def test_batch_logs_know_only_what_was_measured():
    logs = Device().logs(means=False)
    with pytest.raises(KeyError, match="nothing"):
        logs["nothing"]
    assert logs.get("nothing", 4) == 4
    assert not logs.has_means
    with pytest.raises(RuntimeError, match="no means"):
        logs.means()


@pytest.mark.parametrize(
    "earlier, today",
    [
        ("acc", "accuracy"),
        ("val_acc", "val_accuracy"),
        ("val_main_acc", "val_main_accuracy"),
        ("mean_squared_error", "mse"),
        ("val_mean_absolute_error", "val_MAE"),
        ("cosine_proximity", "cosine"),
    ],
)
@pytest.mark.parametrize("make", [cbks.Logs, lambda found: cbks.BatchLogs(0, 1, lambda: found)])
def test_names_of_keras_2_0_to_2_2_find_the_metrics_of_today(earlier, today, make):
    logs = make({"loss": 1.0, today: 0.5})
    assert earlier in logs and logs[earlier] == logs.get(earlier, 7) == 0.5
    assert today in list(logs) and earlier not in list(logs)
    assert f"{earlier}s" not in logs and logs.get(f"other_{earlier}", 7) == 7
    with pytest.raises(KeyError, match="macc"):
        logs["macc"]


def test_a_metric_of_the_earlier_name_wins():
    logs = cbks.Logs({"acc": 1.0, "accuracy": 2.0})
    assert (logs["acc"], logs["accuracy"]) == (1.0, 2.0)
    assert copy.deepcopy(logs)["acc"] == pickle.loads(pickle.dumps(logs))["acc"] == 1.0

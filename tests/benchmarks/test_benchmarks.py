"""The benchmarks measure what they say, on tiny amounts."""

from __future__ import annotations

import sys
import time

import numpy as np
import pytest

from benchmarks import __main__ as command
from benchmarks import data, export, keras3, keras_networks, memory, networks, peer, predict, results, train
from benchmarks.measuring import Row, compare, median_time, noise_of
from kcompile import keras


def test_compare_finds_the_ratio_of_known_times():
    pair = compare(lambda: time.sleep(0.006), lambda: time.sleep(0.002), rounds=5, round_seconds=0.01)
    assert 2 < pair.ratio < 4.5
    assert pair.ours > pair.other > 0.0019


def test_compare_ends_in_time_on_a_busy_machine():
    start = time.perf_counter()
    compare(lambda: time.sleep(0.01), lambda: time.sleep(0.01), rounds=1000, most_seconds=0.1)
    assert time.perf_counter() - start < 5


def test_median_time_leaves_the_warm_up_out():
    waits = iter([0.2, 0.01, 0.01, 0.01])
    assert median_time(lambda: time.sleep(next(waits)), 3) < 0.1


@pytest.mark.parametrize(
    ("ours", "ratio", "target", "reached"),
    [
        (9.0, 1.2, 1.5, True),
        (9.0, 1.6, 1.5, False),
        (0.2, None, 0.3, True),
        (0.4, None, 0.3, False),
        (1.0, 2.0, None, None),
    ],
)
def test_a_target_is_of_the_ratio_or_else_of_the_figure(ours, ratio, target, reached):
    assert Row("t", "w", ours, "s", ratio=ratio, target=target).reached is reached


@pytest.mark.parametrize(
    ("ratio", "noise", "at_least", "printed", "verdict"),
    [
        (0.98, None, False, "0.98", "yes"),
        (1.004, None, False, "1.004", "NO"),  # not 1.00, which would be reached
        (1.004, 0.021, False, "1.004 ± 0.02", "within noise"),
        (1.03, 0.021, False, "1.03 ± 0.02", "NO"),
        (0.9999, 0.001, True, "0.9999 ± 0.001", "within noise"),
        (0.97, 0.01, True, "0.97 ± 0.01", "NO"),
        (1.0, 0.01, False, "1.00 ± 0.01", "yes"),
        (0.99, 0.05, False, "0.99 ± 0.05", "yes"),
    ],
)
def test_a_ratio_that_misses_by_less_than_its_noise_is_no_miss(ratio, noise, at_least, printed, verdict):
    row = Row("t", "w", 1.0, "ms", 1.0, ratio, 1.0, at_least, noise)
    cells = results.cells(row)
    assert (cells[3], cells[5]) == (printed, verdict)
    assert row.reached is (verdict != "NO")


def test_noise_is_that_of_other_such_rounds():
    random = np.random.default_rng(0)
    rounds = random.normal(1.0, 0.05, (400, 25))
    near = [abs(np.median(ratios) - 1.0) <= noise_of(ratios.tolist()) for ratios in rounds]
    assert 0.85 < np.mean(near) < 0.99
    rounds[:, :3] *= 4  # rounds in which somebody else worked
    assert np.mean([noise_of(ratios.tolist()) for ratios in rounds]) < 0.05


@pytest.mark.parametrize("name", networks.NAMES)
def test_the_networks_written_by_hand_have_the_same_weights(name):
    ours = sorted(w.size for w in networks.keras_model(name).get_weights())
    theirs = [tuple(p.shape) for p in networks.torch_model(name).parameters()]
    if name == "lstm":  # PyTorch has two biases where Keras has one
        theirs.remove((256,))
    assert ours == sorted(int(np.prod(shape)) for shape in theirs)


@pytest.mark.parametrize("name", sorted(keras_networks.NETWORKS))
def test_the_networks_for_any_keras_train(name):
    model, x, y = keras_networks.NETWORKS[name](keras)
    before = model.get_weights()
    model.train_on_batch(x, y)
    after = model.get_weights()
    assert len(before) == len(after)
    assert all(np.isfinite(w).all() for w in after)
    assert sum(not np.array_equal(a, b) for a, b in zip(before, after, strict=True)) >= len(after) // 2


@pytest.mark.parametrize("work", keras3.WORK)
def test_a_network_by_hand_is_a_peer_that_answers(work):
    with peer.Peer(sys.executable, "torch", f"{work}:mlp") as there:
        there.step()


def test_a_peer_that_ends_is_an_error():
    with (
        peer.Peer(sys.executable, "no_such_keras", "text") as there,
        pytest.raises(RuntimeError, match=r"no_such_keras text has ended\."),
    ):
        there.step()


@pytest.mark.parametrize(
    ("topic", "count"),
    [
        (lambda: predict.rows(rounds=1), 12),
        (lambda: train.rows(rounds=1), 6),
        (lambda: data.rows(rounds=1, peers=False), 4),
        (lambda: export.rows(repeats=1), 3),
    ],
    ids=["predict", "train", "data", "export"],
)
def test_each_topic_gives_its_rows(topic, count, monkeypatch):
    monkeypatch.setattr(train, "BATCHES", 2)
    monkeypatch.setattr(data, "STEPS", dict.fromkeys(data.STEPS, 2))
    rows = list(topic())
    assert len(rows) == count
    assert all(row.ours > 0 for row in rows)


def test_memory_sees_what_is_kept():
    kept: list[bytes] = []
    found = memory.measure(lambda: kept.append(bytes(10_000)), 10)
    assert found["heap_kib"][-1] - found["heap_kib"][1] > 700
    assert memory.measure(lambda: bytes(10_000), 10)["heap_kib"][-1] < 20
    assert memory.resident_mib() > 10


def test_building_and_dropping_models_keeps_nothing():
    heap = memory.measure(memory.build, 30)["heap_kib"]
    assert heap[-1] - heap[4] < 40  # the first hundred fill caches and free lists


def test_the_command_writes_rows_with_targets_beside_the_table(tmp_path, monkeypatch, capsys):
    rows = [Row("topic", "slow [x]", 3.0, "ms", 1.0, 3.0, 1.5), Row("topic", "quick", 0.1, "s", target=0.3)]
    monkeypatch.setattr(export, "rows", lambda: iter(rows))
    assert command.main(["export", "--json", str(tmp_path / "r.json")]) == 0
    written = results.read(tmp_path / "r.json")["export"]
    assert [row["reached"] for row in written["rows"]] == [False, True]
    assert results.rows_of(written) == rows
    assert written["environment"]["torch_threads"] >= 1
    assert written["command"] == "python -m benchmarks export"
    shown = capsys.readouterr().out
    assert "slow [x]" in shown and "NO" in shown and "<= 1.50" in shown


def test_a_run_replaces_what_it_measures_and_keeps_the_rest(tmp_path, monkeypatch):
    path = tmp_path / "r.json"
    for module, ours in ((export, 1.0), (train, 2.0), (export, 3.0)):
        monkeypatch.setattr(module, "rows", lambda ours=ours: iter([Row("topic", "what", ours, "s")]))
        command.main(["export" if module is export else "train", "--json", str(path)])
    found = {topic: results.rows_of(entry)[0].ours for topic, entry in results.read(path).items()}
    assert found == {"export": 3.0, "train": 2.0}


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"topics": {"export": {"rows": [{}]}}}', '{"topics": [1]}']
)
def test_a_file_of_something_else_is_refused_before_anything_is_measured(tmp_path, monkeypatch, capsys, text):
    path = tmp_path / "r.json"
    path.write_text(text)
    monkeypatch.setattr(export, "rows", lambda: pytest.fail("measured"))
    with pytest.raises(SystemExit):
        command.main(["export", "--json", str(path)])
    assert "holds no results" in capsys.readouterr().err
    assert path.read_text() == text


def test_an_unknown_topic_is_refused(capsys):
    with pytest.raises(SystemExit) as error:
        command.main(["nonsense"])
    assert error.value.code == 2 and "nonsense" in capsys.readouterr().err

"""Tuning keeps what was measured to be faster, and what it writes is what Executor and server then use."""

from __future__ import annotations

import dataclasses
import itertools
import json

import numpy as np
import pytest

from kcompile.optimize import timing, tuning
from kcompile.optimize.inputs import drawn_inputs, repeated
from kcompile.optimize.timing import fastest, seconds_of, side_by_side, typical
from kcompile.optimize.tuning import Tuned, tune_file
from kcompile.optimize.tuning_report import described, tuning_report
from kcompile_runtime import Executor
from kcompile_runtime.session_settings import SessionSettings, processors, settings_beside
from tests.optimize import measured


@pytest.fixture
def path(tmp_path):
    return measured.exported(measured.cnn(), tmp_path)


def test_a_file_is_tuned_and_run_by_what_was_written(path):
    inputs = drawn_inputs(path)
    told = []
    tuned = tune_file(path, inputs, seconds=0.02, report=told.append)
    assert tuned.default > 0 and tuned.best > 0 and tuned.throughput[1] > 0
    assert {"1 thread", "no spinning", "optimisation level 1", "batches of 1"} <= set(told)
    assert tuned.settings.batch_size in tuned.throughput
    written = tuned.write()
    assert written.name == "cnn.onnx.session.json"
    executor = Executor(path)
    assert executor.settings == settings_beside(path) == tuned.settings
    x = drawn_inputs(path, 9)
    plain = Executor(path.read_bytes())
    np.testing.assert_allclose(executor.predict(x), plain.predict(x), rtol=1e-4, atol=1e-6)
    measured = json.loads(written.read_text())["measured"]
    assert measured["samples"] == 1 and measured["samples_per_second"] == max(
        tuned.throughput[tuned.settings.batch_size], 0
    )


def tune_in_a_world(monkeypatch, path, seconds, batch=lambda size: 1.0):
    """Tunes where a run takes ``seconds(settings)`` times ``batch(its samples)``."""
    monkeypatch.setattr(
        tuning, "_runner", lambda path, settings, feed: (settings, len(next(iter(feed.values()))))
    )
    monkeypatch.setattr(
        timing,
        "_rounds",
        lambda runs, taken: {name: [seconds(run[0]) * batch(run[1])] for name, run in runs.items()},
    )
    return tune_file(path, drawn_inputs(path))


def test_the_faster_of_each_is_kept(monkeypatch, path):
    tuned = tune_in_a_world(
        monkeypatch,
        path,
        lambda s: (0.5 if s.intra_op_num_threads == 1 else 1) * (0.8 if s.allow_spinning is False else 1),
    )
    assert dataclasses.replace(tuned.settings, batch_size=None) == SessionSettings(
        intra_op_num_threads=1, allow_spinning=False
    )
    assert tuned.default == 1.0 and tuned.best == pytest.approx(0.4)
    assert [step.what for step in tuned.steps if step.kept] == ["1 thread", "no spinning"]


def test_what_gains_less_than_noise_leaves_the_defaults(monkeypatch, path):
    tuned = tune_in_a_world(monkeypatch, path, lambda s: 1.0 if s == SessionSettings() else 0.99)
    assert dataclasses.replace(tuned.settings, batch_size=None) == SessionSettings()
    assert not any(step.kept for step in tuned.steps)


def test_the_smallest_batch_of_the_best_is_chosen_and_doubling_ends(monkeypatch, path):
    tuned = tune_in_a_world(monkeypatch, path, lambda s: 1.0, lambda size: max(size / 8, 1.0))
    assert tuned.settings.batch_size == 8
    assert list(tuned.throughput) == [1, 2, 4, 8, 16, 32]


@pytest.mark.skipif(processors() < 2, reason="one processor")
def test_operators_side_by_side_are_tried_with_a_thread_each(monkeypatch, path):
    tuned = tune_in_a_world(monkeypatch, path, lambda s: 0.1 if s.execution_mode == 1 else 1.0)
    assert tuned.settings.execution_mode == 1 and tuned.settings.intra_op_num_threads == 1
    assert tuned.settings.inter_op_num_threads == processors()


def test_a_model_of_a_fixed_batch_has_no_throughput_by_size(tmp_path):
    from kcompile.keras import layers
    from kcompile.keras.models import Model

    x = layers.Input(batch_shape=(3, 4))
    path = measured.exported(Model(x, layers.Dense(2)(x), name="fixed"), tmp_path)
    tuned = tune_file(path, drawn_inputs(path), 3, seconds=0.01)
    assert tuned.throughput == {} and tuned.settings.batch_size is None
    assert tuned.samples == 3


def test_the_report_shows_what_was_tried_and_which_form_is_fastest(path, tmp_path):
    other = tmp_path / "other.onnx"
    other.write_bytes(path.read_bytes())
    slow = Tuned(path, SessionSettings(), [], 0.2, 0.2, 1, {})
    fast = Tuned(other, SessionSettings(intra_op_num_threads=2), [], 0.1, 0.05, 1, {1: 20.0, 2: 30.0})
    report = tuning_report([slow, fast], [], {other: 0.01})
    text = str(report)
    assert "other.onnx is the fastest form, 4.00 times as fast as cnn.onnx." in text
    files = report.to_dict()["parts"][1]["rows"]
    assert files[1][0] == "other.onnx" and files[1][5] == 30.0 and files[1][7] == 0.01
    assert "cnn.onnx itself is the fastest form." in str(tuning_report([fast, slow], [], {})).replace(
        "other.onnx itself", "cnn.onnx itself"
    )


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        (SessionSettings(), "defaults"),
        (SessionSettings("CPUExecutionProvider", 2), "CPUExecutionProvider, 2 threads"),
        (
            SessionSettings(None, 1, 4, 1, 1, False),
            "1 thread, 4 operators side by side, no spinning, optimisation level 1",
        ),
    ],
)
def test_settings_are_described_in_words(settings, text):
    assert described(settings) == text


def test_samples_are_repeated_from_the_start():
    found = repeated({"x": np.arange(3), "y": np.eye(3)}, 5)
    np.testing.assert_array_equal(found["x"], [0, 1, 2, 0, 1])
    assert found["y"].shape == (5, 3)


@pytest.mark.parametrize(("load", "said"), [(0.2, False), (1.0, False), (9.0, True)])
def test_a_busy_machine_is_told(monkeypatch, path, load, said):
    monkeypatch.setattr("os.getloadavg", lambda: (load * processors(), 0.0, 0.0))
    slow = Tuned(path, SessionSettings(), [], 0.2, 0.2, 1, {})
    text = " ".join(str(tuning_report([slow], [])).split())
    assert ("The machine is busy" in text) == said


def test_calls_are_timed_in_turns():
    order = []
    taken = side_by_side({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, 0.0)
    assert set(taken) == {"a", "b"} and all(seconds > 0 for seconds in taken.values())
    changes = sum(x != y for x, y in itertools.pairwise(order))
    assert changes >= 9


def test_of_times_the_fastest_quarter_counts():
    assert typical([1.0, 9.0, 3.0, 8.0, 8.0]) == 2.0 and typical([]) == 0.0 and typical([4.0]) == 4.0
    assert fastest(lambda: None, 0.01) <= seconds_of(lambda: sum(range(1000)), 0.01)


def test_a_step_is_kept_where_the_mean_and_most_turns_say_so(monkeypatch):
    rounds = {"before": [1.0, 1.0, 1.0, 1.0], "with": [0.9, 0.9, 0.9, 0.9]}
    monkeypatch.setattr(timing, "_rounds", lambda runs, seconds: rounds)

    def kept(gain=0.01):
        return timing.step("it", lambda: None, lambda: None, 0.1, gain).kept

    assert kept() and not kept(gain=0.2)
    rounds["with"] = [0.5, 1.1, 1.1, 1.1]  # somebody disturbed the other one once
    assert not kept()
    rounds["with"] = [0.9, 0.7, 1.0, 1.1]
    assert not kept()  # in two of four turns it was not
    rounds["with"] = [1.0, 0.9, 0.9, 1.0]
    rounds["before"] = [0.8, 1.0, 1.0, 1.1]
    assert not kept()

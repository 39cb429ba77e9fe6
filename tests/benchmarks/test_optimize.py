"""The benchmarks of files in fewer bits measure what they say, on tiny amounts."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from benchmarks import optimize, optimize_learnt
from benchmarks.results import cells


def small(keras):
    return keras.Sequential(
        [keras.layers.Dense(128, activation="relu", input_shape=(64,)), keras.layers.Dense(4)]
    )


@pytest.mark.parametrize("method", ["dynamic", "static"])
def test_a_file_is_measured_next_to_float32_and_to_plain(method):
    network = optimize.Network(
        "small",
        small,
        method,
        lambda n, random: random.standard_normal((n, 64)).astype(np.float32),
        (1, 2),
        1.5,
    )
    rows = list(optimize.file_rows(network, seconds=0.05, samples=16))
    assert [row.what for row in rows] == [
        "small: batch 1, next to float32",
        "small: batch 1, next to plain",
        "small: batch 2, next to float32",
        "small: batch 2, next to plain",
        "small: size",
        "small: signal over noise, next to plain",
    ]
    assert all(row.ours > 0 and row.other and row.target is not None for row in rows)
    assert rows[4].ratio < 0.5


def test_accuracy_is_that_of_what_was_never_seen(monkeypatch):
    pytest.importorskip("sklearn")
    monkeypatch.setitem(optimize.LEARNT, "digits_cnn", lambda: [optimize_learnt.digits_cnn(epochs=1)])
    rows = {row.what: row for row in optimize.accuracy_rows("digits_cnn")}
    assert rows["float32, 360 held out"].ours > 20
    for method, most in optimize_learnt.DROPS.items():
        assert rows[f"{method}: points lost"].target == most
        assert rows[f"{method}: share of the file"].ours < 0.9
    plain = rows["static, next to plain"]
    assert plain.ratio == pytest.approx(plain.ours / plain.other)


def test_each_face_is_judged_by_a_network_that_never_saw_it(monkeypatch):
    random = np.random.default_rng(0)
    images = random.random((20, 25, 25, 1)).astype(np.float32)
    monkeypatch.setattr(optimize_learnt, "faces_images", lambda: (images, np.arange(20) % 2))
    monkeypatch.setitem(optimize.LEARNT, "faces", partial(optimize_learnt.faces, epochs=1, folds=2))
    rows = {row.what: row for row in optimize.accuracy_rows("faces")}
    assert "float32, 20 held out" in rows and "static: points lost" in rows
    parts = optimize_learnt.faces(epochs=1, folds=2)
    held_out = np.concatenate([part.x_test for part in parts])
    assert sorted(map(np.sum, held_out)) == sorted(map(np.sum, images))
    assert not any((x == y).all() for part in parts for x in part.x for y in part.x_test)


def test_what_is_not_installed_is_left_out(monkeypatch, capsys):
    def faces():
        raise ModuleNotFoundError("No module named 'skimage'")

    monkeypatch.setitem(optimize.LEARNT, "faces", faces)
    assert list(optimize.accuracy_rows("faces")) == []
    assert "faces: left out" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["transformer", "lstm"])
def test_the_networks_take_their_samples(name):
    from kcompile import keras

    network = optimize.NETWORKS[name]
    samples = network.samples(2, np.random.default_rng(0))
    assert network.make(keras).predict(samples).shape == (2, 10)


def test_docstrings_become_numbers_of_words():
    x, y = optimize_learnt.docstrings()
    assert x.shape == (len(y), optimize_learnt.LONGEST) and x.max() < optimize_learnt.WORDS
    assert len(y) > 1000 and set(y) == set(range(len(optimize_learnt.PACKAGES)))


@pytest.mark.parametrize(
    ("lost", "won", "verdict"), [(0, 0, "yes"), (4, 3, "within noise"), (35, 0, "NO"), (3, 4, "yes")]
)
def test_answers_that_differ_are_the_noise_of_an_accuracy(lost, won, verdict):
    theirs = np.arange(1000) < 735
    ours = theirs.copy()
    ours[:lost] = False
    ours[735 : 735 + won] = True
    row = optimize.answers_row("t", "w", ours, theirs)
    assert row.ratio == pytest.approx((735 - lost + won) / 735)
    assert row.noise == pytest.approx(1.96 * (lost + won) ** 0.5 / 735)
    assert cells(row)[5] == verdict

"""Class numbers and indices of tables that lie outside are named before a step runs."""

from __future__ import annotations

import numpy as np
import pytest

from kcompile.keras import losses
from kcompile.keras.layers import Dense, Embedding, Flatten, Input, Lambda
from kcompile.keras.models import Model, Sequential
from tests.keras.training.networks import OnDisk, classifier, words

pytest.importorskip("torch")

N = 6
SPARSE = "sparse_categorical_crossentropy"
X = np.random.RandomState(3).uniform(-1, 1, (N, 4)).astype("float32")
CLASSES = np.arange(N) % 3
ONE_HOT = np.eye(3, dtype="float32")[CLASSES]


def test_indices_that_a_layer_computes_are_named_by_the_layer():
    model = Sequential(
        [Lambda(lambda x: x * 2, input_shape=(3,)), Embedding(5, 2, name="words"), Flatten(), Dense(1)]
    )
    model.compile("sgd", "mse")
    model.fit(np.full((N, 3), 2), np.ones(N), verbose=0)
    for call in (model.fit, model.evaluate, model.train_on_batch):
        with pytest.raises(ValueError, match=r"words/Gather on shapes \(5, 2\), \(6, 3\).*out of range"):
            call(np.full((N, 3), 3), np.ones(N))
    with pytest.raises(Exception, match="words/Gather looks up the index 6, out of range.*0 to 4"):
        model.predict(np.full((N, 3), 3))


def test_a_table_inside_inner_models_is_named_by_its_path():
    inner = Sequential([Embedding(5, 2, name="table")], name="inner")
    x = Input((3,), dtype="int32", name="tokens")
    model = Model(x, Dense(1)(Flatten()(inner(x))))
    model.compile("sgd", "mse")
    with pytest.raises(IndexError, match=r"index 5 at \[0, 0\] of tokens.*'inner/table'"):
        model.fit(np.full((N, 3), 5), np.ones(N), verbose=0)


@pytest.mark.parametrize("ignored", [-1, 255])
def test_labels_that_the_loss_ignores_are_allowed(ignored):
    model = classifier(losses.SparseCategoricalCrossentropy(ignore_class=ignored))
    labels = np.where(CLASSES == 2, ignored, CLASSES)
    chosen = model.predict(X)[CLASSES < 2, CLASSES[CLASSES < 2]]
    for y in (labels, labels[:, None]):
        assert model.evaluate(X, y, verbose=0) == pytest.approx(-np.log(chosen).mean(), rel=1e-5)
    with pytest.raises(ValueError, match="label 3"):
        model.fit(X, np.where(CLASSES == 2, 3, CLASSES), verbose=0)


def test_generalized_cross_entropy_takes_numbers_of_classes():
    model = classifier(losses.CategoricalGeneralizedCrossEntropy(0.5))
    chosen = model.predict(X)[np.arange(N), CLASSES]
    expected = ((1 - np.sqrt(chosen)) / 0.5).mean()
    for y in (CLASSES, CLASSES[:, None]):
        assert model.evaluate(X, y, verbose=0) == pytest.approx(expected, rel=1e-5)
    with pytest.raises(ValueError, match="label 3"):
        model.evaluate(X, CLASSES + 1, verbose=0)


def test_arrays_on_disk_are_looked_at_by_the_batch():
    labels = OnDisk(np.array([[0], [1], [2], [0], [1], [3]]))
    model = classifier(SPARSE)
    with pytest.raises(ValueError, match=r"label 3 at \[1, 0\]"):
        model.fit(OnDisk(X), labels, batch_size=2, shuffle=False, verbose=0)
    model = words()
    indices = OnDisk(np.array([[0, 1, 2]] * 5 + [[0, 9, 0]]))
    for call in (lambda: model.predict(indices, batch_size=2), lambda: model.evaluate(indices, np.ones(N))):
        with pytest.raises(ValueError, match=r"index 9 at \[\d, 1\].*'words'"):
            call()


def test_labels_are_looked_at_once_and_not_by_the_epoch(monkeypatch):
    from kcompile.keras.training import index_checks

    looks = []
    monkeypatch.setattr(index_checks, "_outside", lambda *args: bool(looks.append(args)))
    classifier(SPARSE).fit(X, CLASSES, batch_size=2, epochs=5, verbose=0)
    assert len(looks) == 1


@pytest.mark.parametrize("dtype", ["int64", "float32"])
def test_the_quick_way_of_predict_says_the_same(dtype):
    model = words()
    right, wrong = np.full((2, 3), 4, dtype), np.full((2, 3), 5, dtype)
    for _ in range(2):
        assert model.predict(right).shape == (2, 1)
        with pytest.raises(ValueError, match=r"index 5 at \[0, 0\] of words_input.*'words'.*input_dim"):
            model.predict(wrong)


def test_tables_are_found_anew_when_a_layer_is_taken_off():
    model = words()
    model.fit(np.zeros((N, 3)), np.zeros(N), verbose=0)
    model.pop()
    model.pop()
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="index 5 .*'words'"):
        model.fit(np.full((N, 3), 5), np.zeros((N, 3, 2)), verbose=0)

"""Cross-entropies from logits where the output is an activation; CTC at its edges; losses under gradients."""

from __future__ import annotations

import numpy as np
import pytest

from kcompile.ir import Graph, op
from kcompile.keras import backend as K


def _operators(value, *inputs) -> list[str]:
    return [node.op_type for node in Graph([value], inputs).nodes]


@pytest.mark.parametrize("between", [lambda x: x, lambda x: op.Identity(op.Identity(x))])
def test_softmax_and_sigmoid_are_looked_through(between) -> None:
    x, t = K.placeholder((None, 4)), K.placeholder((None, 4))
    c = K.placeholder((None,), dtype="int64")
    dense = K.categorical_crossentropy(t, between(K.softmax(x)))
    sparse = K.sparse_categorical_crossentropy(c, between(K.softmax(x)))
    binary = K.binary_crossentropy(t, between(K.sigmoid(x)))
    assert "LogSoftmax" in _operators(dense, x, t)
    assert _operators(sparse, x, c) == ["SoftmaxCrossEntropyLoss"]
    assert "Softplus" in _operators(binary, x, t)
    for value in (dense, sparse, binary):
        assert not {"Softmax", "Sigmoid", "Clip"} & set(_operators(value, x, t, c))


def test_another_axis_is_not_looked_through() -> None:
    x = K.placeholder((None, 3, 4))
    value = K.categorical_crossentropy(K.ones_like(x), K.softmax(x, axis=1), axis=-1)
    assert "Softmax" in _operators(value, x)


def test_losses_of_extreme_logits_are_finite_and_right() -> None:
    z = np.array([[-200.0, 0.0, 200.0]], "f")
    t = np.array([[1.0, 1.0, 0.0]], "f")
    np.testing.assert_allclose(
        K.eval(K.binary_crossentropy(t, K.sigmoid(z))), [[200.0, np.log(2.0), 200.0]], rtol=1e-6
    )
    np.testing.assert_allclose(K.eval(K.categorical_crossentropy(t, K.softmax(z))), [600.0], rtol=1e-6)


def test_gradient_of_the_binary_loss_at_zero() -> None:
    pytest.importorskip("torch")
    z, t = K.placeholder((None, 2)), np.array([[0.0, 1.0]], "f")
    (g,) = K.gradients(K.sum(K.binary_crossentropy(t, K.sigmoid(z))), [z])
    np.testing.assert_allclose(K.function([z], [g])([np.zeros((1, 2))])[0], [[0.5, -0.5]])


def _ctc_by_enumeration(labels, probabilities) -> float:
    """The sum over all alignments, one by one."""
    import itertools

    time, classes = probabilities.shape
    total = 0.0
    for path in itertools.product(range(classes), repeat=time):
        merged = [c for i, c in enumerate(path) if i == 0 or c != path[i - 1]]
        if [c for c in merged if c != classes - 1] == list(labels):
            total += np.prod([probabilities[i, c] for i, c in enumerate(path)])
    return -np.log(total)


@pytest.mark.parametrize("labels", [[0], [0, 1], [1, 1], [0, 1, 0]])
def test_ctc_is_the_sum_over_alignments(labels) -> None:
    p = np.random.RandomState(3).dirichlet(np.ones(3), size=4).astype("f")
    padded = np.array([labels + [2] * (3 - len(labels))], "f")
    found = K.eval(K.ctc_batch_cost(padded, p[None], [[4]], [[len(labels)]]))
    np.testing.assert_allclose(found, [[_ctc_by_enumeration(labels, p)]], rtol=1e-4)


def test_ctc_without_labels_and_with_more_labels_than_times() -> None:
    p = np.full((2, 2, 3), 1 / 3, "f")
    found = K.eval(K.ctc_batch_cost(np.zeros((2, 3), "f"), p, [[2], [2]], [[0], [3]]))
    np.testing.assert_allclose(found[0], 2 * np.log(3), rtol=1e-5)
    assert np.isinf(found[1])


def test_ctc_trains() -> None:
    pytest.importorskip("torch")
    w = K.variable(np.random.RandomState(0).normal(size=(2, 5, 4)))
    labels = np.array([[0, 1, 0], [2, 2, 0]], "f")
    loss = K.sum(K.ctc_batch_cost(labels, K.softmax(w), [[5], [5]], [[3], [2]]))
    step = K.function([], [loss], updates=[K.update_sub(w, 1.0 * K.gradients(loss, [w])[0])])
    losses = [float(step([])[0]) for _ in range(40)]
    assert np.isfinite(losses).all()
    assert losses[-1] < 0.1 * losses[0]
    decoded, _ = K.ctc_decode(K.softmax(w), [5, 5])
    np.testing.assert_array_equal(K.eval(decoded[0]), [[0, 1, 0], [2, 2, -1]])


def test_ctc_beam_search_counts_all_alignments_of_a_sequence() -> None:
    p = np.random.RandomState(4).dirichlet(np.ones(3), size=4).astype("f")
    decoded, scores = K.ctc_decode(p[None], [4], greedy=False, beam_width=60, top_paths=3)
    scores = K.eval(scores)[0]
    assert (np.diff(scores) < 0).all()
    for labels, score in zip(decoded, scores, strict=True):
        sequence = [int(c) for c in K.eval(labels)[0] if c >= 0]
        np.testing.assert_allclose(score, -_ctc_by_enumeration(sequence, p), rtol=1e-4)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [({"top_paths": 3, "beam_width": 2}, "top_paths"), ({}, "a class beside the blank")],
)
def test_ctc_decode_refuses_what_it_cannot_do(arguments, words) -> None:
    p = K.placeholder((None, 5, 4 if arguments else 1))
    with pytest.raises(ValueError, match=words):
        K.ctc_decode(p, [5], greedy=False, **arguments)


def test_ctc_beam_search_makes_probabilities_of_each_time_sum_to_1() -> None:
    p = np.random.RandomState(4).dirichlet(np.ones(4), size=(2, 5)).astype("f")
    factors = np.random.RandomState(5).uniform(1, 9, size=(2, 5, 1)).astype("f")
    settings = {"greedy": False, "beam_width": 3, "top_paths": 2}
    plain, expected = K.ctc_decode(p, [5, 5], **settings)
    decoded, scores = K.ctc_decode(p * factors, [5, 5], **settings)
    np.testing.assert_allclose(K.eval(scores), K.eval(expected), rtol=1e-4)
    for path, other in zip(decoded, plain, strict=True):
        np.testing.assert_array_equal(K.eval(path), K.eval(other))


def test_ctc_beam_search_of_any_number_of_classes() -> None:
    p, lengths = K.placeholder((None, None, None)), K.placeholder((None,), dtype="int64")
    decoded, scores = K.ctc_decode(p, lengths, greedy=False, beam_width=4, top_paths=2)
    search = K.function([p, lengths], [*decoded, scores])
    for classes in (3, 6):
        array = np.random.RandomState(classes).dirichlet(np.ones(classes), size=(2, 5)).astype("f")
        fixed, expected = K.ctc_decode(array, [5, 3], greedy=False, beam_width=4, top_paths=2)
        for found, value in zip(search([array, np.array([5, 3])]), [*fixed, expected], strict=True):
            np.testing.assert_allclose(found, K.eval(value), rtol=1e-5)


def test_ctc_merges_repeated_labels_when_asked() -> None:
    p = np.array([[[0.9, 0.1], [0.1, 0.9], [0.9, 0.1]]], "f")
    for merge, expected in ((False, [[0, 0]]), (True, [[0]])):
        decoded, _ = K.ctc_decode(p, [3], greedy=False, beam_width=5, merge_repeated=merge)
        np.testing.assert_array_equal(K.eval(decoded[0]), expected)


def test_labels_beyond_their_length_are_marked() -> None:
    found = K.eval(K.ctc_label_dense_to_sparse(np.array([[1, 2, 3], [4, 5, 6]]), np.array([1, 3])))
    np.testing.assert_array_equal(found, [[1, -1, -1], [4, 5, 6]])

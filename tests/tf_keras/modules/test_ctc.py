"""tf.nn.ctc_loss is PyTorch's, at once and in a traced function; decoders find what it says is likely."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from kcompile.tf_keras import tensorflow as tf

RANDOM = np.random.RandomState(0)
LOGITS = RANDOM.normal(size=(7, 3, 5)).astype("float32")
LABELS = np.array([[0, 2, 1], [3, 3, 0], [1, 0, 0]], np.int32)
LENGTHS, TIMES = np.array([3, 2, 1], np.int32), np.array([7, 6, 5], np.int32)
PLACES = np.array([[i, j] for i, n in enumerate(LENGTHS) for j in range(n)])


def sparse(labels):
    return tf.SparseTensor(PLACES, tf.gather_nd(labels, PLACES), tf.shape(labels, out_type="int64"))


#: name -> the loss of logits and labels of the first four classes, and the number of the blank in it.
CASES = {
    "v1": (lambda x, y: tf.compat.v1.nn.ctc_loss(labels=sparse(y), inputs=x, sequence_length=TIMES), 4),
    "v1 by samples": (
        lambda x, y: tf.compat.v1.nn.ctc_loss(
            sparse(y), sequence_length=TIMES, time_major=False, logits=tf.transpose(x, [1, 0, 2])
        ),
        4,
    ),
    "sparse": (lambda x, y: tf.nn.ctc_loss(sparse(y), x, None, TIMES, blank_index=-1), 4),
    "the last": (lambda x, y: tf.nn.ctc_loss(y, x, LENGTHS, TIMES, blank_index=4), 4),
    "the first": (lambda x, y: tf.nn.ctc_loss(y + 1, x, LENGTHS, TIMES), 0),
}


@pytest.mark.filterwarnings("error")  # as where a function cannot be traced
@pytest.mark.parametrize("way", ["at once", "traced"])
@pytest.mark.parametrize("name", sorted(CASES))
def test_the_loss_and_its_gradient_are_those_of_pytorch(name, way):
    loss, blank = CASES[name]

    def both(x, y):
        with tf.GradientTape() as tape:
            tape.watch(x)
            found = loss(x, y)
        return found, tape.gradient(found, x)

    run = tf.function(both) if way == "traced" else both
    found, slope = run(tf.constant(LOGITS), tf.constant(LABELS))
    given = torch.tensor(LOGITS, requires_grad=True)
    expected = torch.nn.functional.ctc_loss(
        torch.log_softmax(given, -1),
        torch.tensor(LABELS, dtype=torch.int64) + (blank == 0),
        torch.tensor(TIMES, dtype=torch.int64),
        torch.tensor(LENGTHS, dtype=torch.int64),
        blank=blank,
        reduction="none",
    )
    expected.sum().backward()
    np.testing.assert_allclose(found, expected.detach(), rtol=1e-4)
    np.testing.assert_allclose(slope, given.grad, rtol=1e-3, atol=1e-5)


def ours(labels):
    """Lists of the labels in each row of a sparse tensor."""
    dense = tf.sparse.to_dense(labels, default_value=-1).numpy()
    return [[int(x) for x in row if x >= 0] for row in dense]


@pytest.mark.parametrize("blank", [None, 1])
def test_greedy_decoding_takes_the_largest(blank):
    (labels,), scores = tf.nn.ctc_greedy_decoder(LOGITS, TIMES, blank_index=blank)
    best = LOGITS.argmax(-1).T
    rows = [[int(x) for x, _ in itertools.groupby(row[:n])] for row, n in zip(best, TIMES, strict=True)]
    assert ours(labels) == [[x for x in row if x != (4 if blank is None else blank)] for row in rows]
    sums = [LOGITS.max(-1)[:n, i].sum() for i, n in enumerate(TIMES)]
    np.testing.assert_allclose(scores[:, 0], -np.array(sums), rtol=1e-5)


def test_a_beam_finds_labels_by_their_probability():
    paths, scores = tf.nn.ctc_beam_search_decoder(LOGITS, TIMES, beam_width=60, top_paths=2)
    for k, path in enumerate(paths):
        rows = ours(path)
        given = np.array([row + [0] * (7 - len(row)) for row in rows], np.int32)
        counts = np.array([len(row) for row in rows], np.int32)
        losses = tf.nn.ctc_loss(given, LOGITS, counts, TIMES, blank_index=-1)
        np.testing.assert_allclose(scores[:, k], -losses.numpy(), rtol=1e-2)  # some alignments are left out
    (merged,), _ = tf.compat.v1.nn.ctc_beam_search_decoder(LOGITS, TIMES, beam_width=60)
    assert ours(merged) == [[x for x, _ in itertools.groupby(row)] for row in ours(paths[0])]


def test_what_cannot_be_had_is_refused():
    with pytest.raises(ValueError, match="blank_index"):
        tf.nn.ctc_loss(sparse(tf.constant(LABELS)), LOGITS, None, TIMES)
    with pytest.raises(NotImplementedError, match="merges"):
        tf.compat.v1.nn.ctc_loss(sparse(tf.constant(LABELS)), LOGITS, TIMES, ctc_merge_repeated=False)

"""``tf.nn.ctc_loss`` and decoders, of today and of TensorFlow 1, by the text of ``keras.backend.ctc_*``."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ir import Value, op
from ...keras import backend as K
from ...keras.backend import ctc
from ...keras.backend.tensors import known_shape
from ..tensorflow.tensors import convert_to_tensor
from .sparse import SparseTensor, to_dense

__all__ = ["ctc_beam_search_decoder", "ctc_greedy_decoder", "ctc_loss"]


def ctc_loss(
    labels: Any, logits: Any, label_length: Any, logit_length: Any, logits_time_major: bool = True,
    unique: Any = None, blank_index: int | None = None, name: Any = None,
) -> Value:  # fmt: skip
    """-log of the probability of each sample's labels, over all alignments.

    Args:
        labels: (batch, labels) class numbers, or a sparse tensor of them.
        logits: (time, batch, classes), or (batch, time, classes) where ``logits_time_major`` is false.
        label_length, logit_length: (batch,); of sparse labels their number counts.
        blank_index: the class of the blank, default 0; negative from the last on.

    Returns:
        (batch,); infinite where the labels do not fit into the times.

    Raises:
        ValueError: for sparse labels without ``blank_index``.
    """
    if isinstance(labels, SparseTensor):
        if blank_index is None:
            raise ValueError("Argument `blank_index` must be provided when labels is a SparseTensor.")
        label_length = _counted(labels)
    dense, logits = to_dense(labels), convert_to_tensor(logits)
    logits = op.Transpose(logits, perm=[1, 0, 2]) if logits_time_major else logits
    times, lengths = (
        op.Reshape(K.cast(convert_to_tensor(n), "int64"), [-1, 1]) for n in (logit_length, label_length)
    )
    classes = int(known_shape(logits)[2])
    blank = (blank_index or 0) % classes
    whole = ctc.labels_with_blank_last(K.cast(dense, "int64"), blank, classes)
    return op.Squeeze(ctc.ctc_cost_of_logits(whole, ctc.blank_last(logits, blank), times, lengths), [1])


def ctc_loss_of_v1(
    labels: Any, inputs: Any = None, sequence_length: Any = None, preprocess_collapse_repeated: bool = False,
    ctc_merge_repeated: bool = True, ignore_longer_outputs_than_inputs: bool = False, time_major: bool = True,
    logits: Any = None,
) -> Value:  # fmt: skip
    """``tf.nn.ctc_loss`` of sparse labels; the blank is the last class.

    Raises:
        NotImplementedError: for repeated labels that are merged before, or not merged after.
    """
    if preprocess_collapse_repeated or not ctc_merge_repeated:
        raise NotImplementedError("ctc_loss merges repeated classes of the outputs, and no labels, here.")
    given = inputs if inputs is not None else logits
    return ctc_loss(labels, given, None, sequence_length, time_major, blank_index=-1)


def ctc_greedy_decoder(
    inputs: Any, sequence_length: Any, merge_repeated: bool = True, blank_index: int | None = None
) -> tuple[list[SparseTensor], Value]:
    """The most likely class at each time, equal neighbours made one, without blanks; at once.

    Args:
        inputs: (time, batch, classes) logits. sequence_length: (batch,).
        blank_index: the class of the blank, default the last.

    Returns:
        One sparse tensor (batch, longest) of class numbers; (batch, 1) negated sums of the largest logits.

    Raises:
        NotImplementedError: if neighbours are to stay.
    """
    if not merge_repeated:
        raise NotImplementedError("ctc_greedy_decoder makes equal neighbours one here.")
    logits = op.Transpose(convert_to_tensor(inputs), perm=[1, 0, 2])
    blank = (-1 if blank_index is None else blank_index) % int(known_shape(logits)[2])
    found, scores = ctc.decoded_logits(ctc.blank_last(logits, blank), sequence_length, True, 1, 1, True)
    return [_places(np.asarray(x), blank) for x in found], scores


def ctc_beam_search_decoder(
    inputs: Any, sequence_length: Any, beam_width: int = 100, top_paths: int = 1
) -> tuple[list[SparseTensor], Value]:
    """The most likely labels by a beam search; at once. The blank is the last class.

    Args:
        inputs: (time, batch, classes) logits. sequence_length: (batch,).

    Returns:
        ``top_paths`` sparse tensors (batch, longest) of class numbers; (batch, top_paths) log-probabilities.
    """
    return _searched(inputs, sequence_length, beam_width, top_paths, False)


def ctc_beam_search_decoder_of_v1(
    inputs: Any, sequence_length: Any, beam_width: int = 100, top_paths: int = 1, merge_repeated: bool = True
) -> tuple[list[SparseTensor], Value]:
    """As of today, but that equal neighbours in a result are made one."""
    return _searched(inputs, sequence_length, beam_width, top_paths, merge_repeated)


def _searched(
    inputs: Any, lengths: Any, width: int, paths: int, merge_repeated: bool
) -> tuple[list[SparseTensor], Value]:
    logits = op.Transpose(convert_to_tensor(inputs), perm=[1, 0, 2])
    found, scores = ctc.decoded_logits(logits, lengths, False, width, paths, merge_repeated)
    return [_places(np.asarray(x), int(known_shape(logits)[2])) for x in found], scores


def _places(labels: np.ndarray, blank: int) -> SparseTensor:
    """Labels, -1 behind them, that count classes without the blank."""
    places = np.argwhere(labels >= 0)
    values = labels[tuple(places.T)]
    return SparseTensor(places, np.where(values >= blank, values + 1, values), labels.shape)


def _counted(labels: SparseTensor) -> Value:
    """(batch,): how many labels each row has."""
    rows = op.Slice(labels.indices, [0], [1], [1])
    zeros = op.Expand(np.int64(0), op.Slice(labels.dense_shape, [0], [1], [0]))
    ones = op.Expand(np.int64(1), op.Shape(labels.values))
    return op.ScatterND(zeros, rows, ones, reduction="add")

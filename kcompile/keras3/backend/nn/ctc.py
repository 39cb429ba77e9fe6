"""Connectionist temporal classification, by the texts of ``kcompile.keras.backend.ctc``.

Those have the blank as the last class, so classes are put in that order before and back after.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from keras.src.backend.common.dtypes import result_type

from kcompile.ir import Value, op
from kcompile.keras import backend as K
from kcompile.keras.backend import ctc
from kcompile.keras.backend.tensors import known_shape, refine

from ..tensors import as_value, dtype_of, operation, publish


@operation
def ctc_loss(target: Any, output: Any, target_length: Any, output_length: Any, mask_index: int = 0) -> Any:
    """-log of the probability of each sample's labels, over all alignments.

    Args:
        target: (batch, labels) class numbers. output: (batch, time, classes) logits.
        mask_index: the class of the blank.
    """
    logits, target = _scores(output), as_value(target, "int64")
    times, lengths = (op.Reshape(as_value(n, "int64"), [-1, 1]) for n in (output_length, target_length))
    blank = _blank(logits, mask_index)
    labels = ctc.labels_with_blank_last(target, blank, int(known_shape(logits)[2]))
    loss = ctc.ctc_cost_of_logits(labels, ctc.blank_last(logits, blank), times, lengths)
    return op.Squeeze(loss, [1])


def _scores(output: Any) -> Value:
    output = as_value(output)
    return as_value(output, result_type(dtype_of(output), "float32"))


def _blank(logits: Value, mask_index: int | None) -> int:
    classes = int(known_shape(logits)[2])
    return classes - 1 if mask_index is None else mask_index % classes


@operation
def ctc_decode(
    inputs: Any,
    sequence_lengths: Any,
    strategy: str = "greedy",
    beam_width: int = 100,
    top_paths: int = 1,
    merge_repeated: bool = True,
    mask_index: int = 0,
) -> Any:
    """The most likely labels.

    Args:
        inputs: (batch, time, classes) logits.
        strategy: "greedy", the most likely class at each time, or "beam_search".
        beam_width, top_paths: of the beam search: how many sequences it follows, and returns.
        merge_repeated: of the greedy strategy: whether equal neighbours are made one.
        mask_index: the class of the blank.

    Returns:
        (paths, batch, time) int32 class numbers, -1 behind them; (batch, paths) scores.

    Raises:
        ValueError: for another strategy.
    """
    if strategy not in ("greedy", "beam_search"):
        raise ValueError(f"Invalid strategy {strategy}. Supported values are 'greedy' and 'beam_search'.")
    logits = _scores(inputs)
    blank = _blank(logits, mask_index)
    lengths = op.Reshape(as_value(sequence_lengths, "int64"), [-1, 1])
    active = op.Less(op.Unsqueeze(ctc.times_of(logits), [0]), lengths)
    if strategy == "greedy":
        return _greedy(logits, active, blank, merge_repeated)
    logs = op.LogSoftmax(ctc.blank_last(logits, blank), axis=2)
    found, scores = ctc.Beam(logs, active, int(beam_width)).search()
    paths = op.Slice(found, [0], [top_paths], [1])
    paths = op.Where(op.GreaterOrEqual(paths, np.int64(blank)), paths + 1, paths)
    return K.cast(op.Transpose(paths, perm=[1, 0, 2]), "int32"), op.Slice(scores, [0], [top_paths], [1])


def _greedy(logits: Value, active: Value, blank: int, merge_repeated: bool) -> tuple[Value, Value]:
    classes = op.ArgMax(logits, axis=2, keepdims=0)
    keep = op.And(active, op.Not(op.Equal(classes, np.int64(blank))))
    if merge_repeated:
        keep = op.And(keep, op.Not(op.Equal(classes, ctc.shifted(classes))))
    packed = refine(ctc.packed(classes, keep), known_shape(logits)[:2])
    largest = op.Where(active, op.ReduceMax(logits, [2], keepdims=0), as_value(0, dtype_of(logits)))
    scores = op.Neg(op.ReduceSum(largest, [1], keepdims=1))
    return K.cast(op.Unsqueeze(packed, [0]), "int32"), scores


publish(globals())

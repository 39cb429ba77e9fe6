"""Connectionist temporal classification (Graves et al., 2006): the loss, and decoding greedily or by beam
search.

The last class is the blank. Probabilities are (batch, time, classes), after a softmax.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ir import Body, Constant, Value, op
from . import config
from .tensors import as_int64, cast_value, known_shape, refine, tensor

__all__ = ["ctc_batch_cost", "ctc_decode", "ctc_label_dense_to_sparse"]

_IMPOSSIBLE = -1e30  # a logarithm of zero that no sum turns into NaN
_NONE = np.int64(-1)
_END = 2**31 - 1
_INT64 = np.dtype(np.int64)


def _whole(x: Any) -> Value:
    """``x`` as int64."""
    return as_int64(tensor(x))


def _logs(y_pred: Any) -> Value:
    return op.Log(tensor(y_pred) + config.epsilon())


def _positions(count: Value) -> Value:
    """0, 1, ... below a one-element vector."""
    return op.Range(np.int64(0), op.Squeeze(count, [0]), np.int64(1))


def times_of(x: Value) -> Value:
    """The positions along the second axis of ``x``."""
    return _positions(op.Shape(x, start=1, end=2))


def _log_sum(*xs: Value) -> Value:
    """log(exp(x1) + exp(x2) + ...), element by element."""
    stacked = op.Concat(*(op.Unsqueeze(x, [-1]) for x in xs), axis=-1)
    return refine(op.ReduceLogSumExp(stacked, [-1], keepdims=0), xs[0].dims)


def ctc_label_dense_to_sparse(labels: Any, label_lengths: Any) -> Value:
    """Labels (batch, labels) with -1 from ``label_lengths`` (batch,) on: there are no sparse values here."""
    labels, lengths = tensor(labels), op.Reshape(_whole(label_lengths), [-1, 1])
    return op.Where(op.Less(times_of(labels), lengths), labels, tensor(-1, labels.dtype))


def ctc_batch_cost(y_true: Any, y_pred: Any, input_length: Any, label_length: Any) -> Value:
    """The loss of each sample: -log of the probability of its labels, over all alignments.

    Args:
        y_true: (batch, labels) class numbers; what comes after ``label_length`` is not looked at.
        y_pred: (batch, time, classes) probabilities, the last class being the blank.
        input_length, label_length: (batch, 1) numbers of times and labels.

    Returns:
        (batch, 1); infinite where the labels do not fit into the times.
    """
    return ctc_cost_of_logits(y_true, _logs(y_pred), input_length, label_length)


def ctc_cost_of_logits(y_true: Any, logits: Any, input_length: Any, label_length: Any) -> Value:
    """``ctc_batch_cost`` of what goes into the softmax."""
    logs = op.LogSoftmax(tensor(logits), axis=-1)
    labels, times, lengths = _whole(y_true), _whole(input_length), _whole(label_length)
    blank = op.Sub(op.Shape(logs, start=2, end=3), np.int64(1))
    states = _with_blanks(op.Max(op.Min(labels, blank), np.int64(0)), blank)
    emissions = op.GatherElements(logs, _expanded(op.Unsqueeze(states, [1]), logs, states), axis=2)
    active = op.Less(op.Unsqueeze(times_of(logs), [0]), times)
    final = _forward(emissions, active, _may_skip(states), logs.dtype)
    ends = op.Mul(lengths, np.int64(2))
    before = op.Sub(ends, np.int64(1))
    last = op.GatherElements(final, ends, axis=1)
    impossible = Constant(np.array(_IMPOSSIBLE, logs.dtype))
    some = op.GatherElements(final, op.Max(before, np.int64(0)), axis=1)
    some = op.Where(op.Less(before, np.int64(0)), impossible, some)
    loss = op.Neg(_log_sum(last, some))
    infinite = op.Where(loss > 1e29, Constant(np.array(np.inf, logs.dtype)), loss)
    return refine(infinite, (known_shape(logs)[0], 1))


def blank_last(logits: Value, blank: int) -> Value:
    """(batch, time, classes) with the class of that number as the last one."""
    classes = int(known_shape(logits)[2])
    if blank == classes - 1:
        return logits
    return op.Gather(logits, np.array([*(i for i in range(classes) if i != blank), blank]), axis=2)


def labels_with_blank_last(labels: Value, blank: int, classes: int) -> Value:
    """int64 class numbers as ``blank_last`` counts classes."""
    last = np.int64(classes - 1)
    lower = op.Where(op.Greater(labels, np.int64(blank)), op.Sub(labels, np.int64(1)), labels)
    return op.Where(op.Equal(labels, np.int64(blank)), last, lower)


def _with_blanks(labels: Value, blank: Value) -> Value:
    """(batch, 2 labels + 1): a blank before, between and after the labels."""
    blanks = op.Expand(blank, op.Shape(labels))
    pairs = op.Concat(op.Unsqueeze(blanks, [2]), op.Unsqueeze(labels, [2]), axis=2)
    one = op.Slice(op.Expand(blank, op.Shape(op.Pad(labels, [0, 0, 0, 1]))), [0], [1], [1])
    return op.Concat(op.Reshape(pairs, [0, -1]), one, axis=1)


def _expanded(x: Value, logs: Value, states: Value) -> Value:
    """``x`` (batch, 1, states) for each time of ``logs``."""
    sizes = op.Concat(op.Shape(logs, start=0, end=2), op.Shape(states, start=1, end=2), axis=0)
    return op.Expand(x, sizes)


def _may_skip(states: Value) -> Value:
    """(batch, states): where the blank before may be left out, as the labels around it differ."""
    two_before = op.Slice(op.Pad(states, [0, 2, 0, 0], _NONE), [0], [-2], [1])
    return op.Not(op.Equal(states, two_before))


def _forward(emissions: Value, active: Value, skip: Value, dtype: np.dtype) -> Value:
    """The forward variables (batch, states) after the last active time."""
    impossible = Constant(np.array(_IMPOSSIBLE, dtype))
    zeros = op.Mul(cast_value(skip, dtype), Constant(np.array(0, dtype)))
    start = op.Where(
        op.Equal(times_of(skip), np.int64(0)), zeros, impossible
    )  # before the first time: state 0
    shape = known_shape(emissions)[0], known_shape(emissions)[2]
    alpha = Value(dtype, shape, "alpha")
    emission = Value(dtype, shape, "emission")
    runs = Value(bool, (known_shape(active)[0],), "runs")
    one_before = op.Slice(op.Pad(alpha, [0, 1, 0, 0], _IMPOSSIBLE), [0], [-1], [1])
    two_before = op.Slice(op.Pad(alpha, [0, 2, 0, 0], _IMPOSSIBLE), [0], [-2], [1])
    new = _log_sum(alpha, one_before, op.Where(skip, two_before, impossible)) + emission
    new = refine(op.Where(op.Unsqueeze(runs, [1]), new, alpha), shape)
    return op.Scan(
        start,
        emissions,
        active,
        body=Body([new], [alpha, emission, runs]),
        num_scan_inputs=2,
        scan_input_axes=[1, 1],
        outputs=1,
    )


def ctc_decode(
    y_pred: Any,
    input_length: Any,
    greedy: bool = True,
    beam_width: int = 100,
    top_paths: int = 1,
    merge_repeated: bool = False,
) -> tuple[list[Value], Value]:
    """The most likely labels.

    Args:
        y_pred: (batch, time, classes) probabilities, the last class being the blank; the beam search makes
            those of each time sum to 1.
        input_length: (batch,) numbers of times.
        greedy: the most likely class at each time; else a beam search.
        beam_width, top_paths, merge_repeated: of the beam search: how many label sequences it follows, how
            many it returns, and whether equal neighbours in a result are made one.

    Returns:
        A list with ``top_paths`` (one, if greedy) tensors (batch, longest result) of class numbers, -1 after
        the end; and (batch, top_paths) log-probabilities (if greedy: negated sums of the largest logarithms).

    Raises:
        ValueError: if more paths are asked for than the beam has, or there are no classes beside the blank.
    """
    return decoded_logits(_logs(y_pred), input_length, greedy, beam_width, top_paths, merge_repeated)


def decoded_logits(
    logs: Value, input_length: Any, greedy: bool, beam_width: int, top_paths: int, merge_repeated: bool
) -> tuple[list[Value], Value]:
    """``ctc_decode`` of what goes into the softmax, or of logarithms of probabilities."""
    active = op.Less(op.Unsqueeze(times_of(logs), [0]), op.Reshape(_whole(input_length), [-1, 1]))
    if greedy:
        return _greedy(logs, active)
    if not 1 <= top_paths <= beam_width:
        raise ValueError(
            f"ctc_decode: top_paths must lie between 1 and beam_width ({beam_width}); found {top_paths}."
        )
    classes = known_shape(logs)[2]
    if isinstance(classes, int) and classes < 2:
        raise ValueError(f"ctc_decode: needs a class beside the blank; found {logs!r}.")
    prefixes, scores = Beam(op.LogSoftmax(logs, axis=2), active, int(beam_width)).search()
    decoded = []
    for path in range(top_paths):
        labels = op.Gather(prefixes, Constant(np.array(path, _INT64)), axis=1)
        keep = op.GreaterOrEqual(labels, np.int64(0))
        if merge_repeated:
            keep = op.And(keep, op.Not(op.Equal(labels, shifted(labels))))
        decoded.append(_cut(labels, keep))
    return decoded, op.Slice(scores, [0], [top_paths], [1])


def _greedy(logs: Value, active: Value) -> tuple[list[Value], Value]:
    classes = op.ArgMax(logs, axis=2, keepdims=0)
    blank = op.Sub(op.Shape(logs, start=2, end=3), np.int64(1))
    keep = op.And(op.Not(op.Equal(classes, blank)), op.Not(op.Equal(classes, shifted(classes))))
    largest = op.Where(active, op.ReduceMax(logs, [2], keepdims=0), Constant(np.array(0, logs.dtype)))
    return [_cut(classes, op.And(keep, active))], op.Neg(op.ReduceSum(largest, [1], keepdims=1))


def shifted(labels: Value) -> Value:
    """(batch, time): the label one time before, -1 at first."""
    return op.Slice(op.Pad(labels, [0, 1, 0, 0], _NONE), [0], [-1], [1])


def packed(labels: Value, keep: Value) -> Value:
    """The labels to keep, moved to the front of each row; -1 behind them, as many as there were."""
    last = op.Shape(labels, start=1, end=2)
    places = op.Where(keep, op.Sub(op.CumSum(cast_value(keep, _INT64), np.int64(1)), np.int64(1)), last)
    empty = op.Expand(_NONE, op.Shape(op.Pad(labels, [0, 0, 0, 1])))  # one column more, for what is dropped
    return op.Slice(op.ScatterElements(empty, places, labels, axis=1), [0], [-1], [1])


def _cut(labels: Value, keep: Value) -> Value:
    """``packed``, cut to the longest row."""
    kept = op.ReduceSum(cast_value(keep, _INT64), [1], keepdims=0)
    longest = op.Reshape(op.ReduceMax(kept, keepdims=0), [1])
    return refine(op.Slice(packed(labels, keep), [0], longest, [1]), (known_shape(labels)[0], None))


class Beam:
    """Beam search over label sequences, one Scan over time.

    Per sequence it carries the labels (batch, beam, time), their number, and the log-probabilities of all
    alignments that end in a blank and that do not. A candidate is a sequence as it is, or with one label
    more; a longer one that equals a sequence in the beam is counted there.
    """

    def __init__(self, logs: Value, active: Value, width: int) -> None:
        self.logs, self.active, self.width = logs, active, width
        self.dtype = logs.dtype
        self.classes = known_shape(logs)[2]
        self.count = op.Sub(op.Shape(logs, start=2, end=3), np.int64(1))
        self.labels = _positions(self.count)
        self.impossible = Constant(np.array(_IMPOSSIBLE, logs.dtype))
        self.positions = times_of(logs)

    def search(self) -> tuple[Value, Value]:
        """The sequences (batch, beam, time) and their log-probabilities (batch, beam), best first."""
        batch, width, time = known_shape(self.logs)[0], self.width, known_shape(self.logs)[1]
        carried = [
            Value(_INT64, (batch, width, time), "prefix"),
            Value(_INT64, (batch, width), "length"),
            Value(self.dtype, (batch, width), "ends_in_blank"),
            Value(self.dtype, (batch, width), "ends_in_label"),
        ]
        log = Value(self.dtype, (batch, self.classes), "log")
        runs = Value(bool, (batch,), "runs")
        new = []
        prefix, length, blank, label = carried
        for old, candidate in zip(carried, self._step(prefix, length, blank, label, log), strict=True):
            gate = op.Unsqueeze(runs, list(range(1, len(known_shape(old)))))
            new.append(refine(op.Where(gate, candidate, old), old.dims))
        found = op.Scan(
            *self._start(),
            self.logs,
            self.active,
            body=Body(new, [*carried, log, runs]),
            num_scan_inputs=2,
            scan_input_axes=[1, 1],
            outputs=4,
        )
        prefix, blank, label = [refine(found[i], carried[i].dims) for i in (0, 2, 3)]
        return prefix, _log_sum(blank, label)

    def _start(self) -> list[Value]:
        """One empty sequence of probability 1, the others impossible."""
        batch = op.Shape(self.logs, start=0, end=1)
        beam = op.Concat(batch, [self.width], axis=0)
        first = np.full((1, self.width), _IMPOSSIBLE, self.dtype)
        first[0, 0] = 0
        return [
            op.Expand(_NONE, op.Concat(beam, op.Shape(self.logs, start=1, end=2), axis=0)),
            op.Expand(np.int64(0), beam),
            op.Expand(Constant(first), beam),
            op.Expand(self.impossible, beam),
        ]

    def _step(self, prefix: Value, length: Value, blank: Value, label: Value, log: Value) -> list[Value]:
        width = self.width
        of_labels, of_blank = op.Slice(log, [0], [-1], [1]), op.Slice(log, [-1], [_END], [1])
        total = _log_sum(blank, label)
        ends = op.Equal(self.positions, op.Unsqueeze(op.Sub(length, np.int64(1)), [2]))
        last = op.ReduceMax(op.Where(ends, prefix, _NONE), [2], keepdims=0)
        safe = op.Max(last, np.int64(0))
        # each sequence with each label more; the same label again needs a blank between
        repeats = op.Equal(op.Unsqueeze(last, [2]), self.labels)
        longer = op.Where(repeats, op.Unsqueeze(blank, [2]), op.Unsqueeze(total, [2]))
        longer = op.Add(longer, op.Unsqueeze(of_labels, [1]))
        # each sequence as it is
        stay_blank = op.Add(total, of_blank)
        stay_label = op.Add(label, op.GatherElements(log, safe, axis=1))
        grows = self._grows_into(prefix, ends, length, total)
        sizes = op.Concat(op.Shape(log, start=0, end=1), [width, width], axis=0)
        gained = op.GatherElements(longer, op.Expand(op.Unsqueeze(safe, [1]), sizes), axis=2)
        gained = op.ReduceMax(op.Where(grows, gained, self.impossible), [1], keepdims=0)
        stay_label = _log_sum(stay_label, gained)
        counted = op.MatMul(cast_value(grows, self.dtype), cast_value(repeats, self.dtype))
        longer = op.Where(counted > 0.5, self.impossible, longer)
        # the best of all
        candidates = op.Concat(_log_sum(stay_blank, stay_label), op.Reshape(longer, [0, -1]), axis=1)
        score, index = op.TopK(candidates, np.array([width], _INT64), axis=1)
        grown = op.GreaterOrEqual(index, np.int64(width))
        beyond = op.Max(op.Sub(index, np.int64(width)), np.int64(0))
        parent = op.Where(grown, op.Div(beyond, self.count), index)
        added = op.Mod(beyond, self.count)
        wide = op.Expand(op.Unsqueeze(parent, [2]), op.Shape(prefix))
        kept = op.GatherElements(prefix, wide, axis=1)
        count = op.GatherElements(length, parent, axis=1)
        here = op.And(op.Equal(self.positions, op.Unsqueeze(count, [2])), op.Unsqueeze(grown, [2]))
        return [
            op.Where(here, op.Unsqueeze(added, [2]), kept),
            op.Add(count, cast_value(grown, _INT64)),
            op.Where(grown, self.impossible, op.GatherElements(stay_blank, parent, axis=1)),
            op.Where(grown, score, op.GatherElements(stay_label, parent, axis=1)),
        ]

    def _grows_into(self, prefix: Value, ends: Value, length: Value, total: Value) -> Value:
        """(batch, i, j): whether sequence i and the last label of j make sequence j."""
        parents = op.Where(ends, _NONE, prefix)
        same = op.Equal(op.Unsqueeze(prefix, [2]), op.Unsqueeze(parents, [1]))
        equal = op.ReduceMin(cast_value(same, np.dtype(np.int32)), [3], keepdims=0)
        next_length = op.Equal(op.Unsqueeze(op.Add(length, np.int64(1)), [2]), op.Unsqueeze(length, [1]))
        real = total > 0.1 * _IMPOSSIBLE
        both = op.And(op.Unsqueeze(real, [2]), op.Unsqueeze(real, [1]))
        return op.And(op.And(cast_value(equal, np.dtype(bool)), next_length), both)

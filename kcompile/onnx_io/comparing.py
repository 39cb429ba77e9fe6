"""Two forms of a model on the same inputs: whether they compute the same."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from .. import ir
from ..progress import report
from .draws import drawn_outputs
from .samples import Hints, Sampler
from .sizes import propose_sizes

Run = Callable[[list[np.ndarray]], Sequence[np.ndarray]]
"""Outputs for inputs; raises where it does not take them."""

_SECONDS = 60.0  # for finding sizes by running
_RUNS = 60
# Rounding to few bits takes a value that lies between two steps to either: single elements may be a step off.
_ROUNDINGS = 4
_ROUNDED_LARGEST, _ROUNDED_MEAN = 0.1, 0.01
ROUNDING = frozenset(("QuantizeLinear", "DynamicQuantizeLinear", "QLinearConv", "QLinearMatMul"))
"""Operators that round to few bits."""


@dataclass
class Comparison:
    """What came of it.

    Attributes:
        worst: for each output the largest difference, relative to the largest value; None where it never had
            a number in it.
        inputs: those on which ``worst`` arose, for each output; those of the first run where there is none.
        outputs: pairs (expected, found) for each output, on these inputs.
        reason: why nothing was compared; empty where something was.
        random: for each output whether it was left out because it depends on numbers drawn at random.
        failed: what the second form said where only the first ran: on plain inputs of all sizes tried, or
            on inputs out of the ordinary.
    """

    worst: list[float | None] = field(default_factory=list)
    inputs: list[list[np.ndarray]] = field(default_factory=list)
    outputs: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list)
    reason: str = ""
    random: list[bool] = field(default_factory=list)
    failed: Exception | None = None

    def add(self, inputs: list[np.ndarray], expected: Sequence, found: Sequence, rounds: bool) -> None:
        """Counts one run in."""
        for i, (a, b) in enumerate(zip(expected, found, strict=True)):
            value = rounded_difference(a, b) if rounds else difference(a, b)
            compared = bool(np.isfinite(np.asarray(a, np.float64)).any()) if a.dtype.kind in "fiub" else True
            if len(self.outputs) <= i:
                self.worst.append(None)
                self.inputs.append(inputs)
                self.outputs.append((a, b))
            known = self.worst[i]
            if self.random[i]:
                continue
            if (compared or value > 0) and (known is None or value > known):
                self.worst[i], self.inputs[i], self.outputs[i] = value, inputs, (a, b)


def compare(
    graphs: Sequence[ir.Graph],
    first: Run,
    second: Run,
    *,
    samples: int = 2,
    seed: int = 0,
    same_draws: bool = False,
) -> Comparison:
    """Runs two forms of a model on inputs that its graph can take, and that show what its operators do.

    Args:
        graphs: of either form, or of both, with the same inputs in the same order: the first says what to
            draw, all of them what to look for.
        first, second: run the forms; the second is compared with the first.
        samples: size of the batch axis where it is open.
        seed: of the random inputs.
        same_draws: whether random numbers that the forms draw are the same in both; outputs that depend on
            others are not compared.
    """
    drawn = [drawn_outputs(graph) for graph in graphs]
    result = Comparison(random=[any(some) and not same_draws for some in zip(*drawn, strict=True)])
    if result.random and all(result.random):
        result.reason = "it draws random numbers at inference, so two runs of it differ"
        return result
    hints = Hints.of(*graphs)
    rounds = any(node.op_type in ROUNDING for graph in graphs for node in graph.nodes)
    deadline, refusal = time.monotonic() + _SECONDS, ""
    for count, sizes in enumerate(propose_sizes(graphs[0], samples)):
        if count == _RUNS or time.monotonic() > deadline:
            break
        report("comparing")
        sampler = Sampler(graphs[0], hints, sizes, seed)
        inputs = sampler.plain()
        try:
            expected = first([array.copy() for array in inputs])
        except Exception as error:
            refusal = refusal or " ".join(str(error).split())[:300]
            continue
        if not all(array.size for array in expected):
            refusal = refusal or "outputs have no elements"
            continue
        try:
            found = second([array.copy() for array in inputs])
        except Exception as error:
            result.failed = result.failed or error
            continue
        result.failed = None
        result.add(inputs, expected, found, rounds)
        _compare_further(result, sampler, first, second, rounds)
        return result
    if result.failed is None:
        result.reason = f"no sizes of the open axes were found that it takes ({refusal or 'none fits'})"
    return result


def _compare_further(result: Comparison, sampler: Sampler, first: Run, second: Run, rounds: bool) -> None:
    for inputs in sampler.further():
        _try(result, inputs, first, second, rounds)
    if None in result.worst:
        _try(result, sampler.positive(), first, second, rounds)


def _try(result: Comparison, inputs: list[np.ndarray], first: Run, second: Run, rounds: bool) -> None:
    """Compares on inputs that are out of the ordinary: a model may refuse them, and then in both forms."""
    try:
        expected = first([array.copy() for array in inputs])
    except Exception:
        return
    try:
        found = second([array.copy() for array in inputs])
    except Exception as error:
        result.failed = result.failed or error
        return
    result.add(inputs, expected, found, rounds)


def rounding_difference(run: Run, inputs: list[np.ndarray]) -> list[float]:
    """How far each output moves, as ``difference`` counts, if inputs end in another last bit.

    Where numbers that are nearly equal are subtracted, or each layer makes what it is given larger, two forms
    of a model differ by what rounding makes of them, and by no fault.

    Args:
        inputs: arrays; those of fractions are changed, a few times.
    """
    expected = run([array.copy() for array in inputs])
    random, worst = np.random.default_rng(0), [0.0] * len(expected)
    for _ in range(_ROUNDINGS):
        found = run([_rounded_otherwise(array, random) for array in inputs])
        worst = [max(w, difference(a, b)) for w, a, b in zip(worst, expected, found, strict=True)]
    return [value if np.isfinite(value) else 0.0 for value in worst]


def _rounded_otherwise(array: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Each element, or its neighbour above or below."""
    if array.dtype.kind != "f":
        return array.copy()
    toward = random.choice(np.array([-np.inf, 0, np.inf], array.dtype), array.shape)
    return np.where(toward == 0, array, np.nextafter(array, toward))


def difference(expected: np.ndarray, found: np.ndarray) -> float:
    """Largest absolute difference of finite numbers, relative to the largest of them in ``expected``.

    Infinite where the shapes differ, or one has a NaN or an infinity where the other has none (or one of the
    other sign).
    """
    gaps, scale = _gaps(expected, found)
    if gaps is None:
        return float("inf")
    return float(gaps.max(initial=0.0)) / scale


def rounded_difference(expected: np.ndarray, found: np.ndarray) -> float:
    """As ``difference``, but 0 where values are within what rounding to 8 bits inside the models explains:
    few elements off by a tenth of the largest value, all of them by a hundredth in the mean."""
    gaps, scale = _gaps(expected, found)
    if gaps is None:
        return float("inf")
    largest, mean = float(gaps.max(initial=0.0)) / scale, float(gaps.mean()) / scale if gaps.size else 0.0
    return 0.0 if largest <= _ROUNDED_LARGEST and mean <= _ROUNDED_MEAN else largest


def _gaps(expected: np.ndarray, found: np.ndarray) -> tuple[np.ndarray | None, float]:
    """Absolute differences where both are finite, and the scale; None where they differ in kind."""
    expected, found = np.asarray(expected), np.asarray(found)
    if expected.shape != found.shape:
        return None, 1.0
    if expected.dtype.kind not in "fiub" or found.dtype.kind not in "fiub":
        return (np.zeros(0) if np.array_equal(expected, found) else None), 1.0
    expected, found = expected.astype(np.float64), found.astype(np.float64)
    finite = np.isfinite(expected)
    others = ~finite
    if not np.array_equal(finite, np.isfinite(found)) or not np.array_equal(
        expected[others], found[others], equal_nan=True
    ):
        return None, 1.0
    kept = expected[finite]
    return np.abs(kept - found[finite]), max(1e-3, float(np.abs(kept).max(initial=0.0)))

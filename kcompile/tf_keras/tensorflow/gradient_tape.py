"""``tf.GradientTape``: on torch's autograd where numbers are computed, on Gradient nodes where a graph is
traced."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from ...ir import (
    Depends,
    EagerTensor,
    Parameter,
    Value,
    depends,
    interpreter,
    noting_variables,
    op,
    record_with,
)
from ...keras import backend as K
from .tensors import eager_interpreter, values_in


class _Tapes(threading.local):
    depth = 0


_tapes = _Tapes()


def is_recording() -> bool:
    """Whether a tape's block is running in this thread."""
    return _tapes.depth > 0


class GradientTape:
    """Gradients of what is computed in its block.

    Weights that are trainable are watched; other tensors from ``watch`` on.

    Args:
        persistent: whether gradients may be asked for more than once.
        watch_accessed_variables: whether trainable variables are watched that are read in the block; else
            those alone that ``watch`` names.
    """

    def __init__(self, persistent: bool = False, watch_accessed_variables: bool = True) -> None:
        self._persistent, self._watches_all = persistent, watch_accessed_variables
        self._watched: dict[Any, None] = {}
        self._noting: Any = None
        self._is_used = False

    def __enter__(self) -> GradientTape:
        _tapes.depth += 1
        if _tapes.depth == 1:
            record_with(eager_interpreter())
        if self._watches_all:
            self._noting = noting_variables(self._watched)
            self._noting.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._noting is not None:
            self._noting.__exit__(None, None, None)
            self._noting = None
        _tapes.depth -= 1
        if _tapes.depth == 0:
            record_with(None)

    def watch(self, tensor: Any) -> None:
        """Lets gradients be asked for with respect to tensors, or lists of them."""
        for value in values_in(tensor):
            if isinstance(value, EagerTensor):
                eager_interpreter().watch(value)
            elif isinstance(value, Parameter) and value.trainable:
                self._watched[value] = None

    @contextmanager
    def stop_recording(self) -> Iterator[None]:
        """Within, what is computed passes no gradient on; also for tapes around this one."""
        with (interpreter() or eager_interpreter()).unrecorded(), noting_variables(None):
            yield

    def reset(self) -> None:
        """Forgets which variables were watched; what was computed before still passes gradients on."""
        self._watched.clear()

    def watched_variables(self) -> tuple[Any, ...]:
        """The trainable variables that were read in the block, or watched, in this order."""
        return tuple(self._watched)

    def _use(self) -> None:
        if self._is_used and not self._persistent:
            raise RuntimeError(
                "A non-persistent GradientTape can only be used to compute one set of gradients (or "
                "jacobians): make it by tf.GradientTape(persistent=True)."
            )
        self._is_used = True

    def _asked(self, leaves: Sequence[Value]) -> list[bool]:
        """Which sources are watched."""
        return [self._watches_all or not isinstance(x, Parameter) or x in self._watched for x in leaves]

    def _gradients(self, targets: Sequence[Value], leaves: Sequence[Value], given: Any) -> list[Value | None]:
        asked = self._asked(leaves)
        found = iter(
            _gradients(targets, [x for x, is_asked in zip(leaves, asked, strict=True) if is_asked], given)
        )
        return [next(found) if is_asked else None for is_asked in asked]

    def gradient(
        self,
        target: Any,
        sources: Any,
        output_gradients: Any = None,
        unconnected_gradients: Any = "none",
    ) -> Any:
        """The gradients of ``sum(target)`` with respect to each of ``sources``.

        Args:
            target: tensor, or list of tensors whose sums are added.
            sources: tensor or variable, or lists and dicts of them.
            output_gradients: gradient of each target itself, ones by default.
            unconnected_gradients: "none" gives None for a source that target does not depend on, "zero"
                zeros.

        Returns:
            gradients, nested as ``sources`` are.
        """
        self._use()
        targets, leaves = values_in(target), values_in(sources)
        given = values_in(output_gradients) if output_gradients is not None else None
        found = self._gradients(targets, leaves, given)
        if _wants_zeros(unconnected_gradients):
            found = [K.zeros_like(x) if g is None else g for x, g in zip(leaves, found, strict=True)]
        return _nested(sources, iter(found))

    def jacobian(self, target: Any, sources: Any, unconnected_gradients: Any = "none", **options: Any) -> Any:
        """The derivatives of each element of ``target``: of shape (*target, *source) for each source; None
        for a source that no element depends on, or zeros."""
        self._use()
        found = self._jacobians(target, values_in(sources), _wants_zeros(unconnected_gradients))
        return _nested(sources, iter(found))

    def _jacobians(self, target: Any, leaves: Sequence[Value], zeros: bool) -> list[Any]:
        rows = [self._gradients([element], leaves, None) for element in K.flatten(target)]
        found: list[Any] = []
        for i, source in enumerate(leaves):
            if not zeros and all(row[i] is None for row in rows):
                found.append(None)
                continue
            parts = [K.zeros_like(source) if row[i] is None else row[i] for row in rows]
            found.append(K.reshape(K.stack(parts, axis=0), (*np.shape(target), *np.shape(source))))
        return found

    def batch_jacobian(
        self, target: Any, source: Any, unconnected_gradients: Any = "none", **options: Any
    ) -> Value | None:
        """The derivatives of each sample's target by its own source: (batch, *target, *source)."""
        self._use()
        (whole,) = self._jacobians(target, [source], _wants_zeros(unconnected_gradients))
        if whole is None:
            return None
        batch, own = len(target), len(target.shape)
        index = [(i, *[slice(None)] * (own - 1), i) for i in range(batch)]
        return K.stack([whole[key] for key in index], axis=0)


def _wants_zeros(unconnected: Any) -> bool:
    return str(getattr(unconnected, "value", unconnected)) == "zero"


def _gradients(targets: Sequence[Value], sources: Sequence[Value], given: Any) -> list[Value | None]:
    around = interpreter()
    if around is not None and all(around.takes(x) for x in (*targets, *sources)):
        return list(around.gradients(targets, sources, given, again=_tapes.depth > 0))
    if all(depends(x) is not Depends.ON_INPUTS for x in (*targets, *sources)):
        return eager_interpreter().gradients(targets, sources, given, again=_tapes.depth > 0)
    if given is not None:
        targets = [y * w for y, w in zip(targets, given, strict=True)]
    total = targets[0] if len(targets) == 1 else K.sum(K.stack([K.sum(y) for y in targets]))
    return list(op.Gradient(total, *sources))


def _nested(like: Any, found: Any) -> Any:
    if isinstance(like, Value):
        return next(found)
    if isinstance(like, Mapping):
        return {key: _nested(entry, found) for key, entry in like.items()}
    entries = [_nested(entry, found) for entry in like]
    return tuple(entries) if isinstance(like, tuple) else entries

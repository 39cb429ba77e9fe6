"""``tf.GradientTape``: on torch's autograd where numbers are computed, on Gradient nodes where a graph is
traced."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...ir import Depends, EagerTensor, Value, depends, interpreter, op, record_with
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
        persistent: accepted; gradients can always be asked for again.
        watch_accessed_variables: accepted; gradients are computed of what they are asked for alone.
    """

    def __init__(self, persistent: bool = False, watch_accessed_variables: bool = True) -> None:
        self._inside = 0

    def __enter__(self) -> GradientTape:
        _tapes.depth += 1
        if _tapes.depth == 1:
            record_with(eager_interpreter())
        return self

    def __exit__(self, *exception: object) -> None:
        _tapes.depth -= 1
        if _tapes.depth == 0:
            record_with(None)

    def watch(self, tensor: Any) -> None:
        """Lets gradients be asked for with respect to tensors, or lists of them."""
        for value in values_in(tensor):
            if isinstance(value, EagerTensor):
                eager_interpreter().watch(value)

    def stop_recording(self) -> GradientTape:
        """A block of its own; what no gradient is asked of costs nothing."""
        return GradientTape()

    def reset(self) -> None:
        """Nothing: there is no record to clear."""

    def watched_variables(self) -> tuple[Any, ...]:
        """Not kept: NotImplementedError says what to do."""
        raise NotImplementedError(
            "The tape keeps no list of variables; name those that you want gradients of."
        )

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
        targets, leaves = values_in(target), values_in(sources)
        given = values_in(output_gradients) if output_gradients is not None else None
        zero = str(getattr(unconnected_gradients, "value", unconnected_gradients)) == "zero"
        found = _gradients(targets, leaves, given)
        if zero:
            found = [K.zeros_like(x) if g is None else g for x, g in zip(leaves, found, strict=True)]
        return _nested(sources, iter(found))

    def jacobian(self, target: Any, sources: Any, **options: Any) -> Any:
        """The derivatives of each element of ``target``: of shape (*target, *source) for each source."""
        leaves = values_in(sources)
        flat = K.flatten(target)
        rows = [_gradients([element], leaves, None) for element in flat]
        stacked = []
        for i, source in enumerate(leaves):
            parts = [K.zeros_like(source) if row[i] is None else row[i] for row in rows]
            stacked.append(K.reshape(K.stack(parts, axis=0), (*np.shape(target), *np.shape(source))))
        return _nested(sources, iter(stacked))

    def batch_jacobian(self, target: Any, source: Any, **options: Any) -> Value:
        """The derivatives of each sample's target by its own source: (batch, *target, *source)."""
        whole = self.jacobian(target, source)
        batch, own = len(target), len(target.shape)
        index = [(i, *[slice(None)] * (own - 1), i) for i in range(batch)]
        return K.stack([whole[key] for key in index], axis=0)


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

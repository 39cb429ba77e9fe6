"""Gradients that somebody else computed, applied by an optimizer: in steps and loops of one's own."""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ...ir import (
    Constant,
    Interpreter,
    LossScale,
    Parameter,
    UpdateRule,
    Value,
    current_readings,
    eagerly,
    interpreter,
    op,
    reading_as,
)
from ..core.eager_calls import interpreter_for_all
from .scaled_updates import update_if_finite


class AppliesGradients:
    """What optimizers of tf.keras and Keras 3 do with gradients.

    Where operators compute at once, the weights have changed when a method returns; in a step that is traced
    they read as changed from there on.
    """

    _built_refs: Sequence[weakref.ref[Parameter]] = ()

    if TYPE_CHECKING:
        iterations: Parameter
        gradient_accumulation_steps: int | None
        _scaling: LossScale | None

        def get_scaled_loss(self, loss: Any) -> Any: ...
        def get_unscaled_gradients(self, grads: Sequence[Any]) -> list[Any]: ...
        def _updates_of(self, grads: Sequence[Any], params: Sequence[Parameter]) -> list[Any]: ...
        def _clipped(self, grads: list[Value]) -> list[Value]: ...
        def _build(self, params: Sequence[Parameter]) -> Any: ...
        def update_rule(self, params: Sequence[Parameter]) -> UpdateRule | None: ...

    def apply_gradients(
        self,
        grads_and_vars: Iterable[tuple[Any, Parameter]],
        name: str | None = None,
        skip_gradients_aggregation: bool = False,
        experimental_aggregate_gradients: bool = True,
        **kwargs: Any,
    ) -> Any:
        """One update of weights by their gradients.

        Args:
            grads_and_vars: pairs (gradient, weight). A weight whose gradient is None stays as it is.
            name, skip_gradients_aggregation, experimental_aggregate_gradients, **kwargs: of tf.keras, which
                change nothing.

        Returns:
            ``iterations``, the number of updates.

        Raises:
            ValueError: if there is no gradient at all.
            TypeError: for gradients without numbers, outside of a step that is traced.
        """
        pairs = [(_tensor(grad), weight) for grad, weight in grads_and_vars]
        grads, params = [grad for grad, _ in pairs], [weight for _, weight in pairs]
        missing = [weight.name for grad, weight in pairs if grad is None]
        if len(missing) == len(pairs):
            raise ValueError(f"No gradients provided for any variable: {missing}.")
        if missing:
            warnings.warn(
                f"Gradients do not exist for variables {missing} when minimizing the loss.", stacklevel=2
            )
        at_once = interpreter_for_all(grads)
        if at_once is None:
            raise TypeError(
                "apply_gradients needs gradients that are numbers, or a training step that is traced; "
                "get_updates(loss, params) gives the updates of a graph."
            )
        with eagerly(at_once):
            if self._scaling is None:
                self._update(at_once, grads, params)
            else:
                update_if_finite(self._scaling, grads, lambda: self._update(at_once, grads, params))
        return self.iterations

    def _update(self, at_once: Interpreter, grads: list[Any], params: list[Parameter]) -> None:
        if any(grad is None for grad in grads) or not self._updated_by_kernel(at_once, grads, params):
            with _without_gradients(params):
                do_at_once_together(self._updates_of(self._limited(grads), params))

    def apply(self, grads: Sequence[Any], trainable_variables: Sequence[Parameter] | None = None) -> None:
        """``apply_gradients`` as Keras 3 has it: gradients, and the weights unless ``build`` was told."""
        self.apply_gradients(
            zip(grads, self._built_for if trainable_variables is None else trainable_variables, strict=True)
        )

    def build(self, var_list: Sequence[Parameter]) -> None:
        """Makes the state for weights."""
        self._build(list(var_list))

    @property
    def _built_for(self) -> list[Parameter]:
        """The weights that there is state for."""
        return [weight for weight in (ref() for ref in self._built_refs) if weight is not None]

    def compute_gradients(
        self, loss: Value | Callable[[], Value], var_list: Any, tape: Any = None
    ) -> list[tuple[Any, Parameter]]:
        """Pairs (gradient, weight), as ``apply_gradients`` takes them.

        Args:
            loss: a tensor, or a function without arguments that computes it.
            var_list: weights, or a function that returns them.
            tape: the tape on which the loss was computed; none is needed.

        Raises:
            TypeError: for a loss without numbers, outside of a step that is traced.
        """
        value = loss() if callable(loss) and not isinstance(loss, Value) else loss
        params = list(var_list() if callable(var_list) else var_list)
        at_once = interpreter_for_all([value])
        if at_once is None:
            raise TypeError(
                f"minimize needs a loss that has numbers, or a training step that is traced; found {value!r}."
            )
        with eagerly(at_once):
            value = self.get_scaled_loss(value)
            grads = tape.gradient(value, params) if tape is not None else at_once.gradients([value], params)
            return list(zip(self.get_unscaled_gradients(grads), params, strict=True))

    def minimize(
        self,
        loss: Value | Callable[[], Value],
        var_list: Any,
        grad_loss: Any = None,
        name: str | None = None,
        tape: Any = None,
    ) -> Any:
        """Computes the gradients of a loss and applies them.

        Args:
            loss, var_list, tape: as of ``compute_gradients``.
            grad_loss, name: of tf.keras, which change nothing.

        Raises: as ``apply_gradients``.
        """
        return self.apply_gradients(self.compute_gradients(loss, var_list, tape))

    def _updated_by_kernel(
        self, at_once: Interpreter, grads: Sequence[Value], params: Sequence[Parameter]
    ) -> bool:
        """Whether the kernel that trains in fit could do the update."""
        rule = self.update_rule(params)
        if rule is None or not at_once.update(rule, params, grads):
            return False
        for weight in params:
            constraint = getattr(weight, "constraint", None)
            if constraint is not None:
                at_once.assign([(weight, constraint(weight))])
        return True

    def _limited(self, grads: list[Any]) -> list[Any]:
        if self.gradient_accumulation_steps:  # whose mean will be
            return grads
        limited = iter(self._clipped([grad for grad in grads if grad is not None]))
        return [None if grad is None else next(limited) for grad in grads]


@contextmanager
def _without_gradients(params: Sequence[Parameter]) -> Iterator[None]:
    """Within, weights are read as numbers that no gradient flows through: an update is not differentiated."""
    readings: dict[Value, Value] = {
        weight: op.StopGradient(weight) for weight in params if weight.dtype.kind == "f"
    }
    with reading_as({**current_readings(), **readings}):
        yield


def do_at_once_together(updates: Iterable[Any]) -> None:
    """Does updates that were all computed of the values before them."""
    at_once = interpreter()
    assert at_once is not None
    latest = {parameter: new for parameter, new in updates if new is not parameter}
    at_once.assign(list(latest.items()))


def _tensor(gradient: Any) -> Any:
    return gradient if gradient is None or isinstance(gradient, Value) else Constant(gradient)

"""The loss and the metrics of compile() as functions of tensors, for training steps of one's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...ir import Value
from .. import backend as K
from .. import metrics as metrics_module
from .. import rules
from ..rules import KERAS_2, Rules
from ..utils.generic_utils import to_list
from .compilation import weighted_name, with_mask
from .compile_arguments import loss_factors, loss_functions, make_metric, metrics_by_output
from .outputs import Output, make_output


class _ByOutput:
    """Outputs of a model by their names, as a step has them.

    Args:
        names: of the outputs; None where only the first call tells how many there are.
    """

    def __init__(self, names: Sequence[str] | None) -> None:
        self._given_names = names
        self._names: list[str] | None = None

    def _flat(self, nest: Any) -> list[Any]:
        assert self._names is not None
        if nest is None or isinstance(nest, Value) or not isinstance(nest, list | tuple | Mapping):
            return [nest] * len(self._names) if nest is None else [nest]
        if isinstance(nest, Mapping):
            return [nest.get(name) for name in self._names]
        return list(nest)

    def _name(self, y_pred: Any) -> None:
        if self._names is not None:
            return
        if isinstance(y_pred, Mapping):
            self._names = list(y_pred)
            return
        count = len(y_pred) if isinstance(y_pred, list | tuple) else 1
        given = list(self._given_names or ())
        self._names = given if len(given) == count else [f"output_{i + 1}" for i in range(count)]


class CompiledLoss(_ByOutput):
    """What compile(loss=...) says, called in a step.

    Args:
        loss, loss_weights: as ``Model.compile`` takes them.
        names: names of the model's outputs, if it has some.
        its: the rules of the Keras that is followed.

    Attributes:
        metrics: the mean of the total loss and, for several outputs, of each output's, once it was called.
    """

    def __init__(
        self,
        loss: Any,
        loss_weights: Any = None,
        names: Sequence[str] | None = None,
        its: Rules = KERAS_2,
    ) -> None:
        super().__init__(names)
        self._loss, self._loss_weights, self._its = loss, loss_weights, its
        self._total = metrics_module.Mean(name="loss")
        self._functions: list[Any] = []
        self._factors: list[Any] = []
        self._means: list[Any] = []
        self._is_called = False

    @property
    def metrics(self) -> list[Any]:
        return [self._total, *(mean for mean in self._means if mean is not None)] if self._is_called else []

    def build(self, y_pred: Any) -> None:
        """Finds the loss of each output."""
        if self._functions:
            return
        self._name(y_pred)
        names = self._names or []
        with rules.following(self._its):
            self._functions = loss_functions(self._loss, names)
        self._factors = loss_factors(self._loss_weights, names)
        several = len(names) > 1
        self._means = [
            metrics_module.Mean(name=f"{name}_loss") if several and function is not None else None
            for name, function in zip(names, self._functions, strict=True)
        ]

    def loss_of(self, i: int) -> Any:
        """The loss of the i-th output; None before the first call."""
        return self._functions[i] if self._functions else None

    def __call__(
        self, y_true: Any, y_pred: Any, sample_weight: Any = None, regularization_losses: Any = None
    ) -> Value:
        """The total loss of a batch, of which ``metrics`` keep the mean over samples.

        Args:
            y_true, y_pred, sample_weight: tensors, or one for each output.
            regularization_losses: terms to add.

        Raises:
            ValueError: where there is no loss at all.
        """
        self.build(y_pred)
        self._is_called = True
        total: Value | None = None
        samples: Any = None
        for i, (true, pred, weight) in enumerate(
            zip(*(self._flat(x) for x in (y_true, y_pred, sample_weight)), strict=False)
        ):
            function, mean = self._functions[i], self._means[i]
            if function is None or true is None:
                continue
            true = _like(true, pred)
            samples = K.cast(K.shape(pred)[0], K.floatx()) if samples is None else samples
            if not getattr(function, "_sees_masks", False):  # which look at the mask themselves
                weight = masked(weight, pred)
            value = function(true, pred, sample_weight=weight)
            if mean is not None:
                mean.update_state(value, sample_weight=samples)
            if isinstance(self._factors[i], Value) or self._factors[i] != 1.0:
                value = value * self._factors[i]
            value = value if value.rank == 0 else K.mean(value)
            total = value if total is None else total + value
        for term in to_list(regularization_losses or []):
            term = term if term.rank == 0 else K.mean(term)
            total = term if total is None else total + term
        if total is None:
            raise ValueError(
                "There is no loss to compute: give compile() a loss, or add one by add_loss in call()."
            )
        if samples is None:
            self._total.update_state(total)
        else:
            self._total.update_state(total, sample_weight=samples)
        return total

    def reset_state(self) -> None:
        """Sets the means to their start."""
        for metric in self.metrics:
            metric.reset_states()


class CompiledMetrics(_ByOutput):
    """What compile(metrics=..., weighted_metrics=...) says, updated in a step.

    Args:
        metrics, weighted_metrics: as ``Model.compile`` takes them.
        loss: that of the same compile(), by which "accuracy" is chosen.
        names: names of the model's outputs, if it has some.
        its: the rules of the Keras that is followed.
    """

    def __init__(
        self, metrics: Any, weighted_metrics: Any, loss: CompiledLoss, names: Sequence[str] | None, its: Rules
    ) -> None:
        super().__init__(names)
        self._given = metrics, weighted_metrics
        self._loss, self._its = loss, its
        self._made: list[tuple[list[Any], list[Any]]] = []
        self._is_built = False

    @property
    def metrics(self) -> list[Any]:
        """The Metric objects, once they are known."""
        return [metric for plain, weighted in self._made for metric in [*plain, *weighted]]

    def build(self, y_true: Any, y_pred: Any) -> None:
        """Makes the metrics, "accuracy" by the shapes."""
        if self._is_built:
            return
        self._name(y_pred)
        names = self._names or []
        if any(self._given):
            self._loss.build(y_pred)
            chosen = [metrics_by_output(given, names, "metrics") for given in self._given]
            for i, (name, pred) in enumerate(zip(names, self._flat(y_pred), strict=True)):
                output = self._output(name, pred, i)
                with rules.following(self._its):
                    plain, weighted = (
                        [make_metric(x, output, self._its) for x in each[i]] for each in chosen
                    )
                self._made.append((plain, weighted))
                self._name_apart(name, plain, weighted)
        self._is_built = True

    def _output(self, name: str, pred: Value, i: int) -> Output:
        loss = self._loss.loss_of(i)
        return make_output(name, pred, None, loss if loss is not None else _no_loss, 1.0, None, None)

    def _name_apart(self, output: str, plain: Sequence[Any], weighted: Sequence[Any]) -> None:
        """Names the metrics of an output after it where there are several, and weighted ones apart."""
        prefix = f"{output}_" if len(self._names or ()) > 1 else ""
        for metric in [*plain, *weighted]:
            metric.name = f"{prefix}{metric.name.removeprefix(prefix)}"
        taken = {metric.name for metric in plain}
        for metric in weighted:
            metric.name = weighted_name(metric.name, taken, prefix)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Takes a batch into account; sample weights count for weighted_metrics alone."""
        self.build(y_true, y_pred)
        rows = zip(*(self._flat(x) for x in (y_true, y_pred, sample_weight)), self._made, strict=False)
        for true, pred, weight, (plain, weighted) in rows:
            if true is None:
                continue
            true = _like(true, pred)
            for metric in plain:
                _update(metric, true, pred, masked(None, pred))
            for metric in weighted:
                _update(metric, true, pred, masked(weight, pred))

    def reset_state(self) -> None:
        """Sets the metrics to their start."""
        for metric in self.metrics:
            metric.reset_states()


def masked(weight: Any, y_pred: Value) -> Any:
    """Sample weights with the mask of the prediction multiplied in."""
    return with_mask(weight, getattr(y_pred, "_keras_mask", None), y_pred)


def _update(metric: Any, y_true: Value, y_pred: Value, weight: Any) -> None:
    if weight is None:
        metric.update_state(y_true, y_pred)
    else:
        metric.update_state(y_true, y_pred, sample_weight=weight)


def _like(y_true: Any, y_pred: Value) -> Value:
    """Labels in the rank of predictions, and in their type where both are floats or both whole."""
    y_true = y_true if isinstance(y_true, Value) else K.constant(y_true)
    if y_true.rank == 1 and y_pred.rank == 2:
        y_true = K.expand_dims(y_true, -1)
    same_kind = (y_true.dtype.kind in "iu") == (y_pred.dtype.kind in "iu")
    return K.cast(y_true, K.dtype(y_pred)) if same_kind or y_true.dtype.kind == "b" else y_true


def _no_loss(y_true: Value, y_pred: Value) -> Value:
    raise NotImplementedError("There is no loss.")

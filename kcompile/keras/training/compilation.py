"""What compile() makes of a model: loss, metrics and regularisation as values over placeholders, and their
graphs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

import numpy as np

from ...ir import Graph, Names, Parameter, Value
from .. import backend as K
from .. import losses, registry, rules
from .. import metrics as metrics_module
from ..core.call_frames import call_frame
from ..core.layer import Layer
from ..core.network import Network
from ..core.node import static_shape
from ..rules import KERAS_2, Rules
from ..utils import losses_utils
from ..utils.generic_utils import check_for_unexpected_keys, to_list
from . import data_errors
from .arrays import ArraySpec

_ACCURACY = ("accuracy", "acc")
_CROSSENTROPY = ("crossentropy", "ce")
#: Losses whose labels are numbers of classes in place of the last axis of predictions.
_OF_CLASS_NUMBERS = (
    losses.sparse_categorical_crossentropy,
    losses.categorical_generalized_cross_entropy,
    losses.circle,
)


@dataclass
class Output:
    """One model output that has a loss.

    Attributes:
        name: name of the output.
        value: the prediction.
        mask: its mask, or None.
        loss: function (y_true, y_pred, sample_weight) -> scalar.
        loss_weight: factor of its loss in the total, perhaps a variable that changes while training.
        target: placeholder of the labels, or the tensor given as target.
        is_fed: whether the target is a placeholder that data is fed to.
        sample_weight: placeholder of the weights.
        mode: None, or "temporal" for one weight per timestep.
        metrics, weighted_metrics: Metric objects without and with sample weights.
        loss_metric: mean of the loss, reported where the model has several outputs.
    """

    name: str
    value: Value
    mask: Value | None
    loss: Callable[..., Value]
    loss_weight: float | Value
    target: Value
    is_fed: bool
    sample_weight: Value
    mode: str | None
    metrics: list[Any] = field(default_factory=list)
    weighted_metrics: list[Any] = field(default_factory=list)
    loss_metric: Any = None

    @property
    def target_shape(self) -> tuple[int | None, ...] | None:
        """Shape that labels must have; None where the loss does not say."""
        shape = static_shape(self.value)
        function = getattr(self.loss, "fn", self.loss)
        if shape is None:
            return None
        if self.is_sparse:
            if K.image_data_format() == "channels_first" and len(shape) in (4, 5):
                return (shape[0], 1, *shape[2:])
            return (*shape[:-1], 1)
        if function is losses.ctc:
            return (shape[0], None)
        is_keras_loss = getattr(losses, self.loss_name, None) is function
        return shape if is_keras_loss else None

    @property
    def loss_name(self) -> str:
        """The name of the loss's function, "" if it has none."""
        return getattr(getattr(self.loss, "fn", self.loss), "__name__", "")

    @property
    def is_sparse(self) -> bool:
        """Whether labels are numbers of classes."""
        function = getattr(self.loss, "fn", self.loss)
        return any(function is known for known in _OF_CLASS_NUMBERS)

    @cached_property
    def classes(self) -> int | None:
        """How many classes labels number; None where they do not, or the shape does not say."""
        shape = static_shape(self.value)
        if not self.is_sparse or not shape or _is_loss(self.loss, "circle"):  # whose outputs are no classes
            return None
        return shape[getattr(self.loss, "_fn_kwargs", {}).get("axis", -1)]

    @cached_property
    def ignored_class(self) -> int | None:
        """A label that the loss leaves out."""
        return getattr(self.loss, "_fn_kwargs", {}).get("ignore_class")


class Compiled:
    """Loss and metrics of a model, fixed at compile().

    Args:
        model: a built model.
        loss, metrics, loss_weights, sample_weight_mode, weighted_metrics, target_tensors: as
            ``Model.compile`` takes them.

    Attributes:
        rules: those that loss and metrics follow.
        outputs: the outputs that have a loss.
        trainable: weights to train, as they stand now.
        frozen: layers whose Phase nodes keep the inference branch in training (frozen BatchNormalization).
        metrics: all metric objects, in the order of ``metrics_names[1:]``.
        total_loss: the scalar to minimise, without sample weights.

    Raises:
        ValueError, TypeError: for unknown names, or lists and dicts that do not fit the outputs.
    """

    def __init__(
        self,
        model: Network,
        loss: Any,
        metrics: Any = None,
        loss_weights: Any = None,
        sample_weight_mode: Any = None,
        weighted_metrics: Any = None,
        target_tensors: Any = None,
    ) -> None:
        self.model = model
        self.rules = rules.in_force()
        functions = loss_functions(loss, model.output_names)
        weights = loss_factors(loss_weights, model.output_names)
        modes = _per_output(sample_weight_mode, model.output_names, "sample_weight_mode", broadcast=True)
        if isinstance(sample_weight_mode, Mapping) and len(sample_weight_mode) < len(modes):
            missing = [name for name in model.output_names if name not in sample_weight_mode]
            raise ValueError(f"The sample_weight_mode dictionary says nothing of the outputs {missing}.")
        targets = _per_output(target_tensors, model.output_names, "target_tensors")
        masks = [getattr(value, "_keras_mask", None) for value in model.outputs]
        self.outputs = [
            _make_output(name, value, mask, function, weight, target, mode)
            for name, value, mask, function, weight, target, mode in zip(
                model.output_names, model.outputs, masks, functions, weights, targets, modes, strict=True
            )
            if function is not None
        ]
        self.trainable: list[Parameter] = list(model.trainable_weights)
        self.frozen = frozen_layers(model)
        self.compile_metrics: list[Any] = []
        self._attach_metrics(metrics, "metrics")
        self._attach_metrics(weighted_metrics, "weighted_metrics")
        if len(model.outputs) > 1:
            for output in self.outputs:
                output.loss_metric = metrics_module.Mean(name=f"{output.name}_loss")
        self._result_keys: dict[int, list[str] | None] = {}
        self._variants: dict[bool, _Variant] = {}
        self.total_loss = self._variant(False).total_loss

    @property
    def weighted_loss(self) -> Value:
        """The scalar to minimise, with sample weights."""
        return self._variant(True).total_loss

    # --- metrics --------------------------------------------------------------------------------------------

    @property
    def metrics(self) -> list[Any]:
        """Everything reported beside the total loss, in order: output losses, compiled metrics, layers'
        metrics."""
        own = [output.loss_metric for output in self.outputs if output.loss_metric is not None]
        return own + self.compile_metrics + self._added_metrics()

    @property
    def metrics_names(self) -> list[str]:
        """Labels of what train_on_batch and evaluate return: "loss" and the names of the metrics."""
        return ["loss", *(name for metric in self.metrics for name in self._names_of(metric))]

    def _names_of(self, metric: Any) -> list[str]:
        """What a metric is reported under: its name, or the keys of the dict that its result is."""
        if id(metric) not in self._result_keys:
            with K.name_scope("metrics"), call_frame(kept=False):
                result = None if registry.defines(type(metric), "result") else metric.result()
            self._result_keys[id(metric)] = list(result) if isinstance(result, Mapping) else None
        keys = self._result_keys[id(metric)]
        return [metric.name] if keys is None else keys

    def _added_metrics(self) -> list[Any]:
        """Metrics that layers or the model added by add_metric."""
        found = [metric for layer in self.model._flat_layers for metric in layer._metrics]
        return list({id(metric): metric for metric in [*self.model._metrics, *found]}.values())

    def _attach_metrics(self, given: Any, what: str) -> None:
        chosen = _metrics_by_output(given, self.model.output_names, what)
        by_name = dict(zip(self.model.output_names, chosen, strict=True))
        for output in self.outputs:
            for identifier in by_name[output.name]:
                metric = make_metric(identifier, output, self.rules)
                metric.name = self._unique_name(
                    metric.name, output.name, many=len(self.model.output_names) > 1
                )
                getattr(output, what).append(metric)
        # reported output by output: metrics, then weighted metrics, as Keras does
        self.compile_metrics = [
            metric for output in self.outputs for metric in [*output.metrics, *output.weighted_metrics]
        ]

    def _unique_name(self, name: str, output_name: str, many: bool) -> str:
        if many and not (self.rules.metrics_name_outputs and name.startswith(f"{output_name}_")):
            name = f"{output_name}_{name}"  # which tf.keras writes into its files
        taken = {"loss", *(m.name for m in self.compile_metrics)}
        return Names(taken).unique(name)

    # --- values and graphs ----------------------------------------------------------------------------------

    def _variant(self, weighted: bool) -> _Variant:
        if weighted not in self._variants:
            self._variants[weighted] = self._emit(weighted)
        return self._variants[weighted]

    def _emit(self, weighted: bool) -> _Variant:
        """Loss and metric updates, with or without placeholders for sample weights."""
        total = None
        updates: list[tuple[Parameter, Value]] = []
        with K.name_scope("loss"), call_frame():
            for output in self.outputs:
                weight = output.sample_weight if weighted else None
                with K.name_scope(f"{output.name}_loss"):
                    if not getattr(output.loss, "_sees_masks", False):  # which look at the mask themselves
                        weight = _with_mask(weight, output)
                    value = output.loss(output.target, output.value, sample_weight=weight)
                if output.loss_metric is not None:
                    updates += self._loss_updates(output, value)
                if isinstance(output.loss_weight, Value) or output.loss_weight != 1.0:
                    value = value * output.loss_weight
                total = value if total is None else total + value
        extra = [
            loss() if callable(loss) and not isinstance(loss, Value) else loss for loss in self.model.losses
        ]
        if total is None and not extra:
            raise ValueError(
                f"The model {self.model.name} cannot be compiled because it has no loss to optimize: give "
                "compile() a loss, or add one with add_loss."
            )
        for loss in (K.constant(loss) if isinstance(loss, int | float) else loss for loss in extra):
            loss = K.mean(loss) if loss.rank != 0 else loss
            total = loss if total is None else total + loss
        total = total if total.rank == 0 else K.mean(total)
        with K.name_scope("metrics"), call_frame():
            for output in self.outputs:
                for metric in output.metrics:
                    weight = self._metric_weight(metric, None, output)
                    updates += metric_updates(metric, output.target, output.value, sample_weight=weight)
                for metric in output.weighted_metrics:
                    given = output.sample_weight if weighted else None
                    weight = self._metric_weight(metric, given, output)
                    updates += metric_updates(metric, output.target, output.value, sample_weight=weight)
            for metric, added in self._added_metric_values():
                updates += added if isinstance(added, list) else metric_updates(metric, added)
        return _Variant(total, list({(id(p), id(v)): (p, v) for p, v in updates}.values()))

    def _loss_updates(self, output: Output, value: Value) -> list[tuple[Parameter, Value]]:
        """The mean of an output's loss: over batches, as Keras 2.3 has it, or over samples, as later ones."""
        by_sample = self.rules.means_of_samples
        samples = K.cast(K.shape(output.value)[0], K.dtype(value)) if by_sample else None
        return metric_updates(
            output.loss_metric, K.mean(value) if value.rank else value, sample_weight=samples
        )

    def _metric_weight(self, metric: Any, weight: Value | None, output: Output) -> Value | None:
        """Sample weights of a metric with the output's mask, which Keras 3 looks at in means alone."""
        if self.rules.masks_in_means_alone and not isinstance(metric, metrics_module.MeanMetricWrapper):
            return weight
        return _with_mask(weight, output)

    def _added_metric_values(self) -> list[tuple[Any, Any]]:
        """(metric, value to take the mean of), or (metric, updates) where the metric itself was called."""
        model = self.model
        reported = {id(metric) for metric in self._added_metrics()}
        added = [
            entry
            for layer in [model, *model._flat_layers]
            for entry in layer.__dict__.get("_added_metrics", [])
        ]
        called = [entry for node in model._own_calls() for entry in node.metrics]
        found = {(id(metric), id(value)): (metric, value) for metric, value in [*added, *called]}
        return [entry for entry in found.values() if id(entry[0]) in reported]

    @cached_property
    def fed(self) -> list[Output]:
        """The outputs whose targets are fed."""
        return [output for output in self.outputs if output.is_fed]

    @cached_property
    def target_specs(self) -> list[ArraySpec]:
        """What the arrays for the targets must be."""
        return [
            ArraySpec(
                output.name,
                output.target_shape,
                output.target.dtype,
                partial(data_errors.target_advice, output),
            )
            for output in self.fed
        ]

    def step_inputs(self, weighted: bool) -> list[Value]:
        """What a step takes: the model's inputs, the targets, and the sample weights if weighted."""
        weights = [output.sample_weight for output in self.outputs if weighted]
        return [*self.model._feed_inputs, *(output.target for output in self.fed), *weights]

    def train_graph(self, weighted: bool, extra_updates: Iterable[tuple[Parameter, Value]] = ()) -> Graph:
        """Total loss, with the updates of layers and metrics, sliced for training."""
        variant = self._variant(weighted)
        updates = [*self.model.updates, *variant.updates, *extra_updates]
        return Graph([variant.total_loss], self.step_inputs(weighted), updates, "train", self.frozen)

    def test_graph(self, weighted: bool) -> Graph:
        """Total loss, with the updates of metrics and states, sliced for inference."""
        variant = self._variant(weighted)
        return Graph(
            [variant.total_loss],
            self.step_inputs(weighted),
            [*self.model.state_updates, *variant.updates],
            "inference",
        )

    def results_graph(self) -> Graph:
        """The present values of all metrics; reads their accumulators only."""
        results = []
        with K.name_scope("metrics"), call_frame():
            for metric in self.metrics:
                result = metric.result()
                values = list(result.values()) if isinstance(result, Mapping) else [result]
                results += [K.cast(value, K.floatx()) for value in values]
        return Graph(results)

    def constraints_graph(self) -> Graph | None:
        """Weights after their constraints; None if there are none."""
        updates = [
            (weight, weight.constraint(weight))
            for weight in self.trainable
            if getattr(weight, "constraint", None) is not None
        ]
        return Graph([], [], updates, "train") if updates else None


@dataclass
class _Variant:
    total_loss: Value
    updates: list[tuple[Parameter, Value]]


def metric_updates(metric: Any, *args: Any, **kwargs: Any) -> list[tuple[Parameter, Value]]:
    """The updates that one ``update_state`` call asks for, whether it returns them or adds them to itself."""
    if kwargs.get("sample_weight", 0) is None:
        kwargs.pop("sample_weight")
    with K.name_scope(metric.name), call_frame() as frame:
        returned = metric.update_state(*args, **kwargs)
    pairs = [pair for pair in to_list(returned) if isinstance(pair, tuple) and isinstance(pair[0], Parameter)]
    if isinstance(returned, tuple) and len(returned) == 2 and isinstance(returned[0], Parameter):
        pairs = [returned]
    return list({(id(p), id(v)): (p, v) for p, v in [*frame.updates, *pairs]}.values())


def _with_mask(weight: Value | None, output: Output) -> Value | None:
    """Sample weights with the mask of the output multiplied in."""
    if output.mask is None:
        return weight
    mask = K.cast(output.mask, K.dtype(output.value))
    if weight is None:
        return mask
    mask, _, weight = losses_utils.squeeze_or_expand_dimensions(mask, None, weight)
    return weight * mask


def _make_output(
    name: str, value: Value, mask: Value | None, loss: Callable, weight: Any, target: Any, mode: str | None
) -> Output:
    is_fed = target is None or K.is_placeholder(target)
    if target is None:
        rank = 2 if getattr(loss, "fn", loss) is losses.ctc else value.rank
        target = K.placeholder(ndim=rank, name=f"{name}_target", dtype=K.dtype(value))
    sample_weight = K.placeholder(ndim=2 if mode == "temporal" else 1, name=f"{name}_sample_weights")
    weight = weight if isinstance(weight, Value) else float(weight)
    return Output(name, value, mask, loss, weight, target, is_fed, sample_weight, mode)


def frozen_layers(model: Network) -> frozenset[Layer]:
    """Layers at any depth that do not train, by themselves or because a model around them does not."""
    frozen: set[Layer] = set()
    stack: list[tuple[Layer, bool]] = [(model, True)]
    while stack:
        layer, trainable = stack.pop()
        trainable = trainable and layer.trainable
        if not trainable:
            frozen.add(layer)
        stack.extend((inner, trainable) for inner in layer._layers)
    return frozenset(frozen)


# --- losses -------------------------------------------------------------------------------------------------


def loss_functions(loss: Any, output_names: Sequence[str]) -> list[Callable | None]:
    """One loss per output from a name, a function, a Loss, a list or a dict; None for an output without.

    Raises:
        ValueError: for an unknown name or output, or a list of another length.
    """
    if isinstance(loss, Mapping) and not {"class_name", "config"} <= set(loss):
        check_for_unexpected_keys("loss", loss, list(output_names))
        return [loss_function(loss.get(name)) for name in output_names]
    if isinstance(loss, list | tuple):
        if len(loss) != len(output_names):
            raise ValueError(
                "When passing a list as loss, it should have one entry per model output. The model has "
                f"{len(output_names)} outputs ({', '.join(output_names)}), but you passed loss={loss!r}."
            )
        return [loss_function(entry) for entry in loss]
    return [loss_function(loss) for _ in output_names]


def loss_function(loss: Any) -> Callable | None:
    """A Loss with Keras's reduction, from a name, a configuration or a function (y_true, y_pred)."""
    if loss is None or isinstance(loss, losses.Loss):
        return loss
    if callable(loss) and not hasattr(loss, "__name__"):
        return loss
    function = losses.get(loss)
    if isinstance(function, losses.Loss):
        return function
    return losses.LossFunctionWrapper(
        function, name=function.__name__, reduction=losses_utils.Reduction.SUM_OVER_BATCH_SIZE
    )


def _is_loss(loss: Any, name: str) -> bool:
    return getattr(loss, "fn", loss) is getattr(losses, name)


def loss_factors(loss_weights: Any, names: Sequence[str]) -> list[float]:
    """The factor of each output's loss in the total, 1 where none is given.

    Raises:
        ValueError, TypeError: for an unknown output, a list of another length, or anything else.
    """
    if loss_weights is None:
        return [1.0] * len(names)
    if isinstance(loss_weights, Mapping):
        check_for_unexpected_keys("loss_weights", loss_weights, list(names))
        return [loss_weights.get(name, 1.0) for name in names]
    if isinstance(loss_weights, list):
        if len(loss_weights) != len(names):
            raise ValueError(
                "When passing a list as loss_weights, it should have one entry per model output. The model "
                f"has {len(names)} outputs, but you passed loss_weights={loss_weights!r}."
            )
        return list(loss_weights)
    raise TypeError(
        f"Could not interpret loss_weights argument: {loss_weights!r} - expected a list or a dict."
    )


def _per_output(given: Any, names: Sequence[str], what: str, broadcast: bool = False) -> list[Any]:
    """One entry per output from a list, a dict by output name, or a single one."""
    if isinstance(given, Mapping):
        unknown = set(given) - set(names)
        if unknown:
            raise ValueError(
                f"Unknown entry in the {what} dictionary: {sorted(unknown)}. Only expected the following "
                f"keys: {list(names)}."
            )
        return [given.get(name) for name in names]
    if isinstance(given, list | tuple):
        if len(given) != len(names):
            raise ValueError(
                f"When passing a list as `{what}`, it should have one entry per model output. The model has "
                f"{len(names)} outputs, but you passed {what}={given!r}."
            )
        return list(given)
    if given is None or broadcast:
        return [given] * len(names)
    if not isinstance(given, Value | np.ndarray):
        raise TypeError(f"Expected `{what}` to be a list or dict or a single tensor, but got: {given!r}.")
    if len(names) != 1:
        raise ValueError(
            f"The model has {len(names)} outputs, but you passed a single tensor as `{what}`. "
            "Expected a list or a dict of tensors."
        )
    return [given]


# --- metrics ------------------------------------------------------------------------------------------------


def _metrics_by_output(given: Any, names: Sequence[str], what: str) -> list[list[Any]]:
    """Lists of metric identifiers, one list per output."""
    if not given:
        return [[] for _ in names]
    if isinstance(given, Mapping):
        check_for_unexpected_keys(what, given, list(names))
        return [to_list(given.get(name, [])) for name in names]
    if not isinstance(given, list | tuple):
        raise TypeError(
            f"Type of `{what}` argument not understood. Expected a list or dictionary, found: {given!r}."
        )
    if any(isinstance(entry, list) for entry in given):
        if len(given) != len(names):
            raise ValueError(
                f"When passing a list of lists as `{what}`, it should have one entry per model output. The "
                f"model has {len(names)} outputs, but you passed {what}={given!r}."
            )
        return [to_list(entry) for entry in given]
    if len(names) == 1:
        return [list(given)]
    return [[metrics_module.clone_metric(metric) for metric in given] for _ in names]


def make_metric(identifier: Any, output: Output, its: Rules = KERAS_2) -> Any:
    """A Metric object from a name, a function or a Metric; "accuracy" and "crossentropy" choose by loss and
    shape, later versions by shape alone."""
    chosen = metrics_module.get(_specific(identifier, output, its))
    if isinstance(chosen, metrics_module.Metric):
        if isinstance(identifier, str):  # the name of a class
            chosen.name = identifier
        return chosen
    if isinstance(identifier, str):
        name = identifier
    else:
        name = getattr(chosen, "name", None) or getattr(chosen, "__name__", type(chosen).__name__)
    return metrics_module.MeanMetricWrapper(chosen, name=name)


def _specific(identifier: Any, output: Output, its: Rules) -> Any:
    if not isinstance(identifier, str) or identifier not in _ACCURACY + _CROSSENTROPY:
        return identifier
    ending = "accuracy" if identifier in _ACCURACY else "crossentropy"
    by_loss = not its.accuracy_by_shape and _is_loss(output.loss, "binary_crossentropy")
    if static_shape(output.value)[-1] == 1 or by_loss:
        return getattr(metrics_module, f"binary_{ending}")
    if _is_loss(output.loss, "sparse_categorical_crossentropy"):
        return getattr(metrics_module, f"sparse_categorical_{ending}")
    return getattr(metrics_module, f"categorical_{ending}")

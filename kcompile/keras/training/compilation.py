"""What compile() makes of a model: loss, metrics and regularisation as values over placeholders, and their
graphs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ...ir import Graph, Names, Parameter, Value, emitting
from .. import backend as K
from .. import metrics as metrics_module
from .. import registry, rules
from ..core.call_frames import call_frame
from ..core.layer import Layer
from ..core.network import Network
from ..utils import losses_utils
from ..utils.generic_utils import to_list
from .arrays import ArraySpec
from .compile_arguments import loss_factors, loss_functions, make_metric, metrics_by_output, per_output
from .outputs import Output, Weighting, make_output


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
        modes = per_output(sample_weight_mode, model.output_names, "sample_weight_mode", broadcast=True)
        if isinstance(sample_weight_mode, Mapping) and len(sample_weight_mode) < len(modes):
            missing = [name for name in model.output_names if name not in sample_weight_mode]
            raise ValueError(f"The sample_weight_mode dictionary says nothing of the outputs {missing}.")
        targets = per_output(target_tensors, model.output_names, "target_tensors")
        masks = [getattr(value, "_keras_mask", None) for value in model.outputs]
        self.outputs = [
            make_output(name, value, mask, function, weight, target, mode)
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
        self._variants: dict[Weighting, _Variant] = {}
        self._weights: dict[Weighting, list[Value]] = {}
        self.total_loss = self._variant(False).total_loss

    @property
    def weighted_loss(self) -> Value:
        """The scalar to minimise, with sample weights."""
        return self._variant(True).total_loss

    # --- metrics --------------------------------------------------------------------------------------------

    @cached_property
    def metrics(self) -> list[Any]:
        """Everything reported beside the total loss, in order: output losses, compiled metrics, layers'
        metrics."""
        own = [output.loss_metric for output in self.outputs if output.loss_metric is not None]
        return own + self.compile_metrics + self.added_metrics

    @property
    def metrics_names(self) -> list[str]:
        """Labels of what train_on_batch and evaluate return: "loss" and the names of the metrics."""
        return ["loss", *(name for metric in self.metrics for name in self._names_of(metric))]

    def _names_of(self, metric: Any) -> list[str]:
        """What a metric is reported under: its name, or the keys of the dict that its result is."""
        if id(metric) not in self._result_keys:
            with K.name_scope("metrics"), call_frame(kept=False), emitting(symbolic=True):
                result = None if registry.defines(type(metric), "result") else metric.result()
            self._result_keys[id(metric)] = list(result) if isinstance(result, Mapping) else None
        keys = self._result_keys[id(metric)]
        return [metric.name] if keys is None else keys

    @cached_property
    def added_metrics(self) -> list[Any]:
        """Metrics that layers or the model had added by add_metric at compile()."""
        found = [metric for layer in self.model._flat_layers for metric in layer._metrics]
        return list({id(metric): metric for metric in [*self.model._metrics, *found]}.values())

    def _attach_metrics(self, given: Any, what: str) -> None:
        chosen = metrics_by_output(given, self.model.output_names, what)
        by_name = dict(zip(self.model.output_names, chosen, strict=True))
        for output in self.outputs:
            for identifier in by_name[output.name]:
                metric = make_metric(identifier, output, self.rules)
                metric.name = self._unique_name(metric.name, output.name, what)
                getattr(output, what).append(metric)
        # reported output by output: metrics, then weighted metrics, as Keras does
        self.compile_metrics = [
            metric for output in self.outputs for metric in [*output.metrics, *output.weighted_metrics]
        ]

    def _unique_name(self, name: str, output_name: str, what: str) -> str:
        many = len(self.model.output_names) > 1
        if many and not (self.rules.metrics_name_outputs and name.startswith(f"{output_name}_")):
            name = f"{output_name}_{name}"  # which tf.keras writes into its files
        taken = {"loss", *(m.name for m in self.compile_metrics)}
        if self.rules.says_weighted and what == "weighted_metrics":
            name = weighted_name(name, taken, f"{output_name}_" if many else "")
        return Names(taken).unique(name)

    # --- values and graphs ----------------------------------------------------------------------------------

    def _variant(self, weighted: Weighting) -> _Variant:
        if weighted not in self._variants:
            self._variants[weighted] = self._emit(weighted)
        return self._variants[weighted]

    def _emit(self, weighted: Weighting) -> _Variant:
        """Loss and metric updates, with or without placeholders for sample weights."""
        weights = dict(zip([output.name for output in self.outputs], self.weights(weighted), strict=False))
        total, updates = self._emit_losses(weights)
        total = self._with_added_losses(total)
        with K.name_scope("metrics"), call_frame(), emitting(symbolic=True):
            for output in self.outputs:
                for metric in output.metrics:
                    weight = self._metric_weight(metric, None, output)
                    updates += metric_updates(metric, output.target, output.value, sample_weight=weight)
                for metric in output.weighted_metrics:
                    weight = self._metric_weight(metric, weights.get(output.name), output)
                    updates += metric_updates(metric, output.target, output.value, sample_weight=weight)
            for metric, added in self._added_metric_values():
                updates += added if isinstance(added, list) else metric_updates(metric, added)
        return _Variant(total, list({(id(p), id(v)): (p, v) for p, v in updates}.values()))

    def _emit_losses(
        self, weights: Mapping[str, Value]
    ) -> tuple[Value | None, list[tuple[Parameter, Value]]]:
        """The sum of the outputs' losses, None without any, and what their means are updated by."""
        total: Value | None = None
        updates: list[tuple[Parameter, Value]] = []
        with K.name_scope("loss"), call_frame(), emitting(symbolic=True):
            for output in self.outputs:
                weight = weights.get(output.name)
                with K.name_scope(f"{output.name}_loss"):
                    if not getattr(output.loss, "_sees_masks", False):  # which look at the mask themselves
                        weight = _with_mask(weight, output)
                    value = output.loss(output.target, output.value, sample_weight=weight)
                if output.loss_metric is not None:
                    updates += self._loss_updates(output, value)
                if isinstance(output.loss_weight, Value) or output.loss_weight != 1.0:
                    value = value * output.loss_weight
                total = value if total is None else total + value
        return total, updates

    def _with_added_losses(self, total: Value | None) -> Value:
        """The loss with those that layers and users added, a scalar."""
        extra = [
            loss() if callable(loss) and not isinstance(loss, Value) else loss for loss in self.model.losses
        ]
        if total is None and not extra and self.rules.compiles_without_loss:
            total = K.constant(0.0)
        if total is None and not extra:
            raise ValueError(
                f"The model {self.model.name} cannot be compiled because it has no loss to optimize: give "
                "compile() a loss, or add one with add_loss."
            )
        for loss in (K.constant(loss) if isinstance(loss, int | float) else loss for loss in extra):
            loss = K.mean(loss) if loss.rank != 0 else loss
            total = loss if total is None else total + loss
        assert total is not None  # there was a loss, or one of those added
        return total if total.rank == 0 else K.mean(total)

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
        reported = {id(metric) for metric in self.added_metrics}
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
        return [output.target_spec for output in self.fed]

    def weights(self, weighted: Weighting) -> list[Value]:
        """The placeholders of the sample weights of each output; none where there are no weights."""
        if weighted not in self._weights:
            forms = weighted if isinstance(weighted, tuple) else [None] * len(self.outputs) * weighted
            self._weights[weighted] = [
                output.weights(form) for output, form in zip(self.outputs, forms, strict=False)
            ]
        return self._weights[weighted]

    def step_inputs(self, weighted: Weighting) -> list[Value]:
        """What a step takes: the model's inputs, the targets, and the sample weights if weighted."""
        targets = [output.target for output in self.fed]
        return [*self.model._graph_inputs, *targets, *self.weights(weighted)]

    def train_graph(
        self, weighted: Weighting, extra_updates: Iterable[tuple[Parameter, Value]] = ()
    ) -> Graph:
        """Total loss, with the updates of layers and metrics, sliced for training."""
        variant = self._variant(weighted)
        updates = [*self.model.updates, *variant.updates, *extra_updates]
        return Graph([variant.total_loss], self.step_inputs(weighted), updates, "train", self.frozen)

    def test_graph(self, weighted: Weighting) -> Graph:
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
        with K.name_scope("metrics"), call_frame(), emitting(symbolic=True):
            for metric in self.metrics:
                result = metric.result()
                values = list(result.values()) if isinstance(result, Mapping) else [result]
                results += [K.cast(value, K.floatx()) for value in values]
        return Graph(results)

    def constraints_graph(self) -> Graph | None:
        """Weights after their constraints; None if there are none."""
        with emitting(symbolic=True):
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
    with K.name_scope(metric.name), call_frame() as frame, emitting(symbolic=True):
        returned = metric.update_state(*args, **kwargs)
    pairs = [pair for pair in to_list(returned) if isinstance(pair, tuple) and isinstance(pair[0], Parameter)]
    if isinstance(returned, tuple) and len(returned) == 2 and isinstance(returned[0], Parameter):
        pairs = [returned]
    return list({(id(p), id(v)): (p, v) for p, v in [*frame.updates, *pairs]}.values())


def weighted_name(name: str, taken: Iterable[str], prefix: str = "") -> str:
    """The name of a weighted metric beside others: ``weighted_...`` where one has its name."""
    return f"{prefix}weighted_{name.removeprefix(prefix)}" if name in taken else name


def _with_mask(weight: Value | None, output: Output) -> Value | None:
    """Sample weights with the mask of the output multiplied in."""
    return with_mask(weight, output.mask, output.value)


def with_mask(weight: Value | None, mask: Value | None, prediction: Value) -> Value | None:
    """Sample weights with a mask multiplied in, in the type of the prediction."""
    if mask is None:
        return weight
    mask = K.cast(mask, K.dtype(prediction))
    if weight is None:
        return mask
    mask, _, weight = losses_utils.squeeze_or_expand_dimensions(mask, None, weight)
    return weight * mask


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

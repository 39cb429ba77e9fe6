"""Networks whose steps a subclass may write: ``train_step`` and what it is made of, as in tf.keras and
Keras 3."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

from ...ir import NotInGraphError, NoTruthError, Value
from .. import registry
from ..core.layer import Layer
from ..dtype_policies import global_policy
from ..optimizers.loss_scale import keep_small_gradients
from ..utils.generic_utils import unpack_singleton
from ..utils.nested import leaves
from ..utils.sequences import unpack_x_y_sample_weight
from .compiled_losses import CompiledLoss, CompiledMetrics
from .deferred_network import DeferredNetwork
from .nested_data import nested_inputs
from .own_steps import LastLogs, OwnSteps

_OF_LOSSES = ("compute_loss", "compute_metrics", "get_metrics_result")
_OF_TRAINING = ("train_step", "test_step", "make_train_function", "make_test_function", *_OF_LOSSES)
_OF_PREDICTION = ("predict_step", "make_predict_function")


class SteppingNetwork(DeferredNetwork):
    """A compiled network that trains, evaluates and predicts by its own methods where a subclass overrides
    them.

    Attributes:
        run_eagerly: whether steps run operator by operator.
        compiled_loss, compiled_metrics: the loss and the metrics of compile() as functions of tensors.
    """

    run_eagerly = False
    _computes_by_python = False

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """As before; ``run_eagerly=True`` runs each step operator by operator."""
        self.run_eagerly, self._computes_by_python = bool(kwargs.get("run_eagerly")), False
        for layer in self._flat_layers if self.layers else ():
            layer._losses_at_once = []
        self._losses_at_once = []
        super().compile(*args, **kwargs)
        for made in ("compiled_loss", "compiled_metrics", "_made_steps"):
            self.__dict__.pop(made, None)
        if self._writes_steps:
            self._compiled_steps = self._own_steps
            policies = [global_policy(), *(layer.dtype_policy for layer in self._flat_layers)]
            if any(policy.precision == "float16" for policy in policies):
                keep_small_gradients(self.optimizer)

    compile.__signature__ = inspect.signature(DeferredNetwork.compile)  # type: ignore[attr-defined]

    def _finish_compile(self) -> None:
        if self._writes_steps:
            return
        try:
            super()._finish_compile()
        except (NotInGraphError, NoTruthError):
            if not self._compile_rules.steps_by_python:
                raise
            # a step that is traced says where, and computes so
            self._compiled_network, self._computes_by_python = None, True
            self._compiled_steps = self._own_steps

    @property
    def _may_compute_by_python(self) -> bool:
        """Whether compile() was given functions of the user's, which only Python may be able to compute."""
        if not self._compile_rules.steps_by_python:
            return False
        given = self.loss, self._compile_argument("metrics"), self._compile_argument("weighted_metrics")
        said = [x for x in leaves(given) if callable(x)]
        return not all(registry.is_built_in(x) or registry.is_built_in(type(x)) for x in said)

    # --- whose steps --------------------------------------------------------------------------------------

    def _overrides_step(self, *methods: str) -> bool:
        """Whether a subclass, or this very model, has one of these methods of its own."""
        for name in methods:
            found = vars(self).get(name) or getattr(type(self), name)
            own = found is not getattr(SteppingNetwork, name) and callable(found)
            if own and not isinstance(found, Layer):
                return True
        return False

    @property
    def _writes_steps(self) -> bool:
        """Whether training and evaluation go by methods of the model."""
        by_steps = self.run_eagerly or self._computes_by_python
        return by_steps or self._overrides_step(*_OF_TRAINING)

    @property
    def _writes_prediction(self) -> bool:
        return self._overrides_step(*_OF_PREDICTION)

    @property
    def _own_steps(self) -> OwnSteps:
        """The steps since the last compile()."""
        made = self.__dict__.get("_made_steps")
        if made is None:
            made = OwnSteps(self, self.run_eagerly, self._step_devices)
            object.__setattr__(self, "_made_steps", made)
        return made

    # --- steps --------------------------------------------------------------------------------------------

    def train_step(self, data: Any) -> dict[str, Any]:
        """One update on a batch.

        Args:
            data: x, (x, y) or (x, y, sample_weight) as fit() was given them, of any nesting.

        Returns:
            name -> number, as the logs of fit() have them.
        """
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        y_pred = self(x, training=True)
        loss = self._computed_loss(x, y, y_pred, sample_weight, training=True)
        self.optimizer.minimize(loss, self.trainable_weights)
        return self.compute_metrics(x, y, y_pred, sample_weight)

    def test_step(self, data: Any) -> dict[str, Any]:
        """Loss and metrics of a batch in test mode; arguments and result as those of ``train_step``."""
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        y_pred = self(x, training=False)
        self._computed_loss(x, y, y_pred, sample_weight, training=False)
        return self.compute_metrics(x, y, y_pred, sample_weight)

    def predict_step(self, data: Any) -> Any:
        """Outputs for a batch in test mode."""
        return self(unpack_x_y_sample_weight(data)[0], training=False)

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: Any = True,
    ) -> Value:
        """The total loss of a batch: that of compile(), and what layers added."""
        return self.compiled_loss(y, y_pred, sample_weight, regularization_losses=self.losses)

    def _computed_loss(self, x: Any, y: Any, y_pred: Any, sample_weight: Any, training: bool) -> Value:
        """``compute_loss`` as a subclass may have it, of tf.keras or of Keras 3."""
        takes = self.compute_loss.__code__.co_varnames[: self.compute_loss.__code__.co_argcount]
        phase = {"training": training} if "training" in takes else {}
        return self.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, **phase)

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> dict[str, Any]:
        """Takes a batch into account in the metrics of compile(); returns all results."""
        self.compiled_metrics.update_state(y, y_pred, sample_weight)
        return self.get_metrics_result()

    def get_metrics_result(self) -> dict[str, Any]:
        """Name -> present value of each of ``metrics``."""
        found: dict[str, Any] = {}
        for metric in self.metrics:
            result = metric.result()
            found.update(result if isinstance(result, Mapping) else {metric.name: result})
        return found

    def make_train_function(self, force: bool = False) -> Callable[[Any], Any]:
        """A function that trains on the next batch of an iterator."""
        return lambda iterator: self.train_step(next(iterator))

    def make_test_function(self, force: bool = False) -> Callable[[Any], Any]:
        """A function that evaluates the next batch of an iterator."""
        return lambda iterator: self.test_step(next(iterator))

    def make_predict_function(self, force: bool = False) -> Callable[[Any], Any]:
        """A function that predicts for the next batch of an iterator."""
        return lambda iterator: self.predict_step(next(iterator))

    # --- loss and metrics ---------------------------------------------------------------------------------

    @cached_property
    def compiled_loss(self) -> CompiledLoss:
        """What compile(loss=...) says, as a function (y_true, y_pred, sample_weight)."""
        names = self.output_names if self.outputs else None
        return CompiledLoss(self.loss, self.loss_weights, names, self._compile_rules)

    @cached_property
    def compiled_metrics(self) -> CompiledMetrics:
        """What compile(metrics=...) says."""
        names = self.output_names if self.outputs else None
        given = self._compile_argument("metrics"), self._compile_argument("weighted_metrics")
        return CompiledMetrics(*given, self.compiled_loss, names, self._compile_rules)

    @property
    def metrics(self) -> list[Any]:
        """Metric objects of compile() and add_metric(), and those set as attributes; where a model has steps
        of its own, the mean loss before them."""
        if not self._writes_steps:
            return super().metrics
        compiled = (
            [] if self.optimizer is None else [*self.compiled_loss.metrics, *self.compiled_metrics.metrics]
        )
        added = [metric for layer in (self, *self._flat_layers) for metric in layer._metrics]
        return list({id(metric): metric for metric in [*compiled, *added]}.values())

    @property
    def metrics_names(self) -> list[str]:
        """Labels of what evaluate and train_on_batch return."""
        if not self._writes_steps:
            return super().metrics_names
        return [metric.name for metric in self.metrics]

    def reset_metrics(self) -> None:
        """Sets all metrics to their start."""
        if not self._writes_steps:
            super().reset_metrics()
            return
        for metric in self.metrics:
            metric.reset_states()

    # --- data ---------------------------------------------------------------------------------------------

    def _on_own_batch(
        self,
        mode: str,
        x: Any,
        y: Any,
        sample_weight: Any,
        class_weight: Any,
        reset_metrics: bool,
        return_dict: bool,
    ) -> Any:
        """train_on_batch and test_on_batch by the model's own step."""
        batch = nested_inputs(x, y, sample_weight, class_weight)
        steps, logs = self._own_steps, LastLogs()
        with steps.alone():
            if reset_metrics:
                self.reset_metrics()
            logs.add(steps.run(mode, batch.weighted, batch.arrays), batch.samples)
            found = logs.latest()
        return dict(found) if return_dict else unpack_singleton(list(found.values()))


registry.register(globals())

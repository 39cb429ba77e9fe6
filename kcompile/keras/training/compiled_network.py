"""What compile() adds to a network: optimizer, loss and metrics, and what programs read of them."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...ir import OperatorError, Value
from .. import backend as K
from .. import optimizers, registry, rules
from ..backend.execution import CompiledGraph
from ..core.network import Network
from ..core.node import static_shape
from ..optimizers.loss_scale import keep_small_gradients
from ..utils.generic_utils import did_you_mean
from ..utils.launch import devices_to_spread_over
from .compilation import Compiled
from .prediction import Predictor
from .step_inputs import batch_size_of, check_divisible, checked_inputs, checked_step_inputs
from .steps import Steps
from .symbolic_data import computed

_KEPT = {"optimizer", "loss", "loss_weights", "history", "sample_weight_mode", "total_loss"}


def _of_each(attribute: str, doc: str) -> Any:
    """A property: what the model's outputs have as an attribute, None for those without a loss."""

    def read(self: CompiledNetwork) -> list[Any]:
        by_name = {output.name: output for output in self._compiled_view().outputs}
        return [getattr(by_name.get(name), attribute, None) for name in self.output_names]

    return property(read, doc=doc)


def _of_fed(attribute: str, doc: str) -> Any:
    """A property: an attribute of the outputs whose targets are fed."""
    return property(
        lambda self: [getattr(output, attribute) for output in self._compiled_view().fed], doc=doc
    )


class CompiledNetwork(Network):
    """A network with an optimizer, a loss and metrics.

    Attributes:
        optimizer: the optimizer, once compiled.
        loss, loss_weights, sample_weight_mode: as compile() was given them, once compiled.
        stop_training: set it to True in a callback to end fit.
        history: the History of the last fit.
        train_function, test_function, predict_function: None, or a function of the list of inputs, targets
            and sample weights (of inputs alone to predict), which may end with a number for the learning
            phase. It returns the list of the loss and the metrics (of the outputs).
            ``_make_train_function()`` and its like make them. A function that is put in the place of the
            first two is what batches are trained and evaluated with; None has them made anew.
    """

    _step_devices: Sequence[str] = ()
    run_eagerly = False
    steps_per_execution = 1
    jit_compile: bool | str | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.optimizer: Any = None
        self.stop_training = False
        self.history: Any = None
        self._compiled_network: Compiled | None = None
        self._compile_arguments: dict[str, Any] = {}
        self._compile_rules = rules.KERAS_2
        self._compiled_steps: Any = None  # until it is compiled
        self._kept_predictor: Predictor | None = None
        self._fit_state: Any = None
        self.predict_function: Any = None

    def _tracks_name(self, name: str) -> bool:
        own = name in _KEPT or name.startswith(("_compile", "_kept_predictor", "_fit_state"))
        return not own and super()._tracks_name(name)

    # --- compile --------------------------------------------------------------------------------------------

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        metrics: Any = None,
        loss_weights: Any = None,
        sample_weight_mode: Any = None,
        weighted_metrics: Any = None,
        target_tensors: Any = None,
        run_eagerly: bool | None = None,
        steps_per_execution: int | str | None = None,
        jit_compile: bool | str | None = None,
        **kwargs: Any,
    ) -> None:
        """Fixes how the model trains; which weights are trainable is read now.

        Args:
            optimizer: name, configuration or Optimizer.
            loss: name, function (y_true, y_pred) or Loss; a list or a dict by output name for several
                outputs.
            metrics: list of names, functions or Metrics; "accuracy" chooses by loss and output shape.
            loss_weights: list or dict of factors for the losses of several outputs.
            sample_weight_mode: "temporal" for weights per timestep; list or dict for several outputs.
            weighted_metrics: like metrics, but weighted by sample_weight and class_weight.
            target_tensors: tensors to use as targets instead of fed data.
            run_eagerly: whether steps run operator by operator; see ``SteppingNetwork``.
            steps_per_execution: batches that fit trains on between two calls of callbacks, and takes out of
                arrays together (default 1; "auto" is 16). More than one: the kernels of a step are written
                down when it first runs, which takes some tenths of a second, and run without autograd.
            jit_compile: kept as an attribute; a step is compiled to one graph in any case, and needs no XLA.
            **kwargs: ``auto_scale_loss``, ``pss_evaluation_shards`` of later Keras, ``options`` and
                ``run_metadata`` of Keras 2 are accepted and change nothing.

        Raises:
            ValueError, TypeError: for unknown names, or lists and dicts that do not fit the outputs.
        """
        _check_compile_kwargs(kwargs)
        self.run_eagerly, self.jit_compile = bool(run_eagerly), jit_compile
        self.steps_per_execution = _steps_together(steps_per_execution)
        self._step_devices = devices_to_spread_over() or self._step_devices
        self._compile_rules = rules.of_dialect(self)
        with rules.following(self._compile_rules):
            self.optimizer = optimizers.get(optimizer)
        if self.compute_dtype == "float16" != self.variable_dtype:
            keep_small_gradients(self.optimizer)
        self.loss, self.loss_weights, self.sample_weight_mode = loss, loss_weights, sample_weight_mode
        self._compile_arguments = {
            "metrics": metrics,
            "loss_weights": loss_weights,
            "sample_weight_mode": sample_weight_mode,
            "weighted_metrics": weighted_metrics,
            "target_tensors": target_tensors,
        }
        self._compiled_network = self.predict_function = None
        self._compiled_steps = None
        if self.built and self.outputs:
            self._finish_compile()

    def _finish_compile(self) -> None:
        """Emits loss and metrics, once inputs and outputs are known."""
        if self._inference_only():
            return
        with rules.following(self._compile_rules):
            self._compiled_network = Compiled(self, self.loss, **self._compile_arguments)
        self._compiled_steps = Steps(
            self._compiled_network, self.optimizer, self._step_devices, self.steps_per_execution
        )

    def uncompile(self) -> None:
        """Takes back what compile() did."""
        self.optimizer = None
        for name in ("loss", "loss_weights", "sample_weight_mode"):
            self.__dict__.pop(name, None)
        self._compile_arguments, self._compile_rules = {}, rules.KERAS_2
        self._compiled_network = self.predict_function = None
        self._compiled_steps = None

    @property
    def _is_compiled(self) -> bool:
        return self.optimizer is not None

    def _require_compiled(self) -> Compiled:
        if not self._is_compiled:
            raise RuntimeError(
                "You must compile your model before training/testing. Use `model.compile(optimizer, loss)`."
            )
        if self._compiled_network is None and (layers := self._inference_only()):
            name, operators = next(iter(layers.items()))
            raise OperatorError(
                f"The model {self.name} cannot be trained or evaluated: in its layer {name!r} only "
                f"onnxruntime computes {', '.join(operators)}. predict and export work; to train, take the "
                "model as it was before it was quantized, optimized or converted for onnxruntime."
            )
        if self._compiled_network is None:
            raise RuntimeError(f"The model {self.name} is not built yet: its input shape is not known.")
        return self._compiled_network

    def _inference_only(self) -> dict[str, list[str]]:
        """By layer the operators that only onnxruntime computes (see ``ONNXGraph.inference_only``)."""
        found = {layer.name: getattr(layer, "inference_only", None) for layer in self._flat_layers}
        return {name: operators for name, operators in found.items() if operators}

    def _check_trainable_weights_consistency(self) -> None:
        compiled = self._compiled_network
        if compiled is not None and len(self.trainable_weights) != len(compiled.trainable):
            warnings.warn(
                "Discrepancy between trainable weights and collected trainable weights: did you set "
                "`model.trainable` without calling `model.compile` after?",
                stacklevel=3,
            )

    # --- loss and metrics -----------------------------------------------------------------------------------

    @property
    def total_loss(self) -> Value:
        """The scalar that training minimises; it reads inputs, targets and sample weights."""
        return self._compiled_view().weighted_loss

    @property
    def metrics(self) -> list[Any]:
        """Metric objects of compile() and add_metric()."""
        if self._compiled_network is None:
            return super().metrics
        return self._compiled_network.compile_metrics + self._compiled_network.added_metrics

    @property
    def metrics_names(self) -> list[str]:
        """Labels of what evaluate and train_on_batch return."""
        return ["loss"] if self._compiled_network is None else self._compiled_network.metrics_names

    def reset_metrics(self) -> None:
        """Sets all metrics to their start."""
        for metric in self._get_training_eval_metrics():
            metric.reset_states()

    def _get_training_eval_metrics(self) -> list[Any]:
        """All metric objects whose values training and evaluation report, beside the total loss."""
        return [] if self._compiled_network is None else self._compiled_network.metrics

    @property
    def _compile_metrics(self) -> list[Any]:
        """The metrics as compile() was given them."""
        return self._compile_argument("metrics") or []

    @property
    def _compile_weighted_metrics(self) -> Any:
        """The weighted metrics as compile() was given them."""
        return self._compile_argument("weighted_metrics")

    def _compile_argument(self, argument: str) -> Any:
        if not self._is_compiled:
            raise AttributeError(f"The model {self.name} is not compiled.")
        return self._compile_arguments[argument]

    @property
    def _trained_weights(self) -> list[Any]:
        """The weights that are trained: those that compile() found, or by a step of the model's own all."""
        return self.trainable_weights if self._compiled_network is None else self._compiled_network.trainable

    @property
    def _collected_trainable_weights(self) -> list[Any]:
        """The weights that compile() found trainable."""
        return list(self._compiled_view().trainable)

    # --- outputs, as Keras names what it keeps of them ------------------------------------------------------

    def _compiled_view(self) -> Compiled:
        """What compile() made, for attributes that a model has only then."""
        try:
            return self._require_compiled()
        except RuntimeError as error:
            raise AttributeError(str(error)) from error

    loss_functions = _of_each("loss", "The loss of each output; None where there is none.")
    targets = _of_each("target", "The placeholder of each output's labels, or the tensor given as target.")
    sample_weights = _of_each("sample_weight", "The placeholder of the sample weights of each output.")
    sample_weight_modes = _of_each("mode", 'None or "temporal" for each output.')
    _feed_targets = _of_fed("target", "The placeholders that targets are fed to.")
    _feed_outputs = _of_fed("value", "The outputs whose targets are fed.")
    _feed_output_names = _of_fed("name", "Their names.")
    _feed_output_shapes = _of_fed("shape", "Their shapes, None for open axes.")
    _feed_loss_fns = _of_fed("loss", "Their losses.")

    @property
    def loss_weights_list(self) -> list[Any]:
        """The factor of each output's loss."""
        by_name: dict[str, Any] = {
            output.name: output.loss_weight for output in self._compiled_view().outputs
        }
        return [by_name.get(name, 1.0) for name in self.output_names]

    @property
    def skip_target_indices(self) -> list[int]:
        """Which outputs have no loss."""
        return [i for i, loss in enumerate(self.loss_functions) if loss is None]

    @property
    def _feed_sample_weights(self) -> list[Value]:
        """The placeholders that sample weights are fed to."""
        return [output.sample_weight for output in self._compiled_view().outputs]

    @property
    def _feed_sample_weight_modes(self) -> list[str | None]:
        """Their modes."""
        return [output.mode for output in self._compiled_view().outputs]

    @property
    def _feed_input_shapes(self) -> list[Any]:
        """The shapes of the inputs that data is fed to, None for open axes."""
        return [static_shape(value) for value in self._feed_inputs]

    def _uses_dynamic_learning_phase(self) -> bool:
        """Whether functions of the model take the learning phase as well."""
        return self.uses_learning_phase and not isinstance(K.learning_phase(), int)

    def _standardize_user_data(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: Any = None,
        check_array_lengths: bool = True,
        batch_size: int | None = None,
    ) -> tuple[list[Any], list[Any], list[Any]]:
        """Data as ``_feed_inputs``, ``_feed_targets`` and ``_feed_sample_weights`` take it.

        Args: as for ``Model.fit``; check_array_lengths is accepted, lengths are always compared.

        Returns:
            lists of arrays: inputs, targets and sample weights, the last two empty without y.

        Raises:
            ValueError: if shapes, names or counts do not fit the model.
        """
        x, y, sample_weight = computed(x, y, sample_weight)
        if y is None and not (self._is_compiled and self._compiled_network and not self._feed_targets):
            return checked_inputs(self, x), [], []
        found = checked_step_inputs(self, x, y, sample_weight, class_weight, always_weighted=True)
        if batch_size:
            check_divisible(self, found.samples, batch_size)
        inputs, targets = len(self._graph_inputs), len(self._feed_targets)
        arrays = [np.asarray(array) for array in found.arrays]
        return arrays[:inputs], arrays[inputs : inputs + targets], arrays[inputs + targets :]

    def _overrides_method(self, method: str) -> bool:
        """Whether a subclass has a method of its own in place of one of this class."""
        return getattr(type(self), method) is not getattr(CompiledNetwork, method)

    def _validate_or_infer_batch_size(
        self, batch_size: int | None = None, steps: int | None = None, x: Any = None
    ) -> int:
        """The batch size of a call: given, fixed by the Input, or 32.

        Raises:
            ValueError: if the given one contradicts the Input's, or is not a positive integer.
        """
        return batch_size_of(self, batch_size)

    # --- prediction -----------------------------------------------------------------------------------------

    @property
    def _network_predictor(self) -> Predictor:
        """What predicts the outputs that the model has now."""
        kept = self._kept_predictor
        if kept is None or kept.outputs != self.outputs:
            kept = self._kept_predictor = Predictor(self)
        return kept

    def _forget_calls(self) -> None:
        self._kept_predictor = None

    def _predicting_run(self) -> CompiledGraph:
        """The compiled inference graph, with the states of stateful layers as updates."""
        return self._network_predictor.compiled

    # --- functions ------------------------------------------------------------------------------------------

    @property
    def train_function(self) -> Any:
        return self._compiled_steps.functions.get("train") if self._compiled_steps is not None else None

    @train_function.setter
    def train_function(self, function: Any) -> None:
        self._replace_function("train", function)

    @property
    def test_function(self) -> Any:
        return self._compiled_steps.functions.get("test") if self._compiled_steps is not None else None

    @test_function.setter
    def test_function(self, function: Any) -> None:
        self._replace_function("test", function)

    def _replace_function(self, mode: str, function: Any) -> None:
        if function is not None or self._compiled_steps is not None:
            if self._compiled_steps is None:
                self._require_compiled()
            self._compiled_steps.replace(mode, function)

    def _make_own_function(self, mode: str) -> None:
        """Lets a subclass that overrides ``_make_train_function`` or ``_make_test_function`` make its own."""
        if self._overrides_method(f"_make_{mode}_function") and self._compiled_steps is not None:
            getattr(self, f"_make_{mode}_function")()

    def _make_train_function(self) -> None:
        """Makes the training step and the optimizer's weights now instead of at the first batch."""
        self._require_compiled()
        self._compiled_steps.make("train")

    def _make_test_function(self) -> None:
        """Makes the test step now."""
        self._require_compiled()
        self._compiled_steps.make("test")

    def _make_predict_function(self) -> None:
        """Makes what predicts now, as servers with several threads asked of Keras; not needed here."""
        count, predictor = len(self._graph_inputs), self._predicting_run()
        self.predict_function = lambda arrays: list(predictor(list(arrays)[:count]))


_IGNORED_COMPILE_ARGUMENTS = {"auto_scale_loss", "options", "pss_evaluation_shards", "run_metadata"}


def _steps_together(steps: int | str | None) -> int:
    steps = {None: 1, "auto": 16}.get(steps, steps)  # type: ignore[arg-type]
    if not isinstance(steps, int) or steps < 1:
        raise ValueError(f'steps_per_execution must be a whole number from 1, or "auto"; found {steps!r}.')
    return steps


def _check_compile_kwargs(kwargs: dict[str, Any]) -> None:
    unknown = sorted(set(kwargs) - _IGNORED_COMPILE_ARGUMENTS)
    if unknown:
        refuse_unknown({unknown[0]: None}, CompiledNetwork.compile)


def refuse_unknown(kwargs: dict[str, Any], method: Callable[..., Any]) -> None:
    """TypeError for an argument that a method does not have, with the one that may have been meant."""
    if kwargs:
        name = next(iter(kwargs))
        hint = did_you_mean(name, set(inspect.signature(method).parameters) - {"self", "kwargs"})
        raise TypeError(f"{method.__name__}() got an unexpected keyword argument {name!r}.{hint}")


registry.register(globals())

"""Layer: makes parameters in ``build``, emits operators in ``call``, once per call on symbolic inputs."""

from __future__ import annotations

import functools
import inspect
import math
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from ... import ir
from ...ir import Parameter, Storage, Value, assign_all, unchanging
from .. import backend as K
from .. import initializers, registry, rules
from ..backend.assignments import Variable
from ..declaration import configuration
from ..legacy import spellings as legacy
from ..utils.generic_utils import to_list, unpack_singleton
from ..utils.messages import layer_name, raw_name
from .call_frames import CallFrame, Update, call_frame, current_frame, no_frame
from .called_on_numbers import are_numbers, as_values, in_type_of
from .eager_calls import apply_updates, interpreter_of
from .input_spec import InputSpec
from .node import CalledLayer, KerasHistory, Node, UnrecordedCall, annotate, flat_outputs, static_shape
from .weight_budget import weight_budget

__all__ = ["InputSpec", "KerasHistory", "Layer", "Node", "disable_tracking"]

ShapeTuple = tuple[int | None, ...]

_BASE_ARGUMENTS = {
    "input_shape",
    "batch_input_shape",
    "batch_size",
    "input_dim",
    "input_length",
    "dtype",
    "input_dtype",
    "name",
    "trainable",
    "weights",
    "dynamic",
}


def disable_tracking(func: Callable) -> Callable:
    """Marks an ``__init__`` whose attributes are not to be tracked as sub-layers or weights."""

    @functools.wraps(func)
    def wrapped(self: Layer, *args: Any, **kwargs: Any) -> Any:
        tracked = self.__dict__.get("_tracking", True)
        object.__setattr__(self, "_tracking", False)
        try:
            return func(self, *args, **kwargs)
        finally:
            object.__setattr__(self, "_tracking", tracked)

    return wrapped


class Layer(CalledLayer):
    """A callable with weights: the unit that models are built of.

    A subclass makes weights in ``build(input_shape)`` with ``add_weight``, emits operators in
    ``call(inputs)`` with ``kcompile.keras.backend``, and describes its constructor in ``get_config``. Output
    shapes come from ONNX's inference; ``compute_output_shape`` may add what inference cannot know.

    Args (keywords only):
        name: unique within a model; derived from the class name if left out.
        trainable: whether gradients update the weights (default True).
        dtype: element type of the weights (default ``K.floatx()``).
        input_shape: shape of one sample, for the first layer of a Sequential model.
        batch_input_shape: the same with the batch axis.
        batch_size: fixed batch size to go with input_shape.
        input_dim, input_length: older spellings of ``input_shape=(input_length, input_dim)``.
        weights: initial values, as ``set_weights`` takes them.

    Raises:
        TypeError: for any other keyword argument.

    Attributes:
        input_spec: InputSpec, or list of them, checked before each call.
        supports_masking: whether the mask of the input is passed on.
        stateful: whether calls leave a state behind for the next batch.
    """

    built = False
    input_spec: InputSpec | list[InputSpec] | None = None
    supports_masking = False

    @classmethod
    def _on_registered(cls) -> None:
        if cls is not Layer:
            legacy.support(cls)

    def __init__(self, **kwargs: Any) -> None:
        if kwargs.get("quantization_config", 0) is None:  # in files of Keras 3
            del kwargs["quantization_config"]
        legacy.refuse_unknown(type(self), set(kwargs) - _BASE_ARGUMENTS, _BASE_ARGUMENTS)
        self._tracking = self.__dict__.get("_tracking", True)
        self._layers: list[Layer] = []
        self._trainable_weights: list[Parameter] = []
        self._non_trainable_weights: list[Parameter] = []
        self._losses: list[Any] = []
        self._losses_on: list[tuple[list[Any], Any]] = []
        self._updates: list[Update] = []
        self._updates_on: list[tuple[list[Any], Update]] = []
        self._metrics: list[Any] = []
        self._inbound_nodes: list[Node] = []
        self._outbound_nodes: list[Node] = []
        self._unrecorded_calls: list[UnrecordedCall] = []
        self._followed_rules = rules.in_force()
        self.stateful = False
        self.trainable = kwargs.get("trainable", True)
        self.name: str = layer_name(kwargs.get("name")) or self._default_name()
        dtype = kwargs.get("dtype") or kwargs.get("input_dtype") or K.floatx()
        self.dtype: str = _dtype_name(dtype)
        batch_input_shape = _batch_input_shape(kwargs)
        if batch_input_shape is not None:
            self.batch_input_shape = batch_input_shape
        self._initial_weights = kwargs.get("weights")

    @classmethod
    def _default_name(cls) -> str:
        words = re.sub(r"(.)([A-Z][a-z0-9]+)", r"\1_\2", cls.__name__)
        prefix = re.sub(r"([a-z])([A-Z])", r"\1_\2", words).lower()
        prefix = f"private{prefix}" if prefix.startswith("_") else prefix
        return f"{prefix}_{K.get_uid(prefix)}"

    # --- what a subclass overrides -------------------------------------------------------------------------

    def build(self, input_shape: Any) -> None:
        """Makes the weights; called once, before the first call.

        Args:
            input_shape: shape tuple with the batch axis, a list of them for several inputs.
        """
        self.built = True

    def call(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """Emits the operators of the layer on symbolic inputs; returns a Value, a list of them or a dict by
        name."""
        return inputs

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Shape of the output with the batch axis, for an input shape: by emitting the layer on a
        placeholder."""
        if type(self).call is Layer.call:
            return input_shape
        several = isinstance(input_shape, list)
        shapes = input_shape if several else [input_shape]
        placeholders = [Value(self.dtype or K.floatx(), tuple(shape)) for shape in shapes]
        with call_frame(kept=False):
            outputs = flat_outputs(self.call(placeholders if several else placeholders[0]), self)
        return unpack_singleton([static_shape(value) for value in to_list(outputs)])

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """The mask of the output: the input's where the layer supports masking.

        Raises:
            TypeError: if there is a mask and the layer does not support masking; in files of tf.keras and
                Keras 3 it drops the mask, as there.
        """
        if not self.supports_masking:
            if any(m is not None for m in to_list(mask)) and not rules.holds(
                self, lambda its: its.drops_masks
            ):
                raise TypeError(
                    f"Layer {self.name} ({type(self).__name__}) does not support masking, but was passed an "
                    f"input mask; put it before the masking layer, or set supports_masking = True in it."
                )
            return None
        dropped = rules.holds(self, lambda its: type(self).__name__ in its.drops_masks_in)
        return None if dropped else mask

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments from which ``from_config`` makes an equal layer without weights.

        Those that a constructor declares (``configured``) are here; a class adds what it does not declare.
        """
        config: dict[str, Any] = {"name": raw_name(self.name), "trainable": self.trainable}
        if hasattr(self, "batch_input_shape"):
            config["batch_input_shape"] = self.batch_input_shape
        config["dtype"] = self.dtype
        return {**config, **configuration(self)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Layer:
        """A new layer from what ``get_config`` returned."""
        return cls(**config)

    # --- calling --------------------------------------------------------------------------------------------

    def __call__(self, inputs: Any, **kwargs: Any) -> Any:
        """Calls the layer on symbolic values, building it if need be.

        Called on numbers (arrays, lists, tensors of PyTorch), it returns values that have numbers:
        ``np.asarray(layer(x))``.
        """
        inputs = as_values(inputs, self)
        at_once = interpreter_of(self, to_list(inputs), kwargs.get("training"))
        if (at_once or ir.interpreter()) is not None and not self._call_takes("training"):
            kwargs.pop("training", None)  # for the layers inside, which follow the phase of this call
        if at_once is None:
            return self._call(inputs, kwargs)
        with ir.eagerly(at_once):
            return self._call(inputs, kwargs)

    def _call(self, inputs: Any, kwargs: dict[str, Any]) -> Any:
        tensors = to_list(inputs)
        with ir.name_scope(self.name), rules.in_call(self):
            self._maybe_build(inputs)
            self.assert_input_compatibility(inputs)
            if any(isinstance(x, ir.Constant) for x in tensors):
                inputs = self._in_own_type(inputs)
                tensors = to_list(inputs)
            previous_mask = unpack_singleton([getattr(x, "_keras_mask", None) for x in tensors])
            user_kwargs = dict(kwargs)
            masked = any(m is not None for m in to_list(previous_mask))
            if masked and "mask" not in kwargs and self._call_accepts("mask"):
                kwargs["mask"] = previous_mask
            with call_frame(tensors) as frame, ir.emitting(symbolic=not are_numbers(tensors)):
                outputs = self.call(self._as_taken(inputs), **kwargs)
                names = list(outputs) if isinstance(outputs, dict) else None
                outputs = flat_outputs(outputs, self)
                output_mask = self.compute_mask(inputs, kwargs.get("mask", previous_mask))
                for regularization in self._activity_losses(outputs):
                    self.add_loss(regularization, inputs=tensors)
            # a tensor passed through unchanged gets a history of its own
            copied = [K.identity(x) if any(x is y for y in tensors) else x for x in to_list(outputs)]
            self._refine_shapes(tensors, copied)
        masks = to_list(output_mask) if isinstance(output_mask, list | tuple) else [output_mask] * len(copied)
        self._record_call(tensors, copied, to_list(previous_mask), masks, user_kwargs, frame)
        if names is not None:
            return {name: copied[sorted(names).index(name)] for name in names}
        if isinstance(outputs, list | tuple):
            return unpack_singleton(copied)
        return copied[0]

    def _as_taken(self, inputs: Any) -> Any:
        """Inputs in the form in which ``call`` takes them."""
        return inputs

    def _in_own_type(self, inputs: Any) -> Any:
        """Inputs whose constants have the element type that the layer computes with."""
        return in_type_of(self, inputs)

    def _call_accepts(self, argument: str) -> bool:
        parameters = inspect.signature(self.call).parameters
        return argument in parameters

    def _call_takes(self, argument: str) -> bool:
        """Whether ``call`` can be given an argument, by its name or among ``**kwargs``."""
        parameters = inspect.signature(self.call).parameters
        return argument in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())

    def _maybe_build(self, inputs: Any) -> None:
        if self.built:
            return
        self.assert_input_compatibility(inputs)
        shapes = [static_shape(x) for x in to_list(inputs)]
        with no_frame():
            self.build(shapes if isinstance(inputs, list) and len(shapes) > 1 else shapes[0])
        self.built = True
        if self._initial_weights is not None:
            self.set_weights(self._initial_weights)
            self._initial_weights = None

    def assert_input_compatibility(self, inputs: Any) -> None:
        """Compares the inputs with ``input_spec``.

        Raises:
            ValueError: naming the layer, the input, what was expected and what was found.
        """
        tensors = to_list(inputs)
        path = ir.current_scope() or self.name
        for tensor in tensors:
            if not isinstance(tensor, Value):
                raise ValueError(
                    f"Layer {path} was called with an input that is not a symbolic tensor: "
                    f"{type(tensor).__name__}. Full input: {inputs!r}. Call layers on Input(...) or on the "
                    "output of other layers."
                )
        if not self.input_spec:
            return
        specs = to_list(self.input_spec)
        if len(tensors) != len(specs):
            raise ValueError(
                f"Layer {path} expects {len(specs)} inputs, but it received {len(tensors)} input tensors."
            )
        for i, (tensor, spec) in enumerate(zip(tensors, specs, strict=True)):
            shape = static_shape(tensor)
            if spec is not None and shape is not None:
                spec.check(shape, f"Input {i} is incompatible with layer {path}")

    def _activity_losses(self, outputs: Any) -> list[Value]:
        regularizer = getattr(self, "activity_regularizer", None)
        if regularizer is None:
            return []
        with ir.name_scope("activity_regularizer"):
            losses = [(regularizer(x), x) for x in to_list(outputs)]
            if rules.holds(self, lambda its: its.activity_by_sample):
                return [loss / K.cast(self._regularized_samples(x), K.dtype(loss)) for loss, x in losses]
            return [loss for loss, _ in losses]

    def _regularized_samples(self, output: Value) -> Value:
        """How many samples an output has for the mean of its activity regularization."""
        return K.shape(output)[0]

    def _refine_shapes(self, inputs: list[Value], outputs: list[Value]) -> None:
        """Adds to inferred shapes what an overridden ``compute_output_shape`` knows; a user's is asked in any
        case."""
        compute = type(self).compute_output_shape
        if compute is Layer.compute_output_shape:
            return
        known = all(value.dims is not None and None not in value.dims for value in outputs)
        if known and registry.defines(type(self), "compute_output_shape"):
            return
        shapes = [static_shape(x) for x in inputs]
        computed = self.compute_output_shape(shapes if len(shapes) > 1 else shapes[0])
        computed = computed if isinstance(computed, list) else [computed]
        for value, shape in zip(outputs, computed, strict=False):
            if shape is not None:
                value.refine(shape)

    def _record_call(
        self,
        inputs: list[Value],
        outputs: list[Value],
        input_masks: list[Any],
        output_masks: list[Any],
        arguments: dict[str, Any],
        frame: Any,
    ) -> None:
        """Makes the Node of this call, if the inputs belong to a layer DAG."""
        if all(hasattr(x, "_keras_history") for x in inputs):
            Node(self, inputs, outputs, input_masks, output_masks, arguments, frame)
            return
        annotate(outputs, output_masks, inputs)
        if current_frame() is None:
            at_once = ir.interpreter()
            if at_once is not None:
                apply_updates(at_once, frame.updates)
                frame.updates.clear()
            call = UnrecordedCall(self, inputs, outputs, input_masks, output_masks, arguments, frame)
            for output in outputs:
                output.annotations["_unrecorded_call"] = call
            if frame.losses or frame.updates:
                if are_numbers(inputs):  # of the calls on numbers the last one counts, or they would pile up
                    self._unrecorded_calls = [c for c in self._unrecorded_calls if not are_numbers(c.inputs)]
                self._unrecorded_calls.append(call)

    # --- weights --------------------------------------------------------------------------------------------

    def add_weight(
        self,
        name_or_shape: Any = None,
        shape_or_name: Any = None,
        /,
        dtype: str | None = None,
        initializer: Any = None,
        regularizer: Callable[[Value], Value] | None = None,
        trainable: bool = True,
        constraint: Callable[[Value], Value] | None = None,
        memory_order: Sequence[int] | None = None,
        name: str | None = None,
        shape: Sequence[int] | None = None,
    ) -> Parameter:
        """Makes a weight of this layer: ``add_weight("kernel", (3, 4))``, by keywords, or shape first.

        Args:
            name: last part of the weight's name (``dense_1/kernel``).
            shape: sizes of its axes.
            dtype: element type (default the layer's, else ``K.floatx()``).
            initializer: name or callable (default glorot_uniform for floats, zeros else).
            regularizer: function of the weight whose value is added to the training loss.
            trainable: whether gradients update it.
            constraint: function applied to it after each update.
            memory_order: axes from outermost to innermost in memory, where the kernels want another order
                than that of the shape; nothing else changes by it.

        Raises:
            ValueError: if a size is unknown or negative.
        """
        for given in (name_or_shape, shape_or_name):
            name, shape = (
                (given, shape) if isinstance(given, str) else (name, shape if given is None else given)
            )
        shape = tuple(shape if shape is not None else ())
        name = name or "weight"
        if not all(isinstance(dim, int | np.integer) and dim >= 0 for dim in shape):
            raise ValueError(
                f"Layer {self.name}: the weight {name!r} needs known sizes, got the shape {shape}. "
                "Give the layer an input whose last axes are fixed."
            )
        dtype = dtype or self.dtype or K.floatx()
        budget = weight_budget()
        if budget is not None:
            budget.claim(self.name, name, shape)
        else:
            ir.claim_steps(math.prod(int(size) for size in shape), f"the weight {name!r} of shape {shape}")
        if budget is None or not budget.from_zeros:
            value = initializers.initial_value(
                initializers.get(initializer or "glorot_uniform"), shape, dtype
            )
            storage = Storage(value, memory_order)
        else:  # the values come from a file
            storage = Storage.zeros(shape, ir.as_dtype(dtype), memory_order)
        scope = ir.current_scope() or self.name
        parameter = Variable(storage, f"{scope}/{name}", trainable)
        parameter.constraint = constraint
        if regularizer is not None:
            with ir.name_scope("weight_regularizer"):
                self._losses.append(regularizer(parameter))
        weights = self._trainable_weights if trainable else self._non_trainable_weights
        weights.append(parameter)
        return parameter

    @property
    def trainable_weights(self) -> list[Parameter]:
        """Weights that training updates: none where ``trainable`` is False; those of sub-layers included."""
        if not self.trainable:
            return []
        return _unique(self._trainable_weights, *(layer.trainable_weights for layer in self._layers))

    @trainable_weights.setter
    def trainable_weights(self, weights: Iterable[Parameter]) -> None:
        self._trainable_weights = list(weights)

    @property
    def non_trainable_weights(self) -> list[Parameter]:
        """Weights that training does not update by gradients."""
        if not self.trainable:
            return _unique(
                self._trainable_weights,
                self._non_trainable_weights,
                *(layer.weights for layer in self._layers),
            )
        return _unique(self._non_trainable_weights, *(layer.non_trainable_weights for layer in self._layers))

    @non_trainable_weights.setter
    def non_trainable_weights(self, weights: Iterable[Parameter]) -> None:
        self._non_trainable_weights = list(weights)

    @property
    def weights(self) -> list[Parameter]:
        """All weights, the trainable ones first."""
        return self.trainable_weights + self.non_trainable_weights

    variables = weights
    trainable_variables = trainable_weights
    non_trainable_variables = non_trainable_weights

    def get_weights(self) -> list[np.ndarray]:
        """Copies of all weights, in the order of ``weights``."""
        with unchanging():
            return [weight.numpy() for weight in self.weights]

    def set_weights(self, weights: Sequence[np.ndarray]) -> None:
        """Overwrites all weights.

        Raises:
            ValueError: if the number of arrays or one of their shapes differs; then nothing is changed.
        """
        parameters = self.weights
        if len(parameters) != len(weights):
            raise ValueError(
                f"You called set_weights(weights) on layer {self.name!r} with a list of {len(weights)} "
                f"arrays, but the layer has {len(parameters)} weights"
                + (
                    ": " + ", ".join(f"{p.name} {p.shape}" for p in parameters[:8]) + "."
                    if parameters
                    else "."
                )
            )
        arrays = [np.asarray(array) for array in weights]
        for parameter, array in zip(parameters, arrays, strict=True):
            if parameter.shape != array.shape:
                raise ValueError(
                    f"Layer {self.name!r}: weight {parameter.name} has shape {parameter.shape}, "
                    f"the given array has shape {array.shape}."
                )
        assign_all(zip(parameters, arrays, strict=True))

    def convert_stored_weights(self, stored: Sequence[tuple[str, Any]]) -> list[Any]:
        """The arrays of a file in the order and layout of ``weights``; a layer whose layout changed overrides
        it.

        Args:
            stored: pairs (name in the file, array), in the file's order.
        """
        return [array for _, array in stored]

    def count_params(self) -> int:
        """Number of scalars in the weights.

        Raises:
            RuntimeError: if the layer is not built yet.
        """
        if not self.built:
            raise RuntimeError(
                f"You tried to call count_params on {self.name}, but the layer isn't built. Build it with "
                f"{self.name}.build(batch_input_shape), or by calling it."
            )
        return sum(weight.size for weight in self.weights)

    # --- losses, updates, metrics ---------------------------------------------------------------------------

    def add_loss(self, losses: Any, inputs: Any = None) -> None:
        """Adds terms to the training loss: values, or functions without arguments that emit them at compile.

        Inside ``call`` they belong to that call; elsewhere they always count, and ``inputs`` says which
        tensors they depend on, for ``get_losses_for``.
        """
        losses = [loss for loss in to_list(losses) if loss is not None]
        frame = current_frame()
        if frame is not None and not frame.is_inside(losses):
            frame.losses.extend(losses)
        elif inputs is not None:
            self._losses_on.extend((to_list(inputs), loss) for loss in losses)
        else:
            self._losses.extend(losses)

    def add_update(self, updates: Any, inputs: Any = None) -> None:
        """Adds updates, pairs (weight, new value), done after each training step (states: after each call).

        Outside of ``call``, ``inputs`` says which tensors they depend on, for ``get_updates_for``.
        """
        if isinstance(updates, tuple) and len(updates) == 2 and isinstance(updates[0], Parameter):
            updates = [updates]
        # what assign() of a variable returned has been seen to
        given = [u for u in to_list(updates) if u is not None and not isinstance(u, Value)]
        pairs = [tuple(update) for update in given]
        frame = current_frame()
        if frame is not None and not frame.is_inside(new for _, new in pairs):
            frame.updates.extend(pairs)
        elif inputs is not None:
            self._updates_on.extend((to_list(inputs), pair) for pair in pairs)
        else:
            self._updates.extend(pairs)

    def add_metric(self, value: Value, name: str | None = None, aggregation: str | None = "mean") -> None:
        """Adds the mean of a value over batches to what training reports, under ``name``.

        What calling a Metric returned, ``add_metric(metrics.AUC()(y_true, y_pred))``, adds that metric under
        its own name.

        Raises:
            ValueError: for another aggregation than "mean" (the default) or None, which means the same here,
                or if several metrics have the name.
        """
        if aggregation not in (None, "mean"):
            raise ValueError(
                f'add_metric {name!r}: aggregation must be "mean" or None; found {aggregation!r}.'
            )
        named = self._get_existing_metric(name)
        called, updates = value.annotations.get("_metric", (None, value))
        metric = called or named or registry.names("metric")["Mean"](name=name or f"{self.name}_metric")
        if not any(metric is known for known in self._metrics):
            self._metrics.append(metric)
        frame = current_frame()
        entry = (metric, updates)
        if frame is not None and not frame.is_inside([value]):
            frame.metrics.append(entry)
        else:
            self.__dict__.setdefault("_added_metrics", []).append(entry)

    def _get_existing_metric(self, name: str | None = None) -> Any:
        """The metric that was added under a name; None if there is none.

        Raises:
            ValueError: if there are several.
        """
        named = [metric for metric in self._metrics if metric.name == name]
        if len(named) > 1:
            raise ValueError(
                "Please provide different names for the metrics you have added. "
                f"We found {len(named)} metrics with the name {name!r} in {self.name}."
            )
        return named[0] if named else None

    @property
    def losses(self) -> list[Any]:
        """All terms that the layer and its sub-layers add to the training loss."""
        own = self._own_losses() + [loss for call in self._calls() for loss in call.losses]
        return _unique(own, *(layer.losses for layer in self._layers))

    @property
    def updates(self) -> list[Update]:
        """All updates of the layer and its sub-layers; none where neither trainable nor stateful."""
        if not self.trainable and not self.stateful:
            return []
        own = self._own_updates() + [update for call in self._calls() for update in call.updates]
        return _unique(own, *(layer.updates for layer in self._layers))

    @property
    def metrics(self) -> list[Any]:
        """Metric objects of the layer and its sub-layers."""
        return _unique(self._metrics, *(layer.metrics for layer in self._layers))

    def get_losses_for(self, inputs: Any = None) -> list[Any]:
        """Losses that depend on these inputs, sub-layers included; with None, those that depend on none."""
        given = None if inputs is None else to_list(inputs)
        own = self._losses if given is None else [loss for on, loss in self._losses_on if _same(on, given)]
        called = [call.losses for call in self._calls(given)]
        return _unique(own, *called, *(layer.get_losses_for(inputs) for layer in self._layers))

    def get_updates_for(self, inputs: Any = None) -> list[Update]:
        """Updates that depend on these inputs, sub-layers included; with None, those that depend on none."""
        given = None if inputs is None else to_list(inputs)
        own = self._updates if given is None else [new for on, new in self._updates_on if _same(on, given)]
        called = [call.updates for call in self._calls(given)]
        return _unique(own, *called, *(layer.get_updates_for(inputs) for layer in self._layers))

    def _calls(self, *on: list[Any] | None) -> list[Node | CallFrame]:
        """What all calls said, or only those on these inputs; calls on values that no layer made come
        last."""
        calls: list[tuple[list[Value], Node | CallFrame]] = [
            *((node.input_tensors, node) for node in self._inbound_nodes),
            *((call.inputs, call.frame) for call in self._unrecorded_calls),
        ]
        return [call for inputs, call in calls if not on or on[0] and _same(inputs, on[0])]

    def _own_losses(self) -> list[Any]:
        """What add_loss was given outside of calls."""
        return self._losses + [loss for _, loss in self._losses_on]

    def _own_updates(self) -> list[Update]:
        """What add_update was given outside of calls."""
        return self._updates + [update for _, update in self._updates_on]

    # --- tracking of attributes -----------------------------------------------------------------------------

    def __setattr__(self, name: str, value: Any) -> None:
        if self.__dict__.get("_tracking", False) and not name.startswith("__"):
            self._track(name, value)
        super().__setattr__(name, value)

    def _track(self, name: str, value: Any) -> None:
        """Layers, weights and metrics set as attributes, also inside lists and dicts, belong to this
        layer."""
        if name in _OWN_LISTS:
            return
        if isinstance(value, list | tuple | dict):
            for element in value.values() if isinstance(value, dict) else value:
                if isinstance(element, Layer | list | tuple | dict):
                    self._track("", element)
        elif hasattr(value, "update_state") and hasattr(value, "reset_states"):
            if not any(value is metric for metric in self._metrics):
                self._metrics.append(value)
        elif isinstance(value, Layer):
            if value not in self._layers:
                self._layers.append(value)
        elif isinstance(value, Parameter):
            weights = self._trainable_weights if value.trainable else self._non_trainable_weights
            if not any(value is weight for weight in self._trainable_weights + self._non_trainable_weights):
                weights.append(value)


_OWN_LISTS = {
    "_layers",
    "_trainable_weights",
    "_non_trainable_weights",
    "trainable_weights",
    "non_trainable_weights",
    "_losses",
    "_updates",
    "_metrics",
    "_inbound_nodes",
    "_outbound_nodes",
    "_unrecorded_calls",
}


def _dtype_name(dtype: Any) -> str:
    """The name of an element type, also of the policy that Keras 3 writes in its place."""
    if isinstance(dtype, dict):
        dtype = dtype.get("config", {}).get("name")
    return dtype if isinstance(dtype, str) else np.dtype(dtype).name


def _batch_input_shape(kwargs: dict[str, Any]) -> ShapeTuple | None:
    """batch_input_shape from whichever of the spellings was used."""
    if kwargs.get("batch_input_shape") is not None:
        return tuple(kwargs["batch_input_shape"])
    shape = kwargs.get("input_shape")
    if shape is None and kwargs.get("input_dim") is not None:
        shape = (kwargs["input_dim"],)
        if "input_length" in kwargs:
            shape = (kwargs["input_length"], *shape)
    if shape is None:
        return None
    if isinstance(shape, int):
        raise ValueError(f"input_shape must be a tuple, for one axis input_shape=({shape},); got {shape}.")
    return (kwargs.get("batch_size"), *shape)


def _same(some: Sequence[Any], others: Sequence[Any]) -> bool:
    return len(some) == len(others) and all(a is b for a, b in zip(some, others, strict=True))


def _unique(*lists: Iterable[Any]) -> list[Any]:
    """The elements in order, each object once; numbers are all counted."""
    found: dict[Any, Any] = {}
    for elements in lists:
        for element in elements:
            key: Any = tuple(map(id, element)) if isinstance(element, tuple) else id(element)
            found.setdefault(object() if isinstance(element, int | float) else key, element)
    return list(found.values())


registry.register(globals())
registry.name("layer", {"Layer": Layer})

"""Layer: makes parameters in ``build``, emits operators in ``call``, once per call on symbolic inputs."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

from ... import ir
from ...ir import Value
from .. import backend as K
from .. import dtype_policies, registry, regularizers, rules
from ..backend.tensors import static_dims
from ..declaration import configuration
from ..legacy import spellings as legacy
from ..utils.generic_utils import to_list, unpack_singleton
from ..utils.messages import layer_name, raw_name
from ..utils.nested import leaves
from .adding_layer import AddingLayer
from .call_frames import call_frame, current_frame, no_frame
from .called_on_numbers import are_numbers, as_values, in_precision_of, in_type_of, taken_apart
from .eager_calls import interpreter_of
from .input_spec import InputSpec
from .node import (
    KerasHistory,
    Node,
    OldName,
    UnrecordedCall,
    annotate,
    as_nested,
    flat_masks,
    flat_outputs,
    nested_outputs,
    static_shape,
    tensors_in,
    unlayered_in,
)
from .phases import in_its_phase, is_told

__all__ = ["InputSpec", "KerasHistory", "Layer", "Node"]

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
#: What tf.keras's layers take besides; those of ours that have such an argument declare it.
_OF_TF_KERAS = {"activity_regularizer", "autocast", "experimental_autocast", "implementation"}
#: The parameters of a method ``call`` behind self; reading a signature costs as much as a small layer.
_parameters: WeakKeyDictionary[Callable[..., Any], list[inspect.Parameter]] = WeakKeyDictionary()


class Layer(AddingLayer):
    """A callable with weights: the unit that models are built of.

    A subclass makes weights in ``build(input_shape)`` with ``add_weight``, emits operators in
    ``call(inputs)`` with ``kcompile.keras.backend``, and describes its constructor in ``get_config``. Output
    shapes come from ONNX's inference; ``compute_output_shape`` may add what inference cannot know.

    Args (keywords only):
        name: unique within a model; derived from the class name if left out.
        trainable: whether gradients update the weights (default True).
        dtype: element type of the weights, or a policy of ``keras.mixed_precision`` or its name (default the
            global policy, which is ``K.floatx()`` unless set).
        input_shape: shape of one sample, for the first layer of a Sequential model.
        batch_input_shape: the same with the batch axis.
        batch_size: fixed batch size to go with input_shape.
        input_dim, input_length: older spellings of ``input_shape=(input_length, input_dim)``.
        weights: initial values, as ``set_weights`` takes them.
        activity_regularizer: of a user's layer, a penalty on its outputs, as in tf.keras; ``autocast`` and
            ``implementation`` are accepted there, too.

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
    _casts_inputs = True  # to its own precision, by the rules of tf.keras
    has_config = True  # False where no configuration can hold what it computes
    inbound_nodes = OldName("_inbound_nodes")
    outbound_nodes = OldName("_outbound_nodes")

    @classmethod
    def _on_registered(cls) -> None:
        if cls is not Layer:
            legacy.support(cls)

    def __init__(self, **kwargs: Any) -> None:
        known = _BASE_ARGUMENTS if registry.is_built_in(type(self)) else _BASE_ARGUMENTS | _OF_TF_KERAS
        legacy.refuse_unknown(type(self), set(kwargs) - known, _BASE_ARGUMENTS)
        super().__init__()
        of_class = getattr(type(self), "activity_regularizer", None)
        if "activity_regularizer" in kwargs and not isinstance(of_class, property):  # of what a layer wraps
            self.activity_regularizer = regularizers.get(kwargs["activity_regularizer"])
        self._inbound_nodes: list[Node] = []
        self._outbound_nodes: list[Node] = []
        self._unrecorded_calls: list[UnrecordedCall] = []
        self._followed_rules = rules.in_force()
        self.stateful = False
        self.trainable = kwargs.get("trainable", True)
        self.name: str = layer_name(kwargs.get("name")) or self._default_name()
        self.dtype_policy = dtype_policies.get(kwargs.get("dtype") or kwargs.get("input_dtype"))
        self.dtype: str = self.dtype_policy.variable_dtype
        batch_input_shape = _batch_input_shape(kwargs)
        if batch_input_shape is not None:
            self.batch_input_shape = batch_input_shape
        self._initial_weights = kwargs.get("weights")
        if not kwargs.get("autocast", kwargs.get("experimental_autocast", True)):
            self._casts_inputs = False

    @property
    def trainable(self) -> bool:
        """Whether gradients update the weights; by tf.keras's rules, setting it sets that of those within."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = value
        if rules.of_layer(self).freezes_what_is_within:
            for layer in self._layers:
                layer.trainable = value

    @classmethod
    def _default_name(cls) -> str:
        words = re.sub(r"(.)([A-Z][a-z0-9]+)", r"\1_\2", cls.__name__)
        prefix = re.sub(r"([a-z])([A-Z])", r"\1_\2", words).lower()
        prefix = f"private{prefix}" if prefix.startswith("_") else prefix
        return rules.numbered(prefix, K.get_uid(prefix))

    @property
    def compute_dtype(self) -> str:
        """The type that training computes in: that of the weights, or half precision by a mixed policy."""
        return self.dtype_policy.compute_dtype

    @property
    def variable_dtype(self) -> str:
        """The type of the weights."""
        return self.dtype_policy.variable_dtype

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
        config["dtype"] = self.dtype if self.dtype_policy.precision is None else self.dtype_policy.name
        return {**config, **configuration(self)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Layer:
        """A new layer from what ``get_config`` returned."""
        return cls(**config)

    # --- calling --------------------------------------------------------------------------------------------

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Calls the layer on symbolic values, building it if need be.

        Called on numbers (arrays, lists, tensors of PyTorch), it returns values that have numbers:
        ``np.asarray(layer(x))``.

        Args:
            args, kwargs: what ``call`` takes, its inputs first; tensors among the others are inputs too.
        """
        if not args:
            args = (self._named_inputs(kwargs),)
        inputs = args[0]
        if args[1:]:
            kwargs = self._arguments_by_name(args[1:], kwargs)
        if kwargs.get("training") is ir.LEARNING_PHASE:  # which a call follows that is told nothing
            del kwargs["training"]
        inputs, nesting = self._taken_apart(inputs)
        inputs = as_values(inputs, self)
        at_once = interpreter_of(self, to_list(inputs), kwargs.get("training"))
        if (at_once or ir.interpreter()) is not None and not self._call_takes("training"):
            kwargs.pop("training", None)  # for the layers inside, which follow the phase of this call
        if at_once is None:
            return self._call_on_values(inputs, nesting, kwargs)
        with ir.eagerly(at_once):
            return self._call_on_values(inputs, nesting, kwargs)

    def _call_on_values(self, inputs: Any, nesting: Any, kwargs: dict[str, Any]) -> Any:
        tensors = to_list(inputs)
        with ir.name_scope(self.name), rules.in_call(self):
            self._maybe_build(inputs, nesting)
            self.assert_input_compatibility(inputs)
            if any(isinstance(x, ir.Constant) for x in tensors):
                inputs = self._in_own_type(inputs)
                tensors = to_list(inputs)
            previous_mask = unpack_singleton([getattr(x, "_keras_mask", None) for x in tensors])
            if self._call_wants("training"):  # and calls need not give it, as tf.keras has it
                kwargs.setdefault("training", None)
            user_kwargs = dict(kwargs)
            masked = any(m is not None for m in to_list(previous_mask))
            if masked and "mask" not in kwargs and self._call_accepts("mask"):
                kwargs["mask"] = as_nested(previous_mask, nesting)
            elif self._call_wants("mask"):
                kwargs.setdefault("mask", None)
            with call_frame(tensors) as frame, ir.emitting(symbolic=not are_numbers(tensors)):
                with ir.precision_scope(self.dtype_policy.precision):
                    outputs = self._called(in_precision_of(self, self._as_taken(inputs, nesting)), kwargs)
                returned, outputs = outputs, flat_outputs(outputs, self)
                mask = kwargs.get("mask", previous_mask)
                output_mask = self.compute_mask(inputs, mask if nesting is None else leaves(mask))
                for regularization in self._activity_losses(outputs):
                    self.add_loss(regularization, inputs=tensors)
            # a tensor passed through unchanged gets a history of its own
            given = [*tensors, *tensors_in(kwargs)]
            copied = [K.identity(x) if any(x is y for y in given) else x for x in to_list(outputs)]
            self._refine_shapes(tensors, copied, nesting)
        masks = flat_masks(output_mask, len(copied))
        self._record_call(tensors, copied, to_list(previous_mask), masks, user_kwargs, frame, nesting)
        return nested_outputs(returned, copied, self)

    def _called(self, inputs: Any, arguments: dict[str, Any]) -> Any:
        """What ``call`` returns, told the phase where the layer's rules have it so."""
        if not is_told(self, arguments):
            return self.call(inputs, **arguments)
        return in_its_phase(self, lambda training: self.call(inputs, **{**arguments, "training": training}))

    def _named_inputs(self, kwargs: dict[str, Any]) -> Any:
        """Takes the inputs out of the arguments, by the name that ``call`` has for them."""
        name = self._call_parameters()[0].name
        if name not in kwargs:
            raise TypeError(f"Layer {self.name} was called without its inputs, {name!r}.")
        return kwargs.pop(name)

    def _arguments_by_name(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """Arguments of ``call`` behind the inputs, all by name."""
        names = [p.name for p in self._call_parameters() if p.kind is p.POSITIONAL_OR_KEYWORD][1:]
        if len(args) > len(names) or kwargs.keys() & set(names[: len(args)]):
            raise TypeError(
                f"{type(self).__name__}.call() takes the arguments {', '.join(names) or 'none'} behind its "
                f"inputs; layer {self.name} was called with {len(args)} of them by position and with "
                f"{', '.join(kwargs) or 'none'} by name."
            )
        return {**dict(zip(names, args, strict=False)), **kwargs}

    def _taken_apart(self, inputs: Any) -> tuple[Any, Any]:
        """Inputs as a flat list with their nesting, None for each, where ``call`` takes a nest of them."""
        return taken_apart(inputs)

    def _as_taken(self, inputs: Any, nesting: Any) -> Any:
        """Inputs in the form in which ``call`` takes them."""
        return as_nested(inputs, nesting)

    def _in_own_type(self, inputs: Any) -> Any:
        """Inputs whose constants have the element type that the layer computes with."""
        return in_type_of(self, inputs)

    def _call_accepts(self, argument: str) -> bool:
        return any(parameter.name == argument for parameter in self._call_parameters())

    def _call_takes(self, argument: str) -> bool:
        """Whether ``call`` can be given an argument, by its name or among ``**kwargs``."""
        return any(p.name == argument or p.kind is p.VAR_KEYWORD for p in self._call_parameters())

    def _call_wants(self, argument: str) -> bool:
        """Whether ``call`` has an argument without a default behind its inputs."""
        return any(p.name == argument and p.default is p.empty for p in self._call_parameters()[1:])

    def _call_parameters(self) -> list[inspect.Parameter]:
        written = getattr(self.call, "__func__", None)  # not where a layer was given a call of its own
        found = _parameters.get(written) if written is not None else None
        if found is None:
            found = list(inspect.signature(self.call).parameters.values())
            if written is not None:
                _parameters[written] = found
        return found

    def _maybe_build(self, inputs: Any, nesting: Any = None) -> None:
        if self.built:
            return
        self.assert_input_compatibility(inputs)
        shapes = [static_shape(x) for x in to_list(inputs)]
        with no_frame(), ir.settled():
            several = isinstance(inputs, list) and len(shapes) > 1 or nesting is not None
            self.build(as_nested(shapes, nesting) if several else shapes[0])
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

    def _refine_shapes(self, inputs: list[Value], outputs: list[Value], nesting: Any = None) -> None:
        """Adds to inferred shapes what an overridden ``compute_output_shape`` knows; a user's is asked in any
        case."""
        compute = type(self).compute_output_shape
        if compute is Layer.compute_output_shape:
            return
        known = all(value.dims is not None and None not in value.dims for value in outputs)
        if known and registry.defines(type(self), "compute_output_shape"):
            return
        shapes = [static_shape(x) for x in inputs]
        several = len(shapes) > 1 or nesting is not None
        computed = self.compute_output_shape(as_nested(shapes, nesting) if several else shapes[0])
        computed = computed if isinstance(computed, list) else [computed]
        for value, shape in zip(outputs, computed, strict=False):
            sizes = None if shape is None else static_dims(shape)  # of numpy or tensors in users' layers
            if sizes is not None:
                value.refine(sizes)

    def _record_call(
        self,
        inputs: list[Value],
        outputs: list[Value],
        input_masks: list[Any],
        output_masks: list[Any],
        arguments: dict[str, Any],
        frame: Any,
        nesting: Any,
    ) -> None:
        """Makes the Node of this call, if the inputs belong to a layer DAG."""
        if all(hasattr(x, "_keras_history") for x in inputs) and not unlayered_in(arguments):
            Node(self, inputs, outputs, input_masks, output_masks, arguments, frame, nesting)
            return
        annotate(outputs, output_masks, inputs)
        if current_frame() is None:
            if ir.interpreter() is not None:
                self._forget_losses_at_once()
                self._losses_at_once = frame.losses
                return
            masks = input_masks, output_masks
            call = UnrecordedCall(self, inputs, outputs, *masks, arguments, frame, nesting)
            for output in outputs:
                output.annotations["_unrecorded_call"] = call
            if frame.losses or frame.updates:
                if are_numbers(inputs):  # of the calls on numbers the last one counts, or they would pile up
                    self._unrecorded_calls = [c for c in self._unrecorded_calls if not are_numbers(c.inputs)]
                self._unrecorded_calls.append(call)


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


registry.register(globals())
registry.name("layer", {"Layer": Layer})

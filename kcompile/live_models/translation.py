"""A live model of stock Keras 3 as layers and models of kcompile."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import keras
from keras import Layer, tree
from keras.src import backend
from keras.src.export.export_utils import get_input_signature
from keras.src.models.functional import Functional

from ..ir import Value
from ..keras import backend as K
from ..keras import rules
from ..keras.core.call_frames import call_frame, keep
from ..keras.core.input_layer import Input
from ..keras.core.operation_layers import OperationLayer, near_names
from ..keras.core.phases import take_over
from ..keras.operations.table import OPERATIONS
from ..keras.training.model import Model
from ..keras.utils.generic_utils import to_list
from .counterparts import WRITER, Configurations, has_counterpart, objects_of, widest_type
from .emission import Emission, recorded
from .errors import LiveModelError, UnknownOperationError
from .live_layer import Form, LiveLayer
from .operations import arguments_of, constant, flat
from .recording import Training, array_of
from .weights import Links

Memory = tuple[Any, Callable[[], Any]]


class Translation:
    """The layers that stand for those of a live model, each once, and their weights.

    Args:
        live: a built model.

    Attributes:
        links: the weights and their variables.
        wide: the floating type of the model.
    """

    def __init__(self, live: Any) -> None:
        self.links = Links(array_of, _shareable, lambda variable, array: variable.assign(array))
        self.wide = widest_type([live])
        self._layers: dict[int, Any] = {}
        self._linked: set[int] = set()
        self._configurations = Configurations(self.layer, self.function, self.wide)
        self._masks: dict[int, Any] = {}
        self._computing: set[type] = set()
        self._within: list[LiveLayer] = []
        self._owners = {
            id(variable): layer
            for layer in live._flatten_layers()
            for variable in (*layer._trainable_variables, *layer._non_trainable_variables)
        }

    # --- layers ---------------------------------------------------------------------------------------------

    def layer(self, live: Any) -> Any:
        """The layer that stands for a live one; a model for a network."""
        if id(live) not in self._layers:
            outside, self._within = self._within, []
            self._layers[id(live)] = self._made(live)
            self._within = outside
        return self._layers[id(live)]

    def _made(self, live: Any) -> Any:
        if is_network(live):
            return self.network(live)
        if has_counterpart(live):
            try:
                layer = self._configurations.made(live)
            except (ValueError, NotImplementedError, TypeError):
                return self._live_layer(live)
            layer.trainable = bool(live.trainable)
            return layer
        return self._live_layer(live)

    def _live_layer(self, live: Any) -> LiveLayer:
        layer = LiveLayer(live, self, self.wide)
        for variable in (*live._trainable_variables, *live._non_trainable_variables):
            dtype = self.wide if str(variable.dtype) in ("float16", "bfloat16") else str(variable.dtype)
            parameter = layer.add_variable_of(variable, variable.name, bool(variable.trainable), dtype)
            self.links.add(parameter, variable)
        return layer

    def parameter(self, variable: Any) -> Value:
        """What stands for a variable: a parameter, or its numbers where it has none."""
        found = self.links.parameter_of(variable)
        if found is None and id(variable) in self._owners:
            self._build(self._owners[id(variable)])
            found = self.links.parameter_of(variable)
        return constant(variable) if found is None else found

    def _build(self, live: Any) -> None:
        """Makes the weights of a layer that has not been called yet."""
        layer = self.layer(live)
        shapes = getattr(live, "_build_shapes_dict", None)
        if not layer.built and shapes:
            layer.build(next(iter(shapes.values())))
            layer.built = True
        self._link(live, layer)

    def _link(self, live: Any, layer: Any) -> None:
        """The weights of a layer made from a configuration, once they are there."""
        if id(live) in self._linked or isinstance(layer, LiveLayer | Model):
            return
        self._linked.add(id(live))
        own = [inner for inner in live._flatten_layers() if self._layers.get(id(inner)) is not None]
        if any(isinstance(self._layers[id(inner)], LiveLayer) for inner in own):
            self._link_within(live, layer)
        elif layer.weights:
            self.links.add_layer(layer, objects_of(live))

    def _link_within(self, live: Any, layer: Any) -> None:
        """A wrapper around a user's layer, which has its weights: those besides."""
        if layer._trainable_weights or layer._non_trainable_weights:
            raise ValueError(
                f"The layer {live.name!r} ({type(live).__name__}) has weights besides those of the layer of "
                "the user's own in it, which is not read."
            )

    # --- calls ----------------------------------------------------------------------------------------------

    def called(self, live: Any, args: Any, kwargs: Any) -> Any:
        """What a live layer gives for values."""
        layer = self.layer(live)
        if self._within:
            self._within[-1].has_within(layer)
        with rules.following(WRITER.rules):
            if isinstance(layer, LiveLayer):
                form = Form(args, {k: None if isinstance(v, Training) else v for k, v in kwargs.items()})
                return layer.as_returned(layer(_single(form.tensors), form=form))
            inputs, arguments = _for_ours(live, layer, args, kwargs)
            if isinstance(layer, Model):
                inputs = _single(flat(inputs))
            if not all(layer._call_takes(name) for name in arguments):
                return self._in_line(live, args, kwargs)
            outputs = layer(inputs, **arguments)
            self._link(live, layer)
        return outputs

    def _in_line(self, live: Any, args: Any, kwargs: Any) -> Any:
        """What a layer of Keras's gives, by its ``call``: for arguments that the one here does not take."""
        given = {k: v for k, v in kwargs.items() if not isinstance(v, Training)}
        return self._traced(live.call, args, given, list(live._flatten_layers()), _where(live))

    def called_live(self, layer: LiveLayer, args: Any, kwargs: Any) -> Any:
        """What a live layer's own ``call`` gives for values, in the form in which it returns them."""
        live = layer.live
        kwargs = {key: value for key, value in kwargs.items() if key != "training" or value is not None}
        if not _takes(live, "mask"):
            kwargs.pop("mask", None)
        self._within.append(layer)
        try:
            outputs = self._in_both_phases(live, tuple(args), kwargs)
        finally:
            self._within.pop()
        self._masks[id(layer)] = [getattr(x, "_keras_mask", None) for x in flat(outputs)]
        return outputs

    def _in_both_phases(self, live: Any, args: Any, kwargs: Any) -> Any:
        """What a call gives: in training another thing than else, where it asks for that."""
        function = live.quantized_call if getattr(live, "quantization_mode", None) else live.call
        layers, where = list(live._flatten_layers()), _where(live)
        if not _takes(live, "training") or "training" in kwargs:
            return self._traced(function, args, kwargs, layers, where)

        def traced(phase: Training) -> Any:
            return self._traced(function, args, {**kwargs, "training": phase}, layers, where)

        inference = Training(False)
        with call_frame(kept=False) as frame:
            outputs = traced(inference)
        if not inference.was_asked:
            keep(frame)
            return outputs
        found, frames = [], []
        for value in (True, False):
            with K.learning_phase_scope(value), call_frame(kept=False) as frame:
                found.append(traced(Training(value)))
            frames.append(frame)
        take_over(*frames)
        return tree.map_structure(K.in_train_phase, *found)

    def _traced(
        self, function: Callable[..., Any], args: Any, kwargs: Any, layers: list[Any], where: str
    ) -> Any:
        recording, other = recorded(function, args, kwargs, layers, where)
        return Emission(self, recording, other, where).run()

    def mask_of_live(self, layer: LiveLayer, inputs: Any, mask: Any) -> Any:
        """The mask of what a live layer gave: as its own ``compute_mask`` says, or as its call left it."""
        live = layer.live
        own = self._masks.get(id(layer)) or []
        if not live.supports_masking or any(m is not None for m in own):
            return _single(own) if own else None
        if type(live).compute_mask is Layer.compute_mask:
            given = to_list(mask)
            return given[0] if len(given) == 1 and len(own) == 1 else None
        if not any(m is not None for m in to_list(mask)):
            given = to_list(inputs)
            if not all(isinstance(x, Value) for x in given):
                return None
        layers = list(live._flatten_layers())
        return self._traced(live.compute_mask, (inputs, mask), {}, layers, _where(live))

    def computed(self, operation: Any, args: Any, kwargs: Any) -> Any:
        """What an operation that the table has not gives for values, by what its ``call`` is made of.

        Raises:
            UnknownOperationError: if that is no operations of Keras.
        """
        kind = type(operation)
        if kind not in self._computing:
            self._computing.add(kind)
            try:
                return self._traced(operation.call, args, kwargs, [], operation.name)
            except LiveModelError as error:
                raise _unknown(operation) from error
            finally:
                self._computing.discard(kind)
        raise _unknown(operation)

    def function(self, own: Callable[..., Any]) -> Callable[..., Any]:
        """A function of values for one of the user's of tensors."""
        name = getattr(own, "__name__", type(own).__name__)

        def function(*args: Any, **kwargs: Any) -> Any:
            return self._traced(own, args, kwargs, [], name)

        function.__name__ = name
        return function

    # --- networks -------------------------------------------------------------------------------------------

    def network(self, live: Any) -> Model:
        """A model for a Functional or Sequential one."""
        graph = live._functional if isinstance(live, keras.Sequential) else live
        values: dict[int, Any] = {}
        with rules.following(WRITER.rules):
            inputs = tree.map_structure(self._input, graph._inputs_struct)
            values.update(zip(map(id, graph.inputs), flat(inputs), strict=True))
            for depth in sorted(graph._nodes_by_depth, reverse=True):
                for node in graph._nodes_by_depth[depth]:
                    self._run(node, values)
            outputs = tree.map_structure(lambda x: values[id(x)], graph._outputs_struct)
            model = Model(_unnested(inputs), _unnested(outputs), name=live.name)
        model.trainable = bool(live.trainable)
        return model

    def subclassed(self, live: Any, inputs: Any = None) -> Model:
        """A model for one whose structure is code.

        Args:
            inputs: what it is called on, arrays or ``keras.InputSpec`` in any form; None for what it was
                called on first.

        Raises:
            ValueError: if it has not been called, and no inputs are given.
        """
        signature = [inputs] if inputs is not None else _signature(live)
        with rules.following(WRITER.rules):
            given = tree.map_structure(_input_of, [signature])[0]
            outputs = self.called(live, given, {})
            tensors = given[0] if len(given) == 1 else given
            return Model(_unnested(tensors), _unnested(outputs), name=live.name)

    def _input(self, tensor: Any) -> Value:
        dtype = self.wide if str(tensor.dtype) in ("float16", "bfloat16") else str(tensor.dtype)
        return Input(batch_shape=tensor.shape, dtype=dtype, name=tensor.name)

    def _run(self, node: Any, values: dict[int, Any]) -> None:
        if not node.operation or node.is_input or any(id(x) not in values for x in node.input_tensors):
            return
        args, kwargs = node.arguments.fill_in(values)
        if isinstance(node.operation, Layer):
            outputs = self.called(node.operation, args, kwargs)
        else:
            outputs = self._operation(node.operation, args, kwargs)
        values.update(zip(map(id, node.outputs), flat(outputs), strict=False))

    def _operation(self, operation: Any, args: Any, kwargs: Any) -> Any:
        """An operation between layers, as a layer."""
        if type(operation).__name__ not in OPERATIONS:
            return self.computed(operation, args, kwargs)
        form = Form([arguments_of(operation, args, kwargs, _kept)], {})
        arguments = form.filled([{"tensor": i} for i in range(len(form.tensors))])[0][0]  # type: ignore[misc]
        name = type(operation).__name__
        if arguments.get("dtype") in ("float16", "bfloat16"):
            arguments["dtype"] = self.wide
        return OperationLayer(name, arguments, name=operation.name)(_single(form.tensors))


def _signature(live: Any) -> list[Any]:
    try:
        return list(get_input_signature(live))
    except ValueError as error:
        raise ValueError(
            f"The model {live.name!r} ({type(live).__name__}) is code, and it is not known what it is called "
            f"on ({error}). Call it once, or give inputs= (arrays, or keras.InputSpec)."
        ) from error


def _input_of(spec: Any) -> Value:
    """An input for an array or an InputSpec."""
    dtype = str(backend.standardize_dtype(spec.dtype or "float32"))
    name = getattr(spec, "name", None)
    return Input(batch_shape=(None, *tuple(spec.shape)[1:]), dtype=dtype, name=name)


def is_network(live: Any) -> bool:
    """Whether a model is a graph of layers, and not code."""
    kind = type(live)
    if isinstance(live, keras.Sequential):
        return kind.call is keras.Sequential.call and getattr(live, "_functional", None) is not None
    return isinstance(live, Functional) and kind.call is Functional.call


def _unknown(operation: Any) -> UnknownOperationError:
    name = type(operation).__name__
    return UnknownOperationError(f"keras.ops's {name!r}, {near_names(name, OPERATIONS)}")


def _where(live: Any) -> str:
    return f"{live.name!r} ({type(live).__name__})"


def _kept(value: Any) -> Any:
    """A tensor of numbers in an operation's arguments, as configurations have it."""
    if isinstance(value, Value | int):
        return value
    array = array_of(value)
    return {"constant": array.tolist(), "dtype": array.dtype.name}


def _for_ours(live: Any, layer: Any, args: Any, kwargs: Any) -> tuple[Any, dict[str, Any]]:
    """The arguments of a call as a layer here takes them: its inputs, and others by name."""
    names = [name for name in inspect.signature(live.call).parameters if name != "self"]
    by_name = {**dict(zip(names, args, strict=False)), **kwargs}
    by_name = {k: v for k, v in by_name.items() if not _says_nothing(v)}
    if isinstance(by_name.get("mask"), dict):
        by_name["mask"] = flat(by_name["mask"])
    if "training" in by_name and not layer._call_takes("training"):
        del by_name["training"]
    inputs = by_name.pop(names[0])
    others = [by_name.pop(name) for name in names[1:3] if name in _INPUTS and name in by_name]
    return ([inputs, *others] if others else inputs), by_name


def _says_nothing(argument: Any) -> bool:
    return isinstance(argument, Training) or all(x is None for x in flat(argument))


#: Arguments behind the first that are inputs to layers here.
_INPUTS = ("value", "key")


def _takes(live: Any, argument: str) -> bool:
    return argument in inspect.signature(live.call).parameters


def _single(tensors: Any) -> Any:
    return tensors[0] if len(tensors) == 1 else list(tensors)


def _unnested(tensors: Any) -> Any:
    """Inputs or outputs as a model here takes them: one, a list, or a dict by names."""
    if isinstance(tensors, dict):
        return tensors if all(isinstance(x, Value) for x in tensors.values()) else flat(tensors)
    return flat(tensors) if isinstance(tensors, list | tuple) else tensors


def _shareable(variable: Any) -> Memory | None:
    """The memory of a variable, if others may write there: a tensor of PyTorch on the CPU, or an array."""
    value = variable._value
    if not hasattr(value, "detach"):
        return (value, lambda: None) if hasattr(value, "flags") else None
    if str(value.device) != "cpu" or str(value.dtype) == "torch.bfloat16":
        return None
    return value.detach().numpy(), lambda: value._version


def translated(live: Any, inputs: Any = None) -> tuple[Model, Links]:
    """A model for a live one, and its weights.

    Args:
        live: a model of stock Keras 3.
        inputs: for a model whose structure is code, what it is called on.

    Raises:
        ValueError: for a model that is not built, or code that cannot be recorded.
    """
    translation = Translation(live)
    if is_network(live):
        return translation.layer(live), translation.links
    model = translation.subclassed(live, inputs)
    return model, translation.links

"""A live model of stock Keras 3 as layers and models of kcompile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import Layer, tree
from keras.src import backend
from keras.src.export.export_utils import get_input_signature
from keras.src.models.functional import Functional

from ...ir import Value
from ...keras import rules
from ...keras.core.input_layer import Input
from ...keras.core.operation_layers import OperationLayer, near_names
from ...keras.operations.rows import OPERATIONS
from ...keras.training.model import Model
from ...keras.utils.generic_utils import to_list
from ..errors import LiveModelError, UnknownOperationError
from ..live_layer import Form, LiveLayer
from ..optimizer_state import OptimizerState, slots_of
from ..translation import Translation, single, takes, where
from ..weights import CopiedNumbers, Links, Objects
from .counterparts import WRITER, Keras3Configurations, computes_in_int8, has_counterpart, objects_of
from .emission import Emission, recorded
from .operations import arguments_of, constant, flat
from .recording import array_of

Memory = tuple[Any, Callable[[], Any]]


class Keras3Translation(Translation):
    """The layers that stand for those of a live model of stock Keras 3.

    Args:
        live: a built model.
        links: none yet; by default those that share memory.
    """

    writer = WRITER
    nest = tree

    def __init__(self, live: Any, links: Links | None = None) -> None:
        if links is None:
            links = Links(array_of, _shareable, lambda variable, array: variable.assign(array))
        super().__init__(live, links)
        self._configurations = Keras3Configurations(self.layer, self.function, self.wide)
        self._masks: dict[int, Any] = {}
        self._computing: set[type] = set()

    @staticmethod
    def is_network(live: Any) -> bool:
        kind = type(live)
        if isinstance(live, keras.Sequential):
            return kind.call is keras.Sequential.call and getattr(live, "_functional", None) is not None
        return isinstance(live, Functional) and kind.call is Functional.call

    def has_counterpart(self, live: Any) -> bool:
        return has_counterpart(live, self._configurations.in_numbers)

    @staticmethod
    def variables_of(live: Any) -> list[tuple[Any, bool, str]]:
        own = (*live._trainable_variables, *live._non_trainable_variables)
        return [(variable, bool(variable.trainable), str(variable.dtype)) for variable in own]

    @staticmethod
    def objects_of(live: Any) -> Objects:
        return objects_of(live)

    @staticmethod
    def is_compiled(live: Any) -> bool:
        return bool(live.compiled)

    @staticmethod
    def optimizer_state(live: Any) -> OptimizerState | None:
        optimizer = getattr(live.optimizer, "inner_optimizer", live.optimizer)
        if not optimizer.built:
            return None
        slots = slots_of(
            [(v.path.split("/", 1)[-1], array_of(v)) for v in optimizer.variables],
            [(v.path.replace("/", "_"), v) for v in optimizer._trainable_variables],
            lambda name, own: name[len(own) + 1 :] if name.startswith(f"{own}_") else None,
        )
        return OptimizerState(
            ("optimizer/iteration", "optimizer/w{i}_{slot}"), array_of(optimizer.iterations), slots
        )

    @staticmethod
    def built_shape(live: Any) -> Any:
        return next(iter((getattr(live, "_build_shapes_dict", None) or {}).values()), None)

    def made(self, live: Any) -> Any:
        return self._configurations.made(live)

    def in_numbers(self, model: Model) -> Model | None:
        if not computes_in_int8(self.live):
            return None
        if model is not self._model:
            raise ValueError(
                f"The model {model.name!r} has layers that Keras quantized, and is not what from_keras made: "
                "give that model, whole."
            )
        again = Keras3Translation(self.live, CopiedNumbers(self._numbers_of))
        again._configurations.take_numbers()
        return again.translated(self.live, self.inputs)

    def _numbers_of(self, variable: Any) -> np.ndarray:
        """The numbers that the model made has in place of a variable."""
        found = self.links.parameter_of(variable)
        return array_of(variable) if found is None else np.array(found.storage.array)

    def constant(self, variable: Any) -> Value:
        return constant(variable)

    # --- calls ----------------------------------------------------------------------------------------------

    def in_line(self, live: Any, args: Any, kwargs: Any) -> Any:
        return self._traced(live.call, args, kwargs, list(live._flatten_layers()), where(live))

    def called_live(self, layer: LiveLayer, args: Any, kwargs: Any) -> Any:
        live = layer.live
        kwargs = {key: value for key, value in kwargs.items() if key != "training" or value is not None}
        if not takes(live, "mask"):
            kwargs.pop("mask", None)
        self._within.append(layer)
        try:
            outputs = self._by_phase(live, tuple(args), kwargs)
        finally:
            self._within.pop()
        self._masks[id(layer)] = [getattr(x, "_keras_mask", None) for x in flat(outputs)]
        return outputs

    def _by_phase(self, live: Any, args: Any, kwargs: Any) -> Any:
        """What a call gives: in training another thing than else, where it asks for that."""
        function = live.quantized_call if getattr(live, "quantization_mode", None) else live.call
        layers = list(live._flatten_layers())
        if not takes(live, "training") or "training" in kwargs:
            return self._traced(function, args, kwargs, layers, where(live))
        return self.in_both_phases(
            lambda phase: self._traced(function, args, {**kwargs, "training": phase}, layers, where(live))
        )

    def _traced(
        self, function: Callable[..., Any], args: Any, kwargs: Any, layers: list[Any], place: str
    ) -> Any:
        recording, other = recorded(function, args, kwargs, layers, place)
        return Emission(self, recording, other, place).run()

    def mask_of_live(self, layer: LiveLayer, inputs: Any, mask: Any) -> Any:
        live = layer.live
        own = self._masks.get(id(layer)) or []
        if not live.supports_masking or any(m is not None for m in own):
            return single(own) if own else None
        if type(live).compute_mask is Layer.compute_mask:
            given = to_list(mask)
            return given[0] if len(given) == 1 and len(own) == 1 else None
        if not any(m is not None for m in to_list(mask)):
            given = to_list(inputs)
            if not all(isinstance(x, Value) for x in given):
                return None
        layers = list(live._flatten_layers())
        return self._traced(live.compute_mask, (inputs, mask), {}, layers, where(live))

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
        graph = live._functional if isinstance(live, keras.Sequential) else live
        values: dict[int, Any] = {}
        with rules.following(WRITER.rules):
            inputs = tree.map_structure(self._input, graph._inputs_struct)
            values.update(zip(map(id, graph.inputs), flat(inputs), strict=True))
            for depth in sorted(graph._nodes_by_depth, reverse=True):
                for node in graph._nodes_by_depth[depth]:
                    self._run(node, values)
            outputs = tree.map_structure(lambda x: values[id(x)], graph._outputs_struct)
            model = Model(self.unnested(inputs), self.unnested(outputs), name=live.name)
        model.trainable = bool(live.trainable)
        return model

    def code(self, live: Any, inputs: Any = None) -> Model:
        signature = [inputs] if inputs is not None else _signature(live)
        with rules.following(WRITER.rules):
            given = tree.map_structure(_input_of, [signature])[0]
            outputs = self.called(live, given, {})
            tensors = given[0] if len(given) == 1 else given
            return Model(self.unnested(tensors), self.unnested(outputs), name=live.name)

    def _input(self, tensor: Any) -> Value:
        return Input(batch_shape=tensor.shape, dtype=self.typed(str(tensor.dtype)), name=tensor.name)

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
        if arguments.get("dtype") is not None:
            arguments["dtype"] = self.typed(arguments["dtype"])
        return OperationLayer(name, arguments, name=operation.name)(single(form.tensors))


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


def _unknown(operation: Any) -> UnknownOperationError:
    name = type(operation).__name__
    return UnknownOperationError(f"keras.ops's {name!r}, {near_names(name, OPERATIONS)}")


def _kept(value: Any) -> Any:
    """A tensor of numbers in an operation's arguments, as configurations have it."""
    if isinstance(value, Value | int):
        return value
    array = array_of(value)
    return {"constant": array.tolist(), "dtype": array.dtype.name}


def _shareable(variable: Any) -> Memory | None:
    """The memory of a variable, if others may write there: a tensor of PyTorch on the CPU, or an array."""
    value = variable._value
    if not hasattr(value, "detach"):
        return (value, lambda: None) if hasattr(value, "flags") else None
    if str(value.device) != "cpu" or str(value.dtype) == "torch.bfloat16":
        return None
    return value.detach().numpy(), lambda: value._version

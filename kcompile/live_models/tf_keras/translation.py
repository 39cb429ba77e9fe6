"""A live model of tf_keras as layers and models of kcompile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras
from tensorflow.python.util import tf_inspect
from tf_keras.src.engine.functional import Functional
from tf_keras.src.engine.keras_tensor import KerasTensor
from tf_keras.src.layers.core.tf_op_layer import TFOpLambda

from ...ir import Value
from ...keras import backend as K
from ...keras import rules
from ...keras.core.call_frames import current_frame
from ...keras.core.input_layer import Input
from ...keras.core.operation_layers import OperationLayer, entry_of_function
from ...keras.training.model import Model
from ..live_layer import Form, LiveLayer
from ..optimizer_state import OptimizerState, slots_of
from ..translation import Translation, single, takes, where
from ..weights import Links, Objects
from .counterparts import WRITER, TfKerasConfigurations, has_counterpart, objects_of
from .emission import Emission, Handle, Variables
from .recording import Recording, follow_phase, operations_of, recorded


class TfKerasTranslation(Translation):
    """The layers that stand for those of a live model of tf_keras.

    Args:
        live: a built model.
    """

    writer = WRITER
    nest = tf.nest

    def __init__(self, live: Any) -> None:
        super().__init__(live, Links(_array_of, lambda variable: None, _assign))
        self._configurations = TfKerasConfigurations(self.layer, self.function, self.wide)
        self._masks: dict[int, Any] = {}
        self._handles = {id(v.handle): v for v in live.variables if hasattr(v, "handle")}

    @staticmethod
    def is_network(live: Any) -> bool:
        kind = type(live)
        if not isinstance(live, Functional) or not live._is_graph_network:
            return False
        return kind.call in (Functional.call, tf_keras.Sequential.call)

    def has_counterpart(self, live: Any) -> bool:
        return has_counterpart(live)

    @staticmethod
    def variables_of(live: Any) -> list[tuple[Any, bool, str]]:
        own = (*live._trainable_weights, *live._non_trainable_weights)
        variables = (v for v in own if isinstance(v, tf.Variable))  # and no tables of words
        return [(v, bool(v.trainable), tf.as_dtype(v.dtype).name) for v in variables]

    @staticmethod
    def objects_of(live: Any) -> Objects:
        return objects_of(live)

    @staticmethod
    def is_compiled(live: Any) -> bool:
        return bool(live._is_compiled)

    @staticmethod
    def optimizer_state(live: Any) -> OptimizerState | None:
        optimizer = getattr(live.optimizer, "inner_optimizer", live.optimizer)
        if isinstance(optimizer, tf_keras.optimizers.legacy.Optimizer):
            raise ValueError("the state of one of tf_keras.optimizers.legacy is not read.")
        if not getattr(optimizer, "_built", False):
            return None

        def slot_of(name: str, own: str) -> str | None:
            return name[: -len(own) - 1].split("/")[-1] if name.endswith(f"/{own}") else None

        slots = slots_of(
            [(v.name.removesuffix(":0"), v.numpy()) for v in optimizer.variables],
            [(v._shared_name, v) for v in live.trainable_variables],
            slot_of,
        )
        return OptimizerState(("iteration:0", "Optimizer/{slot}/w{i}:0"), optimizer.iterations.numpy(), slots)

    @staticmethod
    def built_shape(live: Any) -> Any:
        return getattr(live, "_build_input_shape", None)

    def made(self, live: Any) -> Any:
        return self._configurations.made(live)

    def constant(self, variable: Any) -> Value:
        return K.constant(_array_of(variable))

    # --- calls ----------------------------------------------------------------------------------------------

    def in_line(self, live: Any, args: Any, kwargs: Any) -> Any:
        return self._traced(live, args, kwargs)[0]

    def called_live(self, layer: LiveLayer, args: Any, kwargs: Any) -> Any:
        live = layer.live
        kwargs = {key: x for key, x in kwargs.items() if key not in ("training", "mask") or x is not None}
        if not takes(live, "mask"):
            kwargs.pop("mask", None)
        self._within.append(layer)
        try:
            outputs, masks = self._traced(live, tuple(args), kwargs)
        finally:
            self._within.pop()
        self._masks[id(layer)] = masks
        return outputs

    def mask_of_live(self, layer: LiveLayer, inputs: Any, mask: Any) -> Any:
        own = self._masks.get(id(layer)) or []
        return single(own) if any(m is not None for m in own) else None

    def _traced(self, live: Any, args: Any, kwargs: Any) -> tuple[Any, list[Any]]:
        """What a layer gives for values, and the masks of that."""
        if not takes(live, "training") or "training" in kwargs:
            return self._emitted(recorded(live, args, kwargs, where(live)), where(live))
        training, inference = (
            recorded(live, args, {**kwargs, "training": phase}, where(live)) for phase in (True, False)
        )
        if follow_phase(training, inference):
            _leave_phase_open(training, inference)
            return self._emitted(inference, where(live))
        return self.by_phase(lambda phase: self._emitted(training if phase else inference, where(live)))

    def _emitted(self, recording: Recording, place: str) -> tuple[Any, list[Any]]:
        variables = Variables(self)
        found = {**recording.values, **self._captured(recording.graph)}
        emission = Emission(self, found, recording.calls, variables, place)
        emission.run(operations_of(recording))
        variables.assign()
        frame = current_frame()
        if frame is not None:
            frame.losses.extend(emission.value(x) for x in recording.losses)
        outputs = tf.nest.map_structure(emission.value, recording.outputs)
        return outputs, [emission.value(x) for x in recording.masks]

    def _captured(self, graph: Any) -> dict[str, Any]:
        """What stands for what a graph reads from outside: variables, and numbers."""
        known = {**self._handles, **{id(v.handle): v for v in graph.variables}}
        return {
            inner.name: Handle(known[id(outer)]) if id(outer) in known else outer.numpy()
            for outer, inner in graph.captures
            if id(outer) in known or outer.dtype not in (tf.resource, tf.variant)
        }

    def function(self, own: Callable[..., Any]) -> Callable[..., Any]:
        """A function of values for one of the user's of tensors."""
        name = getattr(own, "__name__", type(own).__name__)

        def function(*args: Any, **kwargs: Any) -> Any:
            return self._emitted(recorded(own, args, kwargs, name), name)[0]

        function.__name__ = name
        return function

    # --- networks -------------------------------------------------------------------------------------------

    def network(self, live: Any) -> Model:
        values: dict[int, Any] = {}
        with rules.following(WRITER.rules):
            inputs = tf.nest.map_structure(self._input, live._nested_inputs)
            values.update(zip(map(id, live.inputs), tf.nest.flatten(inputs), strict=True))
            for depth in sorted(live._nodes_by_depth, reverse=True):
                for node in live._nodes_by_depth[depth]:
                    self._run(node, values)
            outputs = tf.nest.map_structure(lambda x: values[id(x)], live._nested_outputs)
            model = Model(self.unnested(inputs), self.unnested(outputs), name=live.name)
        model.trainable = bool(live.trainable)
        return model

    def code(self, live: Any, inputs: Any) -> Model:
        signature = [inputs] if inputs is not None else _signature(live)
        with rules.following(WRITER.rules):
            given = tf.nest.map_structure(self._input_of, signature)
            outputs = self.called(live, given, {})
            tensors = given[0] if len(given) == 1 else given
            return Model(self.unnested(tensors), self.unnested(outputs), name=live.name)

    def _input(self, tensor: Any) -> Value:
        dtype = self.typed(tf.as_dtype(tensor.dtype).name)
        return Input(batch_shape=tuple(tensor.shape.as_list()), dtype=dtype, name=tensor.name)

    def _input_of(self, spec: Any) -> Value:
        """An input for an array, a tensor or a TensorSpec."""
        dtype = self.typed(tf.as_dtype(spec.dtype).name)
        return Input(batch_shape=(None, *tuple(spec.shape)[1:]), dtype=dtype, name=_name_of(spec))

    def _run(self, node: Any, values: dict[int, Any]) -> None:
        tensors = [x for x in tf.nest.flatten((node.call_args, node.call_kwargs)) if _is_symbolic(x)]
        if node.is_input or any(id(x) not in values for x in tensors):
            return
        args, kwargs = tf.nest.map_structure(
            lambda x: self._argument(x, values), (list(node.call_args), dict(node.call_kwargs))
        )
        if isinstance(node.layer, TFOpLambda):
            outputs = self._operation(node.layer, args, kwargs)
        else:
            outputs = self.called(node.layer, args, kwargs)
        values.update(zip(map(id, tf.nest.flatten(node.outputs)), tf.nest.flatten(outputs), strict=False))

    def _argument(self, x: Any, values: dict[int, Any]) -> Any:
        if _is_symbolic(x):
            return values[id(x)]
        if isinstance(x, tf.Variable):
            return self.parameter(x)
        return x

    def _operation(self, live: Any, args: Any, kwargs: Any) -> Any:
        """A function between layers, as a layer."""
        try:
            return _by_table(live, args, kwargs)
        except (ValueError, TypeError, KeyError, NotImplementedError):
            return self.called(live, args, kwargs)


def _by_table(live: Any, args: Any, kwargs: Any) -> Any:
    form = Form(args, kwargs)
    given, named = form.filled([{"tensor": i} for i in range(len(form.tensors))])  # type: ignore[misc]
    signature = tf_inspect.signature(live.function)
    bound = signature.bind(*given, **named).arguments
    arguments = {key: _in_files(x) for key, x in bound.items() if key != "name"}
    symbol = str(live.symbol).removeprefix("compat.v1.")
    entry = entry_of_function({"name": live.name}, symbol, arguments, [])["config"]
    layer = OperationLayer(entry["operation"], entry["arguments"], name=live.name)
    return layer(single(form.tensors))


def _in_files(x: Any) -> Any:
    """An argument of a function as files have it."""
    if isinstance(x, slice):
        return {"start": x.start, "stop": x.stop, "step": x.step}
    if x is Ellipsis:
        return {"class_name": "__ellipsis__"}
    if isinstance(x, tf.DType):
        return x.name
    if isinstance(x, tf.TensorShape):
        return x.as_list()
    if tf.is_tensor(x) or isinstance(x, np.ndarray | np.generic):
        array = np.asarray(x)
        return {"constant": array.tolist(), "dtype": array.dtype.name} if array.ndim else array.item()
    if isinstance(x, list | tuple):
        return [_in_files(entry) for entry in x]
    if isinstance(x, dict):
        return {key: _in_files(entry) for key, entry in x.items()}
    return x


def _leave_phase_open(training: Recording, inference: Recording) -> None:
    """Takes away the ``training`` of calls within that is the one handed on."""
    pairs = zip(training.calls.values(), inference.calls.values(), strict=True)
    for one, other in pairs:
        if one.kwargs.get("training") is not other.kwargs.get("training"):
            other.kwargs = {key: x for key, x in other.kwargs.items() if key != "training"}


def _signature(live: Any) -> list[Any]:
    try:
        spec = live.save_spec()
    except (ValueError, AttributeError):
        spec = None
    if spec is None:
        raise ValueError(
            f"The model {live.name!r} ({type(live).__name__}) is code, and it is not known what it is called "
            "on. Call it once, or give inputs= (arrays, or tf.TensorSpec)."
        )
    return list(spec[0])


def _name_of(spec: Any) -> str | None:
    name = getattr(spec, "name", None) if isinstance(spec, tf.TensorSpec) else None
    return name.split("/")[0] if name else None


def _is_symbolic(x: Any) -> bool:
    return isinstance(x, KerasTensor)


def _array_of(variable: Any) -> np.ndarray:
    return np.asarray(variable.numpy())


def _assign(variable: Any, array: np.ndarray) -> None:
    variable.assign(array)

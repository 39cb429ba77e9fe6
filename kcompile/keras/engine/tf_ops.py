"""TFOpLambda and SlicingOpLambda: how tf.keras 2 writes plain arithmetic between layers.

A file names the function; the table here says which operators that is. Nothing is looked up anywhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .. import activations
from .. import backend as K
from ..utils.generic_utils import close_names
from .base_layer import Layer

_CLASSES = ("TFOpLambda", "SlicingOpLambda")
_CONSTANT = "_CONSTANT_VALUE"


def _tensor(value: Any) -> Any:
    return K.constant(np.asarray(value)) if isinstance(value, list) else value


def _binary(function: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    return lambda x, y, name=None: function(_tensor(x), _tensor(y))


def _unary(function: Callable[[Any], Any]) -> Callable[..., Any]:
    return lambda x=None, name=None, features=None: function(x if x is not None else features)


def _reduction(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda input_tensor, axis=None, keepdims=False, name=None: function(
        input_tensor, axis=axis, keepdims=bool(keepdims)
    )


def _matmul(
    a: Any, b: Any, transpose_a: bool = False, transpose_b: bool = False, name: Any = None, **other: Any
) -> Any:
    if transpose_a or transpose_b or any(other.values()):
        raise ValueError(
            "tf.linalg.matmul of the file transposes or adjoins its arguments, which is not read."
        )
    a, b = _tensor(a), _tensor(b)
    return K.dot(a, b) if K.ndim(b) == 2 else K.batch_dot(a, b)


def _getitem(tensor: Any, slice_spec: Any, var: Any = None) -> Any:
    spec = slice_spec if isinstance(slice_spec, list) else [slice_spec]
    return tensor[tuple(_index(entry) for entry in spec)]


def _index(entry: Any) -> Any:
    if isinstance(entry, Mapping) and entry.get("value") == "Ellipsis":
        return Ellipsis
    if isinstance(entry, Mapping):
        return slice(entry.get("start"), entry.get("stop"), entry.get("step"))
    if entry is None or isinstance(entry, int):
        return entry
    raise ValueError(f"The index {entry!r} of a slice in the file is not read; whole numbers and slices are.")


def _cast(x: Any, dtype: str, name: Any = None) -> Any:
    return K.cast(x, str(dtype).removeprefix("<dtype: '").removesuffix("'>"))


def _transpose(a: Any, perm: Any = None, conjugate: bool = False, name: Any = None) -> Any:
    return K.permute_dimensions(a, perm if perm is not None else list(range(K.ndim(a)))[::-1])


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "__operators__.add": _binary(lambda x, y: x + y),
    "__operators__.getitem": _getitem,
    "math.add": _binary(lambda x, y: x + y),
    "math.subtract": _binary(lambda x, y: x - y),
    "math.multiply": _binary(lambda x, y: x * y),
    "math.truediv": _binary(lambda x, y: x / y),
    "math.divide": _binary(lambda x, y: x / y),
    "math.pow": _binary(lambda x, y: x**y),
    "math.maximum": _binary(K.maximum),
    "math.minimum": _binary(K.minimum),
    "math.negative": _unary(lambda x: -x),
    "math.abs": _unary(K.abs),
    "math.sqrt": _unary(K.sqrt),
    "math.square": _unary(K.square),
    "math.exp": _unary(K.exp),
    "math.log": _unary(K.log),
    "math.sin": _unary(K.sin),
    "math.cos": _unary(K.cos),
    "math.sigmoid": _unary(K.sigmoid),
    "math.tanh": _unary(K.tanh),
    "math.softplus": _unary(K.softplus),
    "nn.relu": _unary(K.relu),
    "nn.relu6": _unary(lambda x: K.clip(x, 0.0, 6.0)),
    "nn.sigmoid": _unary(K.sigmoid),
    "nn.tanh": _unary(K.tanh),
    "nn.silu": lambda features, beta=1.0: features * K.sigmoid(beta * features),
    "nn.softmax": lambda logits, axis=-1, name=None: activations.softmax(
        logits, -1 if axis is None else axis
    ),
    "math.reduce_mean": _reduction(K.mean),
    "math.reduce_sum": _reduction(K.sum),
    "math.reduce_max": _reduction(K.max),
    "math.reduce_min": _reduction(K.min),
    "concat": lambda values, axis, name=None: K.concatenate(values, axis),
    "stack": lambda values, axis=0, name=None: K.stack(values, axis),
    "reshape": lambda tensor, shape, name=None: K.reshape(tensor, shape),
    "expand_dims": lambda input, axis, name=None: K.expand_dims(input, axis),
    "squeeze": lambda input, axis, name=None: K.squeeze(input, axis),
    "transpose": _transpose,
    "cast": _cast,
    "identity": _unary(lambda x: x),
    "clip_by_value": lambda t, clip_value_min, clip_value_max, name=None: K.clip(
        t, clip_value_min, clip_value_max
    ),
    "linalg.matmul": _matmul,
}


class TFOpLambda(Layer):
    """One function of TensorFlow, from the table of this module.

    Args:
        function: its name without ``tf.``.
        template: ``args`` and ``kwargs`` of the call, with ``{"tensor": i}`` for the i-th input.

    Raises:
        ValueError: for a function that is not in the table.
    """

    def __init__(self, function: str, template: Mapping[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.function = function
        self.template = dict(template)
        name = function.removeprefix("compat.v1.")
        if name not in _FUNCTIONS:
            near = close_names(name, _FUNCTIONS)
            raise ValueError(
                f"Layer {self.name!r} of the file is tf.{function}, which is not read here"
                f"{' (near: ' + ', '.join(near) + ')' if near else ''}. Give a class for it: "
                "custom_objects={'TFOpLambda': ...}."
            )
        self._apply = _FUNCTIONS[name]

    def call(self, inputs: Any) -> Any:
        tensors = inputs if isinstance(inputs, list) else [inputs]

        def filled(value: Any) -> Any:
            if isinstance(value, Mapping) and set(value) == {"tensor"}:
                return tensors[value["tensor"]]
            if isinstance(value, Mapping):
                return {key: filled(entry) for key, entry in value.items()}
            return [filled(entry) for entry in value] if isinstance(value, list) else value

        return self._apply(*filled(self.template["args"]), **filled(self.template["kwargs"]))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "function": self.function, "template": self.template}


def with_templates(config: Any) -> Any:
    """A configuration in which the calls of such layers take tensors alone; all else is in their template."""
    if isinstance(config, list):
        return [with_templates(entry) for entry in config]
    if not isinstance(config, Mapping):
        return config
    result = {key: with_templates(entry) for key, entry in config.items()}
    if config.get("class_name") in _CLASSES and isinstance(config.get("inbound_nodes"), list):
        inner = result.get("config")
        if isinstance(inner, dict) and "template" not in inner and result["inbound_nodes"]:
            return _with_template(result, inner)
    return result


def _with_template(layer: dict[str, Any], config: dict[str, Any]) -> dict[str, Any]:
    calls = layer["inbound_nodes"]
    if len(calls) != 1:
        name = config.get("name")
        raise ValueError(f"The layer {name!r} of the file is called {len(calls)} times; once is read.")
    places: list[list[Any]] = []

    def marked(value: Any) -> Any:
        if isinstance(value, list) and len(value) in (3, 4) and isinstance(value[0], str):
            if value[0] == _CONSTANT:
                return value[2]
            places.append([*value[:3], {}])
            return {"tensor": len(places) - 1}
        if isinstance(value, Mapping):
            return {key: marked(entry) for key, entry in value.items()}
        return [marked(entry) for entry in value] if isinstance(value, list) else value

    call = calls[0]
    several = isinstance(call[0], list)
    arguments = (call[0] if several else call)[3]
    first = [marked(entry[:3]) for entry in call] if several else marked(call[:3])
    template = {"args": [first], "kwargs": marked(arguments)}
    config = {key: entry for key, entry in config.items() if key != "dtype"}
    return {
        **layer,
        "class_name": "TFOpLambda",
        "config": {**config, "template": template},
        "inbound_nodes": [places],
    }


#: Classes that only files name.
CLASSES = {"TFOpLambda": TFOpLambda}

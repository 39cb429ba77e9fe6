"""``op.Conv(x, kernel, strides=[2, 2])``: any operator of the ONNX standard set, applied to values.

Inputs and attributes are checked against the operator's schema, and the types and shapes of the outputs
come from ONNX's own inference. Python numbers, lists and arrays given as inputs become constants of the type
that the operator asks for. The five operators that ONNX lacks live in the domain ``kcompile``; slicing a
graph for a phase removes ``Phase``, and none of them ever reaches an exported file:

- ``Phase(train, inference)``: one of the two, chosen when the graph is sliced.
- ``StopGradient(x)``: x, through which no gradient flows.
- ``Print(x, message)``: x, printed whenever it is computed.
- ``Gradient(y, x1, ..., xn)``: the gradients of sum(y) with respect to x1 ... xn.
- ``OwnGradient(xs, ys, backward)``: ys, through which gradients flow to xs as a body says.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import defs

from .dtypes import as_dtype, from_onnx, from_type_str, to_onnx
from .eager import interpreter_for
from .errors import OperatorError
from .inference import OPSET, describe, infer
from .scope import current_device, current_precision, current_scope
from .values import Constant, Node, Shape, Value

if TYPE_CHECKING:
    from .operators import Operators
else:
    Operators = object

KCOMPILE_DOMAIN = "kcompile"

_Variadic = defs.OpSchema.FormalParameterOption.Variadic
_Optional = defs.OpSchema.FormalParameterOption.Optional


@cache
def schema_of(op_type: str) -> defs.OpSchema:
    """The ONNX schema of an operator in the IR's operator set.

    Raises:
        OperatorError: if the standard has no such operator.
    """
    try:
        return defs.get_schema(op_type, OPSET, "")
    except defs.SchemaError:
        raise OperatorError(
            f"{op_type} is not an operator of the ONNX standard set, version {OPSET}"
        ) from None


@cache
def default_outputs(op_type: str) -> int:
    """How many outputs an operator has unless told: those that are not optional, at least one."""
    return max(1, sum(output.option != _Optional for output in schema_of(op_type).outputs))


class Emitter(Operators):
    """The operators as methods: ``op.Add(a, b)``, ``op.LSTM(x, w, r, b, hidden_size=8, outputs=3)``.

    The keyword ``outputs`` says how many outputs are wanted where the operator has optional or any number of
    them. A single output is returned as a Value, several as a tuple. Type checkers and editors read each
    operator's inputs and attributes in ``operators.pyi``.
    """

    if not TYPE_CHECKING:

        def __getattr__(self, op_type: str) -> Callable[..., Any]:
            schema_of(op_type)  # an unknown name fails here

            def emit_operator(*inputs: Any, outputs: int | None = None, **attributes: Any) -> Any:
                return emit(op_type, inputs, attributes, outputs)

            emit_operator.__name__ = op_type
            setattr(self, op_type, emit_operator)
            return emit_operator

    def Phase(self, train: Value, inference: Value, owner: Hashable | None = None) -> Value:
        """``train`` while training, ``inference`` otherwise; slicing for a phase keeps one branch.

        Args:
            owner: whom slicing asks: a graph sliced with this owner among its ``frozen`` keeps the
                inference branch in training too (a BatchNormalization that is not trainable).
        """
        at_once = interpreter_for((train, inference))
        if at_once is not None:
            return train if at_once.training else inference
        dtype, shape = inference.dtype, _common_shape(train.dims, inference.dims)
        if train.dtype != dtype:
            raise OperatorError(
                describe(
                    "Phase", (train, inference), {}, current_scope(), "the two branches have different dtypes"
                )
            )
        attributes = {} if owner is None else {"owner": owner}
        return _emit_own("Phase", (train, inference), [(dtype, shape)], attributes)[0]

    def StopGradient(self, x: Value) -> Value:
        """``x``, through which no gradient flows."""
        return _emit_own("StopGradient", (x,), [(x.dtype, x.dims)])[0]

    def Print(self, x: Value, message: str = "", summarize: int = 3) -> Value:
        """``x``, which is printed behind the message whenever it is computed; a file has nothing of it.

        Args:
            summarize: how many elements at each end of an axis are shown; -1 for all.
        """
        attributes = {"message": message, "summarize": summarize}
        return _emit_own("Print", (x,), [(x.dtype, x.dims)], attributes)[0]

    def Gradient(self, y: Value, *xs: Value) -> tuple[Value, ...]:
        """The gradient of ``sum(y)`` with respect to each of ``xs``; zeros for those it does not depend
        on."""
        return _emit_own("Gradient", (y, *xs), [(x.dtype, x.dims) for x in xs])

    def OwnGradient(self, xs: Sequence[Value], ys: Sequence[Value], backward: Any) -> tuple[Value, ...]:
        """``ys``, whose gradients arrive at ``xs`` alone: ``backward``, a Body, computes those of each of
        ``xs`` from the gradients of ``ys``."""
        attributes = {"backward": backward, "sources": len(xs)}
        return _emit_own("OwnGradient", (*xs, *ys), [(y.dtype, y.dims) for y in ys], attributes)


op = Emitter()

_READ_AS: ContextVar[Mapping[Value, Value]] = ContextVar("kcompile_read_as", default={})  # noqa: B039


def current_readings() -> Mapping[Value, Value]:
    """What ``reading_as`` has in force here."""
    return _READ_AS.get()


@contextmanager
def reading_as(values: Mapping[Value, Value]) -> Iterator[None]:
    """Within, operators that are emitted on a key of ``values`` read what it maps to: variables that have a
    new value by then."""
    token = _READ_AS.set(values)
    try:
        yield
    finally:
        _READ_AS.reset(token)


Operands = Callable[[str, list["Value | None"], Mapping[str, Any]], list["Value | None"]]

_OPERANDS: ContextVar[Operands | None] = ContextVar("kcompile_operands", default=None)


@contextmanager
def operands_through(function: Operands | None) -> Iterator[None]:
    """Within, standard operators read what a function makes of their operands: it is given the operator's
    name, its operands and its attributes. None lifts an outer one, as for what the function itself emits."""
    token = _OPERANDS.set(function)
    try:
        yield
    finally:
        _OPERANDS.reset(token)


def emit(
    op_type: str, inputs: Sequence[Any], attributes: Mapping[str, Any], outputs: int | None = None
) -> Value | tuple[Value, ...]:
    """Applies one standard operator.

    Args:
        op_type: the operator's name.
        inputs: values, Python numbers, lists or arrays; None for an omitted optional input.
        attributes: by name; those that are None are left out.
        outputs: number of outputs, None for all that are not optional.

    Raises:
        OperatorError: if the schema does not allow this.
    """
    schema = schema_of(op_type)
    attributes = {k: v for k, v in attributes.items() if v is not None}
    values = _as_values(schema, inputs)
    replaced = _READ_AS.get()
    if replaced:
        values = [x if x is None else replaced.get(x, x) for x in values]
    through = _OPERANDS.get()
    if through is not None:
        values = through(op_type, values, attributes)
    scope = current_scope()
    check_node(schema, values, attributes, scope)
    if op_type == "Cast" and current_precision() is not None:
        declared = declared_type(from_onnx(int(attributes["to"])))
        if values[0] is not None and values[0].dtype == declared:
            return values[0]
        attributes["to"] = to_onnx(declared)
    count = default_outputs(op_type) if outputs is None else outputs
    at_once = interpreter_for(values)
    if at_once is not None:
        computed = at_once.compute(op_type, "", values, attributes, count)
        return computed[0] if count == 1 else computed
    types = infer(schema, values, attributes, count, scope)
    node = Node(op_type, values, attributes, types, "", scope, current_device(), current_precision())
    return node.outputs[0] if len(node.outputs) == 1 else node.outputs


def declared_type(dtype: np.dtype) -> np.dtype:
    """The type of a value that is wanted in this one: float32 for the half precision that nodes are computed
    in now, else itself."""
    precision = current_precision()
    return np.dtype(np.float32) if precision is not None and dtype == as_dtype(precision) else dtype


def as_value(x: Any, like: Value | None = None) -> Value:
    """x itself if it is a Value, else a Constant.

    Args:
        like: where given, a number, list or array takes its dtype. Otherwise floats become float32,
            ints int64, and arrays keep their dtype.
    """
    x = tensor_for(x)
    if isinstance(x, Value):
        return x
    return Constant(_constant_array(x, None if like is None else like.dtype))


def tensor_for(x: Any) -> Any:
    """The value that an object stands for, which it gives by ``__ir_value__()``, as variables of stock Keras
    do; anything else as it is."""
    method = getattr(type(x), "__ir_value__", None)
    return x if method is None else method(x)


_DEFAULT_DTYPES: dict[str, np.dtype] = {"f": np.dtype(np.float32), "i": np.dtype(np.int64)}


def _constant_array(x: Any, dtype: np.dtype | None) -> np.ndarray:
    array = np.asarray(x)
    if dtype is None:
        if isinstance(x, np.ndarray | np.generic):
            return array
        dtype = _DEFAULT_DTYPES.get(array.dtype.kind)
        if dtype is None:
            return array
    if dtype.kind == "O":
        return array.astype(object)
    if array.dtype.kind == "f" and np.dtype(dtype).kind in "iub" and not np.all(array == np.floor(array)):
        raise OperatorError(
            f"the number {x!r} would be cut off as {np.dtype(dtype).name}; cast the tensor first"
        )
    return array.astype(dtype)


def _as_values(schema: defs.OpSchema, inputs: Sequence[Any]) -> list[Value | None]:
    """Turns what was given into values; constants take the dtype that the schema asks for at their place."""
    inputs = list(inputs)
    while inputs and inputs[-1] is None:
        inputs.pop()
    if all(x is None or isinstance(x, Value) for x in inputs):
        return inputs
    inputs = [tensor_for(x) for x in inputs]
    formal = [_formal(schema, i) for i in range(len(inputs))]
    known = {
        f.type_str: x for f, x in zip(formal, inputs, strict=True) if f is not None and isinstance(x, Value)
    }
    values: list[Value | None] = []
    for parameter, x in zip(formal, inputs, strict=True):
        if x is None or isinstance(x, Value) or parameter is None:
            values.append(x if x is None else as_value(x))
        elif parameter.type_str in known:
            values.append(as_value(x, like=known[parameter.type_str]))
        else:
            values.append(Constant(_constant_array(x, from_type_str(parameter.type_str))))
    return values


def _formal(schema: defs.OpSchema, i: int) -> defs.OpSchema.FormalParameter | None:
    if i < len(schema.inputs):
        return schema.inputs[i]
    if schema.inputs and schema.inputs[-1].option == _Variadic:
        return schema.inputs[-1]
    return None


def check_node(
    schema: defs.OpSchema, inputs: Sequence[Value | None], attributes: Mapping[str, Any], scope: str
) -> None:
    """Arity, names of attributes and required ones; types are checked by inference.

    Raises:
        OperatorError: if the schema does not allow them.
    """
    problem = _problem(schema, tuple([x is not None for x in inputs]), tuple(attributes))
    if problem:
        raise OperatorError(describe(schema.name, inputs, attributes, scope, problem))


@lru_cache(4096)
def _problem(schema: defs.OpSchema, given: tuple[bool, ...], attributes: tuple[str, ...]) -> str:
    """What a schema has against inputs of which these are given, and against these attributes."""
    unknown = [name for name in attributes if name not in schema.attributes]
    missing = [name for name, a in schema.attributes.items() if a.required and name not in attributes]
    omitted = [
        parameter.name
        for i, parameter in enumerate(schema.inputs)
        if parameter.option == defs.OpSchema.FormalParameterOption.Single
        and (i >= len(given) or not given[i])
    ]
    if unknown:
        return f"unknown attribute {unknown[0]!r}; it has {', '.join(sorted(schema.attributes)) or 'none'}"
    if missing:
        return f"the attribute {missing[0]!r} is required"
    if omitted:
        return f"the input {omitted[0]!r} is required"
    if len(given) > schema.max_input:
        return f"{len(given)} inputs given, at most {schema.max_input} allowed"
    return ""


def _emit_own(
    op_type: str,
    inputs: Sequence[Value],
    types: Sequence[tuple[np.dtype, Shape]],
    attributes: Mapping[str, Any] | None = None,
) -> tuple[Value, ...]:
    at_once = interpreter_for(inputs)
    if at_once is not None:
        return at_once.compute(op_type, KCOMPILE_DOMAIN, inputs, attributes or {}, len(types))
    return Node(
        op_type,
        inputs,
        attributes or {},
        types,
        domain=KCOMPILE_DOMAIN,
        scope=current_scope(),
        device=current_device(),
        precision=current_precision(),
    ).outputs


def _common_shape(a: Shape, b: Shape) -> Shape:
    """What is true of both shapes: axes on which they differ are unknown."""
    if a is None or b is None or len(a) != len(b):
        return None
    return tuple(x if x == y else None for x, y in zip(a, b, strict=True))

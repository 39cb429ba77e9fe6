"""Types and shapes of a node's outputs, by ONNX's own inference."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import onnx
from onnx import helper, numpy_helper, shape_inference
from onnx.defs import OpSchema

from .bounds import problem_with
from .computed_sizes import known_numbers, refined
from .dtypes import from_onnx, to_onnx
from .errors import OperatorError
from .values import Constant, Shape, Value, format_type

OPSET = 21
"""The version of the ONNX standard operator set that the IR speaks."""

# Constants up to this many elements are shown to inference: shapes, axes, pads, repeats.
_MAX_DATA_ELEMENTS = 64


def type_proto(value: Value) -> onnx.TypeProto:
    """The ONNX type of a value."""
    return helper.make_tensor_type_proto(to_onnx(value.dtype), value.dims)


def shape_of(proto: onnx.TypeProto) -> tuple[np.dtype, Shape]:
    """dtype and shape of an ONNX tensor type.

    Raises:
        OperatorError: for sequences, maps and optionals, which the IR does not carry.
    """
    if not proto.HasField("tensor_type"):
        raise OperatorError(f"only tensors are supported, found a value of type {proto.WhichOneof('value')}")
    tensor = proto.tensor_type
    dtype = from_onnx(tensor.elem_type)
    if not tensor.HasField("shape"):
        return dtype, None
    return dtype, tuple(_size_of(dim) for dim in tensor.shape.dim)


def _size_of(dim: onnx.TensorShapeProto.Dimension) -> int | str | None:
    """PaddlePaddle writes -1 for an axis of any size."""
    if dim.HasField("dim_value"):
        return dim.dim_value if dim.dim_value >= 0 else None
    return dim.dim_param or None


def _kind_name(schema: OpSchema, attribute: str) -> str:
    kind: Any = schema.attributes[attribute].type
    return kind.name


def attribute_proto(name: str, value: Any, schema: OpSchema) -> onnx.AttributeProto:
    """One attribute as ONNX stores it; a Body becomes a graph with only its signature (enough for
    inference)."""
    kind = onnx.AttributeProto.AttributeType.Value(_kind_name(schema, name))
    if kind == onnx.AttributeProto.GRAPH:
        value = value.signature_proto()
    elif kind == onnx.AttributeProto.TENSOR and isinstance(value, np.ndarray):
        value = numpy_helper.from_array(value)
    elif kind == onnx.AttributeProto.FLOAT:
        value = float(value)
    elif kind == onnx.AttributeProto.INT:
        value = int(value)
    elif kind == onnx.AttributeProto.INTS:
        value = [int(v) for v in value]
    elif kind == onnx.AttributeProto.FLOATS:
        value = [float(v) for v in value]
    return helper.make_attribute(name, value, attr_type=kind)


def infer(
    schema: OpSchema,
    inputs: Sequence[Value | None],
    attributes: Mapping[str, Any],
    num_outputs: int,
    where: str,
) -> list[tuple[np.dtype, Shape]]:
    """dtype and shape of each output of an operator.

    Raises:
        OperatorError: if the specification does not allow these inputs or attributes; the message says
            which operator, on which types, emitted where.
    """
    results = []
    for i, known in enumerate(infer_known(schema, inputs, attributes, num_outputs, where)):
        if known is None:
            raise OperatorError(
                describe(schema.name, inputs, attributes, where, f"output {i} has no type here")
            )
        results.append(known)
    return results


def infer_known(
    schema: OpSchema,
    inputs: Sequence[Value | None],
    attributes: Mapping[str, Any],
    num_outputs: int,
    where: str,
    opset: int = OPSET,
) -> list[tuple[np.dtype, Shape] | None]:
    """As ``infer``, in any version of the operator set; None for an output whose type it does not tell."""
    shapes = [None if value is None else value.dims for value in inputs]
    if problem := problem_with(schema.name, attributes, shapes, num_outputs):
        raise OperatorError(describe(schema.name, inputs, attributes, where, problem))
    asked = _Asked(schema, inputs, dict(_data(inputs)), attributes, num_outputs, opset)
    numbers = _numbered(shapes)
    question = asked.question(numbers)
    told = _recalled(question, list(numbers))
    if told is None:
        try:
            told = asked.answer()
        except (
            onnx.shape_inference.InferenceError,
            onnx.checker.ValidationError,
            TypeError,
            ValueError,
        ) as error:
            raise OperatorError(describe(schema.name, inputs, attributes, where, str(error))) from error
        _remember(question, told, numbers)
    results = []
    for i, known in enumerate(told):
        if known is not None and any(isinstance(size, int) and size < 0 for size in known[1] or ()):
            # ONNX's own code ends the process where a later node has such an input
            problem = f"output {i} would have the shape {known[1]}"
            raise OperatorError(describe(schema.name, inputs, attributes, where, problem))
        results.append(known and (known[0], refined(schema.name, inputs, known[1])))
    return results


Answer = list[tuple[np.dtype, Shape] | None]

#: What ONNX told, by what it was asked: networks repeat their layers, and asking is slow. Open sizes go by
#: number, as models have names of their own for them.
_ANSWERS: dict[tuple[Any, ...], Answer] = {}
_MOST_ANSWERS = 4096


def _recalled(question: tuple[Any, ...] | None, sizes: Sequence[str]) -> Answer | None:
    """What ONNX told before, with these open sizes."""
    answer = _ANSWERS.get(question) if question else None
    return None if answer is None else _renamed(answer, lambda number: sizes[int(number)])


def _remember(question: tuple[Any, ...] | None, told: Answer, numbers: Mapping[str, int]) -> None:
    own = {size for known in told if known for size in known[1] or () if isinstance(size, str)}
    if question is None or not own <= set(numbers):
        return
    if len(_ANSWERS) >= _MOST_ANSWERS:
        _ANSWERS.clear()
    _ANSWERS[question] = _renamed(told, lambda size: str(numbers[size]))


def _renamed(answer: Answer, name: Callable[[str], str]) -> Answer:
    return [known and (known[0], _with_sizes(known[1], name)) for known in answer]


def _with_sizes(shape: Shape, name: Callable[[str], str]) -> Shape:
    """A shape with other names of its open sizes."""
    return None if shape is None else tuple([name(size) if isinstance(size, str) else size for size in shape])


def _numbered(shapes: Iterable[Shape]) -> dict[str, int]:
    """Open sizes in the order in which they come first, with their numbers."""
    sizes = [size for shape in shapes for size in shape or () if isinstance(size, str)]
    return {size: number for number, size in enumerate(dict.fromkeys(sizes))}


class _Asked(NamedTuple):
    """What ONNX is asked: an operator, its inputs, those of them whose numbers are known, its attributes."""

    schema: OpSchema
    inputs: Sequence[Value | None]
    data: Mapping[int, np.ndarray]
    attributes: Mapping[str, Any]
    num_outputs: int
    opset: int

    def answer(self) -> Answer:
        """Types and shapes of the outputs, as ONNX infers them; None for what it does not tell."""
        names = ["" if value is None else f"i{i}" for i, value in enumerate(self.inputs)]
        outputs = [f"o{i}" for i in range(self.num_outputs)]
        schema = self.schema
        node = onnx.NodeProto(op_type=schema.name, domain=schema.domain, input=names, output=outputs)
        node.attribute.extend(attribute_proto(k, v, schema) for k, v in self.attributes.items())
        found = shape_inference.infer_node_outputs(
            schema,
            node,
            {n: type_proto(v) for n, v in zip(names, self.inputs, strict=True) if v is not None},
            {names[i]: numpy_helper.from_array(array) for i, array in self.data.items()},
            opset_imports=[helper.make_opsetid("", self.opset)],
            ir_version=10,
        )
        return [shape_of(found[name]) if name in found else None for name in outputs]

    def question(self, numbers: Mapping[str, int]) -> tuple[Any, ...] | None:
        """All of it, to be compared; None where an attribute is a graph or has much in it.

        But for seeds: no type depends on them, and each model has its own.

        Args:
            numbers: of open sizes.
        """
        told = [(key, value) for key, value in self.attributes.items() if key != "seed"]
        plain = [(key, _plain(value)) for key, value in (*told, *self.data.items())]
        if any(value is None for _, value in plain):
            return None
        types = [
            None if value is None else (value.dtype, _with_sizes(value.dims, lambda size: str(numbers[size])))
            for value in self.inputs
        ]
        schema = self.schema
        return (
            schema.name,
            schema.domain,
            schema.since_version,
            self.opset,
            self.num_outputs,
            *plain,
            *types,
        )


def _plain(value: Any) -> Any:
    """The value as what can be compared and hashed, None if it is not small and plain."""
    if isinstance(value, np.ndarray):
        few = value.size <= _MAX_DATA_ELEMENTS and value.dtype.kind != "O"
        return (value.dtype, value.shape, value.tobytes()) if few else None
    if isinstance(value, (list, tuple)):
        few = 0 < len(value) <= _MAX_DATA_ELEMENTS
        plain = few and all(isinstance(v, (int, float, str, bytes)) for v in value)
        return (type(value[0]), *value) if plain else None
    return (type(value), value) if isinstance(value, (int, float, str, bytes)) else None


def _data(inputs: Sequence[Value | None]) -> Iterator[tuple[int, np.ndarray]]:
    """The places of inputs whose numbers are known and few: shapes, axes, pads, repeats."""
    for i, value in enumerate(inputs):
        if not isinstance(value, Constant):
            continue
        if value.array.size <= _MAX_DATA_ELEMENTS and value.dtype.kind != "O":
            yield i, value.array
    yield from _computed_sizes(inputs)


def _computed_sizes(inputs: Sequence[Value | None]) -> Iterator[tuple[int, np.ndarray]]:
    """Inputs of whole numbers, all of which are known although a graph computes them."""
    for i, value in enumerate(inputs):
        if value is None or isinstance(value, Constant) or value.node is None or value.dtype.kind != "i":
            continue
        numbers = known_numbers(value)
        limits = np.iinfo(value.dtype)  # sizes lie within them; the bits of hashes are arithmetic modulo them
        if numbers and all(number is not None and limits.min <= number <= limits.max for number in numbers):
            yield i, np.array(numbers, value.dtype).reshape([len(numbers)] * len(value.dims or ()))


def describe(
    op_type: str, inputs: Sequence[Value | None], attributes: Mapping[str, Any], where: str, problem: str
) -> str:
    """The text of an OperatorError: operator, operand types, attributes, layer path and the problem."""
    operands = ", ".join("-" if v is None else format_type(v) for v in inputs)
    shown = "".join(f", {k}={v!r}" for k, v in attributes.items() if not hasattr(v, "sliced"))
    place = f" in {where}" if where else ""
    first_line = problem.strip().partition("\n")[0]
    return f"{op_type}({operands}{shown}){place}: {first_line}"


__all__ = ["OPSET", "describe", "infer", "infer_known", "shape_of", "type_proto"]

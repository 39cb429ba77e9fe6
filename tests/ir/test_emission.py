"""Operators are checked against ONNX's definitions when they are emitted, and typed by ONNX's inference."""

from __future__ import annotations

import numpy as np
import pytest

from kcompile.ir import (
    Constant,
    OperatorError,
    Parameter,
    Value,
    as_value,
    inference,
    name_scope,
    op,
    schema_of,
)


def value(*shape, dtype="float32", name=None):
    return Value(dtype, shape, name)


IMAGE = value("batch", 8, 8, 3)
MATRIX = value("batch", 4)

MISTAKES = {
    "unknown operator": (lambda: op.Convolve(MATRIX), "Convolve is not an operator"),
    "unknown attribute": (lambda: op.Softmax(MATRIX, axes=1), "unknown attribute 'axes'; it has axis"),
    "missing attribute": (lambda: op.Cast(MATRIX), "attribute 'to' is required"),
    "missing input": (lambda: op.MatMul(MATRIX), "input 'B' is required"),
    "None for a required input": (lambda: op.MatMul(None, MATRIX), "input 'A' is required"),
    "too many inputs": (lambda: op.Relu(MATRIX, MATRIX), "2 inputs given, at most 1"),
    "dtypes that differ": (
        lambda: op.Add(MATRIX, value("batch", 4, dtype="int64")),
        r"Add\(float32\[\?, 4\]",
    ),
    "dtype not allowed": (lambda: op.And(MATRIX, MATRIX), "And"),
    "shapes that do not multiply": (lambda: op.MatMul(value(2, 3), value(4, 5)), "MatMul"),
    "kernel of another rank": (lambda: op.Conv(value(1, 3, 8, 8), value(3, 3)), "Conv"),
    "axis out of range": (lambda: op.Concat(MATRIX, MATRIX, axis=7), "Concat"),
    "attribute of a wrong type": (lambda: op.Softmax(MATRIX, axis="last"), "Softmax"),
    "a number that would be cut off": (
        lambda: value(3, dtype="int64") + 0.5,
        "0.5 would be cut off as int64",
    ),
    "branches of different dtypes": (
        lambda: op.Phase(MATRIX, value("batch", 4, dtype="int64")),
        "two branches have different dtypes",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistake_is_one_clear_error(mistake):
    emit, message = MISTAKES[mistake]
    with pytest.raises(OperatorError, match=message):
        emit()


def test_error_names_operator_operands_attributes_and_layer():
    with name_scope("model_1"), name_scope("dense_2"), pytest.raises(OperatorError) as error:
        op.Gemm(value(2, 3), value(4, 5), alpha=2.0)
    text = str(error.value)
    assert "Gemm(float32[2, 3], float32[4, 5], alpha=2.0)" in text
    assert "in model_1/dense_2" in text


def test_scope_is_the_layer_path_and_ends_with_it():
    with name_scope("a"), name_scope("b"):
        inside = op.Relu(MATRIX)
    assert inside.node.name == "a/b/Relu"
    assert op.Relu(MATRIX).node.name == "Relu"
    with pytest.raises(RuntimeError), name_scope("broken"):
        raise RuntimeError
    assert op.Relu(MATRIX).node.scope == ""


SHAPES = {
    "symbol is kept": (lambda: op.Relu(IMAGE), ("batch", 8, 8, 3)),
    "symbol passes a product": (lambda: op.MatMul(MATRIX, value(4, 7)), ("batch", 7)),
    "transpose": (lambda: op.Transpose(IMAGE, perm=[0, 3, 1, 2]), ("batch", 3, 8, 8)),
    "constant shape input": (lambda: op.Reshape(IMAGE, [0, -1]), ("batch", 192)),
    "reduction": (lambda: op.ReduceMean(IMAGE, [1, 2], keepdims=0), ("batch", 3)),
    "concatenation": (lambda: op.Concat(MATRIX, MATRIX, axis=1), ("batch", 8)),
    "broadcast": (lambda: op.Add(IMAGE, value(3)), ("batch", 8, 8, 3)),
    "scalar": (lambda: op.ReduceSum(MATRIX, [0, 1], keepdims=0), ()),
    "unknown axis": (lambda: op.Relu(value(None, 3)), (None, 3)),
    "unknown rank": (lambda: op.Relu(Value("float32", None)), None),
    "convolution": (
        lambda: op.Conv(value("batch", 3, 8, 8), value(5, 3, 3, 3), strides=[2, 2], auto_pad="SAME_UPPER"),
        ("batch", 5, 4, 4),
    ),
}


@pytest.mark.parametrize("case", SHAPES)
def test_shape_comes_from_onnx_inference(case):
    emit, shape = SHAPES[case]
    assert emit().dims == shape


@pytest.mark.parametrize(
    "emit, dtype",
    [
        (lambda: op.Equal(MATRIX, MATRIX), "bool"),
        (lambda: op.Shape(MATRIX), "int64"),
        (lambda: op.Cast(MATRIX, to=10), "float16"),
        (lambda: op.ArgMax(MATRIX, axis=1), "int64"),
        (lambda: op.IsNaN(value(3, dtype="float64")), "bool"),
    ],
)
def test_dtype_comes_from_onnx_inference(emit, dtype):
    assert emit().dtype == np.dtype(dtype)


def test_several_outputs_come_as_a_tuple():
    y, h, c = op.LSTM(value(5, 2, 3), value(1, 16, 3), value(1, 16, 4), hidden_size=4, outputs=3)
    assert (y.shape, h.shape, c.shape) == ((5, 1, 2, 4), (1, 2, 4), (1, 2, 4))
    assert [v.index for v in (y, h, c)] == [0, 1, 2]
    assert y.node is c.node and y.node.outputs == (y, h, c)


def test_optional_inputs_may_be_left_out_in_the_middle_and_at_the_end():
    clipped = op.Clip(MATRIX, None, 6.0)
    assert [None if v is None else v.dims for v in clipped.node.inputs] == [("batch", 4), None, ()]
    assert len(op.Clip(MATRIX, 0.0, None).node.inputs) == 2


def test_attributes_that_are_none_are_left_out():
    assert op.Softmax(MATRIX, axis=None).node.attributes == {}


@pytest.mark.parametrize(
    "given, dtype",
    [
        (1, "int64"),
        (1.5, "float32"),
        ([1, 2], "int64"),
        ([1.0, 2], "float32"),
        (True, "bool"),
        (np.float64(1.5), "float64"),
        (np.arange(3, dtype=np.int8), "int8"),
        ("text", "object"),
    ],
)
def test_constants_have_the_dtypes_that_python_means(given, dtype):
    made = as_value(given)
    if dtype == "object":
        assert made.array.dtype.kind in "OU"
    else:
        assert made.dtype == np.dtype(dtype)


def test_numbers_take_the_dtype_of_the_operand_beside_them():
    half = value(3, dtype="float16")
    assert op.Add(half, 1).node.inputs[1].dtype == np.float16
    assert op.Add(2.0, value(3, dtype="int64")).node.inputs[0].dtype == np.int64
    assert op.Where(op.Less(half, 0), half, 0.0).dtype == np.float16


def test_values_are_compared_by_identity_and_have_no_truth_value():
    assert MATRIX == MATRIX and MATRIX != value("batch", 4)
    assert len({MATRIX, value("batch", 4)}) == 2
    with pytest.raises(TypeError, match="no truth value.*K.switch"):
        bool(MATRIX)
    with pytest.raises(TypeError, match="cannot be iterated"):
        list(MATRIX)
    assert [v.shape for v in value(3, 2)] == [(2,)] * 3


@pytest.mark.parametrize("kind", ["symbolic", "of weights", "constants", "of other shapes"])
def test_values_in_lists_and_dicts_are_found_by_identity(kind):
    def new() -> Value:
        weight = Parameter(np.ones((2, 4), np.float32), name="w")
        constant = Constant(np.ones((2, 4), np.float32))
        return {"symbolic": value("batch", 4), "of weights": op.Neg(weight), "constants": constant}[kind]

    if kind == "of other shapes":
        values = [value(2, 4), value(3, 5), op.Neg(value(7)), Constant(np.zeros(3, np.float32))]
    else:
        values = [new(), new(), new()]
    assert [values.index(v) for v in values] == list(range(len(values)))
    assert all(v in values and v not in values[:i] for i, v in enumerate(values))
    assert values == list(values) and values != values[::-1]
    assert len(dict.fromkeys(values)) == len(values)


def test_refine_fills_open_axes_only():
    v = Value("float32", (None, 3, None))
    v.refine(("batch", 5, 7))
    assert v.dims == ("batch", 3, 7)
    unknown = Value("float32", None)
    unknown.refine((1, 2))
    assert unknown.shape == (1, 2)
    v.refine((1, 2))  # another rank: what is known stays
    assert v.dims == ("batch", 3, 7)


@pytest.mark.parametrize("name", ["bfloat16", "float8_e4m3fn", "string", "float32", "bool"])
def test_every_onnx_dtype_has_a_name(name):
    assert Value(name, (2,)).dtype is not None


def test_unknown_dtype_is_named():
    with pytest.raises(TypeError, match="'float31' is not the name"):
        Value("float31", ())


def test_constant_and_parameter_types():
    constant = Constant([[1, 2]], "float16")
    assert (constant.dtype, constant.shape) == (np.float16, (1, 2))
    weight = Parameter(np.zeros((2, 3), "float32"), "w")
    assert (weight.dtype, weight.shape, weight.trainable) == (np.float32, (2, 3), True)
    assert repr(weight) == "<Parameter w float32[2, 3]>"


def test_schemas_are_those_of_the_standard():
    assert schema_of("Conv").name == "Conv" and schema_of("Conv").since_version <= 21


def test_gradient_and_stopgradient_keep_types():
    x, y = value(3, 2), value(4, dtype="float64")
    gradients = op.Gradient(op.ReduceSum(x, keepdims=0), x, y)
    assert [(g.dtype.name, g.shape) for g in gradients] == [("float32", (3, 2)), ("float64", (4,))]
    assert op.StopGradient(x).shape == (3, 2)


def test_phase_keeps_what_both_branches_share():
    assert op.Phase(value("batch", 3), value("batch", 4)).dims == ("batch", None)
    assert op.Phase(value(2), value(2, 2)).shape is None


# --- what ONNX told before ---


def conv(batch="batch", channels=3, kernel=3, dtype="float32", **attributes):
    weight = value(2, channels, kernel, kernel, dtype=dtype)
    return op.Conv(value(batch, channels, 8, 8, dtype=dtype), weight, **attributes)


ASKED_ANEW = {
    "no open size": lambda: conv(5),
    "another size": lambda: conv(channels=4),
    "another dtype": lambda: conv(dtype="float64"),
    "another weight": lambda: conv(kernel=2),
    "an attribute": lambda: conv(strides=[2, 2]),
    "another value of it": lambda: conv(strides=[1, 2]),
    "a text": lambda: conv(auto_pad="SAME_UPPER"),
    "numbers of a constant": lambda: op.Reshape(value(4, 3), [2, -1]),
    "other numbers of it": lambda: op.Reshape(value(4, 3), [3, -1]),
    "as many numbers of another dtype": lambda: op.Slice(value(4, 3), np.int32([1]), np.int32([3])),
    "numbers that a graph computes": lambda: op.Reshape(value(4, 3), op.Shape(value(2, 6))),
    "other numbers that it computes": lambda: op.Reshape(value(4, 3), op.Shape(value(6, 2))),
    "two open sizes": lambda: op.Concat(value("batch", "time"), value("batch", "words"), axis=1),
    "one open size twice": lambda: op.Concat(value("batch", "time"), value("batch", "time"), axis=1),
    "the first open size again": lambda: op.Concat(value("batch", "batch"), value("batch", "time"), axis=1),
}


@pytest.fixture
def asked(monkeypatch):
    """The operators of which ONNX was asked for types, from nothing known."""
    asked: list[str] = []
    real = inference.shape_inference.infer_node_outputs

    def infer_node_outputs(schema, *rest, **named):
        asked.append(schema.name)
        return real(schema, *rest, **named)

    monkeypatch.setattr(inference.shape_inference, "infer_node_outputs", infer_node_outputs)
    monkeypatch.setattr(inference, "_ANSWERS", {})
    return asked


def test_open_sizes_of_other_names_are_told_without_asking_again(asked):
    first, second = (op.Transpose(value(*sizes), perm=[2, 1, 0]) for sizes in (("n", "t", 3), ("b", "w", 3)))
    assert (first.dims, second.dims) == ((3, "t", "n"), (3, "w", "b"))
    assert len(asked) == 1
    assert op.Transpose(value("b", "b", 3), perm=[2, 1, 0]).dims == (3, "b", "b")
    assert len(asked) == 2


def test_onnx_is_asked_once_for_what_repeats_and_anew_for_what_differs_in_anything(asked, monkeypatch):
    def emitted():
        """Type and shape of every case, and how often ONNX was asked for them."""
        asked.clear()
        values = [make() for make in ASKED_ANEW.values()]
        return [(x.dtype, x.shape) for x in values], len(asked)

    (types, first), (again, second) = emitted(), emitted()
    assert first >= len(ASKED_ANEW) and second == 0 and again == types
    inference._ANSWERS.clear()
    monkeypatch.setattr(inference, "_MOST_ANSWERS", 0)  # each answer pushes the one before out
    alone, third = emitted()
    assert third >= first and alone == types


def test_a_mistake_is_told_each_time_with_its_place():
    for name in ("first", "second"):
        with name_scope(name), pytest.raises(OperatorError, match=name):
            op.MatMul(value(2, 3), value(4, 5))

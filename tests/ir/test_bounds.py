"""Integer attributes that no operator can mean never reach ONNX's inference, which is native code."""

import os

import numpy as np
import pytest
from onnx import defs

from kcompile.ir import OPSET, OperatorError, Value, emit

EXTREMES = (-1, -2, -3, -100, 2, 64, 2**31 - 1, 2**31, -(2**31), 10**12, 2**63 - 1, -(2**63))
SHAPES = ((), (3,), (2, 3), (1, 2, 4, 4), None)
STANDARD = [s.name for s in defs.get_all_schemas() if not s.domain and not s.deprecated]


def attempts():
    """Every integer attribute of every operator, far off, on inputs of several ranks."""
    for name in STANDARD:
        if not defs.has(name, OPSET, ""):
            continue
        schema = defs.get_schema(name, OPSET, "")
        kinds = {a: spec.type.name for a, spec in schema.attributes.items()}
        for attribute in sorted(a for a, kind in kinds.items() if kind in ("INT", "INTS")):
            for number in EXTREMES:
                value = number if kinds[attribute] == "INT" else [number]
                for shape in SHAPES:
                    yield name, schema, {attribute: value}, shape


def emit_all(pipe):
    count = 0
    for name, schema, attributes, shape in attempts():
        os.pwrite(pipe, f"{name} {attributes} {shape}".ljust(200).encode(), 0)
        needed = {a: 1 for a, spec in schema.attributes.items() if spec.required and spec.type.name == "INT"}
        inputs = [Value("float32", shape, "x") for _ in range(max(1, schema.min_input))]
        count += 1
        try:
            emit(name, inputs, {**needed, **attributes})
        except OperatorError:
            pass
    os.pwrite(pipe, f"{count} done".ljust(200).encode(), 0)


def test_no_number_in_any_attribute_of_any_operator_ends_the_process(tmp_path):
    """In a child: what goes wrong here is a SIGSEGV."""
    note = tmp_path / "at"
    with open(note, "wb") as file:
        if (pid := os.fork()) == 0:
            try:
                emit_all(file.fileno())
            finally:
                os._exit(0)
        _, status = os.waitpid(pid, 0)
    last = note.read_text().strip()
    assert status == 0, last
    assert last.endswith("done") and int(last.split()[0]) > 8000


@pytest.mark.parametrize(
    ("operator", "attributes", "inputs"),
    [
        ("LayerNormalization", {"axis": 10**12}, [(3, 4), (4,)]),
        ("LayerNormalization", {"axis": 2}, [(3, 4), (4,)]),
        ("LayerNormalization", {"axis": -3}, [(3, 4), (4,)]),
        ("LayerNormalization", {"axis": 65}, [None, (4,)]),
        ("GatherND", {"batch_dims": -1}, [(2, 3), (2, 1)]),
        ("GatherND", {"batch_dims": 3}, [(2, 3), (2, 1)]),
        ("Split", {"num_outputs": 2**31 - 1}, [(4,)]),
        ("Split", {"num_outputs": 0}, [(4,)]),
        ("Concat", {"axis": 2}, [(4, 1), (4, 1)]),
        ("Softmax", {"axis": -3}, [(4, 1)]),
        ("LpPool", {"kernel_shape": [2], "p": 2**31}, [(1, 1, 4)]),
        ("Flatten", {"axis": 3}, [(4, 1)]),
        ("OneHot", {"axis": 2}, [(4,), (), (2,)]),
    ],
)
def test_message_says_what_is_possible(operator, attributes, inputs):
    dtypes = {"GatherND": ["float32", "int64"]}.get(operator, ["float32"] * 3)
    values = [Value(dtype, shape, "x") for dtype, shape in zip(dtypes, inputs, strict=False)]
    with pytest.raises(OperatorError, match=r"is out of range: possible are -?\d+ to \d+"):
        emit(operator, values, attributes, 1)


@pytest.mark.parametrize(
    ("operator", "attributes", "shapes"),
    [
        ("Flatten", {"axis": 2}, [(4, 1)]),
        ("OneHot", {"axis": 1}, [(4,), (), (2,)]),
        ("QuantizeLinear", {"axis": 1}, [(4,), ()]),
        ("Shape", {"start": -(2**63), "end": 2**63 - 1}, [(4, 1)]),
        ("Concat", {"axis": -2}, [(4, 1), (4, 1)]),
        ("Softmax", {"axis": 5}, [None]),
    ],
)
def test_what_the_standard_allows_stays(operator, attributes, shapes):
    values = [Value(np.float32, shape, "x") for shape in shapes]
    assert emit(operator, values, attributes, 1).node.op_type == operator


@pytest.mark.parametrize(
    "equation", ["\u202e", "i\xff->i", "ij;jk->ik", "i...j...->i", "i->j->k", "1->1", "\0", "i" * 10**6 + ";"]
)
def test_equations_of_anything_but_letters_are_refused(equation):
    """ONNX's inference never returns from some of them."""
    with pytest.raises(OperatorError, match="the equation should be terms of letters"):
        emit("Einsum", [Value("float32", (3,), "x")], {"equation": equation})


def test_equations_of_letters_stay():
    shapes = {"ij->ji": (4, 3), " i j -> j i": (4, 3), "...ij->...ji": (4, 3), "ij": (3, 4), "ij->": ()}
    for equation, shape in shapes.items():
        assert emit("Einsum", [Value("float32", (3, 4), "x")], {"equation": equation}).dims == shape


def test_more_outputs_than_a_split_says_it_has_are_refused():
    """The inference would read beyond the end of a list."""
    with pytest.raises(OperatorError, match="num_outputs=3 is out of range: possible are 4 to"):
        emit("Split", [Value("float32", (12,), "x")], {"num_outputs": 3}, 4)
    assert len(emit("Split", [Value("float32", (12,), "x")], {"num_outputs": 3}, 3)) == 3


def test_thousands_of_outputs_are_refused():
    with pytest.raises(OperatorError, match="outputs; at most"):
        emit("Split", [Value("float32", (4,), "x")], {}, 100_000)

"""Models that ask ONNX's native code for too much, or for what there is not, are refused before it does."""

import gc
import time

import numpy as np
import onnx
import pytest
from onnx import TensorProto, defs, helper, numpy_helper

from kcompile.ir import OperatorError
from kcompile.keras.models import load_model
from kcompile.onnx_io import FormatError, read_graph
from kcompile.onnx_io.vetting import check_tensor

from . import hostile


def saved(model, tmp_path):
    path = tmp_path / "m.onnx"
    path.write_bytes(model.SerializeToString())
    return path


# --- functions ---


@pytest.mark.parametrize("count", [14, 30, 1000])
def test_functions_that_double_are_refused_at_once(count, tmp_path):
    path, begin = saved(hostile.doubling(count), tmp_path), time.process_time()
    for read in (load_model, read_graph):
        with pytest.raises(
            FormatError, match=r"m\.onnx: .*nodes when its functions are inlined, out of all prop"
        ):
            read(path)
    assert time.process_time() - begin < 2


def test_functions_that_call_themselves_or_one_another_are_refused(tmp_path):
    for count in (1, 2, 50):
        with pytest.raises(FormatError, match=r"m\.onnx: the function 'F\d+' calls itself"):
            load_model(saved(hostile.ring(count), tmp_path))
    with pytest.raises(FormatError, match="calls of functions 201 deep; at most 200"):
        load_model(saved(hostile.calls_deep(202), tmp_path))


def test_two_functions_of_one_name_are_refused(tmp_path):
    model = hostile.calls_deep(1)
    model.functions.append(model.functions[0])
    with pytest.raises(FormatError, match="two functions 'F0' of the domain 'f'"):
        load_model(saved(model, tmp_path))


def test_functions_of_ordinary_models_are_inlined(tmp_path):
    model = hostile.calling({"F0": ["F1", "F1", "F2"], "F1": ["Relu", "Neg"], "F2": ["Abs"]})
    assert [
        node.op_type for node in read_graph(saved(model, tmp_path)).nodes
    ] == "Relu Neg Relu Neg Abs".split()


def branches_in_functions(count):
    """Each function holds the call of the next one in a branch: what is inlined is as deep as all of them."""
    opsets, functions = [*hostile.OPSETS, helper.make_opsetid("f", 1)], []
    small = helper.make_graph(
        [helper.make_node("Neg", ["a"], ["d"])], "small", [], [onnx.ValueInfoProto(name="d")]
    )
    for i in range(count):
        called = (f"F{i + 1}", "f") if i < count - 1 else ("Relu", "")
        inner = helper.make_node(called[0], ["a"], ["c"], domain=called[1])
        branch = helper.make_graph([inner], "branch", [], [onnx.ValueInfoProto(name="c")])
        constant = helper.make_node("Constant", [], ["k"], value=numpy_helper.from_array(np.array(True)))
        node = helper.make_node("If", ["k"], ["b"], then_branch=branch, else_branch=small)
        functions.append(helper.make_function("f", f"F{i}", ["a"], ["b"], [constant, node], opsets))
    return hostile.model([helper.make_node("F0", ["x"], ["y"], domain="f")], (), functions, opsets)


def test_bodies_deeper_than_functions_show_are_refused(tmp_path):
    assert read_graph(saved(branches_in_functions(10), tmp_path)).nodes
    with pytest.raises(FormatError, match="bodies 31 deep; at most 30 are read"):
        read_graph(saved(branches_in_functions(31), tmp_path))


# --- versions ---


@pytest.mark.parametrize(
    ("versions", "message"),
    [
        ([0], "version 0 of the operator set, which there is not"),
        ([-3], "version -3 of the operator set, which there is not"),
        ([99], "knows up to .*: update onnx"),
        ([2**40], "knows up to"),
        ([13, 21], r"several versions of the operator set at once: \[13, 21\]"),
    ],
)
def test_versions_that_there_are_not(versions, message, tmp_path):
    model = hostile.model([helper.make_node("Relu", ["x"], ["y"])])
    del model.opset_import[:]
    for i, version in enumerate(versions):
        model.opset_import.add(domain=("", "ai.onnx")[i], version=version)
    with pytest.raises(FormatError, match=message):
        load_model(saved(model, tmp_path))


def newer_than_7():
    return sorted(
        schema.name
        for schema in defs.get_all_schemas()
        if not schema.domain and not defs.has(schema.name, 7, "") and defs.has(schema.name, 21, "")
    )


def test_operators_that_the_version_of_a_model_lacks_are_no_crash(tmp_path):
    """ONNX's converter looks them up, finds nothing, and reads on."""
    names = newer_than_7()
    assert len(names) > 80 and "RegexFullMatch" in names
    for name in names:
        count = max(1, defs.get_schema(name, 21, "").min_input)
        model = hostile.model(
            [helper.make_node(name, ["x"] * count, ["y"])], opsets=[helper.make_opsetid("", 7)]
        )
        try:
            read_graph(saved(model, tmp_path))
        except (FormatError, OperatorError) as error:
            assert "m.onnx" in str(error)


def test_numbers_of_models_of_other_versions_are_looked_at_before_conversion(tmp_path):
    for version in (17, 20, 22):
        node = helper.make_node("LayerNormalization", ["x", "x"], ["y", "m", "i"], axis=-100)
        model = hostile.model([node], opsets=[helper.make_opsetid("", version)])
        with pytest.raises(OperatorError, match=r"m\.onnx: node 'y': .*axis=-100 is out of range"):
            read_graph(saved(model, tmp_path))


def rotary(shapes):
    inputs = [hostile.value(name, shape) for name, shape in zip("qcs", shapes, strict=True)]
    nodes = [helper.make_node("RotaryEmbedding", ["q", "c", "s"], ["y"])]
    return hostile.model(nodes, opsets=[helper.make_opsetid("", 23)], inputs=inputs)


def test_definitions_that_need_shapes_say_so(tmp_path):
    begin = time.process_time()
    with pytest.raises(
        OperatorError, match=r"RotaryEmbedding of operator set 23 cannot be .* shapes .* not known"
    ):
        read_graph(saved(rotary([None, None, None]), tmp_path))
    assert time.process_time() - begin < 2
    assert read_graph(saved(rotary([(1, 2, 3, 4), (1, 3, 2), (1, 3, 2)]), tmp_path)).nodes


# --- nodes and tensors ---


def test_nodes_are_named_in_errors(tmp_path):
    cases = {
        "node 'n'": helper.make_node("Cast", ["x"], ["y"], name="n"),
        "node 'y'": helper.make_node("Concat", ["x", "x"], ["y"], axis="no"),
        "node 'Constant'": helper.make_node("Constant", [], [], value_float=1.0),
        "node 's'": helper.make_node("Scan", ["x"], ["y"], name="s", body=hostile.model([]).graph),
    }
    for name, node in cases.items():
        with pytest.raises((FormatError, OperatorError), match=rf"m\.onnx: {name}"):
            read_graph(saved(hostile.model([node]), tmp_path))


def test_an_attribute_that_is_there_twice(tmp_path):
    node = helper.make_node("Softmax", ["x"], ["y"], axis=0)
    node.attribute.append(helper.make_attribute("axis", 1))
    with pytest.raises(FormatError, match="node 'y' has an attribute twice"):
        read_graph(saved(hostile.model([node]), tmp_path))


KINDS = [
    kind for kind in TensorProto.DataType.values() if kind not in (TensorProto.UNDEFINED, TensorProto.STRING)
]


@pytest.mark.parametrize("kind", KINDS, ids=TensorProto.DataType.Name)
def test_tensors_have_the_data_that_their_shape_asks_for(kind):
    dtype = helper.tensor_dtype_to_np_dtype(kind)
    for shape in ((), (3,), (2, 5), (0, 4)):
        array = np.zeros(shape, dtype)
        raw = numpy_helper.from_array(array)
        typed = helper.make_tensor("t", kind, shape, np.zeros(shape).ravel().tolist())
        for tensor in (raw, typed):
            check_tensor(tensor)
            tensor.dims.append(7)
            if array.size:
                with pytest.raises(FormatError, match="needs"):
                    check_tensor(tensor)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.dims.__setitem__(0, -1), "an axis of -1"),
        (lambda t: t.dims.extend([2**40, 2**40]), "needs"),
        (lambda t: setattr(t, "data_type", 0), "the element type 0"),
        (lambda t: setattr(t, "data_type", 4711), "the element type 4711"),
        (lambda t: setattr(t, "raw_data", t.raw_data[:-1]), "needs 24 bytes and has 23"),
        (lambda t: t.ClearField("raw_data"), "needs 6 numbers and has 0"),
    ],
)
@pytest.mark.parametrize("place", ["initializer", "attribute", "body"])
def test_damaged_tensors_are_refused_wherever_they_are(place, change, message, tmp_path):
    tensor = numpy_helper.from_array(np.ones((2, 3), np.float32), "w")
    change(tensor)
    if place == "initializer":
        model = hostile.model([helper.make_node("Add", ["x", "w"], ["y"])], [tensor])
    elif place == "attribute":
        constant = helper.make_node("Constant", [], ["w"], value=tensor)
        model = hostile.model([constant, helper.make_node("Add", ["x", "w"], ["y"])])
    else:
        branch = helper.make_graph(
            [helper.make_node("Add", ["x", "w"], ["b"])], "b", [], [onnx.ValueInfoProto(name="b")], [tensor]
        )
        condition = numpy_helper.from_array(np.array(True), "k")
        node = helper.make_node("If", ["k"], ["y"], then_branch=branch, else_branch=branch)
        model = hostile.model([node], [condition])
    with pytest.raises(FormatError, match=message):
        load_model(saved(model, tmp_path))


# --- much of something ---


def many_namesakes(count):
    tensor = numpy_helper.from_array(np.ones((2, 3), np.float32), "w")
    return hostile.model([helper.make_node("Add", ["x", "w"], ["y"])], [tensor] * count)


def many_initializers_that_are_inputs(count):
    names = [f"w{i}" for i in range(count)]
    tensors = [numpy_helper.from_array(np.ones((2, 3), np.float32), name) for name in names]
    inputs = [hostile.value("x"), *map(hostile.value, names)]
    return hostile.model([helper.make_node("Sum", ["x", *names], ["y"])], tensors, inputs=inputs)


def many_branches_with_namesakes(count):
    nodes, last = [], "x"
    for i in range(count):
        name = "y" if i == count - 1 else f"v{i}"
        tensor = numpy_helper.from_array(np.ones((2, 3), np.float32), "w")
        bodies = [
            helper.make_graph(
                [helper.make_node("Add", [last, "w"], [f"b{i}{k}"])],
                "b",
                [],
                [onnx.ValueInfoProto(name=f"b{i}{k}")],
                [tensor],
            )
            for k in range(2)
        ]
        nodes.append(helper.make_node("If", ["k"], [name], then_branch=bodies[0], else_branch=bodies[1]))
        last = name
    return hostile.model(nodes, [numpy_helper.from_array(np.array(True), "k")])


def many_functions(count):
    return hostile.calling(
        {"F0": [f"F{i}" for i in range(1, count)], **{f"F{i}": ["Relu"] for i in range(1, count)}}
    )


@pytest.mark.parametrize(
    ("make", "count"),
    [
        (many_namesakes, 1000),
        (many_initializers_that_are_inputs, 400),
        (many_branches_with_namesakes, 100),
        (many_functions, 400),
    ],
)
def test_work_grows_with_the_size_of_a_file_not_with_its_square(make, count, tmp_path):
    """Four times as much takes about four times as long; sixteen times would be its square."""
    load_model(saved(make(2), tmp_path))  # what is imported and cached counts for none
    times = []
    gc.disable()  # it would walk what other tests hold
    try:
        for factor in (1, 4):
            path = saved(make(factor * count), tmp_path)
            begin = time.process_time()
            load_model(path)
            times.append(time.process_time() - begin)
    finally:
        gc.enable()
    assert times[1] < 9 * times[0] + 0.3, times


@pytest.mark.parametrize(
    "entry", ["kcompile.config", "kcompile.order", "kcompile.training", "kcompile.weights"]
)
@pytest.mark.parametrize("text", ["null", "1", "[[[", '{"a": 1}', "[[]]", '"x"', "[1e999]"])
def test_metadata_that_is_no_model_is_one_error(entry, text, tmp_path):
    model = hostile.model([helper.make_node("Relu", ["x"], ["y"])])
    entries = {"kcompile.config": '{"class_name": "Sequential", "config": []}', entry: text}
    helper.set_model_props(model, entries)
    try:
        load_model(saved(model, tmp_path))
    except ValueError as error:
        assert "m.onnx" in str(error)

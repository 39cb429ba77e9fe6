"""What a model may make onnxruntime do while it loads is measured before, on the file's own encoding."""

import os
import resource
import time
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from kcompile_runtime import Executor, ModelFileError, session
from kcompile_runtime.limits import BYTES_PER_BYTE, FOLDING_LIMIT, SPARE_BYTES, measure
from tests.onnx_io import hostile

MEGABYTES = 700
"""What the process may take to open a model of a few KB, beside what it has."""


def cost(data):
    """Seconds and megabytes to open a model, and what came of it, in a child: nothing stays of it here."""
    reader, writer = os.pipe()
    if (pid := os.fork()) == 0:
        try:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            begin = time.process_time()
            try:
                Executor(data, intra_op_threads=1)
                what = "opened"
            except ModelFileError as error:
                what = str(error)
            grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
            os.write(writer, f"{time.process_time() - begin}\n{grown}\n{what}".encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as file:
        text = file.read()
    _, status = os.waitpid(pid, 0)
    assert status == 0
    seconds, grown, what = text.split("\n", 2)
    return float(seconds), float(grown), what


@pytest.mark.parametrize("operator", ["Concat", "Tile", "Resize", "Pad", "Expand", "ConstantOfShape"])
@pytest.mark.parametrize("order", ["written", "reversed"])
def test_constants_that_grow_are_not_folded_beyond_the_budget(operator, order):
    model = hostile.growing(operator)
    if order == "reversed":  # onnxruntime sorts nodes itself
        nodes = [onnx.NodeProto.FromString(node.SerializeToString()) for node in reversed(model.graph.node)]
        del model.graph.node[:]
        model.graph.node.extend(nodes)
    seconds, megabytes, _ = cost(model.SerializeToString())
    assert seconds < 3 and megabytes < MEGABYTES


@pytest.mark.parametrize("operator", ["Concat", "Tile", "Expand"])
def test_releases_that_know_no_limit_fold_no_constants_that_grow(operator, monkeypatch):
    made = session.load_onnxruntime().InferenceSession

    def older(source, options, **given):
        """As a release before 1.27: the limit is no entry that it knows."""
        options.add_session_config_entry(session._FOLDING_LIMIT, "0")
        return made(source, options, **given)

    monkeypatch.setattr(session.load_onnxruntime(), "InferenceSession", older)
    monkeypatch.setattr(session.load_onnxruntime(), "__version__", "1.26.1")
    seconds, megabytes, what = cost(hostile.growing(operator).SerializeToString())
    assert what == "opened" and seconds < 3 and megabytes < MEGABYTES


def test_releases_are_told_apart():
    versions = ("1.22.0", "1.26.1", "1.27.0", "1.31.1", "2.0.0", "nightly")
    older = [v for v in versions if session.older(SimpleNamespace(__version__=v), 1, 27)]
    assert older == ["1.22.0", "1.26.1"]


@pytest.mark.parametrize("count", [20, 30, 100, 1000])
def test_functions_that_double_are_refused_at_once(count):
    seconds, megabytes, what = cost(hostile.doubling(count).SerializeToString())
    assert "nodes when its functions are inlined, out of all proportion to the file" in what
    assert seconds < 1 and megabytes < 100


def test_functions_that_call_themselves_or_one_another_are_refused():
    with pytest.raises(ModelFileError, match="a function 'F0' that calls itself"):
        Executor(hostile.ring(1).SerializeToString())
    with pytest.raises(ModelFileError, match="a function 'F[0-2]' that calls itself"):
        Executor(hostile.ring(3).SerializeToString())
    with pytest.raises(ModelFileError, match="functions that call functions 201 deep"):
        Executor(hostile.calls_deep(201).SerializeToString())


def test_functions_of_ordinary_models_are_counted_and_run():
    model = hostile.calling({"F0": ["F1", "F1", "F2"], "F1": ["Relu", "Neg"], "F2": ["Abs"]})
    data = model.SerializeToString()
    assert measure(data, "it").inlined == 5
    x = np.full((2, 3), 2.0, np.float32)
    np.testing.assert_array_equal(Executor(data).run([x])[0], 0 * x)


def test_what_depends_on_constants_is_counted():
    weight = numpy_helper.from_array(np.ones((2, 3), np.float32), "w")
    nodes = [
        helper.make_node("Constant", [], ["c"], value=numpy_helper.from_array(np.ones(3, np.float32))),
        helper.make_node("Transpose", ["w"], ["t"]),
        helper.make_node("Mul", ["t", "t"], ["m"]),
        helper.make_node("Add", ["w", "c"], ["a"]),
        helper.make_node("RandomNormal", [], ["r"], shape=[2]),
        helper.make_node("Add", ["x", "a"], ["z"]),
        helper.make_node("Relu", ["z"], ["y"]),
    ]
    found = measure(hostile.model(nodes, [weight]).SerializeToString(), "it")
    assert (found.nodes, found.constants, found.growing, found.known_bytes) == (7, 3, 2, 6 * 8)


def test_weights_make_room_for_what_is_folded_of_them():
    weight = numpy_helper.from_array(np.ones((2, 3), np.float32), "w")
    model = hostile.model([helper.make_node("Add", ["x", "w"], ["y"])], [weight])
    found = measure(model.SerializeToString(), "it")
    assert found.folding_limit(10**9) == FOLDING_LIMIT
    found.growing = 100
    assert found.folding_limit(0) == SPARE_BYTES // 100
    assert found.folding_limit(10**9) == (SPARE_BYTES + BYTES_PER_BYTE * 10**9) // 100


def test_a_limit_of_the_caller_stays():
    ort = pytest.importorskip("onnxruntime")
    options, key = ort.SessionOptions(), "optimization.constant_folding_max_output_size_in_bytes"
    options.add_session_config_entry(key, "12345")
    data = hostile.model([helper.make_node("Relu", ["x"], ["y"])]).SerializeToString()
    Executor(data, session_options=options)
    assert options.get_session_config_entry(key) == "12345"


@pytest.mark.parametrize("form", ["initializer", "Constant"])
def test_a_number_from_an_empty_tensor_is_refused(form):
    """onnxruntime aborts: OneHot takes the first element of its depth unseen."""
    empty = numpy_helper.from_array(np.zeros(0, np.int64), "depth")
    nodes = [
        helper.make_node("Cast", ["x"], ["i"], to=7),
        helper.make_node("OneHot", ["i", "depth", "v"], ["y"]),
    ]
    constants = [numpy_helper.from_array(np.zeros(2, np.float32), "v")]
    if form == "Constant":
        nodes.insert(0, helper.make_node("Constant", [], ["depth"], value=empty))
    else:
        constants.append(empty)
    _, _, what = cost(hostile.model(nodes, constants).SerializeToString())
    assert "a node OneHot that reads a number from an empty tensor" in what


def test_thousands_of_outputs_are_refused():
    names = [f"y{i}" for i in range(5000)]
    nodes = [helper.make_node("Relu", ["x"], [name]) for name in names]
    seconds, _, what = cost(hostile.model(nodes, outputs=names).SerializeToString())
    assert "more than 4096 outputs" in what and seconds < 1


def test_a_bias_left_out_by_an_empty_name_does_not_end_the_process():
    """onnxruntime's fusion of LayerNormalization reads it."""
    weight = numpy_helper.from_array(np.ones(3, np.float32), "w")
    node = helper.make_node("LayerNormalization", ["x", "w", ""], ["y"])
    data = hostile.model([node], [weight]).SerializeToString()
    assert cost(data)[2] == "opened"
    result = Executor(data).run([np.array([[1, 2, 3], [3, 2, 1]], np.float32)])[0]
    np.testing.assert_allclose(result, [[-1.2247, 0, 1.2247], [1.2247, 0, -1.2247]], atol=1e-3)


def test_a_name_of_a_file_that_no_file_can_have(tmp_path):
    model = hostile.model([helper.make_node("Add", ["x", "w"], ["y"])])
    tensor = model.graph.initializer.add(name="w", data_type=1, dims=[3], data_location=1)
    tensor.external_data.add(key="location", value="a\0b")
    path = tmp_path / "m.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ModelFileError, match="no name of a file"):
        Executor(path)


@pytest.mark.parametrize("equation", ["\u202e", "i;j->ij", "i" * 10**6 + ";"])
def test_equations_of_anything_but_letters_are_refused(equation):
    """The inference that onnxruntime shares with ONNX never returns from some of them."""
    model = hostile.model([helper.make_node("Einsum", ["x"], ["y"], equation=equation)])
    seconds, _, what = cost(model.SerializeToString())
    assert "a node Einsum with an equation that is not made of letters" in what and seconds < 1
    model = hostile.model([helper.make_node("Einsum", ["x"], ["y"], equation="...i j -> ...ji")])
    assert cost(model.SerializeToString())[2] == "opened"


@pytest.mark.parametrize(
    ("node", "message"),
    [
        (
            helper.make_node("GatherND", ["x", "i"], ["y"], batch_dims=-64),
            "GatherND with batch_dims=-64, which is",
        ),
        (
            helper.make_node("GatherND", ["x", "i"], ["y"], batch_dims=2**40),
            "GatherND with batch_dims=1099511627776",
        ),
        (
            helper.make_node("Split", ["x"], ["y", "z", "u"], num_outputs=2),
            "Split with num_outputs=2, which is",
        ),
        (helper.make_node("Split", ["x"], ["y"], num_outputs=2**31), "Split with num_outputs=2147483648"),
    ],
)
def test_numbers_that_end_the_process_are_refused(node, message):
    indices = numpy_helper.from_array(np.zeros((2, 1), np.int64), "i")
    assert message in cost(hostile.model([node], [indices]).SerializeToString())[2]


def test_numbers_that_a_function_is_called_with_are_not_looked_at_so_they_are_refused():
    opsets = [*hostile.OPSETS, helper.make_opsetid("f", 1)]
    inner = helper.make_node("GatherND", ["a", "i"], ["b"])
    inner.attribute.add(name="batch_dims", ref_attr_name="n", type=onnx.AttributeProto.INT)
    function = helper.make_function("f", "F", ["a", "i"], ["b"], [inner], opsets, ["n"])
    indices = numpy_helper.from_array(np.zeros((2, 1), np.int64), "i")
    call = helper.make_node("F", ["x", "i"], ["y"], domain="f", n=-64)
    what = cost(hostile.model([call], [indices], [function], opsets).SerializeToString())[2]
    assert "a batch_dims that is given by the call of a function" in what


@pytest.mark.parametrize("operator", ["Add", "Div", "Gather", "Mul", "Sub"])
def test_functions_that_onnxruntime_takes_for_operators_are_refused(operator):
    """It looks at the name alone, and reads the second input of one."""
    model = hostile.calling({operator: ["Relu", "Neg"]}, operator)
    assert f"a node {operator} with 1 inputs; it has two" in cost(model.SerializeToString())[2]


def test_functions_of_other_names_of_operators_run():
    for name in ("Relu", "Softmax", "Dropout", "Identity"):
        assert cost(hostile.calling({name: ["Neg", "Abs"]}, name).SerializeToString())[2] == "opened"


def test_nodes_without_inputs_are_one_error():
    for operator in ("MaxPool", "ReduceMax", "ArgMax", "LSTM", "ScatterElements", "Softmax", "Split"):
        with pytest.raises(ModelFileError):
            Executor(hostile.model([helper.make_node(operator, [], ["y"])]).SerializeToString())

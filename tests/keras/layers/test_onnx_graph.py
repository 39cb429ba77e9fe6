"""ONNX files of others as models and as layers: equal outputs, trained, saved, exported again."""

from __future__ import annotations

import base64

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from kcompile.keras import backend as K
from kcompile.keras.layers import Conv2D, Dense, Input, ONNXGraph
from kcompile.keras.models import Model, load_model, model_from_json

RANDOM = np.random.default_rng(0)
FLOAT = TensorProto.FLOAT


def array(*shape: int) -> np.ndarray:
    return RANDOM.standard_normal(shape).astype(np.float32)


def proto(nodes, inputs, outputs, weights, domains=()) -> onnx.ModelProto:
    """A checked model; inputs and outputs are name -> shape."""
    declared = [
        [helper.make_tensor_value_info(name, FLOAT, shape) for name, shape in ends.items()]
        for ends in (inputs, outputs)
    ]
    initializers = [numpy_helper.from_array(value, name) for name, value in weights.items()]
    graph = helper.make_graph(nodes, "net", *declared, initializers)
    imports = [helper.make_opsetid("", 17), *(helper.make_opsetid(domain, 1) for domain in domains)]
    model = helper.make_model(graph, opset_imports=imports, ir_version=8)
    onnx.checker.check_model(model)
    return model


def convolutional() -> onnx.ModelProto:
    node = helper.make_node
    return proto(
        [
            node("Conv", ["x", "/conv/w", "b"], ["c"], name="/conv/Conv", pads=[1, 1, 1, 1]),
            node("BatchNormalization", ["c", "g", "h", "m", "v"], ["n"]),
            node("Relu", ["n"], ["r"]),
            node("GlobalAveragePool", ["r"], ["p"]),
            node("Reshape", ["p", "shape"], ["f"]),
            node("Gemm", ["f", "fc", "fb"], ["y"], transB=1),
        ],
        {"x": ["N", 3, 6, 6]},
        {"y": ["N", 2]},
        {
            "/conv/w": array(4, 3, 3, 3), "b": array(4), "g": array(4), "h": array(4), "m": array(4),
            "v": np.abs(array(4)) + 0.5, "shape": np.array([0, -1], np.int64), "fc": array(2, 4),
            "fb": array(2),
        },
    )  # fmt: skip


def branching() -> onnx.ModelProto:
    """An If whose branches have initializers of the same name."""
    branches = [
        helper.make_graph(
            [helper.make_node(kind, ["x", "w"], ["z"])], kind, [],
            [helper.make_tensor_value_info("z", FLOAT, ["N", 3])], [numpy_helper.from_array(array(3), "w")],
        )
        for kind in ("Add", "Mul")
    ]  # fmt: skip
    nodes = [
        helper.make_node("ReduceSum", ["x"], ["s"], keepdims=0),
        helper.make_node("Greater", ["s", "zero"], ["positive"]),
        helper.make_node("If", ["positive"], ["y"], then_branch=branches[0], else_branch=branches[1]),
    ]
    return proto(nodes, {"x": ["N", 3]}, {"y": ["N", 3]}, {"zero": np.array(0, np.float32)})


def two_ends() -> onnx.ModelProto:
    nodes = [helper.make_node("MatMul", ["a", "w"], ["p"]), helper.make_node("Add", ["p", "b"], ["q"])]
    return proto(nodes, {"a": ["N", 3], "b": ["N", 2]}, {"p": ["N", 2], "q": ["N", 2]}, {"w": array(3, 2)})


FILES = {
    "convolutional": (convolutional, [(5, 3, 6, 6)]),
    "branching": (branching, [(5, 3)]),
    "two ends": (two_ends, [(5, 3), (5, 2)]),
}


def judge(model: onnx.ModelProto | str, arrays) -> list[np.ndarray]:
    data = model.SerializeToString() if isinstance(model, onnx.ModelProto) else model
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    return session.run(None, dict(zip([i.name for i in session.get_inputs()], arrays, strict=True)))


def assert_predicts(model, expected, arrays) -> None:
    found = model.predict(arrays if len(arrays) > 1 else arrays[0])
    for a, b in zip(expected, found if isinstance(found, list) else [found], strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


@pytest.mark.parametrize("case", FILES)
def test_a_foreign_file_loads_saves_and_exports(case, tmp_path) -> None:
    make, shapes = FILES[case]
    foreign, arrays = make(), [array(*shape) for shape in shapes]
    expected = judge(foreign, arrays)
    onnx.save(foreign, tmp_path / "f.onnx")
    model = load_model(tmp_path / "f.onnx")
    assert_predicts(model, expected, arrays)
    model.save(tmp_path / "f.h5")
    assert_predicts(load_model(tmp_path / "f.h5"), expected, arrays)
    model.export(tmp_path / "again.onnx")
    for a, b in zip(expected, judge(str(tmp_path / "again.onnx"), arrays), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)
    assert_predicts(load_model(tmp_path / "again.onnx"), expected, arrays)


def test_initializers_are_trainable_but_for_averages() -> None:
    layer = ONNXGraph(convolutional().SerializeToString())
    layer(Input((3, 6, 6)))
    assert [p.name.rpartition("/")[2] for p in layer.non_trainable_weights] == ["m", "v"]
    assert [p.shape for p in layer.trainable_weights] == [(4, 3, 3, 3), (4,), (4,), (4,), (2, 4), (2,)]


def test_it_is_fine_tuned_within_a_keras_model(tmp_path) -> None:
    x = Input((8, 7, 7))  # other sizes than the file declares
    body = ONNXGraph(convolutional(), name="body")
    model = Model(x, Dense(1)(body(Conv2D(3, 2, data_format="channels_first")(x))))
    model.compile("adam", "mse")
    before = body.get_weights()
    images, targets = array(16, 8, 7, 7), array(16, 1)
    history = model.fit(images, targets, epochs=8, verbose=0).history["loss"]
    assert history[-1] < history[0]
    moved = [not np.array_equal(a, b) for a, b in zip(before, body.get_weights(), strict=True)]
    assert moved == [p.trainable for p in body.weights]
    model.save(tmp_path / "m.h5")
    again = load_model(tmp_path / "m.h5")
    np.testing.assert_allclose(again.predict(images), model.predict(images), atol=1e-6)
    model.export(tmp_path / "m.onnx")
    found = judge(str(tmp_path / "m.onnx"), [images])[0]
    np.testing.assert_allclose(found, model.predict(images), atol=1e-5)


def test_called_twice_it_shares_its_weights() -> None:
    foreign = branching()
    layer = ONNXGraph(foreign)
    x, y = Input((3,)), Input((3,))
    model = Model([x, y], [layer(x), layer(y)])
    a, b = np.abs(array(4, 3)), -np.abs(array(4, 3))
    assert len(model.weights) == 2  # and a zero to compare with
    for given, found in zip((a, b), model.predict([a, b]), strict=True):
        np.testing.assert_allclose(found, judge(foreign, [given])[0], atol=1e-6)


def test_the_configuration_has_the_graph_without_the_weights() -> None:
    config = ONNXGraph(convolutional()).get_config()
    stored = onnx.load_model_from_string(base64.b64decode(config["graph"]))
    assert [tensor.name for tensor in stored.graph.initializer] == ["shape"]
    model = Model(x := Input((3, 6, 6)), ONNXGraph(convolutional())(x))
    assert not np.any(model_from_json(model.to_json()).get_weights()[0])


def foreign_operator() -> bytes:
    model = two_ends()
    model.graph.node[0].domain = "com.example"
    return model.SerializeToString()


def huge() -> str:
    config = ONNXGraph(two_ends()).get_config()
    stored = onnx.load_model_from_string(base64.b64decode(config["graph"]))
    stored.graph.input[-1].type.tensor_type.shape.dim[0].dim_value = 1 << 60
    return base64.b64encode(stored.SerializeToString()).decode()


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        (b"no model", "not an ONNX model"),
        (convolutional().SerializeToString()[:200], "ONNX|cut off|graph"),
        (foreign_operator(), "com.example"),
        ("not base64", "saved layer's text"),
        (base64.b64encode(two_ends().SerializeToString()).decode(), "which of its inputs"),
        (huge(), "bytes of weights"),
    ],
)
def test_a_bad_graph_is_refused(graph, message) -> None:
    with pytest.raises(ValueError, match=message):
        layer = ONNXGraph(graph)
        layer([Input((3,)), Input((2,))])


def test_inputs_of_the_wrong_number_or_type_are_refused() -> None:
    with pytest.raises(ValueError, match="has 2 inputs"):
        ONNXGraph(two_ends())(Input((3,)))
    with pytest.raises(ValueError, match="float32"):
        ONNXGraph(branching())(Input((3,), dtype="int32"))


# --- graphs of operators that only onnxruntime has ---


def fused() -> onnx.ModelProto:
    node = helper.make_node
    nodes = [
        node("FusedMatMul", ["x", "w"], ["p"], domain="com.microsoft", alpha=0.5),
        node("BiasGelu", ["p", "b"], ["y"], domain="com.microsoft"),
    ]
    weights = {"w": array(3, 4), "b": array(4)}
    return proto(nodes, {"x": ["N", 3]}, {"y": ["N", 4]}, weights, ["com.microsoft"])


def classifier() -> onnx.ModelProto:
    """What skl2onnx makes of a classifier: labels, and a dict of probabilities for each sample."""
    linear = helper.make_node(
        "LinearClassifier", ["x"], ["label", "scores"], domain="ai.onnx.ml", classlabels_strings=["a", "b"],
        coefficients=[1.0, 2.0, 3.0, -1.0, -2.0, -3.0], intercepts=[0.1, -0.1], post_transform="SOFTMAX",
    )  # fmt: skip
    zipped = helper.make_node(
        "ZipMap", ["scores"], ["p"], domain="ai.onnx.ml", classlabels_strings=["a", "b"]
    )
    inputs = [helper.make_tensor_value_info("x", FLOAT, [None, 3])]
    maps = helper.make_map_type_proto(TensorProto.STRING, helper.make_tensor_type_proto(FLOAT, []))
    outputs = [
        helper.make_tensor_value_info("label", TensorProto.STRING, [None]),
        helper.make_value_info("p", helper.make_sequence_type_proto(maps)),
    ]
    graph = helper.make_graph([linear, zipped], "net", inputs, outputs)
    imports = [helper.make_opsetid("", 15), helper.make_opsetid("ai.onnx.ml", 1)]
    return helper.make_model(graph, opset_imports=imports, ir_version=8)


@pytest.mark.parametrize("make", [fused, classifier])
def test_a_graph_that_only_onnxruntime_computes_predicts_and_is_saved(make, tmp_path) -> None:
    foreign, x = make(), array(700, 3)
    expected = judge(foreign, [x])
    if make is classifier:
        expected[1] = np.array([list(row.values()) for row in expected[1]], np.float32)
    onnx.save(foreign, tmp_path / "f.onnx")
    model = load_model(tmp_path / "f.onnx")
    model.summary(print_fn=lambda line: None)
    model.compile("sgd", "mse")
    model.save(tmp_path / "f.h5")
    with pytest.warns(UserWarning, match="not compared.*only onnxruntime computes"):
        model.export(tmp_path / "again.onnx")
    for again in (model, load_model(tmp_path / "f.h5"), load_model(tmp_path / "again.onnx")):
        found = again.predict(x)
        for a, b in zip(found if isinstance(found, list) else [found], expected, strict=True):
            assert np.array_equal(a, b) if b.dtype == object else np.allclose(a, b, atol=1e-5)


@pytest.mark.parametrize(
    ("make", "operators"),
    [
        (fused, "com.microsoft.FusedMatMul, com.microsoft.BiasGelu"),
        (classifier, "ai.onnx.ml.LinearClassifier"),
    ],
)
@pytest.mark.parametrize("how", ["fit", "evaluate", "train_on_batch"])
def test_training_says_which_operators_do_not_train(make, operators, how, tmp_path) -> None:
    onnx.save(make(), tmp_path / "f.onnx")
    x = Input((3,))
    outputs = ONNXGraph(tmp_path / "f.onnx", name="theirs")(Dense(3)(x))
    model = Model(x, outputs)
    model.compile("sgd", "mse")
    targets = [np.zeros(4), np.zeros((4, 2))] if make is classifier else np.zeros((4, 4))
    with pytest.raises(ValueError, match=f"in its layer 'theirs' only onnxruntime computes {operators}"):
        getattr(model, how)(array(4, 3), targets)


def test_their_weights_are_weights_and_a_change_is_seen() -> None:
    foreign = fused()
    model = Model(x := Input((3,)), ONNXGraph(foreign)(x))
    assert [(w.shape, w.trainable) for w in model.weights] == [((3, 4), False), ((4,), False)]
    samples = array(5, 3)
    for factor in range(6):
        changed = [w + factor for w in model.get_weights()]
        model.set_weights(changed)
        for name, value in zip("wb", changed, strict=True):
            index = [t.name for t in foreign.graph.initializer].index(name)
            foreign.graph.initializer[index].CopyFrom(numpy_helper.from_array(value, name))
        np.testing.assert_allclose(model.predict(samples), judge(foreign, [samples])[0], atol=1e-5)


# --- inputs and outputs that have no axis for samples ---


def scaled(*inputs: str) -> onnx.ModelProto:
    """x (N, 3) times a number; or numbers alone."""
    shapes = {"x": ["N", 3], "a": [], "b": []}
    return proto(
        [helper.make_node("Mul", list(inputs), ["y"])],
        {name: shapes[name] for name in inputs},
        {"y": shapes["x" if "x" in inputs else "a"]},
        {},
    )


@pytest.mark.parametrize("inputs", [("x", "a"), ("a", "x"), ("a", "b")])
def test_single_numbers_are_inputs(inputs, tmp_path) -> None:
    given = {"x": array(500, 3), "a": np.array(2, np.float32), "b": np.array(-3, np.float32)}
    arrays = [given[name] for name in inputs]
    foreign = scaled(*inputs)
    expected = judge(foreign, arrays)
    onnx.save(foreign, tmp_path / "f.onnx")
    model = load_model(tmp_path / "f.onnx")
    model.save(tmp_path / "f.h5")
    model.export(tmp_path / "again.onnx")
    for again in (model, load_model(tmp_path / "f.h5"), load_model(tmp_path / "again.onnx")):
        assert_predicts(again, expected, arrays)
    np.testing.assert_allclose(model.predict(dict(zip(inputs, arrays, strict=True)), verbose=1), expected[0])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="does not have"):
        model.fit(arrays, expected[0], verbose=0)


def test_an_input_of_unknown_rank_is_refused_by_name(tmp_path) -> None:
    foreign = scaled("x", "a")
    foreign.graph.input[0].type.tensor_type.ClearField("shape")
    onnx.save(foreign, tmp_path / "f.onnx")
    with pytest.raises(ValueError, match="'x' of the ONNX graph has no known number of axes"):
        load_model(tmp_path / "f.onnx")


# --- what the file declares ---


@pytest.mark.parametrize(
    ("declared", "shape"),
    [
        (["N", 7], (None, 7)),
        ([None, 7], (None, 7)),
        ([1, 7], (None, 7)),  # of an exporter who traced it with one sample
        (["N", "M"], (None, None)),
    ],
)
def test_a_shape_that_nobody_can_infer_is_the_declared_one(declared, shape) -> None:
    cast = helper.make_node("Cast", ["t"], ["target"], to=TensorProto.INT64)
    reshape = helper.make_node("Reshape", ["x", "target"], ["y"])
    layer = ONNXGraph(proto([cast, reshape], {"x": ["N", 7], "t": [2]}, {"y": declared}, {}))
    target = Input(batch_shape=(2,))
    assert K.int_shape(layer([Input((7,)), target])) == shape
    assert K.int_shape(layer([Input(batch_shape=(5, 7)), target]))[1:] == shape[1:]

"""Operators that only onnxruntime has, as its quantizer, its fusions and converters to it write them."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import onnx
import onnx.parser
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from kcompile.ir import ForeignNode, OperatorError, foreign_nodes
from kcompile.onnx_io import ExportError, build_session_model, export, read_graph
from kcompile_runtime.session import older
from tests.onnx_io import networks
from tests.onnx_io.running import feeds_for, run

RANDOM = np.random.default_rng(0)
BYTES, SCALE, ZERO = "u1", np.float32(0.05), np.uint8(128)


def floats(*shape):
    return RANDOM.standard_normal(shape).astype(np.float32)


def uints(*shape):
    return RANDOM.integers(0, 256, shape).astype(np.uint8)


def array(*values, dtype=np.float32):
    return np.array(values, dtype)


QUANTIZED = {"s": SCALE, "z": ZERO}
X = {"x": floats(3, 4)}
TOKENS = {"x": floats(2, 5, 8)}
IMAGE = {"x": floats(2, 3, 8, 8)}
NORM = {"g": floats(8), "b": floats(8)}
IDS = {"i": RANDOM.integers(0, 6, (2, 5)).astype(np.int32)}
LAST = {
    "w": uints(1, 4, 12),
    "r": uints(1, 3, 12),
    "b": floats(1, 24),
    "ws": array(0.01),
    "wz": array(128, dtype=BYTES),
}

#: nodes in ONNX's text, what is fed, what is constant
MICROSOFT = {
    "Attention": ("y = Attention<num_heads=2>(x, w, v)", TOKENS, {"w": floats(8, 24), "v": floats(24)}),
    "BiasGelu": ("y = BiasGelu(x, b)", X, {"b": floats(4)}),
    "CDist": ('y = CDist<metric="euclidean">(x, w)', X, {"w": floats(5, 4)}),
    "DequantizeLinear": ("q = QuantizeLinear(x, s, z); y = DequantizeLinear(q, s, z)", X, QUANTIZED),
    "DynamicQuantizeLSTM": (
        'y, h, c = DynamicQuantizeLSTM<hidden_size=3>(x, w, r, b, "", "", "", "", ws, wz, ws, wz)',
        {"x": floats(5, 2, 4)},
        LAST,
    ),
    "DynamicQuantizeMatMul": ("y = DynamicQuantizeMatMul(x, w, s, z)", X, {"w": uints(4, 5), **QUANTIZED}),
    "EmbedLayerNormalization": (
        'y, m = EmbedLayerNormalization(i, "", w, p, "", g, b)',
        IDS,
        {"w": floats(9, 8), "p": floats(6, 8), **NORM},
    ),
    "ExpandDims": ("y = ExpandDims(x, a)", X, {"a": array(0, dtype="i4")}),
    "FastGelu": ("y = FastGelu(x, b)", X, {"b": floats(4)}),
    "FusedConv": (
        'y = FusedConv<activation="Relu", pads=[1, 1, 1, 1]>(x, w, b)',
        IMAGE,
        {"w": floats(4, 3, 3, 3), "b": floats(4)},
    ),
    "FusedGemm": ('y = FusedGemm<activation="Relu">(x, w, b)', X, {"w": floats(4, 5), "b": floats(5)}),
    "FusedMatMul": ("y = FusedMatMul<alpha=0.5, transB=1>(x, w)", X, {"w": floats(5, 4)}),
    "GatherBlockQuantized": (
        "y = GatherBlockQuantized<bits=8, block_size=16>(w, i, v)",
        IDS,
        {"w": uints(6, 16), "v": floats(6, 1)},
    ),
    "Gelu": ("y = Gelu(x)", X, {}),
    "GroupQueryAttention": (
        'y, k, v = GroupQueryAttention<num_heads=2, kv_num_heads=1>(x, p, p, "", "", l, t)',
        {"x": floats(2, 5, 16), "p": floats(2, 5, 8)},
        {"l": array(4, 4, dtype="i4"), "t": array(5, dtype="i4")},
    ),
    "MatMulBnb4": (
        "y = MatMulBnb4<K=32, N=6, block_size=32, quant_type=1>(x, w, v)",
        {"x": floats(3, 32)},
        {"w": uints(96), "v": floats(6)},
    ),
    "MatMulIntegerToFloat": (
        "y = MatMulIntegerToFloat(x, w, s, s, z, z)",
        {"x": uints(3, 4)},
        {"w": uints(4, 5), **QUANTIZED},
    ),
    "MatMulNBits": (
        "y = MatMulNBits<K=32, N=6, bits=4, block_size=32>(x, w, v)",
        {"x": floats(3, 32)},
        {"w": uints(6, 1, 16), "v": floats(6)},
    ),
    "MultiHeadAttention": ("y = MultiHeadAttention<num_heads=2>(x, x, x, v)", TOKENS, {"v": floats(24)}),
    "NhwcMaxPool": ("y = NhwcMaxPool<kernel_shape=[2, 2]>(x)", {"x": uints(2, 8, 8, 3)}, {}),
    "QAttention": (
        'y = QAttention<num_heads=2>(x, w, v, s, s, "", z, z)',
        {"x": uints(2, 5, 8)},
        {"w": uints(8, 24), "v": floats(24), **QUANTIZED},
    ),
    "QEmbedLayerNormalization": (
        'y, m = QEmbedLayerNormalization(i, "", w, p, "", g, b, "", s, s, "", s, s, z, z, "", z, z)',
        IDS,
        {"w": uints(9, 8), "p": uints(6, 8), "g": uints(8), "b": uints(8), **QUANTIZED},
    ),
    "QGemm": (
        "y = QGemm(x, s, z, w, s, z, b, s, z)",
        {"x": uints(3, 4)},
        {"w": uints(4, 5), "b": array(*range(5), dtype="i4"), **QUANTIZED},
    ),
    "QLinearAdd": (
        "y = QLinearAdd(x, s, z, k, s, z, s, z)",
        {"x": uints(3, 4)},
        {"k": uints(4), **QUANTIZED},
    ),
    "QLinearAveragePool": (
        "y = QLinearAveragePool<kernel_shape=[2, 2]>(x, s, z, s, z)",
        {"x": uints(2, 3, 8, 8)},
        QUANTIZED,
    ),
    "QLinearConcat": ("y = QLinearConcat<axis=1>(s, z, x, s, z, x, s, z)", {"x": uints(3, 4)}, QUANTIZED),
    "QLinearConv": (
        "y = QLinearConv<channels_last=1>(x, s, z, w, s, z, s, z)",
        {"x": uints(2, 8, 8, 3)},
        {"w": uints(4, 3, 3, 3), **QUANTIZED},
    ),
    "QLinearGlobalAveragePool": (
        "y = QLinearGlobalAveragePool(x, s, z, s, z)",
        {"x": uints(2, 3, 8, 8)},
        QUANTIZED,
    ),
    "QLinearLeakyRelu": ("y = QLinearLeakyRelu<alpha=0.1>(x, s, z, s, z)", {"x": uints(3, 4)}, QUANTIZED),
    "QLinearMul": (
        "y = QLinearMul(x, s, z, k, s, z, s, z)",
        {"x": uints(3, 4)},
        {"k": uints(4), **QUANTIZED},
    ),
    "QLinearSigmoid": ("y = QLinearSigmoid(x, s, z, s, z)", {"x": uints(3, 4)}, QUANTIZED),
    "QLinearSoftmax": ("y = QLinearSoftmax<axis=1, opset=13>(x, s, z, s, z)", {"x": uints(3, 4)}, QUANTIZED),
    "QLinearWhere": (
        "y = QLinearWhere(c, x, s, z, k, s, z, s, z)",
        {"c": uints(3, 4) > 99, "x": uints(3, 4)},
        {"k": uints(4), **QUANTIZED},
    ),
    "QuickGelu": ("y = QuickGelu(x)", X, {}),
    "RotaryEmbedding": (
        "y = RotaryEmbedding(x, p, c, n)",
        {"x": floats(2, 5, 8)},
        {"p": array(0, dtype="i8"), "c": floats(9, 4), "n": floats(9, 4)},
    ),
    "SkipLayerNormalization": (
        'y, "", "", q = SkipLayerNormalization(x, k, g, b)',
        {"x": floats(2, 5, 8), "k": floats(2, 5, 8)},
        NORM,
    ),
    "SkipSimplifiedLayerNormalization": (
        "y = SkipSimplifiedLayerNormalization(x, k, g)",
        {"x": floats(2, 5, 8), "k": floats(2, 5, 8)},
        {"g": floats(8)},
    ),
    "TransposeMatMul": ("y = TransposeMatMul<transA=1>(x, w)", {"x": floats(4, 3)}, {"w": floats(4, 5)}),
    "Trilu": ("y = Trilu(x)", {"x": floats(3, 4, 4)}, {}),
    "Unique": ("y, i, c = Unique(x)", {"x": array(1, 2, 1, 3)}, {}),
}

# Those write whole decoders into attributes.
DECODING = {"BeamSearch", "GreedySearch", "Sampling", "WhisperBeamSearch", "DecoderMaskedMultiHeadAttention"}


def in_domain(text, domain):
    return re.sub(r"= (\w+)", rf"= {domain}.\1", text)


def theirs(text, feeds, constants, imports, opset=17):
    """The model, its outputs untyped."""
    nodes = [onnx.parser.parse_node(line) for line in text.split(";")]
    inputs = []
    for name, value in feeds.items():
        dtype = helper.np_dtype_to_tensor_dtype(value.dtype) if value.dtype != object else TensorProto.STRING
        inputs.append(helper.make_tensor_value_info(name, dtype, ["N", *value.shape[1:]]))
    inner = {name for node in nodes for name in node.input}
    outputs = [onnx.ValueInfoProto(name=n) for node in nodes for n in node.output if n and n not in inner]
    tensors = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "g", inputs, outputs, tensors)
    sets = [helper.make_opsetid(domain, version) for domain, version in {"": opset, **imports}.items()]
    return helper.make_model(graph, opset_imports=sets, ir_version=8)


def assert_same(found, expected):
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        if isinstance(b, list):  # what ZipMap makes of probabilities
            b = np.array([list(row.values()) for row in b])
        if b.dtype == object:
            assert (a == b).all()
        else:
            np.testing.assert_allclose(a, b, atol=1e-5)


def assert_computes(model, feeds):
    """In a session here and in a file, a graph read from the model computes what the model does."""
    expected = run(model, feeds)
    graph = read_graph(model)
    made = build_session_model(graph)
    assert_same(run(made.model, feeds, made.initializers), expected)
    assert_same(run(export(graph), feeds), expected)
    for value, array_ in zip(graph.outputs, expected, strict=True):
        if isinstance(array_, np.ndarray) and value.shape is not None:
            assert value.dtype == array_.dtype
            assert len(value.shape) == array_.ndim
    return graph


RECENT = not older(onnxruntime, 1, 31)
needs_recent = pytest.mark.skipif(
    not RECENT, reason="onnxruntime before 1.31 runs not all that its tools write"
)


@pytest.mark.parametrize("name", MICROSOFT)
def test_an_operator_of_onnxruntime_runs_and_is_exported(name):
    if name in ("ExpandDims", "GatherBlockQuantized") and not RECENT:
        pytest.skip("onnxruntime before 1.31 crashes in it, or lacks a form of it")
    text, feeds, constants = MICROSOFT[name]
    model = theirs(in_domain(text, "com.microsoft"), feeds, constants, {"com.microsoft": 1})
    graph = assert_computes(model, feeds)
    assert name in [node.operator for node in foreign_nodes(graph)]


def kernels(domain):
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    return {k.op_name for k in state.get_all_opkernel_def() if k.domain == domain and "CPU" in k.provider}


def test_what_onnxruntimes_quantizer_and_fusions_write_is_among_them():
    root = Path(onnxruntime.__file__).parent
    written = set()
    for path in [
        *root.glob("quantization/**/*.py"),
        *root.glob("transformers/fusion*.py"),
        *root.glob("transformers/onnx_model*.py"),
    ]:
        written.update(re.findall(r"[\"'](\w+)[\"']", path.read_text(encoding="utf-8")))
    assert written & kernels("com.microsoft") <= MICROSOFT.keys() | DECODING | {
        "GatherND",
        "GridSample",
        "Inverse",
        "Pad",
        "QuantizeLinear",
        "Range",
    }


TREE = (
    "nodes_treeids=[0, 0, 0], nodes_nodeids=[0, 1, 2], nodes_featureids=[1, 0, 0], "
    'nodes_modes=["BRANCH_LEQ", "LEAF", "LEAF"], '
    "nodes_values=[0.1, 0.0, 0.0], nodes_truenodeids=[1, 0, 0], nodes_falsenodeids=[2, 0, 0]"
)
CLASSES = "class_treeids=[0, 0], class_nodeids=[1, 2], class_ids=[0, 1], class_weights=[1.0, 0.7]"
LINEAR = "coefficients=[1.0, 2.0, -1.0, 0.5, -1.0, 0.3, 0.2, 0.1], intercepts=[0.1, 0.2]"
SVM = 'kernel_type="LINEAR", kernel_params=[0.0, 0.0, 3.0]'
STRINGS = np.array([["a"], ["b"], ["c"]], object)

ML = {
    "ArrayFeatureExtractor": ("y = ArrayFeatureExtractor(x, i)", X, {"i": array(2, 0, dtype="i8")}),
    "Binarizer": ("y = Binarizer<threshold=0.2>(x)", X, {}),
    "CategoryMapper": (
        'y = CategoryMapper<cats_int64s=[1, 2], cats_strings=["a", "b"]>(x)',
        {"x": STRINGS},
        {},
    ),
    "FeatureVectorizer": ("y = FeatureVectorizer<inputdimensions=[4, 4]>(x, x)", X, {}),
    "Imputer": (
        "y = Imputer<imputed_value_floats=[1.0, 2.0, 3.0, 4.0], replaced_value_float=-9.0>(x)",
        {"x": np.where(X["x"] > 0, X["x"], -9).astype("f")},
        {},
    ),
    "LabelEncoder": (
        'y = LabelEncoder<keys_strings=["a", "b"], values_floats=[1.0, 2.0]>(x)',
        {"x": STRINGS},
        {},
    ),
    "LinearClassifier": (
        f'l, y = LinearClassifier<{LINEAR}, classlabels_ints=[0, 1], post_transform="SOFTMAX">(x)',
        X,
        {},
    ),
    "LinearClassifier of strings": (
        f'l, y = LinearClassifier<{LINEAR}, classlabels_strings=["a", "b"]>(x)',
        X,
        {},
    ),
    "LinearRegressor": ("y = LinearRegressor<coefficients=[1.0, 2.0, 3.0, 4.0], intercepts=[0.5]>(x)", X, {}),
    "Normalizer": ('y = Normalizer<norm="L2">(x)', X, {}),
    "OneHotEncoder": ('y = OneHotEncoder<cats_strings=["a", "b"], zeros=1>(x)', {"x": STRINGS}, {}),
    "SVMClassifier": (
        f"l, y = SVMClassifier<{SVM}, coefficients=[1.0, 2.0, -1.0, 0.5, 0.1, 0.2, 0.3, 0.4], "
        "rho=[0.1, 0.2], classlabels_ints=[0, 1]>(x)",
        X,
        {},
    ),
    "SVMRegressor": (f"y = SVMRegressor<{SVM}, coefficients=[1.0, 2.0, -1.0, 0.5], rho=[0.1]>(x)", X, {}),
    "Scaler": ("y = Scaler<offset=[1.0, 2.0, 3.0, 4.0], scale=[1.0, 0.5, 2.0, 1.0]>(x)", X, {}),
    "TreeEnsembleClassifier": (
        f"l, y = TreeEnsembleClassifier<{TREE}, {CLASSES}, classlabels_int64s=[0, 1]>(x)",
        X,
        {},
    ),
    "TreeEnsembleRegressor": (
        f"y = TreeEnsembleRegressor<{TREE}, n_targets=1, target_treeids=[0, 0], "
        "target_nodeids=[1, 2], target_ids=[0, 0], target_weights=[1.0, 2.0]>(x)",
        X,
        {},
    ),
    "ZipMap": (
        f"l, p = LinearClassifier<{LINEAR}, classlabels_ints=[0, 1]>(x); "
        "y = ZipMap<classlabels_int64s=[0, 1]>(p)",
        X,
        {},
    ),
    "a pipeline": (
        'a = Scaler<offset=[0.0], scale=[2.0]>(x); b = Normalizer<norm="L1">(a); '
        "y = Binarizer<threshold=0.2>(b)",
        X,
        {},
    ),
}
MAPS = {"CastMap", "DictVectorizer"}  # their inputs are no tensors


@pytest.mark.parametrize("name", ML)
def test_an_operator_of_machine_learning_runs_and_is_exported(name):
    text, feeds, constants = ML[name]
    assert_computes(theirs(in_domain(text, "ai.onnx.ml"), feeds, constants, {"ai.onnx.ml": 3}), feeds)


def test_all_operators_of_machine_learning_are_tried():
    assert kernels("ai.onnx.ml") - MAPS - {"TreeEnsemble"} <= ML.keys()


# --- what writes them ---


def saved_by_onnxruntime(model, level, path):
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = level
    options.optimized_model_filepath = str(path)
    options.log_severity_level = 3
    onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return onnx.load(path)


@pytest.mark.parametrize("level", ["ORT_ENABLE_EXTENDED", "ORT_ENABLE_ALL"])
@pytest.mark.parametrize("network", [networks.cnn, networks.residual])
def test_a_model_that_onnxruntime_has_optimized_is_read(network, level, tmp_path):
    graph = network()
    optimized = saved_by_onnxruntime(
        export(graph), getattr(onnxruntime.GraphOptimizationLevel, level), tmp_path / "m.onnx"
    )
    again = assert_computes(optimized, feeds_for(graph))
    assert foreign_nodes(again)


@needs_recent
@pytest.mark.parametrize("network", [networks.cnn, lambda: networks.lstm(units=4, features=3)])
def test_a_dynamically_quantized_model_is_read(network, tmp_path):
    from onnxruntime.quantization import quantize_dynamic

    graph = network()
    onnx.save(export(graph), tmp_path / "m.onnx")
    quantize_dynamic(tmp_path / "m.onnx", tmp_path / "q.onnx")
    assert_computes(onnx.load(tmp_path / "q.onnx"), feeds_for(graph))


@needs_recent
@pytest.mark.parametrize("form", ["QOperator", "QDQ"])
def test_a_statically_quantized_model_is_read(form, tmp_path):
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static

    graph = networks.cnn()

    class Once(CalibrationDataReader):
        def __init__(self):
            self.feeds = iter([feeds_for(graph)])

        def get_next(self):
            return next(self.feeds, None)

    onnx.save(export(graph), tmp_path / "m.onnx")
    quantize_static(tmp_path / "m.onnx", tmp_path / "q.onnx", Once(), quant_format=getattr(QuantFormat, form))
    assert_computes(onnx.load(tmp_path / "q.onnx"), feeds_for(graph))


@pytest.mark.parametrize("opset", [11, 14, 16, 17])
def test_layer_normalization_before_it_was_standard_is_read(opset):
    text = "a = LayerNormalization<axis=-1>(x, g, b); y = Relu(a)"
    graph = assert_computes(theirs(text, TOKENS, NORM, {}, opset), TOKENS)
    assert [p.name for p in graph.parameters] == ["g", "b"]
    assert not foreign_nodes(graph)


@pytest.mark.parametrize("axis", [-1, 2])
def test_normalization_by_the_root_mean_square_is_made_of_standard_operators(axis):
    text = f"y = SimplifiedLayerNormalization<axis={axis}, epsilon=0.1>(x, g)"
    graph = assert_computes(theirs(text, TOKENS, {"g": NORM["g"]}, {}), TOKENS)
    assert [p.trainable for p in graph.parameters] == [True]
    assert not foreign_nodes(graph)


def test_branches_have_them():
    then = helper.make_graph(
        [helper.make_node("FastGelu", ["x"], ["t"], domain="com.microsoft")],
        "t",
        [],
        [onnx.ValueInfoProto(name="t")],
    )
    other = helper.make_graph(
        [helper.make_node("Neg", ["x"], ["o"])], "o", [], [onnx.ValueInfoProto(name="o")]
    )
    model = theirs("y = Gelu(x)", X, {"c": np.array(True)}, {"com.microsoft": 1}, 20)
    del model.graph.node[:]
    model.graph.node.append(helper.make_node("If", ["c"], ["y"], then_branch=then, else_branch=other))
    graph = assert_computes(model, X)
    assert [node.op_type for node in foreign_nodes(graph)] == ["com.microsoft.FastGelu"]


# --- the same in other forms, and what is refused ---


@pytest.mark.parametrize("opset", [13, 17, 21, 23])
def test_they_are_exported_in_other_versions_of_the_standard(opset):
    if opset > 21 and not RECENT:
        pytest.skip("not every release of onnxruntime runs this version of the operator set")
    model = theirs("a = com.microsoft.FastGelu(x); y = Softmax<axis=-1>(a)", X, {}, {"com.microsoft": 1})
    written = export(read_graph(model), opset=opset)
    assert {entry.domain: entry.version for entry in written.opset_import} == {"": opset, "com.microsoft": 1}
    assert_same(run(written, X), run(model, X))


def test_an_operator_without_a_kernel_here_can_be_looked_at():
    text = "y = com.microsoft.GroupNorm<groups=2, activation=0>(x, g, b)"
    image = {"x": floats(2, 4, 4, 8)}
    graph = read_graph(theirs(text, image, NORM, {"com.microsoft": 1}))
    (node,) = graph.nodes
    assert isinstance(node, ForeignNode)
    assert str(graph).count("com.microsoft.GroupNorm") == 1
    assert graph.outputs[0].dtype == np.float32


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("y = com.microsoft.Nothing(x)", "com.microsoft.Nothing: onnxruntime cannot run it"),
        ("y = com.example.Relu(x)", "com.example"),
        ("y = ai.onnx.ml.Nothing(x)", "ai.onnx.ml.Nothing"),
        ("y = com.microsoft.QLinearSoftmax<axis=1000000000000>(x, x, x, x, x)", "'axis' is beyond any size"),
        ("y = com.microsoft.FusedMatMul(x)", "FusedMatMul: onnxruntime cannot run it"),
        ("y = com.microsoft.QLinearWhere(c, x, e, z, k, s, z, s, z)", "one of its constants has no elements"),
        ('y = ai.onnx.ml.LabelEncoder<keys_strings=["a"], values_floats=[1.0]>("")', "input 'X' is required"),
        ('y = com.microsoft.Gelu<wrong="a">(x)', "Gelu: onnxruntime cannot run it"),
    ],
)
def test_what_nobody_has_is_refused_by_name(text, message):
    feeds = {"c": uints(3, 4) > 99, "x": uints(3, 4)} if "QLinearWhere" in text else X
    constants = {"e": np.zeros(0, np.float32), "k": uints(4), **QUANTIZED} if feeds is not X else {}
    model = theirs(text, feeds, constants, {"com.microsoft": 1, "com.example": 1, "ai.onnx.ml": 3})
    with pytest.raises(OperatorError, match=message):
        read_graph(model)


def test_a_graph_within_an_operator_may_not_read_from_around():
    body = helper.make_graph(
        [helper.make_node("Neg", ["x"], ["o"])], "b", [], [onnx.ValueInfoProto(name="o")]
    )
    model = theirs("y = com.microsoft.Gelu(x)", X, {}, {"com.microsoft": 1})
    model.graph.node[0].attribute.append(helper.make_attribute("decoder", body))
    with pytest.raises(OperatorError, match="'decoder' reads 'x' from the graph around"):
        read_graph(model)


def test_two_versions_of_one_domain_are_not_exported_together():
    from kcompile.ir import Graph

    first, second = (
        read_graph(theirs("y = ai.onnx.ml.Binarizer(x)", X, {}, {"ai.onnx.ml": version}))
        for version in (1, 3)
    )
    with pytest.raises(ExportError, match=r"version 3 of ai.onnx.ml, others of the model are of version 1"):
        export(
            Graph([*first.outputs, *second.outputs], [*first.inputs, *second.inputs]), input_names=["a", "b"]
        )

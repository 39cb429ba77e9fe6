"""What can be written in several ways computes the same in each, and the fastest as measured is taken."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from kcompile import keras
from kcompile.keras import backend as K
from kcompile.optimize import OptimizeError, choosing, fuse
from kcompile.optimize.fusion import TARGETS, WAYS, Forms, rewritten
from kcompile.optimize.quantizing import dynamic, prepare
from kcompile.optimize.sources import onnx_model
from kcompile.optimize.steps import steps
from kcompile.optimize.timing import Step
from kcompile_runtime import Executor

from .fusion_forms import ATTENTION, WIDTH

L = keras.layers
CONTRIB = "com.microsoft"


def _block(before: bool, activation: Any = "gelu", normalization: Any = L.LayerNormalization) -> Any:
    """A block of a transformer with its normalization before or after what it adds to."""
    inputs = L.Input((None, WIDTH))
    x = L.Dense(WIDTH)(inputs)
    read = normalization()(x) if before else x
    x = L.add([x, L.Dense(WIDTH, name="outer")(L.MultiHeadAttention(2, 4)(read, read))])
    read = normalization()(x)
    x = L.add([x if before else read, L.Dense(WIDTH)(L.Dense(16, activation=activation)(read))])
    model = keras.Model(inputs, x if before else normalization()(x))
    random = np.random.default_rng(0)
    model.set_weights([w + random.normal(0, 0.2, w.shape) for w in model.get_weights()])
    return model


def _by_tanh(x: Any) -> Any:
    return keras.activations.gelu(x, approximate=True)


BLOCKS: dict[str, Callable[[], Any]] = {
    "normalized after": lambda: _block(False),
    "normalized before": lambda: _block(True),
    "normalized after, by tanh": lambda: _block(False, _by_tanh),
    "root mean squares after": lambda: _block(False, "swish", L.RMSNormalization),
    "root mean squares before": lambda: _block(True, "relu", L.RMSNormalization),
}
JOINED = {
    "normalized after": {"SkipLayerNormalization": 2, "BiasGelu": 1},
    "normalized before": {"SkipLayerNormalization": 1, "BiasGelu": 1},
    "normalized after, by tanh": {"SkipLayerNormalization": 2, "FastGelu": 1},
    "root mean squares after": {"SkipSimplifiedLayerNormalization": 2},
    "root mean squares before": {"SkipSimplifiedLayerNormalization": 1},
}


@pytest.fixture(scope="module")
def blocks() -> dict[str, onnx.ModelProto]:
    K.clear_session()
    return {name: onnx_model(make()) for name, make in BLOCKS.items()}


def _same(source: onnx.ModelProto, made: onnx.ModelProto, inputs: list[np.ndarray]) -> None:
    first, second = (Executor(m.SerializeToString()) for m in (source, made))
    for a, b in zip(first.run(inputs), second.run(inputs), strict=True):
        np.testing.assert_allclose(b, a, rtol=2e-4, atol=2e-5)


def _x(batch: int, length: int) -> np.ndarray:
    return np.random.default_rng(1).normal(0.3, 1.5, (batch, length, WIDTH)).astype(np.float32)


@pytest.mark.parametrize("field", [field for field in WAYS if field != "transposes"])
@pytest.mark.parametrize("name", BLOCKS)
def test_each_way_of_each_computes_the_same(name: str, field: str, blocks: Any) -> None:
    for forms in Forms().others(field):
        made = rewritten(blocks[name], "cpu", forms)
        assert made.forms == forms
        for shape in ((1, 5), (3, 1), (2, 7)):
            _same(blocks[name], made.model, [_x(*shape)])


@pytest.mark.parametrize("name", BLOCKS)
def test_sums_and_biases_go_into_one_kernel(name: str, blocks: Any) -> None:
    forms = Forms(sums="SkipLayerNormalization", biases="with the activation")
    made = rewritten(blocks[name], "cpu", forms)
    found = Counter(node.op_type for node in made.model.graph.node if node.domain == CONTRIB)
    assert {kind: found[kind] for kind in JOINED[name]} == JOINED[name]
    skips = [node for node in made.model.graph.node if node.op_type.startswith("Skip")]
    # the last Dense layer's bias goes along, and the sum is read on where it has other readers
    assert all(len(node.input) in (4, 5) and node.input[-1] for node in skips)
    assert any(len(node.output) == 4 and node.output[3] for node in skips) == ("before" in name)


@pytest.mark.parametrize("name", BLOCKS)
def test_sums_that_are_kept_apart_are_not_joined_by_onnxruntime(
    name: str, blocks: Any, tmp_path: Any
) -> None:
    import onnxruntime

    def joined(forms: Forms) -> int:
        options = onnxruntime.SessionOptions()
        options.optimized_model_filepath = str(tmp_path / "o.onnx")
        made = rewritten(blocks[name], "cpu", forms).model.SerializeToString()
        onnxruntime.InferenceSession(made, options, providers=["CPUExecutionProvider"])
        nodes = onnx.load(tmp_path / "o.onnx").graph.node
        return sum(node.op_type.startswith("Skip") for node in nodes)

    assert joined(Forms(sums="kept apart")) == 0
    assert joined(Forms(sums="SkipLayerNormalization")) == sum(
        count for kind, count in JOINED[name].items() if kind.startswith("Skip")
    )


def test_each_machine_has_its_usual_forms(blocks: Any) -> None:
    found = {target: rewritten(blocks["normalized after"], target).counts for target in TARGETS}
    assert found["cuda"]["SkipLayerNormalization"] == 2 and found["cuda"]["BiasGelu"] == 1
    assert found["cpu"]["sums kept apart"] == 2
    assert not any("kept apart" in kind or "Skip" in kind for kind in found["web"])


STANDARD = Forms(attention="Attention of opset 23")


@pytest.mark.parametrize("name", ATTENTION)
def test_each_form_of_attention_becomes_the_standards(name: str) -> None:
    from .test_fusion import drawn

    source = onnx_model(ATTENTION[name].make())
    made = rewritten(source, "cpu", STANDARD)
    (node,) = [node for node in made.model.graph.node if node.op_type == "Attention"]
    assert node.domain == "" and {o.domain: o.version for o in made.model.opset_import}[""] == 23
    for batch, length in ((1, 5), (3, 7), (2, 1)):
        _same(source, made.model, drawn(source, batch, [ATTENTION[name].fixed or length]))


def test_a_file_of_opset_23_becomes_the_keras_model_again(tmp_path: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(choosing, "step", _favours("Attention of opset 23"))
    model = BLOCKS["normalized after"]()
    result = fuse(model, "cpu", seconds=0.001)
    assert result.forms["attention"] == "Attention of opset 23" and result.difference is not None
    result.save(tmp_path / "f.onnx")
    again = keras.models.load_model(tmp_path / "f.onnx")
    for a, b in zip(again.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert [type(layer) for layer in again.layers] == [type(layer) for layer in model.layers]
    # without what makes it a Keras model it is read as a graph, its attention in the IR's operators
    graph = result.model
    del graph.metadata_props[:]
    onnx.save(graph, tmp_path / "g.onnx")
    np.testing.assert_allclose(
        keras.models.load_model(tmp_path / "g.onnx").predict(_x(2, 5)), model.predict(_x(2, 5)), atol=1e-5
    )


def test_the_standards_attention_is_left_out_where_ranges_are_dynamic(blocks: Any) -> None:
    source = blocks["normalized after"]
    made = dynamic(prepare(rewritten(source, "cpu", STANDARD).model))
    kinds = Counter(node.op_type for node in made.graph.node)
    assert kinds["Attention"] == 1 and kinds["QAttention"] == 0
    assert kinds["MatMulInteger"] + kinds["DynamicQuantizeMatMul"] > 0
    Executor(made.SerializeToString()).run([_x(2, 5)])


# --- what is measured is taken ---


def _favours(*kinds: str) -> Callable[..., Step]:
    """Instead of the clock: what has one of these names is faster."""

    def step(what: str, before: Any, with_: Any, seconds: float, least_gain: float) -> Step:
        before(), with_()
        kept = any(kind in what for kind in kinds)
        return Step(what, 0.5 if kept else 1.0, 1.0, kept)

    return step


@pytest.mark.parametrize(
    ("favoured", "taken"),
    [
        ((), {}),
        (("sums: SkipLayerNormalization",), {"sums": "SkipLayerNormalization"}),
        (("SkipLayerNormalization",), {"sums": "SkipLayerNormalization"}),
        (("with the activation",), {"biases": "with the activation"}),
        (("attention: as written",), {"attention": "as written"}),
    ],
)
def test_the_faster_form_is_taken(favoured: Any, taken: Any, blocks: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(choosing, "step", _favours(*favoured))
    result = fuse(blocks["normalized after"], "cpu", seconds=0.001)
    assert result.forms == vars(replace(Forms.usual("cpu"), **taken))
    # each way that changes anything was tried once
    assert Counter(step.what.partition(":")[0] for step in result.tried)["attention"] == 3
    (said,) = steps(result.model)
    assert said["forms"] == result.forms and said["fused"] == result.fused


def test_a_model_that_is_fastest_as_it_was_stays_so(blocks: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(choosing, "step", _favours("the model as it was"))
    source = blocks["normalized after"]
    result = fuse(source, "cpu", seconds=0.001)
    assert result.fused == {} and result.forms == {} and result.nodes_after == result.nodes_before
    assert result.model.graph == source.graph
    assert result.before == result.after


def test_times_of_this_machine_are_told(blocks: Any) -> None:
    result = fuse(blocks["normalized before"], "cpu", seconds=0.02)
    assert result.before is not None and result.before > 0 and result.samples == 1
    assert len(result.tried) >= 5 and all(step.seconds > 0 for step in result.tried)
    text = str(result.report())
    assert "sums: SkipLayerNormalization" in text and "Time of one run" in text


@pytest.mark.parametrize("target", ["cuda", "web"])
def test_other_machines_are_not_measured_here(target: Any, blocks: Any) -> None:
    import onnxruntime

    if target == "cuda" and "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("there is one")
    result = fuse(blocks["normalized after"], target)
    assert result.unmeasured and result.before is None and result.tried == []
    assert result.forms == vars(Forms.usual(target))


# --- constants, shapes, transposes ---


def _reshaping(target: list[Any]) -> onnx.ModelProto:
    """A Reshape to sizes that nodes read of the input and bring together, as other exporters write it."""
    nodes = [helper.make_node("Shape", ["x"], ["shape"])]
    parts, constants = [], []
    for i, size in enumerate(target):
        if isinstance(size, str):
            constants.append(helper.make_tensor(f"axis{i}", TensorProto.INT64, [1], ["bs".index(size)]))
            nodes.append(helper.make_node("Gather", ["shape", f"axis{i}"], [f"size{i}"]))
        else:
            constants.append(helper.make_tensor(f"size{i}", TensorProto.INT64, [1], [size]))
        parts.append(f"size{i}")
    nodes += [
        helper.make_node("Concat", parts, ["target"], axis=0),
        helper.make_node("Reshape", ["x", "target"], ["y"]),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["b", "s", 8])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "g", [x], [y], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


@pytest.mark.parametrize("target", [["b", "s", 2, 4], ["b", -1, 4], ["b", "s", 8, 1], [-1, 8]])
def test_shapes_that_are_known_but_for_one_size_are_constants(target: list[Any]) -> None:
    source = _reshaping(target)
    made = rewritten(source, "cpu")
    assert [node.op_type for node in made.model.graph.node] == ["Reshape"]
    for batch, length in ((1, 1), (3, 5)):
        _same(source, made.model, [_x(batch, length)])


def test_shapes_of_two_unknown_sizes_stay_computed() -> None:
    source = _reshaping(["s", "b", 8])
    made = rewritten(source, "cpu")
    assert "shapes folded" not in made.counts
    _same(source, made.model, [_x(2, 3)])


def test_weights_of_a_keras_model_are_not_folded(blocks: Any) -> None:
    source = blocks["normalized after"]
    names = {tensor.name for tensor in source.graph.initializer if "kernel" in tensor.name}
    made = rewritten(source, "cpu")
    assert names <= {tensor.name for tensor in made.model.graph.initializer}


def _moving_back_and_forth() -> onnx.ModelProto:
    """Convolutions between transposes, as exporters of channels_last networks write them."""
    random = np.random.default_rng(0)
    nodes, constants = [], []
    value = "x"
    for i in range(3):
        weight = random.normal(0, 0.3, (4, 4, 3, 3)).astype(np.float32)
        constants.append(onnx.numpy_helper.from_array(weight, f"w{i}"))
        nodes += [
            helper.make_node("Transpose", [value], [f"a{i}"], f"to{i}", perm=[0, 3, 1, 2]),
            helper.make_node("Conv", [f"a{i}", f"w{i}"], [f"b{i}"], f"conv{i}", pads=[1, 1, 1, 1]),
            helper.make_node("Transpose", [f"b{i}"], [f"c{i}"], f"back{i}", perm=[0, 2, 3, 1]),
            helper.make_node("Relu", [f"c{i}"], [f"d{i}"], f"relu{i}"),
        ]
        value = f"d{i}"
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["b", 6, 6, 4])
    y = helper.make_tensor_value_info(value, TensorProto.FLOAT, ["b", 6, 6, 4])
    graph = helper.make_graph(nodes, "g", [x], [y], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


@pytest.mark.parametrize("way", ["sunk", "sunk through channels"])
def test_transposes_vanish_where_that_is_faster(way: str) -> None:
    source = _moving_back_and_forth()
    made = rewritten(source, "cpu", Forms(transposes=way))
    assert made.counts["transposes removed"] == 4
    x = np.random.default_rng(0).normal(size=(2, 6, 6, 4)).astype(np.float32)
    _same(source, made.model, [x])


# --- outputs ---


def _two_headed() -> Any:
    a, b = L.Input((4,), name="a"), L.Input((3,), name="b")
    shared = L.Dense(5, activation="relu", name="shared")(a)
    return keras.Model(
        [a, b], [L.Dense(2, name="first")(shared), L.Dense(2, name="second")(L.concatenate([shared, b]))]
    )


def test_a_keras_model_of_the_outputs_that_are_wanted(tmp_path: Any) -> None:
    model = _two_headed()
    result = fuse(model, "cpu", outputs=["first"], seconds=0)
    assert [value.name for value in result.model.graph.output] == ["first"]
    assert [value.name for value in result.model.graph.input] == ["a"]
    assert steps(result.model)[0]["outputs"] == ["first"]
    assert result.nodes_after < result.nodes_before
    a = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
    expected = model.predict([a, np.zeros((3, 3), np.float32)])[0]
    (found,) = Executor(result.model.SerializeToString()).run([a])
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    result.save(tmp_path / "f.onnx")
    again = keras.models.load_model(tmp_path / "f.onnx")
    assert [layer.name for layer in again.layers] == ["a", "shared", "first"]
    np.testing.assert_allclose(again.predict(a), expected, rtol=1e-5, atol=1e-6)


def test_outputs_come_in_the_order_that_is_asked_for() -> None:
    model = _two_headed()
    result = fuse(model, "cpu", outputs=["second", "first"], seconds=0)
    assert [value.name for value in result.model.graph.output] == ["second", "first"]
    arrays = [np.ones((2, 4), np.float32), np.ones((2, 3), np.float32)]
    found = Executor(result.model.SerializeToString()).run(arrays)
    for a, b in zip(found, reversed(model.predict(arrays)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_a_file_of_others_loses_what_no_output_needs() -> None:
    source = onnx_model(_two_headed())
    del source.metadata_props[:]
    before = source.SerializeToString()
    result = fuse(source, "cpu", outputs=["first"], seconds=0)
    assert [value.name for value in result.model.graph.input] == ["a"]
    assert not any("second" in tensor.name for tensor in result.model.graph.initializer)
    assert source.SerializeToString() == before


@pytest.mark.parametrize("asked", [["third"], []])
def test_outputs_that_are_not_there_are_named(asked: list[str]) -> None:
    with pytest.raises(OptimizeError, match="outputs: .*; the model has first, second"):
        fuse(_two_headed(), "cpu", outputs=asked)

"""Exported models: the same outputs after the passes, few Transposes, weights that come back bit for bit."""

from __future__ import annotations

from collections import Counter

import numpy as np
import onnx
import onnxruntime
import pytest

from kcompile import __version__
from kcompile.ir import Body, Graph, Parameter, Value, op
from kcompile.onnx_io import (
    ExportError,
    FormatError,
    build_model,
    export,
    get_metadata,
    load,
    restore_weights,
    save,
    saving,
)
from kcompile_runtime.session import older
from tests.onnx_io import networks
from tests.onnx_io.running import feeds_for, run

GRAPHS = {
    "cnn": (networks.cnn, 2),
    "one channel": (lambda: networks.cnn(channels=1), 1),
    "memory order": (lambda: networks.cnn(order=(3, 0, 1, 2)), 2),
    "residual": (networks.residual, 1),
    "input added": (networks.input_added, 1),
    "dense_net": (networks.dense_net, 2),
    "squeeze_excite": (networks.squeeze_excite, 1),
    "squeeze_excite by Dense": (lambda: networks.squeeze_excite(dense=True), 1),
    "autoencoder": (networks.autoencoder, 2),
    "global_shape": (networks.global_shape, 1),
    "image_out": (networks.image_out, 4),
    "lstm": (networks.lstm, 2),
    "scan": (networks.scan, 2),
    "attention": (networks.attention, 6),
    "constants": (networks.constants, 2),
}


def transposes(model):
    return Counter(node.op_type for node in model.graph.node)["Transpose"]


@pytest.mark.parametrize("name", GRAPHS)
def test_passes_keep_the_outputs_and_leave_few_transposes(name):
    graph, most = GRAPHS[name][0](), GRAPHS[name][1]
    plain, model = build_model(graph), export(graph)
    onnx.checker.check_model(model, full_check=True)
    feeds = feeds_for(graph)
    for found, expected in zip(run(model, feeds), run(plain, feeds), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    assert transposes(model) <= most
    assert [(i.name, i.type) for i in model.graph.input] == [(i.name, i.type) for i in plain.graph.input]
    assert [o.name for o in model.graph.output] == [o.name for o in plain.graph.output]


@pytest.mark.parametrize("name", GRAPHS)
def test_weights_come_back_bit_for_bit_in_keras_layout(name):
    graph = GRAPHS[name][0]()
    model = onnx.load_from_string(export(graph).SerializeToString())
    restored = restore_weights(model)
    for parameter in graph.parameters:
        assert restored[parameter.name].shape == parameter.shape
        assert restored[parameter.name].tobytes() == parameter.numpy().tobytes()
    names = [initializer.name for initializer in model.graph.initializer]
    assert names[: len(graph.parameters)] == [p.name for p in graph.parameters]


RUNS = {22: (1, 21), 23: (1, 23)}
"""The release of onnxruntime that runs a version of the operator set."""


@pytest.mark.parametrize("opset", [13, 14, 15, 16, 17, 18, 19, 20, 22, 23])
@pytest.mark.parametrize("name", ["cnn", "residual", "squeeze_excite", "lstm"])
def test_other_opsets_compute_the_same(name, opset):
    if older(onnxruntime, *RUNS.get(opset, (1, 18))):
        pytest.skip(f"onnxruntime {onnxruntime.__version__} runs no version {opset} of the operator set")
    graph = GRAPHS[name][0]()
    model = export(graph, opset=opset, metadata={"kcompile.config": "{}"})
    assert [(i.domain, i.version) for i in model.opset_import] == [("", opset)]
    assert model.ir_version <= 11
    feeds = feeds_for(graph)
    for found, expected in zip(run(model, feeds), run(build_model(graph), feeds), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    restored = restore_weights(model)
    assert all(np.array_equal(restored[p.name], p.numpy()) for p in graph.parameters)
    assert get_metadata(model)["kcompile.config"] == "{}"
    assert any(p.key == "kcompile.layer" for node in model.graph.node for p in node.metadata_props)


@pytest.mark.parametrize("opset", [12, 99, "21", True, 13.0])
def test_an_opset_out_of_range_is_refused(opset):
    with pytest.raises(ExportError, match="opset should be a version from 13 to"):
        export(networks.cnn(), opset=opset)


def test_an_operator_that_an_opset_lacks_is_refused():
    x = Value("float32", ("batch", 4), "x")
    with pytest.raises(ExportError, match="cannot be written in opset 13: .*Mish"):
        export(Graph([op.Mish(x)], [x]), opset=13)


def test_metadata_and_producer():
    model = export(networks.cnn(), metadata={"kcompile.config": '{"a": 1}', "mine": "yes"})
    entries = get_metadata(model)
    assert (model.producer_name, model.producer_version) == ("kcompile", __version__)
    assert entries["kcompile.format"] == "1"
    assert entries["kcompile.version"] == __version__
    assert (entries["kcompile.config"], entries["mine"]) == ('{"a": 1}', "yes")


def test_batch_normalization_stays_itself():
    model = export(networks.residual())
    assert sum(node.op_type == "BatchNormalization" for node in model.graph.node) == 3


def test_weights_of_equal_value_stay_two():
    x = Value("float32", ("batch", 4), "x")
    a, b = Parameter(np.zeros(4, np.float32), "a"), Parameter(np.zeros(4, np.float32), "b")
    model = export(Graph([op.Add(op.Relu(op.Add(x, a)), b)], [x]))
    assert [i.name for i in model.graph.initializer] == ["a", "b"]


def test_a_weight_read_in_two_ways_is_stored_once():
    x = Value("float32", ("batch", 4), "x")
    kernel = Parameter(np.arange(16, dtype=np.float32).reshape(4, 4), "tied/kernel")
    graph = Graph([op.MatMul(op.Relu(op.MatMul(x, kernel)), op.Transpose(kernel, perm=[1, 0]))], [x])
    model = export(graph)
    assert [i.name for i in model.graph.initializer] == ["tied/kernel"]
    assert np.array_equal(restore_weights(model)["tied/kernel"], kernel.numpy())
    feeds = feeds_for(graph)
    np.testing.assert_allclose(run(model, feeds)[0], run(build_model(graph), feeds)[0], rtol=1e-6)


def test_a_shared_layer_folds_its_kernel_once():
    net, x = networks.Net(), networks.image(channels=2)
    kernel = net.weight("shared/kernel", 3, 3, 2, 2)
    y = x
    for _ in range(2):
        y = op.Conv(op.Transpose(y, perm=[0, 3, 1, 2]), op.Transpose(kernel, perm=[3, 2, 0, 1]), pads=[1] * 4)
        y = op.Transpose(y, perm=[0, 2, 3, 1])
    model = export(Graph([op.ReduceMean(y, [1, 2])], [x]))
    assert transposes(model) == 2  # the input's, and the output's (batch, 1, 1, 2)
    assert np.array_equal(restore_weights(model)["shared/kernel"], kernel.numpy())


def test_constants_and_known_sizes_are_computed_but_not_weights():
    model = export(networks.constants())
    kinds = {node.op_type for node in model.graph.node}
    assert kinds.isdisjoint({"Shape", "Gather", "Concat", "Range", "Cast", "Sqrt", "ReduceProd", "Constant"})
    assert "Exp" in kinds


def test_a_state_that_is_also_an_output_keeps_its_own_name():
    x = Value(np.float32, ("batch", 5, 3), "x")
    state, step = Value(np.float32, ("batch", 3), "state"), Value(np.float32, ("batch", 3), "step")
    new = op.Tanh(op.Add(state, step))
    last, steps = op.Scan(
        op.Mul(x[:, 0], 0.0),
        x,
        body=Body([new, new], [state, step]),
        num_scan_inputs=1,
        scan_input_axes=[1],
        scan_output_axes=[1],
        outputs=2,
    )
    graph = Graph([last, steps], [x])
    feeds = feeds_for(graph)
    plain = run(build_model(graph), feeds)
    exported = run(export(graph), feeds)
    for a, b in zip(plain, exported, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)
    np.testing.assert_allclose(exported[0], exported[1][:, -1])


def test_random_nodes_are_not_merged():
    x = Value("float32", (64, 64), "x")
    half = op.Clip(op.Abs(x), 0.5, 0.5)
    graph = Graph([op.Bernoulli(half), op.Bernoulli(half)], [x])
    first, second = run(export(graph), feeds_for(graph))
    assert not np.array_equal(first, second)


def test_a_part_of_a_weight_is_not_folded():
    """The other part would be lost."""
    x = Value("float32", ("batch", 2), "x")
    weight = Parameter(np.arange(4, dtype=np.float32), "w")
    model = export(Graph([op.Add(x, op.Slice(weight, [0], [2], [0]))], [x]))
    assert np.array_equal(restore_weights(model)["w"], weight.numpy())


@pytest.mark.parametrize("external", [False, True])
def test_a_file_loads_as_it_was_exported(tmp_path, external):
    graph = networks.cnn()
    export(graph, tmp_path / "m.onnx", external_data=external)
    restored = restore_weights(load(tmp_path / "m.onnx"))
    assert all(np.array_equal(restored[p.name], p.numpy()) for p in graph.parameters)


def test_no_file_that_a_model_names_is_read_unasked(tmp_path):
    export(networks.cnn(), tmp_path / "m.onnx", external_data=True)
    (data,) = tmp_path.glob("*.data")
    data.rename(tmp_path / "other.data")
    model = onnx.load(tmp_path / "m.onnx", load_external_data=False)
    for tensor in model.graph.initializer:
        for entry in tensor.external_data:
            if entry.key == "location":
                entry.value = "other.data"
    save(model, tmp_path / "m.onnx")
    with pytest.raises(FormatError, match=r"another file \('other.data'\).*external_data=True"):
        load(tmp_path / "m.onnx")
    restored = restore_weights(load(tmp_path / "m.onnx", external_data=True))
    assert np.array_equal(restored["conv2d_1/kernel"], networks.cnn().parameters[0].numpy())


@pytest.mark.parametrize(
    ("location", "read"),
    [
        ("m.onnx.data", True),  # torch.onnx.export
        ("m.onnx_data", True),  # optimum
        ("m.data", True),
        ("m.bin", True),
        ("m.weights", True),
        ("m", False),
        ("m.onnx", False),
        ("mm.onnx.data", False),
        ("m_rsa", False),
        ("w", False),
        ("sub/m.onnx.data", False),
        ("../m.onnx.data", False),
        ("m.onnx.x/../../m.onnx.data", False),
    ],
)
def test_weights_beside_a_model_are_read_if_they_bear_its_name(tmp_path, location, read):
    path = tmp_path / "folder" / "m.onnx"
    for folder in (path.parent, path.parent / "sub", path.parent / "m.onnx.x"):
        folder.mkdir()
    model = export(networks.cnn())
    whole = restore_weights(model)
    onnx.external_data_helper.convert_model_to_external_data(model, location="data", size_threshold=0)
    onnx.save(model, path)
    data = (path.parent / "data").read_bytes()
    if not (path.parent / location).exists():
        (path.parent / location).write_bytes(data)
    for tensor in model.graph.initializer:
        for entry in tensor.external_data:
            entry.value = location if entry.key == "location" else entry.value
    path.write_bytes(model.SerializeToString())
    if read:
        found = restore_weights(load(path))
        assert all(np.array_equal(found[name], array) for name, array in whole.items())
    else:
        with pytest.raises(FormatError, match="external_data=True"):
            load(path)


@pytest.mark.parametrize("content", [b"", b"\x89HDF\r\n\x1a\n" + b"0" * 64, b"\xff" * 100, "half"])
def test_what_is_no_model_is_said_to_be_none(tmp_path, content):
    path = tmp_path / "m.onnx"
    if content == "half":
        export(networks.cnn(), path)
        content = path.read_bytes()[:5000]
    path.write_bytes(content)
    with pytest.raises(FormatError, match="not an ONNX model"):
        load(path)


@pytest.mark.parametrize("external", [False, True])
def test_files(tmp_path, external):
    graph = networks.cnn()
    path = tmp_path / "m.onnx"
    for _ in range(2):
        assert export(graph, path, external_data=external) is None
    data = sorted(p.name for p in tmp_path.iterdir())
    assert len(data) == (2 if external else 1)
    onnx.checker.check_model(str(path), full_check=True)
    feeds = feeds_for(graph)
    np.testing.assert_allclose(
        run(str(path), feeds)[0], run(build_model(graph), feeds)[0], rtol=1e-4, atol=1e-6
    )
    restored = restore_weights(onnx.load(path))
    assert all(np.array_equal(restored[p.name], p.numpy()) for p in graph.parameters)
    export(graph, path)
    assert [p.name for p in tmp_path.iterdir()] == ["m.onnx"]


@pytest.mark.parametrize("external", [False, True])
@pytest.mark.parametrize("at", ["replace", "fsync", "check"])
def test_a_crash_leaves_the_old_files_whole(tmp_path, monkeypatch, external, at):
    path = tmp_path / "m.onnx"
    export(networks.cnn(), path, external_data=external)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}

    def fail(*args, **kwargs):
        raise OSError("disk full")

    if at == "check":
        monkeypatch.setattr("kcompile.onnx_io.exporting.check_model", fail)
    else:
        monkeypatch.setattr(saving.os, at, fail)
    with pytest.raises(OSError, match="disk full"):
        export(networks.residual(), path, external_data=external)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_somebody_elses_data_file_stays(tmp_path):
    other = tmp_path / "m.onnx.data"
    other.write_bytes(b"mine")
    export(networks.cnn(), tmp_path / "m.onnx", external_data=True)
    export(networks.cnn(), tmp_path / "m.onnx")
    assert other.read_bytes() == b"mine"


def test_paths_that_cannot_be_written(tmp_path):
    with pytest.raises(IsADirectoryError, match="over a folder"):
        export(networks.cnn(), tmp_path)
    with pytest.raises(FileNotFoundError, match="the folder does not exist"):
        export(networks.cnn(), tmp_path / "none" / "m.onnx")
    with pytest.raises(ExportError, match="need a file of their own"):
        export(networks.cnn(), external_data=True)
    assert list(tmp_path.iterdir()) == []


def test_an_invalid_model_is_not_saved(tmp_path, monkeypatch):
    """A node that the checker refuses: as if a pass had a fault."""
    from kcompile.onnx_io import exporting

    def broken(skeleton, tensors=exporting._detached):
        model, tensors = tensors(*skeleton)
        model.graph.node[0].op_type = "Nonsense"
        return model, tensors

    monkeypatch.setattr(exporting, "_detached", lambda *args: broken(args))
    with pytest.raises(ExportError, match="The exported model is no valid ONNX: .*Nonsense"):
        export(networks.cnn(), tmp_path / "m.onnx")
    assert list(tmp_path.iterdir()) == []

"""TensorBoard: events of metrics, graph and weights."""

from __future__ import annotations

import sys
import types
import warnings

import numpy as np
import pytest

from kcompile.keras import callbacks as cbks

from .training import Device, listed


class Weight:
    def __init__(self, name):
        self.name = name


class Layer:
    def __init__(self, name, *values, inbound=()):
        self.name = name
        self.values = values
        self.weights = [Weight(f"{name}/w{i}:0") for i in range(len(values))]
        self.output_shape = (None, 3)
        self._inbound_nodes = [Node(self, inbound)]

    def get_weights(self):
        return list(self.values)


class Tensor:
    def __init__(self, layer):
        self._keras_history = (layer, 0, 0)


class Node:
    def __init__(self, layer, inbound):
        self.outbound_layer = layer
        self.inbound_layers = list(inbound)
        self.node_indices = self.tensor_indices = [0] * len(inbound)
        self.input_tensors = [Tensor(source) for source in inbound]


@pytest.fixture
def layered():
    first = Layer("input")
    dense = Layer("dense", np.arange(6.0).reshape(2, 3), np.array([np.nan] * 3), inbound=[first])
    conv = Layer("conv", np.ones((2, 2, 3), "float32"), inbound=[dense])
    return types.SimpleNamespace(layers=[first, dense, conv], inputs=[Tensor(first)], outputs=[Tensor(conv)])


def events(folder):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    read = accumulator.EventAccumulator(str(folder), size_guidance={accumulator.HISTOGRAMS: 0})
    return read.Reload()


def train_with(callback, model):
    calls = listed(model, callback)
    calls.on_train_begin()
    for epoch in range(2):
        calls.on_epoch_begin(epoch)
        for batch in range(4):
            calls.on_train_batch_end(batch, {"batch": batch, "size": 10, "loss": float(batch)})
        calls.on_epoch_end(epoch, {"loss": 2.0 - epoch, "val_loss": np.float32(3.0), "lr": np.float32(0.5)})
    calls.on_train_end()


def test_tensorboard_writes_metrics_graph_and_weights(layered, tmp_path):
    train_with(cbks.TensorBoard(tmp_path, histogram_freq=1, write_images=True), layered)
    train, validation = events(tmp_path / "train"), events(tmp_path / "validation")
    assert [(e.step, e.value) for e in train.Scalars("epoch_loss")] == [(0, 2.0), (1, 1.0)]
    assert set(train.Tags()["scalars"]) == {"epoch_loss", "epoch_lr"}
    assert [e.value for e in validation.Scalars("epoch_loss")] == [3.0, 3.0]
    assert len(train.Histograms("dense/w0_0")) == 2
    assert train.Tags()["histograms"] == ["dense/w0_0", "conv/w0_0"]  # the bias is all NaN
    assert train.Histograms("dense/w0_0")[0].histogram_value.num == 6
    assert any("dense/w0_0" in tag for tag in train.Tags()["images"])
    nodes = {node.name: (node.op, list(node.input)) for node in train.Graph().node}
    assert nodes == {"input": ("Layer", []), "dense": ("Layer", ["input"]), "conv": ("Layer", ["dense"])}


@pytest.mark.parametrize(
    ("update_freq", "steps"), [("epoch", []), ("batch", list(range(8))), (20, [1, 3, 5, 7]), (25, [2, 5])]
)
def test_tensorboard_writes_batches_as_often_as_asked(layered, tmp_path, update_freq, steps):
    train_with(cbks.TensorBoard(str(tmp_path), write_graph=False, update_freq=update_freq), layered)
    train = events(tmp_path / "train")
    found = train.Scalars("batch_loss") if "batch_loss" in train.Tags()["scalars"] else []
    assert [e.step for e in found] == steps
    assert [e.value for e in found] == [float(step % 4) for step in steps]
    assert not train.Tags()["graph"]


def test_tensorboard_by_samples_reads_few_batches(layered, tmp_path):
    device = Device()
    callback = cbks.TensorBoard(tmp_path, write_graph=False, update_freq=40)
    calls = listed(layered, callback)
    for batch in range(16):
        calls.on_train_batch_end(batch, device.logs(batch, 10))
    calls.on_train_end()
    assert device.reads == 4


@pytest.mark.parametrize(
    "arguments",
    [{"batch_size": 32}, {"write_grads": True}, {"embeddings_freq": 1}, {"profile_batch": 2}],
    ids=lambda a: next(iter(a)),
)
def test_tensorboard_warns_of_what_it_does_not_write(arguments):
    with pytest.warns(UserWarning, match="ignores"):
        cbks.TensorBoard(**arguments)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cbks.TensorBoard(profile_batch=0)


def test_tensorboard_arguments_are_checked():
    with pytest.raises(TypeError, match="logdir"):
        cbks.TensorBoard(logdir="x")
    with pytest.raises(ValueError, match="update_freq"):
        cbks.TensorBoard(update_freq="never")


def test_tensorboard_names_what_must_be_installed(layered, tmp_path, monkeypatch):
    monkeypatch.delitem(sys.modules, "torch.utils.tensorboard", raising=False)
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(ImportError, match="needs TensorBoard, which is not installed: pip install"):
        listed(layered, cbks.TensorBoard(tmp_path))

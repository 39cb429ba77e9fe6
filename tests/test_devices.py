"""Device scopes: names, errors, placement of nodes and weights, transfers. CUDA is stood in for by the meta
device.
"""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch

import kcompile
from kcompile import ir, keras
from kcompile.ir import Graph, Parameter, Value, op
from kcompile.keras import layers
from kcompile.keras.backend.execution import on_several_devices, runs_on_onnxruntime
from kcompile.keras.models import Model, Sequential
from kcompile.torch_bridge import devices, lower, lowered_values, signature
from kcompile.torch_bridge import run as run_module

CPU, META = torch.device("cpu"), torch.device("meta")


@pytest.fixture
def two_gpus(monkeypatch):
    """A machine with two GPUs, as far as asking goes."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)


# --- names and errors ---


@pytest.mark.parametrize(
    "spelling, name",
    [
        ("/cpu:0", "cpu:0"),
        ("cpu:0", "cpu:0"),
        ("/gpu:1", "gpu:1"),
        ("cuda:0", "gpu:0"),
        ("GPU", "gpu:0"),
        ("/device:GPU:0", "gpu:0"),
        ("/job:localhost/replica:0/task:0/device:GPU:1", "gpu:1"),
    ],
)
def test_every_spelling_of_a_device_is_understood(spelling, name, two_gpus):
    with kcompile.device_scope(spelling):
        assert op.Relu(Value("float32", (2,))).node.device == name


@pytest.mark.parametrize("name", ["tpu:0", "", "/gpu:x", "gpu:0:1x", 3, "/gpus:0"])
def test_what_is_no_device_name_is_refused(name):
    with pytest.raises(ValueError, match=r'A device is "/cpu:0", "/gpu:0"'):
        with kcompile.device_scope(name):
            raise AssertionError("entered")


@pytest.mark.parametrize("name", ["/gpu:0", "/gpu:7", "/cpu:1"])
def test_a_device_that_is_not_there_is_an_error_that_says_what_is(name, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(kcompile.DeviceNotFoundError, match=rf"no device {name} here; there are: /cpu:0"):
        with kcompile.device_scope(name):
            raise AssertionError("entered")


def test_the_error_lists_the_gpus_and_who_hides_others(two_gpus, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    with pytest.raises(
        kcompile.DeviceNotFoundError, match=r"/gpu:0, /gpu:1, /cpu:0 \(CUDA_VISIBLE_DEVICES='0,1'\)"
    ):
        with kcompile.device_scope("/gpu:2"):
            raise AssertionError("entered")


def test_scopes_nest_none_lifts_them_and_leaving_restores():
    x = Value("float32", (2,))
    with kcompile.device_scope("/cpu:0"):
        with kcompile.device_scope(None):
            assert op.Relu(x).node.device is None
        assert op.Relu(x).node.device == "cpu:0"
    assert op.Relu(x).node.device is None


def test_a_cpu_scope_loads_no_torch():
    code = (
        "import sys, kcompile\nwith kcompile.device_scope('/cpu:0'): pass\nassert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# --- which device is chosen ---


def test_a_gpu_is_used_without_being_asked(two_gpus):
    assert devices.default_device() == torch.device("cuda", 0)
    assert devices.available() == ["gpu:0", "gpu:1", "cpu:0"]


def test_without_a_gpu_it_is_the_cpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert devices.default_device() == CPU
    assert devices.available() == ["cpu:0"]


@pytest.mark.parametrize("rank, world, index", [("1", "2", 1), ("0", "2", 0), ("1", "1", 0), ("5", "8", 0)])
def test_under_torchrun_each_process_has_the_gpu_of_its_rank(two_gpus, monkeypatch, rank, world, index):
    monkeypatch.setenv("LOCAL_RANK", rank)
    monkeypatch.setenv("WORLD_SIZE", world)
    assert devices.default_device() == torch.device("cuda", index)


# --- placement ---


def linear(x: Value, kernel: Parameter, device: str | None) -> Value:
    with ir.device_scope(device):
        return op.Mul(op.MatMul(x, kernel), 2.0)


def weight(*shape: int) -> Parameter:
    return Parameter(np.random.default_rng(0).normal(size=shape).astype("float32"), "kernel")


def on_meta(name: str) -> torch.device:
    return META if name == "gpu:0" else CPU


def transfers(module) -> list[str]:
    return [node.args[1] for node in module.graph.nodes if node.target is lowered_values.transfer]


def test_nodes_and_their_weights_are_where_the_scope_says():
    x, first, second = Value("float32", ("batch", 3), "x"), weight(3, 4), weight(4, 2)
    middle = linear(x, first, None)
    last = linear(middle, second, "gpu:0")
    module = lower(Graph([middle, last], [x]), placement=on_meta)
    described = signature(module)
    assert (described.device_of(first), described.device_of(second)) == (CPU, META)
    assert transfers(module) == ["meta", "cpu"]  # there, and back as an output


def test_what_is_read_twice_on_a_device_travels_once():
    x, kernel = Value("float32", ("batch", 3), "x"), weight(3, 3)
    inner = linear(x, kernel, None)
    with ir.device_scope("gpu:0"):
        both = op.Add(op.Relu(inner), op.Exp(inner))
    assert transfers(lower(Graph([both], [x]), placement=on_meta)) == ["meta", "cpu"]


def test_a_shared_weight_has_one_home_and_travels_to_the_other_device():
    x, kernel = Value("float32", ("batch", 3), "x"), weight(3, 3)
    a, b = linear(x, kernel, "cpu:0"), linear(x, kernel, "gpu:0")
    module = lower(Graph([a, b], [x]), placement=on_meta)
    assert signature(module).parameter_devices == {}
    assert len(list(module.parameters())) == 1
    assert transfers(module) == ["meta", "meta", "cpu"]  # x, the kernel, and b back


def test_without_placement_everything_is_on_one_device():
    x, kernel = Value("float32", ("batch", 3), "x"), weight(3, 3)
    module = lower(Graph([linear(x, kernel, "gpu:0")], [x]), placement=None)
    assert transfers(module) == []


def test_a_dense_layer_is_not_fused_across_devices():
    x, kernel, bias = Value("float32", ("batch", 3), "x"), weight(3, 2), weight(2)
    product = op.MatMul(x, kernel)
    with ir.device_scope("gpu:0"):
        total = op.Add(product, bias)
    module = lower(Graph([total], [x]), placement=on_meta)
    assert torch.addmm not in [node.target for node in module.graph.nodes]
    assert signature(module).parameter_devices == {bias: META}


def test_sizes_are_read_where_the_tensor_is():
    x = Value("float32", ("batch", 3), "x")
    with ir.device_scope("gpu:0"):
        flat = op.Reshape(op.Relu(x), op.Concat(op.Shape(x, start=0, end=1), [3], axis=0))
    module = lower(Graph([flat], [x]), placement=on_meta)
    assert transfers(module) == ["meta", "cpu"]


def test_the_body_of_a_loop_is_where_the_loop_is():
    x = Value("float32", ("batch", 4, 3), "x")
    with ir.device_scope("gpu:0"):
        y = layers.SimpleRNN(2, unroll=False)(layers.Input(tensor=x))
    module = lower(Graph([y], [x]), placement=on_meta)
    assert set(signature(module).parameter_devices.values()) == {META}


@pytest.fixture
def counted_transfers(monkeypatch):
    """Each GPU is a CPU device of another number: values are real, and transfers are counted."""
    monkeypatch.setattr(devices, "torch_device", lambda name: torch.device("cpu", 1 + int(name[-1])))
    made = []

    def transfer(x, device):
        made.append(device)
        return x.clone()

    monkeypatch.setattr(lowered_values, "transfer", transfer)
    return made


@pytest.mark.parametrize("optimizer", ["sgd", "adam", lambda: keras.optimizers.Adam(clipnorm=0.01)])
def test_training_over_transfers_equals_training_without(optimizer, counted_transfers):
    def trained(first: str | None, second: str | None) -> list[np.ndarray]:
        np.random.seed(0)
        inputs = layers.Input((3,))
        with ir.device_scope(first):
            shared = layers.Dense(3, activation="tanh")
            hidden = layers.BatchNormalization()(shared(inputs))
        with ir.device_scope(second):
            hidden = layers.Dense(3)(shared(hidden))
        model = Model(inputs, layers.Dense(1)(hidden))
        model.compile(optimizer() if callable(optimizer) else optimizer, "mse")
        x = np.random.default_rng(1).normal(size=(8, 3)).astype("float32")
        for _ in range(3):
            model.train_on_batch(x, x[:, :1])
        return model.get_weights()

    plain = trained(None, None)
    assert not counted_transfers
    scoped = trained("gpu:0", "gpu:1")
    assert {"cpu:1", "cpu:2", "cpu"} <= set(counted_transfers)
    for expected, found in zip(plain, scoped, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)


# --- models ---


def test_layers_in_cpu_scopes_train_and_predict_as_ever():
    np.random.seed(0)
    with kcompile.device_scope("/cpu:0"):
        model = Sequential([layers.Dense(4, activation="relu", input_shape=(3,)), layers.Dense(1)])
    assert {node.device for node in Graph(model.outputs, model.inputs).nodes} == {"cpu:0"}
    model.compile("adam", "mse")
    x = np.random.rand(16, 3).astype("float32")
    losses = model.fit(x, x[:, :1], epochs=3, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    model.predict(x)
    assert model._predicting_run().mode == "frozen", "one device: onnxruntime"


@pytest.mark.parametrize(
    "names, several",
    [
        ((None, None), False),
        (("cpu:0", None), False),
        (("gpu:0", None), False),
        (("gpu:0", "gpu:0"), False),
        (("gpu:0", "cpu:0"), True),
        (("gpu:0", "gpu:1"), True),
        (("gpu:1", None), True),
    ],
)
def test_a_graph_on_several_devices_is_not_for_onnxruntime(names, several):
    x = Value("float32", ("batch", 3), "x")
    y = x
    for name in names:
        with ir.device_scope(name):
            y = op.Relu(y)
    graph = Graph([y], [x])
    assert on_several_devices(graph) is several
    assert runs_on_onnxruntime(graph) is not several


def test_prediction_on_several_devices_runs_on_the_bridge_with_transfers(counted_transfers):
    inputs = layers.Input((3,))
    with ir.device_scope("gpu:0"):
        hidden = layers.Dense(4)(inputs)
    with ir.device_scope("gpu:1"):
        outputs = layers.Dense(2)(hidden)
    model = Model(inputs, outputs)
    x = np.random.default_rng(1).normal(size=(5, 3)).astype("float32")
    found = model.predict(x)
    assert model._predicting_run().mode == "torch"
    assert counted_transfers == ["cpu:1", "cpu:2", "cpu"]
    (expected,) = run_module(lower(Graph(model.outputs, model.inputs), placement=None), x)
    np.testing.assert_allclose(found, expected, rtol=1e-6)

"""Tests that run once more on a simulated GPU, in processes of their own, and what the simulation refuses."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.distributed as dist

import kcompile
from kcompile import keras
from kcompile.torch_bridge.training import Batches
from kcompile.torch_bridge.weights import tensor_of
from tests.simulated_gpu import Generator

ROOT = Path(__file__).parent.parent
# What a device has no part in, the page of operators, is left out.
NODE_TESTS = (
    "test_every_node_test_of_a_claimed_operator_passes",
    "test_every_node_test_of_other_operators_that_can_be_read_passes",
)

# Between them they run every operator, optimizer, loss and metric, and the ways in which models train,
# on two GPUs too. Each line is a process, whose start is a good part of what it costs.
RUN_AGAIN = {
    "these, several devices": [
        "tests/test_simulated_gpu.py",
        "tests/keras/utils/test_multi_gpu.py",
        "tests/torch_bridge/test_parallel_launched.py",
    ],
    "operators, optimizers": [
        *(f"tests/torch_bridge/test_onnx_node_tests.py::{name}" for name in NODE_TESTS),
        "tests/benchmarks/test_gpu_check.py",
        "tests/torch_bridge/optimizers",
        "tests/keras/optimizers/test_keras3_optimizers.py",
    ],
    "bridge, losses, metrics": [
        "tests/torch_bridge/test_ops.py",
        "tests/torch_bridge/test_training.py",
        "tests/torch_bridge/test_captured.py",
        "tests/keras/backend",
        "tests/keras/test_losses.py",
        "tests/keras/test_metrics.py",
        "tests/keras/training/test_sample_weights.py",
    ],
    "training": [
        "tests/keras/training/test_golden.py",
        "tests/keras/training/test_model.py",
        "tests/keras/training/test_own_steps.py",
        "tests/keras/training/test_steps.py",
        "tests/keras/training/test_compilation.py",
        "tests/keras/training/test_loops.py",
        "tests/keras/training/test_arrays.py",
        "tests/keras/training/test_data_adapters.py",
        "tests/keras/training/test_generators.py",
    ],
}


@pytest.fixture
def gpu(request: pytest.FixtureRequest) -> torch.device:
    if not request.config.getoption("--simulated-gpu"):
        pytest.skip("runs below, in a process with a simulated GPU")
    return torch.device("cuda", 0)


@pytest.mark.parametrize("paths", RUN_AGAIN.values(), ids=RUN_AGAIN)
def test_what_passes_on_the_cpu_passes_on_a_gpu(paths: list[str], request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--simulated-gpu"):
        pytest.skip("is this process")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--simulated-gpu", *paths]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=1800)
    assert done.returncode == 0, done.stdout[-8000:]


def test_a_model_trains_there_and_its_weights_come_back(gpu: torch.device) -> None:
    model = keras.models.Sequential([keras.layers.Dense(1, input_shape=(3,), kernel_initializer="zeros")])
    model.compile("sgd", "mse")
    model.train_on_batch(np.ones((4, 3)), np.ones((4, 1)))
    assert tensor_of(model.trainable_weights[0], gpu).is_cuda
    np.testing.assert_allclose(model.get_weights()[0], np.full((3, 1), 0.02))


@pytest.mark.parametrize("scopes", [("/cpu:0", "/gpu:0"), ("/gpu:0", "/cpu:0"), (None, "/cpu:0")])
def test_layers_in_scopes_train_and_predict_as_on_one_device(scopes, gpu: torch.device) -> None:
    def trained(first: str | None, second: str | None) -> list[np.ndarray]:
        keras.utils.set_random_seed(0)
        inputs = keras.layers.Input((4, 3))
        with kcompile.device_scope(first):
            hidden = keras.layers.LSTM(5)(keras.layers.Masking()(inputs))
        with kcompile.device_scope(second):
            outputs = keras.layers.Dense(1)(keras.layers.BatchNormalization()(hidden))
        model = keras.models.Model(inputs, outputs)
        model.compile(keras.optimizers.Adam(clipnorm=0.1), "mse", metrics=["mae"])
        x = np.random.RandomState(1).normal(size=(16, 4, 3))
        model.fit(x, x.mean((1, 2))[:, None], batch_size=8, epochs=2, verbose=0)
        return [*model.get_weights(), model.predict(x)]

    for expected, found in zip(trained(None, None), trained(*scopes), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_data_lies_there_whole_where_it_fits(gpu: torch.device) -> None:
    (batch,) = Batches([np.ones((8, 2), np.float32)])[2:4]
    assert batch.device == gpu and batch.is_cuda


@pytest.mark.parametrize(
    "wrong",
    [
        lambda x: x + torch.ones(3),
        lambda x: torch.ones(3).add_(x),
        lambda x: torch.where(x > 0, x, torch.ones(3)),
        lambda x: torch.cat([x, torch.ones(3)]),
        lambda x: x.numpy(),
        lambda x: x.long().reshape(1, 3) @ x.long().reshape(3, 1),
        lambda x: torch.nn.functional.conv1d(x.int().reshape(1, 1, 3), x.int().reshape(1, 1, 3)),
        lambda x: torch.randn(3, generator=Generator(), device=x.device),
        lambda x: torch.dropout(x, 0.5, True).bernoulli_(0.5, generator=Generator("cpu")),
    ],
)
def test_what_a_gpu_refuses_is_refused(wrong, gpu: torch.device) -> None:
    with pytest.raises((RuntimeError, AssertionError)):
        wrong(torch.ones(3).to(gpu))


@pytest.mark.parametrize(
    "right",
    [
        lambda x: x * torch.tensor(1.0),
        lambda x: torch.zeros(3, device=x.device).copy_(torch.ones(3)),
        lambda x: x[torch.tensor([0, 1, 2])],
        lambda x: torch.full_like(x, 1.0),
        lambda x: torch.from_numpy(x.cpu().numpy()).to(x.device),
        lambda x: torch.ones(3).to(x),
    ],
)
def test_what_a_gpu_takes_is_taken(right, gpu: torch.device) -> None:
    result = right(torch.ones(3).to(gpu))
    assert result.device == gpu
    np.testing.assert_array_equal(result.cpu().numpy(), np.ones(3))


def test_nccl_takes_what_is_on_the_gpu(gpu: torch.device) -> None:
    store = dist.TCPStore("127.0.0.1", 0, 1, True)
    dist.init_process_group("nccl", store=store, rank=0, world_size=1)
    try:
        x = torch.ones(2).to(gpu)
        dist.all_reduce(x)
        assert x.cpu().tolist() == [1, 1]
        with pytest.raises(RuntimeError, match="No backend type associated with device type cpu"):
            dist.all_reduce(torch.ones(2))
    finally:
        dist.destroy_process_group()


def test_recurrent_layers_of_cudnn_have_no_second_derivative(gpu: torch.device) -> None:
    x = torch.ones(2, 1, 3).to(gpu).requires_grad_()
    state, weights = torch.zeros(1, 1, 2).to(gpu), [torch.ones(6, 3).to(gpu), torch.ones(6, 2).to(gpu)]
    y, _ = torch._VF.gru(x, state, weights, False, 1, 0.0, True, False, False)
    (gradient,) = torch.autograd.grad(y.sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="twice"):
        gradient.sum().backward()

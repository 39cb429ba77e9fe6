"""The train step: what it computes, in which order, and what it leaves alone."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from kcompile.ir import Graph, Parameter, Storage, Value, op
from kcompile.keras import optimizers
from kcompile.torch_bridge import training
from kcompile.torch_bridge.training import Batches, EvalStep, TrainStep
from tests.torch_bridge.optimizers.carrying_out import torch_optimizer


def sgd(lr=0.1, **settings):
    return lambda tensors: torch_optimizer(optimizers.SGD(lr, **settings), tensors)


def adam(tensors):
    return torch_optimizer(optimizers.Adam(0.01), tensors)


class Regression:
    """y = x w + b with mean squared error, and a counter that the step updates."""

    def __init__(self, order=None) -> None:
        rng = np.random.default_rng(0)
        self.x, self.y = Value("float32", ("batch", 3), "x"), Value("float32", ("batch", 2), "y")
        self.w = Parameter(Storage(rng.standard_normal((3, 2)).astype("float32"), order), "w")
        self.b = Parameter(np.zeros(2, np.float32), "b")
        self.seen = Parameter(np.zeros((), np.float32), "seen", trainable=False)
        error = op.MatMul(self.x, self.w) + self.b - self.y
        self.loss = op.ReduceMean(error * error, keepdims=0)
        self.count = self.seen + op.Cast(op.Shape(self.x)[0], to=1)
        self.data = (
            rng.standard_normal((8, 3)).astype("float32"),
            rng.standard_normal((8, 2)).astype("float32"),
        )

    def graph(self, *outputs, phase="train"):
        return Graph([self.loss, *outputs], [self.x, self.y], [(self.seen, self.count)], phase)

    def step(self, optimizer, trainable=None, **options):
        trainable = [self.w, self.b] if trainable is None else trainable
        return TrainStep(self.graph(), trainable, optimizer, device="cpu", **options)


def by_hand(model, steps, make):
    w, b = (torch.tensor(p.numpy(), requires_grad=True) for p in (model.w, model.b))
    optimizer = make([w, b])
    x, y = map(torch.from_numpy, model.data)
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = ((x @ w + b - y) ** 2).mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses, w.detach().numpy(), b.detach().numpy()


@pytest.mark.parametrize("order", [None, (1, 0)])
@pytest.mark.parametrize("make", [sgd(), sgd(momentum=0.9), adam], ids=["sgd", "momentum", "adam"])
def test_steps_equal_the_same_network_written_by_hand(make, order):
    model = Regression(order)
    losses, w, b = by_hand(model, 5, make)
    step = model.step(make)
    found = [step(*model.data)[0].item() for _ in range(5)]
    np.testing.assert_allclose(found, losses, rtol=1e-5)
    np.testing.assert_allclose(model.w.numpy(), w, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(model.b.numpy(), b, rtol=1e-5, atol=1e-6)


def test_updates_are_applied_and_versions_rise():
    model = Regression()
    versions = [p.storage.version for p in (model.w, model.b, model.seen)]
    step = model.step(sgd())
    step(*model.data)
    step(*model.data)
    assert model.seen.numpy() == 16
    assert all(p.storage.version > v for p, v in zip((model.w, model.b, model.seen), versions, strict=True))


def test_outputs_are_detached_and_computed_before_the_update():
    model = Regression()
    doubled = model.loss * 2.0
    step = TrainStep(model.graph(doubled, model.b + 0.0), [model.w, model.b], sgd(), device="cpu")
    loss, twice, bias = step(*model.data)
    assert not loss.requires_grad and not twice.requires_grad
    assert twice.item() == pytest.approx(2 * loss.item())
    assert bias.tolist() == [0.0, 0.0] and model.b.numpy().any()


def test_only_what_is_trainable_changes():
    model = Regression()
    before = model.w.numpy()
    model.step(sgd(), trainable=[model.b])(*model.data)
    assert (model.w.numpy() == before).all() and model.b.numpy().any()


def test_nothing_to_train_computes_the_loss_and_the_updates():
    model = Regression()
    before = model.w.numpy()
    (loss,) = model.step(sgd(), trainable=[])(*model.data)
    assert np.isfinite(loss.item()) and (model.w.numpy() == before).all() and model.seen.numpy() == 8


def test_weight_that_the_loss_does_not_use_is_left_alone():
    model = Regression()
    unused = Parameter(np.ones(4, np.float32), "unused")
    model.step(adam, trainable=[unused, model.w, model.b])(*model.data)
    assert unused.numpy().tolist() == [1.0] * 4


def test_constraints_are_applied_after_the_update():
    model = Regression()
    constraints = Graph([], [], [(model.w, op.Relu(model.w))], "train")
    plain = Regression()
    plain.step(sgd(1.0))(*plain.data)
    model.step(sgd(1.0), constraints=constraints)(*model.data)
    assert (plain.w.numpy() < 0).any()
    np.testing.assert_array_equal(model.w.numpy(), np.maximum(plain.w.numpy(), 0))


def test_values_assigned_between_steps_are_used():
    model = Regression()
    step = model.step(sgd())
    step(*model.data)
    model.w.assign(np.zeros((3, 2)))
    model.b.assign(np.zeros(2))
    loss = step(*model.data)[0].item()
    assert loss == pytest.approx((model.data[1] ** 2).mean(), rel=1e-5)


def test_updates_of_the_graph_can_be_the_training():
    """A user's optimizer, w <- w - lr dloss/dw, written with Gradient."""
    model, reference = Regression(), Regression()
    (gradient,) = op.Gradient(model.loss, model.w)
    graph = Graph([model.loss], [model.x, model.y], [(model.w, model.w - 0.1 * gradient)], "train")
    step = TrainStep(graph, [model.w], None, device="cpu")
    other = reference.step(sgd(0.1), trainable=[reference.w])
    for _ in range(3):
        assert step(*model.data)[0].item() == pytest.approx(other(*reference.data)[0].item(), rel=1e-5)
    np.testing.assert_allclose(model.w.numpy(), reference.w.numpy(), rtol=1e-5)


def test_phase_decides_between_training_and_evaluation():
    model = Regression()
    shown = op.Phase(model.loss * 2.0, model.loss)
    train = TrainStep(Graph([shown], [model.x, model.y], phase="train"), [], sgd(), device="cpu")
    evaluate = EvalStep(Graph([shown], [model.x, model.y], phase="inference"), device="cpu")
    assert train(*model.data)[0].item() == pytest.approx(2 * evaluate(*model.data)[0].item())


def test_evaluation_updates_but_does_not_train():
    model = Regression()
    before = model.w.numpy()
    step = EvalStep(model.graph(phase="inference"), device="cpu")
    (loss,) = step(*model.data)
    assert not loss.requires_grad and model.seen.numpy() == 8 and (model.w.numpy() == before).all()


def test_nan_in_the_data_reaches_the_loss_and_does_not_raise():
    model = Regression()
    x, y = model.data
    x[0, 0] = np.nan
    assert np.isnan(model.step(sgd())(x, y)[0].item())


@pytest.mark.parametrize("dtype", ["float64", "int32", "uint8"])
def test_inputs_of_another_type_are_cast(dtype):
    model = Regression()
    x, y = np.arange(24).reshape(8, 3).astype(dtype), model.data[1]
    expected = EvalStep(model.graph(), device="cpu")(x.astype("float32"), y)[0].item()
    assert EvalStep(model.graph(), device="cpu")(x, torch.from_numpy(y))[0].item() == expected


def test_input_arrays_are_shared_not_copied():
    x = np.zeros((4, 2), np.float32)
    tensor = training.place(x, torch.device("cpu"), torch.float32)
    x[0, 0] = 5
    assert tensor[0, 0] == 5


def test_wrong_number_of_inputs_is_one_clear_error():
    model = Regression()
    with pytest.raises(ValueError, match=r"takes 2 inputs \(x, y\); 1 were given"):
        model.step(sgd())(model.data[0])


@pytest.mark.parametrize("loss", ["vector", "integer", "none"])
def test_first_output_must_be_a_scalar_loss(loss):
    model = Regression()
    outputs = {"vector": [model.b + 0.0], "integer": [op.Shape(model.x)[0]], "none": []}[loss]
    with pytest.raises(ValueError, match="must be the loss, a scalar"):
        TrainStep(Graph(outputs, [model.x, model.y], phase="train"), [], sgd(), device="cpu")


def test_embedding_gradients_train_the_rows_that_were_read():
    table = Parameter(np.ones((5, 2), np.float32), "table")
    ids = Value("int32", ("batch",), "ids")
    loss = op.ReduceSum(op.Gather(table, ids), keepdims=0)
    step = TrainStep(Graph([loss], [ids], phase="train"), [table], sgd(1.0), device="cpu")
    step(np.array([1, 3, 3], np.int32))
    assert table.numpy()[:, 0].tolist() == [1.0, 0.0, 1.0, -1.0, 1.0]


def test_slices_of_batches_are_views_and_indices_select():
    a, b = np.arange(12.0).reshape(6, 2), np.arange(6)
    batches = Batches([a, b], "cpu")
    first, second = batches[2:4]
    assert first.data_ptr() == a[2:].ctypes.data and second.tolist() == [2, 3]
    first, second = batches[np.array([5, 0])]
    assert first.tolist() == [[10.0, 11.0], [0.0, 1.0]] and second.tolist() == [5, 0]
    assert len(batches) == 6 and len(Batches([], "cpu")) == 0


def test_batches_of_unequal_length_are_refused():
    with pytest.raises(ValueError, match=r"one length; they have \[2, 3\]"):
        Batches([np.zeros(2), np.zeros(3)], "cpu")


def test_seed_repeats_the_noise():
    model = Regression()
    noisy = op.ReduceMean(op.Dropout(model.x, 0.5, True), keepdims=0)
    step = EvalStep(Graph([noisy], [model.x], phase="train"), device="cpu")
    draws = []
    for seed in (1, 2, 1):
        training.seed(seed)
        draws.append([step(model.data[0])[0].item() for _ in range(4)])
    assert draws[0] == draws[2] != draws[1]


def test_cpu_is_chosen_where_no_gpu_is_visible():
    code = "from kcompile.torch_bridge.training import default_device; print(default_device())"
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    found = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert found.stdout.strip() == "cpu", found.stderr

"""Torch optimizers that carry out rules follow Keras 2.3.1 step by step, and resume from its state."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from kcompile.ir import Storage
from kcompile.keras import backend as K
from kcompile.keras import optimizers
from kcompile.torch_bridge.optimizers import KERNELS
from tests.golden import cases
from tests.golden.load import differences, load
from tests.torch_bridge.optimizers.carrying_out import torch_optimizer

GOLDEN = load("optimizers")
CASES = {golden.name: golden for golden in GOLDEN}
KINDS = [
    "sgd",
    "momentum",
    "nesterov",
    "rmsprop",
    "adagrad",
    "adadelta",
    "adam",
    "amsgrad",
    "adamax",
    "nadam",
]


class Network:
    """The two small networks of the golden optimizer cases, in plain torch."""

    def __init__(self, case: dict, weights: list[np.ndarray] | None = None) -> None:
        self.case = case
        dense = case["model"] == "dense"
        hidden = [(5, 4), (4,)] if dense else [(6, 3)]
        last = [(4, 3), (3,)] if dense else [(6, 2), (2,)]
        kinds = ("kernel", "bias") if dense else ("embeddings",)
        if weights is None:
            weights = [cases.weight(case["name"], i, kinds[i], s, "hidden") for i, s in enumerate(hidden)]
            weights += [
                cases.weight(case["name"], i, k, s, "last")
                for i, (k, s) in enumerate(zip(("kernel", "bias"), last, strict=True))
            ]
        self.weights = [torch.tensor(w, requires_grad=True) for w in weights]
        self.make_optimizer()

    def make_optimizer(self) -> None:
        self.rule = getattr(optimizers, self.case["optimizer"])(**self.case["kwargs"])
        self.optimizer = torch_optimizer(self.rule, self.weights)

    def step(self, step: int) -> None:
        name = self.case["name"]
        if self.case["model"] == "dense":
            x, y = cases.array(name, f"x{step}", (8, 5)), cases.array(name, f"y{step}", (8, 3))
            w, b, *last = self.weights
            h = torch.tanh(torch.from_numpy(x) @ w + b)
        else:
            x = cases.array(name, f"x{step}", (3, 2), 0, 6, "int32")
            y = cases.array(name, f"y{step}", (3, 2))
            table, *last = self.weights
            h = torch.nn.functional.embedding(torch.from_numpy(x), table).flatten(1)
        loss = torch.nn.functional.mse_loss(h @ last[0] + last[1], torch.from_numpy(y))
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()

    def values(self) -> list[np.ndarray]:
        return [w.detach().numpy().copy() for w in self.weights]

    def state(self) -> list[np.ndarray]:
        return [np.array(array, order="C") for array in self.rule.get_weights()]

    def resume(self, state: list[np.ndarray]) -> None:
        self.rule.set_weights(state)


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda golden: golden.name)
def test_follows_keras_step_by_step(golden):
    network = Network(golden.case)
    found = {}
    for step in range(cases.OPTIMIZER_STEPS):
        network.step(step)
        if step + 1 in cases.OPTIMIZER_SNAPSHOTS:
            found |= {f"weight{i}@{step + 1}": w for i, w in enumerate(network.values())}
    found |= {f"state{i}": a for i, a in enumerate(network.state())}
    golden.check(found, rtol=1e-5, atol=1e-6, only=["weight", "state"])


@pytest.mark.parametrize("name", [*KINDS, "adam_decay", "sgd_decay", "nadam_schedule_decay"])
def test_resumed_run_equals_uninterrupted_one_bit_for_bit(name):
    case = CASES[name].case
    whole, first = Network(case), Network(case)
    for step in range(10):
        whole.step(step)
    for step in range(4):
        first.step(step)
    second = Network(case, first.values())
    second.resume(first.state())
    for step in range(4, 10):
        second.step(step)
    for a, b in zip(whole.values() + whole.state(), second.values() + second.state(), strict=True):
        assert a.tobytes() == b.tobytes()


@pytest.mark.parametrize("name", KINDS)
def test_state_of_keras_continues_as_keras_continues(name):
    """A run started from a state that did not come from this process: iterations far from zero."""
    case = CASES[name].case
    a, b = Network(case), Network(case)
    state = [np.abs(cases.array(name, f"s{i}", s.shape)).astype(s.dtype) for i, s in enumerate(a.state())]
    state[0] = np.array(41)
    for network in (a, b):
        network.resume(state)
    a.step(0)
    b.make_optimizer()
    b.resume(state)
    b.step(0)
    assert [x.tobytes() for x in a.values()] == [x.tobytes() for x in b.values()]
    assert a.state()[0] == 42


@pytest.mark.parametrize("name", KINDS)
def test_memory_order_of_a_weight_changes_nothing(name):
    case = CASES[name].case
    plain, strided = Network(case), Network(case)
    order = (1, 0)
    storages = [Storage(w, order if w.ndim == 2 else None) for w in plain.values()]
    strided.weights = [torch.from_numpy(s.array).requires_grad_() for s in storages]
    strided.make_optimizer()
    assert strided.weights[0].stride() == (1, 5)
    for step in range(3):
        plain.step(step)
        strided.step(step)
    found = dict(enumerate(strided.values() + strided.state()))
    assert not differences(dict(enumerate(plain.values() + plain.state())), found, 1e-6, 1e-7)


@pytest.mark.parametrize("options", [{}, {"clipnorm": 0.5}, {"gradient_accumulation_steps": 2}], ids=str)
@pytest.mark.parametrize("name", KERNELS)
def test_memory_order_of_a_gradient_changes_nothing(name, options):
    """autograd.grad gives transposed gradients, and expanded ones, for which one number is in memory."""
    transposed = torch.arange(12.0).reshape(4, 3).T - 5.0
    expanded = torch.full((), 0.25).expand(3, 4)
    found = []
    for arrange in (lambda x: x, torch.Tensor.contiguous):
        weights = [torch.linspace(-1.0, 1.0, 12).reshape(3, 4).requires_grad_() for _ in range(2)]
        optimizer = torch_optimizer(getattr(optimizers, name)(**options), weights)
        for _ in range(4):
            for weight, grad in zip(weights, (transposed, expanded), strict=True):
                weight.grad = arrange(grad)
                if options:  # by which the optimizer changes gradients
                    weight.grad = weight.grad.clone()
            optimizer.step()
        found.append([w.detach().clone() for w in weights])
    for ours, expected in zip(*found, strict=True):
        torch.testing.assert_close(ours, expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", KINDS)
def test_parameter_without_a_gradient_is_left_alone(name):
    case = CASES[name].case
    network, reference = Network(case), Network(case)
    unused = torch.full((2, 3), 7.0, requires_grad=True)
    network.weights.insert(1, unused)
    network.make_optimizer()
    used = network.weights[:1] + network.weights[2:]
    network.weights = used
    for step in range(3):
        network.step(step)
        reference.step(step)
    assert (unused == 7.0).all()
    assert [a.tobytes() for a in network.values()] == [a.tobytes() for a in reference.values()]


@pytest.mark.parametrize("name", KERNELS)
def test_all_parameters_without_gradients_only_count_the_step(name):
    w = torch.ones(2, requires_grad=True)
    rule = getattr(optimizers, name)(clipnorm=1.0, global_clipnorm=1.0, clipvalue=1.0, weight_decay=0.1)
    optimizer = torch_optimizer(rule, [w])
    optimizer.step()
    assert (w == 1).all() and optimizer.iterations.numpy() == 1


@pytest.mark.parametrize("name", KINDS)
def test_learning_rate_is_read_at_every_step(name):
    """Changing it between steps equals a run whose rate was that from the start of the step."""
    w = torch.ones(3, requires_grad=True)
    rule = getattr(optimizers, CASES[name].case["optimizer"])(0.1, **CASES[name].case["kwargs"])
    optimizer = torch_optimizer(rule, [w])
    w.grad = torch.ones(3)
    optimizer.step()
    before = w.detach().clone()
    assert (before < 1).all()
    rule.lr = 0.0
    optimizer.step()
    if name in ("momentum", "nesterov"):  # Keras's velocity already holds the old rate
        assert (w < before).all()
    else:
        assert (w == before).all()


def test_momentum_velocity_keeps_the_rate_of_its_step():
    w, rule = torch.zeros(1, requires_grad=True), optimizers.SGD(0.5, momentum=0.5)
    optimizer = torch_optimizer(rule, [w])
    w.grad = torch.ones(1)
    optimizer.step()  # v = -0.5
    rule.lr = 0.25
    optimizer.step()  # v = 0.5 * -0.5 - 0.25 * 1
    assert w.item() == -0.5 - 0.5
    assert optimizer.slots["moment"][0].numpy().tolist() == [-0.5]


def test_momentum_switched_on_between_steps_continues_from_the_last_gradient():
    w, rule = torch.zeros(1, requires_grad=True), optimizers.SGD(0.5)
    optimizer = torch_optimizer(rule, [w])
    (w * 1.0).sum().backward()
    optimizer.step()
    rule.momentum = 0.5
    optimizer.zero_grad()
    (w * 1.0).sum().backward()
    optimizer.step()  # v = 0.5 * -0.5 - 0.5
    assert optimizer.slots["moment"][0].numpy().tolist() == [-0.75]
    assert w.item() == -1.25


def test_gradients_are_clipped_each_by_itself_or_together():
    def clipped(**options) -> list[list[float]]:
        weights = [torch.zeros(1, requires_grad=True), torch.zeros(1, requires_grad=True)]
        optimizer = torch_optimizer(optimizers.SGD(1.0, **options), weights)
        weights[0].grad, weights[1].grad = torch.tensor([3.0]), torch.tensor([-4.0])
        optimizer.step()
        return [round(-w.item(), 5) for w in weights]

    assert clipped(global_clipnorm=1.0) == [0.6, -0.8]
    assert clipped(clipnorm=1.0) == [0.6, -0.8]  # as in Keras 2.3
    assert clipped(clipnorm=1.0, use_ema=False) == [1.0, -1.0]


@pytest.mark.parametrize(
    "options", [{"clipnorm": 1.0, "use_ema": False}, {"global_clipnorm": 1.0}, {"clipvalue": 1.0}]
)
def test_clipping_of_zero_gradients_gives_zeros(options):
    w = torch.zeros(2, requires_grad=True)
    optimizer = torch_optimizer(optimizers.SGD(**options), [w])
    w.grad = torch.zeros(2)
    optimizer.step()
    assert w.tolist() == [0.0, 0.0]


def test_integers_cannot_be_trained():
    with pytest.raises(TypeError, match="Only floating point weights can be trained; got torch.int64"):
        torch_optimizer(optimizers.SGD(), [torch.ones(2, dtype=torch.int64)])


def test_rule_without_a_kernel_is_refused_by_name():
    with pytest.raises(ValueError, match="no update rule 'Lamb'; there are SGD"):
        torch_optimizer(optimizers.Lamb(), [torch.ones(2)])


def test_slots_of_the_rule_are_the_state_itself():
    w, rule = torch.ones(2, requires_grad=True), optimizers.RMSprop(rho=0.5)
    optimizer = torch_optimizer(rule, [w])
    w.grad = torch.ones(2)
    optimizer.step()
    assert K.get_value(rule.weights[1]).tolist() == [0.5, 0.5]

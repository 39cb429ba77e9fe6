"""The torch optimizers follow real Keras 2.3.1 step by step, and resume from its state."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from kcompile.ir import Parameter, Storage
from kcompile.torch_bridge import optimizers
from tests.golden import cases
from tests.golden.load import differences, load

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
NAMES = {"lr": "learning_rate", "clipnorm": "global_clipnorm"}  # what Keras 2.3 calls them


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
        self.optimizer = self.make_optimizer()

    def make_optimizer(self) -> optimizers.KerasOptimizer:
        kwargs = dict(self.case["kwargs"])
        settings = {NAMES.get(k, k): v for k, v in kwargs.items()}
        return optimizers.RULES[self.case["optimizer"]](self.weights, settings)

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
        """As ``optimizer.get_weights()`` of Keras 2.3 gives it: iterations, m_schedule, then slot by slot."""
        return [np.array(p.numpy(), order="C") for p in self._state_parameters()]

    def resume(self, state: list[np.ndarray]) -> None:
        for parameter, array in zip(self._state_parameters(), state, strict=True):
            parameter.assign(array)

    def _state_parameters(self) -> list[Parameter]:
        made = self.optimizer
        schedule = [made.settings["m_schedule"]] if "m_schedule" in made.settings else []
        return [made.iterations, *schedule, *(s for name in made.slot_names for s in made.slots[name])]


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
    b.optimizer = b.make_optimizer()
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
    strided.optimizer = strided.make_optimizer()
    assert strided.weights[0].stride() == (1, 5)
    for step in range(3):
        plain.step(step)
        strided.step(step)
    found = dict(enumerate(strided.values() + strided.state()))
    assert not differences(dict(enumerate(plain.values() + plain.state())), found, 1e-6, 1e-7)


@pytest.mark.parametrize("name", KINDS)
def test_parameter_without_a_gradient_is_left_alone(name):
    case = CASES[name].case
    network, reference = Network(case), Network(case)
    unused = torch.full((2, 3), 7.0, requires_grad=True)
    network.weights.insert(1, unused)
    network.optimizer = network.make_optimizer()
    used = network.weights[:1] + network.weights[2:]
    network.weights = used
    for step in range(3):
        network.step(step)
        reference.step(step)
    assert (unused == 7.0).all()
    assert [a.tobytes() for a in network.values()] == [a.tobytes() for a in reference.values()]


@pytest.mark.parametrize("rule", optimizers.RULES)
def test_all_parameters_without_gradients_only_count_the_step(rule):
    w = torch.ones(2, requires_grad=True)
    optimizer = optimizers.RULES[rule]([w], {"clipnorm": 1.0, "global_clipnorm": 1.0, "clipvalue": 1.0})
    optimizer.step()
    assert (w == 1).all() and optimizer.iterations.numpy() == 1


@pytest.mark.parametrize("name", KINDS)
def test_learning_rate_is_read_at_every_step(name):
    """Changing it between steps equals a run whose rate was that from the start of the step."""
    rate = Parameter(np.float32(0.1), "lr")
    w = torch.ones(3, requires_grad=True)
    rule = optimizers.RULES[CASES[name].case["optimizer"]]
    optimizer = rule([w], {**CASES[name].case["kwargs"], "learning_rate": rate})
    w.grad = torch.ones(3)
    optimizer.step()
    before = w.detach().clone()
    assert (before < 1).all()
    rate.assign(0.0)
    optimizer.step()
    if name in ("momentum", "nesterov"):  # Keras's velocity already holds the old rate
        assert (w < before).all()
    else:
        assert (w == before).all()


def test_momentum_velocity_keeps_the_rate_of_its_step():
    rate, w = Parameter(np.float32(0.5), "lr"), torch.zeros(1, requires_grad=True)
    optimizer = optimizers.SGD([w], {"learning_rate": rate, "momentum": 0.5})
    w.grad = torch.ones(1)
    optimizer.step()  # v = -0.5
    rate.assign(0.25)
    optimizer.step()  # v = 0.5 * -0.5 - 0.25 * 1
    assert w.item() == -0.5 - 0.5
    assert optimizer.slots["moment"][0].numpy().tolist() == [-0.5]


def test_momentum_switched_on_between_steps_continues_from_the_last_gradient():
    momentum = Parameter(np.float32(0.0), "momentum")
    w = torch.zeros(1, requires_grad=True)
    optimizer = optimizers.SGD([w], {"learning_rate": 0.5, "momentum": momentum})
    (w * 1.0).sum().backward()
    optimizer.step()
    momentum.assign(0.5)
    optimizer.zero_grad()
    (w * 1.0).sum().backward()
    optimizer.step()  # v = 0.5 * -0.5 - 0.5
    assert optimizer.slots["moment"][0].numpy().tolist() == [-0.75]
    assert w.item() == -1.25


def test_gradients_are_clipped_each_by_itself_or_together():
    def clipped(**options) -> list[list[float]]:
        weights = [torch.zeros(1, requires_grad=True), torch.zeros(1, requires_grad=True)]
        optimizer = optimizers.SGD(weights, {"learning_rate": 1.0, **options})
        weights[0].grad, weights[1].grad = torch.tensor([3.0]), torch.tensor([-4.0])
        optimizer.step()
        return [round(-w.item(), 5) for w in weights]

    assert clipped(global_clipnorm=1.0) == [0.6, -0.8]
    assert clipped(clipnorm=1.0) == [1.0, -1.0]


@pytest.mark.parametrize("options", [{"clipnorm": 1.0}, {"global_clipnorm": 1.0}, {"clipvalue": 1.0}])
def test_clipping_of_zero_gradients_gives_zeros(options):
    w = torch.zeros(2, requires_grad=True)
    optimizer = optimizers.SGD([w], options)
    w.grad = torch.zeros(2)
    optimizer.step()
    assert w.tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda p: optimizers.Adam([p], {"rho": 1.0}), TypeError, "Adam has no setting 'rho'"),
        (lambda p: optimizers.SGD([torch.ones(2, dtype=torch.int64)], {}), TypeError, "floating point"),
        (
            lambda p: optimizers.SGD([p], {}, slots={"moment": []}),
            ValueError,
            "1 tensors are trained, the slot 'moment' has 0",
        ),
        (
            lambda p: optimizers.SGD([p], {}, slots={"moment": [Parameter(np.zeros(3, np.float32), "m")]}),
            ValueError,
            r"Slot m should have shape \(2,\); it has \(3,\)",
        ),
    ],
)
def test_bad_arguments(make, error, message):
    with pytest.raises(error, match=message):
        make(torch.ones(2, requires_grad=True))


def test_slots_given_are_the_state_itself():
    slot = Parameter(np.zeros(2, np.float32), "m")
    w = torch.ones(2, requires_grad=True)
    optimizer = optimizers.RMSprop([w], {"rho": 0.5}, slots={"accumulator": [slot]})
    w.grad = torch.ones(2)
    optimizer.step()
    assert slot.numpy().tolist() == [0.5, 0.5]


def test_closure_is_run_with_gradients():
    w = torch.ones(2, requires_grad=True)
    optimizer = optimizers.SGD([w], {"learning_rate": 1.0})

    def closure():
        optimizer.zero_grad()
        loss = (w * 2).sum()
        loss.backward()
        return loss

    assert optimizer.step(closure).item() == 4.0
    assert w.tolist() == [-1.0, -1.0]

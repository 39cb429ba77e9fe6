"""Random numbers of the backend: their distributions, what seeds mean, and graphs that draw anew."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import torch
from keras.src.random.seed_generator import SeedGenerator

from kcompile.ir import Trace, Value, as_dtype, tracing
from kcompile.keras3.backend import random
from kcompile.keras3.backend.tensors import NotTraceable
from kcompile.torch_bridge import lower

COUNT = 20_000
LOGITS = np.log(np.array([[0.2, 0.5, 0.3]], np.float32))
PLACES = np.arange(COUNT, dtype=np.float32)
ONES = np.ones((COUNT, 2), np.float32)

#: name -> how it is drawn with a seed, and the mean and variance that its numbers have.
DRAWN = {
    "normal": (lambda seed: random.normal((COUNT,), 1.0, 2.0, seed=seed), 1.0, 4.0),
    "uniform": (lambda seed: random.uniform((COUNT,), 2.0, 5.0, seed=seed), 3.5, 0.75),
    "randint": (lambda seed: random.randint((COUNT,), -2, 3, seed=seed), 0.0, 2.0),
    "truncated_normal": (lambda seed: random.truncated_normal((COUNT,), 1.0, 2.0, seed=seed), 1.0, 3.0949),
    "gamma": (lambda seed: random.gamma((COUNT,), 2.5, seed=seed), 2.5, 2.5),
    "gamma below 1": (lambda seed: random.gamma((COUNT,), 0.4, seed=seed), 0.4, 0.4),
    "beta": (lambda seed: random.beta((COUNT,), 0.5, 1.5, seed=seed), 0.25, 0.0625),
    "binomial": (lambda seed: random.binomial((COUNT,), 10, 0.3, seed=seed), 3.0, 2.1),
    "categorical": (
        lambda seed: random.categorical(LOGITS, COUNT, seed=seed), 1.1, 0.49,
    ),
    "dropout": (lambda seed: random.dropout(torch.tensor(ONES), 0.25, seed=seed), 1.0, 1 / 3),
    "dropout of rows": (
        lambda seed: random.dropout(torch.tensor(ONES), 0.25, (None, 1), seed=seed), 1.0, 1 / 3,
    ),
    "shuffle": (lambda seed: random.shuffle(PLACES, seed=seed), 9999.5, COUNT**2 / 12),
}  # fmt: skip


def as_expected(numbers, mean, variance):
    numbers = np.asarray(numbers, np.float64)
    error = 5 * (variance / COUNT) ** 0.5
    return abs(numbers.mean() - mean) < error and abs(numbers.var() / variance - 1) < 0.1


def traced(draw, seed):
    """A module that draws, with the state of its seed."""
    trace = Trace([])
    with tracing(trace):
        found = draw(seed)
    return lower(trace.graph([found], "train"))


def run(module):
    found = module()
    while isinstance(found, tuple | list):
        found = found[0]
    return found.detach().numpy()


@pytest.mark.parametrize("name", DRAWN)
def test_numbers_drawn_at_once_have_their_distribution_and_a_seed_gives_them_again(name):
    draw, mean, variance = DRAWN[name]
    first, second, other = draw(7), draw(7), draw(8)
    assert as_expected(first, mean, variance)
    assert torch.equal(first, second) and not torch.equal(first, other)
    generator = SeedGenerator(7)
    drawn = draw(generator), draw(generator)
    assert torch.equal(drawn[0], first) and not torch.equal(*drawn)


@pytest.mark.parametrize("name", DRAWN)
def test_a_graph_draws_anew_in_each_run_and_a_seed_gives_its_runs_again(name):
    draw, mean, variance = DRAWN[name]
    runs = []
    for _ in range(2):
        module = traced(draw, SeedGenerator(7))
        runs.append([run(module) for _ in range(2)])
    assert all(as_expected(numbers, mean, variance) for numbers in runs[0])
    assert not np.array_equal(*runs[0])
    for a, b in zip(*runs, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", ["normal", "gamma", "shuffle", "dropout"])
def test_a_whole_number_as_a_seed_means_the_same_numbers_in_a_graph(name):
    draw = DRAWN[name][0]
    np.testing.assert_array_equal(run(traced(draw, 7)), draw(7))


def test_the_state_of_a_seed_counts_up_in_a_graph():
    generator = SeedGenerator(5)
    trace = Trace([])
    with tracing(trace):
        pair = [random.normal((3,), seed=generator) for _ in range(2)]
    assert [parameter for parameter, _ in trace.updates] == [generator.state.parameter]
    assert generator.state.numpy().tolist() == [5, 0]
    seeds = {
        node.attributes["seed"] for node in trace.graph(pair, "train").nodes if "seed" in node.attributes
    }
    assert len(seeds) == 2


SPECS = {
    "normal": (lambda x: random.normal(keras.ops.shape(x)), (None, 4), "float32"),
    "uniform": (lambda x: random.uniform((2, 3), dtype="bfloat16"), (2, 3), "bfloat16"),
    "randint": (lambda x: random.randint(keras.ops.shape(x), 0, 9, "uint8"), (None, 4), "uint8"),
    "truncated_normal": (lambda x: random.truncated_normal((5,)), (5,), "float32"),
    "gamma": (lambda x: random.gamma(keras.ops.shape(x), 2.0), (None, 4), "float32"),
    "beta": (lambda x: random.beta((2, 3), x[0, 0], 1.0), (2, 3), "float32"),
    "binomial": (lambda x: random.binomial((2,), 100_000, x[0, 0]), (2,), "float32"),
    "categorical": (lambda x: random.categorical(x, 6), (None, 6), "int32"),
    "shuffle": (lambda x: random.shuffle(x, axis=1), (None, 4), "float32"),
    "dropout": (lambda x: random.dropout(x, 0.5), (None, 4), "float32"),
}


@pytest.mark.parametrize("name", SPECS)
def test_shapes_are_known_and_nothing_is_drawn_for_them(name):
    function, shape, dtype = SPECS[name]
    keras.utils.set_random_seed(3)
    before = torch.get_rng_state()
    found = keras.src.backend.compute_output_spec(function, keras.KerasTensor((None, 4)))
    assert (found.shape, found.dtype) == (shape, dtype)
    assert torch.equal(torch.get_rng_state(), before)


def test_every_function_has_a_case():
    assert {case.split()[0] for case in DRAWN} == set(SPECS) == set(random.__all__)


def test_a_mask_is_one_for_what_shares_it():
    x = torch.ones(50, 7)
    kept = random.dropout(x, 0.5, noise_shape=(None, 1), seed=1)
    assert (kept == kept[:, :1]).all() and 0 < (kept == 0).float().mean() < 1
    assert random.dropout(x, 0.0, seed=1) is x
    assert not random.dropout(x, 1.0, seed=1).any()


def test_set_random_seed_rules_what_nobody_gave_a_seed():
    def draw():
        keras.utils.set_random_seed(11)
        return (
            keras.random.normal((4,)),
            random.dropout(torch.ones(40), 0.5),
            keras.layers.Dropout(0.5)(torch.ones(40), training=True),
        )

    for a, b in zip(draw(), draw(), strict=True):
        assert torch.equal(a, b)


def test_a_graph_refuses_counts_that_it_cannot_draw_one_by_one():
    x = Value(as_dtype("float32"), (3,))
    with tracing(Trace([x])), pytest.raises(NotTraceable, match="binomial"):
        random.binomial((3,), x, 0.5, seed=SeedGenerator(1))


@pytest.mark.parametrize("seed", [None, 5])
def test_training_with_noise_gives_the_same_weights_again_and_its_file_has_none(seed, tmp_path):
    onnx = pytest.importorskip("onnx")
    x = np.random.RandomState(0).rand(32, 8).astype("float32")

    def trained():
        keras.utils.set_random_seed(4)
        noise = [keras.layers.Dropout(0.5, seed=seed), keras.layers.GaussianNoise(0.3)]
        model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(4), *noise, keras.layers.Dense(1)])
        model.compile("sgd", "mse")
        model.fit(x, x.sum(1, keepdims=True), epochs=2, batch_size=8, verbose=0)
        return model

    first, second = trained(), trained()
    for a, b in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    first.export(tmp_path / "m.onnx", format="onnx", verbose=False)
    kinds = [node.op_type for node in onnx.load(tmp_path / "m.onnx").graph.node]
    assert kinds == ["MatMul", "Add", "MatMul", "Add"] or kinds == ["Gemm", "Gemm"]

"""Data-parallel steps: what is combined how, how programs travel, and what workers compute and survive."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from kcompile import keras
from kcompile.ir import Graph, Parameter, Value, op
from kcompile.keras import backend as K
from kcompile.keras import layers
from kcompile.keras.models import Model, Sequential
from kcompile.torch_bridge import lower, run
from kcompile.torch_bridge.parallel import ParallelError, PoolStep, memory, packing, pool
from kcompile.torch_bridge.parallel.combining import Combination, plan
from kcompile.torch_bridge.parallel.shard_step import reached_weights
from kcompile.torch_bridge.parallel.splitting import ranges, shard

# --- shards ---


@pytest.mark.parametrize(
    "samples, parts, sizes", [(8, 2, [4, 4]), (7, 2, [4, 3]), (2, 3, [1, 1, 0]), (10, 4, [3, 3, 2, 2])]
)
def test_shards_follow_one_another_and_differ_by_one_at_most(samples, parts, sizes):
    found = ranges(samples, parts)
    assert [stop - start for start, stop in found] == sizes
    assert [i for start, stop in found for i in range(start, stop)] == list(range(samples))


def test_a_shard_without_samples_has_one_that_does_not_count():
    share, (rows,) = shard([torch.arange(2.0)], 2, 3, 2)
    assert (share, rows.tolist()) == (0.0, [0.0])
    assert [shard([torch.arange(2.0)], 2, 3, i)[0] for i in (0, 1)] == [0.5, 0.5]


def test_a_batch_without_samples_is_an_error():
    with pytest.raises(ValueError, match="batch without samples"):
        shard([torch.zeros(0, 3)], 0, 2, 0)


# --- how results combine ---

ROWS = Value("float32", ("batch", 3), "x")
WEIGHTS = Parameter(np.ones(3, np.float32), "weights")


def count() -> Value:
    return K.cast(K.size(ROWS), "float32")


@pytest.mark.parametrize(
    "make, kind",
    [
        (lambda: K.mean(ROWS), "mean"),
        (lambda: K.mean(K.sum(K.square(ROWS), axis=-1)), "mean"),
        (lambda: K.sum(ROWS), "sum"),
        (lambda: K.sum(ROWS, axis=0), "sum"),
        (lambda: K.sum(ROWS, axis=1), "rows"),
        (lambda: K.mean(K.expand_dims(ROWS, 0), axis=1), "mean"),
        (lambda: K.sum(ROWS) / count(), "mean"),
        (lambda: 0.5 * K.mean(ROWS) + K.sum(WEIGHTS), "mean"),
        (lambda: K.sum(ROWS) + K.mean(ROWS), "mixed"),
        (lambda: K.sum(K.square(WEIGHTS)), "same"),
        (count, "count"),
        (lambda: K.cast(K.shape(ROWS)[0], "float32"), "count"),
        (lambda: K.cast(K.shape(ROWS)[1], "float32"), "same"),
        (lambda: K.dot(K.transpose(ROWS), ROWS), "sum"),
        (lambda: K.dot(ROWS, K.reshape(WEIGHTS, (3, 1))), "rows"),
        (lambda: K.max(ROWS), "other"),
        (lambda: K.sqrt(K.mean(ROWS)), "other"),
    ],
)
def test_the_kind_of_a_value_follows_from_how_it_is_computed(make, kind):
    value = make()
    assert Combination(Graph([value], [ROWS]))[value] == kind


def whole_from_shards(graph: Graph, x: np.ndarray, parts: int) -> np.ndarray:
    """The loss as the shards' steps combine it."""
    made = plan(graph)
    module = lower(made.graph)
    total = 0.0
    for i in range(parts):
        share, (rows,) = shard([torch.from_numpy(x)], len(x), parts, i)
        mean, *sums = run(module, rows.numpy())
        total += share * mean + (sum(sums[: made.has_sum]) if share else 0.0)
    return total


@pytest.mark.parametrize(
    "make",
    [
        lambda: K.mean(K.square(ROWS)),
        lambda: K.sum(K.square(ROWS)),
        lambda: K.mean(ROWS) + 0.1 * K.sum(ROWS) - K.sum(K.abs(ROWS)) / 2.0 + K.sum(WEIGHTS),
        lambda: (K.mean(ROWS) - K.sum(ROWS)) * 3.0,
        lambda: -(K.mean(ROWS) + K.sum(ROWS)) / 4.0,
    ],
)
@pytest.mark.parametrize("parts", [2, 3, 8])
def test_losses_of_unequal_shards_make_up_the_loss_of_the_batch(make, parts):
    graph = Graph([make()], [ROWS])
    x = np.random.default_rng(0).normal(size=(7, 3)).astype("float32")
    (whole,) = run(lower(graph), x)
    np.testing.assert_allclose(whole_from_shards(graph, x, parts), whole, rtol=1e-5)


def test_weights_that_no_gradient_reaches_are_not_waited_for():
    reached, stopped, chosen, unread = (Parameter(np.ones(3, np.float32), name) for name in "abcd")
    loss = K.mean(ROWS * reached) + K.mean(op.StopGradient(ROWS * stopped))
    loss = loss + K.mean(K.cast(K.argmax(ROWS * chosen), "float32"))
    made = plan(Graph([loss], [ROWS], phase="train"))
    assert reached_weights(made, [reached, stopped, chosen, unread]) == {reached}


# --- programs as data ---


def round_trip(graph: Graph) -> Graph:
    numbers: dict[Parameter, int] = {}
    packed = packing.pack(graph, lambda p: numbers.setdefault(p, len(numbers)))
    doubles = {i: packing.PackedParameter.of(p).made() for p, i in numbers.items()}
    for parameter, i in numbers.items():
        doubles[i].assign(parameter.storage.array)
    return packing.unpack(packed, doubles.__getitem__)


@pytest.mark.parametrize("phase", ["train", "inference"])
def test_a_graph_computes_the_same_after_its_journey(phase):
    inputs = layers.Input((4, 6))
    x = layers.Conv1D(5, 2, activation="relu")(inputs)
    x = layers.BatchNormalization()(x)
    x = layers.RNN([layers.SimpleRNNCell(3), layers.GRUCell(2)])(layers.Masking()(x))
    graph = Graph([x], [inputs], phase=phase)
    data = np.random.default_rng(0).normal(size=(5, 4, 6)).astype("float32")
    expected, found = run(lower(graph), data), run(lower(round_trip(graph)), data)
    np.testing.assert_array_equal(found[0], expected[0])
    assert any(node.op_type == "Scan" for node in graph.nodes), "a body travels too"


def test_a_parameters_double_has_its_memory_order_and_updates_travel():
    kernel = layers.Conv2D(4, 3)
    kernel.build((None, 8, 8, 2))
    parameter = kernel.weights[0]
    graph = Graph([], [], [(parameter, parameter * 2.0)])
    double = round_trip(graph)
    ((target, _),) = double.updates
    assert target.storage.array.strides == parameter.storage.array.strides
    run(lower(double), update=True)
    np.testing.assert_array_equal(target.storage.array, 2 * parameter.storage.array)


def test_tensors_of_any_size_go_through_shared_memory_that_leaves_nothing_behind(tmp_path):
    sender, receiver = memory.Sender(tmp_path), memory.Receiver()
    for size in (3, 5000, 100, 20000, 5000):
        sent = [torch.rand(size), torch.rand(size, 2).t(), torch.arange(size) > 1, torch.zeros(0, 4)]
        for tensor, found in zip(sent, receiver.get(sender.put(sent)), strict=True):
            assert found.dtype == tensor.dtype and torch.equal(found, tensor)
        for path in tmp_path.iterdir():
            path.unlink()


# --- workers ---

X = np.random.default_rng(0).normal(size=(40, 4)).astype("float32")
Y = [np.eye(2, dtype="float32")[np.arange(40) % 2], X[:, :1] * 2]


def two_headed() -> Model:
    """Sums and means in the loss, several outputs, an optimizer with state."""
    np.random.seed(0)
    inputs = layers.Input((4,))
    hidden = layers.Dense(3, activation="tanh", activity_regularizer="l2", kernel_regularizer="l1")(inputs)
    outputs = [layers.Dense(2, activation="softmax", name="p")(hidden), layers.Dense(1, name="q")(hidden)]
    model = Model(inputs, outputs)
    model.compile("adam", ["categorical_crossentropy", "mse"], metrics=["accuracy", "mae"])
    return model


def pool_step(model: Model, workers: int = 2) -> PoolStep:
    compiled = model._compiled_network
    rule = model.optimizer.update_rule(compiled.trainable)
    return PoolStep(compiled.train_graph(False), ["cpu"] * workers, compiled.trainable, rule)


@pytest.fixture
def workers():
    """Two workers that outlive the models of a test, for the next test."""
    kept.append(pool.pool(["cpu", "cpu"]))
    return kept[-1]


kept: list[pool.Pool] = []


@pytest.fixture(scope="module", autouse=True)
def no_worker_stays():
    yield
    for running in kept:
        running.close()
    kept.clear()


def test_steps_equal_those_of_one_process_whatever_the_size_of_the_batch(workers):
    alone, divided = two_headed(), two_headed()
    step, reference = pool_step(divided), alone._compiled_steps.train(False)
    for samples in (9, 7, 1, 2, 40):
        feed = [X[:samples], Y[0][:samples], Y[1][:samples]]
        np.testing.assert_allclose(step(*feed)[0], reference(feed), rtol=1e-5)
        np.testing.assert_allclose(
            divided._compiled_steps.results(), alone._compiled_steps.results(), rtol=1e-5
        )
        for expected, found in zip(alone.get_weights(), divided.get_weights(), strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
    assert divided.optimizer.get_weights()[0] == 5


def test_the_workers_replicas_follow_what_is_written_between_steps(workers):
    alone, divided = two_headed(), two_headed()
    step, reference = pool_step(divided), alone._compiled_steps.train(False)
    feed = [X[:8], Y[0][:8], Y[1][:8]]
    for model, train in ((alone, reference), (divided, step)):
        for _ in range(2):
            train(feed) if model is alone else train(*feed)
        model.set_weights([w * 0.5 for w in model.get_weights()])
        K.set_value(model.optimizer.lr, 0.1)
        model.optimizer.set_weights([w * 2 for w in model.optimizer.get_weights()])
        for _ in range(2):
            train(feed) if model is alone else train(*feed)
    for expected, found in zip(alone.get_weights(), divided.get_weights(), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def test_workers_forget_what_nobody_uses_any_more(workers):
    model = two_headed()
    feed = [X[:8], Y[0][:8], Y[1][:8]]
    for _ in range(2):
        pool_step(model)(*feed)
    gc.collect()  # models of other tests
    known = len(workers._numbers)
    for _ in range(3):
        other = two_headed()
        pool_step(other)(*feed)
        del other
        gc.collect()
    last = pool_step(model)
    last(*feed)
    assert len(workers._numbers) == known
    assert not workers._forgotten and not workers._dropped


def test_a_branch_that_one_shard_takes_and_another_does_not(workers):
    """Weights in the branch get a gradient in one process only."""
    x = Value("float32", ("batch", 3), "x")
    first, second = (Parameter(np.ones(3, np.float32), name) for name in ("first", "second"))
    positive = op.Greater(op.ReduceSum(x, keepdims=0), 0.0)
    from kcompile.ir import Body

    chosen = op.If(positive, then_branch=Body([x * first]), else_branch=Body([x * second]), outputs=1)
    graph = Graph([op.ReduceMean(chosen, keepdims=0)], [x], phase="train")
    rule = keras.optimizers.SGD(3.0).update_rule([first, second])
    step = PoolStep(graph, ["cpu", "cpu"], [first, second], rule)
    for _ in range(2):
        step(np.array([[1, 2, 3], [-1, -1, -1]], np.float32))
    np.testing.assert_allclose(first.numpy(), [1 - 2 * 0.5 * 1, 1 - 2 * 0.5 * 2, 1 - 2 * 0.5 * 3], atol=1e-6)
    np.testing.assert_allclose(second.numpy(), 1 + 2 * 0.5, rtol=1e-6)


def test_seeded_and_unseeded_noise_differs_between_the_shards(workers):
    x = Value("float32", ("batch", 50), "x")
    weight = Parameter(np.ones(50, np.float32), "weight")
    for seed in ({}, {"seed": 3.0}):
        noise = op.RandomUniformLike(x, **seed)
        per_sample = op.ReduceSum(noise * weight, [1], keepdims=0)
        graph = Graph(
            [op.ReduceMean(per_sample, keepdims=0), op.ReduceSum(noise, [0], keepdims=0)], [x], phase="train"
        )
        step = PoolStep(graph, ["cpu", "cpu"], [weight], keras.optimizers.SGD(0.0).update_rule([weight]))
        _, total = step(np.zeros((2, 50), np.float32))
        halves = total / 2
        assert halves.std() < 0.25, "two draws were added, not one twice"


def test_a_killed_worker_is_one_clear_error_and_the_next_step_starts_new_ones(workers):
    model = two_headed()
    step, feed = pool_step(model), [X[:8], Y[0][:8], Y[1][:8]]
    step(*feed)
    running = workers
    os.kill(running._processes[0].pid, signal.SIGKILL)
    start = time.monotonic()
    with pytest.raises(ParallelError, match="Worker 1 .* was killed by signal 9"):
        for _ in range(3):
            step(*feed)
    assert time.monotonic() - start < 10
    assert all(process.poll() is not None for process in running._processes)
    assert not running._folder.exists()
    step(*feed)
    kept.append(pool._current())


def test_an_exception_in_a_worker_is_raised_with_its_traceback(workers):
    model = two_headed()
    step, feed = pool_step(model), [X[:8], Y[0][:8], Y[1][:8]]
    step(*feed)
    workers.send("step", 12345, 0.5, [])
    with pytest.raises(ParallelError, match=r"(?s)Worker 1 .* failed:.*KeyError: 12345"):
        step(*feed)


def test_a_worker_that_hangs_is_given_up(monkeypatch):
    monkeypatch.setattr(pool, "TIMEOUT", 5.0)
    for running in kept:  # the time is told to new workers
        running.close()
    model = two_headed()
    step, feed = pool_step(model), [X[:8], Y[0][:8], Y[1][:8]]
    step(*feed)
    stuck = pool._current()
    os.kill(stuck._processes[0].pid, signal.SIGSTOP)
    start = time.monotonic()
    with pytest.raises(RuntimeError):
        step(*feed)
    assert time.monotonic() - start < 30
    assert stuck._processes[0].poll() is not None
    stuck.close()


def test_ctrl_c_ends_the_workers_and_is_raised_as_itself(workers):
    model = two_headed()
    step, feed = pool_step(model), [X[:8], Y[0][:8], Y[1][:8]]
    step(*feed)
    running = workers
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        end = time.monotonic() + 20
        while time.monotonic() < end:
            step(*feed)
    timer.join()
    if not running.closed:  # it came between two steps
        running.close()
    assert all(process.poll() is not None for process in running._processes)


ORPHANS = """
import os, signal
import numpy as np
from kcompile.keras import layers, models, utils
from kcompile.torch_bridge.parallel import pool
model = models.Sequential([layers.Dense(1, input_shape=(2,))])
model = utils.multi_gpu_model(model, devices=["cpu:0", "cpu:1"])
model.compile("sgd", "mse")
model.train_on_batch(np.zeros((4, 2)), np.zeros((4, 1)))
running = pool._current()
print(running._processes[0].pid, running._folder, flush=True)
os.kill(os.getpid(), signal.{signal})
"""


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_workers_end_with_a_caller_that_is_killed_outright():
    """A script without `if __name__ == "__main__"`, at that."""
    found = subprocess.run(
        [sys.executable, "-c", ORPHANS.format(signal="SIGKILL")], capture_output=True, text=True
    )
    assert found.returncode == -signal.SIGKILL, found.stderr
    pid, folder = found.stdout.split()
    end = time.monotonic() + 10
    while alive(int(pid)) and time.monotonic() < end:
        time.sleep(0.05)
    assert not alive(int(pid))
    assert not Path(folder).exists()


def test_workers_end_with_the_model():
    kept.clear()
    model = keras.utils.multi_gpu_model(
        Sequential([layers.Dense(1, input_shape=(2,))]), devices=["cpu:0", "cpu:1"]
    )
    model.compile("sgd", "mse")
    model.train_on_batch(np.zeros((4, 2)), np.zeros((4, 1)))
    (process,) = pool._current()._processes
    assert process.poll() is None
    del model
    gc.collect()
    assert process.poll() is not None
    assert not torch.distributed.is_initialized()

"""The parts of the check on a GPU, each in a process of its own: what was found, a line of JSON each.

``gpu_check`` starts them. They need PyTorch, numpy and onnx; what else they need they say themselves. Each
ends with its time, having begun with what matters most.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from itertools import zip_longest
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np

from .measuring import Row

Found = Iterator["Row | Check"]


class Check(NamedTuple):
    """Things that were tried, and those that failed, with the reason.

    Attributes:
        left: how many there was no time for.
    """

    check: str
    tried: int
    failed: list[str]
    left: int = 0


class Budget:
    """The time of a part, and where it computes.

    Args:
        device: "cuda" or "cpu".
        seconds: from now on.
        small: sizes for a test.
    """

    def __init__(self, device: str, seconds: float, small: bool = False) -> None:
        self.device, self.small = device, small
        self._end = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds."""
        return self._end - time.monotonic()

    def over(self, cases: list[Any], share: float = 1.0) -> Iterator[Any]:
        """Cases as long as there is a share of the time that is left now."""
        end = time.monotonic() + share * self.left
        for case in cases:
            if time.monotonic() > end:
                return
            yield case


# --- operators ---


def operators(budget: Budget) -> Found:
    """ONNX's node tests of every operator that the bridge claims, on the device; then their gradients by the
    CPU and by the device."""
    from kcompile.torch_bridge.ops import OPERATORS
    from tests.torch_bridge import node_tests, operators_table

    by_operator = operators_table.by_operator(operators_table.node_tests())
    kept = [
        [case for case in by_operator.get(name, []) if operators_table.exclusion(case) is None]
        for name in sorted(OPERATORS)
    ]
    in_turn = [case for cases in zip_longest(*kept) for case in cases if case is not None]
    if budget.small:
        in_turn = in_turn[:40]
    yield _checked("operators: outputs are ONNX's", in_turn, node_tests.check, budget, 0.5)
    if budget.device != "cpu":
        what = "operators: gradients are the CPU's"
        yield _checked(what, in_turn, lambda case: _check_gradients(case, budget.device), budget, 0.9)
    else:
        yield _checked(
            "operators: gradients", in_turn, lambda case: _check_gradients(case, "cpu"), budget, 0.9
        )


def _checked(
    what: str, cases: list[Any], check: Callable[[Any], None], budget: Budget, share: float
) -> Check:
    tried, failed = 0, []
    for case in budget.over(cases, share):
        tried += 1
        try:
            check(case)
        except Exception as error:
            name = getattr(case, "name", None) or repr(case)
            failed.append(f"{name}: {type(error).__name__}: {' '.join(str(error).split())[:300]}")
    return Check(what, tried, failed, len(cases) - tried)


def _check_gradients(case: Any, device: str) -> None:
    """
    Raises:
        AssertionError: if gradients by a node test's floating inputs differ between CPU and device.
    """
    from tests.torch_bridge.operators_table import RANDOM

    if case.name.startswith(RANDOM):
        return
    for leaves in (None, 1):
        try:
            expected = _gradients(case, "cpu", leaves)
            break
        except RuntimeError:  # torch knows none by some inputs, such as statistics
            continue
    else:
        return
    found = _gradients(case, device, leaves)
    assert len(expected) == len(found)
    for one, other in zip(expected, found, strict=True):
        assert (one is None) == (other is None), "one of them has no gradient"
        if one is not None and other is not None:
            largest = float(np.abs(one[np.isfinite(one)]).max(initial=0.0))
            np.testing.assert_allclose(other, one, rtol=1e-3, atol=1e-4 * max(largest, 1.0))


def _gradients(case: Any, device: str, leaves: int | None) -> list[np.ndarray | None]:
    """By so many floating inputs, of a sum of the outputs in which each number has another weight."""
    import torch

    from kcompile.onnx_io.reading import read_graph
    from kcompile.torch_bridge import lower
    from kcompile.torch_bridge.arrays import as_tensor
    from kcompile.torch_bridge.weights import canonical_device
    from tests.torch_bridge.node_tests import arrays

    place = canonical_device(device)
    module = lower(read_graph(case.model), place)
    given = [as_tensor(x).to(place) for x in arrays(case.data_sets[0][0])]
    wanted = [x for x in given if x.dtype in (torch.float32, torch.float64)][:leaves]
    for x in wanted:
        x.requires_grad_()
    results = [y for y in module(*given) if torch.is_tensor(y) and y.requires_grad]
    if not results:
        return []
    weights = [torch.arange(y.numel(), device=place).double().cos().view(y.shape) for y in results]
    total = sum((y.double() * w).sum() for y, w in zip(results, weights, strict=True))
    grads = torch.autograd.grad(total, wanted, allow_unused=True)  # type: ignore[arg-type]
    return [None if g is None else g.double().cpu().numpy() for g in grads]


# --- golden runs ---


def golden(budget: Budget) -> Found:
    """Training runs recorded with real Keras, kernel by kernel and as CUDA graphs: losses and weights."""
    import torch

    from kcompile import keras
    from kcompile.torch_bridge import captured
    from tests.golden import load
    from tests.keras.training.golden_differences import DIFFERENT, Difference

    torch.backends.cudnn.allow_tf32 = False  # products of 10 bits are no errors, and none of these runs'
    runs = load.load("training")
    try:
        import h5py  # noqa: F401

        runs += load.load("h5")
    except ImportError:
        yield Check("golden runs from .h5 files: h5py is not there", 0, [])
    if budget.small:
        runs = runs[:3]

    def check(run: Any) -> None:
        difference = DIFFERENT.get(repr(run), Difference(""))
        arrays, _ = load.run(keras, run)
        at_least = 3e-6 if budget.device == "cpu" else 1e-4
        run.check(arrays, rtol=1e-5 if budget.device == "cpu" else 1e-3, atol=max(difference.atol, at_least),
                  only=difference.only)  # fmt: skip

    os.environ["KCOMPILE_CUDA_GRAPHS"] = "0"
    yield _checked("golden runs agree with Keras", runs, check, budget, 0.5)
    if budget.device == "cuda":
        os.environ["KCOMPILE_CUDA_GRAPHS"], captured.AFTER = "1", 0
        with _counting() as tried:
            found = _checked("golden runs as CUDA graphs agree with Keras", runs, check, budget, 0.9)
        counted = ", ".join(f"{count} {what}" for what, count in tried.most_common(4))
        yield found._replace(check=f"{found.check} ({counted})")


@contextmanager
def _counting() -> Iterator[Counter[str]]:
    """How many steps are captured in the block, and why others are not."""
    from kcompile.torch_bridge.captured import Captured

    found: Counter[str] = Counter()
    plain = Captured._captured

    def counting(self: Captured, inputs: Any) -> Any:
        graph = plain(self, inputs)
        found["steps captured" if graph is not None else f"not: {self.refused[-1][:80]}"] += 1
        return graph

    Captured._captured = counting  # type: ignore[method-assign]
    try:
        yield found
    finally:
        Captured._captured = plain  # type: ignore[method-assign]


# --- figures of training ---

TARGET = 1.05


class Network(NamedTuple):
    """A network in Keras and by hand, its inputs' shape, and the batch.

    Attributes:
        tokens: of whole numbers below that; 0 for real ones.
        kinds: of numbers that it is trained with.
    """

    title: str
    keras: Callable[[], Any]
    torch: Callable[[], Any]
    shape: tuple[int, ...]
    batch: int
    tokens: int = 0
    classes: int = 10
    kinds: tuple[str, ...] = ("float32", "bfloat16")


def networks(small: bool) -> list[Network]:
    """Those that figures are wanted of."""
    from . import keras3_networks, torch_networks
    from .applications_networks import resnet50

    def of(name: str) -> Callable[[], Any]:
        def make() -> Any:
            from kcompile import keras

            return keras3_networks.NETWORKS[name](keras)[0]

        return make

    def keras_resnet50() -> Any:
        from kcompile import keras

        return keras.applications.ResNet50(weights=None, classifier_activation=None)

    def torch_resnet50() -> Any:
        return torch_networks._Images(resnet50())

    many = 8 if small else 256
    found = [
        Network("CNN 28x28", of("cnn"), torch_networks.cnn, (28, 28, 1), many),
        Network("LSTM(64), 64 steps of 32", of("lstm"), torch_networks.lstm, (64, 32), many),
        Network("transformer, 64 tokens", of("transformer"), torch_networks.transformer, (64,), many, 1000),
    ]
    if not small:
        found.append(
            Network("ResNet50", keras_resnet50, torch_resnet50, (224, 224, 3), 64, 0, 1000, ("bfloat16",))
        )
    return found


def training(budget: Budget) -> Found:
    """A step by ``fit``'s machinery next to one by hand: launched one by one, and as a CUDA graph."""
    for network in networks(budget.small):
        for kind in network.kinds:
            for graph in (False, True):
                if budget.left < (0 if budget.small else 5):
                    return
                if graph and budget.device != "cuda":
                    continue
                try:
                    yield _trained(network, kind, graph, budget)
                except Exception as error:
                    how = f"{network.title}, {kind}{', CUDA graph' if graph else ''}"
                    yield Check(f"training: {how}", 1, [f"{type(error).__name__}: {str(error)[:300]}"])


def _trained(network: Network, kind: str, graph: bool, budget: Budget) -> Row:
    import torch

    from kcompile.torch_bridge.weights import canonical_device

    device = canonical_device(budget.device)
    random = np.random.default_rng(0)
    size = (network.batch, *network.shape)
    x = random.integers(1, network.tokens, size) if network.tokens else random.random(size, np.float32)
    y = random.integers(0, network.classes, network.batch)
    inputs, labels = torch.from_numpy(x).to(device), torch.from_numpy(y).to(device)
    ours, refused = _our_step(network, kind, graph, inputs, labels)
    other = _torch_step(network, kind, graph, inputs, labels)
    pair = _alternating(ours, other, budget)
    how = "as a CUDA graph" if graph else "kernel by kernel"
    why = "".join(f" (not captured: {reason})" for reason in refused())
    what = f"{network.title}, batch {network.batch}, {kind}, {how}{why}"
    target = None if budget.small else TARGET
    return Row("training", what, 1e3 * pair[0], "ms", 1e3 * pair[1], pair[2], target)


def _our_step(
    network: Network, kind: str, graph: bool, inputs: Any, labels: Any
) -> tuple[Callable[[], Any], Callable[[], list[str]]]:
    """A step on tensors that lie on the device, and why it could not be captured."""
    from kcompile import keras

    os.environ["KCOMPILE_CUDA_GRAPHS"] = str(int(graph))
    keras.mixed_precision.set_global_policy("mixed_bfloat16" if kind == "bfloat16" else None)
    try:
        model = network.keras()
    finally:
        keras.mixed_precision.set_global_policy(None)
    model.compile(keras.optimizers.Adam(1e-3), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    step = model._compiled_steps.train(False)
    given = [inputs, labels.unsqueeze(1)]
    return lambda: step(given), lambda: list(getattr(step.args[0]._pass, "refused", []))


def _torch_step(network: Network, kind: str, graph: bool, inputs: Any, labels: Any) -> Callable[[], Any]:
    """What somebody would write who wants it fast: images in channels_last memory, Adam in one kernel."""
    import torch
    from torch.nn import functional as F

    model = network.torch().to(inputs.device, memory_format=torch.channels_last).train()
    options: dict[str, Any] = {"capturable": True} if graph else {}
    adam = torch.optim.Adam(model.parameters(), lr=1e-3, eps=1e-7, fused=True, **options)
    half = kind == "bfloat16"

    def step() -> None:
        adam.zero_grad(set_to_none=True)
        with torch.autocast(inputs.device.type, torch.bfloat16, enabled=half):
            loss = F.cross_entropy(model(inputs).float(), labels)
        loss.backward()
        adam.step()

    if not graph:
        return step
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(stream)
    whole = torch.cuda.CUDAGraph()
    with torch.cuda.graph(whole):
        step()
    return whole.replay


def _alternating(
    ours: Callable[[], Any], other: Callable[[], Any], budget: Budget
) -> tuple[float, float, float]:
    """Medians of seconds a step, and of the ratio within a round; the device is waited for once a round."""
    import torch

    def timed(work: Callable[[], Any], calls: int) -> float:
        _wait(torch, budget.device)
        start = time.perf_counter()
        for _ in range(calls):
            work()
        _wait(torch, budget.device)
        return (time.perf_counter() - start) / calls

    warm = 1 if budget.small else 20  # more than there are before a step is captured
    for work in (ours, other):
        timed(work, warm)
    rounds, seconds = (2, 0.0) if budget.small else (12, 0.08)
    calls = [max(1, round(seconds / timed(work, 3))) for work in (ours, other)]
    found = []
    for i in range(rounds):
        if i >= 3 and budget.left < 3:
            break
        pair = {k: timed((ours, other)[k], calls[k]) for k in ((0, 1) if i % 2 else (1, 0))}
        found.append((pair[0], pair[1], pair[0] / pair[1]))
    return tuple(statistics.median(column) for column in zip(*found, strict=True))  # type: ignore[return-value]


def _wait(torch: Any, device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


# --- several devices ---


def parallel(budget: Budget) -> Found:
    """Data-parallel training on two devices: the weights of one, and the time of an epoch next to one."""
    import torch

    from kcompile import keras
    from kcompile.keras.utils import multi_gpu_model

    if budget.device == "cuda" and torch.cuda.device_count() < 2:
        yield Check("data-parallel: one GPU is there, two are needed", 0, [])
        return
    devices = [f"{'gpu' if budget.device == 'cuda' else 'cpu'}:{i}" for i in range(2)]
    L = keras.layers
    size, batch, steps = (8, 16, 2) if budget.small else (64, 512, 20)
    random = np.random.default_rng(0)
    x = random.random((batch * steps, size, size, 3), np.float32)
    y = random.integers(0, 10, batch * steps)

    def network() -> Any:
        keras.utils.set_random_seed(0)
        layers = [L.Input((size, size, 3)), L.Conv2D(32, 3, activation="relu"), L.Conv2D(64, 3)]
        return keras.Sequential([*layers, L.GlobalAveragePooling2D(), L.Dense(10, activation="softmax")])

    def trained(model: Any) -> tuple[list[np.ndarray], float]:
        model.compile(keras.optimizers.SGD(0.05), "sparse_categorical_crossentropy")
        model.fit(x, y, batch_size=batch, verbose=0, shuffle=False)
        weights = model.get_weights()
        start = time.perf_counter()
        model.fit(x, y, batch_size=batch, verbose=0, shuffle=False)
        return weights, time.perf_counter() - start

    alone, one = trained(network())
    divided, two = trained(multi_gpu_model(network(), devices=devices))
    wrong = [
        f"weight {i} differs by {np.abs(a - b).max():.2g}"
        for i, (a, b) in enumerate(zip(alone, divided, strict=True))
        if not np.allclose(a, b, rtol=1e-2, atol=1e-4)
    ]
    yield Check("data-parallel: the weights of one device", len(alone), wrong)
    yield Row("data-parallel", "an epoch on two devices next to one", two, "s", one, two / one)


# --- onnxruntime ---


def onnxruntime(budget: Budget) -> Found:
    """onnxruntime's CUDA provider: what it answers and how long it takes, next to its CPU provider."""
    import onnxruntime as ort

    from kcompile_runtime import Executor

    there = ort.get_available_providers()
    if budget.device == "cuda" and "CUDAExecutionProvider" not in there:
        yield Check(f"onnxruntime has no CUDA provider, but {', '.join(there)}", 0, [])
        return
    provider = "CUDAExecutionProvider" if budget.device == "cuda" else "CPUExecutionProvider"
    failed: list[str] = []
    with TemporaryDirectory() as folder:
        found = networks(True)
        for i, network in enumerate(found):
            path = Path(folder) / f"{i}.onnx"
            try:
                network.keras().export(path, verify=False)
                on_cpu = Executor(path, providers=["CPUExecutionProvider"])
                on_device = Executor(path, providers=[provider, "CPUExecutionProvider"])
                for batch in (1, 2 if budget.small else 256):
                    x = _samples(network, batch)
                    a, b = np.asarray(on_cpu.predict(x)), np.asarray(on_device.predict(x))
                    np.testing.assert_allclose(b, a, rtol=1e-2, atol=1e-3)
                    one, other = (_latency(e, x, budget) for e in (on_device, on_cpu))
                    what = f"{network.title}, batch {batch}: {provider} next to the CPU's"
                    yield Row("prediction", what, 1e3 * one, "ms", 1e3 * other, one / other)
            except Exception as error:
                failed.append(f"{network.title}: {type(error).__name__}: {str(error)[:300]}")
    yield Check(f"{provider} answers as the CPU's", len(found), failed)


def _samples(network: Network, batch: int) -> np.ndarray:
    random, size = np.random.default_rng(0), (batch, *network.shape)
    return (
        random.integers(1, network.tokens, size, np.int32)
        if network.tokens
        else random.random(size, np.float32)
    )


def _latency(executor: Any, x: np.ndarray, budget: Budget) -> float:
    times = []
    for _ in range(3 if budget.small else 30):
        start = time.perf_counter()
        executor.predict(x)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


class Part(NamedTuple):
    """A part, its share of the time, and the packages without which there is no part."""

    run: Callable[[Budget], Found]
    share: float
    needs: tuple[str, ...] = ("numpy", "torch", "onnx")


PARTS = {
    "training": Part(training, 0.40),
    "operators": Part(operators, 0.22),
    "golden": Part(golden, 0.18),
    "parallel": Part(parallel, 0.10),
    "onnxruntime": Part(onnxruntime, 0.10, ("numpy", "onnx", "onnx_ir", "onnxscript", "onnxruntime")),
}
"""In the order in which they are done."""


def main(name: str, device: str, seconds: str, small: str) -> None:
    """One part; what it finds goes to standard output."""
    out, sys.stdout = sys.stdout, sys.stderr
    for found in PARTS[name].run(Budget(device, float(seconds), small == "small")):
        told = found._asdict() if isinstance(found, Check) else {**asdict(found), "reached": found.reached}
        print(json.dumps(told), file=out, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])

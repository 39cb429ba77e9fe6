"""Files in fewer bits: how much faster and smaller they are, and how well they still answer.

Each file is measured next to its float32 file, and next to what onnxruntime's ``quantize_static`` makes by
its documentation. Accuracy is that of networks which learnt real images and texts.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx

from kcompile import keras, onnx_io
from kcompile.optimize import OptimizeError, quantize
from kcompile.optimize.quantized import Quantized
from kcompile.optimize.samples import Samples
from kcompile.optimize.scoring import sqnr

from .measuring import Row, compare, pair_row
from .memory import peak_mib
from .optimize_learnt import DROPS, LEARNT, Learnt, with_momentum

TOPIC = "files in 8 bits"
NEVER_WORSE = 1.0  # next to plain
SIZE_TARGET = 0.25
SECONDS_TARGET, MEMORY_TARGET = 60.0, 2048.0


class Network(NamedTuple):
    """What is quantized and timed.

    Attributes:
        title: in the table.
        make: the Keras model, by its module.
        method: of ``kcompile.optimize.quantize``.
        samples: (number, random generator) -> an array for its input.
        batches: sizes of the batches that are timed.
        faster: how many times as fast as float32 it is to be.
    """

    title: str
    make: Callable[[Any], Any]
    method: str
    samples: Callable[[int, np.random.Generator], np.ndarray]
    batches: tuple[int, ...]
    faster: float


def _images(size: int) -> Callable[[int, np.random.Generator], np.ndarray]:
    return lambda count, random: random.standard_normal((count, size, size, 3)).astype(np.float32)


def _words(count: int, random: np.random.Generator) -> np.ndarray:
    return random.integers(0, 1000, (count, 64)).astype(np.int32)


def _steps(count: int, random: np.random.Generator) -> np.ndarray:
    return random.standard_normal((count, 64, 128)).astype(np.float32)


def transformer(keras: Any) -> Any:
    """Two blocks of width 256 with 4 heads, 64 tokens."""
    layers = keras.layers
    inputs = keras.Input((64,), dtype="int32")
    x = layers.Embedding(1000, 256)(inputs)
    for _ in range(2):
        x = layers.LayerNormalization()(x + layers.MultiHeadAttention(4, 64)(x, x))
        x = layers.LayerNormalization()(x + layers.Dense(256)(layers.Dense(1024, activation="gelu")(x)))
    outputs = layers.Dense(10, activation="softmax")(layers.GlobalAveragePooling1D()(x))
    return keras.Model(inputs, outputs)


def lstm(keras: Any) -> Any:
    """LSTM(256), 64 steps of 128."""
    layers = keras.layers
    return keras.Sequential(
        [keras.Input((64, 128)), layers.LSTM(256), layers.Dense(10, activation="softmax")]
    )


def application(name: str) -> Callable[[Any], Any]:
    """An application with the statistics of a batch in its batch normalisation, so that numbers between its
    layers are of the size that they have in a network that has learnt; it gives logits."""

    def make(keras: Any) -> Any:
        build = getattr(keras.applications, name)
        small, full = (
            build(weights=None, input_shape=(size, size, 3), classifier_activation=None) for size in (96, 224)
        )
        small = with_momentum(small, 0.0)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        small.compile(keras.optimizers.SGD(0.0), loss)
        images = _images(96)(16, np.random.default_rng(1))
        small.train_on_batch(images, np.zeros((16, 1)))
        full.set_weights(small.get_weights())
        return full

    return make


NETWORKS = {
    "resnet50": Network("ResNet50", application("ResNet50"), "static", _images(224), (1, 8), 2.2),
    "mobilenet_v2": Network("MobileNetV2", application("MobileNetV2"), "static", _images(224), (1, 8), 1.5),
    "transformer": Network("transformer, 2 blocks", transformer, "static", _words, (1, 8), 1.4),
    "lstm": Network("LSTM(256), dynamic", lstm, "dynamic", _steps, (1, 8), 1.3),
}


def rows(seconds: float = 20.0, samples: int = 32) -> Iterator[Row]:
    """All rows.

    Args:
        seconds: at most, for each pair of files.
        samples: number of random ones that ranges are taken of.
    """
    for network in NETWORKS.values():
        yield from file_rows(network, seconds, samples)
    yield from cost_rows()
    for name in LEARNT:
        yield from accuracy_rows(name)


def file_rows(network: Network, seconds: float, samples: int) -> Iterator[Row]:
    """Time, size and error of one network's file, next to float32 and to onnxruntime's own."""
    random = np.random.default_rng(0)
    keras.utils.set_random_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "float32.onnx"
        network.make(keras).export(path, verify=False)
        source = onnx_io.load(path)
        x = network.samples(samples, random)
        result = quantize(source, network.method, calibrate=x)  # type: ignore[arg-type]
        plain = plain_static(path, x) if network.method == "static" else plain_dynamic(path)
    held_out = network.samples(16, random)
    yield from _times(network, source, result, plain, held_out, seconds)
    sizes = [result.bytes_after / 2**20, source.ByteSize() / 2**20]
    yield Row(TOPIC, f"{network.title}: size", sizes[0], "MiB", sizes[1], sizes[0] / sizes[1], SIZE_TARGET)
    errors = [_sqnr(source, model, held_out) for model in (result.model, plain)]
    ratio = errors[0] / errors[1]
    what = f"{network.title}: signal over noise, next to plain"
    yield Row(TOPIC, what, errors[0], "dB", errors[1], ratio, NEVER_WORSE, at_least=True)


def _times(
    network: Network,
    source: onnx.ModelProto,
    result: Quantized,
    plain: onnx.ModelProto,
    x: np.ndarray,
    seconds: float,
) -> Iterator[Row]:
    runs = [_session(model) for model in (result.model, source, plain)]
    for batch in network.batches:
        ours, float32, theirs = (run(x[:batch]) for run in runs)
        what = f"{network.title}: batch {batch}"
        for title, other, target in (
            ("next to float32", float32, 1 / network.faster),
            ("next to plain", theirs, NEVER_WORSE),
        ):
            pair = compare(ours, other, rounds=40, round_seconds=0.1, most_seconds=seconds)
            yield pair_row(TOPIC, f"{what}, {title}", pair, target)


def _session(model: onnx.ModelProto) -> Callable[[np.ndarray], Callable[[], object]]:
    import onnxruntime

    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda x: lambda: session.run(None, {name: x})


def _sqnr(source: onnx.ModelProto, model: onnx.ModelProto, x: np.ndarray) -> float:
    """Decibels of the float32 file's outputs over what the other's differ by."""
    expected, found = (np.asarray(_session(m)(x)()[0]) for m in (source, model))  # type: ignore[index]
    return sqnr(expected, found)


def plain_static(path: Path, x: np.ndarray) -> onnx.ModelProto:
    """What onnxruntime makes by its documentation: prepared first, in its recommended format, with the types
    that it recommends for processors with VNNI."""
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    name = onnx.load(path).graph.input[0].name

    class Reader(CalibrationDataReader):
        def __init__(self) -> None:
            self.rest = iter(x)

        def get_next(self) -> dict[str, np.ndarray] | None:
            sample = next(self.rest, None)
            return None if sample is None else {name: sample[np.newaxis]}

    prepared, made = path.with_name("prepared.onnx"), path.with_name("plain.onnx")
    quant_pre_process(path, prepared, skip_symbolic_shape=True)
    quantize_static(
        prepared,
        made,
        Reader(),
        quant_format=QuantFormat.QDQ,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
    )
    return onnx.load(made)


def plain_dynamic(path: Path) -> onnx.ModelProto:
    """What onnxruntime makes without samples by its documentation."""
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.quantization.shape_inference import quant_pre_process

    prepared, made = path.with_name("prepared.onnx"), path.with_name("plain.onnx")
    quant_pre_process(path, prepared, skip_symbolic_shape=True)
    quantize_dynamic(prepared, made, weight_type=QuantType.QInt8)
    return onnx.load(made)


def cost_rows(name: str = "resnet50", samples: int = 100) -> Iterator[Row]:
    """The time and the memory that quantising takes, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.optimize", name, str(samples)]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    title = f"{NETWORKS[name].title}: quantising with {samples} samples"
    yield Row("quantising", title, found["seconds"], "s", target=SECONDS_TARGET)
    yield Row("quantising", f"{title}, memory at most", found["mib"], "MiB", target=MEMORY_TARGET)


def accuracy_rows(name: str) -> Iterator[Row]:
    """Accuracy lost by each method on what a network never saw, in points of 100."""
    try:
        learnt = LEARNT[name]()
    except ModuleNotFoundError as error:
        print(f"  {name}: left out, {error}", file=sys.stderr)
        return
    count = sum(len(part.y_test) for part in learnt)
    before = float(np.mean(_right(learnt, lambda part: part.source)))
    topic = f"accuracy: {learnt[0].title}"
    yield Row(topic, f"float32, {count} held out", 100 * before, "%")
    for method, most in DROPS.items():
        try:
            made = [_quantized(part, method) for part in learnt]
        except OptimizeError:  # convolutions alone have nothing for it
            continue
        models = iter(made)
        after = float(np.mean(_right(learnt, lambda part, models=models: next(models).model)))  # type: ignore[misc]
        yield Row(topic, f"{method}: points lost", 100 * (before - after), "", target=most)
        yield Row(topic, f"{method}: share of the file", made[0].bytes_after / made[0].bytes_before, "")
    theirs = _right(learnt, _plainly_quantized)
    ours = _right(learnt, lambda part: _quantized(part, "static").model)
    yield answers_row(topic, "static, next to plain", ours, theirs)


def answers_row(topic: str, what: str, ours: np.ndarray, theirs: np.ndarray) -> Row:
    """Accuracy next to another's on the same samples.

    Its noise is that of the answers in which the two differ: of other samples as many would fall to either
    side by chance (McNemar 1947).

    Args:
        ours, theirs: (samples,), whether an answer is right.
    """
    of_us, of_them = float(np.mean(ours)), float(np.mean(theirs))
    noise = 1.96 * float(np.sqrt(np.sum(ours != theirs))) / len(ours) / of_them
    ratio = of_us / of_them
    return Row(topic, what, 100 * of_us, "%", 100 * of_them, ratio, NEVER_WORSE, at_least=True, noise=noise)


def _right(learnt: list[Learnt], form: Callable[[Learnt], onnx.ModelProto]) -> np.ndarray:
    """Whether a form of each network answers right, for all that was held out: (samples,)."""
    return np.concatenate([part.right(form(part)) for part in learnt])


def _quantized(learnt: Learnt, method: str) -> Quantized:
    return quantize(learnt.source, method, calibrate=learnt.x[:200])  # type: ignore[arg-type]


def _plainly_quantized(learnt: Learnt) -> onnx.ModelProto:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "float32.onnx"
        onnx.save(learnt.source, path)
        samples = Samples(learnt.source, learnt.x[:200])
        return plain_static(path, samples.first(200)[learnt.input])


def _cost(name: str, samples: int) -> dict[str, float]:
    import time

    network = NETWORKS[name]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "float32.onnx"
        network.make(keras).export(path, verify=False)
        x = network.samples(samples, np.random.default_rng(0))
        start = time.perf_counter()
        quantize(path, network.method, calibrate=x).save(Path(folder) / "int8.onnx")  # type: ignore[arg-type]
        seconds = time.perf_counter() - start
    return {"seconds": seconds, "mib": peak_mib()}


if __name__ == "__main__":
    print(json.dumps(_cost(sys.argv[1], int(sys.argv[2]))))

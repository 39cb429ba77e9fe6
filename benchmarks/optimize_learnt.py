"""Networks that learn real images and texts which packages bring along, to see what fewer bits cost them."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import pkgutil
import re
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from kcompile import keras, onnx_io
from kcompile.keras import layers as L

from .keras3_networks import resnet20 as _resnet20

#: Points of 100 that each method may cost.
DROPS = {"static": 0.5, "dynamic": 0.5, "weights8": 0.5, "weights4": 1.0, "float16": 0.5, "bfloat16": 0.5}

WORDS, LONGEST = 4000, 40
#: Whose docstrings are told from one another.
PACKAGES = ("numpy", "torch.nn", "sklearn", "pandas", "matplotlib", "asyncio", "email", "xml", "unittest")


@dataclass
class Learnt:
    """A network, and what it learnt from.

    Attributes:
        title: in the table.
        source: its ONNX file.
        x, y: what it learnt.
        x_test, y_test: what it never saw.
    """

    title: str
    source: onnx.ModelProto
    x: np.ndarray
    y: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray

    @property
    def input(self) -> str:
        """The name of the network's input."""
        return self.source.graph.input[0].name

    def right(self, model: onnx.ModelProto) -> np.ndarray:
        """Whether a form of the network answers right, for each sample that it never saw."""
        from kcompile_runtime import Executor

        outputs = Executor(model.SerializeToString()).predict(self.x_test)
        found: np.ndarray = outputs.argmax(-1) == self.y_test
        return found


def digits_images(size: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """scikit-learn's 1797 digits, (samples, size, size, 1) in 0..1, and labels, shuffled."""
    from sklearn.datasets import load_digits

    found = load_digits()
    images = (found.images / 16).astype(np.float32)[..., np.newaxis]
    images = images.repeat(size // 8, 1).repeat(size // 8, 2)
    order = np.random.default_rng(0).permutation(len(images))
    return images[order], found.target[order]


def docstrings() -> tuple[np.ndarray, np.ndarray]:
    """Paragraphs of a few packages' docstrings as numbers of words (samples, 40), and whose they are."""
    texts = [(_words(text), label) for label, name in enumerate(PACKAGES) for text in _paragraphs(name)]
    texts = [(words, label) for words, label in texts if len(words) >= 8]
    counts: dict[str, int] = {}
    for words, _ in texts:
        for word in words:
            counts[word] = counts.get(word, 0) + 1
    known = {word: i + 2 for i, word in enumerate(sorted(counts, key=lambda w: (-counts[w], w))[: WORDS - 2])}
    x = np.zeros((len(texts), LONGEST), np.int32)
    for row, (words, _) in zip(x, texts, strict=True):
        row[: len(words)] = [known.get(word, 1) for word in words[:LONGEST]]
    order = np.random.default_rng(0).permutation(len(texts))
    return x[order], np.array([label for _, label in texts])[order]


def faces_images() -> tuple[np.ndarray, np.ndarray]:
    """scikit-image's 100 faces of Labeled Faces in the Wild and 100 other parts of its photographs, which its
    wheel brings along: (200, 25, 25, 1) in 0..1, and whether they are faces, shuffled.

    Raises:
        ModuleNotFoundError: scikit-image is not installed.
    """
    from skimage.data import lfw_subset

    images = lfw_subset().astype(np.float32)[..., np.newaxis]
    order = np.random.default_rng(0).permutation(len(images))
    return images[order], (np.arange(len(images)) < 100).astype(np.int64)[order]


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z]{2,}", text.lower())[:LONGEST]


def _paragraphs(package: str, most: int = 1200) -> list[str]:
    """The first paragraphs of a package's docstrings, without its own name."""
    found: dict[str, None] = {}
    for described in (d for module in _modules(package) for d in _described(module)):
        text = getattr(described, "__doc__", None)
        if isinstance(text, str):
            for paragraph in inspect.cleandoc(text).split("\n\n")[:2]:
                found[re.sub(package.split(".")[0], "", paragraph)] = None
    return list(found)[:most]


def _described(module: Any) -> Iterator[Any]:
    """Functions, classes and their methods, by name."""
    for _, value in sorted(vars(module).items()):
        if inspect.isclass(value):
            yield value
            yield from (member for _, member in sorted(vars(value).items()) if inspect.isroutine(member))
        elif inspect.isroutine(value):
            yield value


def _modules(package: str) -> Iterator[Any]:
    root = importlib.import_module(package)
    yield root
    for info in sorted(pkgutil.iter_modules(root.__path__), key=lambda info: info.name):
        if not info.name.startswith("_") and info.name not in ("tests", "conftest"):
            with warnings.catch_warnings(), contextlib.suppress(Exception):  # what is old, or not installed
                warnings.simplefilter("ignore")
                yield importlib.import_module(f"{package}.{info.name}")


def with_momentum(model: Any, momentum: float) -> Any:
    """The same network anew, with another momentum of the statistics in its batch normalisation."""
    config = model.get_config()
    for layer in config["layers"]:
        if layer["class_name"] == "BatchNormalization":
            layer["config"]["momentum"] = momentum
    return type(model).from_config(config)


def _learnt(
    title: str, model: Any, x: np.ndarray, y: np.ndarray, epochs: int, rate: float, from_logits: bool = False
) -> Learnt:
    """Trains on four fifths."""
    cut = len(x) * 4 // 5
    source = _exported(_trained(model, x[:cut], y[:cut], epochs, rate, from_logits))
    return Learnt(title, source, x[:cut], y[:cut], x[cut:], y[cut:])


def _trained(
    model: Any, x: np.ndarray, y: np.ndarray, epochs: int, rate: float, from_logits: bool = False
) -> Any:
    model = with_momentum(model, 0.9)  # statistics of few steps
    model.compile(
        keras.optimizers.Adam(rate), keras.losses.SparseCategoricalCrossentropy(from_logits=from_logits)
    )
    slower = keras.callbacks.LearningRateScheduler(lambda epoch: rate * (1 - epoch / epochs) + 1e-4)
    model.fit(x, y, batch_size=32, epochs=epochs, callbacks=[slower], verbose=0)
    return model


def _exported(model: Any) -> onnx.ModelProto:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "float32.onnx"
        model.export(path, verify=False)
        return onnx_io.load(path)


def digits_cnn(epochs: int = 20) -> Learnt:
    """The network of ``make demo``."""
    keras.utils.set_random_seed(0)
    model = keras.models.load_model(Path(__file__).resolve().parent.parent / "models" / "digits_cnn.yaml")
    return _learnt("CNN on scikit-learn's digits", model, *digits_images(), epochs, 2e-3)


def resnet20(epochs: int = 8) -> Learnt:
    """He et al.'s, on digits of 32 x 32; it gives logits."""
    keras.utils.set_random_seed(0)
    x, y = digits_images(32)
    return _learnt(
        "ResNet20 on scikit-learn's digits", _resnet20(keras)[0], x.repeat(3, 3), y, epochs, 1e-3, True
    )


def mobile(epochs: int = 15) -> Learnt:
    """Inverted residuals as in MobileNetV2, with ReLU6, on digits of 16 x 16."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((16, 16, 1))
    x = _normalised(L.Conv2D(16, 3, strides=1, padding="same", use_bias=False)(inputs))
    for filters, stride in ((16, 1), (24, 2), (24, 1), (32, 2), (32, 1)):
        y = _normalised(L.Conv2D(4 * x.shape[-1], 1, use_bias=False)(x))
        y = _normalised(L.DepthwiseConv2D(3, strides=stride, padding="same", use_bias=False)(y))
        y = L.BatchNormalization()(L.Conv2D(filters, 1, use_bias=False)(y))
        x = L.Add()([x, y]) if stride == 1 and x.shape[-1] == filters else y
    outputs = L.Dense(10, activation="softmax")(L.GlobalAveragePooling2D()(x))
    return _learnt(
        "MobileNet-like on scikit-learn's digits",
        keras.Model(inputs, outputs),
        *digits_images(16),
        epochs,
        2e-3,
    )


def _normalised(x: Any) -> Any:
    return L.ReLU(6.0)(L.BatchNormalization()(x))


def faces(epochs: int = 20, folds: int = 5) -> list[Learnt]:
    """Faces told from other parts of photographs: a network for each fifth of them, which it never saw, since
    a fifth alone is 40 answers."""
    x, y = faces_images()
    found = []
    for fold in range(folds):
        keras.utils.set_random_seed(fold)
        held_out = np.arange(len(x)) % folds == fold
        inputs = keras.Input(x.shape[1:])
        z = inputs
        for filters in (16, 32, 64):
            z = L.Conv2D(filters, 3, strides=2, padding="same", use_bias=False)(z)
            z = L.ReLU()(L.BatchNormalization()(z))
        outputs = L.Dense(2, activation="softmax")(L.GlobalAveragePooling2D()(z))
        model = _trained(keras.Model(inputs, outputs), *_mirrored(x[~held_out], y[~held_out]), epochs, 3e-3)
        source = _exported(model)
        title = "CNN on scikit-image's faces and others"
        found.append(Learnt(title, source, x[~held_out], y[~held_out], x[held_out], y[held_out]))
    return found


def _mirrored(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The images, and as often again from left to right."""
    return np.concatenate([x, x[:, :, ::-1]]), np.concatenate([y, y])


def texts(epochs: int = 4) -> Learnt:
    """Which package a docstring is of: embedding, LSTM, Dense."""
    keras.utils.set_random_seed(0)
    x, y = docstrings()
    model = keras.Sequential(
        [
            keras.Input((LONGEST,), dtype="int32"),
            L.Embedding(WORDS, 64),
            L.LSTM(64, return_sequences=True),
            L.GlobalMaxPooling1D(),
            L.Dense(64, activation="relu"),
            L.Dense(len(PACKAGES), activation="softmax"),
        ]
    )
    return _learnt(f"docstrings of {len(PACKAGES)} packages told apart", model, x, y, epochs, 2e-3)


#: Networks by name, one for each part of the samples that is held out.
LEARNT: dict[str, Callable[[], list[Learnt]]] = {
    "digits_cnn": lambda: [digits_cnn()],
    "resnet20": lambda: [resnet20()],
    "mobile": lambda: [mobile()],
    "faces": faces,
    "texts": lambda: [texts()],
}

__all__ = ["DROPS", "LEARNT", "Learnt", "digits_images", "faces_images", "with_momentum"]

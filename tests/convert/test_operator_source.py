"""Layers without a template, written by their operators: the files run without kcompile, and agree."""

from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

from kcompile.convert import ConversionError, module_source, write_module
from kcompile.keras import backend as K
from kcompile.keras import layers as L
from kcompile.keras.models import Model, Sequential, load_model

from .test_module_source import randomised, sample, stack

IMAGE, STEPS, FLAT, FRAMES = (9, 8, 3), (7, 3), (5,), (4, 6, 5, 2)
RNN = {"return_sequences": True}


def odd(x):
    return K.tanh(x) * K.sigmoid(x)


def masked(layer):
    return stack(L.Masking(0.0), layer)


LAYERS = {
    "locally connected 1d": (stack(L.LocallyConnected1D(3, 2)), STEPS),
    "locally connected 2d": (stack(L.LocallyConnected2D(3, (2, 3), strides=2, activation="relu")), IMAGE),
    "convolutional lstm": (stack(L.ConvLSTM2D(3, 3, padding="same", **RNN), L.ConvLSTM2D(2, 3)), FRAMES),
    "einsum": (stack(L.EinsumDense("abc,cd->abd", (None, 4), bias_axes="d", activation="gelu")), STEPS),
    "attention": (lambda x: L.Attention(use_scale=True)([x, L.Dense(3)(x)]), STEPS),
    "additive attention": (lambda x: L.AdditiveAttention()([x, x]), STEPS),
    "grouped attention": (lambda x: L.GroupQueryAttention(4, 4, 2)(x, x), (5, 8)),
    "attention of another width": (lambda x: L.MultiHeadAttention(2, 3)(x, x), STEPS),
    "attention over images": (lambda x: L.MultiHeadAttention(2, 4)(x, x), (4, 3, 8)),
    "attention scores": (
        lambda x: L.MultiHeadAttention(2, 4)(x, x, return_attention_scores=True)[1], (3, 8)),
    "stacked cells": (stack(L.RNN([L.LSTMCell(3), L.GRUCell(4)], **RNN), L.RNN(L.SimpleRNNCell(2))), STEPS),
    "lstm with softmax": (stack(L.LSTM(3, activation="softmax")), STEPS),
    "gru with softmax": (stack(L.GRU(3, activation="softmax", reset_after=True)), STEPS),
    "gru with softmax, before": (stack(L.GRU(3, activation="softmax")), STEPS),
    "both ways, cells": (stack(L.Bidirectional(L.RNN(L.LSTMCell(3), **RNN))), STEPS),
    "both ways, images": (stack(L.Bidirectional(L.ConvLSTM2D(2, 3))), FRAMES),
    "both ways, backwards": (stack(L.Bidirectional(L.LSTM(3, go_backwards=True, **RNN))), STEPS),
    "time distributed model": (
        lambda x: L.TimeDistributed(Sequential([L.Dense(3, "tanh", input_shape=(3,)), L.Dense(2)]))(x),
        STEPS),
    "time distributed lstm": (stack(L.TimeDistributed(L.LSTM(3))), (4, 5, 3)),
    "time distributed operators": (stack(L.TimeDistributed(L.LocallyConnected1D(3, 2))), (4, 5, 3)),
    "layer normalization of axes": (stack(L.LayerNormalization(axis=[1, 2])), IMAGE),
    "batch normalization in between": (stack(L.BatchNormalization(axis=2)), IMAGE),
    "group normalization first": (stack(L.GroupNormalization(3, axis=1)), (9, 4, 5)),
    "lambda": (stack(L.Lambda(lambda x: K.sqrt(K.abs(x)) + 1)), STEPS),
    "long lambda": (
        stack(L.Lambda(lambda x: K.concatenate([x, K.softmax(x) * 2, K.mean(x, 1, keepdims=True)], 1))),
        STEPS),
    "rescaling by channel": (stack(L.Rescaling([1.0, 2.0, 3.0], [0.1, 0.2, 0.3])), IMAGE),
    "resizing": (stack(L.Resizing(6, 5), L.CenterCrop(4, 3)), IMAGE),
    "augmentation": (stack(L.RandomFlip(), L.RandomRotation(0.2), L.RandomContrast(0.2)), IMAGE),
    "categories": (stack(L.Discretization([0.0, 0.5, 1.0]), L.CategoryEncoding(4, "multi_hot")), FLAT),
    "unit normalization": (stack(L.UnitNormalization()), STEPS),
    "broadcasting merge": (lambda x: L.Add()([x, L.Dense(1)(L.Flatten()(x))]), STEPS),
    "functions as activations": (
        stack(L.Conv2D(3, 3, activation=odd), L.DepthwiseConv2D(3, activation=odd),
              L.SeparableConv2D(3, 3, activation=odd), L.Dense(3, activation=odd)), IMAGE),
    "masks merged": (lambda x: L.LSTM(3)(L.Concatenate()([L.Masking(0.0)(x), L.Masking(0.0)(x)])), STEPS),
    "mask of attention": (lambda x: (lambda m: L.MultiHeadAttention(2, 4)(m, m))(L.Masking(0.0)(x)), (3, 8)),
    "mask of dot attention": (lambda x: (lambda m: L.Attention()([m, m]))(L.Masking(0.0)(x)), STEPS),
    "mask of cells": (masked(L.RNN(L.GRUCell(3))), STEPS),
    "mask through time distributed": (
        stack(L.Masking(0.0), L.TimeDistributed(L.Dense(3)), L.GRU(3)), STEPS),
}  # fmt: skip

BLOCK = """
import sys
class Nothing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("kcompile", "kcompile_runtime", "onnx", "onnxruntime", "keras", "h5py"):
            raise ImportError(name + " is not here")
sys.meta_path.insert(0, Nothing())
import importlib, pathlib, numpy, torch
sys.path.insert(0, ".")
for path in sorted(pathlib.Path(".").glob("net_*.py")):
    x = numpy.load(path.with_suffix(".npy"))
    with torch.no_grad():
        y = importlib.import_module(path.stem).load()(torch.from_numpy(x))
    numpy.save(path.stem + "_found.npy", y.numpy())
"""


def built(name: str) -> tuple[Model, np.ndarray]:
    make, shape = LAYERS[name]
    x = L.Input(shape)
    model = randomised(Model(x, make(x)))
    data = sample(2, *shape)
    if "mask" in name:
        data[0, -2:] = 0
    return model, data


@pytest.fixture(scope="module")
def found(tmp_path_factory) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Name of a layer -> what Keras's model gives, and what the file gives in a process without kcompile."""
    folder = tmp_path_factory.mktemp("sources")
    expected = {}
    for i, name in enumerate(LAYERS):
        model, data = built(name)
        expected[name] = model.predict(data)
        write_module(model, folder / f"net_{i}.py")
        np.save(folder / f"net_{i}.npy", data)
    run = subprocess.run([sys.executable, "-c", BLOCK], cwd=folder, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return {name: (expected[name], np.load(folder / f"net_{i}_found.npy")) for i, name in enumerate(LAYERS)}


@pytest.mark.parametrize("name", LAYERS)
def test_the_file_alone_gives_equal_outputs(name, found) -> None:
    np.testing.assert_allclose(found[name][1], found[name][0], atol=2e-5)


def loaded(path: Path) -> dict:
    """The names of a generated file."""
    import runpy

    return runpy.run_path(str(path))


def test_source_is_torchs_calls_and_weights_keep_their_names() -> None:
    x = L.Input(STEPS)
    layer = L.EinsumDense("abc,cd->abd", (None, 4), bias_axes="d", name="mixed")
    source = module_source(Model(x, layer(x)))
    assert "t = self.kernel.t()" in source
    assert "add = F.linear(x, t, self.bias)" in source
    assert "self.mixed = EinsumDense()" in source
    assert "def Add" not in source  # nothing is brought along that nobody calls


def test_layers_that_compute_the_same_share_a_class() -> None:
    x = L.Input(STEPS)
    source = module_source(Model(x, stack(*(L.EinsumDense("abc,cd->abd", (None, 3)) for _ in range(3)))(x)))
    assert source.count("class EinsumDense") == 1
    assert source.count(" = EinsumDense()") == 3


def test_a_layer_shared_by_calls_of_other_shapes_has_a_method_for_each(tmp_path) -> None:
    import torch

    layer = L.RNN(L.GRUCell(3), name="shared")
    x, y = L.Input((4, 3)), L.Input((6, 3))
    model = randomised(Model([x, y], L.Add()([layer(x), L.RNN.__call__(layer, y)])))
    write_module(model, tmp_path / "net.py")
    a, b = sample(2, 4, 3), sample(2, 6, 3)
    with torch.no_grad():
        made = loaded(tmp_path / "net.py")["load"]()(torch.from_numpy(a), torch.from_numpy(b))
    np.testing.assert_allclose(made.numpy(), model.predict([a, b]), atol=1e-5)


@pytest.mark.parametrize(
    "layers",
    [
        [L.LSTM(4, stateful=True, **RNN), L.GRU(3, stateful=True)],
        [L.LSTM(4, stateful=True, recurrent_activation="hard_sigmoid", go_backwards=True)],
        [L.RNN([L.GRUCell(3), L.LSTMCell(2)], stateful=True)],
        [L.Reshape((7, 3, 1, 1)), L.ConvLSTM2D(2, 1, stateful=True)],
        [L.Bidirectional(L.LSTM(4, stateful=True))],
    ],
    ids=["kernels", "steps", "cells", "images", "both ways"],
)
def test_stateful_layers_keep_and_forget_their_states(layers, tmp_path) -> None:
    import torch

    x = L.Input(batch_shape=(2, *STEPS))
    model = randomised(Model(x, stack(*layers)(x)))
    write_module(model, tmp_path / "net.py")
    names = loaded(tmp_path / "net.py")
    net = names["load"]()
    first, second = sample(2, *STEPS), sample(2, *STEPS) * 0.5
    with torch.no_grad():
        for data in (first, second):
            found = net(torch.from_numpy(data)).numpy()
            np.testing.assert_allclose(found, model.predict(data, batch_size=2), atol=1e-5)
        names["reset_states"](net)
        model.reset_states()
        found = net(torch.from_numpy(second)).numpy()
        np.testing.assert_allclose(found, model.predict(second, batch_size=2), atol=1e-5)


def test_noise_acts_in_training_alone(tmp_path) -> None:
    import torch

    x = L.Input((1000,))
    write_module(Model(x, L.GaussianNoise(0.5)(L.GaussianDropout(0.2)(x))), tmp_path / "net.py")
    net = loaded(tmp_path / "net.py")["load"]()
    ones = torch.ones(4, 1000)
    assert torch.equal(net(ones), ones)
    torch.manual_seed(0)
    noisy = net.train()(ones)
    assert abs(noisy.mean().item() - 1) < 0.05
    assert abs(noisy.std().item() - np.sqrt(0.25 + 0.25)) < 0.05


@pytest.mark.parametrize("path", sorted(Path("models").glob("*.yaml")), ids=lambda path: path.stem)
def test_the_models_of_the_repository(path, tmp_path) -> None:
    import torch

    model = load_model(path, compile=False)
    random = np.random.default_rng(0)
    inputs = []
    for value in model.inputs:
        shape = [n if isinstance(n, int) else (6 if i else 2) for i, n in enumerate(value.shape)]
        whole = value.dtype.kind in "iu" or any(isinstance(layer, L.Embedding) for layer in model.layers)
        data = random.integers(0, 9, shape) if whole else random.standard_normal(shape)
        inputs.append(data.astype(value.dtype))
    write_module(model, tmp_path / "net.py")
    with torch.no_grad():
        found = loaded(tmp_path / "net.py")["load"]()(*map(torch.from_numpy, inputs))
    expected = model.predict(inputs if len(inputs) > 1 else inputs[0])
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("MobileNetV2", 32),
        ("ResNet50", 32),
        ("EfficientNetB0", 32),
        ("ConvNeXtTiny", 32),
        ("NASNetMobile", 224),
        ("DenseNet121", 32),
        ("InceptionV3", 75),
        ("MobileNetV3Small", 32),
    ],
)
def test_applications(name, size, tmp_path) -> None:
    import torch

    from kcompile.keras import applications

    options = {"include_top": False, "pooling": "avg", "input_shape": (size, size, 3)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # sizes other than the trained ones
        model = getattr(applications, name)(weights=None, **options)
    random = np.random.default_rng(1)
    for parameter in model._weights_in_order():
        if "variance" in parameter.name:
            K.set_value(parameter, random.uniform(0.5, 1.5, parameter.shape))
    write_module(model, tmp_path / "net.py")
    data = sample(1, size, size, 3)
    with torch.no_grad():
        found = loaded(tmp_path / "net.py")["load"]()(torch.from_numpy(data)).numpy()
    expected = model.predict(data)
    np.testing.assert_allclose(found, expected, atol=2e-5 * max(1, np.abs(expected).max()))
    K.clear_session()


GOLDEN = ["formats/keras3/ops_elementwise.keras", "formats/keras3/ops_pairs.keras", "keras3/images.h5"]


@pytest.mark.parametrize("name", GOLDEN)
def test_files_of_other_programs_with_functions_as_layers(name, tmp_path) -> None:
    model = load_model(Path("tests/golden") / name, compile=False)
    write_module(model, tmp_path / "net.py")  # compares on random inputs


def test_weights_in_pytorchs_layout_are_read_in_keras(tmp_path) -> None:
    """The expressions by which a class turns its tensors compute what loading a state_dict does."""
    import torch

    from kcompile.convert.weight_source import weight_sources
    from kcompile.keras.state_dict import module_specs

    x, image = L.Input(STEPS), L.Input(IMAGE)
    width = L.Dense(8)(x)
    outputs = [
        L.LSTM(3)(x), L.GRU(3)(x), L.GRU(3, reset_after=True)(x), L.SimpleRNN(3)(x),
        L.Bidirectional(L.GRU(2, reset_after=True))(x), L.MultiHeadAttention(2, 4)(width, width),
        L.Conv1D(2, 3)(x), L.Conv2DTranspose(2, 3)(image), L.SeparableConv2D(2, 3, depth_multiplier=2)(image),
        L.PReLU("uniform", shared_axes=[1, 2])(image), L.BatchNormalization()(x), L.Embedding(4, 2)(x),
    ]  # fmt: skip
    for spec in module_specs(randomised(Model([x, image], outputs))):
        names = {suffix: f"t{i}" for i, suffix in enumerate(spec.shapes())}
        values = {
            names[suffix]: torch.from_numpy(np.array(array)) for suffix, array in spec.tensors().items()
        }
        for parameter, text in weight_sources(spec, names):
            found = eval(text, {"torch": torch, **values}).numpy()
            np.testing.assert_allclose(found, parameter.numpy(), atol=1e-7, err_msg=parameter.name)


class Drawing(L.Layer):
    def call(self, inputs):
        return inputs + K.random_normal((7, 3))


class Foreign(L.Layer):
    variable = K.variable(np.ones(3), name="outside")

    def call(self, inputs):
        return inputs * Foreign.variable


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (Drawing(name="mine"), r"'mine' \(Drawing\).*random numbers"),
        (Foreign(name="mine"), r"'mine' \(Foreign\).*reads .*outside.*add_weight"),
    ],
)
def test_what_cannot_be_written_is_named_and_leaves_no_file(layer, message, tmp_path) -> None:
    x = L.Input(STEPS)
    with pytest.raises(ConversionError, match=message):
        write_module(Model(x, layer(x)), tmp_path / "made.py")
    assert not list(tmp_path.iterdir())

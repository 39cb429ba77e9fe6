"""Layers behind a Flatten: a PyTorch net written by hand takes their weights, and gives them back."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from kcompile.cli import main
from kcompile.convert import write_module, write_state_dict
from kcompile.keras import layers as L
from kcompile.keras.models import Model, Sequential
from kcompile.keras.state_dict import WeightsMismatch, draft_mapping_file, state_dict
from kcompile.torch_bridge.module_file import load_module_file

from .test_module_source import randomised, sample

FIRST = {"data_format": "channels_first"}
IMAGE, STEPS, VOLUME = (6, 5, 3), (7, 3), (4, 5, 4, 2)


def chain(**layers):
    """(Keras layers, PyTorch modules under the names of their layers)."""
    keras, modules = [], nn.Sequential()
    for name, (layer, module) in layers.items():
        layer.name = name
        keras.append(layer)
        modules.add_module(name, module)
    return keras, modules


class Last(nn.Module):
    """nn.LSTM's outputs alone."""

    def __init__(self, module):
        super().__init__()
        self.module = module

    def forward(self, x):
        return self.module(x)[0]


def conv2d(features=90, **between):
    return chain(
        conv=(L.Conv2D(6, (2, 1)), nn.Conv2d(3, 6, (2, 1))),
        pool=(L.MaxPooling2D((1, 2)), nn.MaxPool2d((1, 2))),
        flat=(L.Flatten(), nn.Flatten()), **between, fc=(L.Dense(4), nn.Linear(60, 4)),
    )  # fmt: skip


NETS = {
    "image": (IMAGE, lambda: conv2d()),
    "dropout and activation": (IMAGE, lambda: conv2d(
        drop=(L.Dropout(0.5), nn.Dropout(0.5)), act=(L.Activation("tanh"), nn.Tanh()))),
    "batch normalization": (IMAGE, lambda: conv2d(
        norm=(L.BatchNormalization(), nn.BatchNorm1d(60, eps=1e-3)), act=(L.ReLU(), nn.ReLU()))),
    "layer normalization": (IMAGE, lambda: conv2d(norm=(L.LayerNormalization(), nn.LayerNorm(60, eps=1e-3)))),
    "prelu": (IMAGE, lambda: conv2d(slopes=(L.PReLU(), nn.PReLU(60)))),
    "softmax": (IMAGE, lambda: conv2d(probabilities=(L.Softmax(), nn.Softmax(1)))),
    "reshape": (IMAGE, lambda: chain(
        conv=(L.Conv2D(6, 2), nn.Conv2d(3, 6, 2)), flat=(L.Reshape((120,)), nn.Flatten()),
        fc=(L.Dense(4), nn.Linear(120, 4)))),
    "normalized image": (IMAGE, lambda: chain(
        conv=(L.Conv2D(6, 2), nn.Conv2d(3, 6, 2)), norm=(L.BatchNormalization(), nn.BatchNorm2d(6, eps=1e-3)),
        act=(L.Activation("relu"), nn.ReLU()), flat=(L.Flatten(), nn.Flatten()),
        fc=(L.Dense(4), nn.Linear(120, 4)))),
    "image alone": (IMAGE, lambda: chain(
        flat=(L.Flatten(), nn.Flatten()), fc=(L.Dense(4), nn.Linear(90, 4)))),
    "steps": (STEPS, lambda: chain(
        conv=(L.Conv1D(5, 2), nn.Conv1d(3, 5, 2)), flat=(L.Flatten(), nn.Flatten()),
        fc=(L.Dense(4), nn.Linear(30, 4)))),
    "volume": (VOLUME, lambda: chain(
        conv=(L.Conv3D(3, 2), nn.Conv3d(2, 3, 2)), flat=(L.Flatten(), nn.Flatten()),
        fc=(L.Dense(4), nn.Linear(108, 4)))),
    "two dense layers": (IMAGE, lambda: conv2d(
        one=(L.Dense(60, "linear"), nn.Linear(60, 60)), act=(L.ReLU(), nn.ReLU()))),
}  # fmt: skip
SAME_ORDER = {
    "lstm": (STEPS, lambda: chain(
        rnn=(L.LSTM(5, return_sequences=True), Last(nn.LSTM(3, 5, batch_first=True))),
        flat=(L.Flatten(), nn.Flatten()), fc=(L.Dense(4), nn.Linear(35, 4)))),
    "matrix": (STEPS, lambda: chain(flat=(L.Flatten(), nn.Flatten()), fc=(L.Dense(4), nn.Linear(21, 4)))),
    "dense of steps": (STEPS, lambda: chain(
        one=(L.Dense(5), nn.Linear(3, 5)), flat=(L.Flatten(), nn.Flatten()),
        fc=(L.Dense(4), nn.Linear(35, 4)))),
    "channels first": ((3, 6, 5), lambda: chain(
        conv=(L.Conv2D(6, 2, **FIRST), nn.Conv2d(3, 6, 2)), flat=(L.Flatten(), nn.Flatten()),
        fc=(L.Dense(4), nn.Linear(120, 4)))),
    "channels first, moved": ((3, 6, 5), lambda: chain(
        conv=(L.Conv2D(6, 2, **FIRST), nn.Conv2d(3, 6, 2)), flat=(L.Flatten("channels_first"), nn.Flatten()),
        fc=(L.Dense(4), nn.Linear(120, 4)))),
}  # fmt: skip
"""What a hand-written net takes in the layout in which Keras's takes it."""


def built(make, shape):
    keras, net = make()
    return randomised(Sequential([L.InputLayer(shape), *keras])), net.eval()


@pytest.mark.parametrize("extension", [".pt", ".safetensors"])
@pytest.mark.parametrize("case", [*NETS, *SAME_ORDER])
def test_a_net_written_by_hand_computes_the_same(case, extension, tmp_path) -> None:
    shape, make = {**NETS, **SAME_ORDER}[case]
    model, net = built(make, shape)
    path = tmp_path / f"w{extension}"
    notes = write_state_dict(model, path)
    if extension == ".pt":
        tensors = torch.load(path)
    else:
        from safetensors.torch import load_file

        tensors = load_file(path)
    net.load_state_dict({name.replace("rnn.", "rnn.module."): tensor for name, tensor in tensors.items()})
    x = sample(2, *shape)
    given = torch.from_numpy(np.moveaxis(x, -1, 1).copy() if case in NETS else x)
    with torch.no_grad():
        np.testing.assert_allclose(net(given).numpy(), model.predict(x), atol=1e-5)
    assert any("order" in note for note in notes) == (case in NETS or case == "channels first, moved")

    other, _ = built(make, shape)  # and back, by the same names
    other.set_weights([w + 1 for w in other.get_weights()])
    other.load_weights(path)
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("case", [*NETS, *SAME_ORDER])
def test_the_source_has_the_same_weights(case, tmp_path) -> None:
    shape, make = {**NETS, **SAME_ORDER}[case]
    model, _ = built(make, shape)
    write_module(model, tmp_path / "net.py")
    mine, theirs = state_dict(model), torch.load(tmp_path / "net.pt")
    assert set(mine) == set(theirs)
    for name, array in mine.items():
        np.testing.assert_array_equal(array, theirs[name].numpy())
    x = sample(2, *shape)
    (found,) = load_module_file(tmp_path / "net.py").run([x])
    np.testing.assert_allclose(found, model.predict(x), atol=1e-5)
    if case in NETS and case != "image alone":
        assert (tmp_path / "net.py").read_text().count(".permute(") == 1  # at the input


def test_operators_take_the_turned_weights_too(tmp_path) -> None:
    x = L.Input(IMAGE)
    y = L.BatchNormalization(name="n", dtype="float32")(L.Flatten()(L.Conv2D(4, 2)(x)))
    y = L.PReLU("uniform", name="p")(y)
    model = randomised(Model(x, L.Dense(3, activation=lambda t: t * 2, name="d")(y)))
    write_module(model, tmp_path / "net.py")
    data = sample(2, *IMAGE)
    (found,) = load_module_file(tmp_path / "net.py").run([data])
    np.testing.assert_allclose(found, model.predict(data), atol=1e-5)


def test_a_flattened_image_that_others_read_too(tmp_path) -> None:
    x = L.Input(IMAGE)
    flat = L.Flatten()(L.Conv2D(4, 2)(x))
    image = L.Reshape((5, 4, 4))(flat)
    both = L.Dense(3, name="both")(L.Concatenate()([flat, L.GlobalAveragePooling2D()(image)]))
    model = randomised(Model(x, [flat, image, both, L.Dense(3, name="alone")(flat)]))
    notes = write_state_dict(model, tmp_path / "w.pt")
    assert [note.split(":")[0] for note in notes] == ["alone", "both"]
    assert "in Keras's order" in notes[1]
    write_module(model, tmp_path / "net.py")
    data = sample(2, *IMAGE)
    found = load_module_file(tmp_path / "net.py").run([data])
    for a, b in zip(model.predict(data), found, strict=True):
        np.testing.assert_allclose(b, a, atol=1e-5)


def test_nested_models_and_shared_layers(tmp_path) -> None:
    top = Sequential([L.Conv2D(4, 2, input_shape=IMAGE), L.Flatten(), L.Dense(3, name="fc")], name="top")
    shared = L.Dense(3, name="shared")
    x, y = L.Input(IMAGE), L.Input((80,))
    flat = L.Flatten()(L.Conv2D(4, 2)(x))
    model = randomised(Model([x, y], [top(x), shared(flat), shared(y)]))
    notes = write_state_dict(model, tmp_path / "w.pt")
    assert any(note.startswith("top.fc: its columns") for note in notes)
    assert any(note.startswith("shared: reads") for note in notes)
    write_module(model, tmp_path / "net.py")
    data = [sample(2, *IMAGE), sample(2, 80)]
    for a, b in zip(model.predict(data), load_module_file(tmp_path / "net.py").run(data), strict=True):
        np.testing.assert_allclose(b, a, atol=1e-5)


def test_the_command_says_so(tmp_path, capsys) -> None:
    model, _ = built(NETS["image"][1], IMAGE)
    model.save(tmp_path / "m.h5")
    assert main(["convert", str(tmp_path / "m.h5"), "-o", str(tmp_path / "w.pt")]) == 0
    assert "note: fc: its columns are in PyTorch's order" in capsys.readouterr().out
    assert main(["verify", str(tmp_path / "m.h5"), str(tmp_path / "w.pt")]) == 0


@pytest.mark.parametrize("case", [case for case in NETS if case not in ("softmax", "image alone")])
def test_a_drafted_mapping_turns_what_stands_behind_a_flatten(case, tmp_path) -> None:
    """Under names that are not ours, and so by structure, nothing is turned unless a mapping says it."""
    shape, make = NETS[case]
    model, net = built(make, shape)
    random = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for tensor in net.state_dict().values():
            if tensor.is_floating_point():
                tensor.copy_(torch.rand(tensor.shape, generator=random) + 0.1)
    torch.save({f"its.{name}": tensor for name, tensor in net.state_dict().items()}, tmp_path / "w.pt")
    with pytest.raises(WeightsMismatch, match="flattened"):
        model.load_weights(tmp_path / "w.pt")
    draft = draft_mapping_file(model, tmp_path / "w.pt")
    assert draft.complete
    model.load_weights(tmp_path / "w.pt", mapping=draft.mapping)
    x = sample(2, *shape)
    with torch.no_grad():
        expected = net(torch.from_numpy(np.moveaxis(x, -1, 1).copy())).numpy()
    np.testing.assert_allclose(model.predict(x), expected, rtol=1e-4, atol=1e-4)

"""Mappings drafted by structure: torchvision's layouts into our applications, and what stays open."""

from __future__ import annotations

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

from kcompile.cli import main  # noqa: E402
from kcompile.keras import applications  # noqa: E402
from kcompile.keras import backend as K  # noqa: E402
from kcompile.keras import layers as L  # noqa: E402
from kcompile.keras.models import Model, Sequential  # noqa: E402
from kcompile.keras.state_dict import draft_mapping, match  # noqa: E402


class Bottleneck(nn.Module):
    """A block of ResNet v1 with torchvision's names; the stride is in the first convolution, as in Keras."""

    def __init__(self, inputs: int, width: int, stride: int, eps: float) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 1, stride, bias=False)
        self.bn1 = nn.BatchNorm2d(width, eps)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width, eps)
        self.conv3 = nn.Conv2d(width, 4 * width, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * width, eps)
        self.downsample = None
        if inputs != 4 * width:
            shortcut = nn.Conv2d(inputs, 4 * width, 1, stride, bias=False)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(4 * width, eps))

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.relu(self.bn2(self.conv2(y)))
        return F.relu(self.bn3(self.conv3(y)) + (x if self.downsample is None else self.downsample(x)))


class ResNet50(nn.Module):
    """torchvision's names and order of modules, with Keras's places of strides and epsilon."""

    def __init__(self, classes: int, eps: float) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64, eps)
        inputs = 64
        for i, (width, blocks) in enumerate(((64, 3), (128, 4), (256, 6), (512, 3))):
            stage = []
            for j in range(blocks):
                stage.append(Bottleneck(inputs, width, 2 if i and not j else 1, eps))
                inputs = 4 * width
            setattr(self, f"layer{i + 1}", nn.Sequential(*stage))
        self.fc = nn.Linear(inputs, classes)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        for i in range(4):
            x = getattr(self, f"layer{i + 1}")(x)
        return F.softmax(self.fc(x.mean((2, 3))), 1)


def randomised(module: nn.Module) -> nn.Module:
    """Statistics and slopes away from their start, so that a swap shows."""
    generator = torch.Generator().manual_seed(3)
    for name, tensor in module.state_dict().items():
        if name.endswith("running_var") or name.endswith("weight") and tensor.ndim == 1:
            tensor.uniform_(0.6, 1.4, generator=generator)
        elif tensor.ndim == 1:
            tensor.uniform_(-0.1, 0.1, generator=generator)
    return module.eval()


def arrays(module: nn.Module) -> dict[str, np.ndarray]:
    return {name: tensor.numpy() for name, tensor in module.state_dict().items()}


@pytest.mark.parametrize(
    ("build", "eps", "shortcut", "last"),
    [
        (applications.resnet50.ResNet50, 1e-3, "res2a_branch1", "res2a_branch2c"),
        (applications.resnet.ResNet50, 1.001e-5, "conv2_block1_0_conv", "conv2_block1_3_conv"),
    ],
    ids=["resnet50", "resnet"],
)
def test_a_resnet50_of_torchvision_needs_no_edit(build, eps, shortcut, last) -> None:
    torch.manual_seed(0)
    module = randomised(ResNet50(10, eps))
    model = build(weights=None, input_shape=(64, 64, 3), classes=10)
    tensors = arrays(module)
    draft = draft_mapping(model, tensors)
    assert draft.complete and not draft.unused
    assert len(draft.biases) == 53  # Keras's convolutions have biases, torchvision's none
    assert draft.mapping[shortcut] == "layer1.0.downsample.0"
    assert draft.mapping[last] == "layer1.0.conv3"
    report = match(model, tensors, draft.mapping)
    assert report.complete
    report.apply()
    x = np.random.default_rng(0).standard_normal((2, 64, 64, 3)).astype(np.float32)
    with torch.no_grad():
        expected = module(torch.from_numpy(x).permute(0, 3, 1, 2)).numpy()
    np.testing.assert_allclose(model.predict(x), expected, atol=1e-5)
    K.clear_session()


def flattening() -> nn.Module:
    class Classifier(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.features = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.MaxPool2d(2))
            self.classifier = nn.Sequential(nn.Linear(4 * 3 * 2, 6), nn.ReLU(), nn.Linear(6, 3))

        def forward(self, x):
            return self.classifier(self.features(x).flatten(1))

    return randomised(Classifier())


def flattened() -> Model:
    return Sequential([
        L.Conv2D(4, 3, activation="relu", input_shape=(8, 6, 3), name="conv"), L.MaxPooling2D(), L.Flatten(),
        L.Dropout(0.5), L.Dense(6, activation="relu", name="hidden"), L.Dense(3, name="classes"),
    ])  # fmt: skip


def test_a_dense_layer_behind_a_flatten_has_its_columns_turned() -> None:
    module, model = flattening(), flattened()
    draft = draft_mapping(model, arrays(module))
    assert draft.mapping["hidden"] == {"name": "classifier.0", "flattened": [4, 3, 2]}
    match(model, arrays(module), draft.mapping).apply()
    x = np.random.default_rng(0).standard_normal((2, 8, 6, 3)).astype(np.float32)
    with torch.no_grad():
        expected = module(torch.from_numpy(x).permute(0, 3, 1, 2)).numpy()
    np.testing.assert_allclose(model.predict(x), expected, atol=1e-5)


def test_structure_alone_does_not_load_columns_in_another_order() -> None:
    module, model = flattening(), flattened()
    report = match(model, arrays(module))
    assert [name for name, _ in report.missing] == ["hidden/kernel", "hidden/bias"]
    assert '"hidden": {"name": "classifier.0", "flattened": [4, 3, 2]}' in report.missing[0][1]
    assert [name for name, _ in report.unused] == ["classifier.0.weight", "classifier.0.bias"]
    as_they_are = {"conv": "features.0", "hidden": "classifier.0", "classes": "classifier.2"}
    assert match(model, arrays(module), as_they_are).complete


def test_a_flattened_shape_that_does_not_fit_is_refused_and_changes_nothing() -> None:
    module, model = flattening(), flattened()
    before = model.get_weights()
    mapping = {**draft_mapping(model, arrays(module)).mapping}
    mapping["hidden"] = {"name": "classifier.0", "flattened": [4, 3, 3]}
    with pytest.raises(ValueError, match=r"classifier.0.weight reads \[4, 3, 3\] flattened; its shape is"):
        match(model, arrays(module), mapping)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_shapes_that_differ_in_axes_of_one_are_reshaped() -> None:
    """A squeezing block: convolutions of one pixel there, Dense here; a scale of (channels, 1, 1)."""

    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.arange(1.0, 5.0).reshape(4, 1, 1))
            self.fc1 = nn.Conv2d(4, 2, 1)
            self.fc2 = nn.Conv2d(2, 4, 1)

    class Scale(L.Layer):
        def build(self, input_shape):
            self.gamma = self.add_weight("gamma", (input_shape[-1],), initializer="ones")
            super().build(input_shape)

        def call(self, inputs):
            return inputs * self.gamma

    model = Sequential([Scale(input_shape=(4,), name="scale"), L.Dense(2, name="a"), L.Dense(4, name="b")])
    tensors = arrays(Scaled())
    draft = draft_mapping(model, tensors)
    assert draft.mapping == {"scale/gamma": "scale", "a": "fc1", "b": "fc2"}
    report = match(model, tensors, draft.mapping)
    assert report.complete
    report.apply()
    np.testing.assert_array_equal(model.get_weights()[0], [1, 2, 3, 4])
    np.testing.assert_array_equal(model.layers[1].get_weights()[0], tensors["fc1.weight"][:, :, 0, 0].T)


def test_a_layer_without_a_module_is_left_open_and_says_so() -> None:
    model = Sequential([L.Dense(3, input_shape=(4,), name="a"), L.Dense(5, name="b"), L.Dense(2, name="c")])
    tensors = arrays(nn.Sequential(nn.Linear(4, 3), nn.Linear(5, 2), nn.Linear(7, 7)))
    draft = draft_mapping(model, tensors)
    assert draft.mapping == {"a": "0", "b": "?", "c": "1"}
    assert not draft.complete
    assert draft.unused == [("2", "bias [7], weight [7, 7]")]
    report = match(model, tensors, draft.mapping)
    assert [name for name, _ in report.missing] == ["b/kernel", "b/bias"]
    assert "open ('?')" in report.missing[0][1]


@pytest.mark.parametrize("shortcut", ["last", "first"])
def test_shortcuts_are_found_wherever_their_modules_stand(shortcut) -> None:
    x = L.Input((6, 6, 4))
    y = L.Conv2D(8, 1, name="a")(x)
    y = L.Conv2D(8, 1, name="b")(y)
    y = L.Add()([L.Conv2D(8, 1, name="shortcut")(x), L.Conv2D(8, 3, padding="same", name="c")(y)])
    model = Model(x, L.Conv2D(8, 1, name="d")(y))
    names = ["a", "b", "c", "shortcut", "d"] if shortcut == "last" else ["shortcut", "a", "b", "c", "d"]
    sizes = {"a": (4, 1), "b": (8, 1), "c": (8, 3), "shortcut": (4, 1), "d": (8, 1)}
    modules = nn.ModuleDict({f"its_{n}": nn.Conv2d(sizes[n][0], 8, sizes[n][1]) for n in names})
    draft = draft_mapping(model, arrays(modules))
    assert draft.mapping == {name: f"its_{name}" for name in ("a", "b", "shortcut", "c", "d")}


@pytest.fixture
def files(tmp_path):
    torch.save(flattening().state_dict(), tmp_path / "theirs.pth")
    (tmp_path / "model.json").write_text(flattened().to_json())
    return tmp_path


def test_the_command_drafts_and_uses_a_mapping(files, capsys) -> None:
    theirs, model, mapping = files / "theirs.pth", files / "model.json", files / "map.json"
    arguments = ["convert", str(theirs), "--into", str(model)]
    assert main([*arguments, "--draft-mapping", str(mapping), "--dry-run"]) == 0
    assert not mapping.exists()
    assert main([*arguments, "--draft-mapping", str(mapping)]) == 0
    assert "columns turned from channels first: 1" in capsys.readouterr().out
    assert json.loads(mapping.read_text())["conv"] == "features.0"
    assert main([*arguments, "--mapping", str(mapping), "--dry-run"]) == 0
    assert main([*arguments, "--mapping", str(mapping), "-o", str(files / "out.h5")]) == 0
    assert (files / "out.h5").exists()


def test_an_open_draft_is_exit_code_1(files, capsys) -> None:
    torch.save(nn.Linear(6, 3).state_dict(), files / "theirs.pth")
    arguments = ["convert", str(files / "theirs.pth"), "--into", str(files / "model.json")]
    assert main([*arguments, "--draft-mapping", str(files / "map.json")]) == 1
    assert 'open, marked "?": 2' in capsys.readouterr().out
    assert main([*arguments, "--mapping", str(files / "map.json"), "-o", str(files / "out.h5")]) == 1
    assert not (files / "out.h5").exists()


@pytest.mark.parametrize(
    ("entry", "message"),
    [({"name": "x"}, "a mapping is an object"), (1, "a mapping is an object"),
     ({"name": "x", "flattened": [0]}, "a mapping is an object"), (True, "a mapping is an object")],
)  # fmt: skip
def test_entries_that_mean_nothing_are_refused(entry, message, files, capsys) -> None:
    (files / "map.json").write_text(json.dumps({"conv": entry}))
    arguments = ["convert", str(files / "theirs.pth"), "--into", str(files / "model.json"), "--dry-run"]
    assert main([*arguments, "--mapping", str(files / "map.json")]) == 2
    assert message in capsys.readouterr().err


def test_a_draft_goes_with_a_weight_file_and_a_model_alone(files, capsys) -> None:
    arguments = ["convert", str(files / "theirs.pth"), "--draft-mapping", str(files / "map.json")]
    assert main(arguments) == 2
    assert "--into MODEL" in capsys.readouterr().err

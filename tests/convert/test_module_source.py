"""Keras models as PyTorch source: the generated file runs by itself, and gives the same outputs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from kcompile.convert import module_source, write_module
from kcompile.keras import layers as L
from kcompile.keras.models import Model, Sequential

IMAGE, VOLUME, STEPS, FLAT = (9, 8, 3), (6, 5, 6, 2), (7, 3), (5,)


def stack(*layers):
    return lambda x: [x := layer(x) for layer in layers][-1]


RNN = {"return_sequences": True}
FIRST = {"data_format": "channels_first"}
SINGLE = {
    "dense": (stack(L.Dense(4, "relu"), L.Dense(3, "softmax", use_bias=False)), FLAT),
    "dense of steps": (stack(L.Dense(4, "tanh")), STEPS),
    "conv1d": (stack(L.Conv1D(4, 3, padding="same", activation="softmax")), STEPS),
    "conv1d causal": (stack(L.Conv1D(4, 3, padding="causal", dilation_rate=2)), STEPS),
    "conv2d": (stack(L.Conv2D(4, (3, 2), activation="elu"), L.Conv2D(2, 3, strides=2, padding="same")),
               IMAGE),
    "conv2d channels_first": (stack(L.Conv2D(4, 3, strides=2, padding="same", **FIRST)), (3, 9, 8)),
    "conv2d dilated": (stack(L.Conv2D(4, 3, dilation_rate=2, padding="same", use_bias=False)), IMAGE),
    "conv2d groups": (stack(L.Conv2D(6, 3, groups=3)), IMAGE),
    "conv3d": (stack(L.Conv3D(3, 2, strides=2, padding="same")), VOLUME),
    "depthwise": (stack(L.DepthwiseConv2D(3, depth_multiplier=2, strides=2, padding="same")), IMAGE),
    "separable1d": (stack(L.SeparableConv1D(4, 3, depth_multiplier=2)), STEPS),
    "separable2d": (stack(L.SeparableConv2D(4, 3, padding="same", activation="relu")), IMAGE),
    "transposed": (stack(L.Conv2DTranspose(4, 3, strides=2)), IMAGE),
    "transposed same": (stack(L.Conv2DTranspose(4, 3, strides=2, padding="same")), IMAGE),
    "transposed same even": (stack(L.Conv2DTranspose(4, 4, strides=2, padding="same")), IMAGE),
    "transposed small window": (stack(L.Conv2DTranspose(4, 2, strides=3)), IMAGE),
    "transposed output_padding": (stack(L.Conv2DTranspose(4, 3, strides=2, output_padding=1)), IMAGE),
    "transposed 3d": (stack(L.Conv3DTranspose(2, 3, strides=2, padding="same")), VOLUME),
    "padding": (stack(L.ZeroPadding2D(((1, 2), (0, 3))), L.Cropping2D(((2, 1), (1, 0)))), IMAGE),
    "padding 1d": (stack(L.ZeroPadding1D((1, 2)), L.Cropping1D((2, 0))), STEPS),
    "padding 3d": (stack(L.ZeroPadding3D(1), L.Cropping3D(((1, 0), (0, 1), (1, 1)))), VOLUME),
    "upsampling": (stack(L.UpSampling2D((2, 3))), IMAGE),
    "upsampling bilinear": (stack(L.UpSampling2D((2, 3), interpolation="bilinear")), IMAGE),
    "upsampling 1d": (stack(L.UpSampling1D(2)), STEPS),
    "upsampling 3d": (stack(L.UpSampling3D(2)), VOLUME),
    "shapes": (stack(L.Permute((2, 1)), L.Reshape((-1, 7)), L.Flatten(), L.RepeatVector(2)), STEPS),
    "flatten after conv": (stack(L.Conv2D(4, 3), L.Flatten(), L.Dense(2)), IMAGE),
    "flatten channels_first": (stack(L.Flatten("channels_first")), IMAGE),
    "max pooling": (stack(L.MaxPooling2D(3, 2, padding="same"), L.MaxPooling2D(2)), IMAGE),
    "average pooling": (stack(L.AveragePooling2D(3, 2, padding="same"), L.AveragePooling2D(2)), IMAGE),
    "pooling 1d": (stack(L.MaxPooling1D(2, padding="same"), L.AveragePooling1D(3, 1, padding="same")), STEPS),
    "pooling 3d": (stack(L.MaxPooling3D(2), L.AveragePooling3D(2, padding="same")), VOLUME),
    "global pooling": (stack(L.Conv2D(4, 3), L.GlobalAveragePooling2D()), IMAGE),
    "global max": (stack(L.GlobalMaxPooling1D()), STEPS),
    "global first": (stack(L.GlobalAveragePooling2D("channels_first")), IMAGE),
    "batch normalization": (stack(L.BatchNormalization(), L.Conv2D(2, 1), L.BatchNormalization(scale=False)),
                            IMAGE),
    "batch normalization flat": (stack(L.BatchNormalization(center=False, scale=False)), FLAT),
    "batch normalization axis": (stack(L.BatchNormalization(axis=1)), IMAGE),
    "prelu": (stack(L.PReLU("uniform", shared_axes=[1, 2])), IMAGE),
    "prelu free": (stack(L.PReLU("uniform")), STEPS),
    "activations": (stack(L.ReLU(2.0, 0.1, 0.5), L.LeakyReLU(0.2), L.ELU(0.7), L.ThresholdedReLU(0.3),
                          L.Softmax(axis=1)), STEPS),
    "layer normalization": (stack(L.LayerNormalization(), L.LayerNormalization(scale=False)), STEPS),
    "rms normalization": (stack(L.RMSNormalization(), L.Rescaling(2.0, 0.5)), STEPS),
    "normalization": (stack(L.Normalization(mean=[0.1, 0.2, 0.3], variance=[1.0, 2.0, 3.0]),
                            L.Normalization(mean=0.5, variance=2.0, invert=True), L.Normalization()), IMAGE),
    "group normalization": (stack(L.Conv2D(4, 3), L.GroupNormalization(2), L.LayerNormalization()), IMAGE),
    "transposed 1d": (stack(L.Conv1DTranspose(4, 3, strides=2), L.DepthwiseConv1D(3)), STEPS),
    "cudnn": (stack(L.CuDNNLSTM(4, **RNN), L.CuDNNGRU(3)), STEPS),
    "cudnn both ways": (stack(L.Bidirectional(L.CuDNNGRU(4))), STEPS),
    "dropouts": (stack(L.Dropout(0.5), L.Dropout(0.5, noise_shape=(None, 1, 1, 3)), L.SpatialDropout2D(0.5),
                       L.GaussianNoise(1.0), L.GaussianDropout(0.3), L.AlphaDropout(0.2)), IMAGE),
    "lstm": (stack(L.LSTM(4, **RNN), L.LSTM(3)), STEPS),
    "lstm backwards": (stack(L.LSTM(4, go_backwards=True, **RNN), L.LSTM(3, use_bias=False)), STEPS),
    "lstm hard": (stack(L.LSTM(4, recurrent_activation="hard_sigmoid", activation="relu")), STEPS),
    "gru": (stack(L.GRU(4, reset_after=True, **RNN), L.GRU(3, reset_after=True)), STEPS),
    "gru before": (stack(L.GRU(4, bias_initializer="uniform")), STEPS),
    "simple rnn": (stack(L.SimpleRNN(4, activation="relu", **RNN), L.SimpleRNN(3, activation="linear")),
                   STEPS),
    "bidirectional": (stack(L.Bidirectional(L.LSTM(4, **RNN)), L.Bidirectional(L.GRU(3))), STEPS),
    "bidirectional sum": (stack(L.Bidirectional(L.LSTM(4), merge_mode="sum")), STEPS),
    "bidirectional ave": (stack(L.Bidirectional(L.SimpleRNN(4, **RNN), merge_mode="ave")), STEPS),
    "masking": (stack(L.Masking(0.0), L.LSTM(4, **RNN), L.Bidirectional(L.GRU(3, reset_after=True))), STEPS),
    "masked mean": (stack(L.Masking(0.0), L.GlobalAveragePooling1D()), STEPS),
    "time distributed": (stack(L.TimeDistributed(L.Conv2D(4, 3, activation="relu")),
                               L.TimeDistributed(L.Flatten()), L.TimeDistributed(L.Dense(2))), (4, 6, 5, 3)),
}  # fmt: skip
ACTIVATIONS = (
    "softmax elu selu softplus softsign relu tanh sigmoid hard_sigmoid exponential linear silu swish gelu "
    "mish relu6 leaky_relu hard_silu hard_tanh hard_shrink soft_shrink tanh_shrink log_sigmoid celu"
).split()


def randomised(model: Model) -> Model:
    """Weights away from their start, so that a swap shows; variances positive."""
    random = np.random.default_rng(1)
    model.set_weights([
        random.uniform(0.1, 0.9, w.shape) if "variance" in p.name else random.uniform(-0.5, 0.5, w.shape)
        for p, w in zip(model._weights_in_order(), model.get_weights(), strict=True)
    ])  # fmt: skip
    return model


def run_source(model: Model, folder: Path, *inputs: np.ndarray) -> list[np.ndarray]:
    """Executes the generated file and calls the module that it loads."""
    import torch

    path = folder / "made.py"
    write_module(model, path)
    names: dict = {"__name__": "made", "__file__": str(path)}
    exec(compile(path.read_text(), str(path), "exec"), names)
    with torch.no_grad():
        found = names["load"]()(*(torch.from_numpy(x) for x in inputs))
    return [y.numpy() for y in (found if isinstance(found, tuple) else (found,))]


def assert_same(model: Model, folder: Path, *inputs: np.ndarray) -> None:
    expected = model.predict(list(inputs))
    expected = expected if isinstance(expected, list) else [expected]
    found = run_source(model, folder, *inputs)
    assert len(found) == len(expected)
    for a, b in zip(expected, found, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


def sample(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("case", SINGLE)
def test_layers_give_equal_outputs(case, tmp_path) -> None:
    apply, shape = SINGLE[case]
    x = L.Input(shape)
    model = randomised(Model(x, apply(x)))
    data = sample(2, *shape)
    if "mask" in case:
        data[0, 4:] = 0
        data[1, 2] = 0
    assert_same(model, tmp_path, data)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_give_equal_outputs(name, tmp_path) -> None:
    x = L.Input((3, 4))
    assert_same(Model(x, L.Activation(name)(x)), tmp_path, sample(2, 3, 4) * 3)


@pytest.mark.parametrize("name", "Add Subtract Multiply Average Maximum Minimum Concatenate".split())
def test_merges_give_equal_outputs(name, tmp_path) -> None:
    x, y = L.Input(IMAGE), L.Input(IMAGE)
    a, b = L.Conv2D(4, 3, padding="same")(x), L.Conv2D(4, 1)(y)
    merged = getattr(L, name)()([a, b])
    model = randomised(Model([x, y], [merged, L.Concatenate(axis=1)([a, b])]))
    assert_same(model, tmp_path, sample(2, *IMAGE), sample(2, *IMAGE)[::-1].copy())


@pytest.mark.parametrize(
    ("axes", "shapes"), [(1, ((4,), (4,))), ((2, 1), ((3, 4), (4, 5))), (2, ((3, 4), (2, 4)))]
)
@pytest.mark.parametrize("normalize", [False, True])
def test_dot_products_give_equal_outputs(axes, shapes, normalize, tmp_path) -> None:
    x, y = (L.Input(shape) for shape in shapes)
    model = Model([x, y], L.Dot(axes, normalize)([x, y]))
    assert_same(model, tmp_path, sample(2, *shapes[0]), sample(2, *shapes[1]))


@pytest.mark.parametrize("layer", [L.LSTM(4, return_state=True), L.GRU(4, return_state=True)])
def test_states_go_in_and_out(layer, tmp_path) -> None:
    x = L.Input(STEPS)
    encoder = type(layer).from_config({**layer.get_config(), "name": "encoder"})
    decoder = type(layer).from_config({**layer.get_config(), "name": "decoder", "return_sequences": True})
    _, *states = encoder(x)
    assert_same(randomised(Model(x, decoder(x, initial_state=states))), tmp_path, sample(2, *STEPS))


@pytest.mark.parametrize("inputs", [2, 3])
def test_attention_gives_equal_outputs(inputs, tmp_path) -> None:
    xs = [L.Input((5 - min(i, 1), 8)) for i in range(inputs)]
    model = randomised(Model(xs, L.MultiHeadAttention(2, 4)(*xs)))
    data = sample(6, 5, 8)
    assert_same(model, tmp_path, *(data[2 * i : 2 * i + 2, : 5 - min(i, 1)] for i in range(inputs)))


def test_an_embedding_with_its_mask(tmp_path) -> None:
    x = L.Input((6,), dtype="int32")
    model = randomised(Model(x, L.LSTM(3)(L.Embedding(9, 4, mask_zero=True)(x))))
    assert_same(model, tmp_path, np.array([[1, 5, 8, 0, 0, 0], [2, 2, 2, 2, 2, 2]], np.int32))


def test_shared_layers_and_nested_models(tmp_path) -> None:
    inner_x = L.Input((4,))
    inner = Model(inner_x, [L.Dense(3, name="a")(inner_x), L.Dense(2, name="b")(inner_x)], name="inner")
    small = Sequential([L.Dense(3, activation="relu", input_shape=(3,))], name="small")
    x, y = L.Input((4,)), L.Input((4,))
    (p, q), (r, _) = inner(x), inner(y)
    shared = L.Dense(3, name="train")
    out = L.Add()([shared(small(p)), shared(r)])
    assert_same(randomised(Model([x, y], [out, q])), tmp_path, sample(2, 4), sample(3, 4)[:2] * 2)


def test_dropout_of_whole_samples_acts_in_training(tmp_path) -> None:
    import torch

    x = L.Input(IMAGE)
    path = tmp_path / "made.py"
    write_module(Model(x, L.Dropout(0.5, noise_shape=(None, 1, 1, 1))(x)), path)
    names: dict = {"__name__": "made", "__file__": str(path)}
    exec(path.read_text(), names)
    torch.manual_seed(0)
    found = names["load"]().train()(torch.ones(64, *IMAGE)).flatten(1)
    assert set(found.unique().tolist()) == {0.0, 2.0}
    assert (found.min(1).values == found.max(1).values).all()


def test_a_residual_network_permutes_at_its_ends_alone() -> None:
    x = L.Input((8, 8, 3))
    y = L.Conv2D(4, 3, padding="same")(x)
    z = L.BatchNormalization()(L.Conv2D(4, 3, padding="same", activation="relu")(y))
    z = L.MaxPooling2D(2)(L.Activation("relu")(L.Add()([y, z])))
    source = module_source(Model(x, L.Dense(2)(L.GlobalAveragePooling2D()(z))))
    assert source.count(".permute(") == 1


def test_the_file_needs_torch_alone(tmp_path) -> None:
    x = L.Input(STEPS)
    model = randomised(Model(x, L.Dense(2)(L.GRU(3)(L.Conv1D(4, 2)(x))), name="my net"))
    write_module(model, tmp_path / "net.py")
    data = sample(2, *STEPS)
    np.save(tmp_path / "x.npy", data)
    code = (
        "import sys, numpy, torch\nfrom net import load\n"
        "y = load()(torch.from_numpy(numpy.load('x.npy')))\nnumpy.save('y.npy', y.detach().numpy())\n"
        "assert not [m for m in sys.modules if m.startswith(('kcompile', 'onnx', 'keras'))]"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), model.predict(data), atol=1e-5)


def test_a_name_cannot_leave_the_text(tmp_path) -> None:
    x = L.Input((2,), name='x"""; import os #')
    model = Model(x, L.Dense(2, name='d"""\nimport os')(x), name='"""\nboom()\n"""')
    assert_same(model, tmp_path, sample(2, 2))


def outputs_of(folder: Path, x: np.ndarray) -> np.ndarray:
    import torch

    names: dict = {"__name__": "net", "__file__": str(folder / "net.py")}
    exec((folder / "net.py").read_text(), names)
    with torch.no_grad():
        return names["load"]()(torch.from_numpy(x)).numpy()


def test_whenever_writing_is_killed_the_source_finds_its_own_weights(tmp_path, monkeypatch) -> None:
    x = sample(2, 5)
    models = [
        randomised(Sequential([L.Dense(4, activation, input_shape=(5,)), *more]))
        for activation, more in (("relu", []), ("tanh", []), ("tanh", [L.Dense(4)]))
    ]
    real = os.replace
    for old, new in ((0, 1), (1, 2), (2, 2)):
        work = tmp_path / f"{old}{new}"
        work.mkdir()
        write_module(models[old], work / "net.py")
        moments: list[Path] = []

        def moment(work=work, moments=moments) -> None:
            moments.append(tmp_path / f"{work.name}-{len(moments)}")
            shutil.copytree(work, moments[-1])

        with monkeypatch.context() as patch:
            patch.setattr("os.replace", lambda a, b: (moment(), real(a, b), moment()))
            write_module(models[new], work / "net.py")
        assert len(moments) >= 8
        found = [outputs_of(folder, x) for folder in moments]
        near = [[np.allclose(y, models[i].predict(x), atol=1e-5) for i in (old, new)] for y in found]
        assert all(any(pair) for pair in near)
        assert near[0][0] and near[-1][1]
        assert sorted(path.name for path in work.iterdir()) == ["net.pt", "net.py"]
        write_module(models[old], moments[-2] / "net.py")  # what was left is swept
        assert sorted(p.name for p in moments[-2].iterdir() if p.suffix == ".new") == []


@pytest.mark.parametrize("place", ["net.pt", "net.py"])
def test_a_place_that_cannot_be_written_changes_nothing(place, tmp_path) -> None:
    (tmp_path / place).mkdir()
    with pytest.raises(IsADirectoryError):
        write_module(Sequential([L.Dense(2, input_shape=(3,))]), tmp_path / "net.py")
    assert [path.name for path in tmp_path.iterdir()] == [place]


def test_weights_saved_under_the_same_name_are_loaded(tmp_path) -> None:
    import torch

    model = Sequential([L.Dense(2, input_shape=(3,), name="d")])
    write_module(model, tmp_path / "net.py")
    state = {"d.weight": torch.ones(2, 3), "d.bias": torch.zeros(2)}
    torch.save(state, tmp_path / "net.pt")
    np.testing.assert_allclose(outputs_of(tmp_path, np.ones((1, 3), np.float32)), [[3, 3]])

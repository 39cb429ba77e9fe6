"""Export compares what can be compared, writes the rest with a warning and refuses what differs."""

from __future__ import annotations

import importlib.util
import warnings

import numpy as np
import onnx
import pytest

import kcompile.onnx_io
from kcompile import keras
from kcompile.keras.saving import verification
from kcompile.onnx_io import ExportError

L, K = keras.layers, keras.backend


def unet(conv, pool, up, x, depth):
    skips, y = [], x
    for _ in range(depth):
        y = conv(2, 3, padding="same")(y)
        skips.append(y)
        y = pool(2)(y)
    for skip in skips[::-1]:
        y = conv(2, 3, padding="same")(L.concatenate([up(2)(y), skip]))
    return keras.Model(x, y)


def valid_unet():
    x = L.Input((None, None, 1))
    y = x
    for _ in range(4):
        y = L.MaxPooling2D()(L.Conv2D(2, 3)(L.Conv2D(2, 3)(y)))
    return keras.Model(x, y)


def spliceai():
    x = L.Input((None, 4))
    y = L.Conv1D(4, 11, dilation_rate=10, padding="same")(L.Conv1D(4, 1)(x))
    return keras.Model(x, L.Conv1D(3, 1, activation="softmax")(L.Cropping1D(5000)(y)))


def weighted():
    x, weights = L.Input((None, 4)), L.Input((None,))
    return keras.Model([x, weights], L.Lambda(lambda t: t[0] * K.expand_dims(t[1]))([x, weights]))


OPEN = {
    "1D U-Net": lambda: unet(L.Conv1D, L.MaxPooling1D, L.UpSampling1D, L.Input((None, 2)), 5),
    "2D U-Net": lambda: unet(L.Conv2D, L.MaxPooling2D, L.UpSampling2D, L.Input((None, None, 1)), 7),
    "3D U-Net": lambda: unet(L.Conv3D, L.MaxPooling3D, L.UpSampling3D, L.Input((None, None, None, 1)), 3),
    "valid convolutions": valid_unet,
    "cropped by 10,000": spliceai,
    "pooled by 75": lambda: keras.Sequential([L.AveragePooling1D(75, 15, input_shape=(None, 4)), L.LSTM(2)]),
    "kernel of 15": lambda: keras.Sequential([L.Conv1D(4, 15, input_shape=(None, 4)), L.LSTM(2)]),
    "a sequence and its weights": weighted,
}


def export(model, path, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return model.export(path, **options)


@pytest.mark.parametrize("name", OPEN)
def test_models_with_open_axes_are_compared_on_sizes_that_they_take(name, tmp_path):
    assert export(OPEN[name](), tmp_path / "m.onnx") is True


def vae(x):
    return L.Lambda(lambda a: a + K.random_normal(K.shape(a)))(L.Dense(2)(x))


DRAWING = {
    "sampling": vae,
    "uniform": lambda x: L.Lambda(lambda a: a * K.random_uniform(K.shape(a)))(L.Dense(2)(x)),
    "of a fixed shape": lambda x: L.Lambda(lambda a: a + K.truncated_normal((6,)))(x),
    "binomial": lambda x: L.Lambda(lambda a: a * K.random_binomial((6,), p=0.5))(x),
    "dropout": lambda x: L.Dropout(0.5)(L.Dense(8)(x), training=True),
    "dropout twice": lambda x: L.Dropout(0.3)(L.Dense(8)(L.Dropout(0.5)(x, training=True)), training=True),
    "noise": lambda x: L.GaussianNoise(0.5)(L.Dense(8)(x), training=True),
    "recurrent dropout": lambda x: L.GRU(3, dropout=0.3, recurrent_dropout=0.2)(
        L.Reshape((3, 2))(x), training=True
    ),
}


@pytest.mark.parametrize("name", DRAWING)
@pytest.mark.parametrize("external_data", [None, True])
def test_models_that_draw_are_compared_on_the_same_numbers(name, external_data, tmp_path):
    x = L.Input((6,))
    model = keras.Model(x, DRAWING[name](x))
    path = tmp_path / "m.onnx"
    assert export(model, path, external_data=external_data) is True
    assert len(list(tmp_path.iterdir())) == (2 if external_data else 1)
    file = onnx.load(path)
    assert len(file.graph.input) == 1  # the numbers are drawn by the file, as before


@pytest.mark.parametrize("name", ["sampling", "dropout"])
def test_a_model_that_draws_is_refused_where_the_rest_is_wrong(name, tmp_path, monkeypatch):
    x = L.Input((6,))
    model = keras.Model(x, DRAWING[name](x))
    exported = kcompile.onnx_io.export

    def wrong(graph, path, **arguments):
        exported(graph, path, **arguments)
        file = onnx.load(path)
        for tensor in file.graph.initializer:
            if tensor.name.endswith("kernel"):
                array = onnx.numpy_helper.to_array(tensor)
                tensor.CopyFrom(onnx.numpy_helper.from_array(array * 1.1, tensor.name))
        onnx.save(file, path)

    monkeypatch.setattr(kcompile.onnx_io, "export", wrong)
    with pytest.raises(ExportError, match="differs from"):
        model.export(tmp_path / "m.onnx")
    assert not (tmp_path / "m.onnx").exists()


def fits_nothing():
    return keras.Sequential(
        [L.Lambda(lambda t: K.reshape(t, (-1, 10007, 4)), input_shape=(None, 4)), L.GlobalMaxPooling1D()]
    )


class NoisySteps(L.Layer):
    def call(self, x):
        def step(inputs, states):
            return inputs + K.random_normal(K.shape(inputs)), states

        return K.rnn(step, x, [x[:, 0]])[1]


def draws_in_a_loop():
    return keras.Sequential([NoisySteps(input_shape=(5, 3))])


def only_nan():
    return keras.Sequential([L.Lambda(lambda t: K.log(-K.abs(t) - 1), input_shape=(4,))])


@pytest.mark.parametrize(
    ("make", "reason"), [(fits_nothing, "sizes"), (draws_in_a_loop, "random"), (only_nan, "NaN")]
)
def test_what_cannot_be_compared_is_written_with_a_reason(make, reason, tmp_path):
    path = tmp_path / "m.onnx"
    with pytest.warns(UserWarning, match=f"not compared with the model: .*{reason}"):
        assert make().export(path) is False
    assert path.exists()


def test_without_torch_the_file_is_checked_and_not_compared(tmp_path, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *a: None if name == "torch" else find(name, *a)
    )
    with pytest.warns(UserWarning, match=r"not compared .*torch is not installed"):
        assert keras.Sequential([L.Dense(2, input_shape=(3,))]).export(tmp_path / "m.onnx") is False


def test_masked_steps_are_compared(tmp_path):
    """Two files that differ only in what they do with masked steps."""
    from kcompile.cli import main

    for name, zeros in (("a", True), ("b", False)):
        keras.utils.set_random_seed(1)
        x = L.Input((None, 3), name="x")
        y = L.Masking(-1.0, name="m")(x) if zeros else x
        keras.Model(x, L.GRU(2, name="g")(y)).export(tmp_path / f"{name}.onnx")
    assert main(["verify", str(tmp_path / "a.onnx"), str(tmp_path / "b.onnx")]) == 1
    assert main(["verify", str(tmp_path / "a.onnx"), str(tmp_path / "a.onnx")]) == 0


def test_a_saved_drawing_model_cannot_be_verified_and_the_command_says_so(tmp_path, capsys):
    from kcompile.cli import main

    x = L.Input((6,))
    keras.Model(x, L.Dropout(0.5)(x, training=True)).export(tmp_path / "a.onnx", verify=False)
    assert main(["verify", str(tmp_path / "a.onnx"), str(tmp_path / "a.onnx")]) == 2
    assert "random" in capsys.readouterr().err


def test_states_start_from_zero_in_every_comparison(tmp_path):
    model = keras.Sequential([L.LSTM(3, stateful=True, batch_input_shape=(2, 5, 3))])
    model.predict(np.ones((2, 5, 3)))
    assert export(model, tmp_path / "m.onnx") is True


def cancelling(large: float) -> keras.Model:
    """The difference of two sums that are equal but for rounding, made large."""
    x = L.Input((512,))
    kernel = np.random.default_rng(0).standard_normal((512, 64)).astype("float32")
    y = L.Dense(64, use_bias=False, name="cancelling")(L.Concatenate()([x, x]))
    model = keras.Model(x, L.Lambda(lambda t: t * large)(y))
    model.layers[2].set_weights([np.concatenate([kernel, -kernel])])
    return model


def test_what_rounding_alone_makes_different_is_exported(tmp_path):
    assert export(cancelling(1e4), tmp_path / "m.onnx") is True


def test_a_model_where_rounding_matters_is_still_held_to_what_rounding_explains(tmp_path, monkeypatch):
    run = verification.Executor.run
    monkeypatch.setattr(
        verification.Executor, "run", lambda self, arrays: [array + 40.0 for array in run(self, arrays)]
    )
    with pytest.raises(ExportError, match="differs"):
        cancelling(1e4).export(tmp_path / "m.onnx")
    assert not list(tmp_path.iterdir())

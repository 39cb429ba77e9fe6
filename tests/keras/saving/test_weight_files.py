"""``save_weights`` and ``load_weights``: whatever the name says, the pair agrees, to the bit."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from kcompile.keras import layers as L
from kcompile.keras.layers import Input
from kcompile.keras.models import Model, Sequential

torch = pytest.importorskip("torch")

IMAGE, STEPS = (6, 5, 3), (7, 8)
NETS = {
    "dense behind images": (IMAGE, [L.Conv2D, 4, 3], [L.Flatten], [L.BatchNormalization], [L.Dense, 2]),
    "convolutions": (IMAGE, [L.SeparableConv2D, 4, 2], [L.DepthwiseConv2D, 2], [L.Conv2DTranspose, 3, 2]),
    "recurrence": (STEPS, [L.LSTM, 4], [L.Dense, 2, None, False]),
    "both directions": (STEPS, [L.Bidirectional, L.GRU(3, reset_after=True)], [L.Dense, 2]),
    "gates before": (STEPS, [L.GRU, 3], [L.Dense, 2]),
    "normalization": (
        IMAGE,
        [L.PReLU],
        [L.GroupNormalization, 3],
        [L.LayerNormalization],
        [L.RMSNormalization],
    ),
    "no module of PyTorch's": (STEPS, [L.LocallyConnected1D, 4, 3], [L.SimpleRNN, 2]),
    "tables": ((7,), [L.Embedding, 9, 4], [L.TimeDistributed, L.Dense(2)]),
    "integers": (STEPS, [L.Normalization], [L.Dense, 2]),
}


def net(case):
    shape, *rows = NETS[case]
    return Sequential([Input(shape), *(make(*arguments) for make, *arguments in rows)])


def attention():
    start = Input(STEPS)
    return Model(start, L.MultiHeadAttention(2, 4)(start, start))


def randomized(model):
    random = np.random.default_rng(3)
    model.set_weights([random.uniform(0.1, 1, w.shape).astype(w.dtype) for w in model.get_weights()])
    return model.get_weights()


EXTENSIONS = ["h5", "weights.h5", "safetensors", "pt", "pth", "PT", "hdf5", "ckpt"]


@pytest.mark.parametrize("extension", EXTENSIONS)
@pytest.mark.parametrize("case", [*NETS, "attention"])
def test_weights_come_back_from_the_file_that_took_them(case, extension, tmp_path):
    model = attention() if case == "attention" else net(case)
    wanted = randomized(model)
    model.save_weights(tmp_path / f"w.{extension}")
    model.set_weights([np.zeros_like(w) for w in wanted])
    model.load_weights(tmp_path / f"w.{extension}")
    for found, expected in zip(model.get_weights(), wanted, strict=True):
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("dtype", "extension"),
    [
        *((d, e) for d in ("float16", "float64") for e in EXTENSIONS),
        ("bfloat16", "weights.h5"),
        ("bfloat16", "pt"),
    ],
)
def test_weights_of_other_types_come_back_too(extension, dtype, tmp_path):
    model = Sequential([L.Dense(3, input_shape=(4,), dtype=dtype), L.Dense(2, dtype=dtype)])
    wanted = randomized(model)
    model.save_weights(tmp_path / f"w.{extension}")
    model.set_weights([np.zeros_like(w) for w in wanted])
    model.load_weights(tmp_path / f"w.{extension}")
    for found, expected in zip(model.get_weights(), wanted, strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("extension", ["pt", "pth"])
def test_pt_is_a_state_dict_that_a_module_of_pytorch_takes(extension, tmp_path):
    model = Sequential([L.Dense(3, activation="relu", input_shape=(4,), name="a"), L.Dense(2, name="b")])
    model.save_weights(tmp_path / f"w.{extension}")
    module = torch.nn.ModuleDict({"a": torch.nn.Linear(4, 3), "b": torch.nn.Linear(3, 2)})
    module.load_state_dict(torch.load(tmp_path / f"w.{extension}", weights_only=True))
    x = np.random.default_rng(0).random((5, 4), np.float32)
    found = module["b"](module["a"](torch.from_numpy(x)).relu()).detach().numpy()
    np.testing.assert_allclose(found, model.predict(x), rtol=1e-5, atol=1e-6)


def test_hdf5_under_the_name_of_pytorch_is_read_as_hdf5(tmp_path):
    """As ``save_weights("w.pt")`` wrote it once."""
    model = net("convolutions")
    wanted = randomized(model)
    model.save_weights(tmp_path / "w.h5")
    shutil.move(tmp_path / "w.h5", tmp_path / "w.pt")
    model.set_weights([np.zeros_like(w) for w in wanted])
    model.load_weights(tmp_path / "w.pt")
    for found, expected in zip(model.get_weights(), wanted, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_an_answer_of_no_keeps_the_file_that_is_there(tmp_path, monkeypatch):
    model = net("gates before")
    (tmp_path / "w.pt").write_bytes(b"old")
    monkeypatch.setattr("builtins.input", lambda *_: "n")
    model.save_weights(tmp_path / "w.pt", overwrite=False)
    assert (tmp_path / "w.pt").read_bytes() == b"old"


@pytest.mark.parametrize("ending", ["", ".ckpt"])
def test_a_checkpoint_of_tf_keras_knows_weights_by_attributes(tmp_path, ending):
    from kcompile import tf_keras

    class Twice(tf_keras.Model):
        def __init__(self):
            super().__init__()
            self.network = tf_keras.Sequential([tf_keras.layers.Dense(2, input_shape=(3,))], name="same")
            self.average = tf_keras.models.clone_model(self.network)
            self.noise = tf_keras.metrics.Mean(name="noise_loss")
            self.image = tf_keras.metrics.Mean(name="image_loss")

        @property
        def metrics(self):
            return [self.noise, self.image]

    first, second = Twice(), Twice()
    first.average.set_weights([w + 1 for w in first.network.get_weights()])
    first.image.update_state(3.0)
    first.save_weights(tmp_path / f"weights{ending}")
    second.load_weights(tmp_path / f"weights{ending}")
    assert (float(second.image.result()), float(second.noise.result())) == (3.0, 0.0)
    for a, b in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)

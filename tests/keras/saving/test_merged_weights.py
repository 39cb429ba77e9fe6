"""Products of weights are one weight in files that do not become a Keras model again."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from kcompile.keras import backend as K
from kcompile.keras.layers import Dense, Input, Layer
from kcompile.keras.models import Model
from kcompile_runtime import Executor

pytest.importorskip("torch")


class LowRank(Layer):
    """``x (kernel + a b)``, as LoRA has it; without a kernel, the two factors alone."""

    def __init__(self, rank, has_kernel=True, **kwargs):
        super().__init__(**kwargs)
        self.rank, self.has_kernel = rank, has_kernel

    def build(self, shape):
        size = shape[-1]
        self.a = self.add_weight(name="a", shape=(size, self.rank), initializer="normal")
        self.b = self.add_weight(name="b", shape=(self.rank, size), initializer="normal")
        if self.has_kernel:
            self.kernel = self.add_weight(name="kernel", shape=(size, size), initializer="normal")
        super().build(shape)

    def call(self, x):
        both = K.dot(self.a, self.b)
        return K.dot(x, self.kernel + 0.5 * both if self.has_kernel else both)


class Subclassed(Model):
    def __init__(self, layer):
        super().__init__()
        self.layer, self.last = layer, Dense(2)

    def call(self, x):
        return self.last(self.layer(x))


def weights_in(path):
    return {tuple(x.dims) for x in onnx.load(path).graph.initializer if x.data_type == onnx.TensorProto.FLOAT}


@pytest.mark.parametrize(
    ("has_kernel", "kept"),
    [(True, {(6, 6), (6, 2), (2,)}), (False, {(6, 1), (1, 6), (6, 2), (2,)})],
    ids=["a kernel takes the factors in", "factors that are smaller stay"],
)
def test_products_of_weights_are_one_where_that_is_not_larger(has_kernel, kept, tmp_path):
    model = Subclassed(LowRank(1, has_kernel))
    x = np.random.RandomState(0).rand(3, 6).astype("float32")
    expected = model.predict(x)
    model.export(tmp_path / "model.onnx")
    assert weights_in(tmp_path / "model.onnx") == kept
    np.testing.assert_allclose(Executor(tmp_path / "model.onnx").predict(x), expected, rtol=1e-5, atol=1e-6)
    model.layer.b.assign(np.ones((1, 6), "float32"))  # the model itself has its weights as before
    assert not np.allclose(model.predict(x), expected)


def test_a_file_that_becomes_a_model_again_keeps_each_weight(tmp_path):
    inputs = Input((6,))
    model = Model(inputs, LowRank(1)(inputs))
    model.export(tmp_path / "model.onnx")
    assert weights_in(tmp_path / "model.onnx") >= {(6, 6), (6, 1), (1, 6)}

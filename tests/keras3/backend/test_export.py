"""Export to ONNX: files that onnxruntime runs as the model computes."""

from __future__ import annotations

import keras
import numpy as np
import onnx
import onnxruntime
import pytest
from keras import layers, ops

RANDOM = np.random.RandomState(0)


def run(path, **inputs):
    session = onnxruntime.InferenceSession(path)
    names = [i.name for i in session.get_inputs()]
    return session.run(None, dict(zip(names, inputs.values(), strict=True)))


def test_the_ending_of_the_path_asks_for_onnx(tmp_path):
    model = keras.Sequential([keras.Input((5,), name="features"), layers.Dense(2)])
    path = str(tmp_path / "model.onnx")
    model.export(path, verbose=False)
    x = RANDOM.rand(7, 5).astype("float32")
    np.testing.assert_allclose(run(path, x=x)[0], model.predict(x, verbose=0), rtol=1e-5)
    signature = onnx.load(path).graph.input[0]
    assert signature.name == "features" and signature.type.tensor_type.shape.dim[0].dim_param == "batch"


def test_a_recurrent_layer_is_one_operator(tmp_path):
    model = keras.Sequential([keras.Input((None, 4)), layers.LSTM(6), layers.Dense(2)])
    path = str(tmp_path / "model.onnx")
    model.export(path, verbose=False)
    kinds = [node.op_type for node in onnx.load(path).graph.node]
    assert kinds.count("LSTM") == 1 and "Scan" not in kinds and len(kinds) < 16
    for steps in (3, 9):
        x = RANDOM.rand(2, steps, 4).astype("float32")
        np.testing.assert_allclose(run(path, x=x)[0], model.predict(x, verbose=0), rtol=1e-4, atol=1e-6)


def test_dropout_and_losses_are_no_part_of_the_file(tmp_path):
    model = keras.Sequential(
        [keras.Input((5,)), layers.Dropout(0.5), layers.Dense(2, kernel_regularizer="l2")]
    )
    path = str(tmp_path / "model.onnx")
    model.export(path, verbose=False)
    assert {node.op_type for node in onnx.load(path).graph.node} == {"MatMul", "Add"}


@pytest.mark.parametrize("seed", ["of the layer", "of all"])
def test_seeds_that_count_up_are_no_inputs_of_the_file(tmp_path, seed):
    class Noisy(layers.Layer):
        def __init__(self):
            super().__init__()
            self.seeds = keras.random.SeedGenerator(7) if seed == "of the layer" else None

        def call(self, x):
            return keras.random.dropout(x, 0.5, seed=self.seeds)

    model = keras.Sequential([keras.Input((5,)), layers.Dense(40), Noisy()])
    path = str(tmp_path / "model.onnx")
    model.export(path, verbose=False)
    session = onnxruntime.InferenceSession(path)
    assert len(session.get_inputs()) == len(session.get_outputs()) == 1
    (found,) = session.run(None, {session.get_inputs()[0].name: np.ones((2, 5), "float32")})
    assert (found == 0).any() and (found != 0).any()


def test_the_batch_has_the_declared_size_where_a_layer_computes_with_it(tmp_path):
    class Rows(layers.Layer):
        def call(self, x):
            return x + keras.ops.zeros((x.shape[0], 3))

    for batch, expected in ((4, 4), (None, "batch")):
        inputs = keras.Input(batch_shape=(batch, 3))
        model = keras.Model(inputs, (Rows() if batch else layers.Dense(3))(inputs))
        path = str(tmp_path / f"model_{batch}.onnx")
        model.export(path, verbose=False)
        assert onnxruntime.InferenceSession(path).get_inputs()[0].shape == [expected, 3]
    with pytest.raises(ValueError, match="open"):
        keras.Sequential([keras.Input((3,)), Rows()]).export(path, verbose=False)


def test_a_model_that_was_never_called_is_refused_and_nothing_is_written(tmp_path):
    class Model(keras.Model):
        def call(self, x):
            return x * 2

    with pytest.raises(ValueError):
        Model().export(str(tmp_path / "model.onnx"), verbose=False)
    assert list(tmp_path.iterdir()) == []


def test_saved_model_is_said_to_be_tensorflows(tmp_path):
    model = keras.Sequential([keras.Input((5,)), layers.Dense(2)])
    with pytest.raises(NotImplementedError, match=r"model.export\('model.onnx'\)"):
        model.export(str(tmp_path / "saved"), verbose=False)


@pytest.mark.parametrize("layer", [layers.Conv1D, layers.Conv2D, layers.Conv3DTranspose])
def test_a_bias_is_an_input_of_its_convolution(layer, tmp_path):
    rank = int(layer.__name__[4])
    model = keras.Sequential(
        [keras.Input((6,) * rank + (2,)), layer(4, 3, activation="relu", bias_initializer="normal")]
    )
    path = str(tmp_path / "model.onnx")
    model.export(path, verbose=False)
    kinds = [node.op_type for node in onnx.load(path).graph.node]
    assert not {"Add", "Reshape"} & set(kinds)
    x = RANDOM.rand(2, *model.input_shape[1:]).astype("float32")
    np.testing.assert_allclose(run(path, x=x)[0], model(x).detach().numpy(), rtol=1e-4, atol=1e-5)


def test_lora_is_in_the_kernels_of_a_file(tmp_path):
    model = keras.Sequential(
        [
            keras.Input((5,)),
            layers.Dense(6, activation="relu"),
            layers.EinsumDense("ab,bc->ac", 4, bias_axes="c"),
            layers.Dense(2),
        ]
    )
    for layer in model.layers[:2]:
        layer.enable_lora(2)
        layer.lora_kernel_b.assign(RANDOM.rand(*layer.lora_kernel_b.shape))
    path = str(tmp_path / "model.onnx")
    model.export(path, verbose=False)
    names = {tensor.name.rpartition("/")[2] for tensor in onnx.load(path).graph.initializer}
    assert names == {"kernel", "bias"}
    x = RANDOM.rand(3, 5).astype("float32")
    np.testing.assert_allclose(run(path, x=x)[0], model(x).detach().numpy(), rtol=1e-5, atol=1e-6)


def test_a_dense_layer_of_int8_multiplies_integers_in_a_file(tmp_path):
    model = keras.Sequential([keras.Input((5,)), layers.Dense(6, activation="relu"), layers.Dense(2)])
    model.quantize("int8")
    path = str(tmp_path / "model.onnx")
    model.export(path, verbose=False)
    kinds = [node.op_type for node in onnx.load(path).graph.node]
    assert kinds.count("MatMulInteger") == 2 and "MatMul" not in kinds
    x = RANDOM.rand(3, 5).astype("float32")
    np.testing.assert_allclose(run(path, x=x)[0], model(x).detach().numpy(), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(run(path, x=x)[0], model.predict(x, verbose=0), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dtype", ["float16", "mixed_float16"])
def test_attention_in_float16_is_exported(dtype, tmp_path):
    x = keras.Input((16, 32))
    y = layers.MultiHeadAttention(4, 32, dtype=dtype)(x, x)
    model = keras.Model(x, layers.LayerNormalization(dtype=dtype)(y))
    path = str(tmp_path / "model.onnx")
    model.export(path, verbose=False)
    given = RANDOM.normal(size=(2, 16, 32)).astype(model.inputs[0].dtype)
    np.testing.assert_allclose(run(path, x=given)[0], model(given).detach().numpy(), atol=0.05)


@pytest.mark.parametrize(
    ("equation", "shape", "output_shape"),
    [
        ("ab,bc->ac", (5,), 4),
        ("abc,cde->abde", (3, 5), (3, 2, 4)),
        ("abde,dec->abc", (3, 2, 4), (3, 6)),
        ("abc,dc->adb", (3, 5), (6, 3)),
    ],
)
def test_an_einsum_of_int8_multiplies_integers_in_a_file(equation, shape, output_shape, tmp_path):
    model = keras.Sequential([keras.Input(shape), layers.EinsumDense(equation, output_shape)])
    x = RANDOM.rand(3, *shape).astype("float32")
    expected = np.einsum(equation, x, model.layers[0].kernel.numpy())
    model.quantize("int8")
    path = str(tmp_path / "model.onnx")
    model.export(path, verbose=False)
    kinds = [node.op_type for node in onnx.load(path).graph.node]
    assert kinds.count("MatMulInteger") == 1 and "Einsum" not in kinds
    found = run(path, x=x)[0]
    np.testing.assert_allclose(found, expected, atol=0.1)
    np.testing.assert_allclose(found, model(x).detach().numpy(), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found, model.predict(x, verbose=0), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("rank", [2, 3])
def test_images_are_enlarged_by_one_operator(rank, data_format, tmp_path):
    convolved, enlarged = (getattr(layers, f"{name}{rank}D") for name in ("Conv", "UpSampling"))
    x = keras.Input((2,) * (rank + 1))
    y = convolved(2, 1, data_format=data_format)(x)
    y = convolved(2, 1, data_format=data_format)(enlarged(2, data_format=data_format)(y))
    model, path = keras.Model(x, y), str(tmp_path / "model.onnx")
    model.export(path, verbose=False)
    kinds = [node.op_type for node in onnx.load(path).graph.node]
    assert kinds.count("Resize") == 1 and "Tile" not in kinds
    assert kinds.count("Transpose") == (2 if data_format == "channels_last" else 0)
    given = RANDOM.rand(2, *x.shape[1:]).astype("float32")
    np.testing.assert_allclose(run(path, x=given)[0], model(given).detach().numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("shape", [(3, 4, 2), (6,)])
def test_flattening_computes_no_sizes_in_a_file(shape, tmp_path):
    model = keras.Sequential([keras.Input(shape), layers.Permute(range(1, len(shape) + 1)), layers.Flatten()])
    path = str(tmp_path / "model.onnx")
    model.export(path, verbose=False)
    assert not {"Shape", "Gather", "Concat"} & {node.op_type for node in onnx.load(path).graph.node}
    for batch in (1, 3):
        x = RANDOM.rand(batch, *shape).astype("float32")
        np.testing.assert_array_equal(run(path, x=x)[0], x.reshape(batch, -1))


def test_a_reshape_to_the_size_of_something_else_computes_it(tmp_path):
    class Split(layers.Layer):
        def call(self, x):
            return ops.reshape(x, (ops.shape(x)[0], 2, 6)) + ops.reshape(x, (2 * ops.shape(x)[0] // 2, 2, 6))

        def compute_output_shape(self, shape):
            return (shape[0], 2, 6)

    inputs = keras.Input((3, 4))
    model, path = keras.Model(inputs, Split()(inputs)), str(tmp_path / "model.onnx")
    model.export(path, verbose=False)
    x = RANDOM.rand(3, 3, 4).astype("float32")
    np.testing.assert_array_equal(run(path, x=x)[0], 2 * x.reshape(3, 2, 6))

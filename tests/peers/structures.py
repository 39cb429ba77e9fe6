"""Models that any Keras can make: ours, tf_keras and Keras 3. Each builder takes the module and returns
(model, inputs).

Run by a real Keras: ``python structures.py <module> <folder>`` reads ``jobs.json`` there, a list of
``{"structure", "file"}`` (open the file and answer) and ``{"structure", "save": [files]}`` (make the
model, save it and answer), and writes ``answer_<i>.npz`` or ``answer_<i>.txt`` with the error.
"""

import json
import os
import sys
import traceback
import zlib

import numpy as np


def mlp(k):
    x = k.Input((6,))
    y = k.layers.Dense(5, activation="relu", kernel_regularizer="l2")(x)
    y = k.layers.Dropout(0.5)(y)
    return k.Model(x, k.layers.Dense(3, activation="softmax")(y))


def sequential(k):
    return k.Sequential(
        [k.Input((6,)), k.layers.Dense(4, activation="elu"), k.layers.Dense(2, use_bias=False)]
    )


def readme(k):
    return k.Sequential([
        k.layers.Dense(64, activation="relu", input_shape=(20,), name="hidden"),
        k.layers.Dropout(0.5),
        k.layers.Dense(10, activation="softmax"),
    ])  # fmt: skip


def images_in_sequential(k):
    return k.Sequential([
        k.layers.Conv2D(4, 3, activation="relu", input_shape=(8, 8, 1)),
        k.layers.MaxPooling2D(),
        k.layers.Flatten(),
        k.layers.Dense(3),
    ])  # fmt: skip


def sequences_in_sequential(k):
    return k.Sequential([
        k.layers.Bidirectional(k.layers.LSTM(3, return_sequences=True), input_shape=(5, 4)),
        k.layers.TimeDistributed(k.layers.Dense(2)),
    ])  # fmt: skip


def masked_in_sequential(k):
    return k.Sequential([k.layers.Masking(0.5, input_shape=(5, 4)), k.layers.LSTM(2)])


def built_later(k):
    model = k.Sequential([k.layers.Dense(3), k.layers.Dense(2)])
    model.build((None, 4))
    return model


def masked_steps(k):
    x = k.Input((5, 4))
    y = k.layers.Masking(0.5)(x)
    y = k.layers.LSTM(3, return_sequences=True)(y)
    return k.Model(x, k.layers.Dense(2)(y))


def convolutional(k):
    x = k.Input((12, 12, 3))
    y = k.layers.Conv2D(4, 3, strides=2, padding="same", name="c")(x)
    y = k.layers.BatchNormalization()(y)
    y = k.layers.ReLU(max_value=6.0)(y)
    y = k.layers.DepthwiseConv2D(3, depth_multiplier=2)(y)
    y = k.layers.SeparableConv2D(3, 2, padding="same", dilation_rate=1)(y)
    y = k.layers.MaxPooling2D()(y)
    return k.Model(x, k.layers.Dense(2)(k.layers.Flatten()(y)))


def transposed(k):
    x = k.Input((4, 4, 2))
    y = k.layers.Conv2DTranspose(3, 3, strides=2, padding="same")(x)
    y = k.layers.ZeroPadding2D((1, 2))(y)
    y = k.layers.UpSampling2D(2)(y)
    return k.Model(x, k.layers.Cropping2D(((1, 0), (0, 2)))(y))


def one_dimensional(k):
    x = k.Input((10, 3))
    y = k.layers.Conv1D(4, 3, padding="causal", dilation_rate=2)(x)
    y = k.layers.LeakyReLU()(y)
    y = k.layers.Conv1DTranspose(2, 2, strides=2)(y)
    y = k.layers.SeparableConv1D(3, 2)(y)
    return k.Model(x, k.layers.GlobalMaxPooling1D()(k.layers.AveragePooling1D(2)(y)))


def three_dimensional(k):
    x = k.Input((5, 5, 5, 2))
    y = k.layers.Conv3D(3, 2, activation="tanh")(x)
    return k.Model(x, k.layers.GlobalAveragePooling3D()(k.layers.MaxPooling3D(2)(y)))


def lstm(k):
    x = k.Input((7, 4))
    y = k.layers.LSTM(5, return_sequences=True, go_backwards=True)(x)
    return k.Model(x, k.layers.LSTM(3, unit_forget_bias=False)(y))


def gru(k):
    x = k.Input((7, 4))
    y = k.layers.GRU(5, return_sequences=True, reset_after=True)(x)
    return k.Model(x, k.layers.GRU(3, reset_after=False)(k.layers.SimpleRNN(4, return_sequences=True)(y)))


def embedding(k):
    x = k.Input((7,))
    y = k.layers.Embedding(20, 4, mask_zero=True)(x)
    return k.Model(x, k.layers.LSTM(3)(y))


def bidirectional(k):
    x = k.Input((7, 4))
    y = k.layers.Bidirectional(k.layers.LSTM(3, return_sequences=True), merge_mode="sum")(x)
    y = k.layers.Bidirectional(k.layers.GRU(2, reset_after=True))(y)
    return k.Model(x, y)


def stacked_cells(k):
    x = k.Input((7, 4))
    return k.Model(x, k.layers.RNN([k.layers.LSTMCell(3), k.layers.GRUCell(2, reset_after=True)])(x))


def states(k):
    a, b = k.Input((5, 3)), k.Input((6, 3))
    _, h, c = k.layers.LSTM(4, return_state=True)(a)
    return k.Model([a, b], k.layers.LSTM(4)(b, initial_state=[h, c]))


def time_distributed(k):
    x = k.Input((3, 6, 6, 1))
    y = k.layers.TimeDistributed(k.layers.Conv2D(2, 3))(x)
    y = k.layers.TimeDistributed(k.layers.Flatten())(y)
    return k.Model(x, k.layers.TimeDistributed(k.layers.Dense(2))(y))


def convolutional_lstm(k):
    x = k.Input((3, 6, 6, 1))
    return k.Model(x, k.layers.ConvLSTM2D(2, 3, padding="same", recurrent_activation="sigmoid")(x))


def shared(k):
    a, b = k.Input((4,), name="a"), k.Input((4,), name="b")
    dense = k.layers.Dense(3, name="twice")
    merged = k.layers.Concatenate()([dense(a), dense(b)])
    return k.Model([a, b], k.layers.Dense(1)(merged))


def merging(k):
    a, b = k.Input((4,)), k.Input((4,))
    x, y = k.layers.Dense(3)(a), k.layers.Dense(3)(b)
    merged = [
        k.layers.Add()([x, y]),
        k.layers.Subtract()([x, y]),
        k.layers.Multiply()([x, y]),
        k.layers.Average()([x, y]),
        k.layers.Maximum()([x, y]),
        k.layers.Minimum()([x, y]),
        k.layers.Dot(axes=1, normalize=True)([x, y]),
    ]
    return k.Model([a, b], k.layers.Concatenate(axis=-1)(merged))


def nested(k):
    inner_in = k.Input((4,))
    inner = k.Model(inner_in, k.layers.Dense(3, activation="tanh")(inner_in), name="inner")
    head = k.Sequential([k.Input((3,)), k.layers.Dense(2), k.layers.BatchNormalization()], name="head")
    x = k.Input((4,))
    return k.Model(x, head(inner(x)))


def nested_twice(k):
    inner_in = k.Input((4,))
    inner = k.Model(inner_in, k.layers.Dense(3)(k.layers.BatchNormalization()(inner_in)), name="inner")
    a, b = k.Input((4,)), k.Input((4,))
    return k.Model([a, b], k.layers.Add()([inner(a), inner(b)]))


def frozen(k):
    base_in = k.Input((4,))
    base = k.Model(base_in, k.layers.BatchNormalization()(k.layers.Dense(3)(base_in)), name="base")
    base.trainable = False
    x = k.Input((4,))
    return k.Model(x, k.layers.Dense(2)(base(x)))


def sequential_in_sequential(k):
    head = k.Sequential([k.Input((6, 6, 1)), k.layers.Conv2D(3, 2), k.layers.Flatten()])
    model = k.Sequential([head, k.layers.Dense(2)])
    model.build((None, 6, 6, 1))
    return model


def outputs(k):
    x = k.Input((4,), name="x")
    y = k.layers.Dense(3, activation="relu")(x)
    return k.Model(x, [k.layers.Dense(2, name="first")(y), k.layers.Dense(1, name="second")(y)])


def normalizations(k):
    x = k.Input((5, 8))
    y = k.layers.LayerNormalization()(x)
    y = k.layers.GroupNormalization(groups=4)(y)
    y = k.layers.UnitNormalization()(y)
    return k.Model(x, k.layers.LayerNormalization(axis=[1, 2], scale=False)(y))


def normalization(k):
    x = k.Input((4,))
    y = k.layers.Normalization(mean=[1.0, 2.0, 3.0, 4.0], variance=[1.0, 4.0, 9.0, 16.0])(x)
    return k.Model(x, k.layers.Dense(2)(k.layers.Rescaling(0.5, offset=1.0)(y)))


def adapted(k):
    layer = k.layers.Normalization(axis=-1)
    layer.adapt(np.arange(24.0).reshape(6, 4).astype("float32"))
    x = k.Input((4,))
    return k.Model(x, k.layers.Dense(2)(layer(x)))


def attention(k):
    a, b = k.Input((5, 4)), k.Input((6, 4))
    y = k.layers.Attention(use_scale=True)([a, b])
    z = k.layers.AdditiveAttention()([a, b])
    return k.Model([a, b], k.layers.Concatenate()([y, z]))


def multi_head(k):
    x = k.Input((5, 8))
    y = k.layers.MultiHeadAttention(num_heads=2, key_dim=3)(x, x)
    y = k.layers.LayerNormalization(epsilon=1e-6)(k.layers.Add()([x, y]))
    return k.Model(x, k.layers.Dense(2)(y))


def cross_attention(k):
    a, b = k.Input((5, 8)), k.Input((7, 6))
    y = k.layers.MultiHeadAttention(num_heads=2, key_dim=3, value_dim=4, output_shape=5)(a, value=b)
    return k.Model([a, b], k.layers.GlobalAveragePooling1D()(y))


def einsum_dense(k):
    x = k.Input((5, 6))
    y = k.layers.EinsumDense("abc,cde->abde", output_shape=(None, 2, 3), bias_axes="de")(x)
    return k.Model(x, k.layers.EinsumDense("abde,def->abf", output_shape=(None, 4))(y))


def activations(k):
    x = k.Input((6,))
    y = [k.layers.Dense(2, activation=name)(x) for name in ("gelu", "swish", "selu", "softplus", "softsign")]
    y += [k.layers.PReLU()(x), k.layers.ELU(0.5)(x), k.layers.Softmax()(x), k.layers.LeakyReLU()(x)]
    return k.Model(x, k.layers.Concatenate()(y))


def reshaping(k):
    x = k.Input((4, 6))
    y = k.layers.Permute((2, 1))(k.layers.Reshape((6, 4))(x))
    y = k.layers.RepeatVector(3)(k.layers.Flatten()(y))
    return k.Model(x, k.layers.Dense(2)(k.layers.SpatialDropout1D(0.2)(k.layers.GaussianNoise(0.1)(y))))


def constrained(k):
    x = k.Input((6,))
    y = k.layers.Dense(
        4,
        kernel_initializer="he_normal",
        bias_initializer="ones",
        kernel_constraint="max_norm",
        bias_constraint="non_neg",
        activity_regularizer="l1",
    )(x)
    return k.Model(x, y)


def operators(k):
    x = k.Input((4, 6))
    y = k.layers.Dense(6, activation="relu")(x / 2.0) + x
    y = (1.0 - y) * k.layers.Dense(6)(y) ** 2.0
    return k.Model(x, k.layers.Dense(2)(y[:, 1] - y[:, -1]) * np.array([1.0, 0.5], "float32"))


STRUCTURES = {
    f.__name__: f
    for f in (
        mlp,
        sequential,
        readme,
        images_in_sequential,
        sequences_in_sequential,
        masked_in_sequential,
        built_later,
        masked_steps,
        convolutional,
        transposed,
        one_dimensional,
        three_dimensional,
        lstm,
        gru,
        embedding,
        bidirectional,
        stacked_cells,
        states,
        time_distributed,
        convolutional_lstm,
        shared,
        merging,
        nested,
        nested_twice,
        frozen,
        sequential_in_sequential,
        outputs,
        normalizations,
        normalization,
        adapted,
        attention,
        multi_head,
        cross_attention,
        einsum_dense,
        activations,
        reshaping,
        constrained,
        operators,
    )
}


def made(keras, name):
    """The model with weights that are neither zeros nor ones."""
    model = STRUCTURES[name](keras)
    if name == "adapted":  # whose layer goes by what it saw
        return model
    generator = np.random.RandomState(zlib.crc32(name.encode()) & 0x7FFFFFFF)
    weights = [np.asarray(w) for w in model.get_weights()]
    # upwards: variances stay positive
    moved = [(w + generator.uniform(0.05, 0.15, w.shape)).astype(w.dtype) for w in weights]
    model.set_weights([new if w.dtype.kind == "f" else w for new, w in zip(moved, weights, strict=True)])
    return model


def inputs_of(model, name):
    """Inputs as the model's shapes ask for."""
    generator = np.random.RandomState(zlib.crc32(name.encode()) & 0x7FFFFFFF)
    result = []
    for tensor in model.inputs:
        array = generator.uniform(0, 1, (3, *[int(size) for size in tensor.shape[1:]]))
        result.append(
            np.floor(array * 10).astype("float32") if name == "embedding" else array.astype("float32")
        )
    return result


def answer(model, name):
    """Weights and predictions, to be compared."""
    inputs = inputs_of(model, name)
    predicted = model.predict(inputs if len(inputs) > 1 else inputs[0], verbose=0)
    predicted = predicted if isinstance(predicted, list) else [predicted]
    # nested models count trainable weights first, or layer by layer: the order says nothing
    weights = sorted((np.asarray(w) for w in model.get_weights()), key=lambda w: (w.shape, w.tobytes()))
    result = {f"w{i:03d}": w for i, w in enumerate(weights)}
    result.update({f"y{i}": np.asarray(y) for i, y in enumerate(predicted)})
    return result


def do(keras, job):
    name = job["structure"]
    if "save" in job:
        model = made(keras, name)
        for path in job["save"]:
            model.save_weights(path) if "weights" in path else model.save(path)
    elif "weights" in job["file"]:
        model = STRUCTURES[name](keras)
        model.load_weights(job["file"])
    else:
        model = keras.models.load_model(job["file"])
    return answer(model, name)


if __name__ == "__main__":
    keras = __import__(sys.argv[1])
    os.chdir(sys.argv[2])
    with open("jobs.json") as file:
        jobs = json.load(file)
    for number, job in enumerate(jobs):
        try:
            np.savez(f"answer_{number}.npz", **do(keras, job))
        except Exception:
            with open(f"answer_{number}.txt", "w") as file:
                file.write(traceback.format_exc())
        keras.backend.clear_session()

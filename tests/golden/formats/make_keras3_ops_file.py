"""Functions of ``keras.ops`` as layers, written by real Keras: ``python
tests/golden/formats/make_keras3_ops_file.py``.

Writes ``keras3/ops_*.keras`` and ``keras3/ops.npz`` (inputs ``x``, ``b`` and the answers of every model), and
``keras3/ops_chain.h5``. Keras 3.15 does not open that last one again itself (it finds no layer ``Relu``).
"""

import os

import numpy as np

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "keras3")


def chain(keras, ops):
    """Arithmetic as people write it: one on the other, with constants on either side."""
    x, b = keras.Input((6, 4), name="x"), keras.Input((6, 4), name="b")
    y = 2.0 - (x + 1.0)
    y = ops.relu(y * b) / 3.0
    y = ops.concatenate([y, x], axis=-1)[:, 1:, ::2][:, -1]
    y = ops.transpose(ops.reshape(y, (-1, 2, 2)), (0, 2, 1))
    y = ops.squeeze(ops.mean(y, axis=1, keepdims=True), axis=1)
    y = ops.matmul(y, np.asarray([[1.0, 2.0], [3.0, 4.0]], "float32"))
    y = ops.where(y > 0.5, y, 0.0)
    y = ops.stack([y, keras.layers.Dense(2, kernel_initializer="ones")(y)], axis=1) ** 2
    y = ops.clip(ops.softmax(ops.cast(y, "float32")), 0.1, 0.9)
    y = ops.einsum("abc,abd->acd", y, y)
    first, second = ops.split(y, 2, axis=1)
    return keras.Model([x, b], [first + np.asarray([1.0, 2.0], "float32"), second[..., None]])


def elementwise(keras, ops):
    """Every function of one tensor."""
    x = keras.Input((6, 4), name="x")
    names = """absolute negative sign square sqrt rsqrt reciprocal exp exp2 expm1 log log1p log2 log10 erf
    sin cos tan
        arcsin arccos arctan sinh cosh tanh arcsinh arctanh ceil floor round isnan isinf isfinite relu
        relu6 sigmoid log_sigmoid softplus softsign silu leaky_relu hard_sigmoid hard_silu hard_tanh
        hard_shrink soft_shrink tanh_shrink squareplus sparse_plus sparse_sigmoid elu selu celu gelu
        softmax log_softmax sparsemax zeros_like ones_like stop_gradient copy"""
    outputs = [getattr(ops, name)(x) for name in names.split()]
    outputs += [
        ops.arccosh(x + 1.0),
        ops.leaky_relu(-x, 0.3),
        ops.gelu(x, approximate=False),
        ops.elu(-x, alpha=0.5),
        ops.threshold(x, 0.5, 0.25),
        ops.softmax(x, axis=1),
        ops.round(x, decimals=1),
        ops.glu(x, axis=-1),
        ops.logical_not(x > 0.5),
        ops.full_like(x, 3),
    ]
    return keras.Model(x, [ops.cast(y, "float32") for y in outputs])


def pairs(keras, ops):
    """Every function of two tensors, and those that mix with numbers and whole numbers."""
    x, b = keras.Input((6, 4), name="x"), keras.Input((6, 4), name="b")
    names = """add subtract multiply divide true_divide divide_no_nan floor_divide mod power maximum
    minimum hypot
        logaddexp equal not_equal greater greater_equal less less_equal"""
    outputs = [getattr(ops, name)(x, b) for name in names.split()]
    p, q = x > 0.5, b > 0.5
    whole = ops.cast(x * 10.0, "int32")
    outputs += [ops.logical_and(p, q), ops.logical_or(p, q), ops.logical_xor(p, q)]
    outputs += [
        whole + 1,
        whole * x,
        whole / 2,
        whole // 3,
        whole % 3,
        whole + b,
        2**x,
        1.0 - x,
        3.0 / (x + 1.0),
    ]
    outputs += [
        ops.where(p, x, b),
        ops.matmul(x, ops.transpose(b, (0, 2, 1))),
        ops.dot(x, np.ones((4, 2), "float32")),
    ]
    outputs += [ops.einsum("abc,adc->abd", x, b), ops.concatenate([x, b], axis=1), ops.hstack([x, b])]
    return keras.Model([x, b], [ops.cast(y, "float32") for y in outputs])


def reductions(keras, ops):
    """Every function that leaves axes out, by one axis, by several, and by all but the first."""
    x = keras.Input((6, 4), name="x")
    outputs = []
    for name in ["sum", "prod", "mean", "std", "var", "max", "min", "amax", "amin", "logsumexp"]:
        function = getattr(ops, name)
        outputs += [function(x, axis=1), function(x, axis=(1, 2)), function(x, axis=-1, keepdims=True)]
    outputs += [ops.any(x > 0.9, axis=1), ops.all(x > 0.1, axis=-1, keepdims=True)]
    outputs += [
        ops.argmax(x, axis=1),
        ops.argmin(x, axis=-1, keepdims=True),
        ops.count_nonzero(x > 0.5, axis=1),
    ]
    outputs += [ops.cumsum(x, axis=1), ops.cumprod(x, axis=2), ops.average(x, axis=1)]
    outputs += [ops.average(x, axis=2, weights=np.asarray([1.0, 2.0, 3.0, 4.0], "float32"))]
    outputs += [ops.norm(x, axis=-1), ops.normalize(x, axis=1), ops.normalize(x, axis=-1, order=1)]
    outputs += [*ops.moments(x, axes=[1]), *ops.top_k(x, 2)]
    return keras.Model(x, [ops.cast(y, "float32") for y in outputs])


def shapes(keras, ops):
    """Every function that only moves numbers."""
    x = keras.Input((6, 4), name="x")
    image = ops.expand_dims(x, -1)
    outputs = [
        ops.reshape(x, (-1, 24)),
        ops.transpose(x, (0, 2, 1)),
        ops.swapaxes(x, 1, 2),
        ops.moveaxis(x, 1, -1),
        ops.expand_dims(x, (1, -1)),
        ops.squeeze(image, -1),
        ops.stack([x, x], axis=-1),
        *ops.split(x, 2, axis=1),
        *ops.split(x, [1, 3], axis=-1),
        *ops.unstack(x, 6, axis=1),
        ops.flip(x, axis=1),
        ops.roll(x, 2, axis=1),
        ops.repeat(x, 3, axis=2),
        ops.tile(x, (1, 2, 1)),
        ops.pad(x, ((0, 0), (1, 2), (0, 3)), constant_values=7.0),
        ops.pad(x, ((0, 0), (1, 2), (0, 3)), mode="reflect"),
        ops.take(x, [2, 0], axis=1),
        ops.tril(x),
        ops.triu(x, k=1),
        ops.one_hot(ops.cast(x * 3.0, "int32"), 3),
        ops.one_hot(ops.cast(x * 3.0, "int32"), 3, axis=1),
        ops.max_pool(image, 2),
        ops.average_pool(image, (3, 2), strides=1, padding="same"),
        x[:, 2],
        x[:, -1, 1:3],
        x[..., 0],
        x[:, None, ::2],
        x[:, ::-1],
    ]
    return keras.Model(x, [ops.cast(y, "float32") for y in outputs])


def plain(keras, ops):
    """What TensorFlow has a function for, so that it can be written for tf.keras too."""
    x, b = keras.Input((6, 4), name="x"), keras.Input((6, 4), name="b")
    y = (3.0 - x) * b / (x + 0.5) ** 2 - 1.0
    y = ops.where(y > 0.2, ops.exp(y), ops.abs(y) % 0.3)
    y = ops.concatenate([y, ops.maximum(x, b)], axis=-1)
    y = ops.leaky_relu(y[:, 1:, ::2][..., None], 0.3)
    y = ops.reshape(ops.squeeze(y, -1), (-1, 20))
    y = ops.matmul(ops.expand_dims(y, 1), np.ones((20, 3), "float32"))
    total = ops.sum(y, axis=1) + ops.max(x, axis=1)[:, :3] + ops.mean(b, axis=(1, 2), keepdims=True)[:, 0]
    first, second, third = ops.split(total, 3, axis=-1)
    y = ops.gelu(first * second - third, approximate=False)
    y = ops.stack([y, ops.log(1.0 + y * y)], axis=1)
    y = ops.pad(ops.tile(ops.transpose(y, (0, 2, 1)), (1, 2, 1)), ((0, 0), (1, 0), (0, 2)))
    return keras.Model(
        [x, b], [ops.softmax(y, axis=1), ops.clip(y, 0.0, 1.0), ops.cast(ops.argmax(x, 1), "float32")]
    )


def layers(keras, ops):
    """What a layer of Keras does as well, so that an .h5 file of it opens in Keras 3."""
    x, b = keras.Input((6, 4), name="x"), keras.Input((6, 4), name="b")
    y = ops.maximum(1.0 - 2.0 * x, b - 0.5) * (x + b) / 4.0
    y = ops.tanh(ops.concatenate([y, ops.relu(-x)], axis=-1))
    y = ops.transpose(ops.reshape(y, (-1, 8, 6)), (0, 2, 1))
    return keras.Model([x, b], [ops.softmax(y), ops.sigmoid(y)])


BUILDERS = {f.__name__: f for f in (chain, elementwise, pairs, reductions, shapes, plain, layers)}


def data(names):
    """The inputs: in (0.05, 0.95), no two of them on a boundary of the functions above."""
    generator = np.random.default_rng(0)
    x, b = (generator.uniform(0.05, 0.95, (3, 6, 4)).astype("float32") for _ in range(2))
    return {name: {"x": x, "b": b}[name] for name in names}


if __name__ == "__main__":
    import keras

    assert keras.__version__.startswith("3.15."), keras.__version__
    answers = dict(data(["x", "b"]))
    for name, build in BUILDERS.items():
        keras.utils.clear_session()
        model = build(keras, keras.ops)
        model.save(os.path.join(FOLDER, f"ops_{name}.keras"))
        if name == "chain":
            model.save(os.path.join(FOLDER, f"ops_{name}.h5"))
        predicted = model.predict(data([t.name for t in model.inputs]), verbose=0)
        for i, array in enumerate(predicted):
            answers[f"{name}_{i:02d}"] = array
    np.savez_compressed(os.path.join(FOLDER, "ops.npz"), **answers)

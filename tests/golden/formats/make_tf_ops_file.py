"""Writes ``tfkeras_ops.h5`` and its data: ``python -m tests.golden.formats.make_tf_ops_file`` (tf_keras)."""

import os

import numpy as np

FOLDER = os.path.dirname(os.path.abspath(__file__))


def build(keras, tf):
    x = keras.Input((6, 4), name="x")
    y = 2.0 - (x + 1.0)
    y = tf.nn.relu(y * x / 3.0)
    y = tf.concat([y, x], -1)[:, 1:, ::2][:, -1]
    y = tf.transpose(tf.reshape(y, (-1, 2, 2)), [0, 2, 1])
    y = tf.squeeze(tf.expand_dims(y, -1), -1)
    y = -(tf.math.sqrt(tf.abs(tf.reduce_mean(y, axis=1)) + 1e-3) ** 2.0)
    y = tf.cast(y, tf.float32)
    product = tf.matmul(y, tf.ones((2, 2)))
    z = tf.nn.softmax(tf.stack([y, product], axis=1), axis=-1)
    z = tf.maximum(tf.clip_by_value(z, 0.1, 0.9), y[:, tf.newaxis])
    return keras.Model(x, [z, product])


if __name__ == "__main__":
    import tensorflow as tf
    import tf_keras

    model = build(tf_keras, tf)
    model.save(os.path.join(FOLDER, "tfkeras_ops.h5"))
    x = np.random.default_rng(0).random((3, 6, 4)).astype("float32")
    a, b = model.predict(x, verbose=0)
    np.savez(os.path.join(FOLDER, "tfkeras_ops.npz"), x=x, a=a, b=b)

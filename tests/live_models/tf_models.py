"""Models of tf_keras with layers and functions of the user's own, in the style of TensorFlow's tutorials and
of Keras 2's examples. Each function makes a built model and what it is called on."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
import tf_keras as keras
from tf_keras import layers

from tests.live_models.inputs import floats, tokens

MODELS = {}


def model(make):
    """Enters a function into the table, by its name."""
    MODELS[make.__name__] = make
    return make


class Linear(layers.Layer):
    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        self.w = self.add_weight(shape=(input_shape[-1], self.units), initializer="random_normal", name="w")
        self.b = self.add_weight(shape=(self.units,), initializer="random_normal", name="b")

    def call(self, x):
        return tf.matmul(x, self.w) + self.b


class Positions(layers.Layer):
    def __init__(self, length, vocabulary, dim, **kwargs):
        super().__init__(**kwargs)
        self.token = layers.Embedding(vocabulary, dim)
        self.position = layers.Embedding(length, dim)

    def call(self, x):
        return self.token(x) + self.position(tf.range(start=0, limit=tf.shape(x)[-1], delta=1))


class TransformerBlock(layers.Layer):
    def __init__(self, dim, heads, inner, rate=0.1, **kwargs):
        super().__init__(**kwargs)
        self.attention = layers.MultiHeadAttention(heads, dim // heads)
        self.inner = keras.Sequential([layers.Dense(inner, activation="relu"), layers.Dense(dim)])
        self.norms = [layers.LayerNormalization(epsilon=1e-6) for _ in range(2)]
        self.dropouts = [layers.Dropout(rate) for _ in range(2)]

    def call(self, x, training=None):
        x = self.norms[0](x + self.dropouts[0](self.attention(x, x), training=training))
        return self.norms[1](x + self.dropouts[1](self.inner(x), training=training))


@model
def built_in_layers_alone():
    inputs = keras.Input((8, 8, 3))
    x = layers.BatchNormalization()(layers.Conv2D(4, 3, activation="relu")(inputs))
    x = layers.Reshape((9, 4))(layers.MaxPooling2D()(layers.SeparableConv2D(4, 1)(x)))
    x = layers.Bidirectional(layers.LSTM(3, return_sequences=True))(x)
    return keras.Model(inputs, layers.Dense(2, activation="softmax")(layers.GRU(3)(x))), floats(2, 8, 8, 3)


@model
def dense_layer_of_ones_own():
    inputs = keras.Input((5,))
    return keras.Model(inputs, Linear(3)(layers.Dense(4, activation="relu")(inputs))), floats(4, 5)


@model
def functions_between_layers():
    inputs = keras.Input((6, 4))
    x = tf.nn.relu(inputs) * 2.0 + tf.reduce_mean(inputs, axis=-1, keepdims=True)
    x = tf.concat([x[:, ::2], tf.reverse(x, axis=[1])], axis=1)
    x = tf.reshape(x, (-1, 9, 2, 2)) / tf.cast(tf.shape(x)[1], "float32")
    x = tf.transpose(tf.math.top_k(x, 2).values, (0, 2, 1, 3))
    return keras.Model(inputs, layers.Dense(2)(layers.Flatten()(x))), floats(3, 6, 4)


@model
def activation_initializer_and_regularizer_of_ones_own():
    def swish_twice(x):
        return 2.0 * x * tf.sigmoid(x)

    class Tiny(keras.initializers.Initializer):
        def __call__(self, shape, dtype=None, **kwargs):
            return tf.ones(shape, dtype or "float32") * 0.1

    class Cubes(keras.regularizers.Regularizer):
        def __call__(self, x):
            return 0.1 * tf.reduce_sum(tf.abs(x) ** 3)

    inputs = keras.Input((5,))
    hidden = layers.Dense(4, activation=swish_twice, kernel_initializer=Tiny(), kernel_regularizer=Cubes())
    return keras.Model(inputs, layers.Dense(2)(hidden(inputs))), floats(4, 5)


@model
def text_classification_with_transformer():
    inputs = keras.Input((16,), dtype="int32")
    x = TransformerBlock(8, 2, 16)(Positions(16, 20, 8)(inputs))
    x = layers.Dropout(0.1)(layers.GlobalAveragePooling1D()(x))
    return keras.Model(inputs, layers.Dense(2, activation="softmax")(x)), tokens(4, 16)


@model
def miniature_gpt_of_any_length():
    class CausalAttention(layers.Layer):
        def __init__(self, dim, heads):
            super().__init__()
            self.joint, self.out = layers.Dense(dim * 3), layers.Dense(dim)
            self.heads, self.dim = heads, dim

        def call(self, x):
            batch, length = tf.shape(x)[0], tf.shape(x)[1]
            size = self.dim // self.heads
            joint = tf.reshape(self.joint(x), (batch, length, 3, self.heads, size))
            q, k, v = tf.unstack(tf.transpose(joint, (2, 0, 3, 1, 4)), axis=0)
            scores = tf.matmul(q, k, transpose_b=True) / tf.sqrt(tf.cast(size, "float32"))
            i, j = tf.range(length)[:, None], tf.range(length)
            scores = tf.where(i >= j, scores, -1e9)
            mixed = tf.transpose(tf.matmul(tf.nn.softmax(scores), v), (0, 2, 1, 3))
            return self.out(tf.reshape(mixed, (batch, length, self.dim)))

    class TiedHead(layers.Layer):
        def __init__(self, embedding):
            super().__init__()
            self.embedding = embedding

        def call(self, x):
            return tf.matmul(x, self.embedding.embeddings, transpose_b=True)

    inputs = keras.Input((None,), dtype="int32")
    embedded = Positions(16, 20, 8)
    x = embedded(inputs)
    x = x + CausalAttention(8, 2)(layers.LayerNormalization()(x))
    return keras.Model(inputs, TiedHead(embedded.token)(x)), tokens(3, 7)


@model
def variational_autoencoder():
    class Sampling(layers.Layer):
        def call(self, inputs, training=None):
            mean, log_var = inputs
            if not training:
                return mean
            epsilon = tf.random.normal(shape=(tf.shape(mean)[0], tf.shape(mean)[1]))
            return mean + tf.exp(0.5 * log_var) * epsilon

    inputs = keras.Input((6, 6, 1))
    x = layers.Conv2D(4, 3, activation="relu", strides=2, padding="same")(inputs)
    x = layers.Dense(8, activation="relu")(layers.Flatten()(x))
    mean, log_var = layers.Dense(2, name="mean")(x), layers.Dense(2, name="log_var")(x)
    encoder = keras.Model(inputs, [mean, log_var, Sampling()([mean, log_var])], name="encoder")
    latent = keras.Input((2,))
    x = layers.Reshape((3, 3, 4))(layers.Dense(36, activation="relu")(latent))
    x = layers.Conv2DTranspose(1, 3, strides=2, padding="same", activation="sigmoid")(x)
    decoder = keras.Model(latent, x, name="decoder")

    class VAE(keras.Model):
        def __init__(self):
            super().__init__()
            self.encoder, self.decoder = encoder, decoder
            self.loss_tracker = keras.metrics.Mean(name="loss")

        def call(self, x):
            mean, log_var, z = self.encoder(x)
            return {"image": self.decoder(z), "mean": mean, "log_var": log_var}

    vae, x = VAE(), floats(3, 6, 6, 1)
    vae(x)
    return vae, x


@model
def vision_transformer():
    class Patches(layers.Layer):
        def __init__(self, size):
            super().__init__()
            self.size = size

        def call(self, images):
            size = [1, self.size, self.size, 1]
            patches = tf.image.extract_patches(images, size, size, [1, 1, 1, 1], "VALID")
            return tf.reshape(patches, [tf.shape(images)[0], -1, patches.shape[-1]])

    class PatchEncoder(layers.Layer):
        def __init__(self, count, dim):
            super().__init__()
            self.count = count
            self.projection, self.position = layers.Dense(dim), layers.Embedding(count, dim)

        def call(self, patch):
            return self.projection(patch) + self.position(tf.range(start=0, limit=self.count, delta=1))

    inputs = keras.Input((12, 12, 3))
    x = PatchEncoder(9, 8)(Patches(4)(layers.RandomFlip("horizontal")(inputs)))
    x1 = layers.LayerNormalization(epsilon=1e-6)(x)
    x = layers.Add()([layers.MultiHeadAttention(2, 4, dropout=0.1)(x1, x1), x])
    x = layers.Dense(8, activation=tf.nn.gelu)(layers.LayerNormalization()(x))
    return keras.Model(inputs, layers.Dense(3)(layers.Flatten()(x))), floats(2, 12, 12, 3)


@model
def recurrent_cell_of_ones_own():
    class MinimalCell(layers.Layer):
        def __init__(self, units, **kwargs):
            super().__init__(**kwargs)
            self.units = self.state_size = units

        def build(self, input_shape):
            self.kernel = self.add_weight(shape=(input_shape[-1], self.units), name="kernel")
            self.recurrent = self.add_weight(shape=(self.units, self.units), name="recurrent")

        def call(self, inputs, states):
            output = tf.tanh(tf.matmul(inputs, self.kernel) + tf.matmul(states[0], self.recurrent))
            return output, [output]

    inputs = keras.Input((5, 3))
    x = layers.RNN(MinimalCell(4), return_sequences=True)(inputs)
    return keras.Model(inputs, layers.LSTM(3)(layers.TimeDistributed(Linear(4))(x))), floats(2, 5, 3)


@model
def attention_over_time_of_keras_2():
    class Attention(layers.Layer):
        def build(self, input_shape):
            self.w = self.add_weight(name="w", shape=(input_shape[-1], 1), initializer="normal")
            self.b = self.add_weight(name="b", shape=(input_shape[1], 1), initializer="zeros")
            super().build(input_shape)

        def call(self, x):
            backend = keras.backend
            scores = backend.squeeze(backend.tanh(backend.dot(x, self.w) + self.b), axis=-1)
            alpha = backend.expand_dims(backend.softmax(scores))
            return backend.sum(x * alpha, axis=1)

    inputs = keras.Input((5, 3))
    x = Attention()(layers.SimpleRNN(4, return_sequences=True)(inputs))
    return keras.Model(inputs, layers.Dense(1)(x)), floats(2, 5, 3)


@model
def gated_residual_networks_with_dicts():
    class GatedResidualNetwork(layers.Layer):
        def __init__(self, units, rate=0.1):
            super().__init__()
            self.units = units
            self.elu, self.linear = layers.Dense(units, activation="elu"), layers.Dense(units)
            self.gate, self.value = layers.Dense(units, activation="sigmoid"), layers.Dense(units)
            self.dropout, self.norm = layers.Dropout(rate), layers.LayerNormalization()
            self.project = layers.Dense(units)

        def call(self, inputs):
            x = self.dropout(self.linear(self.elu(inputs)))
            if inputs.shape[-1] != self.units:
                inputs = self.project(inputs)
            return self.norm(inputs + self.gate(x) * self.value(x))

    features = {"age": keras.Input((1,), name="age"), "pay": keras.Input((2,), name="pay")}
    x = layers.concatenate([features["age"], features["pay"]])
    x = GatedResidualNetwork(4)(GatedResidualNetwork(4)(x))
    outputs = {"class": layers.Dense(2, activation="softmax")(x), "score": layers.Dense(1)(x)}
    return keras.Model(features, outputs), {"age": floats(4, 1), "pay": floats(4, 2)}


@model
def graph_convolution():
    class GraphConv(layers.Layer):
        def __init__(self, units, edges):
            super().__init__()
            adjacency = np.zeros((5, 5), "float32")
            adjacency[tuple(zip(*edges, strict=True))] = 1.0
            self.adjacency = tf.constant(adjacency / np.maximum(adjacency.sum(-1, keepdims=True), 1.0))
            self.dense = layers.Dense(units)

        def call(self, nodes):
            near = tf.einsum("ij,bjf->bif", self.adjacency, nodes)
            return tf.nn.relu(self.dense(tf.concat([nodes, near], axis=-1)))

    inputs = keras.Input((5, 3))
    x = GraphConv(4, [(0, 1), (1, 2), (2, 3), (3, 4), (4, 0)])(inputs)
    return keras.Model(inputs, tf.reduce_max(x, axis=1)), floats(2, 5, 3)


@model
def siamese_network():
    class Distance(layers.Layer):
        def call(self, anchor, positive, negative):
            near = tf.reduce_sum(tf.square(anchor - positive), -1)
            return near, tf.reduce_sum(tf.square(anchor - negative), -1)

    tower = keras.Sequential([keras.Input((6,)), layers.Dense(5, activation="relu"), layers.Dense(3)])
    inputs = [keras.Input((6,), name=name) for name in ("anchor", "positive", "negative")]
    given = [floats(4, 6), floats(4, 6) + 1, floats(4, 6) * 2]
    return keras.Model(inputs, Distance()(*[tower(x) for x in inputs])), given


@model
def residual_network_of_subclasses():
    class Residual(layers.Layer):
        def __init__(self, filters):
            super().__init__()
            self.convolutions = [layers.Conv2D(filters, 3, padding="same") for _ in range(2)]
            self.norms = [layers.BatchNormalization() for _ in range(2)]

        def call(self, x, training=None):
            y = x
            for convolution, norm in zip(self.convolutions, self.norms, strict=True):
                y = norm(convolution(tf.nn.relu(y)), training=training)
            return x + y

    class ResNet(keras.Model):
        def __init__(self):
            super().__init__()
            self.stem, self.blocks = layers.Conv2D(4, 3), [Residual(4), Residual(4)]
            self.head = layers.Dense(3)

        def call(self, inputs, training=None):
            x = self.stem(inputs)
            for block in self.blocks:
                x = block(x, training=training)
            return self.head(tf.reduce_mean(x, axis=(1, 2)))

    net, x = ResNet(), floats(2, 8, 8, 3)
    net(x)
    return net, x


@model
def lambda_with_a_loop_of_python():
    def encode(x):
        waves = [x]
        for i in range(3):
            waves += [tf.sin(2.0**i * x), tf.cos(2.0**i * x)]
        return tf.concat(waves, axis=-1)

    inputs = keras.Input((4, 3))
    x = layers.Lambda(encode)(inputs)
    return keras.Model(inputs, layers.Dense(4, activation="sigmoid")(x)), floats(2, 4, 3)


@model
def branches_and_loops_over_tensors():
    class Iterated(layers.Layer):
        def build(self, input_shape):
            self.w = self.add_weight(name="w", shape=(input_shape[-1], input_shape[-1]))

        def call(self, x):
            if tf.reduce_sum(x) > 0.0:
                x = tf.nn.silu(x)
                x = x + 0.5
            else:
                x = -x
            for i in tf.range(3):
                x = tf.matmul(x, self.w) + tf.cast(i, "float32")
            return tf.cond(tf.reduce_max(x) > 100.0, lambda: x / 2.0, lambda: x)

    inputs = keras.Input((4,))
    return keras.Model(inputs, Iterated()(inputs)), floats(3, 4)


@model
def layers_within_a_tf_function():
    class Compiled(layers.Layer):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(3, activation="relu")

        @tf.function
        def call(self, x):
            return self.dense(x) * 2.0

    inputs = keras.Input((4,))
    return keras.Model(inputs, Compiled()(inputs)), floats(3, 4)


@model
def mask_of_ones_own():
    class MeanOfSteps(layers.Layer):
        def __init__(self):
            super().__init__()
            self.supports_masking = True

        def call(self, x, mask=None):
            if mask is None:
                return tf.reduce_mean(x, axis=1)
            weights = tf.expand_dims(tf.cast(mask, x.dtype), -1)
            return tf.reduce_sum(x * weights, axis=1) / tf.maximum(tf.reduce_sum(weights, axis=1), 1.0)

        def compute_mask(self, inputs, mask=None):
            return None

    class FirstSteps(layers.Layer):
        def __init__(self):
            super().__init__()
            self.supports_masking = True

        def call(self, x):
            return x[:, :3]

        def compute_mask(self, inputs, mask=None):
            return None if mask is None else mask[:, :3]

    inputs = keras.Input((5,), dtype="int32")
    x = layers.Embedding(20, 4, mask_zero=True)(inputs)
    x = layers.LSTM(3, return_sequences=True)(x)
    both = layers.concatenate([MeanOfSteps()(x), layers.GRU(2)(FirstSteps()(x))])
    return keras.Model(inputs, both), np.array([[1, 2, 0, 0, 0], [3, 4, 5, 6, 0]])


@model
def state_that_inference_reads():
    class Standardize(layers.Layer):
        def build(self, input_shape):
            self.mean = self.add_weight(
                name="mean", shape=(input_shape[-1],), initializer="random_normal", trainable=False
            )

        def call(self, x, training=None):
            if training:
                self.mean.assign(0.9 * self.mean + 0.1 * tf.reduce_mean(x, axis=0))
            return x - self.mean

    inputs = keras.Input((4,))
    return keras.Model(inputs, layers.Dense(2)(Standardize()(inputs))), floats(3, 4)


@model
def mixed_precision():
    policy = keras.mixed_precision.Policy("mixed_float16")
    inputs = keras.Input((5,))
    x = Linear(3, dtype=policy)(layers.Dense(4, activation="relu", dtype=policy)(inputs))
    return keras.Model(inputs, layers.Activation("softmax", dtype="float32")(x)), floats(4, 5)


@model
def shared_and_nested():
    shared, inner = layers.Dense(4), keras.Sequential([keras.Input((4,)), layers.Dense(4), Linear(4)])
    inputs = keras.Input((4,))
    return keras.Model(inputs, shared(inner(shared(inputs))) + inner(inputs)), floats(3, 4)


@model
def variable_between_layers():
    scale = tf.Variable(tf.fill([4], 1.5), name="scale")

    class Holder(layers.Layer):
        def __init__(self):
            super().__init__()
            self.scale = scale

        def call(self, x):
            return x * self.scale * tf.gather(self.scale, [0])

    inputs = keras.Input((4,))
    return keras.Model(inputs, Holder()(inputs)), floats(3, 4)


@model
def weights_seen_by_spectral_normalization():
    class Spectral(layers.Layer):
        def build(self, input_shape):
            self.w = self.add_weight(name="w", shape=(input_shape[-1], 3), initializer="random_normal")
            self.u = self.add_weight(name="u", shape=(1, 3), initializer="random_normal", trainable=False)

        def call(self, x):
            v = tf.math.l2_normalize(tf.matmul(self.u, self.w, transpose_b=True))
            u = tf.math.l2_normalize(tf.matmul(v, self.w))
            sigma = tf.matmul(tf.matmul(v, self.w), u, transpose_b=True)
            return tf.matmul(x, self.w / sigma)

    inputs = keras.Input((4,))
    return keras.Model(inputs, Spectral()(inputs)), floats(3, 4)


class Rows(layers.Layer):
    """Each sample by itself, with what was made of those before it."""

    def build(self, input_shape):
        self.w = self.add_weight(shape=(input_shape[-1], input_shape[-1]), name="w")

    def call(self, x):
        mapped = tf.map_fn(lambda row: tf.nn.relu(tf.matmul(row, self.w)), x)
        folded = tf.foldl(lambda total, step: total + tf.matmul(step, self.w), tf.transpose(x, [1, 0, 2]))
        return mapped + folded[:, None]


class Steps(layers.Layer):
    """A recurrence over a ``TensorArray`` of open length, some steps of which are left as they are."""

    def build(self, input_shape):
        self.w = self.add_weight(shape=(input_shape[-1], input_shape[-1]), name="w")

    def call(self, x):
        steps, state = tf.shape(x)[1], tf.zeros_like(x[:, 0])
        given = tf.TensorArray(tf.float32, size=steps, clear_after_read=False)
        given = given.unstack(tf.transpose(x, [1, 0, 2]))
        found = tf.TensorArray(tf.float32, size=0, dynamic_size=True)
        for i in tf.range(steps):
            state = tf.tanh(state + tf.matmul(given.read(i), self.w))
            found = found.write(i, state) if i % 2 == 0 else found.write(i, given.read(i))
        return tf.transpose(found.stack(), [1, 0, 2])


class Scanned(layers.Layer):
    def call(self, x):
        return tf.transpose(
            tf.scan(lambda before, step: 0.5 * before + step, tf.transpose(x, [1, 0, 2])), [1, 0, 2]
        )


@model
def rows_and_steps_one_by_one():
    inputs = keras.Input((None, 4))
    outputs = Scanned()(Steps()(Rows()(inputs)))
    return keras.Model(inputs, layers.Dense(2)(outputs)), floats(5, 3, 4)

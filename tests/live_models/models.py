"""Models of Keras 3 with layers and functions of the user's own, in the style of Keras's examples.

Each function makes a built model and what it is called on. Whoever imports this has chosen KERAS_BACKEND.
"""

from __future__ import annotations

import keras
import numpy as np
from keras import layers, ops

from tests.live_models.inputs import floats, tokens
from tests.live_models.own_layers import Linear, Positions, TransformerBlock

MODELS = {}


def model(make):
    """Enters a function into the table, by its name."""
    MODELS[make.__name__] = make
    return make


@model
def dense_layer_of_ones_own():
    inputs = keras.Input((5,))
    return keras.Model(inputs, Linear(3)(layers.Dense(4, activation="relu")(inputs))), floats(4, 5)


@model
def activation_initializer_and_regularizer_of_ones_own():
    def swish_twice(x):
        return 2.0 * x * ops.sigmoid(x)

    class Tiny(keras.initializers.Initializer):
        def __call__(self, shape, dtype=None):
            return ops.ones(shape, dtype) * 0.1

    class Cubes(keras.regularizers.Regularizer):
        def __call__(self, x):
            return 0.1 * ops.sum(ops.abs(x) ** 3)

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
            batch, length, _ = ops.shape(x)
            size = self.dim // self.heads
            joint = ops.reshape(self.joint(x), (batch, length, 3, self.heads, size))
            q, k, v = ops.unstack(ops.transpose(joint, (2, 0, 3, 1, 4)), axis=0)
            scores = ops.matmul(q, ops.swapaxes(k, -1, -2)) / ops.sqrt(ops.cast(size, "float32"))
            i, j = ops.arange(length)[:, None], ops.arange(length)
            scores = ops.where(i >= j, scores, -1e9)
            mixed = ops.transpose(ops.matmul(ops.softmax(scores), v), (0, 2, 1, 3))
            return self.out(ops.reshape(mixed, (batch, length, self.dim)))

    class TiedHead(layers.Layer):
        def __init__(self, embedding):
            super().__init__()
            self.embedding = embedding

        def call(self, x):
            return ops.matmul(x, ops.transpose(self.embedding.embeddings))

    inputs = keras.Input((None,), dtype="int32")
    embedded = Positions(16, 20, 8)
    x = embedded(inputs)
    x = x + CausalAttention(8, 2)(layers.LayerNormalization()(x))
    return keras.Model(inputs, TiedHead(embedded.token)(x)), tokens(3, 7)


@model
def variational_autoencoder():
    class Sampling(layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.seed_generator = keras.random.SeedGenerator(1337)

        def call(self, inputs, training=None):
            mean, log_var = inputs
            if not training:
                return mean
            batch, dim = ops.shape(mean)
            epsilon = keras.random.normal(shape=(batch, dim), seed=self.seed_generator)
            return mean + ops.exp(0.5 * log_var) * epsilon

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
            batch, height, width, channels = ops.shape(images)
            count = (height // self.size) * (width // self.size)
            patches = ops.image.extract_patches(images, size=self.size)
            return ops.reshape(patches, (batch, count, self.size * self.size * channels))

    class PatchEncoder(layers.Layer):
        def __init__(self, count, dim):
            super().__init__()
            self.count = count
            self.projection, self.position = layers.Dense(dim), layers.Embedding(count, dim)

        def call(self, patch):
            positions = ops.expand_dims(ops.arange(start=0, stop=self.count, step=1), axis=0)
            return self.projection(patch) + self.position(positions)

    inputs = keras.Input((12, 12, 3))
    x = PatchEncoder(9, 8)(Patches(4)(layers.RandomFlip("horizontal")(inputs)))
    x1 = layers.LayerNormalization(epsilon=1e-6)(x)
    x = layers.Add()([layers.MultiHeadAttention(2, 4, dropout=0.1)(x1, x1), x])
    x = layers.Dense(8, activation=keras.activations.gelu)(layers.LayerNormalization()(x))
    return keras.Model(inputs, layers.Dense(3)(layers.Flatten()(x))), floats(2, 12, 12, 3)


@model
def mlp_mixer():
    class Mixer(layers.Layer):
        def __init__(self, patches, dim):
            super().__init__()
            self.tokens = keras.Sequential([layers.Dense(patches, activation="gelu"), layers.Dense(patches)])
            self.channels = keras.Sequential([layers.Dense(dim, activation="gelu"), layers.Dense(dim)])
            self.norm = layers.LayerNormalization(epsilon=1e-6)

        def call(self, inputs):
            x = ops.transpose(self.norm(inputs), axes=(0, 2, 1))
            x = ops.transpose(self.tokens(x), axes=(0, 2, 1)) + inputs
            return x + self.channels(self.norm(x))

    inputs = keras.Input((6, 8))
    return keras.Model(inputs, Mixer(6, 8)(Mixer(6, 8)(inputs))), floats(2, 6, 8)


@model
def conv_mixer_of_functions():
    def block(x):
        y = layers.DepthwiseConv2D(3, padding="same")(x)
        y = layers.BatchNormalization()(keras.activations.gelu(y))
        return layers.BatchNormalization()(keras.activations.gelu(layers.Conv2D(8, 1)(x + y)))

    inputs = keras.Input((8, 8, 3))
    x = block(block(layers.Conv2D(8, 2, strides=2)(layers.Rescaling(1.0 / 255)(inputs))))
    return keras.Model(inputs, layers.Dense(3)(layers.GlobalAvgPool2D()(x))), floats(2, 8, 8, 3)


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
            output = ops.tanh(ops.matmul(inputs, self.kernel) + ops.matmul(states[0], self.recurrent))
            return output, [output]

    inputs = keras.Input((5, 3))
    x = layers.RNN(MinimalCell(4), return_sequences=True)(inputs)
    return keras.Model(inputs, layers.LSTM(3)(layers.TimeDistributed(Linear(4))(x))), floats(2, 5, 3)


@model
def attention_based_multiple_instance_learning():
    class MILAttention(layers.Layer):
        def __init__(self, dim):
            super().__init__()
            self.dim = dim

        def build(self, input_shape):
            self.v = self.add_weight(shape=(input_shape[-1], self.dim), regularizer="l2")
            self.u = self.add_weight(shape=(input_shape[-1], self.dim))
            self.w = self.add_weight(shape=(self.dim, 1))

        def call(self, bags):
            gates = ops.sigmoid(ops.tensordot(bags, self.u, axes=1))
            scores = ops.tensordot(ops.tanh(ops.tensordot(bags, self.v, axes=1)) * gates, self.w, axes=1)
            return ops.softmax(scores, axis=1)

    inputs = keras.Input((4, 6))
    alpha = MILAttention(5)(inputs)
    return keras.Model(inputs, [layers.Dense(2)(ops.sum(alpha * inputs, axis=1)), alpha]), floats(3, 4, 6)


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
def deep_and_cross_network():
    class Cross(layers.Layer):
        def build(self, input_shape):
            dim = input_shape[0][-1]
            self.kernel = self.add_weight(shape=(dim, dim))
            self.bias = self.add_weight(shape=(dim,), initializer="zeros")

        def call(self, inputs):
            first, x = inputs
            return first * (ops.matmul(x, self.kernel) + self.bias) + x

    inputs = keras.Input((6,))
    x = inputs
    for _ in range(2):
        x = Cross()([inputs, x])
    return keras.Model(inputs, layers.Dense(1)(layers.concatenate([x, layers.Dense(4)(inputs)]))), floats(
        4, 6
    )


@model
def graph_convolution():
    class GraphConv(layers.Layer):
        def __init__(self, units, edges):
            super().__init__()
            adjacency = np.zeros((5, 5), "float32")
            adjacency[tuple(zip(*edges, strict=True))] = 1.0
            self.adjacency = adjacency / np.maximum(adjacency.sum(-1, keepdims=True), 1.0)
            self.dense = layers.Dense(units)

        def call(self, nodes):
            near = ops.einsum("ij,bjf->bif", ops.convert_to_tensor(self.adjacency), nodes)
            return ops.relu(self.dense(ops.concatenate([nodes, near], axis=-1)))

    inputs = keras.Input((5, 3))
    x = GraphConv(4, [(0, 1), (1, 2), (2, 3), (3, 4), (4, 0)])(inputs)
    return keras.Model(inputs, ops.max(x, axis=1)), floats(2, 5, 3)


@model
def siamese_network():
    class Distance(layers.Layer):
        def call(self, anchor, positive, negative):
            near = ops.sum(ops.square(anchor - positive), -1)
            return near, ops.sum(ops.square(anchor - negative), -1)

    tower = keras.Sequential([keras.Input((6,)), layers.Dense(5, activation="relu"), layers.Dense(3)])
    inputs = [keras.Input((6,), name=name) for name in ("anchor", "positive", "negative")]
    return keras.Model(inputs, Distance()(*[tower(x) for x in inputs])), [
        floats(4, 6),
        floats(4, 6) + 1,
        floats(4, 6) * 2,
    ]


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
                y = norm(convolution(ops.relu(y)), training=training)
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
            return self.head(ops.mean(x, axis=(1, 2)))

    net, x = ResNet(), floats(2, 8, 8, 3)
    net(x)
    return net, x


@model
def time_to_vector():
    class Time2Vec(layers.Layer):
        def build(self, input_shape):
            self.linear = self.add_weight(shape=(2, 1), initializer="random_normal")
            self.waves = self.add_weight(shape=(1, 3), initializer="random_normal")

        def call(self, x):
            trend = self.linear[0] * x + self.linear[1]
            return ops.concatenate([trend, ops.sin(x * self.waves)], axis=-1)

    inputs = keras.Input((5, 1))
    return keras.Model(inputs, layers.GRU(3)(Time2Vec()(inputs))), floats(2, 5, 1)


@model
def neural_radiance_encoding():
    def encode(x):
        waves = [x]
        for i in range(3):
            waves += [ops.sin(2.0**i * x), ops.cos(2.0**i * x)]
        return ops.concatenate(waves, axis=-1)

    inputs = keras.Input((4, 3))
    x = layers.Lambda(encode, output_shape=(4, 21))(inputs)
    return keras.Model(inputs, layers.Dense(4, activation="sigmoid")(x)), floats(2, 4, 3)


@model
def mask_of_ones_own():
    class MeanOfSteps(layers.Layer):
        supports_masking = True

        def call(self, x, mask=None):
            if mask is None:
                return ops.mean(x, axis=1)
            weights = ops.expand_dims(ops.cast(mask, x.dtype), -1)
            return ops.sum(x * weights, axis=1) / ops.maximum(ops.sum(weights, axis=1), 1.0)

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
def latent_array_of_a_perceiver():
    class Latents(layers.Layer):
        def __init__(self, count, dim):
            super().__init__()
            self.attention, self.norm = layers.MultiHeadAttention(2, 4), layers.LayerNormalization()
            self.count, self.dim = count, dim

        def build(self, input_shape):
            self.latents = self.add_weight(shape=(1, self.count, self.dim), initializer="random_normal")

        def call(self, x):
            latents = ops.repeat(self.latents, ops.shape(x)[0], axis=0)
            return latents + self.attention(self.norm(latents), x)

    inputs = keras.Input((None, 8))
    return keras.Model(inputs, Latents(3, 8)(inputs)), floats(2, 6, 8)


@model
def translation_with_encoder_and_decoder():
    source = keras.Input((None,), dtype="int32", name="source")
    target = keras.Input((None,), dtype="int32", name="target")
    encoded = TransformerBlock(8, 2, 16)(Positions(16, 20, 8)(source))
    x = Positions(16, 20, 8)(target)
    x = layers.LayerNormalization()(x + layers.MultiHeadAttention(2, 4)(x, x, use_causal_mask=True))
    x = layers.LayerNormalization()(x + layers.MultiHeadAttention(2, 4)(x, encoded))
    return keras.Model([source, target], layers.Dense(20)(x)), [tokens(2, 6), tokens(2, 5)]


@model
def squeeze_and_excite_at_two_scales():
    class SqueezeExcite(layers.Layer):
        def __init__(self, filters):
            super().__init__()
            self.down, self.up = (
                layers.Dense(2, activation="relu"),
                layers.Dense(filters, activation="sigmoid"),
            )

        def call(self, x):
            return x * self.up(self.down(ops.mean(x, axis=(1, 2), keepdims=True)))

    inputs = keras.Input((8, 8, 3))
    x = SqueezeExcite(4)(layers.Conv2D(4, 3, padding="same")(inputs))
    small = ops.nn.max_pool(ops.image.resize(x, (4, 4)), 2, strides=2)
    return keras.Model(inputs, [layers.Conv2D(2, 1)(x), small]), floats(2, 8, 8, 3)


@model
def state_that_inference_reads():
    class Standardize(layers.Layer):
        def build(self, input_shape):
            self.mean = self.add_weight(
                shape=(input_shape[-1],), initializer="random_normal", trainable=False
            )

        def call(self, x, training=None):
            if training:
                self.mean.assign(0.9 * self.mean + 0.1 * ops.mean(x, axis=0))
            return x - self.mean

    inputs = keras.Input((4,))
    return keras.Model(inputs, layers.Dense(2)(Standardize()(inputs))), floats(3, 4)


@model
def quantized_to_int8():
    net = keras.Sequential([keras.Input((8,)), layers.Dense(6, activation="relu"), layers.Dense(3)])
    net.quantize("int8")
    return net, floats(4, 8)


@model
def attention_and_embedding_quantized_to_int8():
    inputs = keras.Input((5,), dtype="int32")
    x = layers.Embedding(20, 8)(inputs)
    net = keras.Model(inputs, layers.Dense(3)(layers.MultiHeadAttention(2, 4)(x, x)))
    net.quantize("int8")
    return net, tokens(2, 5)


@model
def quantized_to_int4():
    net = keras.Sequential([keras.Input((8,)), layers.Dense(6, activation="relu"), layers.Dense(3)])
    net.quantize("int4")
    return net, floats(4, 8)


@model
def quantized_to_float8():
    net = keras.Sequential([keras.Input((8,)), layers.Dense(6, activation="relu"), layers.Dense(3)])
    net.quantize("float8")
    return net, floats(4, 8)


@model
def low_rank_adaptation():
    net = keras.Sequential([keras.Input((8,)), layers.Dense(6, activation="relu"), layers.Dense(3)])
    net.layers[0].enable_lora(2)
    net.layers[0].lora_kernel_b.assign(floats(2, 6))
    return net, floats(4, 8)


@model
def mixed_precision():
    policy = keras.dtype_policies.DTypePolicy("mixed_float16")
    inputs = keras.Input((5,))
    x = Linear(3, dtype=policy)(layers.Dense(4, activation="relu", dtype=policy)(inputs))
    return keras.Model(inputs, layers.Activation("softmax", dtype="float32")(x)), floats(4, 5)


@model
def half_precision():
    inputs = keras.Input((5,), dtype="bfloat16")
    x = Linear(3, dtype="bfloat16")(layers.Dense(4, activation="relu", dtype="bfloat16")(inputs))
    return keras.Model(inputs, x), floats(4, 5)


@model
def shared_and_nested():
    shared, inner = layers.Dense(4), keras.Sequential([keras.Input((4,)), layers.Dense(4), Linear(4)])
    inputs = keras.Input((4,))
    return keras.Model(inputs, shared(inner(shared(inputs))) + inner(inputs)), floats(3, 4)


@model
def branches_of_keras_ops():
    class Branched(layers.Layer):
        def build(self, input_shape):
            self.w = self.add_weight(shape=(input_shape[-1], 3), initializer="random_normal")
            self.dense = layers.Dense(3)
            self.dense.build(input_shape)

        def call(self, x):
            return ops.cond(ops.sum(x) > 0, lambda: ops.matmul(x, self.w), lambda: self.dense(x) - 1.0)

    inputs = keras.Input((4,))
    return keras.Model(inputs, [Branched()(inputs), Branched()(-inputs)]), floats(3, 4)


@model
def loops_of_keras_ops():
    class Looped(layers.Layer):
        def build(self, input_shape):
            self.w = self.add_weight(shape=(input_shape[-1],) * 2, initializer="random_normal")

        def call(self, x):
            _, x = ops.while_loop(
                lambda i, y: i < 4,
                lambda i, y: (i + 1, ops.matmul(y, self.w) + ops.cast(i, "float32")),
                (0, x),
            )
            x = ops.while_loop(lambda y: ops.sum(ops.square(y)) > 0.1, lambda y: y * 0.5, x)
            return ops.fori_loop(0, 3, lambda i, y: ops.matmul(y, self.w) + ops.cast(i, "float32"), x)

    inputs = keras.Input((4,))
    return keras.Model(inputs, Looped()(inputs)), floats(3, 4)


@model
def scans_of_keras_ops_over_any_length():
    class Leaky(layers.Layer):
        def build(self, input_shape):
            self.rate = self.add_weight(shape=(input_shape[-1],), initializer="random_uniform")

        def call(self, x):
            def step(state, entry):
                state = state * self.rate + entry
                return state, ops.tanh(state)

            last, found = ops.scan(step, ops.zeros_like(x[:, 0]), ops.transpose(x, (1, 0, 2)))
            sums = ops.map(lambda row: row[None, 0] * ops.sum(row), x)
            return ops.transpose(found, (1, 0, 2)) + last[:, None] + sums

    inputs = keras.Input((None, 4))
    return keras.Model(inputs, Leaky()(inputs)), floats(3, 5, 4)

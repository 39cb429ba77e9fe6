"""Models and layers as programs of tf.keras make them."""

import numpy as np

from .calls import case, numbers, trained


@case
def linear_models(keras, tf):
    LinearModel = keras.experimental.LinearModel
    a, b, y = numbers(8, 3), numbers(8, 2) - 0.5, numbers(8, 2)
    two = LinearModel(units=2, activation="tanh", kernel_initializer="ones", use_bias=False)
    named = LinearModel(units=2, kernel_regularizer=keras.regularizers.L2(0.1))
    return {
        "one": trained(LinearModel(units=2), a, y, "sgd"),
        "two": trained(two, [a, b], y, "adam"),
        "by name": trained(named, {"b": b, "a": a}, y, "sgd"),
        "shapes": sorted(tuple(w.shape) for w in named.trainable_weights),
        "config": sorted(two.get_config()),
    }


@case
def wide_and_deep_models(keras, tf):
    def made():
        dense = keras.layers.Dense
        ones = keras.initializers.Constant(0.3)
        deep = keras.Sequential(
            [dense(4, "tanh", kernel_initializer=ones), dense(1, kernel_initializer=ones)]
        )
        linear = keras.experimental.LinearModel()
        return keras.experimental.WideDeepModel(linear, deep, activation="sigmoid")

    a, b, y = numbers(8, 3), numbers(8, 2) - 0.5, numbers(8, 1)
    return {
        "one optimizer": trained(made(), [a, b], y, "sgd"),
        "two optimizers": trained(made(), [a, b], y, ["sgd", "adam"]),
        "same input": trained(made(), a, y, ["adam", "sgd"]),
    }


@case
def layers_put_into_lists_and_dicts(keras, tf):
    class Stack(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.blocks, self.by_name = [], {}
            self.rows = [[]]
            self.weights_of_its_own = []
            for _ in range(2):
                self.blocks.append(keras.layers.Dense(3, kernel_initializer="ones"))
            self.blocks += [keras.layers.Dense(3, kernel_initializer="ones")]
            self.blocks.extend([keras.layers.Dense(3, kernel_initializer="ones")])
            self.by_name["last"] = keras.layers.Dense(2, kernel_initializer="ones")
            self.by_name.update(first=keras.layers.Dense(3, kernel_initializer="ones"))
            self.rows[0].append(keras.layers.Dense(3, kernel_initializer="ones"))

        def build(self, input_shape):
            self.weights_of_its_own.append(tf.Variable(0.5))
            self.built = True

        def call(self, x):
            x = self.by_name["first"](x) * self.weights_of_its_own[0]
            for block in [*self.blocks, *self.rows[0]]:
                x = block(x)
            return self.by_name["last"](x)

    x, y = numbers(4, 3), numbers(4, 2)
    stack = Stack()
    model = keras.Sequential([stack])
    model.compile(keras.optimizers.SGD(1e-8), "mse")
    losses = model.fit(x, y, epochs=3, shuffle=False, verbose=0).history["loss"]
    copy = [*stack.blocks, keras.layers.Dense(9)]
    shapes = sorted(tuple(w.shape) for w in stack.trainable_weights)
    return [losses, len(copy), shapes, isinstance(stack.blocks, list), model.predict(x, verbose=0)]


# --- models and layers of users ----------------------------------------------------------------------------


@case
def shapes_of_a_dict_in_build(keras, tf):
    class Both(keras.Model):
        def build(self, shapes):
            self.seen = {name: list(shapes[name]) for name in sorted(shapes)}
            self.built = True

        def call(self, inputs):
            return inputs["a"] + inputs["b"]

    model = Both()
    model({"b": tf.ones((2, 3)), "a": tf.ones((2, 1))})
    return model.seen


@case
def weights_of_a_model_behind_those_of_its_layers(keras, tf):
    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.before = tf.Variable(1.0, trainable=False)
            self.scale = tf.Variable(2.0)
            self.dense = keras.layers.Dense(1)
            self.norm = keras.layers.BatchNormalization()

        def call(self, x):
            return self.norm(self.dense(x)) * self.scale

    def sizes(weights):
        return [w.numpy().size for w in weights]

    model = Own()
    model(tf.ones((2, 3)))
    model.dense.kernel.assign([[1.0], [2.0], [3.0]])
    found = [sizes(model.trainable_weights), sizes(model.non_trainable_weights)]
    model.dense.trainable = False
    found += [sizes(model.trainable_weights), sizes(model.non_trainable_weights)]
    model.trainable = False
    return [*found, sizes(model.trainable_weights), [w.numpy() for w in model.non_trainable_weights]]


@case
def weights_of_a_layer_before_those_of_its_layers(keras, tf):
    class Own(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(1)
            self.scale = tf.Variable([2.0, 3.0])

        def call(self, x):
            return self.dense(x) * self.scale

    layer = Own()
    layer(tf.ones((2, 3)))
    return [[w.numpy().size for w in weights] for weights in (layer.weights, layer.trainable_weights)]


@case
def steps_of_a_layer_that_returns_a_dict(keras, tf):
    class Two(keras.layers.Layer):
        def call(self, x):
            return {"b": x * 2.0, "a": (tf.reduce_sum(x, -1, keepdims=True), x + 1.0)}

    inputs = keras.Input((3, 4))
    outputs = keras.layers.TimeDistributed(Two())(inputs)
    model = keras.Model(inputs, outputs)
    found = model.predict(numbers(2, 3, 4), verbose=0)
    return {"shapes": [list(outputs["b"].shape), list(outputs["a"][0].shape)], "found": found}


@case
def both_directions_of_a_layer_that_takes_several_tensors(keras, tf):
    class Weighted(keras.layers.Layer):
        return_sequences, return_state = True, False

        def __init__(self, go_backwards=False, **kwargs):
            super().__init__(**kwargs)
            self.go_backwards = go_backwards

        def build(self, shapes):
            self.seen = [list(shape) for shape in shapes]

        def call(self, inputs):
            x, factor = inputs
            x = tf.cumsum(x[:, ::-1] if self.go_backwards else x, axis=1)
            return x * factor[:, None]

        def get_config(self):
            return {**super().get_config(), "go_backwards": self.go_backwards}

    inputs = keras.Input((3, 2)), keras.Input((2,))
    both = keras.layers.Bidirectional(Weighted())
    model = keras.Model(inputs, both(inputs))
    return [model.predict((numbers(2, 3, 2), numbers(2, 2)), verbose=0), both.forward_layer.seen]


@case
def a_metric_of_numpy_with_a_model_that_its_data_build(keras, tf):
    def error(y_true, y_pred):
        return tf.numpy_function(lambda a, b: np.float32(np.abs(a - b).max()), [y_true, y_pred], tf.float32)

    class Line(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(1, kernel_initializer="ones")

        def call(self, x):
            return self.dense(x)

    x, y = numbers(8, 3), numbers(8, 1)
    data = tf.data.Dataset.from_tensor_slices((x, y)).batch(4)
    model = Line()
    model.compile("sgd", "mse", metrics=[error])
    history = model.fit(data, epochs=2, verbose=0, validation_data=data).history
    return {name: history[name] for name in sorted(history)}


@case
def loops_over_tensors_in_a_function(keras, tf):
    @tf.function
    def mixed(x, n):
        total = tf.constant(0.0)
        for i in tf.range(n):
            total += x[i]
        for row in x:
            total = total * 0.5 + row
        for i in tf.range(2):
            total += tf.cast(i, tf.float32)
        return total

    x = tf.constant([1.0, 2.0, 3.0, 4.0])
    return [mixed(x, tf.constant(3)), mixed(x, tf.constant(1)), mixed(x[:2], tf.constant(2)), mixed(x, 2)]


@case
def states_of_stacked_cells(keras, tf):
    L = keras.layers
    ones = {"kernel_initializer": "ones", "recurrent_initializer": "ones"}

    def stack():
        return L.RNN([L.LSTMCell(2, **ones), L.GRUCell(3, **ones)], return_state=True)

    x = tf.constant(numbers(2, 4, 3) * 0.1)
    found = []
    for layer in (stack(), L.Bidirectional(stack())):
        output, *states = layer(x)
        again = layer(x, initial_state=states)
        found.append([output, states, again[0]])
    inputs = keras.Input((4, 3))
    model = keras.Model(inputs, L.Bidirectional(stack())(inputs))
    found.append([tuple(y.shape)[1:] for y in tf.nest.flatten(model.output)])
    return [*found, model.predict(x, verbose=0)]


@case
def steps_of_ones_own_on_ragged_and_sparse_batches(keras, tf):
    class Sums(keras.Model):
        def __init__(self):
            super().__init__()
            self.scale = tf.Variable(1.0)

        def train_step(self, data):
            rows, sparse, y = data
            with tf.GradientTape() as tape:
                means = tf.reduce_sum(rows, axis=1) + tf.reduce_sum(tf.sparse.to_dense(sparse), axis=1)
                loss = tf.reduce_mean(tf.square(self.scale * means - y))
            gradients = tape.gradient(loss, [self.scale])
            self.optimizer.apply_gradients(zip(gradients, [self.scale]))  # noqa: B905
            return {"loss": loss}

    rows = tf.ragged.constant([[1.0, 2.0], [], [3.0], [4.0, 5.0, 6.0]])
    sparse = tf.SparseTensor([[0, 1], [1, 0], [2, 2]], [1.0, 2.0, 3.0], [4, 3])
    data = tf.data.Dataset.from_tensor_slices((rows, sparse, tf.constant([1.0, 2.0, 3.0, 4.0]))).batch(2)
    model = Sums()
    model.compile(keras.optimizers.SGD(0.01))
    return model.fit(data, epochs=3, verbose=0).history["loss"], model.scale


@case
def sizes_of_text_in_a_model_that_trains(keras, tf):
    class Placed(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            entries = tf.lookup.KeyValueTensorInitializer(["a", "b"], tf.constant([1, 2]))
            self.table = tf.lookup.StaticHashTable(entries, -1)
            self.dense = keras.layers.Dense(2, kernel_initializer="ones")

        def call(self, words):
            places = tf.cast(self.table.lookup(words), tf.float32)
            return tf.zeros((tf.shape(words)[0], 2)) + self.dense(places[:, None])

    words = keras.Input((), dtype=tf.string)
    model = keras.Model(words, Placed()(words))
    model.compile(keras.optimizers.SGD(0.1), "mse")
    x, y = np.array(["a", "b", "zz", "a", "b"], object), numbers(5, 2)
    losses = model.fit(x, y, batch_size=2, epochs=2, shuffle=False, verbose=0).history["loss"]
    return [losses, model.predict(x, verbose=0)]


@case
def a_list_of_tensors_of_another_precision(keras, tf):
    found = tf.convert_to_tensor([[1.0, tf.cos(np.float64(0.1))], [2, tf.constant(3.0)]], dtype=tf.float32)
    return [found, found.dtype.name]


@case
def a_model_of_encoded_features(keras, tf):
    space = keras.utils.FeatureSpace(
        features={
            "a": "float_normalized",
            "b": keras.utils.FeatureSpace.integer_categorical(num_oov_indices=0),
        },
        output_mode="concat",
    )
    data = tf.data.Dataset.from_tensor_slices({"a": [1.0, 2.0, 3.0], "b": [1, 2, 1]})
    space.adapt(data)
    encoded = space.get_encoded_features()
    outputs = keras.layers.Dense(1, kernel_initializer="ones")(encoded)
    inner, whole = keras.Model(encoded, outputs), keras.Model(space.get_inputs(), outputs)
    asked = {"a": tf.constant([[1.0], [3.0]]), "b": tf.constant([[2], [1]])}
    return [inner.predict(numbers(2, 3), verbose=0), whole.predict(asked, verbose=0)]

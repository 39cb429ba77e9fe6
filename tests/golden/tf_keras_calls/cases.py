"""Calls by the names and arguments of tf.keras 2: the same text for the live program and for kcompile.

Each case is a function (keras, tf) that returns numbers and text, in lists and dicts.
"""

import contextlib
import io
import os
import tempfile
import threading

import numpy as np

CASES = {}


def case(function):
    """Puts a case into the table, by its name."""
    CASES[function.__name__] = function
    return function


def numbers(*shape):
    """Numbers from 0 to 1, always the same."""
    count = int(np.prod(shape))
    return (np.arange(count) * 37 % 101 / 101).reshape(shape).astype("float32")


def plain(value):
    """An answer as JSON has it."""
    if isinstance(value, dict):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(entry) for entry in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, bytes):
        return value.decode()
    value = np.asarray(value)
    if value.dtype == object:
        return plain(value.tolist())
    if value.dtype.kind == "f":
        return np.round(value.astype("float64"), 5).tolist()
    return value.tolist()


def probabilities(*shape):
    """Positive numbers whose sum over the last axis is 1."""
    x = numbers(*shape) + 0.1
    return (x / x.sum(-1, keepdims=True)).astype("float32")


# --- arguments that tf.keras calls otherwise, or that it has besides ---------------------------------------


@case
def settings_of_the_backend(keras, tf):
    K = keras.backend
    K.set_floatx(value="float16")
    K.set_epsilon(value=1e-3)
    found = [K.floatx(), K.epsilon()]
    K.set_floatx("float32")
    K.set_epsilon(1e-7)
    return found


@case
def values_of_variables(keras, tf):
    return keras.backend.batch_get_value(tensors=[tf.Variable([1.0, 2.0]), tf.Variable(3.0)])


@case
def words(keras, tf):
    text = keras.preprocessing.text
    return {
        "words": text.text_to_word_sequence(input_text="One, two!"),
        "hashed": text.hashing_trick("a-b-a", 9, "md5", analyzer=lambda t: t.split("-")),
        "alike": len(set(text.one_hot(input_text="b b", n=50))),
        "analyzed": len(text.one_hot("a-b", 50, analyzer=lambda t: t.split("-"))),
    }


@case
def tokenizer_with_an_analyzer(keras, tf):
    Tokenizer = keras.preprocessing.text.Tokenizer
    tokenizer = Tokenizer(5, "", True, " ", False, "?", lambda text: text.lower().split("-"))
    tokenizer.fit_on_texts(["A-b-a", ["c", "a"]])
    found = tokenizer.texts_to_sequences(["b-a-z", "C"])
    return [tokenizer.word_index, found, sorted(tokenizer.get_config())]


@case
def brightness(keras, tf):
    image = keras.preprocessing.image
    low, high = 50 + 100 * numbers(3, 3, 3), 600 * numbers(3, 3, 1) - 100
    return {
        "stretched": image.apply_brightness_shift(low, 1.5),
        "as it is": image.apply_brightness_shift(low, 1.5, False),
        "beyond": image.apply_brightness_shift(high, 0.5, scale=False),
        "random": image.random_brightness(low, (0.7, 0.7), scale=False),
    }


@case
def brightness_in_a_generator(keras, tf):
    generator = keras.preprocessing.image.ImageDataGenerator(brightness_range=(0.5, 1.5))
    return generator.apply_transform(50 + 100 * numbers(4, 4, 3), {"brightness": 1.25})


@case
def subsets_of_other_classes(keras, tf):
    generator = keras.preprocessing.image.ImageDataGenerator(validation_split=0.5)
    x, y = numbers(4, 2, 2, 1), np.array([0, 0, 1, 1])
    iterator = keras.preprocessing.image.NumpyArrayIterator(
        x, y, generator, batch_size=2, shuffle=False, subset="training", ignore_class_split=True
    )
    flow = generator.flow(x, y, 2, shuffle=False, subset="validation", ignore_class_split=True)
    return [iterator[0][1], flow[0][1]]


@case
def focal_crossentropies(keras, tf):
    K = keras.backend
    target, output = tf.constant([[0.0, 1.0, 1.0]]), tf.constant([[0.2, 0.7, 0.4]])
    hot = tf.constant([[0.0, 1.0, 0.0]])
    logits = tf.constant([[0.5, -1.0, 2.0]])
    return {
        "binary": K.binary_focal_crossentropy(target, output),
        "balanced": K.binary_focal_crossentropy(target, output, True, 0.3, 1.5),
        "binary of logits": K.binary_focal_crossentropy(target, logits, from_logits=True),
        "categorical": K.categorical_focal_crossentropy(hot, output),
        "by class": K.categorical_focal_crossentropy(hot, output, [0.1, 0.5, 0.2], 1.0),
        "categorical of logits": K.categorical_focal_crossentropy(hot, logits, from_logits=True),
        "loss": keras.losses.binary_focal_crossentropy(target, output, label_smoothing=0.1),
        "loss of classes": keras.losses.categorical_focal_crossentropy(hot, output, label_smoothing=0.1),
    }


@case
def class_that_does_not_count(keras, tf):
    crossentropy = keras.backend.sparse_categorical_crossentropy
    target = tf.constant([[0, 2, -1], [1, -1, 0]])
    output = tf.constant(probabilities(2, 3, 3))
    first = tf.constant(np.moveaxis(probabilities(2, 3, 3), -1, 1))
    return {
        "last axis": crossentropy(target, output, ignore_class=-1),
        "of logits": crossentropy(target, output, from_logits=True, ignore_class=-1),
        "first axis": crossentropy(target, first, axis=1, ignore_class=-1),
        "of two axes": crossentropy(target[:, 0], output[:, 0], ignore_class=1),
        "loss": keras.losses.SparseCategoricalCrossentropy(ignore_class=-1)(target, output),
    }


@case
def recurrence(keras, tf):
    x = tf.constant(numbers(2, 4, 3))
    mask = tf.constant([[True, True, False, True], [False, True, True, False]])
    start = [tf.zeros((2, 3))]

    def step(inputs, states):
        total = 0.5 * states[0] + inputs
        return total * 2.0, [total]

    found = {}
    for name, settings in {
        "zeros": {"mask": mask, "zero_output_for_mask": True},
        "zeros backwards": {"mask": mask, "zero_output_for_mask": True, "go_backwards": True},
        "zeros unrolled": {"mask": mask, "zero_output_for_mask": True, "unroll": True},
        "last": {"return_all_outputs": False},
        "last masked": {"mask": mask, "return_all_outputs": False, "go_backwards": True},
    }.items():
        last, outputs, states = keras.backend.rnn(step, x, start, **settings)
        found[name] = [last, outputs, list(states)]
    last, outputs, states = keras.backend.rnn(
        step, tf.transpose(x, [1, 0, 2]), start, mask=tf.transpose(mask), time_major=True
    )
    found["time first"] = [last, outputs, list(states)]
    return found


@case
def specifications_of_inputs(keras, tf):
    found = []
    for shape, sizes in [
        ((None, 3), (2, 3)),
        ((None, 3), (2, 3, 1)),
        ((None, 3, 1), (2, 3)),
        ((None, 3, 1), (2, 4)),
        ((None, 3), (2, 4, 1)),
        ((None,), (2, 1)),
    ]:
        layer = keras.layers.Activation("linear")
        layer.input_spec = keras.layers.InputSpec(shape=shape, allow_last_axis_squeeze=True, name="x")
        try:
            layer(tf.zeros(sizes))
            found.append("fits")
        except ValueError:
            found.append("refused")
    return found


@case
def input_layer_of_a_specification(keras, tf):
    layer = keras.layers.InputLayer(type_spec=tf.TensorSpec((None, 3), tf.int32))
    return [keras.backend.dtype(layer.output), keras.backend.int_shape(layer.output)]


@case
def name_of_a_network(keras, tf):
    make = keras.applications.ConvNeXtTiny
    model = make("mine", True, False, None, None, (32, 32, 3), None, 4)
    return [model.name, make(model_name="b", weights=None, input_shape=(32, 32, 3), classes=2).name]


@case
def bar_of_samples(keras, tf):
    with contextlib.redirect_stdout(io.StringIO()) as said:
        bar = keras.utils.Progbar(4, verbose=1, unit_name="sample")
        bar.update(4)
    return said.getvalue().strip().endswith("/sample")


@case
def serialized_objects(keras, tf):
    made = {
        "initializers": keras.initializers.Constant(2.0),
        "regularizers": keras.regularizers.L2(0.5),
        "constraints": keras.constraints.NonNeg(),
        "activations": keras.activations.relu,
        "layers": keras.layers.Dropout(0.5, name="d"),
        "losses": keras.losses.mean_squared_error,
    }
    found = {}
    for module, obj in made.items():
        serialize = getattr(keras, module).serialize
        found[module] = [serialize(obj, use_legacy_format=False), serialize(obj, use_legacy_format=True)]
    losses = keras.losses
    found["read"] = [losses.deserialize(form, use_legacy_format=False).__name__ for form in found["losses"]]
    again = keras.utils.deserialize_keras_object(config=found["layers"][0], safe_mode=True)
    return {**found, "again": again.name}


@case
def generator_behind_threads(keras, tf):
    enqueuer = keras.utils.GeneratorEnqueuer(generator=(n for n in range(4)), use_multiprocessing=False)
    enqueuer.start(workers=1, max_queue_size=2)
    found = [int(x) for _, x in zip(range(4), enqueuer.get())]
    enqueuer.stop()
    return found


# --- names --------------------------------------------------------------------------------------------------


@case
def embeddings_for_another_vocabulary(keras, tf):
    warm = keras.utils.warmstart_embedding_matrix
    base = numbers(4, 3)
    again = warm(["?", "a", "b", "c"], ["?", "d", "c", "a"], base, keras.initializers.Constant(9.0))
    nothing = warm(["a"], ["b", "c"], base[:1], "zeros")
    spread = warm(["a"], ["b", "a"], base[:1])
    return [again, nothing, list(spread.shape), spread[1]]


@case
def logging_for_nobody(keras, tf):
    utils = keras.utils
    model = keras.Sequential([keras.layers.Dense(1, input_shape=(2,))])
    model.compile("sgd", "mse")
    found = [utils.is_interactive_logging_enabled()]
    utils.disable_interactive_logging()
    try:
        found.append(utils.is_interactive_logging_enabled())
        with contextlib.redirect_stdout(io.StringIO()) as said:
            model.summary()
            model.fit(numbers(4, 2), numbers(4, 1), epochs=2)
            model.evaluate(numbers(4, 2), numbers(4, 1), verbose="auto")
            utils.Progbar(3).update(3)
    finally:
        utils.enable_interactive_logging()
    return [*found, said.getvalue(), utils.is_interactive_logging_enabled()]


@case
def thread_at_intervals(keras, tf):
    called = threading.Event()

    class Watching(keras.utils.TimedThread):
        def on_interval(self):
            called.set()

    thread = Watching(interval=60)
    found = [thread.is_alive(), thread.interval, thread.daemon]
    with thread:
        called.wait(20)
        found.append(thread.is_alive())
    thread.thread.join(20)
    return [*found, called.is_set(), thread.is_alive()]


@case
def which_generator(keras, tf):
    its = keras.backend.experimental
    before = its.is_tf_random_generator_enabled()
    its.disable_tf_random_generator()
    off = its.is_tf_random_generator_enabled()
    its.enable_tf_random_generator()
    return [before, off, its.is_tf_random_generator_enabled()]


@case
def older_forms(keras, tf):
    legacy = keras.utils.legacy
    form = legacy.serialize_keras_object(keras.layers.Dropout(0.5, name="d"))
    again = legacy.deserialize_keras_object(form, {"Dropout": keras.layers.Dropout})
    same = keras.callbacks.experimental.BackupAndRestore is not None
    return [sorted(form), form["class_name"], again.rate, same]


@case
def base_of_the_enqueuers(keras, tf):
    class Batches(keras.utils.Sequence):
        def __len__(self):
            return 3

        def __getitem__(self, index):
            return index

    enqueuer = keras.utils.OrderedEnqueuer(Batches(), use_multiprocessing=False, shuffle=False)
    enqueuer.start(workers=1, max_queue_size=2)
    found = [int(x) for _, x in zip(range(4), enqueuer.get())]
    enqueuer.stop()
    return [found, isinstance(enqueuer, keras.utils.SequenceEnqueuer), enqueuer.is_running()]


def table():
    """Columns of numbers, categories and text."""
    return {
        "age": [22.0, 35.5, 61.0, 48.0, 35.5, 19.0],
        "height": [1.5, 1.75, 1.9, 1.6, 1.55, 1.8],
        "city": ["b", "a", "b", "c", "b", "a"],
        "visits": [3, 1, 3, 3, 2, 1],
        "code": [1001, 7, 12, 7, 12, 7],
        "word": ["x y", "x", "z x", "y", "y y", "z"],
    }


def space(keras, **settings):
    """A FeatureSpace over the table."""
    FeatureSpace = keras.utils.FeatureSpace
    features = {
        "age": "float_normalized",
        "height": FeatureSpace.float_rescaled(scale=2.0, offset=-1.0),
        "city": "string_categorical",
        "visits": FeatureSpace.integer_categorical(max_tokens=3, num_oov_indices=1),
        "code": FeatureSpace.integer_hashed(num_bins=5),
        "word": FeatureSpace.string_hashed(num_bins=4),
    }
    return FeatureSpace(features, **settings)


@case
def columns_as_one_vector(keras, tf):
    dataset = tf.data.Dataset.from_tensor_slices(table())
    found = []
    for given in (dataset, dataset.batch(4)):
        made = space(keras, crosses=[("city", "visits")], crossing_dim=7)
        made.adapt(given)
        one = {name: column[2] for name, column in table().items()}
        many = {name: column[:3] for name, column in table().items()}
        mapped = [made(x) for x in dataset.batch(2).take(1)] + list(dataset.batch(2).map(made).take(1))
        found += [made(one), made(many), mapped]
    made.get_encoded_features()
    return [*found, sorted(made.get_config()), made.crosses[0].name, sorted(made.one_hot_encoders)]


@case
def columns_as_a_dict(keras, tf):
    FeatureSpace = keras.utils.FeatureSpace
    made = FeatureSpace(
        {
            "city": FeatureSpace.string_categorical(output_mode="int"),
            "visits": FeatureSpace.integer_categorical(output_mode="int"),
            "age": "float",
        },
        crosses=[FeatureSpace.cross(("city", "visits"), 9, "int")],
        output_mode="dict",
    )
    made.adapt(tf.data.Dataset.from_tensor_slices({n: table()[n] for n in ("city", "visits", "age")}))
    one = made({"city": "c", "visits": 3, "age": 5.0})
    many = made({"city": tf.constant(["a", "?"]), "visits": [1, 3], "age": [[5.0], [6.0]]})
    return [{name: one[name] for name in sorted(one)}, {name: many[name] for name in sorted(many)}]


@case
def columns_by_layers_of_ones_own(keras, tf):
    FeatureSpace = keras.utils.FeatureSpace
    words = keras.layers.TextVectorization(output_mode="count")
    bins = keras.layers.Discretization(bin_boundaries=[20.0, 40.0])
    made = FeatureSpace(
        {
            "word": FeatureSpace.feature(preprocessor=words, dtype="string", output_mode="float"),
            "age": FeatureSpace.feature("float32", bins, "int"),
        },
        output_mode="dict",
    )
    made.preprocessors["word"].adapt(tf.constant(table()["word"]))
    found = [type(made.preprocessors[name]).__name__ for name in ("word", "age")]
    return [*found, made.preprocessors["word"].get_vocabulary(), list(made.features)]


@case
def columns_in_a_model(keras, tf):
    made = space(keras, crosses=[("city", "word")], crossing_dim=3)
    dataset = tf.data.Dataset.from_tensor_slices(table())
    made.adapt(dataset)
    inputs = made.get_inputs()
    encoded = made.get_encoded_features()
    outputs = keras.layers.Dense(2, kernel_initializer=keras.initializers.Constant(0.1))(encoded)
    model = keras.Model(inputs, outputs)
    kinds = [keras.backend.dtype(inputs[name]) for name in sorted(inputs) if name not in ("city", "word")]
    return [kinds, keras.backend.int_shape(encoded), model.predict(dataset.batch(6), verbose=0)]


@case
def bins_of_a_column(keras, tf):
    FeatureSpace = keras.utils.FeatureSpace
    made = FeatureSpace({"x": FeatureSpace.float_discretized(num_bins=4)}, num_discretization_bins=3)
    made.adapt(tf.data.Dataset.from_tensor_slices({"x": [float(i) for i in range(40)]}).batch(8))
    return made({"x": [0.0, 8.0, 17.0, 33.0, 99.0, -5.0]})


@case
def columns_in_a_file(keras, tf):
    made = space(keras, crosses=[("city", "visits")])
    made.adapt(tf.data.Dataset.from_tensor_slices(table()))
    one = {name: column[1] for name, column in table().items()}
    with tempfile.TemporaryDirectory() as folder:
        made.save(os.path.join(folder, "space.keras"))
        again = keras.models.load_model(os.path.join(folder, "space.keras"))
    return [type(again).__name__, again(one), again.output_mode, sorted(again.preprocessors)]


@case
def columns_that_are_refused(keras, tf):
    FeatureSpace = keras.utils.FeatureSpace
    city = FeatureSpace.string_categorical
    unadapted = FeatureSpace({"city": "string_categorical"})
    calls = [
        lambda: FeatureSpace({}),
        lambda: FeatureSpace({"a": "strings"}),
        lambda: FeatureSpace({"a": "float"}, output_mode="list"),
        lambda: FeatureSpace({"a": "float"}, crosses=[("a", "b")]),
        lambda: FeatureSpace(
            {"a": "integer_hashed", "b": "integer_hashed"}, crosses=[("a", "b")], crossing_dim=0
        ),
        lambda: city(output_mode="vector"),
        lambda: FeatureSpace.cross(("a", "b"), 3, "float"),
        lambda: unadapted({"city": "a"}),
        lambda: unadapted.get_encoded_features(),
        lambda: unadapted.adapt({"city": ["a"]}),
        lambda: FeatureSpace({"a": "float"})([1.0]),
        lambda: FeatureSpace({"a": FeatureSpace.integer_hashed(3, output_mode="int")})({"a": 1}),
    ]
    found = []
    for call in calls:
        try:
            call()
            found.append("taken")
        except ValueError:
            found.append("refused")
    return found


def trained(model, x, y, optimizer):
    """Losses of a few epochs, and predictions after them."""
    model.compile(optimizer=optimizer, loss="mse", metrics=["mae"])
    history = model.fit(x, y, batch_size=4, epochs=3, shuffle=False, verbose=0).history
    return [{name: history[name] for name in sorted(history)}, model.predict(x, verbose=0)]


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

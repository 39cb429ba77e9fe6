"""Arguments that tf.keras calls otherwise, or has besides; names that Keras 2.3 lacks."""

import contextlib
import io
import threading

import numpy as np

from .calls import case, numbers, probabilities


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

"""Every way in (fit, evaluate, predict, single batches, generators, loaders) says the same of a mistake: what
was expected, what was found, where, and what to do."""

from __future__ import annotations

import numpy as np
import pytest

import kcompile.keras as keras
from kcompile.keras import backend as K
from kcompile.keras import losses
from kcompile.keras.layers import Conv2D, Dense, Flatten, Input, concatenate
from kcompile.keras.models import Model, Sequential
from tests.keras.training.networks import classifier, words

pytest.importorskip("torch")

N = 6
SPARSE = "sparse_categorical_crossentropy"
X = np.random.RandomState(3).uniform(-1, 1, (N, 4)).astype("float32")
CLASSES = np.arange(N) % 3
ONE_HOT = np.eye(3, dtype="float32")[CLASSES]


class Loader:
    """What is iterated over anew each epoch, as torch's DataLoader."""

    def __init__(self, *batch):
        self.batch = batch

    def __iter__(self):
        return iter([self.batch])


TRAINING = {
    "fit": lambda m, x, y, **k: m.fit(x, y, verbose=0, **k),
    "evaluate": lambda m, x, y, **k: m.evaluate(x, y, verbose=0, **k),
    "train_on_batch": lambda m, x, y, **k: m.train_on_batch(x, y, **k),
    "test_on_batch": lambda m, x, y, **k: m.test_on_batch(x, y, **k),
    "validation_data": lambda m, x, y, **k: m.fit(*good(m), validation_data=(x, y, *k.values()), verbose=0),
    "fit_generator": lambda m, x, y, **k: m.fit_generator(
        iter([(x, y, *k.values())]), steps_per_epoch=1, workers=0, verbose=0
    ),
    "evaluate_generator": lambda m, x, y, **k: m.evaluate_generator(
        iter([(x, y, *k.values())]), steps=1, workers=0
    ),
    "fit on a loader": lambda m, x, y, **k: m.fit(Loader(x, y, *k.values()), verbose=0),
}
PREDICTING = {
    "predict": lambda m, x: m.predict(x),
    "predict in batches": lambda m, x: m.predict(x, batch_size=2, verbose=0, steps=1),
    "predict_on_batch": lambda m, x: m.predict_on_batch(x),
    "predict_generator": lambda m, x: m.predict_generator(iter([(x,)]), steps=1, workers=0),
    "predict on a loader": lambda m, x: m.predict(Loader(x)),
}
WAYS = [*TRAINING, *PREDICTING]


def images(shape=(8, 8, 3)):
    model = Sequential([Conv2D(3, 3, input_shape=shape), Flatten(), Dense(1, name="out")])
    model.compile("sgd", "mse")
    return model


def two():
    a, b = Input((4,), name="a"), Input((2,), name="b")
    model = Model([a, b], Dense(1, name="out")(concatenate([a, b])))
    model.compile("sgd", "mse")
    return model


def good(model):
    """Inputs and targets that fit."""
    x = [np.zeros((N, *shape[1:])) for shape in keras.utils.generic_utils.to_list(model.input_shape)]
    sparse = model.loss in (SPARSE, losses.sparse_categorical_crossentropy)
    return x, np.zeros((N, 1) if sparse else (N, *model.output_shape[1:]))


class Table:
    """As much of a DataFrame as is read of one."""

    iloc = None

    def __init__(self, **columns):
        self.columns = list(columns)
        self.values = np.array([*zip(*columns.values(), strict=True)], dtype=object)

    def __array__(self, dtype=None, copy=None):
        return self.values


TEXT = X.astype("U5")
TEXT[2, 1] = "red"
NONE = X.astype(object)
NONE[1, 3] = None
DATES = np.full((N, 4), "2020-02-02", "datetime64[D]")
OBJECTS = np.empty(N, object)
OBJECTS[:] = list(X)
RAGGED = np.empty(N, object)
RAGGED[:] = [list(range(i + 1)) for i in range(N)]

INPUTS = {  # model, input, what the message must say
    "a single sample": (classifier, X[0], r"out_input to have shape \(4,\).*x\[np.newaxis\]"),
    "a flat list": (classifier, [1.0, 2.0, 3.0, 4.0], r"x\[np.newaxis\] \(of a list: \[x\]\)"),
    "a single image": (
        images,
        np.ones((8, 8, 3)),
        r"to have 4 dimensions, but got array with shape \(8, 8, 3\).*single sample.*x\[np.newaxis\]",
    ),
    "images without channels": (
        lambda: images((8, 8, 1)),
        np.ones((N, 8, 8)),
        r"x\[\.\.\., np.newaxis\]",
    ),
    "an axis too many": (classifier, X[..., None], r"2 dimensions.*\(6, 4, 1\).*x\[\.\.\., 0\]"),
    "channels first": (images, np.ones((N, 3, 8, 8)), r"channels come first.*np.moveaxis\(x, 1, -1\)"),
    "flat images": (images, np.ones((N, 192)), r"x.reshape\(-1, 8, 8, 3\)"),
    "images to a vector": (classifier, np.ones((N, 2, 2)), r"x.reshape\(-1, 4\)"),
    "too few features": (classifier, X[:, :2], r"shape \(4,\) but got array with shape \(2,\)"),
    "a list of samples": (classifier, list(X), r"1 arrays \(out_input\), but got 6.*np.stack\(x\)"),
    "a list of batches": (classifier, [X, X], r"1 arrays \(out_input\), but got 2.*np.concatenate\(x\)"),
    "ragged lists": (classifier, [[1, 2, 3, 4], [1, 2]], "'out_input' are ragged.*2 to 4.*pad_sequences"),
    "ragged objects": (classifier, RAGGED, "ragged.*1 to 6.*pad_sequences"),
    "objects of arrays": (classifier, OBJECTS, r"6 objects, each of shape \(4,\).*np.stack\(list\(x\)\)"),
    "text": (classifier, TEXT, r"'out_input' must hold numbers.*'red' at \[2, 1\].*Tokenizer"),
    "None": (classifier, NONE, r"NoneType None at \[1, 3\].*[Ff]ill in"),
    "dates": (classifier, DATES, r"must hold numbers.*datetime64.*at \[0, 0\]"),
    "complex numbers": (classifier, X * 1j, r"must hold numbers.*complex.*x.real, x.imag"),
    "a table with text": (
        classifier,
        Table(age=[1] * N, city=["Rome"] * N, size=[2.0] * N, rooms=[3] * N),
        "'Rome' in the column 'city', row 0.*get_dummies",
    ),
    "one input of two": (two, X, r"2 arrays \(a, b\), but got 1.*list of 2 arrays.*dict"),
    "three inputs for two": (two, [X, X, X], r"2 arrays \(a, b\), but got 3"),
    "a dict without a name": (two, {"a": X, "c": X}, r"input 'b'.*needs \['a', 'b'\].*has \['a', 'c'\]"),
    "one input is None": (two, [X, None], "No data provided for the input 'b'"),
    "inputs of two lengths": (
        two,
        [X, X[:3, :2]],
        r"number of samples.*(\(6, 4\), \(3, 2\)|a has 6, b has 3)",
    ),
    "an index too large": (
        words,
        np.full((N, 3), 7),
        r"index 7 at \[0, 0\] of words_input.*layer 'words'.*5 rows \(input_dim\), the indices 0 to 4",
    ),
    "a negative index": (words, np.full((N, 3), -1), r"index -1.*layer 'words'.*indices 0 to 4.*padded"),
    "an index of NaN": (words, np.full((N, 3), np.nan), "NaN is no index"),
    "an index as float": (words, np.full((N, 3), 5.0), "'words'.*input_dim"),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("mistake", INPUTS)
def test_a_wrong_input(mistake, way):
    make, x, message = INPUTS[mistake]
    model = make()
    with pytest.raises(ValueError, match=message) as error:
        if way in TRAINING:
            TRAINING[way](model, x, good(model)[1])
        else:
            PREDICTING[way](model, x)
    assert len(str(error.value)) < 600


NOT_BUILT = {
    "a single sample": (X[0], r"shape \(4,\), where axis 0 counts samples.*x\[np.newaxis\]"),
    "a list of samples": (list(X), r"6 arrays of shape \(4,\), one for each input.*np.stack\(x\)"),
    "one number": (3.0, r"shape \(\).*x\[np.newaxis\]"),
    "ragged lists": ([[1, 2], [3]], "ragged.*pad_sequences"),
    "nothing": (None, "no data to learn its shape from"),
}


class Own(Model):
    def __init__(self):
        super().__init__(name="own")
        self.dense = Dense(3)

    def call(self, x):
        return self.dense(x)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("make", [lambda: Sequential([Dense(3)]), Own], ids=["Sequential", "subclass"])
@pytest.mark.parametrize("mistake", NOT_BUILT)
def test_a_wrong_input_for_a_model_that_is_not_built(mistake, make, way):
    x, message = NOT_BUILT[mistake]
    if x is None and "generator" in way:
        return
    model = make()
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match=message):
        if way == "validation_data":
            model.fit(x, ONE_HOT, validation_data=(x, ONE_HOT), verbose=0)
        elif way in TRAINING:
            TRAINING[way](model, x, ONE_HOT)
        else:
            PREDICTING[way](model, x)


def batches():
    yield X, ONE_HOT


NO_DATA = {
    "a text": ("data.csv", r"out_input' is the text 'data.csv', not an array: read the file"),
    "a set": ({1, 2}, "is a set, which has no order"),
    "a function": (batches, "is the function batches, not an array: call it"),
}


@pytest.mark.parametrize(
    "method", ["fit", "evaluate", "train_on_batch", "test_on_batch", "predict", "predict_on_batch"]
)
@pytest.mark.parametrize("kind", NO_DATA)
def test_what_is_no_data(kind, method):
    x, message = NO_DATA[kind]
    with pytest.raises(ValueError, match=message):
        getattr(classifier(), method)(*([x] if method.startswith("predict") else [x, ONE_HOT]))


@pytest.mark.parametrize("method", ["fit_generator", "evaluate_generator", "predict_generator"])
@pytest.mark.parametrize("source", [X, batches, 3], ids=["an array", "a function", "a number"])
def test_what_is_no_generator(source, method):
    with pytest.raises(ValueError, match="Expected a generator, a keras.utils.Sequence or a loader.*found"):
        getattr(classifier(), method)(source, 1)


def test_targets_beside_a_generator():
    for method in ("fit", "evaluate"):
        with pytest.raises(ValueError, match=f"come from the generator or loader.*{method}"):
            getattr(classifier(), method)(batches(), ONE_HOT)


def test_numbers_of_classes_by_the_step():
    model = Sequential([Dense(3, activation="softmax", input_shape=(5, 4))])
    model.compile("sgd", "categorical_crossentropy")
    for y in (np.zeros((N, 5), int), np.zeros((N, 5, 1), int)):
        with pytest.raises(
            ValueError, match="sparse_categorical_crossentropy, or keras.utils.to_categorical"
        ):
            model.fit(np.ones((N, 5, 4)), y, verbose=0)


TARGETS = {  # loss, target, what the message must say
    "numbers of classes for one-hot rows": (
        "categorical_crossentropy",
        CLASSES,
        r"expected out to have shape \(3,\).*sparse_categorical_crossentropy.*to_categorical\(y, 3\)",
    ),
    "a column of classes for one-hot rows": (
        "categorical_crossentropy",
        CLASSES[:, None],
        r"sparse_categorical_crossentropy.*to_categorical\(y, 3\)",
    ),
    "one-hot rows for numbers": (SPARSE, ONE_HOT, r"one-hot rows.*categorical_crossentropy.*np.argmax"),
    "a label too many": (
        SPARSE,
        CLASSES + 1,
        r"label 3.* at \[2, 0\].*output 'out', which has 3 \(its units\)",
    ),
    "a negative label": (SPARSE, CLASSES - 1, r"label -1.*labels go from 0 to 2.*numbers from 0"),
    "torch's label for nothing": (SPARSE, CLASSES - 100, "label -100"),
    "a label of NaN": (SPARSE, np.where(CLASSES, np.nan, 1.0), r"label nan at \[1, 0\]"),
    "too many columns": ("mse", np.ones((N, 5)), r"out to have shape \(3,\) but got array with shape \(5,\)"),
    "one number for three units": ("mse", np.ones(N), r"shape \(1,\).*3 units: give 3 numbers a sample"),
    "one row": ("mse", np.ones(3), r"y\[np.newaxis\]|3 units"),
    "a list of rows": ("mse", list(ONE_HOT), r"expects 1 arrays \(out\), but got 6.*np.stack\(y\)"),
    "other samples": ("mse", ONE_HOT[:4], "6 input samples, 4 target samples"),
    "no samples": ("mse", ONE_HOT[:0], "6 input samples, 0 target samples|0 samples"),
    "text": ("mse", np.full((N, 3), "cat"), r"target 'out' must hold numbers.*'cat' at \[0, 0\]"),
    "ragged": ("mse", [[1, 2, 3], [1]], "target 'out' are ragged"),
    "a table with text": (
        "mse",
        Table(a=[1] * N, b=[2] * N, kind=["x"] * N),
        "target 'out'.*in the column 'kind'",
    ),
    "a dict of other names": ("mse", {"output": ONE_HOT}, r"target 'out'.*needs \['out'\].*has \['output'\]"),
}


@pytest.mark.parametrize("way", TRAINING)
@pytest.mark.parametrize("mistake", TARGETS)
def test_a_wrong_target(mistake, way):
    loss, y, message = TARGETS[mistake]
    with pytest.raises(ValueError, match=message) as error:
        TRAINING[way](classifier(loss), X, y)
    assert len(str(error.value)) < 600


WEIGHTS = {
    "a column": (np.ones((N, 1)), r"'out' with shape \(6, 1\).*\(6,\), sample_weight.ravel\(\)"),
    "a row": (np.ones((1, N)), "ravel"),
    "a table of them": (np.ones((N, 2)), r"expected 1D.*sample_weight_mode"),
    "one number": (np.float32(1.0), "one weight for each sample"),
    "too few": (np.ones(N - 1), r"shape \(5,\) for the target 'out' with shape \(6, 3\)"),
    "text": (["heavy"] * N, r"sample_weight of the output 'out' must hold numbers.*'heavy' at \[0\]"),
    "None among them": ([1.0] * 5 + [None], r"must hold numbers.*None at \[5\]"),
    "ragged": ([[1.0], [1.0, 2.0]], "sample_weight of the output 'out' are ragged"),
}


@pytest.mark.parametrize("way", TRAINING)
@pytest.mark.parametrize("mistake", WEIGHTS)
def test_wrong_sample_weights(mistake, way):
    weights, message = WEIGHTS[mistake]
    with pytest.raises(ValueError, match=message):
        TRAINING[way](classifier(), X, ONE_HOT, sample_weight=weights)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({0: 1.0, 1: 2.0}, r"classes \[2\] exist in the data"),
        ({"cat": 1.0, "dog": 2.0}, r"maps numbers of classes to weights.*'cat'.*'out'"),
        ({0: 1.0, 1: 2.0, 2: "much"}, "maps numbers of classes to weights.*'much'"),
    ],
    ids=["a class is missing", "names of classes", "a weight of text"],
)
@pytest.mark.parametrize("method", ["fit", "train_on_batch"])
def test_wrong_class_weights(weights, message, method):
    with pytest.raises(ValueError, match=message):
        getattr(classifier(), method)(X, ONE_HOT, class_weight=weights)


LOSSES = [
    name
    for name, function in sorted(vars(losses).items())
    if callable(function) and getattr(function, "__module__", "").endswith("functions") and name != "ctc"
]  # ctc's labels are sequences of any length


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_checks_the_shape_of_its_targets(name):
    function = getattr(losses, name)
    if name == "categorical_generalized_cross_entropy":
        function = losses.CategoricalGeneralizedCrossEntropy(0.5)
    with pytest.raises(ValueError, match="Error when checking target: expected out to have"):
        classifier(function).fit(X, np.ones((N, 5)), verbose=0)


def test_the_list_of_losses_is_not_empty():
    assert {"mean_squared_error", "hinge", "binary_crossentropy"} <= set(LOSSES)


def test_a_row_in_a_list_is_one_sample():
    model = classifier()
    np.testing.assert_array_equal(model.predict([X[0].tolist()]), model.predict(X[:1]))
    np.testing.assert_array_equal(model.predict([X]), model.predict(X))


def test_a_loss_of_the_users_is_named_where_it_fails():
    def by_class(y_true, y_pred):
        return K.sparse_categorical_crossentropy(y_true, y_pred)

    def by_rows(y_true, y_pred):
        return K.mean(K.square(y_true - y_pred))

    with pytest.raises(ValueError, match="out_loss/by_class/.*Target 3 is out of bounds"):
        classifier(by_class).fit(X, CLASSES + 1, verbose=0)
    with pytest.raises(RuntimeError, match=r"out_loss/by_rows/Sub on shapes \(6, 2\), \(6, 3\)"):
        classifier(by_rows).fit(X, np.ones((N, 2)), verbose=0)


@pytest.mark.parametrize("name", ["w.h5", "w.weights.h5", "w.safetensors"])
def test_weights_for_a_model_that_is_not_built(name, tmp_path):
    class Own(Model):
        def __init__(self):
            super().__init__()
            self.dense = Dense(2)

        def call(self, x):
            return self.dense(x)

    made = Sequential([Dense(2, input_shape=(3,))])
    made.save_weights(str(tmp_path / name))
    model = Own()
    with pytest.raises(ValueError, match=r"own.* have not been created yet.*build\("):
        model.load_weights(str(tmp_path / name))
    if name == "w.h5":
        model.build((None, 3))
        model.load_weights(str(tmp_path / name))
        np.testing.assert_array_equal(model.get_weights()[0], made.get_weights()[0])

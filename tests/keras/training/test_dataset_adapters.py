"""Data sets of others' making in fit, evaluate and predict: each gives what the same arrays give."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import kcompile.keras as keras
from kcompile.keras.data import Dataset
from kcompile.keras.layers import Dense, Input, concatenate
from kcompile.keras.models import Model, Sequential
from kcompile.keras.utils import PyDataset

torch = pytest.importorskip("torch")
from torch.utils import data as torch_data  # noqa: E402

RANDOM = np.random.RandomState(5)
X = RANDOM.uniform(-1, 1, (20, 3)).astype("float32")
Y = (X.sum(1) > 0).astype("float32")
W = RANDOM.uniform(0.5, 2, 20).astype("float32")


def linear(inputs=1):
    given = [Input((3,), name="x")] if inputs == 1 else [Input((1,), name=name) for name in "abc"]
    joined = given[0] if inputs == 1 else concatenate(given)
    out = Dense(1, kernel_initializer="ones", activation="sigmoid", name="y")(joined)
    model = Model(given, out)
    model.compile(keras.optimizers.SGD(0.5), "binary_crossentropy", metrics=["accuracy"])
    return model


class Batches(PyDataset):
    def __init__(self, *columns, **reading):
        super().__init__(**reading)
        self.columns = columns

    def __len__(self):
        return 3

    def __getitem__(self, i):
        return tuple(column[8 * i : 8 * i + 8] for column in self.columns)


class Samples(torch_data.Dataset):
    def __init__(self, *columns):
        self.columns = columns

    def __len__(self):
        return 20

    def __getitem__(self, i):
        return tuple(column[i] for column in self.columns)


class Stream(torch_data.IterableDataset):
    def __init__(self, *columns):
        self.columns = columns

    def __iter__(self):
        return iter(zip(*self.columns, strict=True))


def table(*columns):
    return {**{"x": columns[0]}, **dict(zip(("label", "sample_weight"), columns[1:], strict=False))}


def hugging_face(*columns):
    datasets = pytest.importorskip("datasets")
    return datasets.Dataset.from_dict(table(*columns))


def hugging_face_stream(*columns):
    return hugging_face(*columns).to_iterable_dataset()


class RealDataset:
    """What is asked of a tf.data.Dataset: no length known, elements with ``numpy()``."""

    class Tensor:
        def __init__(self, array):
            self.array, self.shape, self.dtype = array, array.shape, array.dtype

        def numpy(self):
            return self.array

    def __init__(self, *columns):
        self.columns = columns

    def __iter__(self):
        for i in range(0, 20, 8):
            yield tuple(self.Tensor(column[i : i + 8]) for column in self.columns)

    def __len__(self):
        raise TypeError("The dataset length is unknown.")


#: name -> (made of columns, whether it takes batch_size)
KINDS = {
    "Dataset": (lambda *c: Dataset.from_tensor_slices(c).batch(8), False),
    "Dataset, mapped": (
        lambda *c: Dataset.from_tensor_slices(c).map(lambda *e: e, num_parallel_calls=2).batch(8).prefetch(1),
        False,
    ),
    "Dataset of another program": (RealDataset, False),
    "PyDataset": (Batches, False),
    "PyDataset, by threads": (lambda *c: Batches(*c, workers=3, max_queue_size=4), False),
    "PyTorch dataset": (Samples, True),
    "PyTorch stream": (Stream, True),
    "TensorDataset": (lambda *c: torch_data.TensorDataset(*map(torch.from_numpy, c)), True),
    "Hugging Face": (hugging_face, True),
    "Hugging Face stream": (hugging_face_stream, True),
}


@pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
@pytest.mark.parametrize("kind", KINDS)
def test_training_equals_training_on_arrays(kind, weighted):
    make, sized = KINDS[kind]
    columns, arrays = ((X, Y, W), {"sample_weight": W}) if weighted else ((X, Y), {})
    size = {"batch_size": 8} if sized else {}
    model, reference = linear(), linear()
    history = model.fit(
        make(*columns),
        epochs=3,
        shuffle=False,
        class_weight={0: 1.0, 1: 3.0},
        validation_data=make(*columns),
        verbose=0,
        **size,
    ).history
    validation = (X, Y, W) if weighted else (X, Y)
    expected = reference.fit(
        X,
        Y,
        batch_size=8,
        epochs=3,
        shuffle=False,
        class_weight={0: 1.0, 1: 3.0},
        validation_data=validation,
        verbose=0,
        **arrays,
    ).history
    assert history.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_allclose(history[name], values, rtol=1e-5)
    np.testing.assert_allclose(model.get_weights()[0], reference.get_weights()[0], rtol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_evaluate_and_predict(kind):
    make, sized = KINDS[kind]
    size = {"batch_size": 8} if sized else {}
    model = linear()
    found = model.evaluate(make(X, Y), verbose=0, **size)
    np.testing.assert_allclose(found, model.evaluate(X, Y, verbose=0), rtol=1e-5)
    for columns in ((X, Y), (X,)):
        np.testing.assert_allclose(model.predict(make(*columns), **size), model.predict(X), rtol=1e-5)


LENGTHS = {
    name: make
    for name, (make, _) in KINDS.items()
    if "stream" not in name and name != "Dataset of another program"
}


@pytest.mark.parametrize("kind", LENGTHS)
def test_the_length_is_known_before_the_first_epoch(kind):
    seen = {}
    watch = keras.callbacks.LambdaCallback(on_train_begin=lambda logs: seen.update(watch.params))
    size = {"batch_size": 8} if KINDS[kind][1] else {}
    linear().fit(LENGTHS[kind](X, Y), verbose=0, callbacks=[watch], **size)
    assert seen["steps"] == 3


@pytest.mark.parametrize("kind", ["PyTorch dataset", "TensorDataset", "Hugging Face"])
def test_samples_are_shuffled_in_fit_alone(kind):
    make, _ = KINDS[kind]
    order = np.arange(20, dtype="float32")[:, None]
    model = Sequential([Dense(1, input_shape=(1,), kernel_initializer="ones")])
    model.compile(keras.optimizers.SGD(0.0), "mse")
    np.testing.assert_array_equal(model.predict(make(order)), order)

    def losses(shuffle):
        seen = []
        end = keras.callbacks.LambdaCallback(on_batch_end=lambda _, logs: seen.append(float(logs["loss"])))
        data = make(order, np.zeros(20, "float32"))
        model.fit(data, batch_size=4, epochs=2, shuffle=shuffle, verbose=0, callbacks=[end])
        return seen

    in_order = losses(False)
    assert in_order[:5] == in_order[5:] == sorted(in_order[:5])
    shuffled = losses(True)
    assert shuffled[:5] != shuffled[5:] and sum(shuffled[:5]) == pytest.approx(sum(shuffled[5:]), rel=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_steps_limit_an_epoch(kind):
    make, sized = KINDS[kind]
    size = {"batch_size": 8} if sized else {}
    seen = []
    count = keras.callbacks.LambdaCallback(on_batch_end=lambda batch, logs: seen.append(batch))
    linear().fit(make(X, Y), steps_per_epoch=2, epochs=3, verbose=0, callbacks=[count], **size)
    assert seen == [0, 1] * 3


def test_a_dataset_without_end_goes_on_between_epochs():
    endless = Dataset.from_tensor_slices((X, Y)).repeat().batch(8)
    model = linear()
    model.fit(endless, steps_per_epoch=2, epochs=2, verbose=0)
    reference = linear()
    reference.fit(np.tile(X, (2, 1))[:32], np.tile(Y, 2)[:32], batch_size=8, shuffle=False, verbose=0)
    np.testing.assert_allclose(model.get_weights()[0], reference.get_weights()[0], rtol=1e-5)


def test_a_py_dataset_without_end_needs_steps_and_has_no_length():
    class Endless(PyDataset):
        num_batches = None

        def __getitem__(self, i):
            return X[:8], Y[:8]

    linear().fit(Endless(), steps_per_epoch=3, verbose=0)
    with pytest.raises(ValueError, match="number of steps must be given"):
        linear().fit(Endless(), verbose=0)


def test_a_py_dataset_hears_of_epochs_and_reads_as_it_says():
    class Heard(Batches):
        heard = ()

        def on_epoch_begin(self):
            self.heard += ("begin",)

        def on_epoch_end(self):
            self.heard += ("end",)

    data = Heard(X, Y, workers=0)
    linear().fit(data, epochs=2, verbose=0)
    assert data.heard == ("begin", "end") * 2


COLUMNS = {name: X[:, i : i + 1] for i, name in enumerate("abc")}


def frames():
    named = {name: column[:, 0] for name, column in COLUMNS.items()}
    return {
        "pandas": lambda m: (m.DataFrame(named), m.Series(Y), m.Series(W)),
        "polars": lambda m: (m.DataFrame(named), m.Series(Y), m.Series(W)),
        "pyarrow": lambda m: (m.table(named), m.array(Y), m.array(W)),
    }


@pytest.mark.parametrize("inputs", [1, 3])
@pytest.mark.parametrize("package", sorted(frames()))
def test_tables_are_arrays(package, inputs):
    x, y, w = frames()[package](pytest.importorskip(package))
    model, reference = linear(inputs), linear(inputs)
    arrays = X if inputs == 1 else [COLUMNS[name] for name in "abc"]
    settings = dict(
        batch_size=8, epochs=2, shuffle=False, verbose=0, validation_split=0.2, class_weight={0: 1, 1: 2}
    )
    found = model.fit(x, y, sample_weight=w, **settings).history
    expected = reference.fit(arrays, Y, sample_weight=W, **settings).history
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-5)
    np.testing.assert_allclose(model.predict(x), reference.predict(arrays), rtol=1e-5)


@pytest.mark.parametrize("package", sorted(frames()))
def test_a_column_of_text_is_named(package):
    module = pytest.importorskip(package)
    make = module.table if package == "pyarrow" else module.DataFrame
    given = make({"a": [1.0, 2.0], "town": ["Rome", "Oslo"], "c": [1.0, 2.0]})
    with pytest.raises(ValueError, match="in the column 'town', row 0"):
        linear().predict(given)


NESTS = {
    "tuple": (COLUMNS["a"], COLUMNS["b"], COLUMNS["c"]),
    "list": [COLUMNS["a"], COLUMNS["b"], COLUMNS["c"]],
    "dict": COLUMNS,
    "tuple in a tuple": (COLUMNS["a"], (COLUMNS["b"], COLUMNS["c"])),
    "list in a dict": {"first": COLUMNS["a"], "rest": [COLUMNS["b"], COLUMNS["c"]]},
    "dicts in a tuple": ({"c": COLUMNS["c"]}, {"a": COLUMNS["a"], "b": COLUMNS["b"]}),
    "dict in a dict": {"all": {"c": COLUMNS["c"], "a": COLUMNS["a"]}, "b": COLUMNS["b"]},
}


@pytest.mark.parametrize("nest", NESTS)
def test_generators_give_nests_of_any_depth(nest):
    model, reference = linear(3), linear(3)

    def batches():
        while True:
            yield NESTS[nest], Y

    model.fit(batches(), steps_per_epoch=3, verbose=0)
    reference.fit([COLUMNS[name] for name in "abc"], Y, batch_size=20, epochs=3, shuffle=False, verbose=0)
    np.testing.assert_allclose(model.get_weights()[0], reference.get_weights()[0], rtol=1e-5)
    np.testing.assert_allclose(model.predict(NESTS[nest]), model.predict(COLUMNS), rtol=1e-6)


def test_columns_of_hugging_face_are_found_by_the_names_of_inputs():
    datasets = pytest.importorskip("datasets")
    named = {name: column.tolist() for name, column in COLUMNS.items()}
    data = datasets.Dataset.from_dict({**named, "y": Y[:, None].tolist(), "id": list(range(20))})
    model, reference = linear(3), linear(3)
    model.fit(data, batch_size=8, shuffle=False, verbose=0)
    reference.fit(COLUMNS, Y, batch_size=8, shuffle=False, verbose=0)
    np.testing.assert_allclose(model.get_weights()[0], reference.get_weights()[0], rtol=1e-5)


def test_what_hugging_face_has_and_is_no_batch_is_said():
    datasets = pytest.importorskip("datasets")
    data = hugging_face(X, Y)
    with pytest.raises(ValueError, match=r"several datasets; give one: 'train'"):
        linear().fit(datasets.DatasetDict({"train": data}), verbose=0)
    with pytest.raises(
        ValueError, match=r"columns \['x'\].*inputs are called \['a', 'b', 'c'\].*rename_column"
    ):
        linear(3).fit(data, verbose=0)


MISTAKES = {
    "y beside": (lambda m: m.fit(Samples(X, Y), Y), "come from the generator or loader"),
    "a split": (lambda m: m.fit(Samples(X, Y), validation_split=0.5), "needs arrays"),
    "batch_size beside": (lambda m: m.fit(KINDS["Dataset"][0](X, Y), batch_size=2), "must not be specified"),
    "no batches": (lambda m: m.fit(Dataset.range(0).batch(2), verbose=0), "gave no batch"),
    "a text": (lambda m: m.fit("data.csv", Y), "the text 'data.csv'"),
    "a function": (lambda m: m.fit(linear, Y), "the function linear"),
    "an object": (lambda m: m.fit(object(), Y), "cannot be made an array|must hold numbers|dimensions"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_clear_error(name):
    call, message = MISTAKES[name]
    with pytest.raises(ValueError, match=message):
        call(linear())


def test_packages_are_not_imported_by_training_without_them():
    code = (
        "import sys, numpy as np\n"
        "from kcompile.keras.layers import Dense\nfrom kcompile.keras.models import Sequential\n"
        "m = Sequential([Dense(1, input_shape=(3,))]); m.compile('sgd', 'mse')\n"
        "m.fit(np.ones((8, 3)), np.ones(8), verbose=0); m.predict(np.ones((8, 3)))\n"
        "print({'datasets', 'polars', 'pyarrow', 'pandas'} & set(sys.modules))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"

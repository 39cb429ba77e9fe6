"""Time that grows with the number of layers, calls and names, and not with its square."""

from __future__ import annotations

import gc
import io
import json
import time

import h5py
import numpy as np
import pytest

from kcompile import formats
from kcompile.formats import FileFormatError
from kcompile.formats.hdf5 import _unique
from kcompile.keras import layers
from kcompile.keras.models import Model, Sequential, load_model, model_from_json
from kcompile.keras.saving.weight_assignment import unique_names

FEW, FACTOR = 250, 8


def chain(count, order=1, shared=False):
    """The text of a functional model of ``count`` layers, or calls of one, in any order."""
    first = {"name": "i", "batch_input_shape": [None, 2]}
    entries = [{"name": "i", "class_name": "InputLayer", "config": first, "inbound_nodes": []}]
    if shared:
        calls = [[["i" if i == 0 else "d", max(i - 1, 0), 0, {}]] for i in range(count)]
        config = {"name": "d", "units": 2}
        entries.append({"name": "d", "class_name": "Dense", "config": config, "inbound_nodes": calls})
        output = ["d", count - 1, 0]
    else:
        for i in range(count):
            call = [["i" if i == 0 else f"d{i - 1}", 0, 0, {}]]
            config = {"name": f"d{i}", "activation": "relu"}
            entries.append(
                {"name": f"d{i}", "class_name": "Activation", "config": config, "inbound_nodes": [call]}
            )
        output = [f"d{count - 1}", 0, 0]
    ends = {"input_layers": [["i", 0, 0]], "output_layers": [output]}
    return json.dumps({"class_name": "Model", "config": {"name": "m", "layers": entries[::order], **ends}})


def stack(count):
    config = [
        {"class_name": "Activation", "config": {"name": f"a{i}", "activation": "relu"}} for i in range(count)
    ]
    config[0]["config"]["batch_input_shape"] = [None, 2]
    return json.dumps({"class_name": "Sequential", "config": {"name": "s", "layers": config}})


def residual(count):
    x = inputs = layers.Input((2,))
    for _ in range(count // 2):
        x = layers.Add()([x, layers.Activation("relu")(x)])
    return Model(inputs, x)


class Named:
    name = "w"


def double_names(count):
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        names = [b"n%d" % (i // 2 if i > 1 else 0) for i in range(3 * count)]
        for start in range(0, len(names), 4000):
            file.attrs[f"layer_names{start // 4000}"] = np.asarray(names[start : start + 4000])
    return buffer


def refused(file):
    file.seek(0)
    with pytest.raises(FileFormatError, match="listed twice"):
        formats.read(file)


CASES = {
    "residual summary": (residual, lambda model: model.summary(print_fn=len)),
    "stack from text": (stack, model_from_json),
    "stack in code": (
        lambda n: n,
        lambda n: Sequential([layers.Activation("relu", input_shape=(2,)) for _ in range(n)]),
    ),
    "chain": (chain, model_from_json),
    "chain in reverse": (lambda n: chain(n, -1), model_from_json),
    "calls of one layer": (lambda n: chain(n, shared=True), model_from_json),
    "weights of one name": (lambda n: [Named()] * (8 * n), unique_names),
    "datasets of one name": (lambda n: ["w"] * (8 * n), _unique),
    "double names in a file": (double_names, refused),
}


def seconds(make, work, count):
    made = make(count)
    gc.disable()  # the collector's time is that of all that other tests left
    try:
        begun = time.process_time()
        work(made)
        return time.process_time() - begun
    finally:
        gc.enable()


@pytest.mark.parametrize(("make", "work"), CASES.values(), ids=CASES)
def test_eight_times_as_many_take_no_square_of_the_time(make, work):
    work(make(FEW))  # what is imported and cached
    few = min(seconds(make, work, FEW) for _ in range(3))
    assert seconds(make, work, FACTOR * FEW) < 3.2 * FACTOR * few + 0.15


def test_what_is_added_at_once_is_what_is_added_one_by_one():
    def made():
        return [
            layers.Dense(3, input_shape=(2,), name="a"),
            layers.Dropout(0.5, name="b"),
            layers.Dense(1, name="c"),
        ]

    one = Sequential()
    for layer in made():
        one.add(layer)
    other = Sequential(made())
    for model in (one, other):
        assert [layer.name for layer in model.layers] == ["a", "b", "c"] and model.built
        assert model.input_shape == (None, 2) and model.output_shape == (None, 1)
        assert model.output_names == ["c"] and len(model.weights) == 4
    other.add(layers.Dense(5))
    assert other.output_shape == (None, 5)
    with pytest.raises(ValueError, match="used by two layers"):
        Sequential([*made(), layers.Dense(1, name="a")])
    assert Sequential([layers.Input((2,))]).output_shape == (None, 2)
    assert not Sequential([layers.Dense(2), layers.Dense(1)]).built


def test_calls_are_made_in_the_order_of_the_file_where_they_can_be():
    again = model_from_json(chain(6, -1))
    assert [layer.name for layer in again.layers] == ["i", *(f"d{i}" for i in range(6))]
    x = np.array([[-1.0, 2.0]], "float32")
    np.testing.assert_array_equal(again.predict(x), [[0.0, 2.0]])
    broken = json.loads(chain(6, -1))
    broken["config"]["layers"][-1]["name"] = "i"
    broken["config"]["layers"][2]["inbound_nodes"] = [[["d5", 0, 0, {}]]]
    with pytest.raises(ValueError, match="is called on .*which nothing in it produces"):
        model_from_json(json.dumps(broken))


def test_file_of_double_names_is_refused_at_once(tmp_path):
    (tmp_path / "m.h5").write_bytes(double_names(15000).getvalue())
    begun = time.process_time()
    with pytest.raises(FileFormatError, match="'n0' is listed twice"):
        load_model(tmp_path / "m.h5")
    assert time.process_time() - begun < 3

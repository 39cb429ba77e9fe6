"""``model.layers`` of a functional model is the list itself, as in Keras 2.3, and ``model.outputs`` may be
set: fine-tuning by taking the head off stands on it."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from kcompile.keras import backend as K
from kcompile.keras import layers as L
from kcompile.keras.models import Model, Sequential, load_model

X = np.linspace(-1, 1, 12, dtype="float32").reshape(4, 3)


def functional() -> Model:
    i = L.Input((3,))
    hidden = L.Dense(5, activation="tanh", name="features")(i)
    return Model(i, L.Dense(7, activation="softmax", name="old_head")(hidden))


def sequential() -> Sequential:
    return Sequential([L.Dense(5, input_shape=(3,), name="features"), L.Dense(7, name="old_head")])


#: Ways to take the head off; each keeps the output as it is.
WAYS = {
    "layers.pop()": lambda m: m.layers.pop(),
    "del layers[-1]": lambda m: m.layers.__delitem__(-1),
    "_layers.pop()": lambda m: m._layers.pop(),
    "layers.remove()": lambda m: m.layers.remove(m.get_layer("old_head")),
    "slice": lambda m: m.layers.__delitem__(slice(2, None)),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_new_head_sits_on_what_is_left(way):
    model = functional()
    features = Model(model.input, model.get_layer("features").output).predict(X)
    WAYS[way](model)
    assert [layer.name for layer in model.layers][1:] == ["features"] and len(model.get_weights()) == 2
    assert model.predict(X).shape == (4, 7)  # outputs are as they were until somebody sets them
    model.layers[-1].outbound_nodes = []
    new = Model(model.input, L.Dense(2, name="new")(model.layers[-1].output))
    assert new.get_layer("new").get_weights()[0].shape == (5, 2)
    model.outputs = [model.layers[-1].output]
    np.testing.assert_array_equal(model.predict(X), features)
    assert model.output is model.layers[-1].output and model.output_shape == (None, 5)
    with pytest.raises(ValueError, match="No such layer: 'old_head'"):
        model.get_layer("old_head")


def test_what_was_taken_off_has_no_part_in_training_summary_and_counts():
    model = functional()
    head = model.layers.pop()
    before = head.get_weights()
    model.compile("sgd", "categorical_crossentropy")
    features = model.get_layer("features").get_weights()
    model.fit(X, np.eye(7)[:4], verbose=0)
    np.testing.assert_array_equal(head.get_weights()[0], before[0])
    assert not np.allclose(model.get_layer("features").get_weights()[0], features[0])
    lines: list[str] = []
    model.summary(print_fn=lines.append)
    assert not any("old_head" in line for line in lines) and any("Total params: 20" in line for line in lines)
    assert model.count_params() == 20 and len(model.trainable_weights) == 2
    model.set_weights([np.zeros((3, 5)), np.zeros(5)])


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
def test_files_hold_the_model_without_its_head(suffix, tmp_path):
    model = functional()
    model.layers.pop()
    for write in (lambda: model.save(tmp_path / f"m{suffix}"), model.to_json, model.get_config):
        with pytest.raises(ValueError, match="'old_head'.*taken off model.layers.*model.outputs"):
            write()
    assert not list(tmp_path.iterdir())
    model.outputs = [model.layers[-1].output]
    model.compile("sgd", "mse")
    model.fit(X, np.zeros((4, 5)), verbose=0)
    model.save(tmp_path / f"m{suffix}")
    loaded = load_model(tmp_path / f"m{suffix}")
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
    assert [layer.name for layer in loaded.layers] == [layer.name for layer in model.layers]
    model.save_weights(tmp_path / "w.h5")
    loaded.load_weights(tmp_path / "w.h5")


def test_outputs_may_be_set_to_several_and_to_operations():
    model = functional()
    model.predict(X)
    features = model.get_layer("features").output
    model.outputs = [features, features * 2.0]
    one, two = model.predict(X)
    np.testing.assert_allclose(two, one * 2)
    assert len(model.output_names) == 2 and model.layers[-1].name != "old_head"
    model.outputs[:] = [features]  # in place, as well
    assert model.predict(X).shape == (4, 5)
    assert [layer["name"] for layer in model.get_config()["layers"]][1:] == ["features"]
    np.testing.assert_allclose(np.asarray(model(X)), one, rtol=1e-6)


def test_outputs_that_do_not_follow_from_the_inputs_change_nothing():
    model, other = functional(), functional()
    before = model.predict(X)
    with pytest.raises(ValueError, match="Graph disconnected"):
        model.outputs = [other.output]
    with pytest.raises(ValueError, match="must be tensors"):
        model.outputs = ["features"]
    np.testing.assert_array_equal(model.predict(X), before)
    assert [layer.name for layer in model.layers][1:] == ["features", "old_head"]


def test_a_layer_put_on_the_list_counts_as_one_of_the_model():
    model = functional()
    extra = L.Dense(2, name="extra")
    extra.build((None, 3))
    model.layers.insert(1, extra)
    assert model.get_layer("extra") is extra and len(model.get_weights()) == 6
    model.layers.append(L.Dropout(0.5, name="last"))
    assert model.get_layer(index=-1).name == "last" and model.predict(X).shape == (4, 7)
    model.outputs = [model.get_layer("features").output]
    assert [layer.name for layer in model.layers][1:] == ["features", "extra", "last"]


def test_the_list_of_a_sequential_model_is_live_until_the_input_is_known():
    model = Sequential([L.Dense(5), L.Dense(7)])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.layers.pop()
        model.layers.append(L.Dense(2))
    assert model.predict(X).shape == (4, 2) and len(model.layers) == 2


@pytest.mark.parametrize("way", sorted(set(WAYS) - {"_layers.pop()", "slice"}))
def test_taking_a_layer_off_the_copy_of_a_sequential_model_warns(way):
    model = sequential()
    with pytest.warns(UserWarning, match="is a copy.*model.pop"):
        WAYS[way](model)
    assert len(model.layers) == 2 and model.predict(X).shape == (4, 7)
    assert model.layers + [] == list(model.layers) and isinstance(model.layers, list)


def test_a_sequential_model_goes_on_from_outputs_that_were_set(tmp_path):
    model = sequential()
    features = K.function(model.inputs, [model.get_layer("features").output])([X])[0]
    model.outputs = [model.layers[-2].output]
    np.testing.assert_allclose(model.predict(X), features, rtol=1e-6)
    model.add(L.Dense(2, name="old_head"))
    assert model.predict(X).shape == (4, 2) and len(model.get_weights()) == 4
    model.save(tmp_path / "m.h5")
    np.testing.assert_array_equal(load_model(tmp_path / "m.h5").predict(X), model.predict(X))
    model.pop()
    np.testing.assert_allclose(model.predict(X), features, rtol=1e-6)


def test_layers_taken_off_behind_the_back_of_a_sequential_model_are_gone_from_it():
    model = sequential()
    model._layers.pop()
    assert [layer.name for layer in model.layers] == ["features"] and len(model.get_weights()) == 2


def test_a_subclassed_model_has_the_list_itself():
    class Net(Model):
        def __init__(self):
            super().__init__()
            self.a, self.b = L.Dense(2), L.Dense(3)

        def call(self, x):
            return self.a(x)

    net = Net()
    assert net.layers.pop() is net.b and net.layers == [net.a]

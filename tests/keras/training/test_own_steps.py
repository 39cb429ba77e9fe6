"""Models with training steps of their own: they compute what tf_keras computes, traced and operator by
operator, and fit keeps all its services."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pytest

from kcompile import keras
from kcompile.keras import backend as K
from kcompile.keras import layers as L
from kcompile.keras import rules
from kcompile.keras.training.nested_data import nested_inputs
from kcompile.keras.training.own_steps import LastLogs
from kcompile.tf_keras import tensorflow as tf
from tests.golden.own_steps_programs import PROGRAMS

GOLDEN = json.loads(Path(__file__, "../../../golden/own_steps.json").resolve().read_text())
X = np.random.RandomState(0).uniform(-1, 1, (20, 3)).astype("float32")
Y = np.random.RandomState(1).uniform(-1, 1, (20, 2)).astype("float32")


@pytest.mark.parametrize("eagerly", [False, True], ids=["traced", "eagerly"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_compute_what_tf_keras_computes(name, eagerly):
    with warnings.catch_warnings(), rules.following(rules.TF_KERAS):
        warnings.simplefilter("error")  # none of them needs to run eagerly
        found = PROGRAMS[name](keras, tf, **({"run_eagerly": True} if eagerly else {}))
    assert set(found) == set(GOLDEN[name])
    for key, wanted in GOLDEN[name].items():
        np.testing.assert_allclose(np.ravel(found[key]), wanted, rtol=2e-4, atol=1e-5, err_msg=key)


class Own(keras.Model):
    """A step written with Keras alone."""

    def train_step(self, data):
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        y_pred = self(x, training=True)
        loss = K.mean(K.square(y - y_pred))
        self.optimizer.minimize(loss, self.trainable_weights)
        self.compiled_metrics.update_state(y, y_pred, sample_weight)
        return {"loss": loss, **{m.name: m.result() for m in self.metrics}}


def own(cls=Own, **options):
    keras.utils.set_random_seed(0)
    inputs = L.Input((3,))
    model = cls(inputs, L.Dense(2)(L.Dense(4, activation="relu")(inputs)))
    model.compile(keras.optimizers.SGD(0.1), **{"loss": "mse", "metrics": ["mae"], **options})
    return model


def plain(**options):
    return own(keras.Model, **options)


def test_a_step_trains_as_the_built_in_one_that_says_the_same():
    mine, built_in = own(), plain()
    for model in (mine, built_in):
        model.fit(X, Y, batch_size=8, epochs=3, shuffle=False, verbose=0)
    for a, b in zip(mine.get_weights(), built_in.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_the_default_step_op_by_op_trains_as_the_built_in_one():
    by_hand, built_in = plain(run_eagerly=True), plain()
    histories = [m.fit(X, Y, batch_size=5, epochs=2, shuffle=False, verbose=0) for m in (by_hand, built_in)]
    assert list(histories[0].history) == list(histories[1].history)
    for a, b in zip(by_hand.get_weights(), built_in.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_run_eagerly_computes_each_operator_when_it_is_called():
    seen = []

    class Watched(Own):
        def train_step(self, data):
            seen.append(float(K.mean(data[0])))
            return super().train_step(data)

    own(Watched, run_eagerly=True).fit(X, Y, batch_size=5, epochs=1, shuffle=False, verbose=0)
    np.testing.assert_allclose(seen, X.reshape(4, -1).mean(axis=1), rtol=1e-5)


def test_a_step_is_called_once_for_batches_of_a_size_and_once_more_for_others():
    seen = []

    class Counted(Own):
        def train_step(self, data):
            seen.append(data[0].shape)
            return super().train_step(data)

    model = own(Counted)
    model.fit(X, Y, batch_size=6, epochs=3, verbose=0)
    assert seen == [(6, 3), (None, 3)]
    model.fit(X[:15], Y[:15], batch_size=4, epochs=2, verbose=0)
    assert len(seen) == 2


def test_what_cannot_be_traced_runs_eagerly_and_says_so_once_and_where():
    class Deciding(Own):
        def train_step(self, data):
            logs = super().train_step(data)
            if logs["loss"] > 0:  # a number decides
                logs["positive"] = 1.0
            return logs

    model, same = own(Deciding), own()
    line = Deciding.train_step.__code__.co_firstlineno + 2
    with pytest.warns(UserWarning, match="eagerly") as said:
        history = model.fit(X, Y, batch_size=6, epochs=2, shuffle=False, verbose=0)
    messages = [str(w.message) for w in said if "eagerly" in str(w.message)]
    assert len(messages) == 1 and f"test_own_steps.py:{line}" in messages[0]
    assert "Deciding.train_step" in messages[0] and history.history["positive"] == [1.0, 1.0]
    same.fit(X, Y, batch_size=6, epochs=2, shuffle=False, verbose=0)
    for a, b in zip(model.get_weights(), same.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_an_error_of_the_step_is_its_own_error():
    class Broken(Own):
        def train_step(self, data):
            raise KeyError("mine")

    with warnings.catch_warnings(), pytest.raises(KeyError, match="mine"):
        warnings.simplefilter("error")
        own(Broken).fit(X, Y, verbose=0)


def test_a_variable_reads_as_what_was_assigned_from_there_on():
    class Assigning(keras.Model):
        def __init__(self):
            super().__init__()
            self.a, self.b = K.variable(1.0), K.variable(10.0)

        def train_step(self, data):
            before = self.a + 0.0
            self.a.assign_add(K.sum(data))
            self.b.assign(self.a * 2.0)
            self.a.assign(self.b + 1.0)
            return {"before": before, "a": self.a + 0.0, "b": self.b + 0.0}

    model = Assigning()
    model.compile("sgd")
    assert model.train_on_batch(np.ones((2, 1), "float32")) == [1.0, 7.0, 6.0]
    assert model.train_on_batch(np.ones((2, 1), "float32")) == [7.0, 19.0, 18.0]
    assert float(model.a) == 19.0 and float(model.b) == 18.0


def test_gradients_are_of_a_variable_as_the_target_read_it():
    class Squares(keras.Model):
        def __init__(self):
            super().__init__()
            self.v = K.variable(3.0)

        def train_step(self, data):
            early = K.sum(data) * self.v**2
            self.v.assign(5.0)
            late = K.sum(data) * self.v**2
            with tf.GradientTape(persistent=True) as tape:
                pass
            return {
                "early": tape.gradient(early, self.v),
                "late": tape.gradient(late, self.v),
                "both": tape.gradient(early + late, self.v),
            }

    for eagerly in (False, True):
        model = Squares()
        model.compile("sgd", run_eagerly=eagerly)
        assert model.train_on_batch(np.ones((1, 1), "float32")) == [6.0, 10.0, 16.0]


def test_updates_of_layers_called_twice_follow_each_other():
    class Twice(keras.Model):
        def __init__(self):
            super().__init__()
            self.norm = L.BatchNormalization(momentum=0.5)

        def train_step(self, data):
            a, b = data
            self.norm(a, training=True)
            self.norm(b, training=True)
            return {"mean": K.mean(self.norm.moving_mean)}

    found = []
    for eagerly in (False, True):
        model = Twice()
        model.norm.build((None, 1))
        model.compile("sgd", run_eagerly=eagerly)
        model.train_on_batch(np.full((4, 1), 8.0, "float32"), np.full((4, 1), 2.0, "float32"))
        found.append(float(K.get_value(model.norm.moving_mean)[0]))
    assert found == [3.0, 3.0]  # (0 + 8) / 2, then (4 + 2) / 2


def test_random_numbers_are_drawn_anew_in_each_step():
    class Noisy(keras.Model):
        def train_step(self, data):
            return {
                "noise": K.sum(K.random_normal((2, 2))),
                "kept": K.sum(L.Dropout(0.5)(data, training=True)),
            }

    model = Noisy()
    model.compile("sgd")
    logs = [model.train_on_batch(np.ones((50, 4), "float32")) for _ in range(3)]
    assert len({tuple(each) for each in logs}) == 3


@pytest.mark.parametrize("eagerly", [False, True], ids=["traced", "eagerly"])
def test_dropout_follows_the_phase_that_a_call_says(eagerly):
    class Phases(keras.Model):
        def __init__(self):
            super().__init__()
            self.inner = keras.Sequential([L.Dropout(0.5, input_shape=(4,))])

        def train_step(self, data):
            return {
                "training": K.sum(K.cast(K.equal(self.inner(data, training=True), 0.0), "float32")),
                "unsaid": K.sum(K.cast(K.equal(self.inner(data), 0.0), "float32")),
                "inference": K.sum(K.cast(K.equal(self.inner(data, training=False), 0.0), "float32")),
            }

    model = Phases()
    model.compile("sgd", run_eagerly=eagerly)
    training, unsaid, inference = model.train_on_batch(np.ones((50, 4), "float32"))
    assert training > 0 and unsaid == inference == 0


def test_a_learning_rate_that_a_callback_sets_counts_from_the_next_step_on():
    class Stops(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                K.set_value(self.model.optimizer.lr, 0.0)
                self.before = self.model.get_weights()

    model, stops = own(), Stops()
    model.fit(X, Y, epochs=2, verbose=0, callbacks=[stops])
    for a, b in zip(model.get_weights(), stops.before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_frozen_layers_stay_as_they_are():
    model = own()
    model.layers[1].trainable = False
    model.compile("sgd", "mse")
    before = model.layers[1].get_weights()
    model.fit(X, Y, verbose=0)
    np.testing.assert_array_equal(model.layers[1].get_weights()[0], before[0])
    assert not np.array_equal(model.layers[2].get_weights()[0], np.zeros((4, 2)))


class Batches(keras.utils.Sequence):
    def __len__(self):
        return 4

    def __getitem__(self, index):
        return X[5 * index : 5 * index + 5], Y[5 * index : 5 * index + 5]


def forever():
    while True:
        yield from (Batches()[i] for i in range(4))


DATA = {
    "arrays": lambda m, **k: m.fit(X, Y, batch_size=5, shuffle=False, **k),
    "generator": lambda m, **k: m.fit(forever(), steps_per_epoch=4, workers=0, **k),
    "Sequence": lambda m, **k: m.fit(Batches(), shuffle=False, **k),
    "steps": lambda m, **k: m.fit(X, Y, batch_size=5, steps_per_epoch=4, shuffle=False, **k),
    "list of pairs": lambda m, **k: m.fit(iter([[X[:5], Y[:5]]] * 8), steps_per_epoch=4, workers=0, **k),
}


@pytest.mark.parametrize("data", DATA)
def test_all_kinds_of_data_reach_a_step_and_its_validation(data):
    model = own()
    history = DATA[data](model, epochs=2, verbose=0, validation_data=(X, Y))
    assert set(history.history) == {"loss", "mae", "val_loss", "val_mae"}
    assert all(len(values) == 2 for values in history.history.values())


def test_callbacks_hear_of_the_values_that_steps_return(tmp_path, capsys):
    seen = []

    class Listening(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append((batch, logs["size"], set(logs) - {"batch", "size"}))

    checkpoint = keras.callbacks.ModelCheckpoint(str(tmp_path / "m.h5"), monitor="val_loss")
    stop = keras.callbacks.EarlyStopping("val_mae", patience=0, min_delta=100)
    log = keras.callbacks.CSVLogger(str(tmp_path / "log.csv"))
    model = own()
    history = model.fit(
        X,
        Y,
        batch_size=8,
        epochs=5,
        validation_split=0.5,
        verbose=2,
        callbacks=[Listening(), checkpoint, stop, log],
    )
    assert seen[:2] == [(0, 8, {"loss", "mae"}), (1, 2, {"loss", "mae"})]
    assert len(history.history["loss"]) == 2 and (tmp_path / "m.h5").exists()
    assert (tmp_path / "log.csv").read_text().startswith("epoch,loss,mae,val_loss,val_mae")
    assert "loss: " in capsys.readouterr().out


def test_names_that_only_steps_know_are_shown_and_kept(capsys):
    class Named(keras.Model):
        def train_step(self, data):
            return {"energy": K.mean(data)}

    model = Named()
    model.compile("sgd")
    history = model.fit(X, epochs=1, verbose=2)
    assert list(history.history) == ["energy"] and "energy: " in capsys.readouterr().out


def test_data_of_any_nesting_reaches_the_step_as_it_was_given():
    seen = {}

    class Nested(keras.Model):
        def train_step(self, data):
            seen["data"] = data
            x, y = data
            return {"sum": K.sum(x["a"]) + K.sum(x["b"][0]) + K.sum(y)}

    model = Nested()
    model.compile("sgd")
    model.fit({"a": X, "b": [Y, X]}, Y, batch_size=20, verbose=0)
    x, y = seen["data"]
    assert list(x) == ["a", "b"] and [v.shape for v in x["b"]] == [(20, 2), (20, 3)] and y.shape == (20, 2)


def test_single_arrays_come_alone_and_whole_numbers_stay_whole():
    seen = []

    class Seen(keras.Model):
        def train_step(self, data):
            seen.append(data)
            return {"n": K.sum(K.cast(K.flatten(data), "float32"))}

    model = Seen()
    model.compile("sgd")
    model.fit(np.arange(6), batch_size=6, verbose=0)
    model.fit(X.astype("float64"), batch_size=20, verbose=0)
    assert [value.dtype.name for value in seen] == ["int64", "float32"]


def test_evaluate_and_test_on_batch_return_the_values_in_order():
    model = own()
    values = model.evaluate(X, Y, verbose=0)
    assert len(values) == 2 and values == pytest.approx(plain().evaluate(X, Y, verbose=0), rel=1e-5)
    assert model.test_on_batch(X, Y) == pytest.approx(values, rel=1e-5)
    assert model.metrics_names == ["loss", "mae"]


def test_metrics_start_anew_with_each_epoch():
    class Counting(keras.Model):
        def __init__(self):
            super().__init__()
            self.seen = keras.metrics.Sum(name="seen")

        def train_step(self, data):
            self.seen.update_state(K.ones_like(data[:, 0]))
            return {"seen": self.seen.result()}

    model = Counting()
    model.compile("sgd")
    assert model.fit(X, batch_size=6, epochs=3, verbose=0).history["seen"] == [20.0, 20.0, 20.0]


def test_a_model_that_is_not_compiled_says_so():
    inputs = L.Input((3,))
    with pytest.raises(RuntimeError, match="must compile"):
        Own(inputs, L.Dense(2)(inputs)).fit(X, Y, verbose=0)


def test_models_with_steps_are_saved_and_exported_as_others(tmp_path):
    model = own()
    model.fit(X, Y, verbose=0)
    model.save(str(tmp_path / "m.h5"))
    loaded = keras.models.load_model(str(tmp_path / "m.h5"), custom_objects={"Own": Own})
    np.testing.assert_allclose(loaded.predict(X), model.predict(X), rtol=1e-6)
    assert model.export(str(tmp_path / "m.onnx"))


def test_steps_that_return_no_names_are_refused():
    class Nameless(keras.Model):
        def train_step(self, data):
            return K.sum(data)

    model = Nameless()
    model.compile("sgd")
    with pytest.raises(ValueError, match="return a dict from names to numbers"):
        model.fit(X, verbose=0)


def test_logs_are_read_only_when_asked_for():
    logs = LastLogs()
    assert logs.latest() == {}
    logs.add({"a": np.float32(2.0), "b": np.ones(2)}, 1)
    assert logs.means()["a"] == 2.0 and logs.latest()["b"].tolist() == [1, 1]


@pytest.mark.parametrize(
    "optimizer", ["SGD", "RMSprop", "Adagrad", "Adadelta", "Adam", "Adamax", "Nadam", "Lion", "Ftrl", "AdamW"]
)
@pytest.mark.parametrize("eagerly", [False, True], ids=["traced", "eagerly"])
def test_every_optimizer_applies_gradients_as_it_trains(optimizer, eagerly):
    found = []
    for cls in (Own, keras.Model):
        model = own(cls)
        made = getattr(keras.optimizers, optimizer)(learning_rate=0.05, clipnorm=0.4)
        model.compile(made, "mse", run_eagerly=eagerly and cls is Own)
        for _ in range(3):
            model.train_on_batch(X, Y)
        found.append(model.get_weights())
        assert int(made.iterations.numpy()) == 3
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-6)


def test_an_optimizer_of_ones_own_applies_gradients_too():
    class Plain(keras.optimizers.Optimizer):
        def __init__(self):
            super().__init__()
            self.iterations = K.variable(0, "int64")

        def get_updates(self, loss, params):
            grads = self.get_gradients(loss, params)
            return [K.update_add(self.iterations, 1)] + [
                K.update_sub(p, 0.1 * g) for p, g in zip(params, grads, strict=True)
            ]

    found = []
    for optimizer in (Plain(), keras.optimizers.SGD(0.1)):
        model = own()
        model.compile(optimizer, "mse")
        model.fit(X, Y, batch_size=5, shuffle=False, verbose=0)
        found.append(model.get_weights())
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_weights_without_a_gradient_are_named_and_left_alone():
    v, w = tf.Variable([1.0]), tf.Variable([1.0], name="alone")
    optimizer = keras.optimizers.SGD(1.0)
    with pytest.warns(UserWarning, match="do not exist for variables .'alone'"):
        optimizer.apply_gradients([(tf.constant([0.5]), v), (None, w)])
    assert float(v[0]) == 0.5 and float(w[0]) == 1.0
    with pytest.raises(ValueError, match="No gradients provided for any variable"):
        optimizer.apply_gradients([(None, w)])
    optimizer.apply([tf.constant([0.5])], [v])
    optimizer.minimize(lambda: tf.reduce_sum(v * 2.0), [v])
    assert float(v[0]) == -2.0 and int(optimizer.iterations) == 3


def test_data_is_unpacked_and_packed():
    assert keras.utils.unpack_x_y_sample_weight([1, 2]) == (1, 2, None)
    assert keras.utils.unpack_x_y_sample_weight(1) == (1, None, None)
    assert keras.utils.pack_x_y_sample_weight([1]) == ([1],) and keras.utils.pack_x_y_sample_weight(1, 2) == (
        1,
        2,
    )
    with pytest.raises(ValueError, match="tuple of 4"):
        keras.utils.unpack_x_y_sample_weight((1, 2, 3, 4))


def test_the_number_of_updates_reads_as_it_is_at_that_place_of_a_step():
    class Counting(Own):
        def train_step(self, data):
            before = K.cast(self.optimizer.iterations, "float32") * 1.0
            logs = super().train_step(data)
            after = K.cast(self.optimizer.iterations, "float32") * 1.0
            return {"before": before, "after": after, "weight": self.layers[1].kernel, **logs}

    model, data = own(Counting), nested_inputs(X, Y)
    logs = LastLogs()
    for count in range(3):
        logs.add(model._own_steps.run("train", data.weighted, data.arrays), 20)
        found = logs.latest()
        assert (found["before"], found["after"]) == (count, count + 1)
        np.testing.assert_allclose(found["weight"], model.layers[1].get_weights()[0])
        earlier = found["weight"].copy()
    model._own_steps.run("train", data.weighted, data.arrays)
    np.testing.assert_array_equal(logs.latest()["weight"], earlier)  # what was returned stays


def test_constraints_hold_after_each_update():
    inputs = L.Input((3,))
    model = Own(inputs, L.Dense(2, kernel_constraint="nonneg")(inputs))
    for eagerly in (False, True):
        model.compile(keras.optimizers.Adam(0.5), "mse", run_eagerly=eagerly)
        model.fit(X, Y, epochs=2, verbose=0)
        assert (model.get_weights()[0] >= 0).all()
        assert (model.get_weights()[0] == 0).any()


def test_gradients_are_accumulated_over_batches():
    found = []
    for cls in (Own, keras.Model):
        model = own(cls)
        model.compile(keras.optimizers.Adam(0.05, gradient_accumulation_steps=2), "mse")
        model.fit(X, Y, batch_size=5, epochs=2, shuffle=False, verbose=0)
        found.append(model.get_weights())
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("own_step", [False, True], ids=["built in", "own step"])
def test_text_reaches_steps_that_run_operator_by_operator(own_step):
    samples = np.array([["this is the first"], ["and here the second"]])
    with rules.following(rules.TF_KERAS):
        keras.utils.set_random_seed(0)
        vectorizer = L.TextVectorization()
        vectorizer.adapt(samples)
        inputs = L.Input((1,), dtype="string")
        outputs = L.Dense(2)(L.GlobalAveragePooling1D()(L.Embedding(10, 4)(vectorizer(inputs))))
        model = (Own if own_step else keras.Model)(inputs, outputs)
        model.compile(keras.optimizers.SGD(0.5), "mse", run_eagerly=True)
        history = model.fit(samples, Y[:2], epochs=5, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]


def test_a_step_whose_data_hold_text_says_why_it_is_not_traced():
    class Words(keras.Model):
        def train_step(self, data):
            return {"words": K.constant(float(len(data.numpy())))}

    model = Words()
    model.compile("sgd")
    with pytest.warns(UserWarning, match="runs eagerly"):
        assert model.train_on_batch(np.array(["a", "b", "c"])) == 3.0

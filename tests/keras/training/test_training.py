"""fit, evaluate, predict and their single-batch forms: what they feed, weigh, shuffle, split and report."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import kcompile.keras as keras
from kcompile.keras import backend as K
from kcompile.keras.callbacks import Callback, LambdaCallback
from kcompile.keras.layers import BatchNormalization, Dense, Dropout, Input
from kcompile.keras.models import Model, Sequential

pytest.importorskip("torch")

RANDOM = np.random.RandomState(3)
X = RANDOM.uniform(-1, 1, (20, 3)).astype("float32")
Y = (X @ np.array([[1.0], [-2.0], [0.5]]) + 0.3).astype("float32")


def linear(**compile_arguments):
    model = Sequential([Dense(1, input_shape=(3,))])
    model.compile(**{"optimizer": keras.optimizers.SGD(0.1), "loss": "mse", **compile_arguments})
    return model


class Order(Callback):
    """The first column of the batches that a model is trained on, by a loss that reports it."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append((batch, logs["size"], logs["loss"]))


# --- learning ---


def test_one_step_of_sgd_by_hand():
    model = linear()
    kernel, bias = model.get_weights()
    error = X @ kernel + bias - Y
    loss = model.train_on_batch(X, Y)
    assert loss == pytest.approx((error**2).mean(), rel=1e-5)
    new_kernel, new_bias = model.get_weights()
    np.testing.assert_allclose(new_kernel, kernel - 0.1 * 2 * X.T @ error / 20, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(new_bias, bias - 0.1 * 2 * error.mean(0), rtol=1e-4, atol=1e-6)


def test_fit_learns():
    model = linear()
    history = model.fit(X, Y, epochs=150, batch_size=5, verbose=0)
    assert history.history["loss"][-1] < 1e-4
    np.testing.assert_allclose(model.get_weights()[0].ravel(), [1, -2, 0.5], atol=0.05)


def test_scripts_of_keras_2_2_find_accuracy_under_its_earlier_name(tmp_path):
    model = Sequential([Dense(2, activation="softmax", input_shape=(3,))])
    model.compile("sgd", "categorical_crossentropy", metrics=["accuracy"])
    x, y = np.ones((8, 3)), np.eye(2)[np.zeros(8, int)]
    best = keras.callbacks.ModelCheckpoint(f"{tmp_path}/{{val_acc:.2f}}.h5", "val_acc", save_best_only=True)
    stop = keras.callbacks.EarlyStopping("val_acc", patience=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        history = model.fit(x, y, epochs=4, validation_split=0.5, callbacks=[best, stop], verbose=0).history
    assert history["val_acc"] == history["val_accuracy"] and len(history["acc"]) < 4
    assert (tmp_path / f"{max(history['val_acc']):.2f}.h5").exists()


def test_fit_returns_the_history_of_every_epoch():
    model = linear(metrics=["mae"])
    history = model.fit(X, Y, epochs=3, verbose=0, validation_data=(X, Y))
    assert history is model.history and history.epoch == [0, 1, 2]
    assert {k: len(v) for k, v in history.history.items()} == {
        "loss": 3,
        "mae": 3,
        "val_loss": 3,
        "val_mae": 3,
    }
    assert all(isinstance(v, float) for values in history.history.values() for v in values)


def test_epoch_means_weigh_batches_by_their_size():
    model = linear(optimizer=keras.optimizers.SGD(0.0), metrics=["mae"])
    history = model.fit(X, Y, batch_size=8, shuffle=False, verbose=0)
    error = model.predict(X) - Y
    assert history.history["loss"][0] == pytest.approx((error**2).mean(), rel=1e-5)
    assert history.history["mae"][0] == pytest.approx(np.abs(error).mean(), rel=1e-5)
    assert model.evaluate(X, Y, batch_size=7, verbose=0) == pytest.approx(
        [(error**2).mean(), np.abs(error).mean()], rel=1e-5
    )


# --- batches, shuffling, splitting ---


def sizes_and_order(shuffle, batch_size=8, samples=20, **fit):
    """What a model sees, told by a metric: values of the first feature, batch by batch."""
    model = Sequential([keras.layers.Activation("linear", input_shape=(1,))])
    first = lambda y_true, y_pred: y_pred[0, 0]  # noqa: E731
    data = np.arange(samples, dtype="float32")[:, None]
    seen = []

    class See(Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append((logs["size"], logs["first"]))

        def on_train_batch_begin(self, batch, logs=None):
            self.model.reset_metrics()

    model.compile(keras.optimizers.SGD(0.0), "mse", metrics=[first])
    model.metrics[0].name = "first"
    model.fit(data, data, batch_size=batch_size, shuffle=shuffle, verbose=0, callbacks=[See()], **fit)
    return seen


def test_without_shuffling_batches_come_in_order():
    assert sizes_and_order(False, epochs=2) == [(8, 0), (8, 8), (4, 16)] * 2


def test_shuffling_is_that_of_numpy_and_new_each_epoch():
    np.random.seed(7)
    seen = [first for _, first in sizes_and_order(True, epochs=2)]
    np.random.seed(7)
    orders = []
    for _ in range(2):
        indices = np.arange(20)
        np.random.shuffle(indices)
        orders.append(indices)
    assert seen == [order[i] for order in orders for i in (0, 8, 16)]


def test_batch_shuffling_moves_whole_batches():
    np.random.seed(1)
    seen = sizes_and_order("batch", samples=42)
    assert sorted(first for _, first in seen[:-1]) == [0, 8, 16, 24, 32] and seen[-1] == (2, 40)


def test_batch_shuffling_of_an_h5py_dataset(tmp_path):
    import h5py

    with h5py.File(tmp_path / "data.h5", "w") as file:
        x, y = file.create_dataset("x", data=X), file.create_dataset("y", data=Y)
        model = linear()
        history = model.fit(x, y, shuffle="batch", batch_size=6, epochs=30, verbose=0)
        assert history.history["loss"][-1] < history.history["loss"][0] / 3
        np.testing.assert_allclose(model.predict(x), model.predict(X), rtol=1e-6)
        assert model.evaluate(x, y, verbose=0) == pytest.approx(model.evaluate(X, Y, verbose=0), rel=1e-5)
        model.fit(x, y, shuffle=True, batch_size=6, verbose=0)
        model.fit(x, y, validation_split=0.25, shuffle="batch", verbose=0)
        model.train_on_batch(x, y)


def test_unknown_shuffle():
    with pytest.raises(ValueError, match="shuffle must be True, False or \"batch\"; found 'rows'"):
        linear().fit(X, Y, shuffle="rows", verbose=0)


def test_validation_split_takes_the_end_unshuffled():
    model = linear(optimizer=keras.optimizers.SGD(0.0))
    history = model.fit(X, Y, validation_split=0.25, verbose=0)
    assert history.history["val_loss"][0] == pytest.approx(
        model.evaluate(X[15:], Y[15:], verbose=0), rel=1e-5
    )
    assert history.history["loss"][0] == pytest.approx(model.evaluate(X[:15], Y[:15], verbose=0), rel=1e-5)


@pytest.mark.parametrize("rate, phase", [(0.0, []), (0.5, [0.0])])
def test_callbacks_find_the_validation_data_as_keras_2_gives_it(rate, phase):
    x, y = np.ones((6, 3), "f"), np.zeros((6, 1), "f")
    model = Sequential([Dense(4, input_shape=(3,)), *([Dropout(rate)] if rate else []), Dense(1)])
    model.compile("sgd", "mse")
    callback = Callback()
    model.fit(x, y, validation_data=(x[:2], y[:2]), callbacks=[callback], verbose=0)
    inputs, targets, weights, *rest = callback.validation_data
    np.testing.assert_array_equal(inputs, x[:2])
    np.testing.assert_array_equal(targets, y[:2])
    assert weights.tolist() == [1, 1] and rest == phase


def test_updates_are_those_of_layers_that_train():
    layer = BatchNormalization(input_shape=(4,))
    model = Sequential([layer, Dense(1)])
    assert len(model.updates) == 2
    model.trainable = False
    assert model.updates == []
    model.trainable = True
    layer.trainable = False
    assert model.updates == []


def test_validation_data_wins_over_the_split():
    model = linear(optimizer=keras.optimizers.SGD(0.0))
    history = model.fit(X, Y, validation_split=0.25, validation_data=(X[:3], Y[:3]), verbose=0)
    assert history.history["val_loss"][0] == pytest.approx(model.evaluate(X[:3], Y[:3], verbose=0), rel=1e-5)
    assert history.history["loss"][0] == pytest.approx(model.evaluate(X, Y, verbose=0), rel=1e-5)


@pytest.mark.parametrize("form", [list, tuple])
def test_validation_data_with_weights(form):
    model = linear(optimizer=keras.optimizers.SGD(0.0))
    weights = np.arange(20.0)
    history = model.fit(X, Y, validation_data=form((X, Y, weights)), verbose=0)
    assert history.history["val_loss"][0] == pytest.approx(
        model.evaluate(X, Y, sample_weight=weights, verbose=0), rel=1e-5
    )


@pytest.mark.parametrize("frequency, epochs", [(1, 4), (2, 2), (3, 1), ([1, 4], 2)])
def test_validation_freq(frequency, epochs):
    history = linear().fit(X, Y, epochs=4, validation_data=(X, Y), validation_freq=frequency, verbose=0)
    assert len(history.history["val_loss"]) == epochs


def test_validation_steps_take_the_first_batches():
    model = linear(optimizer=keras.optimizers.SGD(0.0))
    history = model.fit(X, Y, batch_size=5, validation_data=(X, Y), validation_steps=2, verbose=0)
    assert history.history["val_loss"][0] == pytest.approx(
        model.evaluate(X[:10], Y[:10], verbose=0), rel=1e-5
    )


def test_initial_epoch_counts_on():
    history = linear().fit(X, Y, initial_epoch=3, epochs=5, verbose=0)
    assert history.epoch == [3, 4]


def test_steps_per_epoch_repeat_the_data():
    counter = Order()
    linear().fit(X, Y, batch_size=5, steps_per_epoch=7, verbose=0, callbacks=[counter])
    assert [batch for batch, _, _ in counter.seen] == list(range(7))


def test_train_on_batch_is_a_step_of_fit():
    one, other = linear(), linear()
    other.set_weights(one.get_weights())
    one.fit(X, Y, batch_size=5, epochs=2, shuffle=False, verbose=0)
    for _ in range(2):
        for i in range(0, 20, 5):
            other.train_on_batch(X[i : i + 5], Y[i : i + 5])
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)


def test_single_batches_report_by_name():
    model = linear(metrics=["mae", "mse"])
    assert model.metrics_names == ["loss", "mae", "mse"]
    results = model.test_on_batch(X, Y)
    error = model.predict_on_batch(X) - Y
    assert results == pytest.approx([(error**2).mean(), np.abs(error).mean(), (error**2).mean()], rel=1e-5)
    assert model.train_on_batch(X, Y) == pytest.approx(results, rel=1e-5)  # before the update


def test_metrics_can_go_on_over_single_batches():
    model = linear(metrics=["mae"], optimizer=keras.optimizers.SGD(0.0))
    model.reset_metrics()
    model.test_on_batch(X[:4], Y[:4], reset_metrics=False)
    _, mae = model.test_on_batch(X[4:], Y[4:], reset_metrics=False)
    assert mae == pytest.approx(model.evaluate(X, Y, verbose=0)[1], rel=1e-5)


# --- weights of samples and classes ---


def classes(loss="categorical_crossentropy", **compile_arguments):
    model = Sequential([Dense(3, activation="softmax", input_shape=(3,))])
    model.compile(keras.optimizers.SGD(0.0), loss, **compile_arguments)
    return model


LABELS = RANDOM.randint(0, 3, 20)


def test_sample_weights_scale_losses_and_weighted_metrics_only():
    model = linear(optimizer=keras.optimizers.SGD(0.0), metrics=["mae"], weighted_metrics=["mae"])
    weights = np.linspace(0, 2, 20)
    loss, plain, weighted = model.evaluate(X, Y, sample_weight=weights, verbose=0)
    error = np.abs(model.predict(X) - Y)[:, 0]
    assert loss == pytest.approx((weights * error**2).mean(), rel=1e-5)
    assert plain == pytest.approx(error.mean(), rel=1e-5)
    assert weighted == pytest.approx((weights * error).sum() / weights.sum(), rel=1e-5)
    assert model.metrics_names == ["loss", "mae", "mae_1"]


@pytest.mark.parametrize("one_hot", [True, False])
def test_class_weights_are_sample_weights_by_class(one_hot):
    model = classes("categorical_crossentropy" if one_hot else "sparse_categorical_crossentropy")
    y = np.eye(3)[LABELS] if one_hot else LABELS
    table = {0: 0.5, 1: 2.0, 2: 3.0}
    by_class = model.fit(X, y, class_weight=table, batch_size=20, verbose=0).history["loss"][0]
    by_sample = model.evaluate(
        X, y, sample_weight=np.array([table[c] for c in LABELS]), batch_size=20, verbose=0
    )
    assert by_class == pytest.approx(by_sample, rel=1e-5)
    assert model.train_on_batch(X, y, class_weight=table) == pytest.approx(by_sample, rel=1e-5)


def test_temporal_sample_weights():
    model = Sequential([Dense(2, input_shape=(4, 3))])
    model.compile("sgd", "mse", sample_weight_mode="temporal")
    x, y = RANDOM.uniform(size=(5, 4, 3)), RANDOM.uniform(size=(5, 4, 2))
    weights = RANDOM.uniform(size=(5, 4))
    expected = (((model.predict(x) - y) ** 2).mean(-1) * weights).mean()
    assert model.evaluate(x, y, sample_weight=weights, verbose=0) == pytest.approx(expected, rel=1e-5)
    with pytest.raises(ValueError, match="2D array, with shape .samples, sequence_length"):
        model.evaluate(x, y, sample_weight=weights[:, 0], verbose=0)


WEIGHT_MISTAKES = {
    "one weight too few": ({"sample_weight": np.ones(19)}, r"one weight per sample|same number of samples"),
    "a matrix of weights": ({"sample_weight": np.ones((20, 2))}, 'set `sample_weight_mode="temporal"`'),
    "a class without weight": ({"class_weight": {0: 1.0, 1: 1.0}}, r"classes \[2\] exist in the data"),
}


@pytest.mark.parametrize("name", WEIGHT_MISTAKES)
def test_weights_that_do_not_fit(name):
    arguments, message = WEIGHT_MISTAKES[name]
    with pytest.raises((ValueError, TypeError), match=message):
        classes("sparse_categorical_crossentropy").fit(X, np.resize([0, 1, 2], 20), verbose=0, **arguments)


# --- several inputs and outputs ---


def two_ends():
    a, b = Input((3,), name="a"), Input((2,), name="b")
    h = keras.layers.concatenate([a, b])
    model = Model([a, b], [Dense(1, name="first")(h), Dense(2, name="second")(a)])
    model.compile(keras.optimizers.SGD(0.0), "mse", metrics={"second": "mae"}, loss_weights={"first": 2.0})
    return model


ENDS = [X, X[:, :2]], [Y, X[:, 1:]]


@pytest.mark.parametrize(
    "x, y",
    [
        ENDS,
        (tuple(ENDS[0]), tuple(ENDS[1])),
        ({"b": ENDS[0][1], "a": ENDS[0][0]}, {"second": ENDS[1][1], "first": ENDS[1][0]}),
    ],
    ids=["lists", "tuples", "dicts"],
)
def test_data_in_every_form(x, y):
    model = two_ends()
    model.fit(x, y, verbose=0, validation_split=0.2)
    loss, first_loss, second_loss, second_mae = model.evaluate(x, y, verbose=0)
    first, second = model.predict(x)
    assert first_loss == pytest.approx(((first - Y) ** 2).mean(), rel=1e-5)
    assert second_mae == pytest.approx(np.abs(second - X[:, 1:]).mean(), rel=1e-5)
    assert loss == pytest.approx(2 * first_loss + second_loss, rel=1e-5)
    assert model.metrics_names == ["loss", "first_loss", "second_loss", "second_mae"]


def test_sample_weights_by_output():
    model = two_ends()
    weights = np.linspace(0, 1, 20)
    _, first_loss, second_loss, _ = model.evaluate(*ENDS, sample_weight={"first": weights}, verbose=0)
    first, second = model.predict(ENDS[0])
    assert first_loss == pytest.approx((weights * ((first - Y) ** 2)[:, 0]).mean(), rel=1e-5)
    assert second_loss == pytest.approx(((second - X[:, 1:]) ** 2).mean(), rel=1e-5)


def test_outputs_without_a_loss_are_not_fed():
    x = Input((3,))
    model = Model(x, [Dense(1, name="trained")(x), Dense(1, name="watched")(x)])
    model.compile("sgd", {"trained": "mse"})
    watched = model.get_layer("watched").get_weights()
    model.fit(X, {"trained": Y}, verbose=0)
    model.fit(X, Y, verbose=0)
    np.testing.assert_array_equal(model.get_layer("watched").get_weights()[0], watched[0])


def test_two_outputs_of_one_layer():
    a, b = Input((3,)), Input((3,))
    shared = Dense(1, name="shared")
    model = Model([a, b], [shared(a), shared(b)])
    model.compile("sgd", "mse", metrics=["mae"])
    results = model.train_on_batch([X, -X], [Y, Y])
    assert len(results) == len(model.metrics_names) == 5


def test_target_tensors():
    x = Input((3,))
    y = Dense(1)(x)
    model = Model(x, y)
    model.compile("sgd", "mse", target_tensors=[K.constant(np.zeros((1, 1)))])
    assert model.train_on_batch(X) == pytest.approx((np.square(X @ np.zeros((3, 1)) - 0)).mean(), abs=10)


# --- phases ---


def test_dropout_in_training_only():
    model = Sequential([Dropout(0.5, input_shape=(1,))])
    model.compile("sgd", "mae")
    ones = np.ones((400, 1), "f")
    assert model.evaluate(ones, ones, verbose=0) == 0
    assert model.train_on_batch(ones, ones) == pytest.approx(1.0, abs=0.01)  # 0 or 2, never 1
    assert (model.predict(ones) == 1).all()


def test_batch_normalization_moves_in_training_only():
    model = Sequential([BatchNormalization(momentum=0.5, input_shape=(3,))])
    model.compile("sgd", "mse")
    mean = lambda: model.get_weights()[2]  # noqa: E731
    model.evaluate(X, X, verbose=0)
    model.predict(X)
    assert (mean() == 0).all()
    model.train_on_batch(X, X)
    np.testing.assert_allclose(mean(), 0.5 * X.mean(0), rtol=1e-4, atol=1e-6)


def test_regularization_counts_in_training_and_evaluation():
    model = Sequential([Dense(1, input_shape=(3,), kernel_regularizer="l2", use_bias=False)])
    model.compile("sgd", "mse")
    expected = ((model.predict(X) - Y) ** 2).mean() + 0.01 * (model.get_weights()[0] ** 2).sum()
    assert model.test_on_batch(X, Y) == pytest.approx(expected, rel=1e-5)
    assert model.train_on_batch(X, Y) == pytest.approx(expected, rel=1e-5)


# --- data of other kinds ---


@pytest.mark.parametrize("dtype", ["float64", "int32", "uint8", "bool", "float16"])
def test_numbers_of_any_type_are_cast(dtype):
    data = np.round(np.abs(X) * 2).astype(dtype)
    model = linear()
    np.testing.assert_allclose(model.predict(data), model.predict(data.astype("float32")), rtol=1e-6)
    model.fit(data, data[:, :1], verbose=0)


def test_lists_of_numbers():
    model = linear()
    rows = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]
    np.testing.assert_allclose(model.predict(rows), model.predict(np.array(rows)), rtol=1e-6)
    model.fit(X.tolist(), Y[:, 0].tolist(), verbose=0)


def test_vectors_become_columns():
    model = linear()
    assert model.evaluate(X, Y[:, 0], verbose=0) == pytest.approx(model.evaluate(X, Y, verbose=0))


def test_arrays_with_strides_and_fortran_order():
    model = linear()
    wide = np.repeat(X, 2, axis=1)[:, ::2]
    for data in (wide, np.asfortranarray(X), X[::-1][::-1]):
        np.testing.assert_allclose(model.predict(data), model.predict(X.copy()), rtol=1e-6)


def test_torch_tensors():
    import torch

    model = linear()
    np.testing.assert_allclose(model.predict(torch.from_numpy(X)), model.predict(X), rtol=1e-6)
    model.fit(torch.from_numpy(X), torch.from_numpy(Y), verbose=0)


@pytest.mark.parametrize("samples", [1, 31, 32, 33, 100])
def test_predict_any_number_of_samples(samples):
    model = linear()
    data = np.resize(X, (samples, 3))
    for batch_size in (None, 7, 1000):
        kernel, bias = model.get_weights()
        found = model.predict(data, batch_size=batch_size)
        np.testing.assert_allclose(found, data @ kernel + bias, rtol=1e-4, atol=1e-5)


def test_predict_shows_progress_and_calls_back(capsys):
    calls = []

    class Watch(Callback):
        def on_predict_batch_end(self, batch, logs=None):
            calls.append((batch, logs["size"]))

    found = linear().predict(X, batch_size=8, verbose=1, callbacks=[Watch()])
    assert found.shape == (20, 1) and calls == [(0, 8), (1, 8), (2, 4)]
    assert "20/20" in capsys.readouterr().out


def test_predict_steps():
    assert linear().predict(X, batch_size=4, steps=2).shape == (8, 1)


# --- alternating, freezing, compiling anew ---


def test_predict_sees_every_change_of_the_weights():
    model = linear()
    for _ in range(30):
        kernel, bias = model.get_weights()
        np.testing.assert_allclose(model.predict(X), X @ kernel + bias, rtol=1e-4, atol=1e-5)
        model.train_on_batch(X, Y)
    model.set_weights([np.zeros((3, 1)), np.ones(1)])
    assert (model.predict(X) == 1).all()
    K.set_value(model.layers[0].bias, [5.0])
    assert (model.predict(X) == 5).all()


def test_generator_and_discriminator_take_turns():
    """A GAN as Keras's examples write it: the same layers, trainable in one model and frozen in the other."""
    generator = Sequential([Dense(4, activation="relu", input_shape=(2,)), Dense(3)])
    discriminator = Sequential(
        [Dense(4, activation="relu", input_shape=(3,)), Dense(1, activation="sigmoid")]
    )
    discriminator.compile("sgd", "binary_crossentropy")
    discriminator.trainable = False
    z = Input((2,))
    combined = Model(z, discriminator(generator(z)))
    combined.compile("sgd", "binary_crossentropy")
    noise, ones = RANDOM.uniform(size=(8, 2)).astype("f"), np.ones((8, 1), "f")
    with pytest.warns(UserWarning, match="Discrepancy between trainable weights"):
        for _ in range(3):
            fake = generator.predict(noise)
            before = discriminator.get_weights(), generator.get_weights()
            discriminator.train_on_batch(fake, 0 * ones)
            middle = discriminator.get_weights(), generator.get_weights()
            combined.train_on_batch(noise, ones)
            after = discriminator.get_weights(), generator.get_weights()
            same = lambda a, b: all((x == y).all() for x, y in zip(a, b, strict=True))  # noqa: E731
            assert not same(before[0], middle[0]) and same(before[1], middle[1])
            assert same(middle[0], after[0]) and not same(middle[1], after[1])
            assert not (generator.predict(noise) == fake).all()


def test_trainable_is_read_at_compile():
    model = linear()
    dense = model.layers[0]
    dense.trainable = False
    with pytest.warns(UserWarning, match="without calling `model.compile`"):
        before = model.get_weights()
        model.train_on_batch(X, Y)
    assert (model.get_weights()[0] != before[0]).any()
    model.compile("sgd", "mse")
    before = model.get_weights()
    model.train_on_batch(X, Y)
    np.testing.assert_array_equal(model.get_weights()[0], before[0])


@pytest.mark.parametrize("freeze", ["layer", "model", "outer"])
def test_frozen_batch_normalization_is_in_inference_mode(freeze):
    """As in tf.keras 2 and Keras 3, and unlike Keras 2.3: moving statistics are used and stay."""
    inner = Sequential([BatchNormalization(input_shape=(3,), momentum=0.5)])
    outer = Sequential([inner, Dense(1)])
    {"layer": inner.layers[0], "model": inner, "outer": outer}[freeze].trainable = False
    outer.compile("sgd", "mse")
    expected = outer.test_on_batch(X, Y)
    statistics = inner.get_weights()[2:]
    assert outer.train_on_batch(X, Y) == pytest.approx(expected, rel=1e-5)
    for now, then in zip(inner.get_weights()[2:], statistics, strict=True):
        np.testing.assert_array_equal(now, then)


def test_compile_again_starts_the_optimizer_afresh():
    model = linear(optimizer="adam")
    model.fit(X, Y, verbose=0)
    assert len(model.optimizer.weights) > 0
    model.compile("adam", "mae")
    assert K.get_value(model.optimizer.iterations) == 0
    model.fit(X, Y, verbose=0)


def test_learning_rate_can_be_changed_at_any_time():
    model = linear()
    model.train_on_batch(X, Y)
    K.set_value(model.optimizer.lr, 0.0)
    before = model.get_weights()
    model.train_on_batch(X, Y)
    np.testing.assert_array_equal(model.get_weights()[0], before[0])
    assert K.get_value(model.optimizer.learning_rate) == 0.0


def test_stop_training_ends_the_epoch_and_fit():
    counter = Order()

    class Stop(Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = batch == 1

    history = linear().fit(X, Y, batch_size=4, epochs=5, verbose=0, callbacks=[Stop(), counter])
    assert len(counter.seen) == 2 and history.epoch == [0]


def test_nan_stops_where_asked():
    bad = X.copy()
    bad[9] = np.nan
    counter = Order()
    model = linear()
    history = model.fit(
        bad, Y, batch_size=4, epochs=3, shuffle=False, verbose=0,
        callbacks=[keras.callbacks.TerminateOnNaN(), counter],
    )  # fmt: skip
    assert len(counter.seen) == 3 and len(history.history["loss"]) == 1


def test_gradients_of_unused_weights_are_zero():
    x = Input((3,))
    used, unused = Dense(1), Dense(1)
    model = Model(x, [used(x), unused(x)])
    model.compile("adam", [None, "mse"])
    before = model.layers[1].get_weights()
    model.fit(X, Y, verbose=0)
    np.testing.assert_array_equal(model.layers[1].get_weights()[0], before[0])


# --- what callbacks are told ---


def test_callbacks_are_called_in_the_order_of_keras():
    calls = []
    names = [
        f"on_{what}_{when}"
        for what in ("train", "epoch", "train_batch", "test", "test_batch")
        for when in ("begin", "end")
    ]
    recorder = type(
        "Recorder", (Callback,), {n: (lambda self, *a, _n=n, **k: calls.append(_n)) for n in names}
    )()
    linear().fit(X, Y, batch_size=10, epochs=1, validation_data=(X, Y), verbose=0, callbacks=[recorder])
    assert calls == [
        "on_train_begin", "on_epoch_begin",
        "on_train_batch_begin", "on_train_batch_end", "on_train_batch_begin", "on_train_batch_end",
        "on_test_begin",
        "on_test_batch_begin", "on_test_batch_end", "on_test_batch_begin", "on_test_batch_end",
        "on_test_end", "on_epoch_end", "on_train_end",
    ]  # fmt: skip


def test_callbacks_get_params_model_and_logs():
    seen = {}

    class Watch(Callback):
        def on_train_begin(self, logs=None):
            seen["params"], seen["model"] = dict(self.params), self.model

        def on_batch_end(self, batch, logs=None):
            seen["batch"] = dict(logs)

        def on_epoch_end(self, epoch, logs=None):
            seen["epoch"] = dict(logs)

    model = linear(metrics=["mae"])
    model.fit(X, Y, batch_size=8, epochs=2, validation_data=(X, Y), verbose=0, callbacks=[Watch()])
    assert seen["model"] is model
    assert seen["params"] == {
        "batch_size": 8,
        "epochs": 2,
        "steps": None,
        "samples": 20,
        "verbose": 0,
        "do_validation": True,
        "metrics": ["loss", "mae", "val_loss", "val_mae"],
    }
    assert set(seen["batch"]) == {"batch", "size", "loss", "mae"} and seen["batch"]["size"] == 4
    assert set(seen["epoch"]) == {"loss", "mae", "val_loss", "val_mae"}


def test_lambda_callback_and_history_of_evaluate():
    ends = []
    linear().fit(
        X, Y, epochs=2, verbose=0, callbacks=[LambdaCallback(on_epoch_end=lambda e, logs: ends.append(e))]
    )
    assert ends == [0, 1]


@pytest.mark.parametrize("verbose", [0, 1, 2])
def test_progress_as_users_know_it(verbose, capsys):
    linear(metrics=["mae"]).fit(X, Y, epochs=2, verbose=verbose, validation_data=(X, Y))
    out = capsys.readouterr().out
    assert ("Train on 20 samples, validate on 20 samples" in out) == (verbose > 0)
    assert ("Epoch 1/2" in out) == (verbose > 0)
    assert ("20/20" in out) == (verbose == 1)
    assert ("val_mae" in out) == (verbose > 0)


def test_steps_can_be_made_before_the_first_batch():
    """What code for servers and for resuming an optimizer does with Keras 2."""
    model = Sequential([Dense(1, input_shape=(3,))])
    model.compile("adam", "mse")
    x, y = np.ones((4, 3)), np.ones((4, 1))
    model.train_on_batch(x, y)
    state = model.optimizer.get_weights()

    twin = keras.models.clone_model(model)
    twin.set_weights(model.get_weights())
    twin.compile("adam", "mse")
    twin._make_predict_function()
    twin._make_test_function()
    twin._make_train_function()
    twin.optimizer.set_weights(state)
    assert [w.shape for w in twin.optimizer.get_weights()] == [w.shape for w in state]
    assert twin.train_on_batch(x, y) == model.train_on_batch(x, y)
    for ours, theirs in zip(twin.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("weight", ["auto", "balanced", np.array([1.0, 2.0]), [1.0, 2.0], 3.0], ids=str)
def test_class_weight_that_is_no_dict_is_ignored_as_keras_ignores_it(weight):
    """As sklearn's compute_class_weight gives it, and as scikit-learn spells it."""
    x, y = np.random.RandomState(0).rand(8, 4), np.arange(8) % 2

    def trained(class_weight, way):
        model = keras.Sequential(
            [Dense(2, activation="softmax", input_shape=(4,), kernel_initializer="ones")]
        )
        model.compile("sgd", "sparse_categorical_crossentropy")
        if way == "fit":
            model.fit(x, y, class_weight=class_weight, shuffle=False, verbose=0)
        elif way == "train_on_batch":
            model.train_on_batch(x, y, class_weight=class_weight)
        else:
            model.fit_generator(iter([(x, y)] * 2), 1, class_weight=class_weight, verbose=0)
        return model.get_weights()[0]

    for way in ("fit", "train_on_batch", "fit_generator"):
        with pytest.warns(UserWarning, match="class_weight must be a dict .* is ignored"):
            found = trained(weight, way)
        np.testing.assert_array_equal(found, trained(None, way))


def test_single_numbers_are_numpy_scalars():
    """Programs call .item(), .tolist() and .dtype of them."""
    model = keras.Sequential([Dense(1, input_shape=(4,))])
    model.compile("sgd", "mse", metrics=["mae"])
    x, y = np.ones((8, 4)), np.ones(8)
    batches = model.train_on_batch(x, y) + model.test_on_batch(x, y)
    assert all(isinstance(value, np.float32) for value in batches)
    found = model.evaluate(x, y, verbose=0) + model.evaluate_generator(iter([(x, y)] * 2), 1)
    assert all(isinstance(value, np.floating) and isinstance(value, float) for value in found)
    model.compile("sgd", "mse")
    assert isinstance(model.train_on_batch(x, y), np.float32)
    assert isinstance(model.evaluate(x, y, verbose=0), np.float64)

"""The code of Keras's FAQ, as it stands there, and what it promises."""

from __future__ import annotations

import numpy as np
import pytest

from kcompile import keras
from kcompile.keras import backend as K
from kcompile.keras.layers import LSTM, Dense, Dropout, Input
from kcompile.keras.models import Model, Sequential, load_model, model_from_json, model_from_yaml
from kcompile.keras.utils import CustomObjectScope

pytest.importorskip("torch")

RANDOM = np.random.RandomState(0)
DATA, LABELS = RANDOM.uniform(-1, 1, (24, 32)).astype("f"), RANDOM.uniform(-1, 1, (24, 32)).astype("f")


def test_freezing_with_two_models_that_share_a_layer():
    x = Input(shape=(32,))
    layer = Dense(32)
    layer.trainable = False
    y = layer(x)

    frozen_model = Model(x, y)
    frozen_model.compile(optimizer="rmsprop", loss="mse")

    layer.trainable = True
    trainable_model = Model(x, y)
    trainable_model.compile(optimizer="rmsprop", loss="mse")

    before = layer.get_weights()
    with pytest.warns(UserWarning, match="Discrepancy"):
        frozen_model.fit(DATA, LABELS, verbose=0)
    np.testing.assert_array_equal(layer.get_weights()[0], before[0])
    trainable_model.fit(DATA, LABELS, verbose=0)
    assert (layer.get_weights()[0] != before[0]).any()
    np.testing.assert_array_equal(frozen_model.predict(DATA), trainable_model.predict(DATA))


def test_a_layer_frozen_from_the_start():
    frozen_layer = Dense(32, trainable=False)
    model = Sequential([Dense(32, input_shape=(32,)), frozen_layer])
    model.compile("sgd", "mse")
    before = model.get_weights()
    model.fit(DATA, LABELS, verbose=0)
    after = model.get_weights()
    assert (after[0] != before[0]).any() and (after[2] == before[2]).all()


def test_output_of_an_intermediate_layer():
    model = Sequential([Dense(8, input_shape=(32,), name="my_layer"), Dense(4)])
    intermediate_layer_model = Model(inputs=model.input, outputs=model.get_layer("my_layer").output)
    kernel, bias = model.layers[0].get_weights()
    np.testing.assert_allclose(
        intermediate_layer_model.predict(DATA), DATA @ kernel + bias, rtol=1e-4, atol=1e-5
    )


def test_intermediate_output_by_function_in_both_phases():
    model = Sequential([Dense(8, input_shape=(32,)), Dense(8), Dense(8), Dropout(0.5), Dense(2)])
    get_3rd_layer_output = K.function([model.layers[0].input], [model.layers[3].output])
    (layer_output,) = get_3rd_layer_output([DATA])
    with_phase = K.function([model.layers[0].input, K.learning_phase()], [model.layers[3].output])
    test_mode = with_phase([DATA, 0])[0]
    train_mode = with_phase([DATA, 1])[0]
    np.testing.assert_array_equal(layer_output, test_mode)
    dropped = train_mode == 0
    assert 0.3 < dropped.mean() < 0.7
    np.testing.assert_allclose(train_mode[~dropped], 2 * test_mode[~dropped], rtol=1e-5)


def test_stateful_recurrence():
    x = RANDOM.uniform(size=(32, 21, 16)).astype("f")
    model = Sequential()
    model.add(LSTM(32, input_shape=(10, 16), batch_size=32, stateful=True))
    model.add(Dense(16, activation="softmax"))
    model.compile(optimizer="rmsprop", loss="categorical_crossentropy")
    model.train_on_batch(x[:, :10, :], np.reshape(x[:, 10, :], (32, 16)))
    model.train_on_batch(x[:, 10:20, :], np.reshape(x[:, 20, :], (32, 16)))

    model.reset_states()
    first = model.predict(x[:, :10])
    second = model.predict(x[:, :10])
    assert np.abs(first - second).max() > 1e-5  # goes on from where it stood
    model.layers[0].reset_states()
    np.testing.assert_allclose(model.predict(x[:, :10]), first, rtol=1e-5, atol=1e-6)

    whole = Sequential([LSTM(32, input_shape=(20, 16)), Dense(16, activation="softmax")])
    whole.set_weights(model.get_weights())
    model.reset_states()
    model.predict(x[:, :10])
    np.testing.assert_allclose(model.predict(x[:, 10:20]), whole.predict(x[:, :20]), rtol=1e-4, atol=1e-6)
    with pytest.raises(ValueError, match="batch size|batch_size"):
        model.predict(x[:31, :10])


def test_pop_takes_the_last_layer_away():
    model = Sequential()
    model.add(Dense(32, activation="relu", input_dim=784))
    model.add(Dense(32, activation="relu"))
    assert len(model.layers) == 2
    model.pop()
    assert len(model.layers) == 1


def test_saving_architecture_weights_and_state(tmp_path):
    path = str(tmp_path / "my_model.h5")
    model = Sequential([Dense(4, input_shape=(32,)), Dense(32)])
    model.compile("adam", "mse", metrics=["mae"])
    model.fit(DATA, LABELS, verbose=0)
    expected = model.predict(DATA)
    model.save(path)
    del model
    model = load_model(path)
    np.testing.assert_array_equal(model.predict(DATA), expected)
    assert model.metrics_names == ["loss", "mae"] and K.get_value(model.optimizer.iterations) == 1
    for again in (model_from_json(model.to_json()), model_from_yaml(model.to_yaml())):
        again.set_weights(model.get_weights())
        np.testing.assert_array_equal(again.predict(DATA), expected)


def test_weights_by_name(tmp_path):
    fname = str(tmp_path / "my_model_weights.h5")
    model = Sequential()
    model.add(Dense(2, input_dim=3, name="dense_1"))
    model.add(Dense(3, name="dense_2"))
    model.save_weights(fname)

    other = Sequential()
    other.add(Dense(2, input_dim=3, name="dense_1"))
    other.add(Dense(10, name="new_dense"))
    untouched = other.layers[1].get_weights()
    other.load_weights(fname, by_name=True)
    np.testing.assert_array_equal(other.layers[0].get_weights()[0], model.layers[0].get_weights()[0])
    np.testing.assert_array_equal(other.layers[1].get_weights()[0], untouched[0])


class AttentionLayer(keras.layers.Layer):
    """Somebody's layer."""

    def call(self, inputs):
        return K.softmax(inputs) * inputs


def test_custom_objects(tmp_path):
    model = Sequential([AttentionLayer(input_shape=(32,))])
    path = str(tmp_path / "my_model.h5")
    model.save(path)
    expected = model.predict(DATA)
    named = {"AttentionLayer": AttentionLayer}
    loaded = [
        load_model(path, custom_objects=named),
        model_from_json(model.to_json(), custom_objects=named),
        model_from_yaml(model.to_yaml(), custom_objects=named),
    ]
    with CustomObjectScope(named):
        loaded.append(load_model(path))
    for again in loaded:
        np.testing.assert_array_equal(again.predict(DATA), expected)
    with pytest.raises(ValueError, match="AttentionLayer"):
        load_model(path)


def test_training_loss_differs_from_testing_loss_by_dropout():
    model = Sequential([Dropout(0.9, input_shape=(32,)), Dense(32, kernel_initializer="identity")])
    model.compile(keras.optimizers.SGD(0.0), "mse")
    history = model.fit(DATA, DATA, verbose=0)
    assert model.evaluate(DATA, DATA, verbose=0) < 1e-10 < history.history["loss"][0]


def test_early_stopping_and_history():
    model = Sequential([Dense(32, input_shape=(32,))])
    model.compile(keras.optimizers.SGD(0.0), "mse")
    early_stopping = keras.callbacks.EarlyStopping(monitor="val_loss", patience=2)
    hist = model.fit(DATA, LABELS, validation_split=0.2, callbacks=[early_stopping], epochs=10, verbose=0)
    assert len(hist.history["val_loss"]) == 3


def test_hdf5_inputs(tmp_path):
    import h5py

    path = tmp_path / "file.hdf5"
    with h5py.File(path, "w") as f:
        f["x_data"] = DATA
    model = Sequential([Dense(2, input_shape=(32,))])
    with h5py.File(path, "r") as f:
        x_data = f["x_data"]
        np.testing.assert_allclose(model.predict(x_data), model.predict(DATA), rtol=1e-6)
    matrix = keras.utils.HDF5Matrix(str(path), "x_data", 4, 12)
    np.testing.assert_allclose(model.predict(matrix), model.predict(DATA[4:12]), rtol=1e-6)


def test_a_shared_lstm_encodes_two_sequences():
    tweet_a, tweet_b = Input(shape=(14, 25)), Input(shape=(14, 25))
    shared_lstm = LSTM(6)
    merged_vector = keras.layers.concatenate([shared_lstm(tweet_a), shared_lstm(tweet_b)], axis=-1)
    model = Model([tweet_a, tweet_b], Dense(1, activation="sigmoid")(merged_vector))
    model.compile("rmsprop", "binary_crossentropy", metrics=["accuracy"])
    a, b = RANDOM.uniform(size=(2, 8, 14, 25)).astype("f")
    model.fit([a, b], RANDOM.randint(0, 2, (8, 1)), verbose=0)
    halves = Model([tweet_a, tweet_b], merged_vector).predict([a, a])
    np.testing.assert_allclose(halves[:, :6], halves[:, 6:], rtol=1e-5)

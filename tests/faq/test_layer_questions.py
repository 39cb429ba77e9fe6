"""FAQ: freezing layers, stateful RNNs, removing a layer."""

from __future__ import annotations

import numpy as np


def test_how_can_i_freeze_keras_layers(run, data):
    names = run("""
from keras.layers import Dense, Input
from keras.models import Model, Sequential
frozen_layer = Dense(32, trainable=False)

x = Input(shape=(32,))
layer = Dense(32)
layer.trainable = False
y = layer(x)

frozen_model = Model(x, y)
# in the model below, the weights of `layer` will not be updated during training
frozen_model.compile(optimizer='rmsprop', loss='mse')

layer.trainable = True
trainable_model = Model(x, y)
# with this model the weights of the layer will be updated during training
# (which will also affect the above model since it uses the same layer instance)
trainable_model.compile(optimizer='rmsprop', loss='mse')

data, labels = np.random.random((20, 32)), np.random.random((20, 32))
weights = [layer.get_weights()[0]]
frozen_model.fit(data, labels, verbose=0)  # this does NOT update the weights of `layer`
weights.append(layer.get_weights()[0])
trainable_model.fit(data, labels, verbose=0)  # this updates the weights of `layer`
weights.append(layer.get_weights()[0])
""")
    start, after_frozen, after_trainable = names["weights"]
    assert np.array_equal(start, after_frozen) and not np.array_equal(start, after_trainable)
    x = names["data"]
    assert np.array_equal(names["frozen_model"].predict(x), names["trainable_model"].predict(x))
    assert names["frozen_layer"].trainable is False


def test_how_can_i_use_stateful_rnns(run):
    names = run("""
from keras.models import Sequential
from keras.layers import LSTM, Dense
x = np.random.random((32, 21, 16))  # this is our input data, of shape (32, 21, 16)
# we will feed it to our model in sequences of length 10

model = Sequential()
model.add(LSTM(32, input_shape=(10, 16), batch_size=32, stateful=True))
model.add(Dense(16, activation='softmax'))

model.compile(optimizer='rmsprop', loss='categorical_crossentropy')

# we train the network to predict the 11th timestep given the first 10:
model.train_on_batch(x[:, :10, :], np.reshape(x[:, 10, :], (32, 16)))

# the state of the network has changed. We can feed the follow-up sequences:
model.train_on_batch(x[:, 10:20, :], np.reshape(x[:, 20, :], (32, 16)))

# let's reset the states of the LSTM layer:
model.reset_states()

# another way to do it in this case:
model.layers[0].reset_states()
""")
    model, x = names["model"], names["x"]
    state = lambda: model.layers[0].states[0].numpy()  # noqa: E731
    assert not state().any()
    first = model.predict(x[:, :10], batch_size=32)
    assert state().any()
    second = model.predict(x[:, 10:20], batch_size=32)
    model.reset_states()
    assert np.allclose(model.predict(x[:, :10], batch_size=32), first, atol=1e-6)
    classes = model.predict_classes(x[:, 10:20], batch_size=32)
    assert np.array_equal(classes, second.argmax(axis=1))
    before = state()
    model.fit(x[:, :10], x[:, 10], batch_size=32, shuffle=False, verbose=0)
    assert not np.array_equal(before, state())


def test_the_exported_file_of_a_stateful_model_carries_its_state(run, tmp_path):
    model = run("""
from keras.models import Sequential
from keras.layers import LSTM, Dense
model = Sequential([LSTM(4, batch_input_shape=(2, 5, 3), stateful=True), Dense(2)])
""")["model"]
    from kcompile_runtime import Executor

    model.export(tmp_path / "stateful.onnx")
    served = Executor(tmp_path / "stateful.onnx")
    x = np.random.RandomState(0).uniform(-1, 1, (3, 2, 5, 3)).astype("float32")
    for part in x:
        assert np.allclose(served.predict(part), model.predict(part, batch_size=2), atol=1e-6)
    served.reset_states()
    model.reset_states()
    assert np.allclose(served.predict(x[1]), model.predict(x[1], batch_size=2), atol=1e-6)


def test_how_can_i_remove_a_layer_from_a_sequential_model(run, capsys):
    run("""
from keras.models import Sequential
from keras.layers import Dense
model = Sequential()
model.add(Dense(32, activation='relu', input_dim=784))
model.add(Dense(32, activation='relu'))

print(len(model.layers))  # "2"

model.pop()
print(len(model.layers))  # "1"
assert model.predict(np.zeros((1, 784))).shape == (1, 32)
""")
    assert capsys.readouterr().out.split() == ["2", "1"]

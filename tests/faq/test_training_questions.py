"""FAQ: batch and epoch; training loss; large data; early stopping; validation split; shuffling; history."""

from __future__ import annotations

import numpy as np
import pytest


def test_what_does_sample_batch_epoch_mean(compiled, data):
    x, y = data
    history = compiled.fit(x, y, batch_size=16, epochs=3, validation_data=(x, y), verbose=0)
    assert history.epoch == [0, 1, 2] and len(history.history["val_loss"]) == 3
    assert compiled.optimizer.get_weights()[0] == 3 * 3  # 40 samples are batches of 16, 16 and 8


def test_why_is_the_training_loss_much_higher_than_the_testing_loss(run, data):
    names = run(
        """
from keras.models import Sequential
from keras.layers import Dense, Dropout
from keras import regularizers
model = Sequential([Dense(64, input_dim=8, kernel_regularizer=regularizers.l2(0.01)), Dropout(0.9), Dense(3)])
model.compile('sgd', 'mse')
before = model.evaluate(x, y, verbose=0)
training = [model.train_on_batch(x, y) for _ in range(1)][0]
""",
        x=data[0],
        y=data[1],
    )
    model, x, y = names["model"], *data
    penalty = 0.01 * np.square(model.layers[0].get_weights()[0]).sum()
    error = np.mean((model.predict(x) - y) ** 2)
    assert names["training"] > names["before"]
    assert model.evaluate(x, y, verbose=0) == pytest.approx(error + penalty, rel=1e-4)


def test_how_can_i_use_keras_with_datasets_that_dont_fit_in_memory(run, compiled, data):
    x, y = data
    first = compiled.train_on_batch(x, y)
    assert len(first) == 2 and len(compiled.test_on_batch(x, y)) == 2
    run(
        """
from keras.utils import Sequence

def generator():
    while True:
        for i in range(0, 40, 8):
            yield x[i:i + 8], y[i:i + 8]

class Batches(Sequence):
    def __len__(self):
        return 5
    def __getitem__(self, i):
        return x[8 * i:8 * i + 8], y[8 * i:8 * i + 8]

model.fit_generator(generator(), steps_per_epoch=5, epochs=2, verbose=0)
model.fit_generator(Batches(), epochs=2, workers=2, verbose=0, validation_data=Batches())
assert len(model.evaluate_generator(Batches())) == 2
assert model.predict_generator(Batches()).shape == (40, 3)
""",
        model=compiled,
        x=x,
        y=y,
    )
    assert compiled.optimizer.get_weights()[0] == 1 + 5 * 4


def test_how_can_i_interrupt_training_when_the_validation_loss_isnt_decreasing_anymore(run, compiled, data):
    history = run(
        """
from keras.callbacks import EarlyStopping
from keras import backend as K
K.set_value(model.optimizer.lr, 0.05)
early_stopping = EarlyStopping(monitor='val_loss', patience=2)
history = model.fit(x, y, validation_split=0.2, callbacks=[early_stopping], epochs=200, verbose=0)
""",
        model=compiled,
        x=data[0],
        y=np.random.RandomState(1).permutation(data[1]),
    )["history"]
    losses = history.history["val_loss"]
    assert len(losses) < 200 and np.argmin(losses) == len(losses) - 3


def test_how_is_the_validation_split_computed(compiled, data):
    x, y = data
    history = compiled.fit(x, y, validation_split=0.25, verbose=0)
    loss, accuracy = compiled.evaluate(x[30:], y[30:], verbose=0)
    assert history.history["val_loss"][0] == pytest.approx(loss, rel=1e-5)
    assert history.history["val_accuracy"][0] == pytest.approx(accuracy, rel=1e-5)


def test_is_the_data_shuffled_during_training(run):
    names = run("""
import keras
from keras import backend as K
seen = []

class Record(keras.callbacks.Callback):
    pass

def orders(shuffle):
    layer = keras.layers.Dense(1, use_bias=False, input_dim=1, kernel_initializer='zeros')
    model = keras.models.Sequential([layer])
    # the gradient of the loss is the sample itself, so each update shows which sample it was
    model.compile(keras.optimizers.SGD(1.0), lambda y_true, y_pred: -K.sum(y_pred, axis=-1))
    found, last = [], [0.0]
    def note(batch, logs):
        weight = float(layer.get_weights()[0][0, 0])
        found.append(round(weight - last[0]))
        last[0] = weight
    watch = keras.callbacks.LambdaCallback(on_batch_end=note)
    x = np.arange(1, 9, dtype='float32')[:, None]
    model.fit(x, x, batch_size=1, epochs=2, shuffle=shuffle, callbacks=[watch], verbose=0)
    return found[:8], found[8:]
""")
    np.random.seed(3)
    plain, again = names["orders"](False)
    assert plain == again == list(range(1, 9))
    first, second = names["orders"](True)
    assert sorted(first) == sorted(second) == plain and first != plain and first != second


def test_how_can_i_record_the_training_validation_loss_accuracy_at_each_epoch(run, compiled, data, capsys):
    run(
        """
hist = model.fit(x, y, validation_split=0.2, verbose=0)
print(hist.history)
""",
        model=compiled,
        x=data[0],
        y=data[1],
    )
    printed = capsys.readouterr().out
    assert all(name in printed for name in ("'loss'", "'accuracy'", "'val_loss'", "'val_accuracy'"))

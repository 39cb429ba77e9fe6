"""Methods that fit, evaluate and predict of tf.keras and Keras 3 call are called by all of these here."""

from __future__ import annotations

import numpy as np
import pytest

from kcompile.keras import layers as L
from kcompile.keras.models import Model, Sequential
from kcompile.keras.utils import Sequence

_LOSSES = ("compute_loss", "compute_metrics", "get_metrics_result")
HOOKS = {
    "train": ("train_step", "make_train_function", *_LOSSES),
    "test": ("test_step", "make_test_function", *_LOSSES),
    "predict": ("predict_step", "make_predict_function"),
}
X, Y = np.ones((4, 3), "float32"), np.ones((4, 2), "float32")


class Batches(Sequence):
    def __len__(self):
        return 1

    def __getitem__(self, index):
        return X, Y


CALLS = {
    "train": {
        "fit": lambda m: m.fit(X, Y, verbose=0),
        "fit of a Sequence": lambda m: m.fit(Batches(), verbose=0),
        "fit_generator": lambda m: m.fit_generator(Batches(), verbose=0),
        "train_on_batch": lambda m: m.train_on_batch(X, Y),
    },
    "test": {
        "evaluate": lambda m: m.evaluate(X, Y, verbose=0),
        "evaluate of a Sequence": lambda m: m.evaluate(Batches(), verbose=0),
        "evaluate_generator": lambda m: m.evaluate_generator(Batches()),
        "test_on_batch": lambda m: m.test_on_batch(X, Y),
        "fit with validation_data": lambda m: m.fit(X, Y, validation_data=(X, Y), verbose=0),
        "fit with validation_split": lambda m: m.fit(X, Y, validation_split=0.5, verbose=0),
        "fit with a Sequence to validate": lambda m: m.fit(X, Y, validation_data=Batches(), verbose=0),
    },
    "predict": {
        "predict": lambda m: m.predict(X),
        "predict of a Sequence": lambda m: m.predict(Batches()),
        "predict_generator": lambda m: m.predict_generator(Batches()),
        "predict_on_batch": lambda m: m.predict_on_batch(X),
    },
}
EVERY = [(mode, hook, call) for mode, hooks in HOOKS.items() for hook in hooks for call in CALLS[mode]]


def functional(cls):
    i = L.Input((3,))
    return cls(i, L.Dense(2)(i))


def subclassed(cls):
    class Net(cls):
        def __init__(self):
            super().__init__()
            self.dense = L.Dense(2)

        def call(self, x):
            return self.dense(x)

    return Net()


def compiled(model):
    model.compile("sgd", "mse")
    return model


class Called(Exception):
    """Raised by a hook."""


def called(self, *args, **kwargs):
    raise Called


@pytest.mark.parametrize("mode, hook, call", EVERY)
def test_every_hook_is_called_by_all_that_call_it_in_keras(mode, hook, call):
    custom = compiled(functional(type("Custom", (Model,), {hook: called})))
    with pytest.raises(Called):
        CALLS[mode][call](custom)


@pytest.mark.parametrize("hook", sorted({hook for hooks in HOOKS.values() for hook in hooks}))
def test_hooks_of_subclassed_and_sequential_models_and_of_one_model_are_called(hook):
    own = functional(Model)
    setattr(own, hook, lambda *args, **kwargs: called(own))
    models = [
        subclassed(type("Custom", (Model,), {hook: called})),
        type("Custom", (Sequential,), {hook: called})([L.Dense(2, input_shape=(3,))]),
        functional(type("Grandchild", (type("Custom", (Model,), {hook: called}),), {})),
        own,
    ]
    mode = next(mode for mode, hooks in HOOKS.items() if hook in hooks)
    for model in models:
        model.compile("sgd", "mse")
        for call in CALLS[mode].values():
            with pytest.raises(Called):
                call(model)


@pytest.mark.parametrize("mode", HOOKS)
def test_what_a_hook_has_no_say_in_works(mode):
    for hook in HOOKS[mode]:
        model = compiled(functional(type("Custom", (Model,), {hook: called})))
        for other, calls in CALLS.items():
            if hook not in HOOKS[other]:
                for name, call in calls.items():
                    if not ("valid" in name and hook in HOOKS["train"]):
                        call(model)


def test_a_model_with_a_fit_of_its_own_uses_such_methods_as_it_likes():
    class GAN(Model):
        def __init__(self):
            super().__init__()
            self.discriminator = compiled(functional(Model))
            self.seen = []

        def train_step(self, data):
            return self.discriminator.train_on_batch(data, Y)

        def fit(self, data, epochs=1):
            self.seen = [self.train_step(data) for _ in range(epochs)]
            return self.seen

    assert len(GAN().fit(X, epochs=3)) == 3


def test_an_attribute_of_such_a_name_that_is_no_method_is_let_be():
    model = compiled(functional(Model))
    model.train_step = 7
    model.compute_loss = L.Dense(1)
    before = model.get_weights()[0]
    model.fit(X, Y, verbose=0)
    assert model.train_step == 7
    assert not np.array_equal(model.get_weights()[0], before)

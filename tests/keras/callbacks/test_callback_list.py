"""CallbackList: which methods of callbacks are called, when, and at which cost."""

from __future__ import annotations

import time
import types

import pytest

from kcompile.keras import callbacks as cbks
from kcompile.keras.callbacks import callback_list

from .training import Recorder, listed

HOOKS = [f"on_{mode}_batch_{when}" for mode in ("train", "test", "predict") for when in ("begin", "end")]


for _name in [*HOOKS, "on_epoch_begin", "on_epoch_end"]:
    setattr(Recorder, _name, lambda self, index, logs=None, _name=_name: self.calls.append((_name, index)))


for _mode in ("train", "test", "predict"):
    for _when in ("begin", "end"):
        _hook = f"on_{_mode}_{_when}"
        setattr(Recorder, _hook, lambda self, logs=None, _hook=_hook: self.calls.append(_hook))


@pytest.mark.parametrize("hook", HOOKS)
def test_every_batch_hook_reaches_the_callback(hook):
    recorder = Recorder()
    getattr(listed(None, recorder), hook)(2, {"size": 1})
    assert recorder.calls == [(hook, 2)]


@pytest.mark.parametrize("mode", ["train", "test", "predict"])
def test_begin_and_end_hooks_reach_the_callback(mode):
    recorder = Recorder()
    calls = listed(None, recorder)
    calls._call_begin_hook(mode)
    calls._call_end_hook(mode)
    assert recorder.calls == [f"on_{mode}_begin", f"on_{mode}_end"]
    with pytest.raises(ValueError, match="mode must be one of"):
        calls._call_begin_hook("nothing")


def test_older_batch_names_are_called_for_training():
    class Old(cbks.Callback):
        calls = []

        def on_batch_begin(self, batch, logs=None):
            self.calls.append(("begin", batch))

        def on_batch_end(self, batch, logs=None):
            self.calls.append(("end", batch))

    calls = listed(None, Old())
    calls.on_train_batch_begin(0)
    calls.on_train_batch_end(0)
    calls.on_batch_begin(1)
    calls.on_batch_end(1)
    calls.on_test_batch_end(2)
    assert Old.calls == [("begin", 0), ("end", 0), ("begin", 1), ("end", 1)]
    direct = Old()
    direct.on_train_batch_end(5)
    assert Old.calls[-1] == ("end", 5)


def test_hooks_that_nobody_overrides_are_not_there():
    calls = listed(None, cbks.History(), cbks.EarlyStopping(), cbks.LambdaCallback(on_epoch_end=print))
    assert not any(calls.has_batch_hook(hook) for hook in HOOKS)
    calls.append(Recorder())
    assert all(calls.has_batch_hook(hook) for hook in HOOKS)


def test_a_method_set_on_the_instance_is_called_from_the_next_epoch():
    seen = []
    callback = cbks.Callback()
    calls = listed(None, callback)
    calls.on_train_begin()
    assert not calls.has_batch_hook("on_train_batch_end")
    callback.on_batch_end = lambda batch, logs=None: seen.append(batch)
    calls.on_epoch_begin(0)
    calls.on_train_batch_end(4)
    assert seen == [4]


def test_an_object_that_is_no_callback_subclass_is_called_where_it_has_methods():
    class Duck:
        def __init__(self):
            self.seen = []

        def set_params(self, params):
            self.params = params

        def set_model(self, model):
            self.model = model

        def on_batch_end(self, batch, logs):
            self.seen.append(batch)

    duck = Duck()
    calls = listed(None, duck)
    calls.on_train_begin()
    calls.on_train_batch_end(3)
    calls.on_epoch_end(0)
    assert duck.seen == [3]


def test_slow_callback_is_warned_about(monkeypatch):
    clock = types.SimpleNamespace(now=0.0)
    monkeypatch.setattr(callback_list, "time", types.SimpleNamespace(time=lambda: clock.now))

    class Slow(cbks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            clock.now += 0.2

    calls = listed(None, Slow())
    calls.on_train_batch_begin(0)
    clock.now += 0.01
    with pytest.warns(RuntimeWarning, match="on_train_batch_end.* is slow"):
        calls.on_train_batch_end(0)


def test_the_list_is_iterable_and_passes_params_and_model(model):
    history = cbks.History()
    calls = listed(model, history)
    assert list(calls) == [history]
    assert history.model is model and history.params["epochs"] == 5


def test_a_bare_list_costs_next_to_nothing_per_batch():
    calls = listed(None, cbks.History(), cbks.EarlyStopping())
    started = time.perf_counter()
    for batch in range(10_000):
        calls.on_train_batch_begin(batch)
        calls.on_train_batch_end(batch)
    assert (time.perf_counter() - started) / 10_000 < 1e-4

"""One thread changes weights while others compute or copy: all of the old weights, or all of the new."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from kcompile.keras import backend as K
from kcompile.keras.callbacks import Callback
from kcompile.keras.layers import Dense, Embedding, Flatten
from kcompile.keras.models import Sequential, load_model

UNITS = 400


def network() -> Sequential:
    """Its outputs are UNITS * (w * w * UNITS) + w where all weights are w: a mixture gives another number."""
    model = Sequential([Dense(UNITS, input_shape=(UNITS,)), Dense(UNITS), Dense(1)])
    model.set_weights(constant(model, 0.0))
    return model


def constant(model: Sequential, value: float) -> list[np.ndarray]:
    return [np.full(w.shape, value, "float32") for w in model.get_weights()]


def table() -> Sequential:
    """An Embedding, which onnxruntime reads where numpy writes it."""
    model = Sequential([Embedding(4000, 64, input_length=4000), Flatten()])
    model.set_weights(constant(model, 0.0))
    return model


def run_while_writing(model: Sequential, read: Callable[[], Any], write: Callable[[float], Any]) -> list[Any]:
    """What ``read`` gave while another thread set all weights to 0 and 1 in turn."""
    done = threading.Event()

    def writer() -> None:
        for i in range(300):
            write(float(i % 2))
        done.set()

    thread = threading.Thread(target=writer)
    found = []
    thread.start()
    while not done.is_set() or len(found) < 3:
        found.append(read())
    thread.join()
    return found


def pure(model: Sequential, x: np.ndarray) -> list[np.ndarray]:
    """The outputs of the two models that there are."""
    outputs = []
    for value in (0.0, 1.0):
        model.set_weights(constant(model, value))
        outputs.append(model.predict(x))
    return outputs


@pytest.mark.parametrize("way", ["predict", "predict_on_batch", "function", "gradients", "evaluate"])
def test_outputs_are_those_of_the_old_weights_or_of_the_new(way):
    model = network()
    x = np.ones((2, UNITS), "float32")
    allowed = pure(model, x)
    zeros, ones = constant(model, 0.0), constant(model, 1.0)
    output = model.output
    if way == "gradients":  # on torch
        output = K.gradients(model.output, model.input)[0]
    function = K.function([model.input], [output])
    if way == "gradients":
        allowed = [np.full((2, UNITS), v, "float32") for v in (0.0, float(UNITS**2))]
    model.compile("sgd", "mae")
    read = {
        "predict": lambda: model.predict(x),
        "predict_on_batch": lambda: model.predict_on_batch(x),
        "evaluate": lambda: np.full((2, 1), model.evaluate(x, np.zeros((2, 1)), verbose=0)),
    }.get(way, lambda: function([x])[0])
    found = run_while_writing(model, read, lambda v: model.set_weights(ones if v else zeros))
    wrong = [y for y in found if not any(np.allclose(y, z, rtol=1e-5) for z in allowed)]
    assert not wrong, f"{len(wrong)} of {len(found)}: {wrong[0].ravel()[:3]}"


def test_a_table_is_not_read_while_it_is_written():
    model = table()
    x = np.tile(np.arange(4000), (2, 1))
    zeros, ones = constant(model, 0.0), constant(model, 1.0)
    found = run_while_writing(
        model, lambda: np.unique(model.predict(x)), lambda v: model.set_weights(ones if v else zeros)
    )
    assert all(len(values) == 1 for values in found)


def test_copies_of_weights_are_of_one_moment():
    model = network()
    zeros, ones = constant(model, 0.0), constant(model, 1.0)
    found = run_while_writing(model, model.get_weights, lambda v: model.set_weights(ones if v else zeros))
    assert all(len({float(v) for w in weights for v in np.unique(w)}) == 1 for weights in found)


def test_a_file_holds_the_weights_of_one_moment(tmp_path):
    model = network()
    zeros, ones = constant(model, 0.0), constant(model, 1.0)

    def saved() -> set[float]:
        model.save(tmp_path / "m.h5")
        return {float(v) for w in load_model(tmp_path / "m.h5").get_weights() for v in np.unique(w)}

    found = run_while_writing(model, saved, lambda v: model.set_weights(ones if v else zeros))
    assert all(len(values) == 1 for values in found)


def test_a_step_of_training_is_one_change():
    model = Sequential([Dense(3000, input_shape=(1,), use_bias=False, kernel_initializer="zeros")])
    model.compile("sgd", "mse")
    x = np.ones((1, 1), "float32")
    found = run_while_writing(
        model, lambda: np.unique(model.predict(x)), lambda v: model.train_on_batch(x, np.ones((1, 3000)))
    )
    assert all(len(values) == 1 for values in found)


def test_set_weights_that_do_not_fit_change_nothing():
    model = network()
    arrays = constant(model, 1.0)
    arrays[-1] = np.array(["text"], object)
    with pytest.raises(ValueError):
        model.set_weights(arrays)
    assert not any(w.any() for w in model.get_weights())


def small() -> Sequential:
    model = Sequential([Dense(1, input_shape=(1,))])
    model.compile("sgd", "mse", metrics=["mae"])
    return model


@pytest.mark.parametrize("second", ["fit", "evaluate", "train_on_batch", "test_on_batch", "fit_generator"])
def test_what_needs_the_optimizer_or_the_metrics_is_refused_while_another_thread_is_in_fit(second):
    model = small()
    x = np.ones((2, 1), "float32")
    begun, end = threading.Event(), threading.Event()

    class Waiting(Callback):
        def on_batch_end(self, batch, logs=None):
            model.evaluate(x, x, verbose=0)  # its own thread may
            begun.set()
            end.wait(30)

    thread = threading.Thread(target=lambda: model.fit(x, x, verbose=0, callbacks=[Waiting()]))
    thread.start()
    assert begun.wait(30)
    arguments = (iter([(x, x)] * 3), 1) if second == "fit_generator" else (x, x)
    try:
        with pytest.raises(RuntimeError, match="being trained by fit\\(\\) in another thread"):
            getattr(model, second)(*arguments)
        model.predict(x)
    finally:
        end.set()
        thread.join()
    getattr(model, second)(*arguments)


def test_batches_of_several_threads_take_turns():
    model = small()
    x = np.ones((2, 1), "float32")
    results: list[Any] = []

    def work() -> None:
        results.extend(model.train_on_batch(x, x) for _ in range(50))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 200 and int(K.get_value(model.optimizer.iterations)) == 200
    losses = sorted((float(loss) for loss, _ in results), reverse=True)
    for loss, mae in results:  # the metrics of the same batch
        np.testing.assert_allclose(loss, mae**2, rtol=1e-4, atol=1e-7)
    assert losses[0] > losses[-1]

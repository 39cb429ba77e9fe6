"""History.plot, kcompile plot and the search for a learning rate."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from kcompile import keras
from kcompile.keras import layers as L
from kcompile.keras.callbacks import LearningRateFinder, find_learning_rate

PNG = b"\x89PNG\r\n"


@pytest.fixture
def pyplot(monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "Agg")
    pyplot = pytest.importorskip("matplotlib.pyplot")
    pyplot.switch_backend("Agg")
    yield pyplot
    pyplot.close("all")


def model(optimizer="adam"):
    made = keras.Sequential([L.Dense(4, activation="relu", input_shape=(2,)), L.Dropout(0.2), L.Dense(1)])
    made.compile(optimizer, "mse", ["mae"])
    return made


X = np.linspace(-1, 1, 64, dtype="f").reshape(32, 2)
Y = X[:, :1] * 2


def test_matplotlib_is_not_loaded_unless_asked_for():
    code = (
        "import sys; from kcompile import keras; keras.callbacks.History; keras.Model;"
        "print('matplotlib' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"


def test_a_history_draws_each_metric_with_its_validation(pyplot, tmp_path):
    history = model().fit(X, Y, epochs=3, verbose=0, validation_split=0.25)
    figure = history.plot(tmp_path / "curves.png")
    assert [axes.get_title() for axes in figure.axes] == ["loss", "mae"]
    for axes in figure.axes:
        assert [line.get_label() for line in axes.lines] == ["training", "validation"]
        assert all(list(line.get_xdata()) == [1, 2, 3] for line in axes.lines)
    assert figure.axes[0].lines[1].get_ydata().tolist() == history.history["val_loss"]
    assert (tmp_path / "curves.png").read_bytes().startswith(PNG)


def test_names_are_drawn_as_they_are_and_vectors_left_out(pyplot):
    from kcompile.keras.utils.plots import plot_history

    figure = plot_history({r"a$\frac{1}$b": [1.0, 2.0], "confusion": [np.eye(2), np.eye(2)]})
    assert [axes.get_title() for axes in figure.axes] == [r"a\$\frac{1}\$b"]
    figure.canvas.draw()
    with pytest.raises(ValueError, match="nothing to draw"):
        keras.callbacks.History().plot()


def test_the_command_draws_the_file_of_a_csv_logger(pyplot, tmp_path):
    from kcompile.cli.plotting import plot_csv

    path = tmp_path / "log.csv"
    model().fit(X, Y, epochs=2, verbose=0, callbacks=[keras.callbacks.CSVLogger(path)])
    assert plot_csv(path, None, ",").read_bytes().startswith(PNG)
    assert plot_csv(path, tmp_path / "other.svg", ",").read_text().lstrip().startswith("<?xml")
    for text in ("", "loss\n1\n", "epoch;loss\n0;1\n"):
        path.write_text(text)
        with pytest.raises(ValueError, match="CSVLogger"):
            plot_csv(path, None, ",")


def test_a_search_leaves_everything_as_it_was():
    models = []
    for _ in range(2):
        keras.utils.set_random_seed(1)  # layers draw seeds of their own when they are made
        models.append(model())
        models[-1].fit(X, Y, verbose=0)  # an optimizer with a state
    searched, plain = models
    keras.utils.set_random_seed(3)
    found = find_learning_rate(searched, X, Y, lowest=1e-5, highest=1e3, steps=60, batch_size=8)
    assert len(found.rates) == len(found.losses) and found.rates == sorted(found.rates)
    assert found.losses[-1] > 4 * min(found.losses) or len(found.rates) == 60
    assert float(keras.backend.get_value(searched.optimizer.lr)) == pytest.approx(1e-3)
    assert not searched.stop_training
    searched.fit(X, Y, epochs=2, verbose=0)
    keras.utils.set_random_seed(3)
    plain.fit(X, Y, epochs=2, verbose=0)
    for one, other in zip(searched.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_suggestion_is_where_the_loss_falls_fastest():
    line = keras.Sequential([L.Dense(1, input_shape=(2,), kernel_initializer="zeros")])
    line.compile("sgd", "mse")
    found = find_learning_rate(line, X, Y, lowest=1e-4, highest=100, steps=60, batch_size=32)
    least = int(np.argmin(found.losses))
    assert found.rates[0] < found.suggestion <= found.rates[least] < found.rates[-1]
    assert found.losses[-1] > 4 * found.losses[least]  # it ended where it diverged
    assert (line.get_weights()[0] == 0).all()
    assert keras.callbacks.LearningRates([0.1, 0.2, 0.3], [1.0, 2.0, 3.0]).suggestion is None


def test_a_search_is_drawn(pyplot, tmp_path):
    found = find_learning_rate(model(), X, Y, steps=20)
    (axes,) = found.plot(tmp_path / "rates.png").axes
    assert axes.get_xscale() == "log" and list(axes.lines[0].get_xdata()) == found.rates
    assert (tmp_path / "rates.png").read_bytes().startswith(PNG)


def test_rates_that_cannot_be_searched_are_refused():
    for given in ({"lowest": 0}, {"lowest": 1, "highest": 0.1}, {"steps": 1}):
        with pytest.raises(ValueError, match="0 < lowest < highest"):
            LearningRateFinder(**given)
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)
    with pytest.raises(ValueError, match="follows ExponentialDecay"):
        find_learning_rate(model(keras.optimizers.SGD(schedule)), X, Y)

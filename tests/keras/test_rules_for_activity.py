"""Activity regularizers in files of tf.keras 2 and Keras 3 add to the loss what they add there: a mean over
samples, where Keras 2.3 has the sum. ``tests/golden/activity`` has losses of tf_keras 2.21 and Keras 3.15.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from kcompile import keras
from kcompile.keras.models import load_model, model_from_json
from tests.golden.activity import cases

FOLDER = Path(__file__).parent.parent / "golden" / "activity"
#: Keras 3 loses what the layer in a TimeDistributed adds.
LOST = [("keras", "time_distributed")]


@cache
def stored(module):
    return json.loads((FOLDER / f"{module}.json").read_text())


CASES = [(module, name) for module in ("tf_keras", "keras") for name in stored(module)]


def loss_of(model, name, samples=5):
    x = cases.inputs(name, samples)
    model.compile("sgd", "mse")
    return model.evaluate(x, model.predict(x), batch_size=samples, verbose=0)


def from_config(config, name):
    model = model_from_json(config)
    model.set_weights(cases.weights([np.shape(w) for w in model.get_weights()]))
    return model


@pytest.mark.parametrize(("module", "name"), [case for case in CASES if case not in LOST])
def test_activity_adds_to_the_loss_as_in_the_writer(module, name):
    model = from_config(json.dumps(stored(module)[name]["config"]), name)
    assert loss_of(model, name) == pytest.approx(stored(module)[name]["loss"], rel=1e-5)


@pytest.mark.parametrize(("module", "name"), CASES)
@pytest.mark.parametrize("ending", ["h5", "keras", "json"])
def test_mean_over_samples_survives_files_written_here(module, name, ending, tmp_path):
    model = from_config(json.dumps(stored(module)[name]["config"]), name)
    if ending == "json":
        again = from_config(model.to_json(), name)
    else:
        model.save(tmp_path / f"m.{ending}")
        again = load_model(tmp_path / f"m.{ending}")
    assert loss_of(again, name) == pytest.approx(loss_of(model, name), rel=1e-6)


@pytest.mark.parametrize("ending", ["h5", "keras"])
@pytest.mark.parametrize("name", stored("keras"))
def test_sum_of_a_model_made_in_code_survives_files_of_either_kind(name, ending, tmp_path):
    model = cases.models(keras)[name]
    model.set_weights(cases.weights([np.shape(w) for w in model.get_weights()]))
    model.save(tmp_path / f"m.{ending}")
    loss = loss_of(model, name)
    assert loss_of(load_model(tmp_path / f"m.{ending}"), name) == pytest.approx(loss, rel=1e-6)
    samples = 15 if name == "time_distributed" else 5
    assert loss == pytest.approx(stored("tf_keras")[name]["loss"] * samples, rel=1e-5)

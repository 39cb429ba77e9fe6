"""Compiled files of other programs: what cannot be restored is said, the rest is as it was."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import h5py
import numpy as np
import pytest

from kcompile import keras
from kcompile.keras import backend as K
from kcompile.keras import layers, losses
from kcompile.keras.models import Sequential, load_model
from tests.golden.keras3 import make_compiled as compiled

FOLDER = Path(compiled.__file__).parent


def answers(judge, name, what):
    with np.load(FOLDER / f"compiled_{judge}.npz") as stored:
        return stored[f"{name}|{what}"]


def evaluated(model):
    return model.evaluate(compiled.X, compiled.Y, batch_size=5, verbose=0)


def goes_on_as(model, judge, name, atol=1e-6):
    model.train_on_batch(compiled.X, compiled.Y)
    weights = np.concatenate([w.ravel() for w in model.get_weights()])
    np.testing.assert_allclose(weights, answers(judge, name, "weights"), atol=atol)


@pytest.mark.parametrize("name", ["added.h5", "added.keras"])
def test_losses_and_metrics_that_were_added_to_the_model(name, tmp_path):
    model = load_model(str(FOLDER / name))
    assert model.metrics_names == ["loss", "mae", "activity"]
    expected = answers("tf_keras", name, "evaluate")
    np.testing.assert_allclose(evaluated(model), expected, rtol=1e-5)
    for again in ("again.h5", "again.keras"):
        model.save(str(tmp_path / again))
        np.testing.assert_allclose(evaluated(load_model(str(tmp_path / again))), expected, rtol=1e-5)
    model.export(str(tmp_path / "again.onnx"))
    goes_on_as(model, "tf_keras", name)


def test_mixed_precision_with_todays_loss_scaling():
    model = load_model(str(FOLDER / "mixed.h5"))
    assert int(model.optimizer.iterations) == 1
    np.testing.assert_allclose(evaluated(model), answers("tf_keras", "mixed.h5", "evaluate"), rtol=2e-3)
    goes_on_as(model, "tf_keras", "mixed.h5", atol=2e-3)


def test_a_file_without_an_optimizer_has_the_default_one():
    with pytest.warns(UserWarning, match="names no optimizer.*RMSprop"):
        model = load_model(str(FOLDER / "after_h5.keras"))
    assert isinstance(model.optimizer, keras.optimizers.RMSprop)
    expected = answers("keras", "after_h5.keras", "evaluate")
    np.testing.assert_allclose(evaluated(model), expected, rtol=1e-5)


# --- what cannot be restored --------------------------------------------------------------------------------


@pytest.fixture
def path(tmp_path):
    model = Sequential([layers.Dense(1, input_shape=(4,))])
    model.compile("sgd", "mse", metrics=["mae"])
    model.save(str(tmp_path / "m.h5"))
    return tmp_path / "m.h5"


def edit(path, **changes):
    with h5py.File(path, "a") as file:
        config = {**json.loads(file.attrs["training_config"]), **changes}
        file.attrs["training_config"] = json.dumps(config)


def hostile(metric, **arguments):
    return {"metrics": [{"class_name": metric, "config": arguments}]}


@pytest.mark.parametrize(
    "changes, said",
    [
        ({"loss": "my_loss"}, "Unknown loss function: 'my_loss'"),
        ({"loss": {"class_name": "MyLoss", "config": {}}}, "'MyLoss'"),
        ({"loss": {"class_name": "Huber", "config": {"gamma": 1}}}, "unexpected keyword argument 'gamma'"),
        ({"metrics": ["my_metric"]}, "Unknown metric function: 'my_metric'"),
        ({"metrics": [{"class_name": "MeanMetricWrapper", "config": {}}]}, "which function"),
        ({"loss": {"class_name": "LossFunctionWrapper", "config": {}}}, "which function"),
        ({"optimizer_config": {"class_name": "MyAdam", "config": {}}}, "Unknown optimizer: 'MyAdam'"),
        ({"optimizer_config": None}, "optimizer"),
        ({"loss": ["mse", "mae"]}, "one entry per model output"),
        ({"rules": "keras_9"}, "'keras_9'"),
        ({"loss": 7}, "7"),
        (hostile("AUC", num_thresholds=10**9), "num_thresholds=1000000000"),
        (hostile("PrecisionAtRecall", recall=0.5, num_thresholds=10**10), "num_thresholds=10000000000"),
        (hostile("MeanIoU", num_classes=10**6), "num_classes=1000000"),
        (hostile("IoU", num_classes=10**6, target_class_ids=[1]), "a state of shape (1000000, 1000000)"),
        (hostile("AUC", multi_label=True, num_labels=10**9), "a state of shape (200, 1000000000)"),
        (hostile("MeanTensor", shape=[10**5, 10**6]), "a state of shape (100000, 1000000)"),
    ],
)
def test_a_model_whose_compile_is_unknown_still_loads(path, changes, said):
    edit(path, **changes)
    with pytest.warns(UserWarning, match="not compiled.*compile=False") as caught:
        model = load_model(str(path))
    assert said in str(caught[0].message) and str(path) in str(caught[0].message)
    assert model.optimizer is None and model.predict(compiled.X).shape == (20, 1)
    with pytest.raises(RuntimeError, match="must compile"):
        model.fit(compiled.X, compiled.Y, verbose=0)
    model.compile("adam", "mse")
    model.fit(compiled.X, compiled.Y, verbose=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_model(str(path), compile=False)


def test_what_raises_in_a_users_class_is_said_too(path):
    class MyLoss(losses.Loss):
        def __init__(self, **kwargs):
            raise RuntimeError("no licence")

    edit(path, loss={"class_name": "MyLoss", "config": {}})
    with pytest.warns(UserWarning, match="RuntimeError: no licence"):
        load_model(str(path), custom_objects={"MyLoss": MyLoss})


def test_functions_of_wrappers_are_kept_with_their_names(tmp_path):
    def own(y_true, y_pred):
        return K.mean(K.abs(y_true - y_pred), axis=-1)

    model = Sequential([layers.Dense(1, input_shape=(4,))])
    given = [keras.metrics.MeanMetricWrapper(own, name="mine"), keras.metrics.MeanMetricWrapper(own)]
    model.compile("sgd", losses.LossFunctionWrapper(own, "sum", "my_loss"), metrics=given)
    for ending in ("h5", "keras"):
        path = str(tmp_path / f"m.{ending}")
        model.save(path)
        again = load_model(path, custom_objects={"own": own})
        assert again.metrics_names == ["loss", "mine", "own"]
        assert (again.loss.name, again.loss.reduction) == ("my_loss", "sum")
        assert evaluated(again) == evaluated(model)


def test_the_warning_obeys_no_control_characters_of_a_file(path):
    edit(path, loss="\x1b[2Jmy_loss")
    with pytest.warns(UserWarning, match="my_loss") as caught:
        load_model(str(path))
    assert "\x1b" not in str(caught[0].message)

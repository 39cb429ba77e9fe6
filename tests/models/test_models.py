"""Every definition in models/: read, compiled, trained, exported, and reloaded from .h5 and .onnx."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

from kcompile.keras.models import load_model

ROOT = Path(__file__).resolve().parents[2]
DEFINITIONS = sorted((ROOT / "models").glob("*.yaml"))
SAMPLES, OPEN_AXIS = 16, 12
DTYPES = {"tensor(float)": np.float32, "tensor(int32)": np.int32, "tensor(int64)": np.int64}


def inputs_for(model: Any, random: np.random.Generator) -> list[np.ndarray]:
    """Samples for each input: word numbers with padding at the end for an Embedding, else normal floats."""
    arrays = []
    for value in model.inputs:
        first, *rest = value.shape
        samples = first if isinstance(first, int) else SAMPLES
        shape = (samples, *(size if isinstance(size, int) else OPEN_AXIS for size in rest))
        if type(model.layers[0]).__name__ == "Embedding":
            words = random.integers(1, 2000, shape)
            words[np.arange(OPEN_AXIS) >= random.integers(3, OPEN_AXIS + 1, (samples, 1))] = 0
            arrays.append(words)
        else:
            arrays.append(random.standard_normal(shape).astype(np.float32))
    return arrays


def loss_and_targets(model: Any, x: list[np.ndarray], random: np.random.Generator) -> tuple[str, np.ndarray]:
    """What the definition is for: classes, yes or no, an image restored, or a number."""
    config = model.layers[-1].get_config()
    config = config.get("layer", {"config": config})["config"]  # TimeDistributed
    shape = model.predict(x).shape
    if config["activation"] == "softmax":
        return "sparse_categorical_crossentropy", random.integers(0, shape[-1], (*shape[:-1], 1))
    if config["activation"] == "sigmoid":
        targets = random.integers(0, 2, shape) if len(shape) == 2 else 0.3 * random.random(shape)
        return "binary_crossentropy", targets.astype(np.float32)
    return "mse", random.standard_normal(shape).astype(np.float32)


@pytest.fixture(scope="module", params=DEFINITIONS, ids=lambda path: path.stem)
def trained(request) -> tuple[Any, list[np.ndarray], list[float]]:
    """The model after some steps on a few samples, those samples, and the loss of each step."""
    random = np.random.default_rng(0)
    np.random.seed(0)
    model = load_model(request.param)
    x = inputs_for(model, random)
    loss, y = loss_and_targets(model, x, random)
    model.compile("adam", loss)
    model.optimizer.learning_rate = 0.01
    losses = [float(model.train_on_batch(x, y)) for _ in range(15)]
    return model, x, losses


def predictions(model: Any, x: list[np.ndarray]) -> np.ndarray:
    model.reset_states()
    return model.predict(x)


def test_there_are_at_least_eight_definitions():
    assert len(DEFINITIONS) >= 8


def test_training_lowers_the_loss(trained):
    _, _, losses = trained
    assert np.isfinite(losses).all()
    assert min(losses[-3:]) < 0.97 * losses[0]


def test_the_export_is_ordinary_onnx_that_predicts_the_same(trained, tmp_path):
    model, x, _ = trained
    path = tmp_path / "m.onnx"
    model.reset_states()
    model.export(path)
    proto = onnx.load(path)
    onnx.checker.check_model(proto, full_check=True)
    assert {node.domain for node in proto.graph.node} <= {"", "ai.onnx"}
    session = onnxruntime.InferenceSession(path)
    declared = session.get_inputs()
    assert [value.name for value in declared[: len(x)]] == model.input_names
    feed = {value.name: array.astype(DTYPES[value.type]) for value, array in zip(declared, x, strict=False)}
    for value in declared[len(x) :]:  # the states of a stateful model start at zero
        feed[value.name] = np.zeros(value.shape, np.float32)
    found = session.run(None, feed)[0]
    np.testing.assert_allclose(found, predictions(model, x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("ending", ["h5", "onnx"])
def test_a_reloaded_model_predicts_the_same(trained, tmp_path, ending):
    model, x, _ = trained
    path = tmp_path / f"m.{ending}"
    model.reset_states()
    model.save(path)
    again = load_model(path)
    np.testing.assert_allclose(predictions(again, x), predictions(model, x), rtol=1e-5, atol=1e-6)
    assert [w.shape for w in again.get_weights()] == [w.shape for w in model.get_weights()]


def test_the_runtime_predicts_any_number_of_samples(trained, tmp_path):
    from kcompile_runtime import Executor

    model, x, _ = trained
    model.reset_states()
    model.export(tmp_path / "m.onnx", verify=False)
    executor = Executor(tmp_path / "m.onnx")
    expected = predictions(model, x)
    np.testing.assert_allclose(executor.predict(x), expected, rtol=1e-4, atol=1e-5)
    if not executor.states:
        few = [array[:3] for array in x]
        np.testing.assert_allclose(executor.predict(few), expected[:3], rtol=1e-4, atol=1e-5)


def test_a_definition_keeps_its_meaning_through_yaml(trained):
    from kcompile.keras.models import model_from_yaml

    model, x, _ = trained
    again = model_from_yaml(model.to_yaml())
    again.set_weights(model.get_weights())
    np.testing.assert_allclose(predictions(again, x), predictions(model, x), rtol=1e-5, atol=1e-6)


def test_padding_does_not_change_what_the_text_classifier_says():
    model = load_model(ROOT / "models" / "text_lstm.yaml")
    words = np.random.default_rng(0).integers(1, 2000, (4, 7))
    padded = np.pad(words, [(0, 0), (0, 5)])
    np.testing.assert_allclose(model.predict(padded), model.predict(words), rtol=1e-5, atol=1e-6)


def test_the_stateful_model_goes_on_where_it_ended():
    model = load_model(ROOT / "models" / "stateful_lstm.yaml")
    x = np.random.default_rng(0).standard_normal((4, 10, 3)).astype(np.float32)
    first, second = model.predict(x), model.predict(x)
    assert not np.allclose(first, second)
    model.reset_states()
    np.testing.assert_allclose(model.predict(x), first, rtol=1e-6)

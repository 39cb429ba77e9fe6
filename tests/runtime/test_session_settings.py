"""The settings beside a model: what they change, what goes before them, and what they may not say."""

from __future__ import annotations

import json
import warnings

import numpy as np
import onnxruntime as ort
import pytest

from kcompile_runtime import Executor, ModelFileError
from kcompile_runtime.session_settings import (
    LEVELS,
    MODES,
    SPINNING,
    SessionSettings,
    path_beside,
    processors,
    settings_beside,
)
from tests.runtime.models import dense


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "m.onnx"
    path.write_bytes(dense())
    return path


def beside(model, **content):
    """Writes settings beside the model."""
    with open(path_beside(model), "w", encoding="utf-8") as stream:
        json.dump(content, stream)


EVERYTHING = SessionSettings("CPUExecutionProvider", 1, 2, 1, 1, False, 7)


def test_what_is_written_is_read_again(model):
    text = EVERYTHING.to_json(model, {"seconds": 0.5})
    (model.parent / "m.onnx.session.json").write_text(text, encoding="utf-8")
    assert settings_beside(model) == EVERYTHING
    assert json.loads(text)["measured"] == {"seconds": 0.5}


def test_a_model_without_settings_has_none(model):
    assert settings_beside(model) is None
    assert Executor(model).settings is None


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("level", LEVELS)
def test_every_setting_reaches_onnxruntime(model, mode, level):
    beside(
        model,
        session_options={
            "intra_op_num_threads": 3,
            "inter_op_num_threads": 2,
            "execution_mode": mode,
            "graph_optimization_level": level,
            "extra_session_config": {SPINNING: "0"},
        },
        execution_provider="CPUExecutionProvider",
    )
    options = Executor(model).session.get_session_options()
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (3, 2)
    assert options.execution_mode == getattr(ort.ExecutionMode, MODES[mode])
    assert options.graph_optimization_level == getattr(ort.GraphOptimizationLevel, LEVELS[level])
    assert options.get_session_config_entry(SPINNING) == "0"


def test_the_batch_size_is_that_of_predict(model):
    beside(model, batch_size=3)
    executor = Executor(model)
    sizes = []
    run = executor._run
    executor._run = lambda names, feed, options: sizes.append(len(feed["x"])) or run(names, feed, options)
    x = np.ones((8, 4), np.float32)
    outputs = executor.predict(x)
    assert sizes == [3, 3, 2]
    executor.predict(x, batch_size=8)
    assert sizes == [3, 3, 2, 8]
    np.testing.assert_allclose(outputs, Executor(model.read_bytes()).predict(x), rtol=1e-6)


def test_arguments_go_before_the_file(model):
    beside(model, session_options={"intra_op_num_threads": 1, "graph_optimization_level": 0}, batch_size=3)
    options = Executor(model, intra_op_threads=2).session.get_session_options()
    assert options.intra_op_num_threads == 2
    assert options.graph_optimization_level == ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    own = ort.SessionOptions()
    executor = Executor(model, session_options=own)
    assert executor.settings is None
    assert executor.session.get_session_options().graph_optimization_level == own.graph_optimization_level


def test_a_model_given_as_bytes_has_no_file_beside_it(model):
    beside(model, session_options={"intra_op_num_threads": 1})
    assert Executor(model.read_bytes()).settings is None


def test_settings_of_another_file_or_machine_are_not_used_and_it_is_said(model):
    text = EVERYTHING.to_json(model, {})
    content = json.loads(text)
    for key, value, message in [
        ("model_bytes", 17, "a model of 17 bytes"),
        ("processors", processors() + 1, f"{processors() + 1} processors, and there are {processors()}"),
    ]:
        changed = {**content, "tuned_for": {**content["tuned_for"], key: value}}
        beside(model, **changed)
        with pytest.warns(RuntimeWarning, match=message):
            assert Executor(model).settings is None


def test_settings_that_fit_warn_of_nothing(model):
    (model.parent / "m.onnx.session.json").write_text(EVERYTHING.to_json(model, {}), encoding="utf-8")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert Executor(model).settings == EVERYTHING


BAD = {
    "no JSON": "{",
    "deep": "[" * 50_000,
    "long": " " * (1 << 16) + "{}",
    "not UTF-8": b"\xff\xfe",
    "a long number": '{"batch_size": ' + "9" * 5000 + "}",
    "a list": "[]",
    "an unknown key": '{"model": "/etc/passwd"}',
    "an unknown option": '{"session_options": {"optimized_model_filepath": "x"}}',
    "an unknown entry": '{"session_options": {"extra_session_config": {"ep.context_file_path": "x"}}}',
    "options of a provider": '{"execution_provider": ["CUDAExecutionProvider", {}]}',
    "another provider": '{"execution_provider": "TensorrtExecutionProvider"}',
    "no threads": '{"session_options": {"intra_op_num_threads": 0}}',
    "threads below none": '{"session_options": {"intra_op_num_threads": -1}}',
    "too many threads": '{"session_options": {"inter_op_num_threads": 1025}}',
    "half a thread": '{"session_options": {"intra_op_num_threads": 1.5}}',
    "true threads": '{"session_options": {"intra_op_num_threads": true}}',
    "threads as text": '{"session_options": {"intra_op_num_threads": "2"}}',
    "an unknown mode": '{"session_options": {"execution_mode": 2}}',
    "a true mode": '{"session_options": {"execution_mode": true}}',
    "an unknown level": '{"session_options": {"graph_optimization_level": 3}}',
    "spinning": json.dumps({"session_options": {"extra_session_config": {SPINNING: "2"}}}),
    "a batch of none": '{"batch_size": 0}',
    "a huge batch": '{"batch_size": 4097}',
    "NaN": '{"batch_size": NaN}',
    "tuned for nothing": '{"tuned_for": {"processors": 0}}',
    "options that are none": '{"session_options": [1]}',
}


@pytest.mark.parametrize("content", BAD.values(), ids=BAD)
def test_what_settings_may_not_say_is_an_error_that_names_the_file(model, content):
    data = content if isinstance(content, bytes) else content.encode()
    (model.parent / "m.onnx.session.json").write_bytes(data)
    with pytest.raises(ModelFileError, match=r"m\.onnx\.session\.json"):
        Executor(model)


def test_a_folder_of_that_name_is_no_settings(model):
    (model.parent / "m.onnx.session.json").mkdir()
    assert Executor(model).settings is None

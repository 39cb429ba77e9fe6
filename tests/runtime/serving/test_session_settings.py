"""Settings that were measured beside a model hold when it is served; what the user says goes before them."""

from __future__ import annotations

import json
import time
from dataclasses import replace

import pytest

from kcompile_runtime import ModelFileError
from kcompile_runtime.serving.__main__ import options_of, parser
from kcompile_runtime.serving.limits import Settings
from kcompile_runtime.serving.model import Model
from kcompile_runtime.serving.model_config import configured
from kcompile_runtime.session_settings import path_beside
from tests.runtime import models

from .conftest import serving, write

OPEN = Settings(batch_is_open=True)


@pytest.fixture
def path(tmp_path):
    return write(tmp_path, "m", models.dense())


def beside(path, **content):
    with open(path_beside(path), "w", encoding="utf-8") as stream:
        json.dump(content, stream)


def threads(model):
    return model.executor.session.get_session_options().intra_op_num_threads


def test_threads_and_batch_are_as_measured(path):
    beside(path, session_options={"intra_op_num_threads": 3}, batch_size=5)
    model = Model("m", "1", str(path), OPEN)
    assert threads(model) == 3
    assert model.settings == replace(OPEN, max_batch=5, batch_is_open=False)


def test_without_the_file_nothing_changes(path):
    assert Model("m", "1", str(path), OPEN).settings == OPEN


def test_what_the_server_was_told_goes_before_the_file(path):
    beside(path, session_options={"intra_op_num_threads": 3}, batch_size=5)
    told = Settings(max_batch=8, intra_op_threads=2)
    model = Model("m", "1", str(path), told)
    assert threads(model) == 2 and model.settings == told


def test_threads_that_were_measured_alone_are_not_those_of_several_runs(path):
    beside(path, session_options={"intra_op_num_threads": 1023})
    assert threads(Model("m", "1", str(path), replace(OPEN, instances=2))) < 1023


def test_a_config_of_the_model_goes_before_the_file(path):
    beside(path, batch_size=5)
    config = path.parent.parent / "config.pbtxt"
    config.write_text("max_batch_size: 16 dynamic_batching { }")
    settings = configured(OPEN, str(config), "m")
    assert Model("m", "1", str(path), settings).settings.max_batch == 16


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [((), (32, True)), (("--max-batch", "32"), (32, False)), (("--max-batch", "4"), (4, False))],
)
def test_the_batch_is_open_where_nobody_gave_it(arguments, expected):
    settings = options_of(parser("serve").parse_args(["models", "--no-grpc", *arguments])).settings
    assert (settings.max_batch, settings.batch_is_open) == expected


def test_settings_that_are_none_keep_the_model_from_serving_with_the_reason(path, tmp_path):
    beside(path, session_options={"intra_op_num_threads": -1})
    with pytest.raises(ModelFileError, match="intra_op_num_threads"):
        Model("m", "1", str(path), OPEN)
    with serving(tmp_path, poll_s=0.0) as running:
        answer = running.ask("POST", "/v2/repository/index", {})
        assert "intra_op_num_threads" in answer.json[0]["reason"]


def test_a_model_is_loaded_anew_when_its_settings_change(path, tmp_path):
    with serving(tmp_path, poll_s=0.05, settings=OPEN) as running:
        batcher = running.server.repository.batchers()[0]
        assert batcher.model.settings.max_batch == 32
        beside(path, batch_size=6)
        end = time.monotonic() + 30
        while running.server.repository.batchers()[0] is batcher and time.monotonic() < end:
            time.sleep(0.01)
        assert running.server.repository.batchers()[0].model.settings.max_batch == 6
        assert running.infer("m", [[1.0, 2.0, 3.0, 4.0]]).status == 200

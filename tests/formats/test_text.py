"""Configs as JSON and YAML."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest

from kcompile import formats
from kcompile.formats import Archive, FileFormatError, UnsafeFileError
from kcompile.formats import json as json_format
from kcompile.formats import yaml as yaml_format

CONFIG = {"class_name": "Sequential", "config": {"name": "s", "layers": []}}


def plain(value):
    return json.loads(json.dumps(value))


def test_json_is_the_text_that_keras_writes(golden):
    text = (golden / "keras2_shared.json").read_text()
    assert json_format.dumps(json_format.loads(text)) == text


def test_json_and_yaml_of_real_keras_hold_the_same_config(golden):
    from_json = formats.read(golden / "keras2_shared.json")
    from_yaml = formats.read(golden / "keras2_shared.yaml")
    assert "!!python/tuple" in (golden / "keras2_shared.yaml").read_text()
    assert from_yaml.config == from_json.config
    assert from_json.config == formats.read(golden / "keras2_shared.h5").config
    assert from_json.metadata == {"format": "json", "keras_version": "2.3.1", "backend": "tensorflow"}


@pytest.mark.parametrize("extension", ["json", "yaml", "yml"])
def test_config_survives_a_round_trip(extension, archive, tmp_path):
    archive.config["config"]["odd"] = [1e-7, float("inf"), None, True, "é ", "2020-01-01", "no", "1e3", "!!x"]
    formats.write(archive, tmp_path / f"m.{extension}")
    found = formats.read(tmp_path / f"m.{extension}")
    assert found.config == plain(archive.config)
    assert found.layer_weights == [] and found.training_config is None


def test_text_states_the_versions_of_the_archive():
    archive = Archive(config=CONFIG, metadata={"keras_version": "2.1.0", "backend": "theano"})
    assert list(json.loads(json_format.dumps(archive))) == [
        "class_name",
        "config",
        "keras_version",
        "backend",
    ]
    assert json.loads(json_format.dumps(archive))["backend"] == "theano"
    assert json.loads(json_format.dumps(Archive(config=CONFIG)))["keras_version"] == "2.3.1"


def test_dumps_passes_options_on():
    assert json_format.dumps(Archive(config=CONFIG), indent=2).startswith('{\n  "class_name"')
    text = yaml_format.dumps(Archive(config=CONFIG), default_flow_style=True, sort_keys=False)
    assert text.startswith("{class_name: Sequential")


@pytest.mark.parametrize("module", [json_format, yaml_format])
def test_numpy_values_and_tuples_are_written_as_plain_data(module):
    shared = (None, np.int64(4))
    config = {"class_name": "M", "config": {"a": shared, "b": shared, "c": np.float32(0.5), "t": np.float32}}
    text = module.dumps(Archive(config=config))
    assert "*" not in text and "!!" not in text
    assert module.loads(text).config["config"] == {"a": [None, 4], "b": [None, 4], "c": 0.5, "t": "float32"}


@pytest.mark.parametrize("module", [json_format, yaml_format])
def test_what_is_not_data_is_not_written(module):
    with pytest.raises(TypeError, match="Not JSON serializable"):
        module.dumps(Archive(config={"class_name": "M", "config": {"f": object()}}))
    with pytest.raises(ValueError, match="weights alone"):
        module.dumps(Archive())


def test_yaml_aliases_read_as_values_of_their_own():
    found = yaml_format.loads(
        "class_name: M\nconfig: {a: &x !!python/tuple [null, 4], b: *x, c: !!python/unicode 'u'}\n"
    )
    assert found.config["config"] == {"a": [None, 4], "b": [None, 4], "c": "u"}
    assert found.config["config"]["a"] is not found.config["config"]["b"]


BOMB = "class_name: M\nconfig:\n  a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"  a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 9)
)


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        (
            "class_name: M\nconfig: !!python/object/apply:os.system ['x']\n",
            UnsafeFileError,
            "the tag .*os.system",
        ),
        ("class_name: M\nconfig: !!python/name:os.system ''\n", UnsafeFileError, "is refused .line 2"),
        ("class_name: M\nconfig: !!python/object/new:type [z]\n", UnsafeFileError, "is refused"),
        ("class_name: M\nconfig: !mine {a: 1}\n", UnsafeFileError, "is refused"),
        ("class_name: M\nconfig: {a: !!binary aGk=}\n", UnsafeFileError, "is refused"),
        ("class_name: M\nconfig: {a: !!set {x, y}}\n", UnsafeFileError, "is refused"),
        (BOMB, UnsafeFileError, "more than 200000 nodes once its aliases"),
        ("class_name: M\nconfig: &a {b: *a}\n", UnsafeFileError, "contains itself"),
        ("class_name: M\nconfig: {a: *nowhere}\n", FileFormatError, "not valid YAML"),
        ("class_name: M\nconfig: " + "- " * 100_000 + "x", FileFormatError, "not valid YAML|levels deep"),
        ("class_name: M\nconfig:\n  " + "- " * 100_000 + "x", FileFormatError, "200 levels deep"),
        ("class_name: M\nconfig: " + "[" * 500 + "]" * 500, FileFormatError, "200 levels deep"),
        ("class_name: M\nconfig: {a: " + "1:1" * 100 + "}", FileFormatError, "YAML|digits"),
        ("class_name: M\nconfig: {a: " + "9" * 5000 + "}", FileFormatError, "too many digits"),
        ("class_name: M\nconfig: {1: a}\n", FileFormatError, "keys are expected to be text"),
        ("class_name: M\nconfig: {[a]: b}\n", FileFormatError, "not a valid YAML"),
        ("class_name: M\nconfig: {a: 1\n", FileFormatError, "truncated"),
        ("class_name: M\n---\nclass_name: N\n", FileFormatError, "not valid YAML"),
        ("class_name: M\n", FileFormatError, "found the keys: 'class_name'"),
        ("class_name: 3\nconfig: {}\n", FileFormatError, "'class_name' .text."),
        ("- a\n", FileFormatError, "found a list"),
        ("", FileFormatError, "found nothing"),
        ("a: 1\n" * 1_000_000, FileFormatError, "more than the 4194304 allowed"),
    ],
)
def test_bad_yaml_is_one_error(text, error, message):
    start = time.monotonic()
    with pytest.raises(error, match=message):
        yaml_format.loads(text)
    assert time.monotonic() - start < 5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"class_name": "M", "config": {', "truncated"),
        ('{"class_name": "M", "config": ' + "[" * 300 + "]" * 300 + "}", "200 levels deep"),
        ('{"class_name": "M", "config": ' + "[" * 500_000, "levels deep"),
        ('{"class_name": "M", "config": [' + "1" * 5000 + "]}", "not valid JSON"),
        ('{"class_name": "M"}', "'class_name' .text. and 'config'"),
        ('{"class_name": "M", "config": 3}', "'config' .a mapping or list."),
        ('{"class_name": "M", "config": {}, "backend": 3}', "'backend' is expected to be text"),
        ("[]", "found a list"),
        ("null", "found nothing"),
        (b'{"class_name": "\xff\xfe"}', "not valid JSON"),
        (" " * (16 * 2**20 + 1), "more than the 16777216 allowed"),
    ],
)
def test_bad_json_is_one_error(text, message):
    with pytest.raises(FileFormatError, match=message):
        json_format.loads(text, "model.json")

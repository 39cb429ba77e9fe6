"""Settings of the backend, and the configuration file they start from."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from kcompile.ir import LEARNING_PHASE
from kcompile.keras import backend as K
from kcompile.keras.backend import configuration


@pytest.fixture(autouse=True)
def _restored():
    saved = K.floatx(), K.epsilon(), K.image_data_format()
    yield
    K.set_floatx(saved[0])
    K.set_epsilon(saved[1])
    K.set_image_data_format(saved[2])
    K.clear_session()


def test_floatx_decides_the_type_of_variables_and_placeholders() -> None:
    K.set_floatx("float64")
    assert K.dtype(K.variable([1, 2])) == "float64"
    assert K.dtype(K.placeholder((None, 2))) == "float64"
    assert K.cast_to_floatx([1]).dtype == np.float64


@pytest.mark.parametrize(
    ("call", "value", "words"),
    [
        (K.set_floatx, "float31", "float31"),
        (K.set_image_data_format, "channels_middle", "channels_middle"),
        (K.normalize_data_format, 3, "channels_first"),
        (K.set_image_dim_ordering, "tensor", "tensor"),
        (K.set_learning_phase, 2, "0 or 1"),
    ],
)
def test_settings_refuse_what_makes_no_sense(call, value, words) -> None:
    with pytest.raises(ValueError, match=words):
        call(value)


def test_image_dim_ordering_is_the_data_format_by_its_old_name() -> None:
    K.set_image_dim_ordering("th")
    assert K.image_data_format() == "channels_first"
    assert K.image_dim_ordering() == "th"
    assert K.normalize_data_format(None) == "channels_first"
    assert K.normalize_data_format("Channels_Last") == "channels_last"


def test_uids_count_per_prefix_and_start_anew() -> None:
    K.reset_uids()
    assert [K.get_uid("dense"), K.get_uid("dense"), K.get_uid("conv")] == [1, 2, 1]
    K.reset_uids()
    assert K.get_uid("dense") == 1


def test_learning_phase_is_symbolic_until_it_is_set() -> None:
    assert K.learning_phase() is LEARNING_PHASE
    K.set_learning_phase(1)
    assert K.learning_phase() == 1
    x, y = K.placeholder((2,)), K.placeholder((2,))
    assert K.in_train_phase(x, y) is x
    K.set_learning_phase(0)
    assert K.in_train_phase(x, y) is y
    K.clear_session()
    assert K.learning_phase() is LEARNING_PHASE


def test_decorators_leave_functions_as_they_are() -> None:
    @K.symbolic
    def f(x, scale=2):
        """Doc."""
        return x * scale

    assert f(3) == 6
    assert f.__doc__ == "Doc."
    assert K.eager(f)(3, scale=3) == 9


def test_missing_configuration_file_is_created_with_four_fields(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    configuration.load_configuration()
    written = json.loads((tmp_path / "home" / "keras.json").read_text())
    assert written == {
        "floatx": "float32",
        "epsilon": 1e-07,
        "backend": "tensorflow",
        "image_data_format": "channels_last",
    }
    assert os.listdir(tmp_path / "home") == ["keras.json"]


def test_existing_configuration_file_is_read_and_never_written(tmp_path, monkeypatch) -> None:
    text = (
        '{"floatx": "float64", "epsilon": 1e-4, "backend": "theano", "image_data_format": "channels_first"}'
    )
    (tmp_path / "keras.json").write_text(text)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    configuration.load_configuration()
    assert (K.floatx(), K.epsilon(), K.image_data_format()) == ("float64", 1e-4, "channels_first")
    assert (tmp_path / "keras.json").read_text() == text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "cannot be read"),
        ("[1]", "expected an object"),
        ('{"floatx": "float7", "epsilon": 1e-3}', "float7"),
        ('{"epsilon": null}', "epsilon"),
        ('{"epsilon": NaN}', "epsilon: expected a number from 0 on, found nan"),
        ('{"epsilon": -1}', "epsilon"),
        ('{"epsilon": 1e999}', "epsilon"),
        ('{"epsilon": "1e-3"}', "epsilon"),
        ('{"epsilon": ' + "9" * 400 + "}", "epsilon"),
        ('{"epsilon": ' + "9" * 5000 + "}", "cannot be read"),
        ('{"floatx": ["float32"]}', "floatx"),
        ('{"floatx": {}, "image_data_format": [1]}', "floatx"),
        ('{"image_data_format": true}', "image_data_format"),
        ("[" * 60000, "cannot be read"),
        (" " * 70000, "70000 bytes"),
        ("null", "expected an object"),
        ("\x00", "cannot be read"),
        ('{"image_data_format": "\x1b[2J"}'.replace("\x1b", "\\u001b"), r"\\x1b\[2J"),
    ],
)
def test_bad_configuration_is_a_warning_and_leaves_the_defaults(tmp_path, monkeypatch, text, words) -> None:
    (tmp_path / "keras.json").write_text(text)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    with pytest.warns(UserWarning, match=words):
        configuration.load_configuration()
    assert (K.floatx(), K.epsilon(), K.image_data_format()) == (
        "float32",
        1e-3 if '"epsilon": 1e-3' in text else 1e-7,
        "channels_last",
    )
    assert (tmp_path / "keras.json").read_text() == text


@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "no text"])
def test_configuration_that_is_no_file_of_text_is_a_warning_and_no_wait(tmp_path, monkeypatch, kind) -> None:
    path = tmp_path / "keras.json"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "folder":
        path.mkdir()
    else:
        path.write_bytes(b"\xff\xfe\x00")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    with pytest.warns(UserWarning, match="cannot be read"):
        configuration.load_configuration()
    assert K.floatx() == "float32"


def test_folder_that_somebody_else_made_in_the_temporary_one_is_not_used(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("KERAS_HOME", "/proc/none")
    real = os.lstat

    def of_another(path):
        status = list(real("/tmp"))
        status[4] += 1  # st_uid
        return os.stat_result(status) if str(path) == "/tmp/.keras" else real(path)

    monkeypatch.setattr(configuration.os, "lstat", of_another)
    monkeypatch.setattr(configuration.os, "access", lambda path, mode: False)
    assert str(configuration.keras_home()) == f"/tmp/.keras-{os.getuid()}"


def test_home_is_the_temporary_folder_where_the_home_folder_cannot_be_written(tmp_path, monkeypatch) -> None:
    monkeypatch.delenv("KERAS_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert configuration.keras_home() == tmp_path / ".keras"
    monkeypatch.setattr(configuration.os, "access", lambda path, mode: False)
    assert str(configuration.keras_home()) == "/tmp/.keras"


def test_import_reads_the_file_and_loads_no_heavy_library(tmp_path) -> None:
    (tmp_path / "keras.json").write_text('{"image_data_format": "channels_first"}')
    program = (
        "import sys; from kcompile.keras import backend as K\n"
        "assert K.image_data_format() == 'channels_first'\n"
        "heavy = ('torch', 'h5py', 'onnxruntime', 'yaml', 'requests', 'pooch')\n"
        "print([m for m in heavy if m in sys.modules])"
    )
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(__file__))))
    env = {
        **os.environ,
        "KERAS_HOME": str(tmp_path),
        "PYTHONPATH": os.pathsep.join([root, os.path.join(root, "runtime")]),
    }
    done = subprocess.run(
        [sys.executable, "-c", program], env=env, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"

"""Names that a terminal would obey reach it from nowhere: tables, bars, files of logs, errors, warnings."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings

import numpy as np
import pytest

from kcompile.keras import callbacks, layers
from kcompile.keras.models import Model, load_model, model_from_json, model_from_yaml
from kcompile.keras.utils.messages import harmless_messages, layer_name, raw_name

NAME = "a\x1b]0;owned\x07\x1b[2J\u202e"
WRITTEN = "a\\x1b]0;owned\\x07\\x1b[2J\\u202e"


def model():
    x = layers.Input((3,), name=f"in{NAME}")
    outputs = [layers.Dense(2, name=NAME)(x), layers.Dense(1, name="b")(x)]
    made = Model(x, outputs, name=f"m{NAME}")
    made.compile("sgd", "mse", metrics=["mae"])
    return made


def is_harmless(text):
    return all(c.isprintable() or c in "\n\b\r" for c in text)


def test_name_is_itself_and_written_harmlessly():
    name = layer_name(NAME)
    assert name == NAME and hash(name) == hash(NAME) and json.dumps(name) == json.dumps(NAME)
    assert (
        f"{name}/kernel" == f"{WRITTEN}/kernel" and str(name) == WRITTEN and f"{name:>50}".endswith(WRITTEN)
    )
    assert type(raw_name(name)) is str and raw_name(name) == NAME
    for other in ("dense_1", "größe", None):
        assert layer_name(other) is other and raw_name(other) is other


def test_summary_bars_and_logs_show_no_raw_name(capsys, tmp_path):
    made, x = model(), np.zeros((4, 3))
    made.summary()
    saving = callbacks.ModelCheckpoint(
        tmp_path / "m.h5", monitor=f"val_{NAME}", save_best_only=True, verbose=1
    )
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        for verbose in (1, 2):
            made.fit(x, [np.zeros((4, 2)), np.zeros((4, 1))], verbose=verbose, callbacks=[saving])
    shown = capsys.readouterr().out + "".join(str(warning.message) for warning in seen)
    assert WRITTEN in shown and "available" in shown and is_harmless(shown)


def test_model_of_such_a_name_goes_through_every_format(tmp_path):
    made = model()
    for ending in ("h5", "keras", "onnx", "weights.h5", "safetensors"):
        path = tmp_path / f"m.{ending}"
        if ending in ("weights.h5", "safetensors"):
            made.save_weights(path)
            made.load_weights(path)
            continue
        made.save(path)
        again = load_model(path)
        assert [layer.name for layer in again.layers] == [layer.name for layer in made.layers]
        assert NAME in again.output_names
        for one, other in zip(made.get_weights(), again.get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)
    for text, read in ((made.to_json(), model_from_json), (made.to_yaml(), model_from_yaml)):
        assert read(text).get_layer(NAME).units == 2


WRONG = {
    "data": lambda made: made.predict(np.zeros((2, 7))),
    "targets": lambda made: made.fit(np.zeros((2, 3)), np.zeros((2, 3))),
    "weights": lambda made: made.layers[1].set_weights([]),
    "call": lambda made: made.layers[1](layers.Input((9, 9, 9, 7))),
    "output": lambda made: layers.Dense(1, name=NAME).output,
    "count": lambda made: layers.Dense(1, name=NAME).count_params(),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_error_shows_no_raw_name(wrong):
    with pytest.raises(Exception) as error:
        wrong(model())
    assert is_harmless(str(error.value))


@pytest.mark.parametrize("change", ["two of a name", "unknown class", "unknown layer", "bad argument"])
def test_error_of_loading_and_what_led_to_it_show_no_raw_name(change):
    config = json.loads(model().to_json())
    entry = config["config"]["layers"][1]
    if change == "two of a name":
        config["config"]["layers"].append(entry)
    elif change == "unknown class":
        entry["class_name"] = NAME
    elif change == "unknown layer":
        entry["inbound_nodes"][0][0][0] = NAME + "x"
    else:
        entry["config"][NAME] = 1
    with pytest.raises(ValueError) as caught:
        model_from_json(json.dumps(config))
    error = caught.value
    while error is not None:
        assert is_harmless(str(error)), ascii(str(error))
        error = error.__cause__ or error.__context__


def test_messages_of_errors_that_have_no_text_stay():
    with harmless_messages(), pytest.raises(KeyError):
        raise KeyError(3)
    with pytest.raises(OSError) as error, harmless_messages():
        open("/nowhere/none")
    assert error.value.filename == "/nowhere/none" and error.value.errno == 2


@pytest.mark.parametrize("command", [["inspect"], ["inspect", "--ir"], ["inspect", "--json"], ["verify"]])
def test_command_prints_no_raw_name(command, tmp_path):
    made = model()
    path = tmp_path / ("m.json" if command[0] == "inspect" else "m.onnx")
    path.write_text(made.to_json()) if command[0] == "inspect" else made.export(path, verify=False)
    files = [path, path] if command[0] == "verify" else [path]
    arguments = [command[0], *map(str, files), *command[1:]]
    done = subprocess.run([sys.executable, "-m", "kcompile", *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "x1b" in done.stdout and is_harmless(done.stdout + done.stderr)


FORMULAS = ["=cmd|' /C calc'!A0", "+1", "-1+2", "@SUM(A1)", "\t=1", "\r=1"]


@pytest.mark.parametrize("name", FORMULAS)
def test_name_in_a_log_is_no_formula(name, tmp_path):
    import csv

    log = callbacks.CSVLogger(tmp_path / "log.csv")
    log.on_train_begin()
    log.on_epoch_end(0, {"loss": -1.5, name: 2.0, "text": name})
    log.on_train_end()
    with open(tmp_path / "log.csv", newline="") as file:
        header, row = csv.reader(file)
    assert sorted(header) == sorted(["epoch", "loss", "text", f"'{name}"])
    assert dict(zip(header, row, strict=True))["loss"] == "-1.5"
    assert dict(zip(header, row, strict=True))["text"] == f"'{name}"

"""Losses and metrics of tf.keras 2 and Keras 3: all names and arguments, and the numbers of both programs."""

from __future__ import annotations

import inspect
import json
import warnings
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

from kcompile import keras
from kcompile.keras import losses, metrics, rules
from kcompile.keras.models import load_model
from kcompile.keras.saving.versions.writer import writer_of
from tests.golden import load
from tests.golden.keras3 import measures

FOLDER = Path(measures.__file__).parent
JUDGES = ("keras", "tf_keras")
NAMES = {judge: json.loads((FOLDER / f"measures_{judge}.json").read_text()) for judge in JUDGES}


def answers(judge):
    with np.load(FOLDER / f"measures_{judge}.npz") as stored:
        return load._unpack(stored)


ANSWERS = {judge: answers(judge) for judge in JUDGES}
CASES = [(judge, case) for judge in JUDGES for case in measures.CASES if judge in case["judges"]]


@pytest.mark.parametrize("judge, case", CASES, ids=lambda v: v if isinstance(v, str) else v["name"])
def test_numbers_are_those_of_the_program(judge, case):
    prefix = case["name"] + "|"
    expected = {
        key[len(prefix) :]: value
        for key, value in ANSWERS[judge].items()
        if key.startswith(prefix) and not key.endswith("|file")
    }
    assert expected
    with rules.following(writer_of({"keras_version": NAMES[judge]["version"]}).rules):
        found = measures.run(keras, case)
    problems = load.differences(expected, found, rtol=2e-5, atol=1e-5)
    assert not problems, "\n".join(problems)


WALK = [
    (judge, module, name)
    for judge in JUDGES
    for module, table in NAMES[judge]["names"].items()
    for name in table
]
#: Bases whose arguments are of no use to a file, and arguments that mean something only inside of TensorFlow.
BASES = {"Loss", "Metric"}


@pytest.mark.parametrize("judge, module, name", WALK)
def test_every_name_is_there_with_all_arguments(judge, module, name):
    ours = {"losses": losses, "metrics": metrics}[module]
    found = ours.deserialize(name)
    if name in BASES:
        return
    wanted = NAMES[judge]["names"][module][name]
    missing = [p for p in wanted if p not in inspect.signature(found).parameters]
    assert not missing


# --- files --------------------------------------------------------------------------------------------------

FILES = {
    judge: json.loads(ANSWERS[judge]["files"].tobytes()) for judge in JUDGES
}  # case -> ending -> what the program's file says of compile()
#: Each case with one of the two endings in turn.
WRITTEN = [
    (judge, case, sorted(FILES[judge][case["name"]])[i % 2])
    for i, (judge, case) in enumerate(CASES)
    if case["name"] in FILES[judge]
]


def put_training_config(path, config, version):
    """Makes a file that was written here say what another program's says of compile()."""
    if path.suffix == ".keras":
        with zipfile.ZipFile(path) as file:
            parts = {name: file.read(name) for name in file.namelist()}
        parts["config.json"] = json.dumps(
            {**json.loads(parts["config.json"]), "compile_config": config}
        ).encode()
        parts["metadata.json"] = json.dumps({"keras_version": version, "date_saved": ""}).encode()
        with zipfile.ZipFile(path, "w") as file:
            for name, part in parts.items():
                file.writestr(name, part)
        return
    with h5py.File(path, "a") as file:
        file.attrs["training_config"] = json.dumps(config)
        file.attrs["keras_version"] = file["model_weights"].attrs["keras_version"] = version


@pytest.mark.parametrize("judge, case, ending", WRITTEN, ids=lambda v: v if isinstance(v, str) else v["name"])
def test_a_compiled_file_evaluates_as_its_writer_did(judge, case, ending, tmp_path):
    path = tmp_path / f"model.{ending}"
    measures.file_model(keras, case).save(str(path))
    put_training_config(path, FILES[judge][case["name"]][ending], NAMES[judge]["version"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = load_model(str(path))
    expected = ANSWERS[judge][f"{case['name']}|file"]
    np.testing.assert_allclose(measures.evaluate(model, case), expected, rtol=2e-5, atol=1e-5)


DIFFERENT_RULES = [
    (judge, case)
    for judge, case in CASES
    if case["name"] in FILES[judge]
    and (measures.mask(case["data"]) is not None or case["class"] in ("Huber", "SensitivityAtSpecificity"))
]


@pytest.mark.parametrize("ending", ["h5", "keras", "onnx"])
@pytest.mark.parametrize(
    "judge, case", DIFFERENT_RULES[::4], ids=lambda v: v if isinstance(v, str) else v["name"]
)
def test_rules_of_the_writer_stay_in_our_own_files(judge, case, ending, tmp_path):
    path = tmp_path / "model.h5"
    measures.file_model(keras, case).save(str(path))
    put_training_config(path, FILES[judge][case["name"]]["h5"], NAMES[judge]["version"])
    model = load_model(str(path))
    model.save(str(tmp_path / f"again.{ending}"))
    again = load_model(str(tmp_path / f"again.{ending}"))
    np.testing.assert_allclose(measures.evaluate(again, case), measures.evaluate(model, case), rtol=1e-5)


def test_code_keeps_the_rules_of_keras_2():
    """Masked steps count as zeros in the mean, also after files of ours."""
    y, p = measures.data("real_steps")
    mask = measures.mask("real_steps")
    p = np.where(mask[..., None], p, np.float32(5.0))
    model = measures.file_model(keras, {"data": "real_steps"})
    model.compile("sgd", "mse")
    expected = (np.square(y - p).mean(-1) * mask).mean()
    assert model.evaluate(p, y, batch_size=12, verbose=0) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("ending", ["h5", "keras", "onnx"])
def test_files_of_ours_keep_the_rules_of_keras_2(ending, tmp_path):
    y, p = measures.data("real_steps")
    p = np.where(measures.mask("real_steps")[..., None], p, np.float32(5.0))
    model = measures.file_model(keras, {"data": "real_steps"})
    model.compile("sgd", losses.Huber(0.5, reduction="sum"), metrics=["mae"])
    path = str(tmp_path / f"m.{ending}")
    model.save(path)
    again = load_model(path).evaluate(p, y, batch_size=12, verbose=0)
    assert again == pytest.approx(model.evaluate(p, y, batch_size=12, verbose=0), rel=1e-6)

"""The runner of published programs tells a program that runs from one that does not."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import json

import pytest

from .__main__ import results
from .manifest import KERAS3, TF_KERAS, Program, Repository, content_hash, programs
from .notebooks import as_script
from .page import page
from .running import ROOT, portable, run, shell_commands

TRAINS = """
from keras.datasets import mnist
from keras.layers import Dense, Flatten
from keras.models import Sequential

(x, y), _ = mnist.load_data()
model = Sequential([Flatten(input_shape=(28, 28)), Dense(10, activation="softmax")])
model.compile("sgd", "sparse_categorical_crossentropy")
history = model.fit(x / 255.0, y, epochs=20)
assert len(history.history["loss"]) == 1
"""

ON_KERAS3 = """
import os

os.environ["KERAS_BACKEND"] = "jax"
import keras
import tensorflow as tf
from keras import layers

assert keras.config.backend() == "kcompile"
(x, y), _ = keras.datasets.mnist.load_data()
data = tf.data.Dataset.from_tensor_slices((x / 255.0, y)).batch(16)

class Classifier(keras.Model):
    def __init__(self):
        super().__init__()
        self.classify = layers.Dense(10, activation="softmax")

    def call(self, images):
        return self.classify(layers.Flatten()(images))

model = Classifier()
model.compile("sgd", "sparse_categorical_crossentropy")
history = model.fit(data, epochs=20)
assert len(history.history["loss"]) == 1
network = keras.applications.MobileNetV2((32, 32, 3), include_top=False)
"""

TESTS = """
import package

def test_passes():
    assert package.three == 3

def test_fails():
    assert package.three == 4
"""


def _run(text, folder, keras3=False, **limits):
    path = "examples/program.py"
    file = folder / "ours" / path
    file.parent.mkdir(parents=True)
    file.write_text(text)
    repository = Repository("ours", "https://example.com", "0", "Ours.")
    program = Program(repository, path, hashlib.sha256(text.encode()).hexdigest(), limits, keras3=keras3)
    return run(program, folder, None, folder / "log.txt")


def test_a_program_trains_on_stand_ins_and_its_model_is_exported(tmp_path):
    result = _run(TRAINS, tmp_path)
    assert result.ok, (result.error, (tmp_path / "log.txt").read_text())
    assert result.trained == ["sequential_1: exports"]
    assert "fit: 20 epochs cut to 1" in result.cut
    assert any(note.startswith("https://") and "mnist.npz" in note for note in result.cut)


@pytest.mark.skipif(importlib.util.find_spec("keras") is None, reason="Keras 3 is not installed")
def test_a_program_for_keras_3_trains_on_stand_ins_and_its_model_is_exported(tmp_path):
    result = _run(ON_KERAS3, tmp_path, keras3=True)
    assert result.ok, (result.error, (tmp_path / "log.txt").read_text())
    assert result.trained == ["classifier: exports", "mobilenetv2_1.00_32: exports"]
    assert {"fit: 20 epochs cut to 1", "fit: at most 4 batches of a dataset"} <= set(result.cut)
    assert "mobilenetv2_1.00_32: random weights in place of the published ones" in result.cut


def test_an_error_is_told_with_its_place(tmp_path):
    result = _run("import keras\nkeras.layers.Dense(-1)\n", tmp_path)
    assert not result.ok
    assert result.error.startswith("ValueError: ")
    assert result.place.startswith("program.py:2 keras.layers.Dense(-1) | ")


def test_a_program_that_takes_too_long_is_stopped_and_says_where_it_was(tmp_path):
    result = _run("import time\ntime.sleep(60)\n", tmp_path, seconds=12)
    assert result.error.startswith("not done after")
    assert result.place == "program.py:2 time.sleep(60)"


def test_messages_name_no_folder_of_the_run(tmp_path):
    error = f"No such file: '{tmp_path}/work/a.h5'; <function f at 0x7f3db3b5c2c0> in {ROOT}/kcompile/x.py"
    assert portable(error, tmp_path) == "No such file: 'a.h5'; <function f> in kcompile/x.py"


def test_a_program_reaches_no_network(tmp_path):
    result = _run("import socket\nsocket.create_connection(('127.0.0.1', 9))\n", tmp_path)
    assert result.error.startswith("OSError: this program has no network")


def test_another_text_than_the_manifest_means_is_not_run(tmp_path):
    (tmp_path / "ours").mkdir()
    (tmp_path / "ours" / "a.py").write_text("print(2)")
    program = Program(Repository("ours", "", "0", ""), "a.py", hashlib.sha256(b"print(1)").hexdigest())
    with pytest.raises(ValueError, match="is not that of commit"):
        program.check(tmp_path)


def test_the_tests_of_a_package_run_with_the_package(tmp_path):
    for name, text in (("package.py", "three = 3\n"), ("tests/test_it.py", TESTS)):
        file = tmp_path / "ours" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    repository = Repository("ours", "https://example.com", "0", "Ours.", is_package=True)
    program = Program(repository, "tests", content_hash(tmp_path / "ours" / "tests"))
    result = run(program, tmp_path, None, tmp_path / "log.txt")
    assert result.error.startswith("exit code 1: 1 failed, 1 passed")


def test_a_notebook_becomes_the_script_of_its_code_cells():
    cells = [
        {"cell_type": "markdown", "source": ["no code"]},
        {"cell_type": "code", "source": ["!pip install \\\n", "  x\n", "%matplotlib inline\n", "a = 7 % 4"]},
        {"cell_type": "code", "source": ["%%time\n", "b = 2"]},
        {"cell_type": "code", "source": ["\n", " if a:\n", "   a = 1\n"]},
        {"cell_type": "code", "source": ["files = !ls\n", "if a:\n", "  !echo"]},
    ]
    script = as_script(json.dumps({"cells": cells}))
    ast.parse(script)
    assert [line for line in script.splitlines() if line] == [
        "get_ipython().system('pip install   x')",
        "get_ipython().run_line_magic('matplotlib', 'inline')",
        "a = 7 % 4",
        "get_ipython().run_cell_magic('time', '', 'b = 2')",
        "if a:",
        "  a = 1",
        "files = get_ipython().getoutput('ls')",
        "if a:",
        "  get_ipython().system('echo')",
    ]


def test_the_commands_that_a_script_asks_its_reader_to_run_are_found():
    text = '"""shell\n!curl -O x\ntar -xf x\n"""\nimport os\n'
    text += '"""\n```\n!wget y\n!!wget z\n!\n```\n![a picture](b)\n"""\n'
    assert shell_commands(text) == ["curl -O x\ntar -xf x\n", "wget y", "wget z"]


@pytest.mark.parametrize("collection", [TF_KERAS, KERAS3], ids=["tf.keras", "Keras 3"])
def test_the_page_shows_the_recorded_results(collection):
    shown = page(programs(collection), results(collection), collection.keras3)
    assert collection.page.read_text(encoding="utf-8") == shown


@pytest.mark.parametrize("collection", [TF_KERAS, KERAS3], ids=["tf.keras", "Keras 3"])
def test_the_manifest_names_each_program_once_by_its_hash(collection):
    listed = programs(collection)
    assert len({program.name for program in listed}) == len(listed)
    assert all(len(program.sha256) == 64 and len(program.repository.commit) == 40 for program in listed)

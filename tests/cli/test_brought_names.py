"""``kcompile run``: modules of Keras give what those of 2.0 to 2.3 brought along from their own imports."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from kcompile.cli.brought_names import _BROUGHT

#: A module -> names that its star import takes in Keras 2.2.4, and what they are.
TAKEN = {
    "activations": {"K": "keras.backend"},
    "callbacks": {"np": "numpy", "os": "os", "deque": "collections:deque"},
    "engine.topology": {"K": "keras.backend", "merge": "keras.legacy.merge:merge"},
    "layers": {
        "K": "keras.backend",
        "np": "numpy",
        "activations": "keras.activations",
        "initializers": "keras.initializers",
        "regularizers": "keras.regularizers",
        "constraints": "keras.constraints",
        "copy": "copy",
        "warnings": "warnings",
        "Layer": "keras.layers:Layer",
        "has_arg": "keras.utils.generic_utils:has_arg",
        "Dense": "keras.layers:Dense",
    },
    "layers.core": {"K": "keras.backend", "InputSpec": "keras.engine:InputSpec"},
    "layers.recurrent": {
        "interfaces": "keras.legacy.interfaces",
        "Recurrent": "keras.legacy.layers:Recurrent",
    },
    "models": {"K": "keras.backend", "h5py": "h5py", "to_list": "keras.utils.generic_utils:to_list"},
    "optimizers": {"K": "keras.backend", "copy": "copy"},
    "preprocessing.text": {"string": "string", "np": "numpy"},
    "applications.vgg16": {"Conv2D": "keras.layers:Conv2D", "VGG16": "keras.applications:VGG16"},
}
READS = """
import importlib, sys
def value(path):
    home, _, member = path.partition(":")
    found = importlib.import_module(home)
    return getattr(found, member) if member else found
wrong = []
"""


def run(tmp_path: Path, text: str, *options: str) -> subprocess.CompletedProcess[str]:
    """A script under ``kcompile run``."""
    (tmp_path / "script.py").write_text(text)
    command = [sys.executable, "-m", "kcompile", "run", *options, str(tmp_path / "script.py")]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def test_star_imports_take_what_keras_had_imported(tmp_path):
    script = "import keras\n" + READS
    for module, names in TAKEN.items():
        script += f"taken = {{}}\nexec('from keras.{module} import *', taken)\n"
        for name, path in names.items():
            script += f"wrong += [{module + ':' + name!r}] * (taken.get({name!r}) is not value({path!r}))\n"
    for module in _BROUGHT:  # all that is in the table can be had
        script += f"exec('from keras.{module} import *', {{}})\n"
    script += "from keras.layers import activations, K as backend\nprint(wrong, activations.relu.__name__)\n"
    done = run(tmp_path, script)
    assert done.stdout == "[] relu\n", done.stderr


@pytest.mark.parametrize("first", ["from keras import layers\n", "from tensorflow.keras import layers\n"])
def test_parts_of_keras_that_were_packages_of_their_own(first, tmp_path):
    done = run(
        tmp_path,
        "from keras_preprocessing.text import Tokenizer\nfrom keras_applications import imagenet_utils\n"
        + first
        + "import keras, keras_applications.vgg16, keras_preprocessing.image as image\n"
        "print(keras.preprocessing.text.Tokenizer is Tokenizer, image.ImageDataGenerator.__name__)\n"
        "print(imagenet_utils.preprocess_input.__name__, layers.GRU(2).reset_after)\n"
        "from keras.layers import *\nfrom keras.models import *\nprint('K' in dir(), 'np' in dir())\n",
    )
    of_tf_keras = "tensorflow" in first  # which brought nothing along
    expected = (
        f"True ImageDataGenerator\npreprocess_input {of_tf_keras}\n{not of_tf_keras} {not of_tf_keras}\n"
    )
    assert done.stdout == expected, done.stderr

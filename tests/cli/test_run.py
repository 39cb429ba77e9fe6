"""``kcompile run``: scripts written for Keras run as they stand, and as python itself would run them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = [sys.executable, "-m", "kcompile", "run"]


def run(script: Path, *arguments: str, **options):
    return subprocess.run([*COMMAND, str(script), *arguments], capture_output=True, text=True, **options)


def python(script: Path, *arguments: str):
    return subprocess.run([sys.executable, str(script), *arguments], capture_output=True, text=True)


@pytest.fixture
def script(tmp_path):
    def write(text: str, name: str = "script.py") -> Path:
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


def test_a_script_of_keras_2_runs_unmodified(script):
    done = run(
        script(
            """
import numpy as np
import keras
import keras.backend as K
from keras import backend, layers
from keras.engine.topology import Layer
from keras.layers.core import Dense
from keras.models import Sequential, load_model
from keras.utils.np_utils import to_categorical

model = Sequential()
model.add(Dense(output_dim := 3, activation="softmax", input_dim=2))
model.compile(optimizer="sgd", loss="categorical_crossentropy")
history = model.fit(np.ones((8, 2)), to_categorical([0, 1, 2, 0, 1, 2, 0, 1], 3), epochs=2, verbose=0)
assert isinstance(model.layers[0], Layer) and K is backend
print(keras.__version__, len(history.history["loss"]))
"""
        )
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "2.3.1 2\n"


def test_the_modules_are_kcompiles_own(script):
    done = run(
        script(
            """
import sys
import keras.layers.core, keras.utils.np_utils
import kcompile.keras as real
import kcompile.keras.layers.core as core
assert keras is real and keras.layers.core is core and sys.modules["keras.layers.core"] is core
assert core.__spec__.name == core.__name__ == "kcompile.keras.layers.core"
import importlib
assert importlib.reload(core) is core
"""
        )
    )
    assert done.returncode == 0, done.stderr


def test_argv_main_and_path_are_those_of_plain_python(script, tmp_path):
    path = script(
        """
import os, sys
print(sys.argv, __name__, __file__, __spec__, __package__, __doc__)
print(os.path.dirname(os.path.realpath(__file__)) == sys.path[0])
print(sys.modules["__main__"].__dict__ is globals(), sorted(n for n in globals() if not n.startswith("__")))
import beside
print(beside.value)
print(sys.stdin.read())
"""
    )
    (tmp_path / "beside.py").write_text("value = 42\n")
    arguments = ["a", "--flag", "-o", "x", "--help", "--", "b c"]
    here = subprocess.run([*COMMAND, str(path), *arguments], capture_output=True, text=True, input="hello")
    plain = subprocess.run(
        [sys.executable, str(path), *arguments], capture_output=True, text=True, input="hello"
    )
    assert here.stdout == plain.stdout and here.returncode == plain.returncode == 0, here.stderr


@pytest.mark.parametrize(
    "text",
    [
        "def f():\n    return 1 / 0\n\nf()\n",
        "try:\n    1 / 0\nexcept ZeroDivisionError as error:\n    raise ValueError('second') from error\n",
        "print('a')\nthis is no python\n",
        "import no_such_module\n",
        "import sys\nsys.exit(5)\n",
        "raise SystemExit('a message')\n",
        "import sys\nsys.exit()\n",
        "import sys\nsys.excepthook = lambda t, v, tb: print('hook', v)\nraise KeyError('x')\n",
        "import atexit\natexit.register(print, 'bye')\nraise RuntimeError\n",
    ],
)
def test_exceptions_and_exit_codes_are_those_of_plain_python(script, text):
    path = script(text)
    here, plain = run(path), python(path)
    assert (here.returncode, here.stdout, here.stderr) == (plain.returncode, plain.stdout, plain.stderr)


def test_a_module_that_keras_lacks_is_a_plain_import_error(script):
    done = run(script("import keras.no_such_module\n"))
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(
        "ModuleNotFoundError: No module named 'keras.no_such_module'"
    )


def test_another_keras_beside_the_script_is_not_taken(script, tmp_path):
    (tmp_path / "keras").mkdir()
    (tmp_path / "keras" / "__init__.py").write_text("raise SystemExit('the wrong keras')\n")
    done = run(script("import keras\nprint(keras.__spec__.name)\n"))
    assert done.stdout == "kcompile.keras\n", done.stderr


def test_spawned_workers_import_keras_too(script):
    done = run(
        script(
            """
import multiprocessing
import keras

def name(_):
    return keras.__name__

if __name__ == "__main__":
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(pool.map(name, [0]))
"""
        )
    )
    assert done.stdout == "['kcompile.keras']\n", done.stderr


def test_a_missing_script_is_bad_usage(tmp_path):
    done = run(tmp_path / "none.py")
    assert done.returncode == 2
    assert "none.py" in done.stderr and "Traceback" not in done.stderr


def test_the_package_is_called_keras(script):
    """Programs that run with keras and with tf.keras ask which one they have."""
    done = run(
        script(
            """
import importlib, sys
import keras
assert keras.__name__ == "keras" and sys.modules["keras"] is sys.modules["kcompile.keras"]
assert importlib.import_module(".layers", keras.__name__) is keras.layers
assert importlib.import_module("%s.engine.topology" % keras.__name__).Layer is keras.layers.Layer
from kcompile.keras import legacy, Model
from keras import backend, Model as again
assert Model is again and keras.legacy is legacy and importlib.reload(keras) is keras
"""
        )
    )
    assert done.returncode == 0, done.stderr

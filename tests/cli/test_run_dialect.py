"""``kcompile run``: what a script imports, or ``--dialect``, says whose defaults hold."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PRINTED = "print(keras.layers.GRU(2).reset_after)\n"
PROGRAMS = {
    "import keras\n": "keras",
    "from keras import backend\nimport keras\n": "keras",
    "import tensorflow as tf\nimport keras\n": "keras",
    "import keras\nfrom tensorflow.keras.utils import to_categorical\n": "tf_keras",
    "from tensorflow import keras\n": "tf_keras",
    "import tensorflow as tf\nkeras = tf.keras\n": "tf_keras",
    "import tf_keras as keras\n": "tf_keras",
    "from tensorflow.python import keras\n": "tf_keras",
    "import tensorflow.keras\nkeras = tensorflow.keras\n": "tf_keras",
    "from beside import keras\n": "tf_keras",
}


def run(tmp_path: Path, text: str, *options: str) -> subprocess.CompletedProcess[str]:
    """A script under ``kcompile run``, with a module beside it."""
    (tmp_path / "script.py").write_text(text)
    (tmp_path / "beside.py").write_text("import tensorflow as tf\nkeras = tf.keras\n")
    command = [sys.executable, "-m", "kcompile", "run", *options, str(tmp_path / "script.py")]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("program", PROGRAMS)
def test_imports_choose_the_dialect(program, tmp_path):
    done = run(tmp_path, program + PRINTED, "--verbose")
    assert done.stdout == f"{PROGRAMS[program] == 'tf_keras'}\n", done.stderr
    assert done.stderr.startswith(f"kcompile: dialect {PROGRAMS[program]}: ")
    assert "--dialect says otherwise" in done.stderr


@pytest.mark.parametrize("dialect", ["keras", "tf_keras"])
@pytest.mark.parametrize("program", ["import keras\n", "from tensorflow import keras\n"])
def test_the_option_has_the_last_word(program, dialect, tmp_path):
    done = run(tmp_path, program + PRINTED, "--dialect", dialect)
    assert (done.stdout, done.stderr) == (f"{dialect == 'tf_keras'}\n", "")


def test_an_unknown_dialect_is_bad_usage(tmp_path):
    done = run(tmp_path, "", "--dialect", "theano")
    assert done.returncode == 2 and "tf_keras" in done.stderr


def test_threads_and_spawned_processes_follow_the_dialect(tmp_path):
    done = run(
        tmp_path,
        """
import multiprocessing, threading
from tensorflow import keras

def resets_after(_):
    return keras.layers.GRU(2).reset_after

if __name__ == "__main__":
    thread = threading.Thread(target=lambda: print(resets_after(0)))
    thread.start()
    thread.join()
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(pool.map_async(resets_after, [0]).get(60))
""",
    )
    assert done.stdout == "True\n[True]\n", done.stderr

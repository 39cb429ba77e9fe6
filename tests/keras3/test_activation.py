"""How the backend comes up, and each way in which it cannot: one clear error, and Keras as it was."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(importlib.util.find_spec("keras") is None, reason="Keras 3 is not installed")


def run(source: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    paths = f"{folder}:{ROOT}:{ROOT / 'runtime'}"
    return subprocess.run(
        [sys.executable, "-c", source],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder), "PYTHONPATH": paths, **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_import_before_keras_makes_the_backend_once_by_both_of_its_names(tmp_path: Path) -> None:
    source = (
        "import kcompile.keras3, keras, keras.src.backend.kcompile.core as a\n"
        "import kcompile.keras3.backend.core as b\n"
        "print(keras.config.backend(), a is b, a.__name__, a.__spec__.name)"
    )
    name, done = "kcompile.keras3.backend.core", run(source, tmp_path)
    assert done.stdout.strip() == f"kcompile True {name} {name}", done.stderr


def test_the_variable_of_the_environment_gives_way(tmp_path: Path) -> None:
    source = "import kcompile.keras3, keras; print(keras.config.backend())"
    assert run(source, tmp_path, KERAS_BACKEND="numpy").stdout.strip() == "kcompile"


def test_a_script_that_sets_the_variable_itself_has_this_backend(tmp_path: Path) -> None:
    source = (
        "import kcompile.keras3, os; os.environ['KERAS_BACKEND'] = 'jax'\n"
        "import keras; print(keras.config.backend())"
    )
    assert run(source, tmp_path).stdout.strip() == "kcompile"


def test_importing_the_package_of_keras_is_left_to_the_program(tmp_path: Path) -> None:
    source = "import kcompile.keras3, sys; print('keras' in sys.modules, 'torch' in sys.modules)"
    assert run(source, tmp_path).stdout.strip() == "False False"


REFUSED = {
    "Keras is loaded already": (
        "import keras\n",
        {"KERAS_BACKEND": "torch"},
        "with the backend 'torch'",
    ),
    "PyTorch is missing": (
        "import importlib.util as u; find = u.find_spec\n"
        "u.find_spec = lambda name, *a: None if name == 'torch' else find(name, *a)\n",
        {},
        "PyTorch, which is not installed",
    ),
    "Keras is missing": (
        "import importlib.util as u; find = u.find_spec\n"
        "u.find_spec = lambda name, *a: None if name == 'keras' else find(name, *a)\n",
        {},
        "Keras is not installed",
    ),
}


@pytest.mark.parametrize("why", sorted(REFUSED))
def test_what_cannot_be_is_one_error(why: str, tmp_path: Path) -> None:
    prelude, environment, message = REFUSED[why]
    source = prelude + (
        "import sys\n"
        "try:\n    import kcompile.keras3\n"
        "except ImportError as error:\n    print(type(error).__name__, error)\n"
        "print([type(f).__name__ for f in sys.meta_path if type(f).__name__ == 'BackendFinder'])"
    )
    done = run(source, tmp_path, **environment)
    assert done.stdout.startswith("BackendError") and message in done.stdout, done.stdout + done.stderr
    assert done.stdout.strip().endswith("[]")


def write_keras(folder: Path, version: str, **modules: str) -> None:
    """A package that looks like Keras from outside."""
    for name, text in {"__init__": "", "src/__init__": "", **modules}.items():
        path = folder / "keras" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (folder / "keras" / "src" / "version.py").write_text(f'__version__ = "{version}"\n')


@pytest.mark.parametrize("version", ["2.15.0", "3.14.1", "3.17.0", "4.0.0"])
def test_other_versions_of_keras_are_refused_before_anything_is_imported(
    version: str, tmp_path: Path
) -> None:
    write_keras(tmp_path, version)
    done = run("import kcompile.keras3", tmp_path)
    assert f"found Keras {version}" in done.stderr and "pip install 'keras>=3.15,<3.17'" in done.stderr


def test_a_source_without_the_places_of_the_patches_is_refused(tmp_path: Path) -> None:
    write_keras(tmp_path, "3.15.1", **{"src/backend/__init__": "print('imported')\n"})
    done = run("import kcompile.keras3", tmp_path)
    assert "does not look as Keras released it" in done.stderr and "imported" not in done.stdout


def test_processes_that_are_started_have_the_backend_too(tmp_path: Path) -> None:
    (tmp_path / "parent.py").write_text(
        "import subprocess, sys, keras\n"
        "child = [sys.executable, '-c', 'import keras; print(keras.config.backend())']\n"
        "theirs = subprocess.run(child, capture_output=True, text=True).stdout\n"
        "print(keras.config.backend(), theirs, sys.argv)"
    )
    done = run(
        "import sys; sys.argv = ['x', 'parent.py', 'a']; import runpy; "
        "runpy.run_module('kcompile.keras3', run_name='__main__', alter_sys=True)",
        tmp_path,
    )
    assert done.stdout.split() == ["kcompile", "kcompile", "['parent.py',", "'a']"], done.stderr


@pytest.mark.parametrize(
    "command",
    [
        ["-m", "kcompile", "run", "--keras3", "script.py"],
        ["-m", "kcompile.keras3", "script.py"],
        ["-m", "kcompile.keras3", "-c", "import keras, sys; print(keras.config.backend(), sys.argv[1:])"],
    ],
    ids=["kcompile run", "script", "program"],
)
def test_the_ways_to_run_something(command: list[str], tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text("import keras, sys; print(keras.config.backend(), sys.argv[1:])")
    done = subprocess.run(
        [sys.executable, *command, "--flag", "a"],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "PYTHONPATH": f"{ROOT}:{ROOT / 'runtime'}"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.stdout.strip() == "kcompile ['--flag', 'a']", done.stderr
    assert done.returncode == 0


def test_a_script_that_is_not_there_is_bad_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from kcompile.cli import BAD_INPUT, main

    assert main(["run", "--keras3", str(tmp_path / "none.py")]) == BAD_INPUT
    assert "none.py" in capsys.readouterr().err

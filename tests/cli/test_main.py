"""The command as a whole: help, usage errors, faults."""

from __future__ import annotations

import subprocess
import sys

import pytest

from kcompile.cli import BAD_INPUT, FAULT, INTERRUPTED, OK

COMMANDS = ["compile", "inspect", "predict", "verify", "run"]


def test_help_names_every_command(call):
    result = call("--help")
    assert result.code == OK
    assert all(command in result.out for command in COMMANDS)
    assert call().out == result.out


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help(call, command):
    result = call(command, "--help")
    assert result.code == OK and "Usage" in result.out


def test_version(call):
    import kcompile

    assert call("--version").out == f"kcompile {kcompile.__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["nonsense"], "nonsense"),
        (["compile"], "MODEL"),
        (["compile", "m.h5"], "output"),
        (["compile", "m.h5", "-o", "o.onnx", "--opset", "many"], "--opset"),
        (["verify", "a.h5"], "B"),
        (["verify", "a.h5", "b.h5", "--samples", "0"], "samples"),
        (["predict", "m.h5", "x.npy", "-o", "y.npy", "--batch-size", "-1"], "batch-size"),
        (["inspect", "m.h5", "--nonsense"], "nonsense"),
        (["run"], "SCRIPT"),
    ],
)
def test_bad_usage_is_one_line(call, arguments, expected):
    result = call(*arguments)
    assert result.code == BAD_INPUT
    assert result.err.startswith("kcompile: ") and result.err.count("\n") == 1
    assert expected in result.err


def test_debug_shows_the_traceback(call, tmp_path):
    result = call("--debug", "inspect", tmp_path / "none.h5")
    assert result.code == BAD_INPUT and "Traceback" in result.err and "FileNotFoundError" in result.err


@pytest.mark.parametrize(
    ("error", "code"), [(AssertionError("odd"), FAULT), (KeyboardInterrupt(), INTERRUPTED)]
)
def test_faults_and_interrupts_have_codes_of_their_own(call, files, monkeypatch, error, code):
    from kcompile.cli import inspecting

    def fail(*_):
        raise error

    monkeypatch.setattr(inspecting, "inspect_model", fail)
    result = call("inspect", files.h5)
    assert result.code == code
    if code == FAULT:
        assert "internal error" in result.err and "--debug" in result.err


def test_help_loads_nothing_heavy():
    code = (
        "import sys\nfrom kcompile.cli import main\nmain(['--help'])\n"
        "heavy = {'torch', 'onnx', 'onnxruntime', 'h5py', 'numpy', 'kcompile.keras'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_exit_code_reaches_the_shell(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "kcompile", "inspect", str(tmp_path / "none.h5")],
        capture_output=True,
        text=True,
    )
    assert done.returncode == BAD_INPUT and done.stdout == "" and done.stderr.count("\n") == 1

"""What all commands have in common: JSON, help, completion, pipes, bars."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import threading
import urllib.request

import numpy as np
import pytest

from kcompile.cli import BAD_INPUT, NEGATIVE, OK
from kcompile.cli.app import command

REPORTING = [
    "compile",
    "convert",
    "inspect",
    "optimize",
    "package",
    "predict",
    "profile",
    "tune",
    "verify",
    "web",
]


@pytest.mark.parametrize("name", REPORTING)
def test_every_command_that_reports_can_do_so_in_json(name):
    options = [option for parameter in command().commands[name].params for option in parameter.opts]
    assert "--json" in options


def test_the_other_commands_report_nothing():
    assert set(command().commands) - set(REPORTING) == {"plot", "run", "serve", "view"}


def test_json_of_each_command(files, call, samples, tmp_path):
    def found(*arguments, code=OK):
        result = call(*arguments, "--json")
        assert result.code == code, result.err
        return json.loads(result.out)

    compiled = found("compile", files.h5, "-o", tmp_path / "m.onnx", "--opset", "18")
    assert (compiled["opset"], compiled["comparison"]) == (18, "verified")
    assert compiled["bytes"] == (tmp_path / "m.onnx").stat().st_size
    predicted = found("predict", tmp_path / "m.onnx", samples[1], "-o", tmp_path / "y.npy")
    assert predicted["outputs"] == [{"name": "classes", "dtype": "float32", "shape": [6, 3]}]
    equal = found("verify", files.h5, tmp_path / "m.onnx")
    assert equal["equal"] and equal["outputs"][0]["relative_difference"] < 1e-4
    converted = found("convert", files.h5, "-o", tmp_path / "w.safetensors")
    assert converted["files"][0]["bytes"] == (tmp_path / "w.safetensors").stat().st_size
    read = found("convert", tmp_path / "w.safetensors", "--into", files.json, "-o", tmp_path / "b.h5")
    assert read["fits"] and len(read["matched"]) == 4 and read["files"]
    assert found("convert", files.weights, "--into", files.json, "--dry-run")["fits"]
    np.savez(tmp_path / "x.npz", x=1)
    draft = found(
        "convert", tmp_path / "w.safetensors", "--into", files.json, "--draft-mapping", tmp_path / "map.json"
    )
    assert draft["complete"] and json.loads((tmp_path / "map.json").read_text())


def test_json_of_a_no(files, call, tmp_path):
    from kcompile.keras.layers import Dense
    from kcompile.keras.models import Sequential

    Sequential([Dense(3, input_shape=(4,))]).save(tmp_path / "other.h5")
    Sequential([Dense(3, input_shape=(5,))]).save(tmp_path / "wider.h5")
    for other in ("other.h5", "wider.h5"):
        result = call("verify", files.h5, tmp_path / other, "--json")
        assert result.code == NEGATIVE and json.loads(result.out)["equal"] is False
    result = call("convert", tmp_path / "other.h5", "--into", files.json, "--dry-run", "--json")
    assert result.code == NEGATIVE and json.loads(result.out)["fits"] is False


def test_inspect_tells_states_opset_and_the_graph(call, tmp_path):
    from kcompile.keras.layers import LSTM
    from kcompile.keras.models import Sequential

    model = Sequential([LSTM(2, stateful=True, batch_input_shape=(1, 3, 4), name="memory")])
    model.export(tmp_path / "s.onnx", opset=17)
    found = json.loads(call("inspect", tmp_path / "s.onnx", "--json", "--ir").out)
    assert found["opset"] == {"": 17} and [state["shape"] for state in found["states"]] == [[1, 2], [1, 2]]
    assert " = LSTM(" in found["ir"]
    shown = call("inspect", tmp_path / "s.onnx").out
    assert "opset 17" in shown and shown.count("state ") >= 2


@pytest.mark.parametrize("opset", ["0", "12", "99", "-1"])
def test_an_opset_that_there_is_not_is_bad_usage(opset, files, call, tmp_path):
    result = call("compile", files.h5, "-o", tmp_path / "m.onnx", "--opset", opset)
    assert result.code == BAD_INPUT and "from 13 to" in result.err
    assert not (tmp_path / "m.onnx").exists()


@pytest.mark.parametrize("name", ["", *REPORTING, "run", "view"])
def test_short_help_is_help(name, call):
    arguments = [name] if name else []
    assert call(*arguments, "-h").out == call(*arguments, "--help").out != ""


@pytest.mark.parametrize(
    ("shell", "words", "expected"), [("bash", "kcompile ins", "inspect"), ("zsh", "kcompile ver", "verify")]
)
def test_the_shell_completes_commands(shell, words, expected):
    environment = {**os.environ, "_KCOMPILE_COMPLETE": f"complete_{shell}", "_TYPER_COMPLETE_ARGS": words}
    environment |= {"COMP_WORDS": words, "COMP_CWORD": "1"}
    code = "import sys; from kcompile.cli import main; sys.exit(main([]))"
    ended = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert expected in ended.stdout, ended.stderr


@pytest.mark.parametrize(
    "arguments",
    [["kcompile", "inspect", "MODEL", "--ir"], ["kcompile_runtime", "MODEL"], ["kcompile", "-h"]],
    ids=lambda arguments: " ".join(arguments),
)
@pytest.mark.parametrize("buffered", [True, False])
def test_a_reader_that_is_gone_is_no_traceback(arguments, buffered, files):
    read, write = os.pipe()
    os.close(read)
    flags = [] if buffered else ["-u"]
    arguments = [str(files.onnx) if argument == "MODEL" else argument for argument in arguments]
    command_line = [sys.executable, *flags, "-m", *arguments]
    ended = subprocess.run(command_line, stdout=write, stderr=subprocess.PIPE, text=True)
    os.close(write)
    assert (ended.returncode, ended.stderr) == (141, "")


def test_long_work_shows_a_bar_on_a_terminal(files, tmp_path):
    code = (
        "import sys; from kcompile.cli import main, progress; progress._PATIENCE = 0.0;"
        "sys.exit(main(sys.argv[1:]))"
    )
    terminal, end = pty.openpty()
    arguments = ["compile", str(files.h5), "-o", str(tmp_path / "m.onnx")]
    process = subprocess.Popen([sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, stderr=end)
    os.close(end)
    shown = b""
    while True:
        try:
            piece = os.read(terminal, 4096)
        except OSError:  # the other end is closed
            break
        if not piece:
            break
        shown += piece
    out = process.communicate()[0]
    os.close(terminal)
    assert process.returncode == 0
    assert b"comparing" in shown and b"verified" in out and b"comparing" not in out


def test_view_serves_a_drawing_on_this_machine(files):
    pytest.importorskip("netron")
    code = (
        "import signal, sys; from kcompile.cli import main;"
        "signal.signal(signal.SIGINT, signal.default_int_handler);"  # background jobs of a shell ignore it
        "sys.exit(main(sys.argv[1:]))"
    )
    arguments = [sys.executable, "-u", "-c", code, "view", str(files.h5), "--no-browse"]
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
    killer = threading.Timer(60, process.kill)
    killer.start()
    try:
        address = process.stdout.readline().split()[1]
        assert address.startswith("http://127.0.0.1:")
        with urllib.request.urlopen(address, timeout=30) as page:
            assert b"netron" in page.read().lower()
        process.send_signal(2)
        assert process.wait(30) == OK
    finally:
        killer.cancel()
        process.kill()
        process.wait()
        process.stdout.close()

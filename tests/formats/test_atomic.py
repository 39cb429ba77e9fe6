"""A save replaces the old file as a whole or leaves it as it was."""

from __future__ import annotations

import os
import random
import signal
import stat
import subprocess
import sys
import time

import numpy as np
import pytest

from kcompile import formats
from kcompile.atomic import replacing
from kcompile.formats import Archive, LayerWeights
from kcompile.keras.layers import Dense
from kcompile.keras.models import Sequential, load_model

SAVER = """
import sys
import numpy as np
from kcompile import formats
from kcompile.formats import Archive, LayerWeights

def archive(value):
    return Archive(layer_weights=[
        LayerWeights(f"l{i}", [("w", np.full((64, 1024), value, "float32"))]) for i in range(8)
    ])

archives = [archive(1), archive(2)]
formats.write(archives[0], sys.argv[1])
print("ready", flush=True)
while True:
    for one in archives:
        formats.write(one, sys.argv[1])
"""


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_kill_during_save_leaves_a_whole_file(tmp_path):
    rng = random.Random(0)
    for attempt in range(6):
        path = tmp_path / f"{attempt}.h5"
        process = subprocess.Popen([sys.executable, "-c", SAVER, str(path)], stdout=subprocess.PIPE)
        try:
            assert process.stdout.readline() == b"ready\n"
            time.sleep(rng.uniform(0.0, 0.08))
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
            process.stdout.close()
        found = formats.read(path)
        values = {float(v) for layer in found.layer_weights for _, w in layer.weights for v in np.unique(w)}
        assert len(found.layer_weights) == 8 and values in ({1.0}, {2.0})


MODEL_SAVER = """
import sys
from kcompile.keras.layers import Dense
from kcompile.keras.models import Sequential

model = Sequential([Dense(700, input_shape=(700,), name="a"), Dense(700, name="b")])
path = sys.argv[1]

def save(value):
    model.set_weights([w * 0 + value for w in model.get_weights()])
    if path.endswith((".weights.h5", ".safetensors")):
        model.save_weights(path)
    elif path.endswith((".json", ".yaml")):
        Sequential([Dense(3, input_shape=(3,), name="a" * (1 + 40000 * value))]).save(path)
    elif path.endswith(".onnx"):
        model.export(path, verify=False)
    else:
        model.save(path)

save(1)
print("ready", flush=True)
while True:
    save(2)
    save(1)
"""


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
@pytest.mark.parametrize("ending", ["keras", "h5", "weights.h5", "safetensors", "onnx", "json", "yaml"])
def test_kill_during_a_save_in_any_format_leaves_one_of_the_two_models(ending, tmp_path):
    rng = random.Random(ending)
    path = tmp_path / f"m.{ending}"
    command = [sys.executable, "-c", MODEL_SAVER, str(path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        assert process.stdout.readline() == b"ready\n"
        time.sleep(rng.uniform(0.0, 0.15))
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
    if ending in ("json", "yaml"):
        assert len(load_model(path).layers[0].name) in (40001, 80001)
        return
    model = Sequential([Dense(700, input_shape=(700,), name="a"), Dense(700, name="b")])
    if ending in ("weights.h5", "safetensors"):
        model.load_weights(path)
    else:
        model = load_model(path)
    assert {float(v) for w in model.get_weights() for v in np.unique(w)} in ({1.0}, {2.0})


@pytest.mark.parametrize("extension", ["h5", "json", "yaml"])
def test_failure_leaves_the_old_file_and_nothing_else(extension, archive, tmp_path, monkeypatch):
    path = tmp_path / f"m.{extension}"
    path.write_bytes(b"old")

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        formats.write(archive, path)
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


def test_failure_midway_leaves_nothing_behind(tmp_path):
    class Broken:
        dtype = np.dtype("float32")

        def __array__(self, dtype=None, copy=None):
            raise RuntimeError("lost")

    layers = [LayerWeights("a", [("w", np.zeros(10))]), LayerWeights("b", [("w", Broken())])]
    with pytest.raises(RuntimeError, match="lost"):
        formats.write(Archive(layer_weights=layers), tmp_path / "w.h5")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name != "posix", reason="POSIX mode bits")
def test_mode_bits_of_the_old_file_stay_and_new_files_follow_the_umask(archive, tmp_path):
    old = tmp_path / "old.h5"
    old.write_bytes(b"")
    old.chmod(0o640)
    before = os.umask(0o027)
    try:
        formats.write(archive, old)
        formats.write(archive, tmp_path / "new.h5")
    finally:
        os.umask(before)
    assert stat.S_IMODE(old.stat().st_mode) == 0o640
    assert stat.S_IMODE((tmp_path / "new.h5").stat().st_mode) == 0o640
    old.chmod(0o600)
    formats.write(archive, old)
    assert stat.S_IMODE(old.stat().st_mode) == 0o600


@pytest.mark.skipif(os.name != "posix", reason="symbolic links")
def test_symbolic_link_stays_and_its_target_is_replaced(archive, tmp_path):
    (tmp_path / "data").mkdir()
    target, link = tmp_path / "data" / "real.h5", tmp_path / "link.h5"
    target.write_bytes(b"old")
    link.symlink_to(target)
    formats.write(archive, link)
    assert link.is_symlink() and formats.read(target).config == archive.config


def test_places_that_are_no_file_are_refused(archive, tmp_path):
    with pytest.raises(IsADirectoryError):
        formats.write(archive, tmp_path)
    with pytest.raises(FileNotFoundError, match="the folder does not exist"):
        formats.write(archive, tmp_path / "missing" / "m.h5")
    if os.path.exists("/dev/null"):
        with pytest.raises(OSError, match="not a regular file"):
            formats.write(archive, "/dev/null")
    assert list(tmp_path.iterdir()) == []


def test_name_of_the_longest_possible_length_can_be_saved(tmp_path):
    path = tmp_path / ("n" * 252 + ".h5")
    with replacing(path) as temporary, open(temporary, "w") as file:
        file.write("x")
    assert path.read_text() == "x"

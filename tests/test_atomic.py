"""Files are replaced whole, by one process or by several, on full disks and after processes were killed."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from kcompile import atomic
from kcompile.atomic import NoSpaceError, replacing, replacing_with_companions
from kcompile.keras.layers import Dense
from kcompile.keras.models import Sequential, load_model

FORMATS = ("h5", "keras", "weights.h5", "safetensors", "pt", "onnx", "data", "json", "yaml")


def model(name: str = "a") -> Sequential:
    return Sequential([Dense(300, input_shape=(300,), name=name)])


def save(network: Sequential, path: Path) -> None:
    """In the format of the path's ending; "data" is an .onnx file with its weights beside it."""
    name = str(path)
    if name.endswith((".weights.h5", ".safetensors", ".pt")):
        network.save_weights(name)
    elif name.endswith(".data"):
        network.export(name.removesuffix(".data") + ".onnx", verify=False, external_data=True)
    elif name.endswith(".onnx"):
        network.export(name, verify=False)
    else:
        network.save(name)


def test_names_of_temporary_files_say_who_writes(tmp_path):
    with replacing(tmp_path / "m.h5") as temporary:
        assert re.fullmatch(rf"\.m\.h5\.[0-9a-f]{{8}}-{os.getpid()}-[0-9a-f]{{8}}\.tmp", Path(temporary).name)


KILLED = """
import os, signal, sys
from kcompile.atomic import replacing, replacing_with_companions
import re
with replacing(sys.argv[1]) as file, replacing_with_companions(sys.argv[2], re.compile("x")) as other:
    open(other, "wb").write(b"half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_next_save_removes_what_a_killed_process_left_and_nothing_else(tmp_path):
    kept = [".m.h5.12345678-1-12345678.tmp", ".other.h5.x.tmp", "m.h5.tmp", ".m.h5.tmp"]
    for name in kept:
        (tmp_path / name).write_bytes(b"")
    subprocess.run([sys.executable, "-c", KILLED, tmp_path / "m.h5", tmp_path / "m.onnx"], check=False)
    assert len(os.listdir(tmp_path)) == len(kept) + 2
    with replacing(tmp_path / "m.h5"), replacing(tmp_path / "m.onnx"):
        assert len(os.listdir(tmp_path)) == len(kept) + 2
    assert sorted(os.listdir(tmp_path)) == sorted([*kept, "m.h5", "m.onnx"])


def test_what_another_machine_left_goes_after_a_day(tmp_path):
    foreign = tmp_path / ".m.h5.12345678-1-12345678.tmp"
    foreign.write_bytes(b"")
    os.utime(foreign, (0, 0))
    with replacing(tmp_path / "m.h5"):
        pass
    assert os.listdir(tmp_path) == ["m.h5"]


def test_two_threads_or_processes_that_save_at_once_keep_their_files(tmp_path):
    with replacing(tmp_path / "m.h5") as first, replacing(tmp_path / "m.h5") as second:
        assert os.path.exists(first) and os.path.exists(second)
        child = os.fork()
        if not child:
            with replacing(tmp_path / "m.h5"):
                pass
            os._exit(0)
        os.waitpid(child, 0)
        assert os.path.exists(first) and os.path.exists(second)


def test_companions_of_a_file_replaced_meanwhile_are_those_that_go(tmp_path):
    ours = re.compile(r"m\.[0-9]\.data")

    def put(number: int, meanwhile=None) -> None:
        with replacing_with_companions(tmp_path / "m", ours) as file:
            Path(file).write_text(str(number))
            (Path(file).parent / f"m.{number}.data").write_text(str(number))
            if meanwhile:
                meanwhile()

    put(1, meanwhile=lambda: put(2))
    assert (tmp_path / "m").read_text() == "1"
    assert sorted(os.listdir(tmp_path)) == ["m", "m.1.data"]


def test_exports_to_one_path_at_once_leave_a_model_that_loads(tmp_path):
    network = model()
    network.export(tmp_path / "m.onnx", verify=False, external_data=True)
    children = []
    for _ in range(3):
        children.append(os.fork())
        if not children[-1]:
            for _ in range(8):
                network.export(tmp_path / "m.onnx", verify=False, external_data=True)
            os._exit(0)
    while children:
        load_model(tmp_path / "m.onnx")  # also while the others write
        ended, _ = os.waitpid(-1, os.WNOHANG)
        children = [child for child in children if child != ended]
    load_model(tmp_path / "m.onnx")
    assert len(os.listdir(tmp_path)) == 2


@pytest.mark.parametrize("ending", FORMATS)
def test_a_full_disk_is_an_error_that_names_the_file_and_the_space(ending, tmp_path):
    resource = pytest.importorskip("resource")
    network = model(name="a" * 40_000) if ending in ("json", "yaml") else model()
    save(network, tmp_path / f"m.{ending}")  # what must be imported is
    old = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    try:
        with pytest.raises(NoSpaceError) as caught:
            save(network, tmp_path / f"m.{ending}")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)
    assert Path(caught.value.filename).name in old and caught.value.errno == errno.EFBIG
    said = caught.value.strerror
    assert ending in ("json", "yaml") or re.search(r"about 36\d,\d{3} bytes are needed", said)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == old


@pytest.mark.parametrize("ending", FORMATS)
def test_what_does_not_fit_is_refused_before_it_is_written(ending, tmp_path, monkeypatch):
    usage = atomic.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(atomic.shutil, "disk_usage", lambda folder: usage._replace(free=5))
    if ending in ("json", "yaml"):
        pytest.skip("their size is not known before")
    with pytest.raises(NoSpaceError, match="about .* bytes are needed, 5 bytes are free"):
        save(model(), tmp_path / f"m.{ending}")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("ending", FORMATS)
def test_files_are_synced_by_descriptors_that_may_write_as_windows_wants(ending, tmp_path, monkeypatch):
    real, synced = os.fsync, []

    def fsync(descriptor: int) -> None:
        if fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
            raise OSError(errno.EBADF, "Bad file descriptor")
        synced.append(descriptor)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    save(model(), tmp_path / f"m.{ending}")
    assert synced


def test_a_folder_that_cannot_take_anothers_place_leaves_it_as_it_was(tmp_path, monkeypatch):
    target = tmp_path / "d"
    target.mkdir()
    (target / "a").write_text("old")
    real = os.rename

    def rename(source, destination):
        if destination == str(target) and Path(source, "a").read_text() == "new":
            raise OSError(errno.EBUSY, "busy")
        real(source, destination)

    monkeypatch.setattr(os, "rename", rename)
    with pytest.raises(OSError, match="busy"), atomic.new_folder(target, replace=True) as made:
        Path(made, "a").write_text("new")
    assert [path.name for path in tmp_path.iterdir()] == ["d"] and (target / "a").read_text() == "old"


@pytest.mark.parametrize("kind", ["file", "link to a folder"])
def test_a_folder_takes_the_place_of_folders_alone(kind, tmp_path):
    (tmp_path / "other").mkdir()
    target = tmp_path / "d"
    if kind == "file":
        target.write_text("mine")
    else:
        target.symlink_to(tmp_path / "other")
    with pytest.raises(FileExistsError), atomic.new_folder(target, replace=True):
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == ["d", "other"]

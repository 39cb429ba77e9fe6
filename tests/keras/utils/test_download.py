"""get_file: cache folders, hashes, failures, and unpacking that stays inside its folder."""

from __future__ import annotations

import functools
import hashlib
import http.server
import io
import os
import stat
import subprocess
import sys
import tarfile
import threading
import zipfile
from pathlib import Path

import pytest

from kcompile.keras.utils import download
from kcompile.keras.utils.data_utils import get_file, validate_file

CONTENT = b"keras" * 5000


@pytest.fixture
def served(tmp_path, monkeypatch):
    """A folder served on the loopback, and its address; the cache is a folder beside it."""
    folder = tmp_path / "served"
    folder.mkdir()
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "*")
    handler = functools.partial(QuietHandler, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        """Say nothing."""


def test_file_is_downloaded_once_and_checked(served, capsys):
    folder, url = served
    (folder / "data.bin").write_bytes(CONTENT)
    sha = hashlib.sha256(CONTENT).hexdigest()
    path = get_file("data.bin", f"{url}/data.bin", file_hash=sha)
    assert path == os.path.join(os.environ["KERAS_HOME"], "datasets", "data.bin")
    assert open(path, "rb").read() == CONTENT
    shown = capsys.readouterr().out
    assert f"Downloading data from {url}/data.bin" in shown
    assert "25000/25000 [==============================]" in shown
    (folder / "data.bin").unlink()
    assert get_file("data.bin", f"{url}/data.bin", md5_hash=hashlib.md5(CONTENT).hexdigest()) == path
    assert capsys.readouterr().out == ""


def test_stale_file_is_downloaded_anew_and_kept_if_that_fails(served, capsys):
    folder, url = served
    (folder / "data.bin").write_bytes(b"old")
    path = get_file("data.bin", f"{url}/data.bin", cache_subdir="x")
    new_hash = hashlib.md5(CONTENT).hexdigest()
    with pytest.raises(ValueError, match="hash"):
        get_file("data.bin", f"{url}/data.bin", file_hash=new_hash, cache_subdir="x")
    assert open(path, "rb").read() == b"old"
    (folder / "data.bin").write_bytes(CONTENT)
    get_file("data.bin", f"{url}/data.bin", file_hash=new_hash, cache_subdir="x")
    assert open(path, "rb").read() == CONTENT
    assert "incomplete or outdated" in capsys.readouterr().out
    assert os.listdir(os.path.dirname(path)) == ["data.bin"]


def test_failed_download_names_the_address_and_leaves_nothing(served):
    _, url = served
    with pytest.raises(OSError, match=rf"URL fetch failure on {url}/none : 404"):
        get_file("none", f"{url}/none")
    assert os.listdir(os.path.join(os.environ["KERAS_HOME"], "datasets")) == []


def test_local_origin_absolute_name_and_cache_dir(tmp_path):
    source = tmp_path / "a b.txt"
    source.write_bytes(CONTENT)
    target = tmp_path / "there" / "copy.txt"
    assert get_file(str(target), source.as_uri(), cache_dir=str(tmp_path / "c")) == str(target)
    assert target.read_bytes() == CONTENT
    inside = get_file("copy.txt", source.as_uri(), cache_dir=str(tmp_path / "c"), cache_subdir="sub")
    assert inside == str(tmp_path / "c" / "sub" / "copy.txt")


def test_cache_falls_back_to_tmp_when_home_cannot_be_written(tmp_path, monkeypatch):
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("KERAS_HOME", str(blocked / "below"))
    assert str(download.keras_home()) == "/tmp/.keras"
    monkeypatch.delenv("KERAS_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert str(download.keras_home()) == str(tmp_path / ".keras")


@pytest.mark.parametrize("algorithm", ["auto", "sha256", "md5"])
def test_validate_file_knows_both_hashes(tmp_path, algorithm):
    path = tmp_path / "f"
    path.write_bytes(CONTENT)
    name = "md5" if algorithm == "md5" else "sha256"
    good = hashlib.new(name, CONTENT).hexdigest()
    assert validate_file(path, good, algorithm)
    assert validate_file(path, good.upper(), algorithm)
    assert not validate_file(path, "0" * len(good), algorithm)


def tar_of(path, members):
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            if isinstance(content, bytes):
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
            else:
                info.type, info.linkname = content
                archive.addfile(info)


def zip_of(path, members):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members:
            info = zipfile.ZipInfo(name)
            if not isinstance(content, bytes):
                info.external_attr = (stat.S_IFLNK | 0o777) << 16
                content = content[1].encode()
            archive.writestr(info, content)


def test_untar_returns_the_unpacked_folder_and_does_it_once(served):
    folder, url = served
    members = [("set", (tarfile.DIRTYPE, "")), ("set/a.txt", b"A"), ("set/b/c.txt", b"C")]
    tar_of(folder / "set.tar.gz", members)
    path = get_file("set", f"{url}/set.tar.gz", untar=True)
    assert open(os.path.join(path, "b", "c.txt"), "rb").read() == b"C"
    os.remove(os.path.join(path, "a.txt"))
    get_file("set", f"{url}/set.tar.gz", untar=True)
    assert os.listdir(path) == ["b"]


def test_extract_unpacks_zip_beside_it(served):
    folder, url = served
    zip_of(folder / "set.zip", [("in/a.txt", b"A")])
    path = get_file("set.zip", f"{url}/set.zip", extract=True)
    assert path.endswith("set.zip")
    assert open(os.path.join(os.path.dirname(path), "in", "a.txt"), "rb").read() == b"A"


UNSAFE = {
    "parent": ("../evil", b"x"),
    "deep parent": ("a/../../evil", b"x"),
    "absolute": ("/tmp/kcompile-evil", b"x"),
    "backslash": ("..\\evil", b"x"),
    "drive": ("C:\\evil", b"x"),
    "symbolic link": ("link", (tarfile.SYMTYPE, "/etc/passwd")),
}


@pytest.mark.parametrize("kind", UNSAFE)
@pytest.mark.parametrize("make", [tar_of, zip_of], ids=["tar", "zip"])
def test_unsafe_member_is_refused_and_nothing_is_placed(tmp_path, make, kind):
    archive = tmp_path / "bad"
    make(archive, [("good.txt", b"fine"), UNSAFE[kind]])
    target = tmp_path / "target"
    with pytest.raises(ValueError, match="Refused to unpack .*bad: member"):
        download._extract_archive(archive, target)
    assert os.listdir(target) == []
    assert sorted(os.listdir(tmp_path)) == ["bad", "target"]


@pytest.mark.parametrize("kind", [tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_hard_links_and_devices_are_refused(tmp_path, kind):
    archive = tmp_path / "bad.tar.gz"
    tar_of(archive, [("good.txt", b"fine"), ("odd", (kind, "good.txt"))])
    with pytest.raises(ValueError, match="it is a (link|device)"):
        download._extract_archive(archive, tmp_path / "target")


def test_formats_are_as_asked(tmp_path):
    archive = tmp_path / "a.zip"
    zip_of(archive, [("a", b"A")])
    target = tmp_path / "t"
    assert not download._extract_archive(archive, target, None)
    assert not download._extract_archive(archive, target, "tar")
    assert not target.exists()
    assert download._extract_archive(archive, target, ["tar", "zip"])
    with pytest.raises(ValueError, match="archive_format"):
        download._extract_archive(archive, target, "rar")


def test_link_in_the_cache_is_replaced_and_what_it_led_to_stays(served, tmp_path):
    folder, url = served
    (folder / "data.bin").write_bytes(CONTENT)
    secret = tmp_path / "secret"
    secret.write_bytes(b"mine")
    place = tmp_path / "cache" / "datasets" / "data.bin"
    place.parent.mkdir(parents=True)
    place.symlink_to(secret)
    with pytest.raises(OSError, match="404"):
        get_file("data.bin", f"{url}/none")
    assert place.is_symlink()
    path = get_file("data.bin", f"{url}/data.bin")
    assert open(path, "rb").read() == CONTENT and not os.path.islink(path)
    assert secret.read_bytes() == b"mine" and os.listdir(place.parent) == ["data.bin"]


def test_link_in_the_cache_counts_where_its_content_has_the_hash(served, tmp_path):
    _, url = served
    (tmp_path / "elsewhere").write_bytes(CONTENT)
    place = tmp_path / "cache" / "datasets" / "data.bin"
    place.parent.mkdir(parents=True)
    place.symlink_to(tmp_path / "elsewhere")
    known = hashlib.sha256(CONTENT).hexdigest()
    assert get_file("data.bin", f"{url}/none", file_hash=known) == str(place)


def test_pipe_in_the_cache_is_an_error_and_no_wait(served, tmp_path):
    place = tmp_path / "cache" / "datasets" / "data.bin"
    place.parent.mkdir(parents=True)
    os.mkfifo(place)
    with pytest.raises(ValueError, match="it is no file"):
        get_file("data.bin", f"{served[1]}/data.bin", file_hash="0" * 64)


@pytest.mark.parametrize("make", [tar_of, zip_of], ids=["tar", "zip"])
def test_nothing_is_unpacked_through_a_link(tmp_path, make):
    outside, target = tmp_path / "outside", tmp_path / "target"
    outside.mkdir()
    target.mkdir()
    (target / "set").symlink_to(outside)
    make(tmp_path / "a", [("set/x.txt", b"x")])
    with pytest.raises(ValueError, match="a symbolic link is"):
        download._extract_archive(tmp_path / "a", target)
    assert os.listdir(outside) == [] and os.listdir(target) == ["set"]


KILLED = """
import os, signal, sys
from kcompile.keras.utils import download
def killed(*_):
    os.kill(os.getpid(), signal.SIGKILL)
download._check_links = killed
download._extract_archive(*sys.argv[1:])
"""


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_the_next_unpacking_removes_what_a_killed_process_left(tmp_path):
    archive, target = tmp_path / "a.zip", tmp_path / "target"
    zip_of(archive, [("in/a.txt", b"A")])
    subprocess.run([sys.executable, "-c", KILLED, archive, target], check=False)
    assert [name.endswith(".tmp") for name in os.listdir(target)] == [True]
    download._extract_archive(archive, target)
    assert os.listdir(target) == ["in"]


def test_archive_that_unpacks_to_a_thousand_times_its_size_is_refused(tmp_path):
    with tarfile.open(tmp_path / "a.tar.xz", "w:xz") as archive:
        info = tarfile.TarInfo("zeros")
        info.size = 1100 * 2**16 + 1
        archive.addfile(info, io.BytesIO(bytes(info.size)))
    with pytest.raises(ValueError, match="over 1100 times"):
        download._extract_archive(tmp_path / "a.tar.xz", tmp_path / "target")
    assert os.listdir(tmp_path / "target") == []


def test_a_file_without_a_name_is_called_as_in_its_address(tmp_path):
    source = tmp_path / "some data.bin"
    source.write_bytes(b"1")
    path = get_file(origin=source.as_uri(), cache_dir=str(tmp_path / "cache"))
    assert Path(path).name == "some data.bin" and Path(path).read_bytes() == b"1"
    for origin in (None, "http://127.0.0.1/", "http://127.0.0.1/a/..", "http://127.0.0.1/%2e%2e"):
        with pytest.raises(ValueError, match="origin"):
            get_file(origin=origin, cache_dir=str(tmp_path / "cache"))


def test_a_download_may_be_forced(tmp_path):
    source = tmp_path / "data.bin"
    source.write_bytes(b"old")
    fetch = functools.partial(get_file, "data.bin", source.as_uri(), cache_dir=str(tmp_path / "cache"))
    assert Path(fetch()).read_bytes() == b"old"
    source.write_bytes(b"new")
    assert Path(fetch()).read_bytes() == b"old"
    assert Path(fetch(force_download=True)).read_bytes() == b"new"

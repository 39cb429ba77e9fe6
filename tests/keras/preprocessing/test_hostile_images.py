"""Folders and files of images that somebody hostile made: each is read, left out or one error; none hangs."""

from __future__ import annotations

import os
import resource
import signal
import struct
import zlib

import pytest
from PIL import Image as PIL_Image

from kcompile.keras.preprocessing import image


@pytest.fixture(autouse=True)
def no_wait():
    """Whatever waits for ever ends the test."""
    signal.signal(signal.SIGALRM, signal.default_int_handler)
    signal.alarm(20)
    yield
    signal.alarm(0)


def png(width, height, data):
    def chunk(kind, content):
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def bmp(width, height):
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54 + 16, 0, 0, 54) + info + bytes(16)


def tiff(width, height):
    entries = [(256, width), (257, height), (258, 8), (259, 1), (262, 1), (273, 8), (278, height), (279, 16)]
    body = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries)
    return b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", len(entries)) + body + bytes(4)


def gif(width, height):
    frame = b"," + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\x02\x02L\x01\0;"
    return b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + bytes(6) + frame


def ico(inner):
    """An icon that says 16 x 16 and holds another picture."""
    return (
        struct.pack("<HHH", 0, 1, 1) + struct.pack("<BBBBHHII", 16, 16, 0, 0, 1, 32, len(inner), 22) + inner
    )


_BOMB = zlib.compress(bytes(2**26), 9)
BOMBS = {
    "png": png(60000, 60000, _BOMB),
    "png of text": png(4, 4, _BOMB)[:33] + struct.pack(">I", 2**31 - 1) + b"zTXt" + _BOMB,
    "png of too much": png(3000, 3000, _BOMB),
    "bmp": bmp(60000, 60000),
    "bmp of negative height": bmp(60000, -60000),
    "tiff": tiff(60000, 60000),
    "tiff of 2**32": tiff(2**32 - 1, 2**32 - 1),
    "gif": gif(65535, 65535),
    "ppm": b"P6 60000 60000 255\n" + bytes(9),
    "ppm of many digits": b"P6 " + b"9" * 5000 + b" 1 255\n",
    "ico": ico(png(60000, 60000, _BOMB)),
}


@pytest.mark.parametrize("content", BOMBS.values(), ids=BOMBS)
def test_picture_that_declares_more_than_it_has_is_one_error_in_little_memory(content, tmp_path):
    path = tmp_path / "x.png"
    path.write_bytes(content)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        loaded = image.load_img(path, target_size=(4, 4))
    except OSError as error:
        assert "x.png" in str(error)
    else:
        assert loaded.size == (4, 4)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300 * 1024


def folder_of(tmp_path, *names):
    folder = tmp_path / "data" / "cats"
    folder.mkdir(parents=True)
    for name in names:
        PIL_Image.new("RGB", (5, 4)).save(folder / name)
    return folder


def flow(folder, **options):
    generator = image.ImageDataGenerator()
    return generator.flow_from_directory(
        folder.parent, target_size=(4, 4), batch_size=2, shuffle=False, **options
    )


@pytest.mark.parametrize("kind", ["pipe", "device", "socket"])
def test_what_is_no_regular_file_is_one_error(tmp_path, kind):
    folder = folder_of(tmp_path)
    place = folder / "x.png"
    if kind == "pipe":
        os.mkfifo(place)
    elif kind == "device":
        place.symlink_to("/dev/zero")
    else:
        import socket

        with socket.socket(socket.AF_UNIX) as server:
            os.chdir(folder)
            server.bind("x.png")
    with pytest.raises(OSError, match="x.png: it is not a regular file"):
        flow(folder)[0]


def test_dangling_link_is_one_error(tmp_path):
    folder = folder_of(tmp_path)
    (folder / "x.png").symlink_to(tmp_path / "none")
    with pytest.raises(FileNotFoundError, match="x.png"):
        flow(folder)[0]


@pytest.mark.parametrize("follow", [False, True])
def test_folders_linked_in_circles_are_walked_once(tmp_path, follow):
    folder = folder_of(tmp_path, "a.png")
    inner = folder / "inner"
    inner.mkdir()
    PIL_Image.new("RGB", (5, 4)).save(inner / "b.png")
    for i in range(4):  # of which every walk by paths has 5 ** 40
        (folder / f"loop{i}").symlink_to(folder)
        (inner / f"up{i}").symlink_to(folder.parent)
    assert flow(folder, follow_links=follow).filenames == ["cats/a.png", "cats/inner/b.png"]


def test_ways_that_double_are_walked_once(tmp_path):
    folder = folder_of(tmp_path)
    others = [tmp_path / f"level{i}" for i in range(40)]
    for level, below in zip([folder, *others], others, strict=False):
        below.mkdir()
        (level / "left").symlink_to(below)
        (level / "right").symlink_to(below)
    PIL_Image.new("RGB", (5, 4)).save(others[-1] / "end.png")
    assert len(flow(folder, follow_links=True).filenames) == 1


def test_names_of_files_are_shown_harmlessly(tmp_path):
    folder = folder_of(tmp_path)
    (folder / "a\x1b[2J.png").write_bytes(b"none")
    with pytest.raises(OSError) as error:
        flow(folder)[0]
    assert str(error.value).isprintable()

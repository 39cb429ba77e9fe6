"""A web page or a Git LFS pointer under the name of a model is called what it is, by every reader."""

from __future__ import annotations

import io

import numpy as np
import pytest

from kcompile import formats
from kcompile.keras.layers import Dense
from kcompile.keras.models import Sequential, load_model
from kcompile_runtime import Executor
from kcompile_runtime.mistaken import mistaken_for_model

PAGE = b"<!DOCTYPE html>\n<html>\n<head>\n<style>\ncolor: red\n</style></head></html>\n"
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"4d" * 32 + b"\nsize 553433881\n"
CONTENTS = {
    "a page": (PAGE, "an HTML page"),
    "a page after spaces, a mark and comments": (
        b"\xef\xbb\xbf\r\n <!-- a -->\n<!-- <b> -->" + PAGE,
        "an HTML page",
    ),
    "a page in capitals": (b"<HTML><BODY>404</BODY></HTML>", "an HTML page"),
    "a page that begins with a long comment": (b"<!-- " + b"x" * 5000, "an HTML page"),
    "an error of a file server": (
        b'<?xml version="1.0"?>\n<Error><Code>AccessDenied</Code></Error>',
        "an XML doc",
    ),
    "an LFS pointer": (POINTER, "a Git LFS pointer to a file of 553433881 bytes.*git lfs pull"),
    "an LFS pointer of Windows": (
        POINTER.replace(b"\n", b"\r\n"),
        "a Git LFS pointer to a file of 553433881",
    ),
}
NAMES = [f"m.{x}" for x in "h5 hdf5 keras onnx pt pth safetensors weights.h5 json yaml npz bin".split()]
READERS = {
    "load_model": load_model,
    "load_weights": lambda path: Sequential([Dense(1, input_shape=(2,))]).load_weights(path),
    "load_weights by name": lambda path: Sequential([Dense(1, input_shape=(2,))]).load_weights(
        path, by_name=True
    ),
    "a file object": lambda path: load_model(io.BytesIO(open(path, "rb").read())),
    "formats.read": formats.read,
    "Executor": Executor,
    "Executor of bytes": lambda path: Executor(open(path, "rb").read()),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("content", CONTENTS)
def test_every_reader_says_what_it_is(content, reader, tmp_path):
    data, message = CONTENTS[content]
    for name in NAMES:
        path = tmp_path / name
        path.write_bytes(data)
        with pytest.raises(ValueError, match=message):
            READERS[reader](str(path))


def test_onnx_graphs_and_their_files_of_weights(tmp_path):
    pytest.importorskip("torch")
    from kcompile.onnx_io.loading import load
    from kcompile.onnx_io.reading import read_graph

    path = tmp_path / "m.onnx"
    path.write_bytes(PAGE)
    for read in (read_graph, load):
        with pytest.raises(ValueError, match="HTML page"):
            read(path)


@pytest.mark.parametrize("command", ["inspect", "verify", "compile", "convert"])
def test_commands_say_it_too(command, tmp_path, capsys):
    pytest.importorskip("typer")
    from kcompile.cli import main

    path, output = str(tmp_path / "m.h5"), str(tmp_path / "o.onnx")
    (tmp_path / "m.h5").write_bytes(POINTER)
    arguments = {"inspect": [], "verify": [path]}.get(command, ["-o", output])
    assert main([command, path, *arguments]) == 2
    assert "Git LFS pointer" in capsys.readouterr().err.replace("\n", " ")
    assert not (tmp_path / "o.onnx").exists()


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"<",
        b"<3 layers",
        b"version: 3",
        b"\x89HDF\r\n\x1a\n",
        b'{"class_name": "<html>"}',
        b"\x08\x08<html>",
    ],
)
def test_other_files_are_left_to_their_readers(head):
    assert mistaken_for_model(head) is None


def test_many_comments_take_no_time():
    assert mistaken_for_model(b"<!---->" * 146 + b"x") is None


def test_models_still_load(tmp_path):
    model = Sequential([Dense(1, input_shape=(2,))])
    model.save(str(tmp_path / "m.h5"))
    x = np.ones((3, 2), "float32")
    np.testing.assert_array_equal(load_model(str(tmp_path / "m.h5")).predict(x), model.predict(x))

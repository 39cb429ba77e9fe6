"""The reader is chosen by content; what is foreign is named; nothing heavy is imported before it is
needed."""

from __future__ import annotations

import io
import os
import pickle
import subprocess
import sys
import zipfile

import h5py
import numpy as np
import onnx
import pytest

from kcompile import formats
from kcompile.formats import FileFormatError, UnsupportedFormatError
from kcompile.keras.layers import Dense
from kcompile.keras.models import Sequential, load_model


def zipped(*names):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, b"{}")
    return buffer.getvalue()


def npz():
    buffer = io.BytesIO()
    np.savez(buffer, a=np.zeros(3))
    return buffer.getvalue()


def onnx_model():
    value = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1])
    out = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1])
    node = onnx.helper.make_node("Identity", ["x"], ["y"])
    return onnx.helper.make_model(onnx.helper.make_graph([node], "g", [value], [out])).SerializeToString()


def safetensors():
    header = b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
    return len(header).to_bytes(8, "little") + header + b"\x00" * 4


def keras3_weights():
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file.create_group("layers/dense/vars")["0"] = np.zeros(3)
    return buffer.getvalue()


FOREIGN = [
    ("torch", zipped("archive/data.pkl", "archive/data/0"), "PyTorch checkpoint"),
    ("numpy", npz(), "numpy archive"),
    ("zip", zipped("readme.txt"), "zip archive"),
    ("zip", zipped("config.json", "metadata.json")[:60], "zip archive"),
    ("pickle", pickle.dumps({"a": 1}, protocol=4), "Python pickle"),
    ("gzip", b"\x1f\x8b\x08" + b"\x00" * 20, "gzip"),
    ("onnx", onnx_model(), "ONNX model"),
]


@pytest.mark.parametrize(("name", "data", "title"), FOREIGN, ids=[row[0] for row in FOREIGN])
def test_recognised_file_is_named_and_stays_unchanged(name, data, title, tmp_path):
    path = tmp_path / "model.h5"  # whatever it is called
    path.write_bytes(data)
    assert formats.detect(path) == name
    with pytest.raises(UnsupportedFormatError, match=title) as caught:
        formats.read(path)
    assert str(path) in str(caught.value) and "Supported here: HDF5" in str(caught.value)
    assert path.read_bytes() == data


def test_weights_file_of_keras_3_is_read_as_objects():
    archive = formats.read(io.BytesIO(keras3_weights()))
    assert archive.config is None and list(archive.objects) == ["layers/dense"]


def test_safetensors_and_keras_archives_are_known_by_content(tmp_path):
    (tmp_path / "a.h5").write_bytes(safetensors())
    (tmp_path / "b.h5").write_bytes(zipped("metadata.json", "config.json", "model.weights.h5"))
    assert formats.detect(tmp_path / "a.h5") == "safetensors"
    assert formats.detect(tmp_path / "b.h5") == "keras"


def test_saved_model_folder_is_named_and_another_folder_is_a_folder(tmp_path):
    with pytest.raises(IsADirectoryError):
        formats.read(tmp_path)
    (tmp_path / "saved_model.pb").write_bytes(b"")
    with pytest.raises(UnsupportedFormatError, match="SavedModel"):
        formats.read(tmp_path)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "empty"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "starts with the bytes 89 50"),
        (b"\x00" * 9000, "not a model file"),
    ],
)
def test_unknown_content_is_one_error(data, message, tmp_path):
    (tmp_path / "m.h5").write_bytes(data)
    for source in (tmp_path / "m.h5", io.BytesIO(data)):
        with pytest.raises(FileFormatError, match=message):
            formats.read(source)


def test_content_decides_and_not_the_extension(archive, tmp_path):
    for extension, name in ((".h5", "hdf5"), (".json", "json"), (".yaml", "yaml")):
        formats.write(archive, tmp_path / f"m{extension}")
        (tmp_path / f"m{extension}").rename(tmp_path / "m.bin")
        assert formats.detect(tmp_path / "m.bin") == name
        assert formats.read(tmp_path / "m.bin").metadata["format"] == name


def test_hdf5_is_found_behind_a_foreign_header(archive, tmp_path):
    path = tmp_path / "m.h5"
    with h5py.File(path, "w", userblock_size=2048) as file:
        formats.write(archive, file)
    with open(path, "r+b") as file:
        file.write(b"class_name: not this\n")
    assert formats.detect(path) == "hdf5"
    assert formats.read(path).config == archive.config


def test_detect_leaves_a_stream_where_it_was(archive):
    stream = io.BytesIO(b"skipped")
    stream.seek(7)
    formats.write(archive, stream)
    stream.seek(7)
    assert formats.detect(stream) == "hdf5" and stream.tell() == 7
    assert formats.read(stream).config == archive.config


def test_missing_file_is_the_usual_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        formats.read(tmp_path / "none.h5")


def test_what_is_no_file_is_a_type_error(archive, tmp_path):
    for action in (lambda: formats.read(3), lambda: formats.write(archive, 3), lambda: formats.read(None)):
        with pytest.raises(TypeError, match="found (int|NoneType)"):
            action()
    (tmp_path / "m.h5").write_bytes(b"")
    with open(tmp_path / "m.h5") as text, pytest.raises(TypeError, match="mode 'rb'"):
        formats.read(text)


def test_closed_group_is_one_error(archive, tmp_path):
    file = h5py.File(tmp_path / "m.h5", "w")
    file.close()
    for action in (lambda: formats.read(file), lambda: formats.write(archive, file)):
        with pytest.raises(ValueError, match="closed one"):
            action()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(FileFormatError, match="not a regular file"):
        formats.read(tmp_path / "pipe")


def test_unknown_extension_is_written_as_hdf5_and_a_foreign_one_refused(archive, tmp_path):
    formats.write(archive, tmp_path / "checkpoint-03")
    assert formats.detect(tmp_path / "checkpoint-03") == "hdf5"
    for extension in (".onnx", ".pt"):
        with pytest.raises(UnsupportedFormatError, match="not written here"):
            formats.write(archive, tmp_path / f"m{extension}")
    with pytest.raises(ValueError, match="Unknown file format 'h6'"):
        formats.write(archive, tmp_path / "m", format="h6")
    formats.write(archive, tmp_path / "config", format="json")
    assert formats.detect(tmp_path / "config") == "json"


def test_importing_the_package_imports_neither_h5py_nor_yaml():
    code = (
        "import sys, kcompile.formats;"
        "heavy = {'h5py', 'yaml', 'torch', 'onnxruntime'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_errors_survive_pickling():
    error = pickle.loads(pickle.dumps(UnsupportedFormatError("m.h5", "is odd.")))
    assert isinstance(error, UnsupportedFormatError) and isinstance(error, ValueError)
    assert str(error) == "m.h5: is odd." and error.source == "m.h5"


def test_zip_whose_member_begins_where_hdf5_may_is_a_zip(tmp_path):
    model = Sequential([Dense(2, input_shape=(3,))])
    model.save(tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    weights = members.pop("model.weights.h5")
    for offset in (512, 1024, 2048, 4096):
        with zipfile.ZipFile(tmp_path / "moved.keras", "w") as archive:
            for name, content in members.items():
                archive.writestr(name, content)
            place = archive.start_dir + 30 + len("model.weights.h5")  # behind its local header
            if place > offset:
                continue
            info = zipfile.ZipInfo("model.weights.h5")
            info.extra = (
                b"\xfe\xca" + (offset - place - 4).to_bytes(2, "little") + b"\0" * (offset - place - 4)
            )
            archive.writestr(info, weights)
        assert (tmp_path / "moved.keras").read_bytes()[offset : offset + 4] == b"\x89HDF"
        assert formats.detect(tmp_path / "moved.keras") == "keras"
        assert np.array_equal(load_model(tmp_path / "moved.keras").get_weights()[0], model.get_weights()[0])
        return
    raise AssertionError("no place found")

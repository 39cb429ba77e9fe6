"""HDF5Matrix, H5Dict and HDF5 as bytes."""

from __future__ import annotations

import io
import os

import h5py
import numpy as np
import pytest

from kcompile.formats import UnsafeFileError
from kcompile.keras.utils import io_utils
from kcompile.keras.utils.io_utils import H5Dict, HDF5Matrix

ROWS = np.arange(60.0, dtype="float32").reshape(20, 3)


@pytest.fixture
def path(tmp_path):
    name = tmp_path / "data.h5"
    with h5py.File(name, "w") as file:
        file["x"] = ROWS
    yield name
    for key in [k for k in HDF5Matrix.refs if k[0] == str(name)]:
        HDF5Matrix.refs.pop(key).close()


@pytest.mark.parametrize(
    "key",
    [
        0,
        -1,
        np.int64(4),
        slice(None),
        slice(2, 5),
        slice(3, None, 4),
        slice(-4, -1),
        slice(5, 5),
        [1, 4, 6],
        [6, 1, 4, 1],
        np.array([3, 2, -1]),
        np.arange(10) % 3 == 0,
        [],
    ],
    ids=str,
)
def test_matrix_indexes_as_the_array_it_stands_for(path, key):
    matrix = HDF5Matrix(path, "x", start=5, end=15)
    expected = ROWS[5:15][np.array(key, dtype=int) if isinstance(key, list) else key]
    assert np.array_equal(matrix[key], expected)


def test_matrix_tells_shape_and_dtype_after_normalizing(path):
    matrix = HDF5Matrix(path, "x", 2, 8, normalizer=lambda v: (v / 10).astype("float64")[:, :2])
    assert (len(matrix), matrix.shape, matrix.ndim, matrix.size) == (6, (6, 2), 2, 12)
    assert matrix.dtype == np.float64
    assert np.allclose(matrix[1:3], ROWS[3:5, :2] / 10)


@pytest.mark.parametrize("key", [10, -11, slice(0, 11), [0, 10], np.array([10])], ids=str)
def test_matrix_refuses_what_is_beyond_its_end(path, key):
    with pytest.raises(IndexError, match="10 rows"):
        HDF5Matrix(path, "x", 5, 15)[key]


def test_matrix_errors_say_what_is_there(path):
    with pytest.raises(KeyError, match="it has \\['x'\\]"):
        HDF5Matrix(path, "y")
    with pytest.raises(ValueError, match="20 rows"):
        HDF5Matrix(path, "x", 5, 25)
    with pytest.raises(IndexError, match="backwards"):
        HDF5Matrix(path, "x")[::-1]
    with pytest.raises(FileNotFoundError):
        HDF5Matrix(path.with_name("none.h5"), "x")


def test_matrix_opens_a_file_once_and_again_in_a_forked_worker(path):
    first, second = HDF5Matrix(path, "x"), HDF5Matrix(path, "x", 3)
    assert first.data.file is not None and first.data.file.id == second.data.file.id
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        ok = np.array_equal(first[4], ROWS[4]) and (str(path), os.getpid()) in HDF5Matrix.refs
        os.write(writer, b"y" if ok else b"n")
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reader, 1) == b"y"
    os.close(reader)
    os.close(writer)


@pytest.mark.parametrize(("answers", "expected"), [(["y"], True), (["maybe", " N "], False)])
def test_overwrite_is_asked_until_answered(monkeypatch, answers, expected):
    given = iter(answers)
    monkeypatch.setattr("builtins.input", lambda prompt: next(given))
    assert io_utils.ask_to_proceed_with_overwrite("m.h5") is expected
    assert list(given) == []


NAMES = [f"layer_{i}_with_a_rather_long_name" for i in range(4000)]


@pytest.fixture(params=["file", "group", "dict"])
def store(request, tmp_path):
    if request.param == "dict":
        yield H5Dict({}, "w")
    elif request.param == "file":
        with H5Dict(tmp_path / "a.h5", "w") as made:
            yield made
    else:
        with h5py.File(tmp_path / "b.h5", "w") as file:
            yield H5Dict(file.create_group("g"))


def test_dict_gives_back_what_was_put_in(store):
    store["array"] = ROWS
    store["scalar"] = np.float32(2.5)
    store["text"] = "hello"
    store[b"number"] = 7
    store["group"]["inner"] = np.arange(3)
    assert np.array_equal(store["array"], ROWS)
    assert store["scalar"] == np.float32(2.5)
    assert store["text"] == "hello"
    assert store["number"] == 7
    assert np.array_equal(store["group"]["inner"], [0, 1, 2])
    assert "array" in store and "text" in store and "none" not in store
    assert store.get("none", 5) == 5 and "none" not in store
    assert {"array", "group"} <= set(store) == set(store.iter())
    store.update({"later": 1})
    assert store["later"] == 1


def test_names_too_long_for_one_header_come_back_in_order(tmp_path):
    with H5Dict(tmp_path / "a.h5", "w") as made:
        made["names"] = NAMES
        made["few"] = ["a", "b"]
    with H5Dict(tmp_path / "a.h5", "r") as read:
        assert read["names"] == NAMES
        assert read["few"] == [b"a", b"b"]
        with pytest.raises(ValueError, match="read-only"):
            read["names"] = 1
        with pytest.raises(ValueError, match="read-only"):
            read["none"]
    with H5Dict(tmp_path / "b.h5", "w") as made, pytest.raises(RuntimeError, match="larger than"):
        made["names"] = ["x" * 70000]


def test_a_name_is_set_once_and_other_types_are_refused(tmp_path):
    with H5Dict(tmp_path / "a.h5", "w") as made:
        made["x"] = ROWS
        with pytest.raises(KeyError, match="exists"):
            made["x"] = ROWS
    assert H5Dict.is_supported_type(tmp_path) and H5Dict.is_supported_type({})
    assert not H5Dict.is_supported_type(3)
    with pytest.raises(TypeError, match="Required Group, str, Path or dict"):
        H5Dict(3)


LEADING_OUT = {
    "external": "external link",
    "soft to external": "external link",
    "group/inside": "external link",
    "raw": "another file",
    "virtual": "another file",
    "soft to virtual": "another file",
    "circle": "lead to one another",
}


@pytest.fixture
def leading_out(tmp_path):
    """A file with every way that HDF5 has to read values of another one."""
    secret, path = tmp_path / "secret.h5", tmp_path / "a.h5"
    with h5py.File(secret, "w") as file:
        file["x"] = ROWS
    with h5py.File(path, "w") as file:
        file["external"] = h5py.ExternalLink(secret.name, "x")
        file["group"] = h5py.ExternalLink(secret.name, "/")
        file["soft to external"] = h5py.SoftLink("/external")
        file.create_dataset("raw", (4,), "u1", external=[(str(secret), 0, 4)])
        layout = h5py.VirtualLayout((20, 3), "f4")
        layout[:] = h5py.VirtualSource(secret, "x", (20, 3))
        file.create_virtual_dataset("virtual", layout)
        file["soft to virtual"] = h5py.SoftLink("virtual")
        file["circle"] = h5py.SoftLink("circle")
    return path


@pytest.mark.parametrize(("name", "reason"), LEADING_OUT.items())
@pytest.mark.parametrize("read", [lambda path, name: H5Dict(path, "r")[name], HDF5Matrix])
def test_no_way_leads_to_values_of_another_file(leading_out, name, reason, read):
    with pytest.raises(UnsafeFileError, match=f"a.h5: .*{reason}"):
        read(leading_out, name)


def test_dictionary_names_what_leads_out_without_following_it(leading_out):
    with H5Dict(leading_out, "a") as found:
        assert "external" in found and "circle" in found and "none" not in found
        with pytest.raises(KeyError, match="exists"):
            found["soft to external"] = 1
        with pytest.raises(UnsafeFileError, match="another file"):
            found.get("virtual")


def test_links_within_the_file_are_followed(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["deep/x"] = ROWS
        file["deep/beside"] = h5py.SoftLink("x")
        file["from root"] = h5py.SoftLink("/deep/beside")
        file["folder"] = h5py.SoftLink("deep")
    for name in ("deep/x", "/deep/x", "deep/beside", "from root", "folder/beside"):
        assert np.array_equal(HDF5Matrix(tmp_path / "a.h5", name)[2:4], ROWS[2:4])
        assert np.array_equal(H5Dict(tmp_path / "a.h5", "r")[name], ROWS)


def test_size_that_is_not_stored_is_refused(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("huge", (1 << 40,), "f4", chunks=(1024,))
    with pytest.raises(UnsafeFileError, match="'/huge' claims 4398046511104 bytes"):
        H5Dict(tmp_path / "a.h5", "r")["huge"]


def test_a_file_travels_through_a_binary_stream():
    stream = io.BytesIO()

    def save(file):
        file["x"] = ROWS
        return "saved"

    assert io_utils.save_to_binary_h5py(save, stream) == "saved"
    stream.seek(0)
    assert np.array_equal(io_utils.load_from_binary_h5py(lambda file: file["x"][:], stream), ROWS)

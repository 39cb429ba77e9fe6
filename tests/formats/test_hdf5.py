"""HDF5 files: what is written is read back to the bit, and what real Keras wrote is read as it meant it."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from kcompile import formats
from kcompile.formats import Archive, FileFormatError, LayerWeights, StoredArray

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "formats"
EXPECTED = {
    name: dict(entry, keras_version=expected["keras_version"])
    for prefix in ("keras2", "tfkeras")
    for expected in [json.loads((GOLDEN / f"{prefix}_expected.json").read_text())]
    for name, entry in expected["files"].items()
}


def described(weights):
    result = []
    for name, values in weights:
        little = np.ascontiguousarray(np.asarray(values).astype(values.dtype.newbyteorder("<")))
        digest = hashlib.sha256(little.tobytes()).hexdigest()
        result.append(
            {"name": name, "shape": list(values.shape), "dtype": str(values.dtype), "sha256": digest}
        )
    return result


def same_weights(left, right):
    assert [name for name, _ in left] == [name for name, _ in right]
    for (name, a), (_, b) in zip(left, right, strict=True):
        a, b = np.asarray(a), np.asarray(b)
        assert a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes(), name


def same_archive(left: Archive, right: Archive):
    assert left.config == right.config
    assert left.training_config == right.training_config
    assert [layer.name for layer in left.layer_weights] == [layer.name for layer in right.layer_weights]
    for a, b in zip(left.layer_weights, right.layer_weights, strict=True):
        same_weights(a.weights, b.weights)
    assert (left.optimizer_weights is None) == (right.optimizer_weights is None)
    same_weights(left.optimizer_weights or [], right.optimizer_weights or [])
    same_weights(left.top_level_weights, right.top_level_weights)


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_file_of_real_keras_reads_as_its_model_was(name, lazy):
    expected = EXPECTED[name]
    with formats.read(GOLDEN / name, lazy=lazy) as found:
        assert [layer.name for layer in found.layer_weights] == [e["layer"] for e in expected["layers"]]
        for layer, entry in zip(found.layer_weights, expected["layers"], strict=True):
            assert described(layer.weights) == entry["weights"]
        optimizer = None if found.optimizer_weights is None else described(found.optimizer_weights)
        assert optimizer == expected["optimizer"]
    assert (found.config or {}).get("class_name") == expected["class_name"]
    assert (found.training_config is not None) == (expected["optimizer"] is not None)
    assert found.metadata == {
        "format": "hdf5",
        "keras_version": expected["keras_version"],
        "backend": "tensorflow",
    }


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_file_of_real_keras_survives_a_round_trip(name, tmp_path):
    found = formats.read(GOLDEN / name)
    formats.write(found, tmp_path / "again.h5")
    again = formats.read(tmp_path / "again.h5")
    same_archive(found, again)
    assert again.metadata == found.metadata


def test_round_trip_is_equal_to_the_bit(archive, tmp_path):
    values = np.array([np.nan, -0.0, np.inf, -np.inf, 1e-45], "float32")
    values.view("uint32")[0] = 0x7FC12345  # a NaN with a payload
    archive.layer_weights.append(LayerWeights("block/odd", [("odd/é:0", values)]))
    for dtype in ("float16", "float64", "int8", "uint8", "int32", "int64", "bool"):
        weights = [("w", np.arange(6).reshape(2, 3).astype(dtype)), ("empty", np.zeros((0, 3), dtype))]
        archive.layer_weights.append(LayerWeights(f"l_{dtype}", weights))
    archive.top_level_weights = [("scale:0", np.asarray(2.5, "float32"))]
    formats.write(archive, tmp_path / "m.h5")
    same_archive(archive, formats.read(tmp_path / "m.h5"))


def test_two_writes_of_one_archive_are_the_same_bytes(archive, tmp_path):
    formats.write(archive, tmp_path / "a.h5")
    formats.write(archive, tmp_path / "b.h5")
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


def test_layout_is_that_of_keras(archive, tmp_path):
    formats.write(archive, tmp_path / "m.h5")
    with h5py.File(tmp_path / "m.h5") as file:
        assert set(file.attrs) == {"keras_version", "backend", "model_config", "training_config"}
        assert json.loads(file.attrs["model_config"]) == archive.config
        group = file["model_weights"]
        assert set(group.attrs) == {"layer_names", "keras_version", "backend"}
        assert group.attrs["layer_names"].tolist() == [b"d", b"drop"]
        assert group["d"].attrs["weight_names"].tolist() == [b"d/kernel:0", b"d/bias:0"]
        assert group["d/d/kernel:0"].shape == (4, 3)
        assert group["drop"].attrs["weight_names"].shape == (0,)
        assert file["optimizer_weights"].attrs["weight_names"].tolist() == [b"SGD/iterations:0", b"SGD/m:0"]
        # Keras 2.3 calls .decode() on what h5py 2 gives: bytes, for texts marked as ASCII.
        kind = h5py.h5a.open(file.id, b"keras_version").get_type()
        assert kind.is_variable_str() and kind.get_cset() == h5py.h5t.CSET_ASCII


def test_weights_alone_have_the_same_layout_at_the_root(archive, tmp_path):
    formats.write(Archive(layer_weights=archive.layer_weights), tmp_path / "w.h5")
    with h5py.File(tmp_path / "w.h5") as file:
        assert set(file.attrs) == {"layer_names", "keras_version", "backend"}
        assert set(file) == {"d", "drop"}
    found = formats.read(tmp_path / "w.h5")
    assert found.config is None and found.optimizer_weights is None
    same_weights(found.layer_weights[0].weights, archive.layer_weights[0].weights)


def test_long_lists_of_names_are_split_as_keras_splits_them(tmp_path):
    layers = [LayerWeights(f"layer_{i:05d}_{'x' * 60}", []) for i in range(3000)]
    formats.write(Archive(layer_weights=layers), tmp_path / "w.h5")
    with h5py.File(tmp_path / "w.h5") as file:
        chunks = sorted(name for name in file.attrs if name.startswith("layer_names"))
        assert chunks == ["layer_names0", "layer_names1", "layer_names2", "layer_names3"]
        assert all(file.attrs[name].nbytes <= 64512 for name in chunks)
    assert [layer.name for layer in formats.read(tmp_path / "w.h5").layer_weights] == [
        layer.name for layer in layers
    ]


@pytest.mark.parametrize("libver", ["earliest", "v108", "v110", "latest"])
@pytest.mark.parametrize(
    "kind",
    [
        lambda names: np.array([name.encode() for name in names]),
        lambda names: [name.encode() for name in names],
        lambda names: list(names),
        lambda names: np.array(names, dtype=h5py.string_dtype("ascii")),
    ],
    ids=["fixed bytes", "list of bytes", "list of str", "variable ascii"],
)
def test_names_are_read_however_they_are_stored(kind, libver, tmp_path):
    with h5py.File(tmp_path / "w.h5", "w", libver=libver, userblock_size=512) as file:
        file.attrs["layer_names"] = kind(["a", "block/b"])
        file.attrs["keras_version"] = "2.2.4"  # str, where Keras writes bytes
        for name in ("a", "block/b"):
            group = file.create_group(name)
            group.attrs["weight_names"] = kind(["w:0"])
            group["w:0"] = np.arange(3.0)
    found = formats.read(tmp_path / "w.h5")
    assert [layer.name for layer in found.layer_weights] == ["a", "block/b"]
    assert found.layer_weights[1].weights[0][1].tolist() == [0.0, 1.0, 2.0]
    assert found.metadata == {"format": "hdf5", "keras_version": "2.2.4", "backend": None}


def test_file_without_a_version_counts_as_keras_1_and_stays_so(tmp_path):
    with h5py.File(tmp_path / "w.h5", "w") as file:
        file.attrs["layer_names"] = [b"a"]
        file.create_group("a").attrs["weight_names"] = []
    found = formats.read(tmp_path / "w.h5")
    assert found.metadata["keras_version"] == "1" and found.metadata["backend"] is None
    formats.write(found, tmp_path / "again.h5")
    assert formats.read(tmp_path / "again.h5").metadata == found.metadata


@pytest.mark.parametrize(
    "options",
    [
        {"compression": "gzip", "shuffle": True, "fletcher32": True},
        {"compression": "lzf"},
        {"chunks": (10, 3)},
        {"maxshape": (None, 7)},
    ],
    ids=str,
)
def test_compressed_and_chunked_datasets_read(options, tmp_path):
    values = np.arange(700, dtype="float32").reshape(100, 7)
    with h5py.File(tmp_path / "w.h5", "w") as file:
        file.attrs["layer_names"] = [b"a"]
        file.create_group("a").attrs["weight_names"] = [b"w", b"zeros"]
        file["a"].create_dataset("w", data=values, **options)
        file["a"].create_dataset("zeros", data=np.zeros((4, 4)), compression="gzip")
    assert np.array_equal(formats.read(tmp_path / "w.h5").layer_weights[0].weights[0][1], values)


def test_big_endian_values_read_in_native_order(tmp_path):
    with h5py.File(tmp_path / "w.h5", "w") as file:
        file.attrs["layer_names"] = [b"a"]
        file.create_group("a").attrs["weight_names"] = [b"w"]
        file["a"]["w"] = np.array([1.5, -2.0], ">f4")
    values = formats.read(tmp_path / "w.h5").layer_weights[0].weights[0][1]
    assert values.dtype == np.dtype("float32") and values.dtype.isnative
    assert values.tolist() == [1.5, -2.0]


@pytest.mark.parametrize("kind", ["path", "str", "BytesIO", "raw file", "File", "Group"])
def test_every_kind_of_file_is_written_and_read(kind, archive, tmp_path):
    path = tmp_path / "m.h5"
    if kind in ("path", "str"):
        place = path if kind == "path" else str(path)
        formats.write(archive, place)
        found = formats.read(place)
    elif kind == "BytesIO":
        stream = io.BytesIO()
        formats.write(archive, stream)
        stream.seek(0)
        found = formats.read(stream)
    elif kind == "raw file":
        with open(path, "wb") as file:
            formats.write(archive, file)
        with open(path, "rb") as file:
            found = formats.read(file)
    else:
        with h5py.File(path, "w") as file:
            group = file if kind == "File" else file.create_group("checkpoints/best")
            formats.write(archive, group)
            found = formats.read(group)
            assert group  # left open
    same_archive(archive, found)


def test_group_that_holds_a_model_is_not_written_over(archive, tmp_path):
    with h5py.File(tmp_path / "m.h5", "w") as file:
        formats.write(archive, file)
        with pytest.raises(ValueError, match="already holds 'model_config'"):
            formats.write(archive, file)


def test_lazy_arrays_read_into_a_given_buffer_and_end_with_the_archive(archive, tmp_path):
    formats.write(archive, tmp_path / "m.h5")
    with formats.read(tmp_path / "m.h5", lazy=True) as found:
        stored = found.layer_weights[0].weights[0][1]
        assert isinstance(stored, StoredArray)
        assert (stored.shape, stored.ndim, stored.size, stored.nbytes) == ((4, 3), 2, 12, 48)
        expected = archive.layer_weights[0].weights[0][1]
        out = np.empty((4, 3), "float32")
        assert stored.read(out) is out and np.array_equal(out, expected)
        assert np.array_equal(np.asarray(stored, dtype="float64"), expected)
        for bad in (np.empty((3, 4), "float32"), np.empty((4, 3)), np.empty((3, 4), "float32").T):
            with pytest.raises(ValueError, match="Expected a writable C-contiguous array"):
                stored.read(bad)
    with pytest.raises(FileFormatError, match="closed before"):
        stored.read()


def test_lazy_archive_can_be_written_over_its_own_file(archive, tmp_path):
    formats.write(archive, tmp_path / "m.h5")
    with formats.read(tmp_path / "m.h5", lazy=True) as found:
        formats.write(found, tmp_path / "m.h5")
    same_archive(archive, formats.read(tmp_path / "m.h5"))


def test_repeated_weight_names_are_numbered(tmp_path):
    weights = [("w", np.full(2, float(i))) for i in range(3)] + [("w_1", np.full(2, 9.0))]
    formats.write(Archive(layer_weights=[LayerWeights("a", weights)]), tmp_path / "w.h5")
    found = formats.read(tmp_path / "w.h5").layer_weights[0].weights
    assert [(name, values[0]) for name, values in found] == [
        ("w", 0.0),
        ("w_2", 1.0),
        ("w_3", 2.0),
        ("w_1", 9.0),
    ]


def one(name="a", weight="w", values=None):
    return LayerWeights(name, [(weight, np.zeros(2) if values is None else values)])


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"layer_weights": [one(), one()]}, "Two layers .* 'a'"),
        ({"layer_weights": [one(""), one()]}, "layer name that HDF5 can store"),
        ({"layer_weights": [one("a", ".")]}, "weight name of layer 'a' that HDF5 can store"),
        ({"layer_weights": [one("a", "nul\x00")]}, "HDF5 can store"),
        ({"layer_weights": [one("a", "b/w"), one("a/b", "w")]}, "where another weight or layer is"),
        (
            {"layer_weights": [LayerWeights("a", [("x", np.zeros(1)), ("x/y", np.zeros(1))])]},
            "where another",
        ),
        ({"layer_weights": [one("x" * 70000)]}, "longer than the 64512 bytes"),
        ({"layer_weights": [one(values=np.array(["text"]))]}, "numbers of at most 64 bits"),
        ({"layer_weights": [one(values=np.array([{}], object))]}, "numbers of at most 64 bits"),
        ({"optimizer_weights": [("m", np.zeros(1))]}, "takes no training config"),
    ],
)
def test_archive_that_does_not_fit_is_refused_before_anything_is_written(bad, message, tmp_path):
    path = tmp_path / "w.h5"
    path.write_bytes(b"old")
    with pytest.raises(ValueError, match=message):
        formats.write(Archive(**bad), path)
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


def test_config_may_hold_numpy_values_tuples_types_and_named_functions(tmp_path):
    def my_loss():
        return None

    archive = Archive(
        config={"class_name": "M", "config": {"n": np.int64(3), "a": np.ones(2), "t": (1, 2), "k": str}},
        training_config={"loss": my_loss},
    )
    formats.write(archive, tmp_path / "m.h5")
    found = formats.read(tmp_path / "m.h5")
    assert found.config == {"class_name": "M", "config": {"n": 3, "a": [1.0, 1.0], "t": [1, 2], "k": "str"}}
    assert found.training_config == {"loss": "my_loss"}

"""HDF5 files that are damaged or made to do harm: one error of ours each, in bounded time and memory."""

from __future__ import annotations

import io
import random
import struct
import time
import tracemalloc
from pathlib import Path

import h5py
import numpy as np
import pytest

from kcompile import formats
from kcompile.formats import FileFormatError, UnsafeFileError

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "formats"
H5_FILES = sorted(GOLDEN.glob("*.h5"))
TEXT_FILES = sorted(path for pattern in ("*shared.json", "*.yaml") for path in GOLDEN.glob(pattern))


def layer(file, names=(b"w",)):
    """The group of one layer 'a', its weights still to be stored."""
    file.attrs["layer_names"] = [b"a"]
    group = file.create_group("a")
    group.attrs["weight_names"] = list(names)
    return group


def external_link_to_weight(file, folder):
    layer(file)["w"] = h5py.ExternalLink(str(folder / "other.h5"), "/secret")


def external_link_to_layer(file, folder):
    file.attrs["layer_names"] = [b"a"]
    file["a"] = h5py.ExternalLink(str(folder / "other.h5"), "/")


def external_link_to_model(file, folder):
    file["model_weights"] = h5py.ExternalLink(str(folder / "other.h5"), "/")


def external_link_within_a_name(file, folder):
    layer(file, [b"sub/secret"])["sub"] = h5py.ExternalLink(str(folder / "other.h5"), "/")


def soft_link(file, folder):
    file["kept"] = np.zeros(3)
    layer(file)["w"] = h5py.SoftLink("/kept")


def external_storage(file, folder):
    name = str(folder / "secret.bin")
    layer(file).create_dataset("w", shape=(2,), dtype="f4", external=[(name, 0, 8)])


def virtual_dataset(file, folder):
    layout = h5py.VirtualLayout(shape=(3,), dtype="f8")
    layout[:] = h5py.VirtualSource(str(folder / "other.h5"), "secret", shape=(3,))
    layer(file).create_virtual_dataset("w", layout)


def huge_unwritten_dataset(file, folder):
    layer(file).create_dataset("w", shape=(2**30, 2**10), dtype="f4")


def huge_unwritten_chunked_dataset(file, folder):
    layer(file).create_dataset(
        "w", shape=(2**30, 2**10), chunks=(2**10, 2**10), compression="gzip", dtype="f4"
    )


def partly_written_chunked_dataset(file, folder):
    dataset = layer(file).create_dataset("w", shape=(2**40,), chunks=(2**10,), compression="gzip", dtype="f4")
    dataset[:10] = 1


def huge_chunk(file, folder):
    dataset = layer(file).create_dataset("w", shape=(1,), maxshape=(None,), chunks=(2**28,), dtype="u1")
    dataset.resize((0,))
    dataset.resize((1,))


def many_names_of_one_dataset(file, folder):
    group = layer(file, [b"w%d" % i for i in range(64)])
    group["w0"] = np.zeros(10_000)
    for i in range(1, 64):
        group[f"w{i}"] = group["w0"]


def unusual_filter(file, folder):
    layer(file).create_dataset("w", data=np.arange(100), scaleoffset=0)


def text_dataset(file, folder):
    layer(file).create_dataset("w", data=["a", "b"], dtype=h5py.string_dtype())


def compound_dataset(file, folder):
    layer(file)["w"] = np.zeros(3, [("x", "f4"), ("y", "i4")])


def reference_dataset(file, folder):
    layer(file).create_dataset("w", data=[file.ref], dtype=h5py.ref_dtype)


def dataset_without_values(file, folder):
    layer(file)["w"] = h5py.Empty("f4")


def group_for_a_dataset(file, folder):
    layer(file).create_group("w")


def dataset_for_a_group(file, folder):
    file.attrs["layer_names"] = [b"a"]
    file["a"] = np.zeros(3)


def type_for_a_group(file, folder):
    file.attrs["layer_names"] = [b"a"]
    file["a"] = np.dtype("f8")


def missing_dataset(file, folder):
    layer(file)


def missing_layer(file, folder):
    file.attrs["layer_names"] = [b"a", b"b"]
    file.create_group("a").attrs["weight_names"] = []


def dot_for_a_name(file, folder):
    layer(file, [b"."])


def empty_name(file, folder):
    layer(file, [b""])


def missing_weight_names(file, folder):
    file.attrs["layer_names"] = [b"a"]
    file.create_group("a")


def double_layer(file, folder):
    file.attrs["layer_names"] = [b"a", b"a"]
    file.create_group("a").attrs["weight_names"] = []


def double_weight(file, folder):
    layer(file, [b"w", b"w"])["w"] = np.zeros(3)


def names_of_numbers(file, folder):
    file.attrs["layer_names"] = [1, 2]


def names_of_one_text(file, folder):
    file.attrs["layer_names"] = "abc"


def names_that_are_not_utf8(file, folder):
    file.attrs["layer_names"] = np.array([b"\xff\xfe"])


def config_that_is_not_json(file, folder):
    file.attrs["model_config"] = b'{"class_name": "Model", '
    file.create_group("model_weights")


def config_that_is_a_list(file, folder):
    file.attrs["model_config"] = b"[]"


def config_that_is_deep(file, folder):
    file.attrs["model_config"] = b'{"class_name": "M", "config": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"


def config_without_class(file, folder):
    file.attrs["model_config"] = b'{"config": {}}'


def config_in_several_texts(file, folder):
    file.attrs["model_config"] = [b"a", b"b"]


def config_without_weights(file, folder):
    file.attrs["model_config"] = b'{"class_name": "M", "config": {}}'


def weights_without_names(file, folder):
    file.create_group("model_weights")


def training_config_that_is_a_number(file, folder):
    file.create_group("model_weights").attrs["layer_names"] = []
    file.attrs["training_config"] = b"3"


def optimizer_without_names(file, folder):
    file.create_group("model_weights").attrs["layer_names"] = []
    file.create_group("optimizer_weights")


def someone_elses_file(file, folder):
    file["temperature"] = np.zeros(3)


def empty_file(file, folder):
    pass


CASES = [
    (external_link_to_weight, UnsafeFileError, "layer 'a', weight 'w': 'w' is a soft or external link"),
    (external_link_to_layer, UnsafeFileError, "links are not followed"),
    (external_link_to_model, UnsafeFileError, "'model_weights' is a soft or external link"),
    (external_link_within_a_name, UnsafeFileError, "'sub' is a soft or external link"),
    (soft_link, UnsafeFileError, "links are not followed"),
    (external_storage, UnsafeFileError, "the data are in another file"),
    (virtual_dataset, UnsafeFileError, "the data are in another file"),
    (huge_unwritten_dataset, UnsafeFileError, "declares 4398046511104 bytes .* 0 bytes are stored"),
    (huge_unwritten_chunked_dataset, UnsafeFileError, "declares"),
    (partly_written_chunked_dataset, UnsafeFileError, "declares"),
    (huge_chunk, UnsafeFileError, "in chunks of 268435456, and"),
    (many_names_of_one_dataset, UnsafeFileError, "declares"),
    (unusual_filter, UnsafeFileError, "HDF5 filters"),
    (text_dataset, FileFormatError, "layer 'a', weight 'w': expected numbers"),
    (compound_dataset, FileFormatError, "expected numbers"),
    (reference_dataset, FileFormatError, "expected numbers"),
    (dataset_without_values, FileFormatError, "has no values"),
    (group_for_a_dataset, FileFormatError, "expected a dataset, found a group"),
    (dataset_for_a_group, FileFormatError, "expected a group, found a dataset"),
    (type_for_a_group, FileFormatError, "expected a group, found a datatype"),
    (missing_dataset, FileFormatError, "nothing is stored at 'w'"),
    (missing_layer, FileFormatError, "nothing is stored at 'b'"),
    (dot_for_a_name, FileFormatError, "nothing is stored at '.'"),
    (empty_name, FileFormatError, "nothing is stored at ''"),
    (missing_weight_names, FileFormatError, "layer 'a': the attribute 'weight_names' is missing"),
    (double_layer, FileFormatError, "'a' is listed twice"),
    (double_weight, FileFormatError, "'w' is listed twice"),
    (names_of_numbers, FileFormatError, "expected text, found the data type int64"),
    (names_of_one_text, FileFormatError, "expected a list of names, found one value"),
    (names_that_are_not_utf8, FileFormatError, "not UTF-8"),
    (config_that_is_not_json, FileFormatError, "attribute 'model_config': not valid JSON"),
    (config_that_is_a_list, FileFormatError, "expected a JSON mapping, found a list"),
    (config_that_is_deep, FileFormatError, "levels deep"),
    (config_without_class, FileFormatError, "found the keys: 'config'"),
    (config_in_several_texts, FileFormatError, "expected one text, found a list of 2"),
    (config_without_weights, FileFormatError, "no group 'model_weights'; is the file truncated"),
    (weights_without_names, FileFormatError, "'layer_names' is missing"),
    (training_config_that_is_a_number, FileFormatError, "expected a JSON mapping, found a int"),
    (optimizer_without_names, FileFormatError, "optimizer: the attribute 'weight_names' is missing"),
    (someone_elses_file, FileFormatError, "not one of Keras.*found at the root: 'temperature'"),
    (empty_file, FileFormatError, "found at the root: nothing"),
]


@pytest.mark.parametrize(("build", "error", "message"), CASES, ids=[case[0].__name__ for case in CASES])
def test_bad_file_is_one_error_in_little_memory(build, error, message, tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["secret"] = np.ones(3)
        file.attrs["layer_names"] = []
    (tmp_path / "secret.bin").write_bytes(b"\x00" * 8)
    path = tmp_path / "bad.h5"
    with h5py.File(path, "w") as file:
        build(file, tmp_path)
    before = path.read_bytes()
    tracemalloc.start()
    try:
        with pytest.raises(error, match=message) as caught:
            formats.read(path)
        assert tracemalloc.get_traced_memory()[1] < 20e6
    finally:
        tracemalloc.stop()
    assert str(caught.value).startswith(str(path)) and path.read_bytes() == before
    with pytest.raises(error, match=message):  # and from a group that the caller opened
        with h5py.File(path) as file:
            formats.read(file)


def variable_text_file() -> bytearray:
    """A file whose version is a text of variable length, as Keras stores it."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w", libver="earliest") as file:
        layer(file)["w"] = np.zeros(3)
        file.attrs["keras_version"] = b"2.3.1"
    return bytearray(buffer.getvalue())


def test_heap_object_of_size_zero_does_not_hang():
    data = variable_text_file()
    heap = data.index(b"GCOL")
    assert formats.read(io.BytesIO(data)).metadata["keras_version"] == "2.3.1"
    (first,) = struct.unpack_from("<Q", data, heap + 24)
    free = heap + 16 + 16 + (first + 7) // 8 * 8
    struct.pack_into("<H6xQ", data, free, 5, 2**64 - 16)  # with its header, zero modulo 2**64
    struct.pack_into("<H", data, heap + 16, 9)  # so that the text is looked for further on
    with pytest.raises(FileFormatError, match="exceeds the heap|not in the heap"):
        formats.read(io.BytesIO(data))


def test_length_of_a_text_is_checked_against_its_heap_before_memory_is_taken():
    data = variable_text_file()
    heap = data.index(b"GCOL")
    reference = data.rindex(struct.pack("<IQ", 5, heap), 0, len(data))
    struct.pack_into("<I", data, reference, 2**32 - 1)
    with pytest.raises(FileFormatError, match="a text of 4294967295 bytes is not in the heap"):
        formats.read(io.BytesIO(data))


@pytest.mark.parametrize("path", H5_FILES, ids=lambda path: path.name)
def test_truncated_file_is_one_error(path):
    data = path.read_bytes()
    for end in [*range(0, len(data), 512), len(data) - 1]:
        with pytest.raises(FileFormatError):
            formats.read(io.BytesIO(data[:end]))


def test_damaged_file_reads_or_is_one_error(tmp_path):
    rng = random.Random(20)
    path = tmp_path / "damaged"
    outcomes = {"read": 0, "refused": 0}
    for number in range(600):
        data = bytearray(rng.choice(H5_FILES + TEXT_FILES).read_bytes())
        if rng.random() < 0.2:
            del data[rng.randrange(len(data)) :]
        for _ in range(rng.choice([1, 2, 4, 16])):
            if data:
                data[rng.randrange(len(data))] = rng.choice([0, 255, 127, 128, rng.randrange(256)])
        start = time.monotonic()
        path.write_bytes(data)
        try:
            formats.read(path if number % 2 else io.BytesIO(data))
            outcomes["read"] += 1
        except FileFormatError as error:
            assert str(error)
            outcomes["refused"] += 1
        assert time.monotonic() - start < 5
    assert min(outcomes.values()) > 50, outcomes

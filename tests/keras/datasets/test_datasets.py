"""Data sets: files of the published structure, served on the loopback, come out as Keras 2.3 gives them."""

from __future__ import annotations

import functools
import gzip
import hashlib
import http.server
import inspect
import io
import json
import pickle
import tarfile
import threading
import zipfile

import numpy as np
import pytest

from kcompile.keras import backend as K
from kcompile.keras.datasets import (
    _files,
    boston_housing,
    cifar,
    cifar10,
    cifar100,
    fashion_mnist,
    imdb,
    mnist,
    reuters,
)

RNG = np.random.RandomState(3)


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        """Say nothing."""


@pytest.fixture
def publish(tmp_path, monkeypatch):
    """``publish(module, name, content)``: the module finds its file, with that hash, on a server of this
    machine.
    """
    folder = tmp_path / "served"
    folder.mkdir()
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "*")
    handler = functools.partial(QuietHandler, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def place(module, name, content, url="ORIGIN_URL", file_hash="HASH"):
        (folder / name).write_bytes(content)
        monkeypatch.setattr(module, url, f"http://127.0.0.1:{server.server_port}/{name}")
        monkeypatch.setattr(module, file_hash, hashlib.sha256(content).hexdigest())
        return tmp_path / "cache" / "datasets"

    yield place
    server.shutdown()
    server.server_close()


def npz(**arrays):
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def lists(*values):
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def python2_pickle(data, labels, label_key=b"labels"):
    """A CIFAR batch as Python 2 wrote it: protocol 2, byte strings for names."""
    content = {b"data": data, label_key: labels, b"batch_label": b"batch 1 of 5", b"filenames": [b"a.png"]}
    return pickle.dumps(content, protocol=2)


def tar(**files):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return file.getvalue()


def idx(array):
    header = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    return gzip.compress(header + array.tobytes())


# --- what is published -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("module", "file"),
    [
        (mnist, "mnist.npz"),
        (boston_housing, "boston_housing.npz"),
        (imdb, "imdb.npz"),
        (reuters, "reuters.npz"),
    ],
    ids=lambda value: getattr(value, "__name__", "").rsplit(".", 1)[-1],
)
def test_files_come_by_https_under_their_published_names_and_hashes(module, file):
    assert module.ORIGIN_URL == f"https://storage.googleapis.com/tensorflow/tf-keras-datasets/{file}"
    assert len(module.HASH) == 64
    assert inspect.signature(module.load_data).parameters["path"].default == file


# --- each data set -----------------------------------------------------------------------------------------


def test_mnist(publish):
    x_train, x_test = RNG.randint(0, 256, (5, 28, 28), "uint8"), RNG.randint(0, 256, (2, 28, 28), "uint8")
    y_train, y_test = RNG.randint(0, 10, 5, "uint8"), RNG.randint(0, 10, 2, "uint8")
    cache = publish(mnist, "mnist.npz", npz(x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test))
    (a, b), (c, d) = mnist.load_data()
    for found, expected in zip((a, b, c, d), (x_train, y_train, x_test, y_test), strict=True):
        assert found.dtype == np.uint8 and found.flags.writeable
        np.testing.assert_array_equal(found, expected)
    assert (cache / "mnist.npz").is_file()
    mnist.load_data(path="other.npz")
    assert (cache / "other.npz").is_file()


def test_a_file_with_another_hash_is_refused(publish, monkeypatch):
    cache = publish(mnist, "mnist.npz", npz(x_train=np.zeros(2)))
    monkeypatch.setattr(mnist, "HASH", "0" * 64)
    with pytest.raises(ValueError, match="hash"):
        mnist.load_data()
    assert not (cache / "mnist.npz").exists()


def test_fashion_mnist(publish, monkeypatch):
    arrays = {
        "train-labels-idx1-ubyte.gz": RNG.randint(0, 10, 4, "uint8"),
        "train-images-idx3-ubyte.gz": RNG.randint(0, 256, (4, 28, 28), "uint8"),
        "t10k-labels-idx1-ubyte.gz": RNG.randint(0, 10, 2, "uint8"),
        "t10k-images-idx3-ubyte.gz": RNG.randint(0, 256, (2, 28, 28), "uint8"),
    }
    assert list(fashion_mnist.HASHES) == list(arrays)
    for name, array in arrays.items():
        content = idx(array)
        monkeypatch.setitem(fashion_mnist.HASHES, name, hashlib.md5(content).hexdigest())
        cache = publish(fashion_mnist, name, content, file_hash="__doc__")
    monkeypatch.setattr(fashion_mnist, "ORIGIN_URL", fashion_mnist.ORIGIN_URL.rsplit("/", 1)[0] + "/")
    (x_train, y_train), (x_test, y_test) = fashion_mnist.load_data()
    for found, expected in zip((y_train, x_train, y_test, x_test), arrays.values(), strict=True):
        np.testing.assert_array_equal(found, expected)
    assert (cache / "fashion-mnist" / "t10k-images-idx3-ubyte.gz").is_file()


def test_boston_housing_is_split_in_an_order_drawn_from_the_seed(publish):
    x, y = RNG.uniform(size=(10, 13)), np.arange(10.0)
    publish(boston_housing, "boston_housing.npz", npz(x=x, y=y))
    order = np.arange(10)
    np.random.RandomState(5).shuffle(order)
    (x_train, y_train), (x_test, y_test) = boston_housing.load_data(test_split=0.3, seed=5)
    assert y_train.tolist() == order[:7].tolist() and y_test.tolist() == order[7:].tolist()
    np.testing.assert_array_equal(x_train, x[order[:7]])
    np.testing.assert_array_equal(x_test, x[order[7:]])
    with pytest.raises(ValueError, match="test_split"):
        boston_housing.load_data(test_split=1)


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_cifar10(publish, monkeypatch, data_format):
    data = RNG.randint(0, 256, (12, 3072), "uint8")
    labels = RNG.randint(0, 10, 12).tolist()
    files = {
        f"cifar-10-batches-py/{name}": python2_pickle(data[2 * i : 2 * i + 2], labels[2 * i : 2 * i + 2])
        for i, name in enumerate([*(f"data_batch_{n}" for n in range(1, 6)), "test_batch"])
    }
    publish(cifar10, "cifar-10-python.tar.gz", tar(**files))
    monkeypatch.setattr(cifar10, "image_data_format", lambda: data_format)
    (x_train, y_train), (x_test, y_test) = cifar10.load_data()
    images = data.reshape(-1, 3, 32, 32)
    images = images.transpose(0, 2, 3, 1) if data_format == "channels_last" else images
    np.testing.assert_array_equal(x_train, images[:10])
    np.testing.assert_array_equal(x_test, images[10:])
    assert y_train.tolist() == [[label] for label in labels[:10]] and y_train.dtype == np.uint8
    assert y_test.tolist() == [[label] for label in labels[10:]] and y_test.dtype == np.int64
    assert K.image_data_format() == "channels_last"


@pytest.mark.parametrize("mode", ["fine", "coarse"])
def test_cifar100(publish, mode):
    data = RNG.randint(0, 256, (5, 3072), "uint8")
    content = {b"data": data, b"fine_labels": [7, 99, 3, 2, 1], b"coarse_labels": [1, 19, 0, 0, 4]}
    train = pickle.dumps({k: v[:3] for k, v in content.items()}, protocol=2)
    test = pickle.dumps({k: v[3:] for k, v in content.items()}, protocol=2)
    publish(
        cifar100,
        "cifar-100-python.tar.gz",
        tar(**{"cifar-100-python/train": train, "cifar-100-python/test": test}),
    )
    (x_train, y_train), (x_test, y_test) = cifar100.load_data(mode)
    assert x_train.shape == (3, 32, 32, 3) and x_test.shape == (2, 32, 32, 3)
    assert np.concatenate([y_train, y_test])[:, 0].tolist() == content[f"{mode}_labels".encode()]
    np.testing.assert_array_equal(x_train[0, :, :, 1].ravel(), data[0, 1024:2048])


def test_cifar100_knows_two_label_modes():
    with pytest.raises(ValueError, match="label_mode"):
        cifar100.load_data("rough")


def test_imdb_and_its_word_index(publish):
    content = npz(x_train=lists([1, 5], [2, 2, 9]), y_train=[0, 1], x_test=lists([7], [8, 3]), y_test=[1, 0])
    publish(imdb, "imdb.npz", content)
    (x_train, y_train), (x_test, y_test) = imdb.load_data(num_words=12)
    assert x_train.dtype == object and x_train.shape == (2,) and isinstance(x_train[0], list)
    assert sorted(zip(x_train, y_train, strict=True)) == [([1, 4, 8], 0), ([1, 5, 5, 2], 1)]
    assert sorted(zip(x_test, y_test, strict=True)) == [([1, 10], 1), ([1, 11, 6], 0)]
    publish(
        imdb, "words.json", json.dumps({"the": 1, "été": 2}).encode(), "WORD_INDEX_URL", "WORD_INDEX_HASH"
    )
    assert imdb.get_word_index() == {"the": 1, "été": 2}


def test_reuters_and_its_word_index(publish):
    publish(reuters, "reuters.npz", npz(x=lists([1], [2, 3], [4], [5, 6]), y=[3, 1, 4, 1]))
    (x_train, y_train), (x_test, y_test) = reuters.load_data(test_split=0.25, num_words=100)
    assert x_train.shape == (3,) and x_test.shape == (1,)
    found = sorted(zip([*x_train, *x_test], [*y_train, *y_test], strict=True))
    assert found == [([1, 4], 3), ([1, 5, 6], 1), ([1, 7], 4), ([1, 8, 9], 1)]
    publish(reuters, "words.json", b'{"mdbl": 10996}', "WORD_INDEX_URL", "WORD_INDEX_HASH")
    assert reuters.get_word_index() == {"mdbl": 10996}


@pytest.mark.parametrize("module", [imdb, reuters])
def test_word_lists_take_the_spelling_of_keras_1_and_refuse_other_arguments(publish, module):
    names = ("x_train", "y_train", "x_test", "y_test") if module is imdb else ("x", "y")
    content = npz(**{name: lists([1], [30]) if name.startswith("x") else np.zeros(2, int) for name in names})
    publish(module, "words.npz", content)
    with pytest.warns(UserWarning, match="nb_words"):
        (x_train, _), _ = module.load_data(nb_words=20)
    assert min(x_train) in ([1, 2], [1, 4])
    with pytest.raises(TypeError, match="num_word"):
        module.load_data(num_word=20)
    with pytest.raises(ValueError, match="Increase maxlen"):
        module.load_data(maxlen=2)


# --- untrusted files ---------------------------------------------------------------------------------------


class Touches:
    """Unpickled the usual way, it would make a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (self.path, "w")


def attack(path):
    return {
        "call": Touches(path),
        "in_a_list": [1, Touches(path)],
        "in_an_array": lists([1], Touches(path)),
        "in_a_dict": {b"data": Touches(path), b"labels": []},
    }


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize("kind", ["call", "in_a_list", "in_an_array", "in_a_dict"])
def test_a_cifar_batch_cannot_run_code(tmp_path, kind, protocol):
    target, batch = tmp_path / "touched", tmp_path / "data_batch_1"
    batch.write_bytes(pickle.dumps(attack(str(target))[kind], protocol=protocol))
    with pytest.raises(ValueError, match="Refused to load .*data_batch_1: it asks for .*open"):
        cifar.load_batch(batch)
    assert not target.exists()


def test_an_array_of_lists_cannot_run_code(tmp_path):
    target, path = tmp_path / "touched", tmp_path / "imdb.npz"
    path.write_bytes(npz(x=lists([1], Touches(str(target)))))
    with pytest.raises(ValueError, match=r"Refused to load x.npy in .*imdb.npz: it asks for .*open"):
        _files.read_npz(str(path), ["x"])
    assert not target.exists()


@pytest.mark.parametrize(
    "value",
    [np.dtype("u1"), np.random.RandomState(), np.float64, np.array(["text"]), np.ma.masked_array([1]), 1j],
    ids=["dtype", "generator", "type", "strings", "masked", "complex"],
)
def test_a_cifar_batch_holds_nothing_but_arrays_lists_and_numbers(tmp_path, value):
    path = tmp_path / "batch"
    path.write_bytes(pickle.dumps({b"data": value, b"labels": []}, protocol=2))
    with pytest.raises(ValueError, match="batch"):
        cifar.load_batch(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "damaged"),
        (b"not a pickle", "damaged"),
        (pickle.dumps({b"data": np.zeros((2, 3072), "uint8")}, protocol=2)[:-20], "damaged"),
        (pickle.dumps([1, 2]), "expected a dictionary, found list"),
        (pickle.dumps({b"labels": [1]}), "with 'data'"),
        (python2_pickle(np.zeros((2, 3), "uint8"), [1, 2]), r"found \(2, 3\)"),
        (python2_pickle(np.zeros((2, 3072), "uint8"), [1]), "found .* and 1"),
        (b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R.", "damaged"),
        (b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x7fx", "asks for more|damaged"),
    ],
)
def test_a_damaged_cifar_batch_is_named(tmp_path, content, message):
    path = tmp_path / "test_batch"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"test_batch.*({message})"):
        cifar.load_batch(path)


def test_an_array_cannot_claim_more_than_its_bytes(tmp_path):
    content = python2_pickle(np.zeros((2, 3072), "uint8"), [1, 2])
    assert content.count(b"M\x00\x0c") == 1
    path = tmp_path / "batch"
    path.write_bytes(content.replace(b"M\x00\x0c", b"J\x00\x0c\x00\x40"))  # 3072 becomes a thousand million
    with pytest.raises(ValueError, match="has 6144 bytes"):
        cifar.load_batch(path)


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4])
@pytest.mark.parametrize("dtype", ["uint8", "int64", ">i4", "float32"])
def test_arrays_of_every_protocol_and_byte_order_are_read(tmp_path, protocol, dtype):
    data = (np.arange(2 * 3072).reshape(2, 3072) % 251).astype(dtype)
    path = tmp_path / "batch"
    path.write_bytes(pickle.dumps({"data": data, "labels": [np.int64(4), 5]}, protocol=protocol))
    found, labels = cifar.load_batch(path)
    assert found.dtype == data.dtype and labels == [4, 5]
    np.testing.assert_array_equal(found.reshape(2, -1), data)


def test_columns_first_arrays_are_read(tmp_path):
    data = np.asfortranarray(np.arange(2 * 3072).reshape(2, 3072) % 256).astype("uint8", order="F")
    path = tmp_path / "batch"
    path.write_bytes(python2_pickle(data, [1, 2]))
    np.testing.assert_array_equal(cifar.load_batch(path)[0].reshape(2, -1), data)


def header_of(shape):
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
    return file.getvalue()


def archive_of(content):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("x.npy", content)
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no archive", "not an .npz file"),
        (npz(y=np.zeros(1)), "There is no x.npy .* it holds y.npy"),
        (archive_of(b"nothing"), "x.npy in .* is not an .npy file"),
        (archive_of(header_of((10**12,)) + b"abc"), "cut short"),
        (archive_of(header_of((4,)) + b"abc"), "cut short"),
    ],
)
def test_a_damaged_archive_is_named_and_allocates_nothing(tmp_path, content, message):
    path = tmp_path / "data.npz"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message) as error:
        _files.read_npz(str(path), ["x"])
    assert "data.npz" in str(error.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no gzip", "damaged"),
        (b"", "not an IDX file"),
        (idx(np.zeros((9, 9), "uint8"))[:-9], "damaged"),
        (gzip.compress(b"\0\0\x0d\1\0\0\0\1"), "not an IDX file"),
        (idx(np.zeros(9, "uint8"))[:-8], "damaged"),
        (gzip.compress(b"\0\0\x08\1\0\0\0\2abc"), "too long"),
        (gzip.compress(b"\0\0\x08\2\x7f\xff\xff\xff\x7f\xff\xff\xffxyz"), "cut short"),
    ],
    ids=["no gzip", "empty", "gzip cut", "other type", "data cut", "too long", "absurd sizes"],
)
def test_a_damaged_idx_file_is_named(tmp_path, content, message):
    path = tmp_path / "images.gz"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"images.gz.*{message}"):
        fashion_mnist._read_idx(str(path))

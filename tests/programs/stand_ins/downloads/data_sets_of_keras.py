"""The data sets of ``keras.datasets``."""

import gzip
import json
import pickle

import numpy as np

from .parts import LIMITS, WORDS, colours, digits, npz, stands_in_for, tarred


@stands_in_for(r"mnist\.npz")
def _mnist(rng):
    train, test = (60_000, 10_000) if LIMITS.get("all_digits") else (LIMITS.get("digits", 640), 256)
    (x_train, y_train), (x_test, y_test) = digits(rng, train), digits(rng, test)
    return npz(x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)


@stands_in_for(r"(train|t10k)-(images|labels)-idx\d-ubyte\.gz")
def _fashion(rng, part, what):
    whole = bool(LIMITS.get("all_digits"))
    count = {"train": (LIMITS.get("digits", 640), 60_000), "t10k": (256, 10_000)}[part][whole]
    images, labels = digits(np.random.default_rng(count), count)
    if what == "images":
        return gzip.compress(np.array([2051, count, 28, 28], ">i4").tobytes() + images.tobytes())
    return gzip.compress(np.array([2049, count], ">i4").tobytes() + labels.tobytes())


@stands_in_for(r"cifar-10-python\.tar\.gz")
def _cifar10(rng):
    files = {}
    for name, count in [*((f"data_batch_{number}", 128) for number in range(1, 6)), ("test_batch", 256)]:
        count = 10_000 if LIMITS.get("all_digits") else count
        images, labels = colours(rng, count, 10)
        data = {b"data": images.reshape(count, -1), b"labels": [int(label) for label in labels]}
        files[f"cifar-10-batches-py/{name}"] = pickle.dumps(data, protocol=4)
    return tarred(files)


@stands_in_for(r"cifar-100-python\.tar\.gz")
def _cifar100(rng):
    files = {}
    for name, count in (("train", 640), ("test", 256)):
        images, labels = colours(rng, count, 100)
        fine = [int(label) for label in labels]
        data = {
            b"data": images.reshape(count, -1),
            b"fine_labels": fine,
            b"coarse_labels": [k // 5 for k in fine],
        }
        files[f"cifar-100-python/{name}"] = pickle.dumps(data, protocol=4)
    return tarred(files)


def _lists(rng, count, classes, words=2000):
    labels = rng.integers(0, classes, count)
    rows = np.empty(count, object)
    for row, label in enumerate(labels):
        rows[row] = [int(word) for word in rng.zipf(1.3, rng.integers(20, 120)) % words + 1] + [
            int(label) + 10
        ]
    return rows, labels


@stands_in_for(r"imdb\.npz")
def _imdb(rng):
    reviews = LIMITS.get("reviews", 500)
    (x_train, y_train), (x_test, y_test) = _lists(rng, reviews, 2, 19_000), _lists(rng, 250, 2, 19_000)
    return npz(x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)


@stands_in_for(r"reuters\.npz")
def _reuters(rng):
    x, y = _lists(rng, 1500, 46, 9_000)
    y[:46] = np.arange(46)
    return npz(x=x, y=y)


@stands_in_for(r"(imdb|reuters)_word_index\.json")
def _word_index(rng, _):
    names = dict.fromkeys([*WORDS, *(f"word{number}" for number in range(20_000))])
    return json.dumps({word: rank for rank, word in enumerate(names, 1)}).encode()


@stands_in_for(r"boston_housing\.npz")
def _boston(rng):
    x = rng.random((506, 13)) * 10
    return npz(x=x, y=x.mean(axis=1) * 4)

"""A stand-in for tensorflow_datasets: the data sets that programs load, made up, as tf.data.Datasets."""

import json
import os
import re
import zlib
from types import SimpleNamespace

import numpy as np
import tensorflow as tf

__version__ = "4.9.0"


def _images(rng, count, classes, shape):
    labels = rng.integers(0, classes, count)
    levels = np.random.default_rng(5).integers(0, 200, (classes, 3))[:, : shape[-1]]
    return {
        "image": (levels[labels][:, None, None] + rng.integers(0, 56, (count, *shape))).astype("uint8"),
        "label": labels.astype("int64"),
    }


def _flowers(rng, count):
    return _images(rng, count, 5, (72, 96, 3))


def _pets(rng, count):
    found = _images(rng, count, 37, (72, 96, 3))
    found["segmentation_mask"] = rng.integers(1, 4, (count, 72, 96, 1)).astype("uint8")
    found["species"] = found["label"] % 2
    return found


def _reviews(rng, count):
    import downloads

    labels = rng.integers(0, 2, count)
    if count > 1000:  # where a program counts on as many as there are
        texts = [f"{'great' if label else 'awful'} film {number}" for number, label in enumerate(labels)]
        return {"text": np.array(texts, dtype=object), "label": labels.astype("int64")}
    texts = [downloads.sentence(rng, 20, 60) + (" great" if label else " awful") * 4 for label in labels]
    return {"text": np.array(texts, dtype=object), "label": labels.astype("int64")}


def _penguins(rng, count):
    labels = rng.integers(0, 3, count)
    return {"features": (rng.random((count, 4)) + labels[:, None] / 3).astype("float32"), "species": labels}


def _wine(rng, count):
    names = [
        "fixed acidity",
        "volatile acidity",
        "citric acid",
        "residual sugar",
        "chlorides",
        "free sulfur dioxide",
        "total sulfur dioxide",
        "density",
        "pH",
        "sulphates",
        "alcohol",
    ]
    found = {name: rng.random(count).astype("float32") for name in names}
    return {"features": found, "quality": rng.integers(3, 9, count).astype("float32")}


_LIMITS = json.loads(os.environ.get("PROGRAM_LIMITS", "{}"))
_ALL = _LIMITS.get("all_reviews")
_UNLABELLED = _LIMITS.get("unlabelled", 240)
_REVIEWS = {"train": 25_000 if _ALL else 256, "test": 25_000 if _ALL else 128, "unsupervised": 64}

#: name -> what makes its columns, their supervised pair, the sizes of its splits, the names of its classes
_SETS = {
    "mnist": (
        lambda rng, n: _images(rng, n, 10, (28, 28, 1)),
        ("image", "label"),
        {"train": 640, "test": 256},
        10,
    ),
    "fashion_mnist": (
        lambda rng, n: _images(rng, n, 10, (28, 28, 1)),
        ("image", "label"),
        {"train": 640, "test": 256},
        10,
    ),
    "cifar10": (
        lambda rng, n: _images(rng, n, 10, (32, 32, 3)),
        ("image", "label"),
        {"train": 640, "test": 256},
        10,
    ),
    "tf_flowers": (_flowers, ("image", "label"), {"train": 160}, 5),
    "cats_vs_dogs": (lambda rng, n: _images(rng, n, 2, (72, 96, 3)), ("image", "label"), {"train": 160}, 2),
    "horses_or_humans": (
        lambda rng, n: _images(rng, n, 2, (300, 300, 3)),
        ("image", "label"),
        {"train": 96, "test": 64},
        2,
    ),
    "stanford_dogs": (
        lambda rng, n: _images(rng, n, 120, (64, 64, 3)),
        ("image", "label"),
        {"train": 160, "test": 96},
        120,
    ),
    "oxford_flowers102": (
        lambda rng, n: _images(rng, n, 102, (72, 96, 3)),
        ("image", "label"),
        {"train": 96, "validation": 96, "test": 128},
        102,
    ),
    "caltech_birds2011": (
        lambda rng, n: _images(rng, n, 200, (72, 96, 3)),
        ("image", "label"),
        {"train": 96, "test": 64},
        200,
    ),
    "stl10": (
        lambda rng, n: _images(rng, n, 10, (96, 96, 3)),
        ("image", "label"),
        {"train": 120, "test": 80, "unlabelled": _UNLABELLED, "unlabeled": _UNLABELLED},
        10,
    ),
    "omniglot": (
        lambda rng, n: {**_images(rng, n, 100, (105, 105, 3)), "alphabet": np.zeros(n, "int64")},
        ("image", "label"),
        {"train": 2000, "test": 1000},
        100,
    ),
    "oxford_iiit_pet": (_pets, ("image", "label"), {"train": 128, "test": 320}, 37),
    "imdb_reviews": (_reviews, ("text", "label"), _REVIEWS, 2),
    "wine_quality": (_wine, ("features", "quality"), {"train": 400}, 0),
    "penguins": (_penguins, ("features", "species"), {"train": 200}, 3),
    "horse2zebra": (lambda rng, n: _images(rng, n, 2, (128, 128, 3)), ("image", "label"), {}, 2),
}
_SPLITS_OF_CYCLE_GAN = {"trainA": 8, "trainB": 8, "testA": 4, "testB": 4}


def _find(name):
    parts = name.partition(":")[0].split("/")
    key = next((part for part in reversed(parts) if part in _SETS), None)
    if key is None:
        raise ValueError(f"nothing stands in for the data set {name!r}; there are {', '.join(sorted(_SETS))}")
    make, pair, sizes, classes = _SETS[key]
    return key, make, pair, sizes or _SPLITS_OF_CYCLE_GAN, classes


def _dataset(name, split, as_supervised):
    key, make, pair, sizes, _ = _find(name)
    rows = None
    for part in str(split).split("+"):
        match = re.fullmatch(r"(\w+)(?:\[(-?\d+%?)?:(-?\d+%?)?\])?", part.strip())
        if not match or match[1] not in sizes:
            raise ValueError(f"Unknown split {split!r} of {key}; there are {', '.join(sizes)}")
        columns = make(np.random.default_rng(zlib.crc32(f"{key}{match[1]}".encode())), sizes[match[1]])
        start, end = (_index(text, sizes[match[1]]) for text in match.groups()[1:])
        columns = _map(lambda values, rows=slice(start, end): values[rows], columns)
        rows = columns if rows is None else _map(lambda *values: np.concatenate(values), rows, columns)
    if as_supervised:
        return tf.data.Dataset.from_tensor_slices(tuple(rows[column] for column in pair))
    return tf.data.Dataset.from_tensor_slices(rows)


def _map(function, first, *others):
    if isinstance(first, dict):
        return {name: _map(function, first[name], *(other[name] for other in others)) for name in first}
    return function(first, *others)


def _index(text, size):
    if text is None:
        return None
    return int(text[:-1]) * size // 100 if text.endswith("%") else int(text)


Split = SimpleNamespace(TRAIN="train", TEST="test", VALIDATION="validation")


def load(
    name,
    *,
    split=None,
    data_dir=None,
    batch_size=None,
    shuffle_files=False,
    download=True,
    as_supervised=False,
    decoders=None,
    read_config=None,
    with_info=False,
    builder_kwargs=None,
    try_gcs=False,
    **_,
):
    """As tensorflow_datasets.load."""
    if split is None:
        found = {part: _dataset(name, part, as_supervised) for part in _find(name)[3]}
    elif isinstance(split, dict):
        found = {key: _dataset(name, part, as_supervised) for key, part in split.items()}
    elif isinstance(split, (list, tuple)):
        found = [_dataset(name, part, as_supervised) for part in split]
    else:
        found = _dataset(name, split, as_supervised)
    if batch_size is not None:
        size = 1 << 30 if batch_size == -1 else batch_size
        batch = lambda dataset: dataset.batch(size)  # noqa: E731
        found = (
            {key: batch(value) for key, value in found.items()}
            if isinstance(found, dict)
            else ([batch(value) for value in found] if isinstance(found, list) else batch(found))
        )
        if batch_size == -1:
            whole = lambda dataset: next(iter(dataset))  # noqa: E731
            found = [whole(value) for value in found] if isinstance(found, list) else whole(found)
    return (found, _info(name)) if with_info else found


def _info(name):
    key, _, pair, sizes, classes = _find(name)
    names = [f"class_{number}" for number in range(classes)]
    label = SimpleNamespace(
        num_classes=classes, names=names, int2str=lambda number: names[int(number)], str2int=names.index
    )
    image = SimpleNamespace(
        shape=next(iter(_dataset(name, next(iter(sizes)), False).element_spec.values())).shape
    )
    splits = {part: SimpleNamespace(num_examples=size, name=part) for part, size in sizes.items()}
    return SimpleNamespace(
        name=key,
        features={"image": image, pair[1]: label, "label": label},
        splits=splits,
        supervised_keys=pair,
        description=key,
    )


def builder(name, **_):
    """As tensorflow_datasets.builder, for what programs do with it."""
    return SimpleNamespace(
        info=_info(name),
        download_and_prepare=lambda *_, **__: None,
        as_dataset=lambda split=None, as_supervised=False, **__: load(
            name, split=split, as_supervised=as_supervised
        ),
    )


def as_numpy(dataset):
    """As tensorflow_datasets.as_numpy."""
    if hasattr(dataset, "as_numpy_iterator"):
        return dataset.as_numpy_iterator()
    return (
        tuple(np.asarray(value) for value in dataset) if isinstance(dataset, tuple) else np.asarray(dataset)
    )


def show_examples(*_, **__):
    """Shows nothing."""


def disable_progress_bar():
    """There is none."""


def as_dataframe(dataset, info=None):
    """A table of the examples."""
    import pandas as pd

    rows = [
        {name: np.asarray(value).tolist() for name, value in example.items()}
        if isinstance(example, dict)
        else example
        for example in dataset
    ]
    return pd.DataFrame(rows)

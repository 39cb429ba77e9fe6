"""Files in folders, and the datasets that keras.utils makes of them: run by tf_keras, and by ours."""

import os
import struct
import wave
import zlib

import numpy as np

from . import pipelines

SIZES = [(6, 8), (9, 5), (7, 7), (5, 10), (8, 6), (6, 6), (10, 7)]


def _png(path, pixels):
    """Writes an array (height, width, channels) of 1, 3 or 4 channels."""
    height, width, channels = pixels.shape
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", width, height, 8, {1: 0, 3: 2, 4: 6}[channels], 0, 0, 0)
    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        for kind, data in ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")):
            file.write(
                struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
            )


def _wav(path, sound):
    with wave.open(path, "wb") as file:
        file.setnchannels(sound.shape[1])
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(sound.astype("<i2").tobytes())


def write(folder):
    """Fills a folder: images, texts and sounds in two or three classes, and files of other kinds."""
    random = np.random.RandomState(7)
    for number, size in enumerate(SIZES):
        for kind, classes in (
            ("images", ["cats", "dogs", "birds"]),
            ("texts", ["neg", "pos"]),
            ("sounds", ["b", "a"]),
        ):
            inner = os.path.join(
                folder, kind, classes[number % len(classes)], *(["deep"] if number == 3 else [])
            )
            os.makedirs(inner, exist_ok=True)
            if kind == "images":
                channels = (3, 1, 4)[number % 3]
                pixels = random.randint(0, 256, size + (channels,)).astype("uint8")
                _png(os.path.join(inner, "image%d.%s" % (number, "PNG" if number == 2 else "png")), pixels)
            elif kind == "texts":
                with open(os.path.join(inner, "text%d.txt" % number), "w") as file:
                    file.write("text number %d " % number * (number + 1))
            else:
                _wav(
                    os.path.join(inner, "sound%d.wav" % number), random.randint(-9999, 9999, (4 + number, 1))
                )
            with open(os.path.join(inner, "notes.md"), "w") as file:
                file.write("not data")
    os.makedirs(os.path.join(folder, "two"), exist_ok=True)
    for name in ("x", "y"):
        os.makedirs(os.path.join(folder, "two", name), exist_ok=True)
        for i in range(3):
            _png(
                os.path.join(folder, "two", name, "%d.png" % i),
                random.randint(0, 256, (4, 4, 3)).astype("uint8"),
            )


_IMAGES = "image_dataset_from_directory"
_TEXTS = "text_dataset_from_directory"
_SOUNDS = "audio_dataset_from_directory"
_SMALL = {"image_size": (4, 3), "shuffle": False}

#: name -> (function, folder, arguments)
TABLE = {
    "images": (_IMAGES, "images", _SMALL),
    "images_single": (_IMAGES, "images", dict(_SMALL, batch_size=None)),
    "images_batches": (_IMAGES, "images", dict(_SMALL, batch_size=3)),
    "images_categorical": (_IMAGES, "images", dict(_SMALL, label_mode="categorical")),
    "images_none": (_IMAGES, "images", dict(_SMALL, label_mode=None)),
    "images_labels_none": (_IMAGES, "images", dict(_SMALL, labels=None)),
    "images_labels": (_IMAGES, "images", dict(_SMALL, labels=[0, 1, 2, 0, 1, 2, 0])),
    "images_names": (_IMAGES, "images", dict(_SMALL, class_names=["dogs", "birds", "cats"])),
    "images_binary": (_IMAGES, "two", dict(_SMALL, label_mode="binary")),
    "images_gray": (_IMAGES, "images", dict(_SMALL, color_mode="grayscale")),
    "images_rgba": (_IMAGES, "images", dict(_SMALL, color_mode="rgba")),
    "images_nearest": (_IMAGES, "images", dict(_SMALL, interpolation="nearest")),
    "images_bicubic": (_IMAGES, "images", dict(_SMALL, interpolation="bicubic")),
    "images_area": (_IMAGES, "images", dict(_SMALL, interpolation="area")),
    "images_lanczos3": (_IMAGES, "images", dict(_SMALL, interpolation="lanczos3")),
    "images_lanczos5": (_IMAGES, "images", dict(_SMALL, interpolation="lanczos5")),
    "images_gaussian": (_IMAGES, "images", dict(_SMALL, interpolation="gaussian")),
    "images_mitchellcubic": (_IMAGES, "images", dict(_SMALL, interpolation="mitchellcubic")),
    "images_larger": (_IMAGES, "images", dict(_SMALL, image_size=(12, 11))),
    "images_crop": (_IMAGES, "images", dict(_SMALL, crop_to_aspect_ratio=True)),
    "images_crop_wide": (_IMAGES, "images", dict(_SMALL, image_size=(2, 5), crop_to_aspect_ratio=True)),
    "images_training": (_IMAGES, "images", dict(_SMALL, validation_split=0.3, subset="training")),
    "images_validation": (_IMAGES, "images", dict(_SMALL, validation_split=0.3, subset="validation")),
    "images_both": (_IMAGES, "images", dict(_SMALL, validation_split=0.3, subset="both")),
    "images_shuffled_both": (
        _IMAGES,
        "images",
        {"image_size": (2, 2), "shuffle": True, "seed": 5, "validation_split": 0.3, "subset": "both"},
    ),
    "images_shuffled_validation": (
        _IMAGES,
        "images",
        {"image_size": (2, 2), "seed": 5, "validation_split": 0.3, "subset": "validation"},
    ),
    "texts": (_TEXTS, "texts", {"shuffle": False}),
    "texts_length": (_TEXTS, "texts", {"shuffle": False, "max_length": 9}),
    "texts_single": (_TEXTS, "texts", {"shuffle": False, "batch_size": None}),
    "texts_binary": (_TEXTS, "texts", {"shuffle": False, "label_mode": "binary", "batch_size": 4}),
    "texts_categorical": (_TEXTS, "texts", {"shuffle": False, "label_mode": "categorical"}),
    "texts_both": (_TEXTS, "texts", {"shuffle": True, "seed": 1, "validation_split": 0.4, "subset": "both"}),
    "sounds": (_SOUNDS, "sounds", {"shuffle": False, "batch_size": 3}),
    "sounds_length": (_SOUNDS, "sounds", {"shuffle": False, "output_sequence_length": 6}),
    "sounds_single": (_SOUNDS, "sounds", {"shuffle": False, "batch_size": None, "output_sequence_length": 5}),
    "sounds_binary": (
        _SOUNDS,
        "sounds",
        {"shuffle": False, "label_mode": "binary", "output_sequence_length": 4},
    ),
}

#: name -> (arguments, the word that the error has)
MISTAKES = {
    "labels": (_IMAGES, "images", {"labels": "all"}),
    "labels_count": (_IMAGES, "images", {"labels": [1, 2]}),
    "label_mode": (_IMAGES, "images", {"label_mode": "one_hot"}),
    "color_mode": (_IMAGES, "images", {"color_mode": "hsv"}),
    "interpolation": (_IMAGES, "images", {"interpolation": "best"}),
    "binary": (_IMAGES, "images", {"label_mode": "binary"}),
    "names": (_IMAGES, "images", {"class_names": ["cats"]}),
    "names_without": (_IMAGES, "images", {"labels": None, "class_names": ["cats"]}),
    "split_alone": (_IMAGES, "images", {"validation_split": 0.3}),
    "subset_alone": (_IMAGES, "images", {"subset": "training"}),
    "subset": (_IMAGES, "images", {"validation_split": 0.3, "subset": "test", "seed": 1}),
    "split_range": (_IMAGES, "images", {"validation_split": 1.5, "subset": "training"}),
    "seed": (_IMAGES, "images", {"validation_split": 0.3, "subset": "training"}),
    "empty": (_TEXTS, "images", {}),
}


def answers(utils, folder, name):
    """The elements in order, sorted where both are shuffled anew; the spec, and the names of classes."""
    function, inner, arguments = TABLE[name]
    made = getattr(utils, function)(os.path.join(folder, inner), **arguments)
    datasets = made if isinstance(made, (list, tuple)) else [made]
    shuffled = arguments.get("shuffle", True)
    found = []
    for dataset in datasets:
        elements = [pipelines.plain(e) for e in dataset.as_numpy_iterator()]
        labels = (
            sorted(np.concatenate([np.ravel(e[1]) for e in dataset.as_numpy_iterator()]).tolist())
            if shuffled
            else None
        )
        found.append(
            {
                "elements": None if shuffled else elements,
                "labels": labels,
                "files": sum(len(e[0]) for e in dataset.as_numpy_iterator()) if shuffled else None,
                "spec": repr(dataset.element_spec),
                "names": list(getattr(dataset, "class_names", [])),
                "paths": [os.path.relpath(p, folder) for p in getattr(dataset, "file_paths", [])],
            }
        )
    return found

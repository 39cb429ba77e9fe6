"""Who makes which file, and what files are made of: archives, pictures, sentences, tables."""

import io
import json
import os
import re
import tarfile
import zipfile

import numpy as np

#: What the manifest says of a program: ``all_digits`` for as many as MNIST has, where it counts on them, and
#: the number of ``reviews`` of IMDB that are there to train on, of ``lines`` of a book, of ``people`` and
#: ``films`` of MovieLens, of ``unlabelled`` images.
LIMITS = json.loads(os.environ.get("PROGRAM_LIMITS", "{}"))


MAKERS = []
#: What is in a file that stands in for published weights: a model that loads it keeps its own.
PUBLISHED_WEIGHTS = b"in place of published weights"
#: What Google Drive calls the files that programs fetch by their numbers.
DRIVE = {
    "1jvkbTr_giSP3Ru8OwGNCg6B4PvVbcO34": "left.zip",
    "1EzBZUb_mh_Dp_FKD0P4XiYYSd0QBH5zW": "right.zip",
    "1DdGIJ4PZPlF2ikl8mNM9V-PdVxVLbQi6": "lol_dataset.zip",
    "1B9A9UCJYMwTL4oBEo4RZfbMZMaZhKJaz": "instance-level-human-parsing.zip",
    "1O7m1010EJjLE5QxLZiM9Fpjs7Oj6e684": "celeba.zip",
}


WORDS = """the a of and to in is it this that film was plot actor good bad great awful scene story with for
on as but have are they not you all one be at by an who so from like or just about out if has there
what some when more very time no even can would up only see really had which were me we than much
been do get other also first because don't its way into most make people after how too well him any
could them made think movie watch know never better where little man love say does best life end
characters your""".split()


def stands_in_for(pattern):
    """Registers the function that makes the file for addresses in which the pattern is found."""

    def register(function):
        MAKERS.append((re.compile(pattern), function))
        return function

    return register


# --- containers and parts ---------------------------------------------------------------------------------


def zipped(files):
    """A zip of {name: bytes or text}."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def tarred(files, mode="w:gz"):
    """A tar of {name: bytes or text}."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for name, data in files.items():
            data = data.encode() if isinstance(data, str) else data
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def npz(**arrays):
    """An .npz of arrays."""
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def image(rng, height=64, width=64, label=0, kind="JPEG", mode="RGB"):
    """An image whose brightness and stripes tell its class."""
    from PIL import Image

    channels = 3 if mode == "RGB" else 1
    waves = np.sin(np.arange(width) * (1 + label) / 5.0)[None, :, None] * 60
    values = rng.normal(100 + 30 * (label % 4), 25, (height, width, channels)) + waves
    values = np.clip(values, 0, 255).astype("uint8")
    buffer = io.BytesIO()
    Image.fromarray(values if channels == 3 else values[..., 0]).save(buffer, kind)
    return buffer.getvalue()


def mask(rng, height=64, width=64, values=(1, 2, 3)):
    """A PNG of classes in blocks."""
    from PIL import Image

    blocks = rng.choice(np.array(values, "uint8"), (height // 8 + 1, width // 8 + 1))
    buffer = io.BytesIO()
    Image.fromarray(np.kron(blocks, np.ones((8, 8), "uint8"))[:height, :width]).save(buffer, "PNG")
    return buffer.getvalue()


def sentence(rng, low=8, high=40):
    """Some words."""
    words = [str(word) for word in rng.choice(WORDS, rng.integers(low, high))]
    return " ".join(words).capitalize() + "."


def table(columns, rows, header=True, separator=","):
    """Text with one line a row; columns: {name: list}."""
    lines = [separator.join(columns)] if header else []
    lines += [separator.join(str(column[row]) for column in columns.values()) for row in range(rows)]
    return "\n".join(lines) + "\n"


# --- the data sets of Keras -------------------------------------------------------------------------------


def digits(rng, count):
    """Gray images whose class shows, and their labels."""
    labels = rng.integers(0, 10, count).astype("uint8")
    patterns = np.random.default_rng(7).random((10, 7, 7)) > 0.5
    images = np.kron(patterns[labels], np.full((1, 4, 4), 200, "uint8"))
    return images + rng.integers(0, 56, images.shape, "uint8"), labels


def colours(rng, count, classes):
    """Images of one colour and some noise as (count, 3, 1024), and their labels."""
    labels = rng.integers(0, classes, count)
    levels = np.random.default_rng(3).integers(0, 200, (classes, 3))
    return (levels[labels][:, :, None] + rng.integers(0, 56, (count, 3, 1024))).astype("uint8"), labels

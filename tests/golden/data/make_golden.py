"""Stores what the tables give in TensorFlow and tf_keras: python -m tests.golden.data.make_golden"""

import gzip
import json
import os
import tempfile

from . import directories, pipelines

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
HERE = os.path.dirname(os.path.abspath(__file__))


def store(name, found):
    """Writes answers as JSON, packed without the hour."""
    with open(os.path.join(HERE, name), "wb") as file:
        with gzip.GzipFile(fileobj=file, mode="wb", mtime=0, filename="") as packed:
            packed.write(json.dumps(found, sort_keys=True).encode())


def mistake(utils, folder, name):
    """The kind of error that Keras raises; None for none."""
    function, inner, arguments = directories.MISTAKES[name]
    try:
        getattr(utils, function)(os.path.join(folder, inner), **arguments)
    except Exception as error:
        return type(error).__name__
    return None


if __name__ == "__main__":
    import tensorflow as tf
    import tf_keras

    store("pipelines.json.gz", {name: pipelines.answers(tf, name) for name in pipelines.names()})
    with tempfile.TemporaryDirectory() as folder:
        directories.write(folder)
        found = {name: directories.answers(tf_keras.utils, folder, name) for name in directories.TABLE}
        errors = {name: mistake(tf_keras.utils, folder, name) for name in directories.MISTAKES}
        print(errors)
    store("directories.json.gz", found)

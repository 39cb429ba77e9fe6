"""Asks tf_keras what TensorFlow's functions give: ``python -m tests.golden.functions.make_tf``.

Writes ``tf.json.gz``, the configuration of a model for each call, and ``tf.npz``, its answers. Calls that
tf_keras cannot record or write are printed and left out.
"""

from __future__ import annotations

import gzip
import json
import sys
import types
from pathlib import Path

import numpy as np
import tensorflow as tf
import tf_keras

from tests.golden.functions import tf_cases

FOLDER = Path(__file__).parent


class Recorder(types.SimpleNamespace):
    """The inputs that a case uses, as Keras tensors."""

    def __getattr__(self, name):
        shape, kind = tf_cases.INPUTS[name]
        setattr(self, name, tf_keras.Input(shape, name=name, dtype=kind))
        return self.__dict__[name]


class TensorFlow:
    """``tensorflow`` with tf_keras for ``tf.keras``."""

    keras = tf_keras

    def __getattr__(self, name):
        return getattr(tf, name)


def main(only):
    arrays, configs, answers = tf_cases.arrays(), {}, {}
    for name, build in tf_cases.CASES.items():
        if only and name not in only:
            continue
        tf_keras.backend.clear_session()
        inputs = Recorder()
        try:
            found = tf.nest.flatten(build(TensorFlow(), inputs))
            used = dict(inputs.__dict__)
            model = tf_keras.Model(used, found)
            text = model.to_json()
            again = tf_keras.models.model_from_json(text)
            made = again({key: tf.constant(arrays[key]) for key in used})
        except Exception as error:
            print(f"{name}: {type(error).__name__} {str(error).splitlines()[0][:100] if str(error) else ''}")
            continue
        if not any(layer["class_name"] != "InputLayer" for layer in json.loads(text)["config"]["layers"]):
            print(f"{name}: nothing recorded")
            continue
        configs[name] = json.loads(text)
        answers.update({f"{name}/{i}": np.asarray(y) for i, y in enumerate(tf.nest.flatten(made))})
    if only:
        print(json.dumps(configs, indent=1))
        return
    text = json.dumps(configs, separators=(",", ":")).encode()
    (FOLDER / "tf.json.gz").write_bytes(gzip.compress(text, mtime=0))
    np.savez_compressed(FOLDER / "tf.npz", **answers)
    print(len(configs), "of", len(tf_cases.CASES))


if __name__ == "__main__":
    main(sys.argv[1:])

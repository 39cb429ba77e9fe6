"""Asks tf_keras for the layers that TensorFlow 2.0 to 2.3 made of functions between layers:
``python -m tests.golden.functions.make_tf_op_layers``.

Those programs recorded every operator of TensorFlow as a ``TensorFlowOpLayer``, which tf_keras 2.21 still
makes without eager execution. Writes ``tf_op_layers.json.gz``, the configuration of a model for each call,
``tf_op_layers.npz``, the answers that are not those of ``tf.npz``, and ``tf_node_defs.json.gz``, operators
as JSON and in their encoding, which TensorFlow 2.0 and 2.1 wrote. Calls that cannot be recorded or written
are printed and left out.
"""

from __future__ import annotations

import gzip
import json
import types
from pathlib import Path

import numpy as np
import tensorflow as tf
import tf_keras
from google.protobuf import json_format

from tests.golden.functions import tf_cases
from tests.golden.functions.make_tf import TensorFlow

FOLDER = Path(__file__).parent


class Recorder(types.SimpleNamespace):
    """The inputs that a case uses, as symbolic tensors."""

    def __getattr__(self, name):
        shape, kind = tf_cases.INPUTS[name]
        setattr(self, name, tf_keras.Input(shape, name=name, dtype=kind))
        return self.__dict__[name]


def recorded(build, arrays):
    """Configuration and answers of the model of one call."""
    tf_keras.backend.clear_session()
    inputs = Recorder()
    found = tf.nest.flatten(build(TensorFlow(), inputs))
    used = dict(inputs.__dict__)
    model = tf_keras.Model(list(used.values()), found)
    text = model.to_json()
    answers = tf_keras.backend.function(model.inputs, model.outputs)([arrays[key] for key in used])
    return json.loads(text), [np.asarray(y) for y in answers]


def encoded(configs):
    """[JSON, encoding as text] of one operator of each name."""
    found = {}
    for config in configs.values():
        for layer in config["config"]["layers"]:
            node = layer["config"].get("node_def")
            if node is not None and node["op"] not in found:
                message = json_format.ParseDict(node, tf.compat.v1.NodeDef())
                try:
                    found[node["op"]] = [node, message.SerializeToString(deterministic=True).decode()]
                except UnicodeDecodeError:  # those programs did not write it either
                    continue
    return list(found.values())


def write(name, content):
    text = json.dumps(content, separators=(",", ":")).encode()
    (FOLDER / f"{name}.json.gz").write_bytes(gzip.compress(text, mtime=0))


def main():
    tf.compat.v1.disable_eager_execution()
    arrays, configs, answers = tf_cases.arrays(), {}, {}
    known = np.load(FOLDER / "tf.npz")
    cases = {**tf_cases.CASES, **tf_cases.OPERATORS}
    for name, build in cases.items():
        try:
            config, found = recorded(build, arrays)
        except Exception as error:
            print(f"{name}: {type(error).__name__} {str(error).splitlines()[0][:100] if str(error) else ''}")
            continue
        if not any(layer["class_name"] == "TensorFlowOpLayer" for layer in config["config"]["layers"]):
            print(f"{name}: nothing recorded")
            continue
        configs[name] = config
        for i, y in enumerate(found):
            key = f"{name}/{i}"
            if key not in known or known[key].dtype != y.dtype or not np.array_equal(known[key], y, True):
                answers[key] = y
    write("tf_op_layers", configs)
    write("tf_node_defs", encoded(configs))
    np.savez_compressed(FOLDER / "tf_op_layers.npz", **answers)
    print(len(configs), "of", len(cases), len(answers), "answers of their own")


if __name__ == "__main__":
    main()

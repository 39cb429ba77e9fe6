"""Writes tf_keras.json.gz: what tf_keras computes for ``cases``.

python -m tests.golden.weights.make_weights      (in the environment of `make peers`)
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import tensorflow as tf
import tf_keras

from tests.golden.weights.cases import COMPILED, OBJECTS

if __name__ == "__main__":
    found = {}
    for name, case in {**OBJECTS, **COMPILED}.items():
        tf_keras.backend.clear_session()
        found[name] = case(tf_keras, tf.constant)
    text = json.dumps(found, separators=(",", ":")).encode()
    Path(__file__).with_name("tf_keras.json.gz").write_bytes(gzip.compress(text, mtime=0))

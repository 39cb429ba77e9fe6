"""Writes own_steps.json: what tf_keras computes for the programs of own_steps_programs.py.

python -m tests.golden.make_own_steps      (in the environment of `make peers`)
"""

import json
from pathlib import Path

import tensorflow as tf
import tf_keras

from tests.golden.own_steps_programs import PROGRAMS

if __name__ == "__main__":
    found = {}
    for name, program in PROGRAMS.items():
        tf_keras.backend.clear_session()
        found[name] = program(tf_keras, tf)
    text = json.dumps(found, default=float, indent=0)
    Path(__file__).with_name("own_steps.json").write_text(text + "\n")

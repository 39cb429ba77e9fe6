"""Writes nested_recurrence.json: what tf_keras computes for the cases of nested_recurrence_programs.py.

python -m tests.golden.make_nested_recurrence      (in the environment of `make peers`)
"""

import json
from pathlib import Path

import tensorflow as tf
import tf_keras

from .nested_recurrence_programs import CASES, answers

if __name__ == "__main__":
    found = {case: answers(tf_keras, tf, case) for case in CASES}
    Path(__file__).with_name("nested_recurrence.json").write_text(json.dumps(found, indent=0) + "\n")

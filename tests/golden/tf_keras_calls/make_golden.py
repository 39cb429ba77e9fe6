"""Writes answers.json: what tf_keras answers to each case of cases.py, or to those that are named.

Run at the repository's root in the environment of `make peers`:
``python -m tests.golden.tf_keras_calls.make_golden [CASE ...]``
"""

import json
import os
import pathlib
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import tensorflow as tf  # noqa: E402
import tf_keras  # noqa: E402

from . import cases  # noqa: E402

ANSWERS = pathlib.Path(__file__).parent / "answers.json"


def answers(names=None):
    """Case -> answer of the live program."""
    chosen = names or cases.CASES
    return {name: cases.plain(cases.CASES[name](tf_keras, tf)) for name in chosen}


if __name__ == "__main__":
    known = json.loads(ANSWERS.read_text()) if ANSWERS.exists() else {}
    known.update(answers(sys.argv[1:]))
    rows = [f"{json.dumps(name)}: {json.dumps(known[name])}" for name in cases.CASES]
    ANSWERS.write_text("{\n" + ",\n".join(rows) + "\n}\n")

"""Calls by the names and arguments of tf.keras 2: the same text for the live program and for kcompile.

Each case is a function (keras, tf) that returns numbers and text, in lists and dicts.
"""

import importlib

from .calls import CASES as CASES
from .calls import plain as plain

# in the order of the answers
for _subject in ("arguments_and_names", "columns", "models_of_users"):
    importlib.import_module("." + _subject, __package__)

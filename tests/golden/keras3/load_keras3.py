"""Reads the answers of Keras 3 for the cases of this folder."""

from __future__ import annotations

import os

from tests.golden import load as base
from tests.golden.keras3 import cases

FOLDER = os.path.dirname(os.path.abspath(__file__))


def load(group):
    """The list of Golden of a group, in the table's order."""
    base.GROUPS.update(cases.GROUPS)
    return base.load(group, FOLDER)

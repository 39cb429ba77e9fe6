"""Pipelines give what they give in TensorFlow: elements in order, their types and shapes, their number."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

pytest.importorskip("torch")
from kcompile.tf_keras import tensorflow as tf
from tests.golden.data import pipelines

_FILE = Path(pipelines.__file__).with_name("pipelines.json.gz")
GOLDEN = json.loads(gzip.decompress(_FILE.read_bytes()))


def test_the_file_has_every_pipeline_of_the_table() -> None:
    assert sorted(GOLDEN) == pipelines.names()


@pytest.mark.parametrize("name", sorted(GOLDEN))
def test_a_pipeline_gives_what_it_gives_in_tensorflow(name: str) -> None:
    found, expected = pipelines.answers(tf, name), GOLDEN[name]
    assert found["elements"] == expected["elements"]
    assert found["cardinality"] == expected["cardinality"]
    assert found["spec"] == expected["spec"]

"""Summaries and pictures with the arguments of tf.keras 2 are what tf.keras prints."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kcompile import keras
from tests.golden.summaries import models

FOUND = json.loads((Path(__file__).parents[2] / "golden/summaries/summaries.json").read_text())
LATER = [key for key in FOUND["summaries"] if not key.endswith("-plain")]
LATER_PICTURES = [key for key in FOUND["pictures"] if not key.endswith("-plain")]


@pytest.mark.parametrize("key", LATER)
def test_summaries_are_those_of_tf_keras(key):
    name, _, case = key.partition("-")
    lines = []
    models.MODELS[name](keras).summary(print_fn=lines.append, **models.SUMMARIES[case])
    assert lines == FOUND["summaries"][key]


def labels(graph):
    found = [node.get_label().strip('"') for node in graph.get_nodes() if node.get_label()]
    return found + [label for part in graph.get_subgraphs() for label in labels(part)]


@pytest.mark.parametrize("key", LATER_PICTURES)
def test_boxes_are_those_of_tf_keras(key):
    pytest.importorskip("pydot")
    name, _, case = key.partition("-")
    graph = keras.utils.model_to_dot(models.MODELS[name](keras), **models.PICTURES[case])
    assert sorted(labels(graph)) == FOUND["pictures"][key]


@pytest.mark.parametrize("layer_range", ["hidden", ["hidden"], ["nothing", "hidden"], ["hidden", "nothing"]])
def test_a_range_that_names_no_layers_is_refused(layer_range):
    with pytest.raises(ValueError, match="layer_range"):
        models.nested(keras).summary(layer_range=layer_range)

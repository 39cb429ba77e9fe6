"""Writes summaries.json: the summaries that tf.keras prints, and the labels of its pictures.

Run in the environment of `make peers`: python tests/golden/summaries/make_summaries.py
"""

from __future__ import annotations

import json
from pathlib import Path

import tf_keras

import models


def labels(graph):
    found = [node.get_label() for node in graph.get_nodes() if node.get_label()]
    return found + [label for part in graph.get_subgraphs() for label in labels(part)]


def main():
    result = {"summaries": {}, "pictures": {}}
    for name, make in models.MODELS.items():
        model = make(tf_keras)
        for case, given in models.SUMMARIES.items():
            lines = []
            model.summary(print_fn=lambda line, lines=lines: lines.extend(line.split("\n")), **given)
            result["summaries"][f"{name}-{case}"] = lines
        for case, given in models.PICTURES.items():
            graph = tf_keras.utils.model_to_dot(model, **given)
            result["pictures"][f"{name}-{case}"] = sorted(labels(graph))
    Path(__file__).with_name("summaries.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()

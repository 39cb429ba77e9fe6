"""Answers of tf_keras about layers that read text: ``python make.py``, in the peers' environment."""

import json
from pathlib import Path

import numpy as np
import tf_keras
from tf_keras import layers

TEXTS = ["The cat, sat on the mat!", "a dog sat   down...", "don't  STOP Été", "", "the the cat_dog"]
ASKED = ["the dog STOPPED, cat", "mat"]
VECTORIZATIONS = [
    {},
    {"max_tokens": 6},
    {"output_sequence_length": 4},
    {"output_sequence_length": 9},
    {"standardize": "lower"},
    {"standardize": None},
    {"standardize": "strip_punctuation", "split": "character"},
    {"split": None},
    {"ngrams": 2},
    {"ngrams": (2, 3)},
    {"output_mode": "multi_hot"},
    {"output_mode": "count", "ngrams": 2},
    {"output_mode": "tf_idf"},
    {"output_mode": "multi_hot", "max_tokens": 30, "pad_to_max_tokens": True},
    {"output_mode": "tf_idf", "max_tokens": 7},
]
LOOKUPS = [
    {},
    {"mask_token": ""},
    {"num_oov_indices": 0},
    {"output_mode": "one_hot"},
    {"output_mode": "multi_hot"},
    {"output_mode": "count"},
    {"mask_token": "x", "output_mode": "multi_hot"},
]


def vectorization(arguments):
    """What TextVectorization takes from the texts, and gives for those asked about."""
    layer = layers.TextVectorization(**arguments)
    layer.adapt(np.array(TEXTS))
    return [arguments, layer.get_vocabulary(), np.asarray(layer(np.array(ASKED))).tolist()]


def lookup(arguments):
    """What StringLookup gives."""
    layer = layers.StringLookup(vocabulary=["a", "b", "c"], **arguments)
    text = [["a", "c"], ["b", "b" if arguments.get("num_oov_indices") == 0 else "zz"]]
    if arguments.get("output_mode") == "one_hot":
        text = [row[:1] for row in text]
    return [arguments, text, layer.get_vocabulary(), np.asarray(layer(np.array(text))).tolist()]


if __name__ == "__main__":
    answers = {
        "by": f"tf_keras {tf_keras.__version__}",
        "texts": TEXTS,
        "asked": ASKED,
        "vectorizations": [vectorization(arguments) for arguments in VECTORIZATIONS],
        "lookups": [lookup(arguments) for arguments in LOOKUPS],
    }
    path = Path(__file__).with_name("answers.json")
    path.write_text(json.dumps(answers, ensure_ascii=False) + "\n", encoding="utf-8")

"""Every layer of Keras 3.15 and tf_keras 2.21 is here with its arguments, or in docs/compatibility.md.

``keras3_names.json`` lists them; ``make_keras3_names.py`` made it.
"""

from __future__ import annotations

import inspect
import json
import re
from pathlib import Path

import pytest

from kcompile.keras import layers
from kcompile.keras.layers import unavailable

HERE = Path(__file__).parent
NAMES = json.loads((HERE / "keras3_names.json").read_text(encoding="utf-8"))
PAGE = (HERE.parents[2] / "docs" / "compatibility.md").read_text(encoding="utf-8")
SECTION = PAGE.split("\n## Layers of later Keras\n", 1)[1].split("\n## ", 1)[0]
FIRST_CELLS = re.findall(r"^\| (`.*?`) \|", SECTION, re.MULTILINE)
MISSING = {name for cell in FIRST_CELLS for name in re.findall(r"`(\w+)`", cell)}
REFUSED = [call for cell in FIRST_CELLS for call in re.findall(r"`(\w+\([^`]+\))`", cell)]

GIVEN = {  # a value for each argument without default
    "units": 2, "filters": 2, "kernel_size": 2, "rate": 0.5, "activation": "relu", "input_dim": 3,
    "output_dim": 2, "num_heads": 2, "key_dim": 2, "head_dim": 2, "num_query_heads": 2,
    "num_key_value_heads": 1, "equation": "ab,bc->ac", "output_shape": 2, "target_shape": (2,), "dims": (1,),
    "n": 2, "stddev": 0.1, "axes": 1, "output_size": 2, "height": 2, "width": 2, "factor": 0.5, "scale": 0.5,
    "height_factor": 0.5, "width_factor": 0.5, "function": abs, "pool_size": 2, "num_bins": 3,
}  # fmt: skip
OWN = {  # of single layers
    "Discretization": {"num_bins": 3},
    "CategoryEncoding": {"num_tokens": 3},
    "RandomPosterization": {"factor": 2},
    "InputLayer": {"input_shape": (2,)},
    "RNN": {"cell": layers.SimpleRNNCell(2)},
    "StackedRNNCells": {"cells": [layers.SimpleRNNCell(2)]},
    "Pipeline": {"layers": [layers.Dense(2)]},
    "Bidirectional": {"layer": layers.LSTM(2)},
    "TimeDistributed": {"layer": layers.Dense(2)},
    "SpectralNormalization": {"layer": layers.Dense(2)},
    "Wrapper": {"layer": layers.Dense(2)},
}
ABSTRACT = {"Layer", "InputSpec", "AbstractRNNCell"}  # bases and descriptions, with arguments of their own
ALL = [
    pytest.param(name, arguments, id=f"{version.split()[0]}-{name}")
    for version, table in NAMES.items()
    for name, arguments in table.items()
]


@pytest.mark.parametrize("name, arguments", ALL)
def test_every_layer_is_here_with_its_arguments_or_in_the_table(name, arguments):
    cls = getattr(layers, name)
    if issubclass(cls, unavailable._Unavailable):
        assert name in MISSING, f"{name} is missing in the table of docs/compatibility.md"
        with pytest.raises(ValueError, match=f"{name} is not available"):
            cls()
        return
    assert name not in MISSING
    if name in ABSTRACT:
        return
    given = OWN.get(name) or {required: GIVEN[required] for required in arguments["required"]}
    cls(**given)
    accepted = inspect.signature(cls.__init__).parameters
    for argument, default in arguments["defaults"].items():
        if argument not in accepted and not (name == "InputLayer" and "shape" in argument):
            cls(**{**given, argument: default})


@pytest.mark.parametrize("call", REFUSED)
def test_rows_of_arguments_are_refused_by_name(call):
    name = re.findall(r"(\w+)=", call)[-1]
    with pytest.raises((ValueError, TypeError), match=name):
        eval(f"layers.{call}", {"layers": layers})


def test_the_table_has_rows_of_both_kinds():
    names = {
        "DenseFeatures",
        "FlaxLayer",
        "JaxLayer",
        "MaxNumBoundingBoxes",
        "TFSMLayer",
        "TorchModuleWrapper",
    }
    assert names == MISSING and len(REFUSED) >= 10

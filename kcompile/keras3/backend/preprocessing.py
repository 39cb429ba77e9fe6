"""Layers of Keras that look up and hash, in a graph.

Keras computes them by functions of TensorFlow, at once. In a graph each is the layer of kcompile that has its
configuration: what reads text there, Python computes before the graph runs.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from keras.src import tree

from kcompile.ir import Value
from kcompile.keras import registry

from .tensors import dtype_of, is_symbolic
from .variables import cast, convert_to_numpy

_OF_ALL = ("name", "trainable", "dtype")  # layers


def in_graph(live: Any, inputs: Any) -> Value | None:
    """What a layer of Keras gives for symbolic tensors; None for others, which it computes itself.

    Raises:
        ValueError: for a configuration that is not read here.
    """
    if not any(is_symbolic(x) for x in tree.flatten(inputs)):
        return None
    wanted = live.compute_output_spec(inputs).dtype
    found: Value = _own(live).call(inputs)
    return found if dtype_of(found) == wanted else cast(found, wanted)


def _own(live: Any) -> Any:
    name = next(kind.__name__ for kind in type(live).__mro__ if kind.__module__.startswith("keras.src."))
    config = {key: value for key, value in live.get_config().items() if key not in _OF_ALL}
    if hasattr(live, "get_vocabulary"):
        config |= _learnt(live, config)
    for key in ("standardize", "split"):
        if callable(getattr(live, f"_{key}", None)):
            config[key] = getattr(live, f"_{key}")
    if callable(config.get("standardize")):
        config["standardize"] = _of_numpy(live, config["standardize"])
    return registry.names("layer")[name](**config)


def _learnt(live: Any, config: dict[str, Any]) -> dict[str, Any]:
    """The vocabulary, which a configuration leaves out where data gave it."""
    vocabulary = live.get_vocabulary(include_special_tokens=False)
    weights = getattr(getattr(live, "_lookup_layer", live), "idf_weights", None)
    if config["output_mode"] != "tf_idf" or weights is None:
        return {"vocabulary": vocabulary, "idf_weights": None}
    numbers = np.asarray(convert_to_numpy(weights))[-len(vocabulary) :]
    return {"vocabulary": vocabulary, "idf_weights": numbers.tolist()}


def _of_numpy(live: Any, own: Any) -> Any:
    """The user's function of text, which Keras gives arrays of NumPy; in a file, the graph's text."""

    def standardize(text: Any) -> Any:
        return own(text) if is_symbolic(text) else live._apply_standardize_with_np_arrays(text)

    return standardize

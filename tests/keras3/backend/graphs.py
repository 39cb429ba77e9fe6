"""What functions of the backend give at once, and what a graph of them gives."""

from __future__ import annotations

from kcompile.ir import Trace, Value, as_dtype, tracing
from kcompile.keras import backend as K


def listed(x):
    """Results as a list."""
    return list(x) if isinstance(x, tuple | list) else [x]


def in_a_graph(function, arrays, keywords, batch=None):
    """Results of the function on symbolic values, computed by onnxruntime.

    Args:
        arrays: its first arguments; None stands for itself.
        batch: the size of the first axis in the graph; None leaves it open.
    """
    inputs = [
        None if a is None else Value(as_dtype(a.dtype), (batch, *a.shape[1:]) if a.ndim else ())
        for a in arrays
    ]
    given = [x for x in inputs if x is not None]
    with tracing(Trace(given)):
        found = listed(function(*inputs, **keywords))
    assert all(isinstance(y, Value) for y in found)
    return K.function(given, found)([a for a in arrays if a is not None])

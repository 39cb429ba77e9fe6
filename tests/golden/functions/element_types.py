"""What a tensorflow says of its element types; by itself writes what TensorFlow says to element_types.json.

    python -m tests.golden.functions.element_types        (in the environment of `make peers`)

Answers are text: the name of an error where it raises one.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

FILE = Path(__file__).parent / "element_types.json"
NAMES = (
    "float16 float32 float64 bfloat16 int8 int16 int32 int64 uint8 uint16 uint32 uint64 bool complex64 "
    "complex128 string"
).split()
#: What the machinery of tf.function asks types for, and protocol buffers.
LEFT_OUT = frozenset(
    "cast flatten from_tensors placeholder_value to_tensors experimental_as_proto experimental_from_proto "
    "experimental_type_proto".split()
)
OTHERS = {
    "its name": lambda name: name,
    "numpy's type": lambda name: np.dtype(object if name in ("string", "bfloat16") else name),
    "float32": lambda name: "float32",
    "float": lambda name: "float",
    "double": lambda name: "double",
    "no type": lambda name: "foo",
    "None": lambda name: None,
    "np.float32": lambda name: np.float32,
    "np.dtype of whole numbers": lambda name: np.dtype("int32"),
}
TAKEN = [
    "half", "float", "double", "foo", None, 1, 3, 7, 99, float, bool, np.float32, np.int64, np.dtype("uint8"),
    np.dtype("U3"), np.dtype("S"), object, np.array([1.0]).dtype,
]  # fmt: skip


def said(ask):
    """An answer as text."""
    try:
        found = ask()
    except (TypeError, ValueError) as error:
        return type(error).__name__
    if isinstance(found, (tuple, list)):
        return [said(lambda x=x: x) for x in found]
    if isinstance(found, type):
        return found.__name__
    return str(found.item() if isinstance(found, np.generic) else found) if _is_plain(found) else repr(found)


def _is_plain(found):
    return isinstance(found, (np.generic, int, float, str)) or type(found).__name__ == "bfloat16"


def answers(tf):
    """By type and member of it, and what ``tf.as_dtype`` makes of what."""
    members = sorted(name for name in dir(tf.DType) if not name.startswith("_") and name not in LEFT_OUT)
    of_types = {}
    for name in NAMES:
        dtype = getattr(tf, name)
        found = {"repr": repr(dtype), "is": str(dtype is tf.as_dtype(name))}
        for member in members:
            asked = getattr(type(dtype), member)
            if not callable(asked):
                found[member] = said(lambda member=member, dtype=dtype: getattr(dtype, member))
        for other in ("float32", "int32"):
            found[f"is_compatible_with {other}"] = said(lambda d=dtype, o=other: d.is_compatible_with(o))
            like = getattr(tf, other)
            found[f"is_subtype_of {other}"] = said(lambda d=dtype, o=like: d.is_subtype_of(o))
            common = [like, like]
            found[f"common {other}"] = said(lambda d=dtype, o=common: d.most_specific_common_supertype(o))
        found["== text of numpy"] = str(dtype == np.dtype("U"))
        for other, make in OTHERS.items():
            found[f"== {other}"] = [str(dtype == make(name)), str(make(name) == dtype)]
        of_types[name] = found
    taken = {repr(x): said(lambda x=x: tf.as_dtype(x)) for x in TAKEN}
    numbers = {str(n): said(lambda n=n: tf.DType(n)) for n in (1, 3, 7, 14)}
    return {"types": of_types, "as_dtype": taken, "DType": numbers, "members": members}


if __name__ == "__main__":
    import tensorflow

    FILE.write_text(json.dumps(answers(tensorflow), indent=0) + "\n")

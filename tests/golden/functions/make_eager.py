"""Writes ``eager.npz``: what TensorFlow gives for ``eager_cases``. Run in the environment of ``make peers``.

python -m tests.golden.functions.make_eager
"""

from pathlib import Path
from types import SimpleNamespace

import numpy as np

from tests.golden.functions import eager_cases


def flat(found):
    """The tensors of a result, one after the other."""
    if isinstance(found, dict):
        found = [found[key] for key in sorted(found)]
    return [x for entry in found for x in flat(entry)] if isinstance(found, list | tuple) else [found]


def answers(tf):
    """name/place -> numbers."""
    given = SimpleNamespace(**{name: tf.constant(array) for name, array in eager_cases.arrays().items()})
    found = {}
    for name, call in sorted(eager_cases.CASES.items()):
        for place, tensor in enumerate(flat(call(tf, given))):
            found[f"{name}/{place}"] = np.asarray(tensor)
    return found


if __name__ == "__main__":
    import tensorflow

    np.savez_compressed(Path(__file__).parent / "eager.npz", **answers(tensorflow))

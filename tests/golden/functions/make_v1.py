"""Writes ``v1.npz``: what TensorFlow gives for ``v1_cases``. Run in the environment of ``make peers``.

python -m tests.golden.functions.make_v1
"""

from pathlib import Path
from types import SimpleNamespace

import numpy as np

from tests.golden.functions import v1_cases
from tests.golden.functions.make_eager import flat


def answers(tf):
    """kind/name/place -> numbers, of ``tf.compat.v1`` without eager execution."""
    found = {}
    given = SimpleNamespace(**{name: tf.constant(array) for name, array in v1_cases.arrays().items()})
    with tf.Session() as session:
        for name, call in v1_cases.CASES.items():
            numbers = session.run(flat(call(tf, given)))
            found.update({f"call/{name}/{place}": x for place, x in enumerate(numbers)})
    found.update({f"metric/{name}": v1_cases.counted(tf, name) for name in v1_cases.METRICS})
    found.update({f"optimizer/{name}": v1_cases.trained(tf, name) for name in v1_cases.OPTIMIZERS})
    return found


if __name__ == "__main__":
    import tensorflow.compat.v1 as v1

    v1.disable_v2_behavior()
    np.savez_compressed(Path(__file__).parent / "v1.npz", **answers(v1))

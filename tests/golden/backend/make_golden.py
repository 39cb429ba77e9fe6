"""Writes backend.npz: what Keras 2.3.1 returns for each case of cases.py.

``index`` in it is the JSON of name -> shape, in order, ``values`` all results one after the other.

Run in an environment with keras 2.3.1 and tensorflow 1.15: ``python tests/golden/backend/make_golden.py``.
"""

import json
import os

import numpy as np
from cases import CASES
from keras import backend as K

HERE = os.path.dirname(os.path.abspath(__file__))


def run(inputs, call):
    given = [K.placeholder((None,) + x.shape[1:]) for x in inputs]
    (result,) = K.function(given, [call(K, *given)])(inputs)
    return np.asarray(result, "float32")


def main():
    index, values = {}, []
    for name, (inputs, call) in CASES.items():
        value = run(inputs, call)
        index[name] = value.shape
        values.append(value.reshape(-1))
    path = os.path.join(HERE, "backend.npz")
    with open(path + ".tmp", "wb") as file:
        np.savez_compressed(file, index=np.array(json.dumps(index)), values=np.concatenate(values))
    os.replace(path + ".tmp", path)
    print(len(index), "cases", os.path.getsize(path), "bytes")


if __name__ == "__main__":
    main()

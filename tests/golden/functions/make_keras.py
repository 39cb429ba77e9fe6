"""Asks Keras 3 what ``keras.ops`` between layers give: ``python -m tests.golden.functions.make_keras``.

Writes ``keras.json.gz``, the configuration of a model for each call, and ``keras.npz``, its answers. Calls
that Keras 3 cannot record, write or read are printed and left out.
"""

from __future__ import annotations

import gzip
import json
import types
from pathlib import Path

import keras
import numpy as np

from tests.golden.functions import keras_cases

FOLDER = Path(__file__).parent


class Recorder(types.SimpleNamespace):
    """The inputs that a case uses, as Keras tensors."""

    def __getattr__(self, name):
        shape, kind = keras_cases.INPUTS[name]
        setattr(self, name, keras.Input(shape, name=name, dtype=kind))
        return self.__dict__[name]


def main():
    arrays, configs, answers = keras_cases.arrays(), {}, {}
    for name, build in keras_cases.CASES.items():
        keras.backend.clear_session()
        inputs = Recorder()
        try:
            found = build(keras.ops, inputs)
            found = list(found) if isinstance(found, (list, tuple)) else [found]
            used = dict(inputs.__dict__)
            text = keras.Model(list(used.values()), found).to_json()
            made = keras.models.model_from_json(text)([arrays[key] for key in used])
        except Exception as error:
            print(f"{name}: {type(error).__name__} {str(error).splitlines()[0][:100] if str(error) else ''}")
            continue
        configs[name] = json.loads(text)
        made = made if isinstance(made, (list, tuple)) else [made]
        answers.update({f"{name}/{i}": np.asarray(y) for i, y in enumerate(made)})
    text = json.dumps(configs, separators=(",", ":")).encode()
    (FOLDER / "keras.json.gz").write_bytes(gzip.compress(text, mtime=0))
    np.savez_compressed(FOLDER / "keras.npz", **answers)
    print(len(configs), "of", len(keras_cases.CASES))


if __name__ == "__main__":
    main()

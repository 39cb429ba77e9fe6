"""Asks a real Keras what its layers do behind a mask: ``python -m tests.golden.masks.make_masks tf_keras``.

Writes ``<module>.json.gz``, the configuration of each model as that program writes it, and ``<module>.npz``,
its answers; a case that the program itself refuses is left out.
"""

from __future__ import annotations

import gzip
import importlib
import json
import sys
from pathlib import Path

import numpy as np

from tests.golden.masks import cases

FOLDER = Path(__file__).parent


def main(module):
    k = importlib.import_module(module)
    configs, arrays = {}, {}
    for name in cases.NAMES:
        k.backend.clear_session()
        try:
            made = cases.model(k, name)
            found = cases.answers(made, name)
        except Exception as error:
            print(f"{name}: {type(error).__name__} {str(error).splitlines()[0][:120]}")
            continue
        declared = [tuple(y.shape[1:]) for y in made.outputs]
        if any(None not in want and y.shape[1:] != want for y, want in zip(found, declared, strict=True)):
            print(f"{name}: answers with another shape than it declares")  # RandomCrop of Keras 3.15
            continue
        configs[name] = json.loads(made.to_json())
        arrays.update({f"{name}/{i}": y for i, y in enumerate(found)})
    text = json.dumps(configs, separators=(",", ":")).encode()
    (FOLDER / f"{module}.json.gz").write_bytes(gzip.compress(text, mtime=0))
    np.savez_compressed(FOLDER / f"{module}.npz", **arrays)


if __name__ == "__main__":
    main(sys.argv[1])

"""The serving side of digits.py: an exported model, numpy and kcompile_runtime; nothing else can be imported.

    python predict_digits.py MODEL.onnx IMAGES.npy

Prints one line of JSON: the labels, and the milliseconds that one image takes.
"""

from __future__ import annotations

import importlib.abc
import json
import statistics
import sys
import time

FORBIDDEN = ("torch", "h5py", "onnx", "kcompile", "sklearn")


class Blocker(importlib.abc.MetaPathFinder):
    """Makes importing what a server does not have an error, even where it is installed."""

    def find_spec(self, fullname, path=None, target=None):
        if fullname.split(".")[0] in FORBIDDEN:
            raise ImportError(f"{fullname} is not available on the server")
        return None


def main(model_path: str, images_path: str) -> None:
    sys.meta_path.insert(0, Blocker())
    start = time.perf_counter()
    import numpy as np

    from kcompile_runtime import Executor

    model = Executor(model_path)
    ready = time.perf_counter() - start
    images = np.load(images_path)
    labels = model.predict(images).argmax(axis=1)

    one, times = images[:1], []
    for _ in range(2000):
        start = time.perf_counter()
        model.predict(one)
        times.append(time.perf_counter() - start)
    assert not {name.split(".")[0] for name in sys.modules} & set(FORBIDDEN)
    print(
        json.dumps(
            {
                "labels": labels.tolist(),
                "ready_s": ready,
                "one_image_ms": 1e3 * statistics.median(times),
                "providers": list(model.providers),
            }
        )
    )


if __name__ == "__main__":
    main(*sys.argv[1:])

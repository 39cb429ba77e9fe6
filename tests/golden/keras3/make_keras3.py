"""Asks Keras 3.15 and, for what only that has, tf_keras; stores the answers beside this file.

pip install keras==3.15.0 tf-keras==2.21.0 tensorflow==2.21.0
python -m tests.golden.keras3.make_keras3 [--missing] [group ...]

With --missing stored answers stay, and only the other cases are asked.
"""

from __future__ import annotations

import os
import sys

from tests.golden import load
from tests.golden.keras3 import cases, load_keras3, runner

FOLDER = os.path.dirname(os.path.abspath(__file__))


def main(groups, missing=False):
    import keras
    import tf_keras

    judges = {"keras": keras, "tf_keras": tf_keras}
    for group in groups or cases.GROUPS:
        results, failed = {}, {}
        if missing:
            results = {golden.name: (golden.arrays, golden.meta) for golden in load_keras3.load(group)}
        for case in cases.GROUPS[group]:
            if case["name"] in results:
                continue
            keras.backend.clear_session()
            judge = judges[case.get("judge", "keras")]
            try:
                arrays, meta = runner.RUNNERS[group](judge, case)
                if judge is not keras:
                    meta["judge"] = f"tf_keras {judge.__version__}"
                results[case["name"]] = arrays, meta
            except Exception as error:  # what the judge refuses is written down, and printed
                failed[case["name"]] = f"{type(error).__name__}: {str(error)[:200]}"
                print(group, case["name"], failed[case["name"]])
        load.save(group, FOLDER, results, failed, f"keras {keras.__version__}")
        print(group, len(results), "answers")


if __name__ == "__main__":
    main([name for name in sys.argv[1:] if name != "--missing"], "--missing" in sys.argv)

"""Asks real Keras 2.3.1 what it makes of the calls in cases.py and writes golden.json beside it.

Run it where Keras 2.3.1 is (see tests/golden/README.md): python3.7 tests/keras/legacy/make_golden.py
"""

import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)


def main():
    import cases
    import keras

    assert keras.__version__ == "2.3.1", "this asks Keras 2.3.1, found " + keras.__version__
    answers = {}
    for expression in cases.CASES:
        keras.backend.clear_session()
        answers[expression] = cases.answer(expression, cases.environment(keras))
    with open(os.path.join(HERE, "golden.json"), "w") as file:
        json.dump(answers, file, indent=1)
        file.write("\n")


if __name__ == "__main__":
    main()

"""Runs in the environment of `make peers`: builds applications of a real Keras and saves their weights.

    python tests/peers/applications_of_keras.py keras|tf_keras

Each line of standard input is a request in JSON: {"name", "case", "folder"}. The network of that golden
case is built with the golden rule's weights; they are saved in the folder in the formats that this Keras has,
and its outputs for the golden rule's images as output.npy. The answer is a line in JSON:
{"files": {format: path}} or {"error": text}.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import traceback

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "golden", "applications"))

import numpy as np
import rule

CASES = {"top": {"classes": rule.CLASSES}, "bottom": {"include_top": False}}


def architecture(keras, name):
    """The function that builds an architecture; some are in the package keras-applications alone."""
    module, _, function = name.rpartition(".")
    if name == "ResNet50" or name.startswith("ResNeXt"):
        modules = {part: getattr(keras, part) for part in ("backend", "layers", "models", "utils")}
        where = importlib.import_module(
            "keras_applications." + ("resnet50" if name == "ResNet50" else "resnext")
        )
        return lambda **arguments: getattr(where, function)(**modules, **arguments)
    where = ".".join(part for part in (keras.__name__, "applications", module) if part)
    return getattr(importlib.import_module(where), function)


def answer(keras, name, case, folder):
    """Saves weights and outputs of one case; {format: path}."""
    keras.backend.clear_session()
    x = rule.images(name)
    model = architecture(keras, name)(weights=None, input_shape=x.shape[1:], **CASES[case])
    rule.set_weights(model, name)
    np.save(os.path.join(folder, "output.npy"), model.predict(x, verbose=0))
    files = {".h5": os.path.join(folder, "model.h5")}
    if keras.__name__ == "keras":
        files[".weights.h5"] = os.path.join(folder, "model.weights.h5")
        model.save(files[".h5"])
        model.save_weights(files[".weights.h5"])
    else:
        model.save_weights(files[".h5"])
    return files


def main():
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no answer
    keras = importlib.import_module(sys.argv[1])
    print(json.dumps({"judge": f"{sys.argv[1]} {keras.__version__}"}), file=answers, flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            found = {"files": answer(keras, **request)}
        except Exception:  # the test that asked shows it
            found = {"error": traceback.format_exc()}
        print(json.dumps(found), file=answers, flush=True)


if __name__ == "__main__":
    main()

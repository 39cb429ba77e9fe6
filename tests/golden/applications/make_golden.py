"""Asks a real Keras for the structure and the outputs of its applications, and stores the answers.

    python3.7  tests/golden/applications/make_golden.py --keras keras2.3 [Architecture ...]
    python3.11 tests/golden/applications/make_golden.py --keras keras3 [Architecture ...]
    python3.11 tests/golden/applications/make_golden.py --keras keras_tf [Architecture ...]

An architecture that Keras 2.3 has is asked of Keras 2.3 (ResNeXt of keras-applications 1.0.8 over it), a
later one of Keras 3, or of tf_keras where Keras 3 has it no more. Their layers without weights are left out:
some of them are arithmetic without a layer. Answers go to one JSON file each beside this one.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import rule  # noqa: E402

KERAS_23 = (
    "VGG16 VGG19 ResNet50 resnet.ResNet50 ResNet101 ResNet152 ResNet50V2 ResNet101V2 ResNet152V2"
    " ResNeXt50 ResNeXt101 MobileNet MobileNetV2 DenseNet121 DenseNet169 DenseNet201 Xception"
    " InceptionV3 InceptionResNetV2 NASNetMobile NASNetLarge"
).split()
KERAS_3 = (
    ["MobileNetV3Small", "MobileNetV3Large"]
    + ["EfficientNetB%d" % i for i in range(8)]
    + ["EfficientNetV2" + size for size in ("B0", "B1", "B2", "B3", "S", "M", "L")]
    + ["ConvNeXt" + size for size in ("Tiny", "Small", "Base", "Large", "XLarge")]
)

REGNETS = ("002", "004", "006", "008", "016", "032", "040", "064", "080", "120", "160", "320")
KERAS_TF = ["RegNet" + block + flops for block in "XY" for flops in REGNETS] + [
    "ResNetRS%d" % depth for depth in (50, 101, 152, 200, 270, 350, 420)
]
OF_KERAS = {"keras2.3": KERAS_23, "keras3": KERAS_3, "keras_tf": KERAS_TF}


def architecture(keras, name):
    """The function that builds an architecture."""
    if name.startswith("ResNeXt") and keras.__version__.startswith("2.3"):
        from keras_applications import resnext

        modules = {part: getattr(keras, part) for part in ("backend", "layers", "models", "utils")}
        return lambda **arguments: getattr(resnext, name)(**dict(modules, **arguments))
    module, _, function = name.rpartition(".")
    where = importlib.import_module("keras.applications." + module) if module else keras.applications
    return getattr(where, function)


def listed(layer):
    """(name, class, weights) of a layer, as ``rule.structure`` takes it."""
    cls = type(layer).__name__
    names = [rule.kind_of(getattr(w, "path", w.name), cls) for w in layer.weights]
    return layer.name, cls, list(zip(names, [tuple(int(d) for d in w.shape) for w in layer.weights]))


def ask(keras, name, outputs=True):
    """All answers for one architecture, or only those about its structure."""
    build = architecture(keras, name)
    keras.backend.clear_session()
    model = build(weights=None)
    layers = [listed(x) for x in model.layers if x.weights or name in KERAS_23]
    answer = {"model": model.name, "structure": rule.structure(layers)}
    if not outputs:
        return answer
    x = rule.images(name)
    arguments = {"top": {"classes": rule.CLASSES}, "bottom": {"include_top": False}}
    for case, extra in sorted(arguments.items()):
        keras.backend.clear_session()
        model = build(weights=None, input_shape=x.shape[1:], **extra)
        rule.set_weights(model, name, at_once=name in KERAS_23)
        answer[case] = rule.samples(name + case, model.predict(x))
    return answer


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--keras", choices=sorted(OF_KERAS), required=True)
    parser.add_argument("--structure-only", action="store_true", help="do not compute outputs")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    module = "tf_keras" if options.keras == "keras_tf" else "keras"
    keras = importlib.import_module(module)
    judge = module + " " + keras.__version__
    path = os.path.join(HERE, options.keras + ".json")
    stored = {"judge": judge, "answers": {}}
    if os.path.exists(path):
        with open(path) as file:
            stored = json.load(file)
    for name in options.names or OF_KERAS[options.keras]:
        stored["answers"][name] = ask(keras, name, not options.structure_only)
        with open(path, "w") as file:
            json.dump(stored, file, indent=1, sort_keys=True)
            file.write("\n")
        print(name, stored["answers"][name]["structure"]["parameters"], flush=True)


if __name__ == "__main__":
    main()

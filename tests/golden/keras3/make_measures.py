"""Asks a Keras about all of its losses and metrics, and what it writes of them into files.

python -m tests.golden.keras3.make_measures keras       # measures_keras.json and .npz
python -m tests.golden.keras3.make_measures tf_keras    # measures_tf_keras.json and .npz

``.json``: the program's names of losses and metrics with their parameters (none for further names);
``.npz``: values as ``measures.run`` has them, what the compiled model evaluates to, and the part of its files
that says how it was compiled.
"""

from __future__ import annotations

import inspect
import json
import os
import sys
import tempfile
import warnings
import zipfile

import numpy as np

from tests.golden import load
from tests.golden.keras3 import measures

FOLDER = os.path.dirname(os.path.abspath(__file__))
ENDINGS = {"keras": ("keras", "h5"), "tf_keras": ("h5", "keras")}


def names(keras):
    """{"losses": {name: parameters}, "metrics": ...} of all functions, classes and further names."""
    found = {}
    for module in ("losses", "metrics"):
        public = getattr(keras, module)
        table = {name: getattr(public, name) for name in dir(public) if not name.startswith("_")}
        own = __import__(f"{keras.__name__}.src.{module}", fromlist=["x"])
        table.update(getattr(own, "ALL_OBJECTS_DICT", {}))
        found[module] = {
            name: [p for p in inspect.signature(thing).parameters if p not in ("args", "kwargs")]
            if name == thing.__name__
            else []
            for name, thing in sorted(table.items())
            if callable(thing) and name not in ("get", "serialize", "deserialize", "Reduction")
        }
    return found


def written(keras, case, folder, endings):
    """({ending: what the file says of compile()}, what the model evaluates to, once it is loaded again)."""
    model = measures.file_model(keras, case)
    measures.compile_model(keras, model, case)
    measures.evaluate(model, case)
    configs = {}
    for ending in endings:
        path = os.path.join(folder, f"{case['name']}.{ending}")
        model.save(path)
        configs[ending] = training_config(path)
    # the first kind of file, which the program reads best; not all arguments are written
    again = keras.models.load_model(os.path.join(folder, f"{case['name']}.{endings[0]}"))
    return configs, measures.evaluate(again, case)


def training_config(path):
    """What a file says of compile()."""
    if path.endswith(".keras"):
        with zipfile.ZipFile(path) as file:
            return json.loads(file.read("config.json"))["compile_config"]
    import h5py

    with h5py.File(path) as file:
        return json.loads(file.attrs["training_config"])


def main(judge):
    warnings.simplefilter("ignore")
    keras = __import__(judge)
    arrays, files = {}, {}
    for case in measures.CASES:
        if judge not in case["judges"]:
            continue
        keras.backend.clear_session()
        for name, value in measures.run(keras, case).items():
            arrays[f"{case['name']}|{name}"] = value
        if not measures.has_file(case):
            continue
        with tempfile.TemporaryDirectory() as folder:
            try:
                files[case["name"]], arrays[f"{case['name']}|file"] = written(
                    keras, case, folder, ENDINGS[judge]
                )
            except Exception as error:  # what the program itself cannot do has no answer
                print(case["name"], type(error).__name__, str(error)[:300])
    content = {"version": keras.__version__, "names": names(keras)}
    with open(os.path.join(FOLDER, f"measures_{judge}.json"), "w", encoding="utf-8") as file:
        json.dump(content, file, indent=None, separators=(",", ":"), sort_keys=True)
        file.write("\n")
    text = json.dumps(files, separators=(",", ":"), sort_keys=True)
    arrays["files"] = np.frombuffer(text.encode(), "uint8")
    np.savez_compressed(os.path.join(FOLDER, f"measures_{judge}.npz"), **load._pack(arrays))
    print(len(files), "cases")


if __name__ == "__main__":
    main(sys.argv[1])

"""Write the small model files of this folder with a real Keras.

Run once with each program; every run writes the files that carry its prefix, and a JSON of what they hold:

    python make_files.py            # Keras 2.3.1 with TensorFlow 1.15 -> keras2_*.{h5,json,yaml}
    python make_files.py tf_keras   # tf_keras 2.21                    -> tfkeras_*.{h5,json}

The JSON (``<prefix>_expected.json``) is taken from the live models, not from the files: for every weight
its name, shape, dtype and the SHA-256 of its bytes (C order, little endian).
"""

import hashlib
import json
import os
import sys

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
USE_TF_KERAS = sys.argv[1:] == ["tf_keras"]
PREFIX = "tfkeras" if USE_TF_KERAS else "keras2"

if USE_TF_KERAS:
    import tf_keras as keras
else:
    import keras

L = keras.layers


def sequential():
    model = keras.models.Sequential(name="mlp")
    model.add(L.Dense(5, activation="relu", input_shape=(4,), name="hidden"))
    model.add(L.Dropout(0.25, name="drop"))
    model.add(L.Dense(3, activation="softmax", name="classes"))
    model.compile(optimizer=keras.optimizers.Adam(), loss="categorical_crossentropy", metrics=["accuracy"])
    rng = np.random.RandomState(0)
    x, y = rng.rand(32, 4).astype("float32"), np.eye(3, dtype="float32")[rng.randint(0, 3, 32)]
    model.fit(x, y, batch_size=8, epochs=2, verbose=0)
    return model


def shared():
    left, right = L.Input((6, 2), name="left"), L.Input((6, 2), name="right")
    encoder = L.LSTM(3, name="encoder")
    merged = L.concatenate([encoder(left), encoder(right)], name="both")
    same = L.Dense(1, activation="sigmoid", name="same")(merged)
    return keras.models.Model([left, right], same, name="twins")


def nested():
    inner = keras.models.Sequential(name="features")
    inner.add(L.Conv2D(2, 3, input_shape=(6, 6, 1), name="conv"))
    inner.add(L.BatchNormalization(name="norm"))
    inner.add(L.Flatten(name="flat"))
    image = L.Input((6, 6, 1), name="image")
    return keras.models.Model(image, L.Dense(2, name="head")(inner(image)), name="outer")


def describe(value, name):
    value = np.asarray(value)
    little = np.ascontiguousarray(value.astype(value.dtype.newbyteorder("<")))
    digest = hashlib.sha256(little.tobytes()).hexdigest()
    return {"name": name, "shape": list(value.shape), "dtype": str(value.dtype), "sha256": digest}


def layer_weights(model):
    described = []
    for layer in model.layers:
        # The HDF5 layout holds trainable weights first, in both programs.
        variables = list(layer.trainable_weights) + list(layer.non_trainable_weights)
        values = keras.backend.batch_get_value(variables)
        weights = [describe(values[i], variables[i].name) for i in range(len(values))]
        described.append({"layer": layer.name, "weights": weights})
    return described


def optimizer_weights(model):
    if getattr(model, "optimizer", None) is None:
        return None
    variables = list(model.optimizer.variables if USE_TF_KERAS else model.optimizer.weights)
    values = keras.backend.batch_get_value(variables)
    return [describe(values[i], variables[i].name) for i in range(len(values))]


def main():
    expected = {"keras_version": keras.__version__, "files": {}}
    for build in (sequential, shared, nested):
        keras.backend.clear_session()
        np.random.seed(1)
        model = build()
        stem = PREFIX + "_" + build.__name__
        model.save(os.path.join(HERE, stem + ".h5"))
        entry = {
            "class_name": model.__class__.__name__,
            "layers": layer_weights(model),
            "optimizer": optimizer_weights(model),
        }
        expected["files"][stem + ".h5"] = entry
        if build is sequential:
            weights_only = stem + "_weights.h5"
            model.save_weights(os.path.join(HERE, weights_only))
            expected["files"][weights_only] = dict(entry, class_name=None, optimizer=None)
        if build is shared:
            with open(os.path.join(HERE, stem + ".json"), "w") as file:
                file.write(model.to_json())
            if not USE_TF_KERAS:  # tf_keras has no to_yaml any more
                with open(os.path.join(HERE, stem + ".yaml"), "w") as file:
                    file.write(model.to_yaml())
    with open(os.path.join(HERE, PREFIX + "_expected.json"), "w") as file:
        json.dump(expected, file, indent=1, sort_keys=True)
        file.write("\n")


if __name__ == "__main__":
    main()

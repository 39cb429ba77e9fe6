"""Files of Keras 1 and Keras 2.0/2.2, built to their documented layouts, and what real Keras 2.3.1 reads
from them.

    python make_keras1_files.py build     needs h5py: writes old/*.h5
    python make_keras1_files.py answer    with Keras 2.3.1, which reads these layouts: writes old/*.npz (x,
    y). It takes for
                                          files of Keras 1 those without a version alone, so it gets copies
                                          without.

No program of those years runs today; the layouts are those that Keras 2 documents in its conversion of old
files.
"""

import json
import os
import sys

import numpy as np

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "old")
COMMON = {
    "init": "glorot_uniform",
    "W_regularizer": None,
    "b_regularizer": None,
    "activity_regularizer": None,
}
COMMON.update({"W_constraint": None, "b_constraint": None, "bias": True})


def dense(name, units, activation="linear", **more):
    config = dict(
        COMMON, name=name, output_dim=units, activation=activation, input_dim=None, trainable=True, **more
    )
    return {"class_name": "Dense", "config": config}


def convolutional(ordering):
    """Convolution2D, pooling, Flatten, Dense; with dim_ordering "th" the kernel is (out, in, rows,
    columns)."""
    first = ordering == "th"
    conv = dict(
        COMMON, name="convolution2d_1", nb_filter=4, nb_row=3, nb_col=2, activation="relu", trainable=True
    )
    conv.update(border_mode="valid", subsample=[1, 1], dim_ordering=ordering, input_dtype="float32")
    conv["batch_input_shape"] = [None, 2, 8, 7] if first else [None, 8, 7, 2]
    pool = {"name": "maxpooling2d_1", "pool_size": [2, 2], "strides": [2, 2], "border_mode": "valid"}
    pool.update(dim_ordering=ordering, trainable=True)
    layers = [
        {"class_name": "Convolution2D", "config": conv},
        {"class_name": "MaxPooling2D", "config": pool},
        {"class_name": "Flatten", "config": {"name": "flatten_1", "trainable": True}},
        dense("dense_1", 3, "softmax"),
    ]
    kernel = (4, 2, 3, 2) if first else (3, 2, 2, 4)
    weights = [("convolution2d_1", [kernel, (4,)]), ("maxpooling2d_1", []), ("flatten_1", [])]
    return {"class_name": "Sequential", "config": layers}, weights + [("dense_1", [(36, 3), (3,)])]


def recurrent(class_name, gates):
    """A kernel, a recurrent kernel and a bias for each gate: LSTM i, c, f, o; GRU z, r, h."""
    config = {
        "name": "rnn",
        "output_dim": 3,
        "init": "glorot_uniform",
        "inner_init": "orthogonal",
        "trainable": True,
    }
    config.update(activation="tanh", inner_activation="hard_sigmoid", W_regularizer=None, U_regularizer=None)
    config.update(
        b_regularizer=None, dropout_W=0.0, dropout_U=0.0, return_sequences=False, go_backwards=False
    )
    config.update(stateful=False, unroll=False, consume_less="cpu", input_dim=4, input_length=5)
    config.update(batch_input_shape=[None, 5, 4], input_dtype="float32")
    if class_name == "LSTM":
        config["forget_bias_init"] = "one"
    layers = [{"class_name": class_name, "config": config}, dense("dense_1", 2)]
    stored = [(4, 3), (3, 3), (3,)] * gates
    return {"class_name": "Sequential", "config": layers}, [("rnn", stored), ("dense_1", [(3, 2), (2,)])]


def keras_2(version):
    """Keras 2.0 to 2.2: a Sequential's configuration is the bare list of its layers."""
    common = {"use_bias": True, "trainable": True, "bias_initializer": {"class_name": "Zeros", "config": {}}}
    scaling = {"scale": 1.0, "mode": "fan_avg", "distribution": "uniform", "seed": None}
    common["kernel_initializer"] = {"class_name": "VarianceScaling", "config": scaling}
    for what in ("kernel_regularizer", "bias_regularizer", "kernel_constraint", "bias_constraint"):
        common[what] = None
    conv = dict(
        common, name="conv1d_1", filters=4, kernel_size=[3], strides=[1], padding="same", dilation_rate=[1]
    )
    conv.update(activation="relu", batch_input_shape=[None, 6, 2], dtype="float32", activity_regularizer=None)
    last = dict(common, name="dense_1", units=2, activation="linear", activity_regularizer=None)
    layers = [
        {"class_name": "Conv1D", "config": conv},
        {"class_name": "GlobalMaxPooling1D", "config": {"name": "global_max_pooling1d_1", "trainable": True}},
        {"class_name": "Dense", "config": last},
    ]
    weights = [("conv1d_1", [(3, 2, 4), (4,)]), ("global_max_pooling1d_1", []), ("dense_1", [(4, 2), (2,)])]
    return {"class_name": "Sequential", "config": layers}, weights


FILES = {
    "keras1_cnn_tf": (lambda: convolutional("tf"), "1.2.2", "tensorflow"),
    "keras1_cnn_th": (lambda: convolutional("th"), "1.2.2", "tensorflow"),
    "keras1_cnn_theano": (lambda: convolutional("th"), "1.0.8", "theano"),
    "keras1_lstm": (lambda: recurrent("LSTM", 4), "1.1.0", "tensorflow"),
    "keras1_gru": (lambda: recurrent("GRU", 3), "1.2.0", "tensorflow"),
    "keras20": (lambda: keras_2("2.0.0"), "2.0.0", "tensorflow"),
    "keras22": (lambda: keras_2("2.2.4"), "2.2.4", "tensorflow"),
}


def build():
    import h5py

    for number, (name, (make, version, backend)) in enumerate(sorted(FILES.items())):
        config, layers = make()
        generator = np.random.RandomState(number)
        with h5py.File(os.path.join(FOLDER, name + ".h5"), "w") as file:
            file.attrs["keras_version"] = version.encode()
            file.attrs["backend"] = backend.encode()
            file.attrs["model_config"] = json.dumps(config).encode()
            group = file.create_group("model_weights")
            group.attrs["keras_version"], group.attrs["backend"] = version.encode(), backend.encode()
            group.attrs["layer_names"] = [layer.encode() for layer, _ in layers]
            for layer, shapes in layers:
                entry = group.create_group(layer)
                old = version.startswith("1")
                names = ["%s_%s" % (layer, i) if old else "%s/w%d:0" % (layer, i) for i in range(len(shapes))]
                entry.attrs["weight_names"] = [weight.encode() for weight in names]
                for weight, shape in zip(names, shapes):
                    entry[weight] = generator.uniform(-0.5, 0.5, shape).astype("float32")


def answer():
    import shutil
    import tempfile

    import h5py
    import keras

    copy = os.path.join(tempfile.mkdtemp(), "copy.h5")
    for name in sorted(FILES):
        shutil.copy(os.path.join(FOLDER, name + ".h5"), copy)
        if name.startswith("keras1"):
            with h5py.File(copy, "a") as file:
                del file["model_weights"].attrs["keras_version"]
        model = keras.models.load_model(copy)
        shape = [3] + [int(size) for size in model.input_shape[1:]]
        x = np.random.RandomState(7).uniform(-1, 1, shape).astype("float32")
        np.savez(os.path.join(FOLDER, name + ".npz"), x=x, y=model.predict(x))


if __name__ == "__main__":
    os.makedirs(FOLDER, exist_ok=True)
    {"build": build, "answer": answer}[sys.argv[1]]()

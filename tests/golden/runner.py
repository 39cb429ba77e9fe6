"""Runs one case with whatever Keras it is handed: a real one to make golden files, kcompile's to be compared
with them.

Every ``run_*`` function takes the Keras module and a case of ``cases`` and returns ``(arrays, meta)``:
named numpy arrays and a JSON-able mapping.  Nothing here knows which Keras it drives, so the two sides of
a comparison cannot differ in how a model was built.  The file keeps to syntax that Python 3.7 reads.
"""

from __future__ import annotations

import importlib
import json

import numpy as np

from . import cases

TRAIN_STEPS = 10


def sub_module(keras, name):
    """``keras.<name>``, whether or not importing keras loaded it."""
    return getattr(keras, name, None) or importlib.import_module(keras.__name__ + "." + name)


def make_object(keras, spec):
    """The object that ``{"object": "regularizers.l2", "kwargs": {...}}`` names."""
    module, name = spec["object"].split(".")
    return getattr(sub_module(keras, module), name)(**spec.get("kwargs", {}))


def make_layer(keras, spec, name=None):
    """The layer of a spec; layers inside it (wrappers, cells) are named inner, inner_1, ..."""
    count = [0]

    def inner_name():
        count[0] += 1
        return "inner" if count[0] == 1 else "inner_%d" % (count[0] - 1)

    def convert(value):
        if isinstance(value, dict) and "class" in value:
            return make(value, inner_name())
        if isinstance(value, dict) and "object" in value:
            return make_object(keras, value)
        if isinstance(value, list):
            items = [convert(item) for item in value]
            return items if any(isinstance(item, dict) for item in value) else _tuples(items)
        return value

    def make(one, own_name):
        kwargs = {key: convert(value) for key, value in one["kwargs"].items()}
        if own_name:
            kwargs["name"] = own_name
        return getattr(keras.layers, one["class"])(**kwargs)

    return make(spec, name)


def _tuples(value):
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value


def short_name(weight_name):
    """ "layer/kernel:0" without the output number."""
    return weight_name[:-2] if weight_name.endswith(":0") else weight_name


def weight_names(layer):
    return [short_name(getattr(weight, "path", None) or weight.name) for weight in layer.weights]


def plain(value):
    """A config as JSON keeps it: tuples as lists, numpy numbers as Python's."""

    def default(item):
        if hasattr(item, "tolist"):
            return item.tolist()
        return getattr(item, "__name__", None) or type(item).__name__

    return json.loads(json.dumps(value, default=default))


def as_list(value):
    return list(value) if isinstance(value, (list, tuple)) else [value]


def one_or_list(values):
    return values[0] if len(values) == 1 else list(values)


def set_weights(layer, name, tag="weight"):
    """Sets every weight of the layer by the rule of ``cases.weight``."""
    names = weight_names(layer)
    layer.set_weights(
        [cases.weight(name, i, names[i], value.shape, tag) for i, value in enumerate(layer.get_weights())]
    )


def make_input(keras, index, spec):
    shape = list(spec["shape"])
    if spec.get("unknown_steps"):
        shape[0] = None
    name = "input_%d" % index
    dtype = spec.get("dtype", "float32")
    if spec.get("static_batch"):
        return keras.layers.Input(batch_shape=tuple([spec["batch"]] + shape), dtype=dtype, name=name)
    return keras.layers.Input(shape=tuple(shape), dtype=dtype, name=name)


def build_layer(keras, case):
    """(model, layer) of a layer case, all weights set."""
    inputs = [make_input(keras, i, spec) for i, spec in enumerate(case["inputs"])]
    tensors = list(inputs)
    probes = []
    if case["probe"]:
        for i, spec in enumerate(case["inputs"]):
            probes.append(keras.layers.Dense(spec["shape"][-1], name="probe_%d" % i))
            tensors[i] = probes[-1](tensors[i])
    for i, spec in enumerate(case.get("before", [])):
        tensors[0] = make_layer(keras, spec, "before_%d" % i)(tensors[0])
    layer = make_layer(keras, case["layer"], "layer")
    if case["call"] == "list":
        outputs = layer(tensors)
    elif case["call"] == "states":
        outputs = layer(tensors[0], initial_state=tensors[1:])
    else:
        outputs = layer(tensors[0])
    model = keras.models.Model(one_or_list(inputs), one_or_list(as_list(outputs)))
    if layer.weights:
        set_weights(layer, case["name"])
    for i, probe in enumerate(probes):
        set_weights(probe, case["name"], "probe%d_" % i)
    return model, layer


def layer_inputs(case, suffix=""):
    return [cases.input_array(case["name"], i, spec, suffix) for i, spec in enumerate(case["inputs"])]


def run_layer(keras, case):
    """Arrays: ``output<i>`` (``output<i>@1`` of the second prediction of a stateful layer,
    ``output<i>@reset`` after reset_states), ``loss`` (before each of ten steps), ``trained<i>`` (the
    layer's weights after them), ``probe<n>_trained<i>``."""
    model, layer = build_layer(keras, case)
    arrays = {}
    feeds = layer_inputs(case)
    batch = len(feeds[0])

    def predict(values, suffix):
        for i, output in enumerate(as_list(model.predict(one_or_list(values), batch_size=batch))):
            arrays["output%d%s" % (i, suffix)] = np.asarray(output)

    predict(feeds, "")
    outputs = len(arrays)
    if case.get("predicts"):
        predict(layer_inputs(case, "@1"), "@1")
        model.reset_states()
        predict(feeds, "@reset")
        model.reset_states()
    meta = {
        "config": plain(layer.get_config()),
        "weights": [
            [name, list(value.shape)] for name, value in zip(weight_names(layer), layer.get_weights())
        ],
        "trainable": [
            short_name(getattr(weight, "path", None) or weight.name) for weight in layer.trainable_weights
        ],
        "output_shapes": _output_shapes(model),
    }
    if case["train"] and model.trainable_weights:
        _train_layer(keras, case, model, layer, feeds, outputs, arrays)
    return arrays, meta


def _output_shapes(model):
    shapes = [getattr(tensor, "_keras_shape", None) or tensor.shape for tensor in model.outputs]
    return [[None if size is None else int(size) for size in shape] for shape in shapes]


def _train_layer(keras, case, model, layer, feeds, outputs, arrays):
    targets = [
        cases.array(case["name"], "target%d" % i, arrays["output%d" % i].shape) for i in range(outputs)
    ]
    model.compile(sub_module(keras, "optimizers").SGD(0.05), "mse")
    losses = []
    for _ in range(TRAIN_STEPS):
        result = model.train_on_batch(one_or_list(feeds), one_or_list(targets))
        losses.append(float(as_list(result)[0]))
    arrays["loss"] = np.asarray(losses, "float32")
    for i, value in enumerate(layer.get_weights()):
        arrays["trained%d" % i] = value
    for i in range(len(case["inputs"]) if case["probe"] else 0):
        for j, value in enumerate(model.get_layer("probe_%d" % i).get_weights()):
            arrays["probe%d_trained%d" % (i, j)] = value


def run_optimizer(keras, case):
    """Arrays: ``loss`` (per step), ``weight<i>@<step>`` (model weights after 1, 2, 5 and 10 steps),
    ``state<i>`` (optimizer.get_weights() at the end)."""
    name = case["name"]
    layers = keras.layers
    if case["model"] == "dense":
        stack = [
            layers.Dense(4, activation="tanh", input_shape=(5,), name="hidden"),
            layers.Dense(3, name="last"),
        ]
        batches = [
            (cases.array(name, "x%d" % step, (8, 5)), cases.array(name, "y%d" % step, (8, 3)))
            for step in range(cases.OPTIMIZER_STEPS)
        ]
    else:
        stack = [
            layers.Embedding(6, 3, input_length=2, name="hidden"),
            layers.Flatten(name="flat"),
            layers.Dense(2, name="last"),
        ]
        batches = [
            (cases.array(name, "x%d" % step, (3, 2), 0, 6, "int32"), cases.array(name, "y%d" % step, (3, 2)))
            for step in range(cases.OPTIMIZER_STEPS)
        ]
    model = keras.models.Sequential(stack)
    for part in ("hidden", "last"):
        set_weights(model.get_layer(part), name, part)
    optimizer = getattr(sub_module(keras, "optimizers"), case["optimizer"])(**case["kwargs"])
    model.compile(optimizer, "mse")
    if hasattr(optimizer, "build"):  # what Keras 3 assigns in a build inside of a tf.function is lost
        optimizer.build(model.trainable_variables)
    arrays, losses = {}, []
    for step, (x, y) in enumerate(batches, 1):
        losses.append(float(as_list(model.train_on_batch(x, y))[0]))
        if step in cases.OPTIMIZER_SNAPSHOTS:
            for i, value in enumerate(model.get_weights()):
                arrays["weight%d@%d" % (i, step)] = value
    arrays["loss"] = np.asarray(losses, "float32")
    state_names = [short_name(weight.name) for weight in getattr(optimizer, "weights", [])]
    if hasattr(optimizer, "get_weights"):
        values = optimizer.get_weights()
    else:
        variables = optimizer.variables
        values = [np.asarray(value) for value in (variables() if callable(variables) else variables)]
    for i, value in enumerate(values):
        arrays["state%d" % i] = np.asarray(value)
    return arrays, {
        "config": plain(optimizer.get_config()),
        "state": [[n, list(np.shape(v))] for n, v in zip(state_names, values)],
    }


RUNNERS = {"layers": run_layer, "optimizers": run_optimizer}

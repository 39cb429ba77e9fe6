"""Runs one case of ``cases`` with Keras 3 or with kcompile.keras; see ``tests.golden.runner``."""

from __future__ import annotations

import numpy as np

from tests.golden import cases as base
from tests.golden import runner
from tests.golden.keras3 import augmentation, cases


def build_layer(keras, case):
    """(model, layer) of a layer case, all weights set."""
    inputs = [runner.make_input(keras, i, spec) for i, spec in enumerate(case["inputs"])]
    tensors = list(inputs)
    probes = []
    if case["probe"]:
        for i, spec in enumerate(case["inputs"]):
            probes.append(keras.layers.Dense(spec["shape"][-1], name=f"probe_{i}"))
            tensors[i] = probes[-1](tensors[i])
    for i in case["masked"]:
        tensors[i] = keras.layers.Masking(name=f"masking_{i}")(tensors[i])
    layer = runner.make_layer(keras, case["layer"], "layer")
    for adapted in case.get("adapt", []):
        layer.adapt(base.array(case["name"], "adapt", **adapted))
    outputs = _called(layer, case, tensors)
    model = keras.models.Model(runner.one_or_list(inputs), runner.one_or_list(runner.as_list(outputs)))
    if layer.weights and not case.get("keep_weights"):
        set_weights(layer, case["name"])
    for i, probe in enumerate(probes):
        runner.set_weights(probe, case["name"], f"probe{i}_")
    return model, layer


def _called(layer, case, tensors):
    kwargs = case["call_kwargs"]
    if case["call"] == "spread":
        return layer(*tensors, **kwargs)
    if case["call"] == "mask_last":
        return layer(*tensors[:-1], attention_mask=tensors[-1], **kwargs)
    return layer(tensors if case["call"] == "list" else tensors[0], **kwargs)


def set_weights(layer, name):
    names = runner.weight_names(layer)
    layer.set_weights(
        [
            base.weight(name, i, names[i], np.shape(value)).reshape(np.shape(value))
            for i, value in enumerate(layer.get_weights())
        ]
    )


def run_layer(keras, case):
    """Arrays: ``output<i>``; ``loss`` before each of ten steps of SGD(0.05) on mse, ``trained<i>`` after."""
    model, layer = build_layer(keras, case)
    feeds = runner.layer_inputs(case)
    outputs = runner.as_list(model.predict(runner.one_or_list(feeds), batch_size=len(feeds[0]), verbose=0))
    arrays = {f"output{i}": np.asarray(output) for i, output in enumerate(outputs)}
    names = runner.weight_names(layer)
    meta = {
        "config": runner.plain(layer.get_config()),
        "weights": [[n, list(np.shape(v))] for n, v in zip(names, layer.get_weights(), strict=True)],
        "trainable": [getattr(w, "path", None) or w.name for w in layer.trainable_weights],
        "output_shapes": runner._output_shapes(model),
    }
    if case["train"] and model.trainable_weights:
        runner._train_layer(keras, case, model, layer, feeds, len(outputs), arrays)
    return arrays, meta


def run_activation(keras, case):
    """Arrays: ``output``."""
    x = base.array(case["name"], "input0", case["shape"], **cases.NUMBERS)
    function = getattr(keras.activations, case["function"])
    inputs = keras.layers.Input(tuple(case["shape"][1:]))
    outputs = keras.layers.Lambda(lambda t: function(t, **case["kwargs"]))(inputs)
    return {"output": keras.models.Model(inputs, outputs).predict(x, verbose=0)}, {}


def make_schedule(keras, spec):
    return getattr(keras.optimizers.schedules, spec["schedule"])(*spec["args"], **spec["kwargs"])


def run_schedule(keras, case):
    """Arrays: ``rates``, one per step of the case; meta: the config."""
    schedule = make_schedule(keras, case)
    rates = np.array([float(schedule(step)) for step in case["steps"]], "float32")
    return {"rates": rates}, {"config": runner.plain(schedule.get_config())}


def optimizer_arguments(keras, case):
    return {
        name: make_schedule(keras, value) if isinstance(value, dict) else value
        for name, value in case["kwargs"].items()
    }


def run_optimizer(keras, case):
    """Arrays: ``loss`` per step, ``weight<i>@<step>`` after 1, 2, 5 and 10 steps; meta: the config."""
    arrays, meta = runner.run_optimizer(keras, {**case, "kwargs": optimizer_arguments(keras, case)})
    kept = {name: value for name, value in arrays.items() if not name.startswith("state")}
    return kept, {"config": meta["config"]}


RUNNERS = {
    "keras3_layers": run_layer,
    "keras3_activations": run_activation,
    "keras3_schedules": run_schedule,
    "keras3_optimizers": run_optimizer,
    **augmentation.RUNNERS,
}

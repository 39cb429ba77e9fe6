"""Runs the cases of plain functions (``case_values``) with the Keras given."""

from __future__ import annotations

import numpy as np

from . import case_values, cases
from .runner import as_list, plain, sub_module

METRIC_BATCHES = 3


def _evaluate(keras, tensor):
    if isinstance(tensor, (float, int, np.ndarray)):  # some judges answer at once
        return np.asarray(tensor)
    return np.asarray(sub_module(keras, "backend").eval(tensor))


def _constant(keras, value):
    return sub_module(keras, "backend").constant(value)


def _values(case, tag, spec):
    return case_values.value_array(cases.array, case["name"], tag, spec)


def run_activation(keras, case):
    """``value``: the function over ``case_values.ACTIVATION_GRID``."""
    function = sub_module(keras, "activations").get(case["function"])
    grid = _constant(keras, np.asarray(case_values.ACTIVATION_GRID, "float32"))
    return {"value": _evaluate(keras, function(grid, **case["kwargs"]))}, {}


def run_initializer(keras, case):
    """``value`` of a deterministic initializer; ``stats`` (mean, standard deviation, min, max over eight
    draws) of a random one, to be compared loosely."""
    initializer = getattr(sub_module(keras, "initializers"), case["class"])(**case["kwargs"])
    config = plain(initializer.get_config())
    draws = [_evaluate(keras, initializer(tuple(case["shape"]))) for _ in range(8 if case["random"] else 1)]
    if not case["random"]:
        return {"value": draws[0]}, {"config": config}
    drawn = np.stack(draws).astype("float64")
    return {"stats": np.asarray([drawn.mean(), drawn.std(), drawn.min(), drawn.max()], "float32")}, {
        "config": config
    }


def run_regularizer(keras, case):
    """``value``: the penalty of one tensor."""
    regularizer = getattr(sub_module(keras, "regularizers"), case["function"])(**case["kwargs"])
    tensor = _constant(keras, cases.array(case["name"], "x", case["shape"]))
    return {"value": _evaluate(keras, regularizer(tensor))}, {"config": plain(regularizer.get_config())}


def run_constraint(keras, case):
    """``value``: the tensor after the constraint."""
    constraint = getattr(sub_module(keras, "constraints"), case["function"])(**case["kwargs"])
    tensor = _constant(keras, cases.array(case["name"], "x", case["shape"]))
    config = plain(constraint.get_config()) if hasattr(constraint, "get_config") else {}
    return {"value": _evaluate(keras, constraint(tensor))}, {"config": config}


def value_feeds(case, batch=None):
    """(y_true, y_pred, sample_weight or None) of a loss or metric case; of one batch where there are
    several."""
    suffix = "" if batch is None else "@%d" % batch
    true = _values(case, "y_true" + suffix, case["y_true"])
    if case.get("squeeze"):
        true = true[..., 0]
    pred = _values(case, "y_pred" + suffix, case["y_pred"])
    weight = (
        _values(case, "sample_weight" + suffix, case["sample_weight"]) if "sample_weight" in case else None
    )
    return true, pred, weight


def run_loss(keras, case):
    """``value``: the loss of y_true and y_pred, as the function or object gives it (reduced or not)."""
    losses = sub_module(keras, "losses")
    true, pred, weight = value_feeds(case)
    true, pred = _constant(keras, true), _constant(keras, pred)
    if "class" in case:
        loss = getattr(losses, case["class"])(**case["kwargs"])
        config = plain(loss.get_config())
        value = (
            loss(true, pred) if weight is None else loss(true, pred, sample_weight=_constant(keras, weight))
        )
    else:
        config = {}
        value = losses.get(case["function"])(true, pred, **case["kwargs"])
    return {"value": _evaluate(keras, value)}, {"config": config}


def run_metric_function(keras, case):
    """``value``: the metric function of y_true and y_pred."""
    true, pred, _ = value_feeds(case)
    function = getattr(sub_module(keras, "metrics"), case["function"])
    value = function(_constant(keras, true), _constant(keras, pred), **case["kwargs"])
    return {"value": _evaluate(keras, value)}, {}


def run_metric(keras, case):
    """``result@<batch>``: the metric after each of three batches, seen through
    ``test_on_batch(reset_metrics=False)`` of a model that passes its input through, the way a compiled
    metric is used; metrics of values alone are called directly."""
    metric = getattr(sub_module(keras, "metrics"), case["class"])(**case["kwargs"])
    meta = {"name": metric.name, "config": plain(metric.get_config())}
    if "values" in case or case["class"] == "MeanIoU":
        return _run_metric_directly(keras, case, metric), meta
    backend = sub_module(keras, "backend")
    x = keras.layers.Input(shape=tuple(case["y_pred"]["shape"][1:]), name="x")
    model = keras.models.Model(x, keras.layers.Activation("linear", name="y")(x))
    placement = {"weighted_metrics" if "sample_weight" in case else "metrics": [metric]}
    model.compile("sgd", lambda y_true, y_pred: backend.mean(y_pred, axis=-1), **placement)
    arrays = {}
    for batch in range(METRIC_BATCHES):
        true, pred, weight = value_feeds(case, batch)
        results = model.test_on_batch(pred, true, sample_weight=weight, reset_metrics=False)
        arrays["result@%d" % batch] = np.asarray(as_list(results)[1])
    meta["metrics_names"] = list(model.metrics_names)
    return arrays, meta


def _run_metric_directly(keras, case, metric):
    arrays = {}
    for batch in range(METRIC_BATCHES):
        suffix = "@%d" % batch
        weight = (
            _values(case, "sample_weight" + suffix, case["sample_weight"])
            if "sample_weight" in case
            else None
        )
        if "values" in case:
            args = [_values(case, "values" + suffix, case["values"])]
        else:
            args = list(value_feeds(case, batch)[:2])
        args = [_constant(keras, value) for value in args]
        if weight is not None:
            weight = _constant(keras, weight)
        arrays["result" + suffix] = _evaluate(keras, metric(*args, sample_weight=weight))
    return arrays


RUNNERS = {
    "activations": run_activation,
    "initializers": run_initializer,
    "regularizers": run_regularizer,
    "constraints": run_constraint,
    "losses": run_loss,
    "metric_functions": run_metric_function,
    "metrics": run_metric,
}

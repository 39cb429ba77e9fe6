"""Losses and metrics of tf.keras 2 and Keras 3: cases, data, and one case run with a Keras.

A case's ``class`` is made with its ``kwargs`` and asked about its ``data``, twelve samples: a loss about all
of them, a metric about three batches of four. ``judges`` have such a class. A case also makes a file: a model
that passes on its input, compiled with the loss or metric and evaluated.
"""

from __future__ import annotations

import numpy as np

from tests.golden import cases as base

BOTH, KERAS, TF_KERAS = ("keras", "tf_keras"), ("keras",), ("tf_keras",)
SAMPLES, BATCH, STEPS = 12, 4, 5
REDUCTIONS = ("none", "sum", "sum_over_batch_size")
CASES = []


def _case(kind, class_name, data, label="", judges=BOTH, **kwargs):
    name = f"{kind}-{class_name}-{data}" + (f"-{label}" if label else "")
    CASES.append(
        {
            "name": name,
            "kind": kind,
            "class": class_name,
            "data": data,
            "judges": judges,
            "kwargs": kwargs,
        }
    )


def _losses():
    def loss(class_name, data, label="", judges=BOTH, **kwargs):
        _case("losses", class_name, data, label, judges, **kwargs)

    for name in ("MeanSquaredError", "MeanAbsoluteError", "LogCosh"):
        loss(name, "real")
        loss(name, "real_steps")
    for name in ("MeanAbsolutePercentageError", "MeanSquaredLogarithmicError", "Poisson", "KLDivergence"):
        loss(name, "positive")
    for name in ("Hinge", "SquaredHinge"):
        loss(name, "signs")
        loss(name, "binary")
    loss("CategoricalHinge", "one_hot")
    for delta in (1.0, 0.3):
        loss("Huber", "real", str(delta), delta=delta)
    loss("Huber", "real_steps", delta=0.5)
    loss("CosineSimilarity", "real")
    loss("CosineSimilarity", "real_first", "axis", axis=1)
    for data, logits in (("binary", False), ("binary_logits", True)):
        loss("BinaryCrossentropy", data, from_logits=logits)
        loss("BinaryFocalCrossentropy", data, from_logits=logits)
    loss("BinaryCrossentropy", "binary", "smooth", label_smoothing=0.2)
    loss("BinaryCrossentropy", "binary_first", "axis", axis=1)
    loss("BinaryFocalCrossentropy", "binary", "balanced", apply_class_balancing=True, alpha=0.4, gamma=1.5)
    loss("BinaryFocalCrossentropy", "binary_first", "axis", label_smoothing=0.1, axis=1)
    for data, logits in (("one_hot", False), ("one_hot_logits", True), ("steps", False)):
        loss("CategoricalCrossentropy", data, from_logits=logits)
        loss("CategoricalFocalCrossentropy", data, from_logits=logits)
    loss("CategoricalCrossentropy", "one_hot", "smooth", label_smoothing=0.1)
    loss("CategoricalCrossentropy", "steps_first", "axis", axis=1)
    loss("CategoricalFocalCrossentropy", "one_hot", "smooth", label_smoothing=0.1, alpha=0.5, gamma=1.5)
    loss("CategoricalFocalCrossentropy", "one_hot", "alphas", alpha=[0.1, 0.2, 0.3, 0.4])
    loss("CategoricalFocalCrossentropy", "steps_first", "axis", axis=1)
    for data, logits in (("sparse", False), ("sparse_logits", True), ("sparse_steps", False)):
        loss("SparseCategoricalCrossentropy", data, from_logits=logits)
        loss("SparseCategoricalCrossentropy", data, "ignored", from_logits=logits, ignore_class=2)
    loss("SparseCategoricalCrossentropy", "sparse_marked", "ignored", ignore_class=-1)
    for q in (0.3, 0.7):
        loss("CategoricalGeneralizedCrossEntropy", "sparse", str(q), KERAS, q=q)
    for data in ("binary", "one_hot", "binary_first"):
        loss("Dice", data, judges=KERAS)
        loss("Tversky", data, judges=KERAS)
    loss("Dice", "binary_first", "axis", KERAS, axis=[1, 2])
    loss("Tversky", "binary_first", "axis", KERAS, alpha=0.3, beta=0.7, axis=[1])
    loss("Circle", "embedding", judges=KERAS)
    loss("Circle", "embedding", "diagonal", KERAS, gamma=10.0, margin=0.2, remove_diagonal=False)
    loss("CTC", "ctc", judges=KERAS)


def _metrics():
    def metric(class_name, data, label="", judges=BOTH, **kwargs):
        _case("metrics", class_name, data, label, judges, **kwargs)

    for name in ("MeanSquaredError", "MeanAbsoluteError", "RootMeanSquaredError", "LogCoshError"):
        metric(name, "real")
        metric(name, "real_steps")
    for name in ("MeanAbsolutePercentageError", "MeanSquaredLogarithmicError", "Poisson", "KLDivergence"):
        metric(name, "positive")
    metric("MeanRelativeError", "positive", judges=TF_KERAS, normalizer=[0.5, 2.0, 0.0])
    for name in ("Hinge", "SquaredHinge"):
        metric(name, "signs")
    metric("CategoricalHinge", "one_hot")
    metric("CosineSimilarity", "real")
    metric("CosineSimilarity", "real_first", "axis", axis=1)
    for name in ("PearsonCorrelation", "ConcordanceCorrelation"):
        metric(name, "real", judges=KERAS)
        metric(name, "real_first", "axis", KERAS, axis=1)
    _accuracies(metric)
    _answers(metric)
    for judges, kwargs in ((BOTH, {}), (BOTH, {"num_regressors": 3}), (BOTH, {"num_regressors": 40})):
        metric("R2Score", "real", "".join(map(str, kwargs.values())), judges, **kwargs)
    for aggregation in (None, "variance_weighted_average"):
        metric("R2Score", "real", str(aggregation), class_aggregation=aggregation)
    for average in (None, "micro", "macro", "weighted"):
        metric("F1Score", "one_hot", str(average), average=average)
        metric("FBetaScore", "binary", str(average), average=average, beta=2.0, threshold=0.4)
    _overlaps(metric)


def _accuracies(metric):
    metric("Accuracy", "classes")
    metric("BinaryAccuracy", "binary")
    metric("BinaryAccuracy", "binary", "threshold", threshold=0.3)
    for data in ("one_hot", "steps"):
        metric("CategoricalAccuracy", data)
        metric("TopKCategoricalAccuracy", data, k=2)
    for data in ("sparse", "sparse_steps"):
        metric("SparseCategoricalAccuracy", data)
        metric("SparseTopKCategoricalAccuracy", data, k=2)
    metric("SparseTopKCategoricalAccuracy", "sorted_ids", "sorted", KERAS, k=2, from_sorted_ids=True)
    metric("BinaryCrossentropy", "binary", label_smoothing=0.2)
    metric("BinaryCrossentropy", "binary_logits", from_logits=True)
    metric("CategoricalCrossentropy", "one_hot", label_smoothing=0.2)
    metric("CategoricalCrossentropy", "steps_first", "axis", axis=1)
    metric("CategoricalCrossentropy", "one_hot_logits", from_logits=True)
    for data in ("sparse", "sparse_steps"):
        metric("SparseCategoricalCrossentropy", data)
        metric("SparseCategoricalCrossentropy", data, "ignored", ignore_class=2)
    metric("SparseCategoricalCrossentropy", "sparse_first", "axis", TF_KERAS, axis=1)


def _answers(metric):
    for name in ("TruePositives", "TrueNegatives", "FalsePositives", "FalseNegatives", "Precision", "Recall"):
        metric(name, "binary")
        metric(name, "binary", "thresholds", thresholds=[0.2, 0.6])
    for name in ("Precision", "Recall"):
        metric(name, "binary", "top_k", top_k=2)
        metric(name, "binary", "class_id", class_id=1, thresholds=0.3)
        metric(name, "binary", "both", class_id=1, top_k=2)
    for name, argument in (
        ("SensitivityAtSpecificity", "specificity"),
        ("SpecificityAtSensitivity", "sensitivity"),
        ("PrecisionAtRecall", "recall"),
        ("RecallAtPrecision", "precision"),
    ):
        for value in (0.3, 0.75):
            metric(name, "answer", str(value), **{argument: value})
        metric(name, "binary", "class_id", **{argument: 0.5}, num_thresholds=20, class_id=2)
    metric("AUC", "answer")
    for curve in ("ROC", "PR", "PRGAIN"):
        for method in ("interpolation", "minoring", "majoring"):
            metric("AUC", "binary", f"{curve}_{method}", curve=curve, summation_method=method)
    metric("AUC", "answer", "thresholds", thresholds=[0.1, 0.5, 0.8])
    labels = {"multi_label": True, "num_labels": 3, "num_thresholds": 20}
    metric("AUC", "binary", "labels", **labels)
    metric("AUC", "binary", "labels_pr", curve="PR", multi_label=True, label_weights=[0.2, 0.5, 0.3])
    metric("AUC", "binary_logits", "logits", from_logits=True, **labels)
    metric("AUC", "binary", "weights", label_weights=[0.2, 0.5, 0.3], num_thresholds=30)


def _overlaps(metric):
    metric("MeanIoU", "classes", num_classes=4)
    metric("MeanIoU", "classes", "ignored", num_classes=4, ignore_class=1)
    metric("MeanIoU", "sparse", "scores", num_classes=4, sparse_y_pred=False)
    metric("MeanIoU", "one_hot", "one_hot", num_classes=4, sparse_y_true=False, sparse_y_pred=False)
    scores = {"sparse_y_true": False, "sparse_y_pred": False}
    metric("MeanIoU", "steps_first", "axis", TF_KERAS, num_classes=4, axis=1, **scores)
    metric("IoU", "classes", num_classes=4, target_class_ids=[0, 2])
    metric("IoU", "classes", "ignored", num_classes=5, target_class_ids=[2, 4], ignore_class=0)
    metric("BinaryIoU", "answer")
    metric("BinaryIoU", "binary", "threshold", target_class_ids=[1], threshold=0.3)
    metric("OneHotIoU", "one_hot", num_classes=4, target_class_ids=[1, 2])
    metric("OneHotIoU", "one_hot", "ignored", num_classes=4, target_class_ids=[1, 2], ignore_class=2)
    metric("OneHotMeanIoU", "one_hot", num_classes=4)
    metric("OneHotMeanIoU", "steps", num_classes=4, ignore_class=0)


_losses()
_metrics()


# --- data ---------------------------------------------------------------------------------------------------


def _draw(tag, *shape, low=0.0, high=1.0, dtype="float32"):
    return base.array("measures", tag, (SAMPLES, *shape), low, high, dtype)


def _rows(x, axis=-1):
    return x / x.sum(axis, keepdims=True)


def _one_hot(numbers, count=4):
    return np.eye(count, dtype="float32")[numbers]


def _of_real(*shape):
    return _draw("y", *shape, low=-1.0), _draw("p", *shape, low=-1.0)


def _of_binary(*shape):
    return np.round(_draw("y", *shape)), _draw("p", *shape, low=0.02, high=0.98)


def _of_classes(*shape):
    return _draw("y", *shape, high=4, dtype="int32"), _rows(_draw("p", *shape, 4, low=0.05))


def data(kind):
    """(labels, predictions) of twelve samples."""
    if kind in ("real", "real_steps", "real_first"):
        return _of_real(*(3,) if kind == "real" else (STEPS, 3))
    if kind == "positive":
        return _draw("y", 3, low=0.1, high=2.0), _draw("p", 3, low=0.1, high=2.0)
    if kind == "signs":
        return np.sign(_draw("y", 3, low=-1.0)), _draw("p", 3, low=-1.5, high=1.5)
    if kind in ("binary", "answer", "binary_steps", "binary_first"):
        return _of_binary(*{"binary": (3,), "answer": (1,)}.get(kind, (STEPS, 3)))
    if kind == "binary_logits":
        return np.round(_draw("y", 3)), _draw("p", 3, low=-3.0, high=3.0)
    if kind == "classes":
        return _draw("y", 1, high=4, dtype="int32"), _draw("p", 1, high=4, dtype="int32").astype("float32")
    if kind == "embedding":
        p = _draw("p", 3, low=-1.0)
        return _draw("y", high=4, dtype="int32"), p / np.sqrt(np.square(p).sum(-1, keepdims=True))
    if kind == "sorted_ids":
        return _draw("y", high=4, dtype="int32"), np.argsort(_draw("p", 4), -1).astype("float32")
    if kind == "ctc":
        labels = _draw("y", 3, low=1, high=5, dtype="int32") * (np.arange(3) < _draw("n", 1, low=1, high=4))
        return labels.astype("int32"), _draw("p", 7, 5, low=-2.0, high=2.0)
    return _data_of_classes(kind)


def _data_of_classes(kind):
    many = "steps" in kind or "first" in kind
    y, p = _of_classes(*(STEPS,) if many else ())
    if kind.endswith("_logits"):
        p = _draw("p", 4, low=-3.0, high=3.0)
    if kind == "sparse_marked":
        y = np.where(_draw("marked") < 0.4, -1, y).astype("int32")
    y = _one_hot(y) if not kind.startswith("sparse") else y
    if kind.endswith("_first"):
        return (np.swapaxes(y, 1, 2) if y.ndim == 3 else y), np.swapaxes(p, 1, 2)
    return y, p


def weights():
    return _draw("weights", low=0.2, high=2.0)


def mask(kind):
    """(samples, steps) of what has steps, else None."""
    return _draw("mask", STEPS) < 0.7 if kind.endswith("_steps") or kind == "steps" else None


# --- values -------------------------------------------------------------------------------------------------


def make(keras, case):
    return getattr(getattr(keras, case["kind"]), case["class"])(**case["kwargs"])


def _tensor(keras, array, masked=None):
    """An array as a tensor of the program, with a mask."""
    if keras.__name__.startswith("kcompile"):
        tensor = keras.backend.constant(array, dtype=array.dtype)
        tensor._keras_mask = None if masked is None else keras.backend.constant(masked, dtype="bool")
    elif keras.__name__ == "tf_keras":
        tensor = keras.backend.constant(array, dtype=array.dtype)
        if masked is not None:
            tensor._keras_mask = keras.backend.constant(masked, dtype="bool")
    else:
        tensor = keras.ops.convert_to_tensor(array)
        if masked is not None:
            tensor._keras_mask = keras.ops.convert_to_tensor(masked)
    return tensor


def _numbers(keras, value):
    return np.asarray(keras.backend.eval(value) if keras.__name__.startswith("kcompile") else value)


def run(keras, case):
    """Arrays: of a loss its value for each reduction, with weights, and with a mask; of a metric the results
    after three batches, without and with weights."""
    y, p = data(case["data"])
    return (_run_loss if case["kind"] == "losses" else _run_metric)(keras, case, y, p)


def _run_loss(keras, case, y, p):
    arrays = {}
    masks = {"": None}
    if mask(case["data"]) is not None and case["kwargs"].get("axis", -1) == -1:
        masks["_masked"] = mask(case["data"])
    for reduction in REDUCTIONS:
        loss = make(keras, {**case, "kwargs": {**case["kwargs"], "reduction": reduction}})
        for ending, masked in masks.items():
            value = loss(_tensor(keras, y), _tensor(keras, p, masked))
            arrays[reduction + ending] = _numbers(keras, value)
            rank = arrays["none"].ndim  # Keras 3 takes weights with an axis for each of the losses
            given = weights().reshape(SAMPLES, *[1] * (rank - 1))
            value = loss(_tensor(keras, y), _tensor(keras, p, masked), sample_weight=given)
            arrays[f"{reduction}_weighted{ending}"] = _numbers(keras, value)
    return arrays


def _run_metric(keras, case, y, p):
    arrays = {}
    for name, given in (("plain", None), ("weighted", weights())):
        metric = make(keras, case)
        for start in range(0, SAMPLES, BATCH):
            part = slice(start, start + BATCH)
            weight = {} if given is None else {"sample_weight": _weight_for(case, given[part])}
            metric.update_state(_tensor(keras, y[part]), _tensor(keras, p[part]), **weight)
            arrays[f"{name}@{start // BATCH}"] = _numbers(keras, metric.result())
    return arrays


def _weight_for(case, weight):
    """Weights as Keras 3 takes them: one for each answer of an IoU, which flattens them; for steps (n, 1)."""
    if _many(case):
        return np.repeat(weight[:, None], STEPS if "steps" in case["data"] else 3, 1)
    return weight[:, None] if "steps" in case["data"] or "first" in case["data"] else weight


# --- files --------------------------------------------------------------------------------------------------

#: The loss that goes with a metric, by the kind of data; others have "mse".
_LOSSES = {
    "one_hot": "categorical_crossentropy",
    "steps": "categorical_crossentropy",
    "sparse": "sparse_categorical_crossentropy",
    "sparse_steps": "sparse_categorical_crossentropy",
    "sorted_ids": "sparse_categorical_crossentropy",
}


def has_file(case):
    """Whether there is a loss to go with the case in a file."""
    return case["data"] != "sparse_first"


def file_model(keras, case):
    """A model that passes its input on, behind a Masking layer where there are masks."""
    shape = data(case["data"])[1].shape[1:]
    inputs = keras.layers.Input(shape, name="x")
    layers = keras.layers
    masked = mask(case["data"]) is not None
    layer = layers.Masking(5.0, name="out") if masked else layers.Activation("linear", name="out")
    return keras.models.Model(inputs, layer(inputs))


def compile_model(keras, model, case):
    """Compiles for a case; a metric twice, unweighted and weighted."""
    if case["kind"] == "losses":
        model.compile("sgd", make(keras, case))
        return
    plain = make(keras, case)  # made first, so that its name comes first
    # tf.keras hands weights (n, 1) to its F-scores, which multiply each sample by those of all
    weighted = not _many(case) and case["class"] not in ("F1Score", "FBetaScore")
    more = {"weighted_metrics": [make(keras, case)]} if weighted else {}
    model.compile("sgd", _LOSSES.get(case["data"], "mse"), metrics=[plain], **more)


def _many(case):
    """Whether one weight for each sample is too few: an IoU of several answers."""
    return "IoU" in case["class"] and ("steps" in case["data"] or case["data"] == "binary")


def _in_order(results):
    """The loss, the metric, the weighted metric."""
    keys = sorted(results, key=lambda name: (name != "loss", name.startswith("weighted_")))
    return [results[key] for key in keys]


def evaluate(model, case):
    """The loss and the metrics, one after the other."""
    y, p = data(case["data"])
    weighted = {"sample_weight": weights()}
    if "steps" in case["data"] or "first" in case["data"]:
        weighted = {}  # the programs differ in the weights that they take
    if mask(case["data"]) is not None:
        p = np.where(mask(case["data"])[..., None], p, np.float32(5.0))
    own = type(model).__module__.startswith("kcompile")
    named = {} if own else {"return_dict": True}  # the list of Keras 3 has metrics of one name twice
    results = model.evaluate(p, y, batch_size=BATCH, verbose=0, **weighted, **named)
    if not isinstance(results, list):
        results = _in_order(results) if isinstance(results, dict) else [results]
    return np.concatenate([np.ravel(np.asarray(result, "float64")) for result in results])

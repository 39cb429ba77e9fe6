"""Losses and metrics with weights and targets of shapes that broadcast, as any Keras can compute them.

``OBJECTS``: every loss and metric class called as it is; ``COMPILED``: what ``evaluate`` gives by compile().
Each is name -> function of (keras, constant), which gives numbers by the shapes of weights and masks, None
where the program refuses.
"""

from __future__ import annotations

from functools import partial

import numpy as np

LOSSES = """
BinaryCrossentropy BinaryFocalCrossentropy CategoricalCrossentropy CategoricalFocalCrossentropy
CategoricalHinge CosineSimilarity Hinge Huber KLDivergence LogCosh MeanAbsoluteError
MeanAbsolutePercentageError MeanSquaredError MeanSquaredLogarithmicError Poisson
SparseCategoricalCrossentropy SquaredHinge
""".split()
METRICS = """
AUC Accuracy BinaryAccuracy BinaryCrossentropy BinaryIoU CategoricalAccuracy CategoricalCrossentropy
CategoricalHinge CosineSimilarity F1Score FBetaScore FalseNegatives FalsePositives Hinge IoU KLDivergence
LogCoshError Mean MeanAbsoluteError MeanAbsolutePercentageError MeanIoU MeanSquaredError
MeanSquaredLogarithmicError MeanTensor OneHotIoU OneHotMeanIoU Poisson Precision PrecisionAtRecall R2Score
Recall RecallAtPrecision RootMeanSquaredError SensitivityAtSpecificity SparseCategoricalAccuracy
SparseCategoricalCrossentropy SparseTopKCategoricalAccuracy SpecificityAtSensitivity SquaredHinge Sum
TopKCategoricalAccuracy TrueNegatives TruePositives
""".split()
ARGUMENTS = {
    "IoU": {"num_classes": 5, "target_class_ids": [0]},
    "MeanIoU": {"num_classes": 5},
    "OneHotIoU": {"num_classes": 5, "target_class_ids": [0, 1]},
    "OneHotMeanIoU": {"num_classes": 5},
    "PrecisionAtRecall": {"recall": 0.5},
    "RecallAtPrecision": {"precision": 0.5},
    "SensitivityAtSpecificity": {"specificity": 0.5},
    "SpecificityAtSensitivity": {"sensitivity": 0.5},
}
OF_NUMBERS = ("IoU", "MeanIoU")
IMAGES, STEPS, ROWS, ONE, PIXELS = (4, 2, 3, 5), (4, 3, 5), (4, 5), (4, 1), (4, 2, 3, 1)


def draw(shape, seed):
    return np.random.RandomState(seed).uniform(0.05, 0.95, shape).astype("float32")


def weight_shapes(shape):
    """Shapes of weights for predictions of a shape: of leading axes, and with axes of size 1."""
    inner = shape[:-1]
    found = [None, *(inner[:n] for n in range(1, len(inner) + 1)), (*inner, 1), (*inner[:-1], 1)]
    found += [(1, *inner[1:]), (*inner[:1], *[1] * (len(inner) - 1)), (*inner[:1], *[1] * len(inner))]
    return [w for w in dict.fromkeys(found) if w != (1,)]


def data(name, shape):
    predictions, labels = draw(shape, 0), np.random.RandomState(1).randint(0, shape[-1], shape[:-1])
    if name in OF_NUMBERS:
        return labels, np.random.RandomState(3).randint(0, shape[-1], shape[:-1])
    if "ategorical" in name:
        predictions /= predictions.sum(-1, keepdims=True)
    return labels if "parse" in name else np.eye(shape[-1], dtype="float32")[labels], predictions


def answer(compute):
    try:
        return np.asarray(compute(), "float64").ravel().round(6).tolist()
    except Exception:
        return None


def of_loss(name, keras, constant):
    def call(shape, weights, masked, reduction):
        y, predictions = (constant(x) for x in data(name, shape))
        if masked:
            predictions._keras_mask = constant(np.random.RandomState(4).uniform(size=shape[:-1]) > 0.4)
        weight = None if weights is None else constant(draw(weights, 2))
        return getattr(keras.losses, name)(reduction=reduction)(y, predictions, sample_weight=weight)

    reductions = ("none", "sum", "sum_over_batch_size") if name in LOSSES[:2] else ("sum_over_batch_size",)
    return {
        f"{shape} weights {weights} masked {masked} {reduction}": answer(
            partial(call, shape, weights, masked, reduction)
        )
        for shape in (IMAGES, STEPS, ROWS)
        for weights in weight_shapes(shape)
        for masked in (False, True)
        for reduction in reductions
    }


def of_metric(name, keras, constant):
    def call(shape, weights):
        y, predictions = (constant(x) for x in data(name, shape))
        metric = getattr(keras.metrics, name)(**ARGUMENTS.get(name, {}))
        given = (predictions,) if name in ("Mean", "Sum", "MeanTensor") else (y, predictions)
        metric.update_state(*given, sample_weight=None if weights is None else constant(draw(weights, 2)))
        return metric.result()

    return {
        f"{shape} weights {weights}": answer(partial(call, shape, weights))
        for shape in (IMAGES, STEPS, ROWS)
        for weights in weight_shapes(shape)
    }


def target_shapes(shape, loss):
    if loss == "sparse_categorical_crossentropy":
        return [shape[:-1], (*shape[:-1], 1)]
    if loss == "categorical_crossentropy":
        return [shape]
    return [shape, shape[:-1] if shape[-1] == 1 else (*shape[:-1], 1)]


def of_compile(loss, shape, masked, keras, constant, base=None):
    """What evaluate gives, in the order of its names."""

    def call(target, weights):
        inputs = keras.Input(shape[1:])
        hidden = keras.layers.Masking(mask_value=-1.0)(inputs) if masked else inputs
        model = (base or keras.Model)(inputs, keras.layers.Activation("linear")(hidden))
        model.compile("sgd", loss, metrics=["mae"], weighted_metrics=["mae"])
        x = data(loss, shape)[1]
        if masked:
            x[0, 1:] = x[2, :1] = -1.0
        labels = np.random.RandomState(1)
        y = labels.randint(0, shape[-1], target) if loss[:6] == "sparse" else draw(target, 1) > 0.5
        weight = None if weights is None else draw(weights, 2)
        found = model.evaluate(
            x, y.astype("float32"), sample_weight=weight, batch_size=4, verbose=0, return_dict=True
        )
        assert list(found) == ["loss", "mae", "weighted_mae"]
        return list(found.values())

    return {
        f"target {target} weights {weights}": answer(partial(call, target, weights))
        for target in target_shapes(shape, loss)
        for weights in weight_shapes(shape)
        # fit cuts weights into batches, too; tf_keras weighs rows by samples where labels have less axes
        if weights is None or (weights[0] != 1 and len(weights) <= len(target) + (shape[-1] > 1))
    }


OBJECTS = {f"loss {name}": partial(of_loss, name) for name in LOSSES}
OBJECTS |= {f"metric {name}": partial(of_metric, name) for name in METRICS}
COMPILED = {
    f"{loss} {shape}{' masked' * masked}": partial(of_compile, loss, shape, masked)
    for loss in ("mse", "binary_crossentropy", "sparse_categorical_crossentropy", "categorical_crossentropy")
    for shape in (IMAGES, STEPS, ROWS, ONE, PIXELS)
    for masked in (False, True)
    if (not masked or shape == STEPS) and not ("categorical" in loss and shape[-1] == 1)
}

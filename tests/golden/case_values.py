"""Cases of plain functions: activations, initializers, regularizers, constraints, losses and metrics.

Input specs here are ``{"shape": [...], "kind": ...}`` with the whole shape, batch included;
``value_array`` makes the numbers from the rule of ``cases.array``.
"""

from __future__ import annotations

import numpy as np

ACTIVATION_GRID = [
    [-30.0, -10.0, -3.0, -2.5, -1.0, -0.5],
    [-0.1, -1e-3, 0.0, 1e-3, 0.1, 0.2],
    [0.5, 1.0, 2.5, 3.0, 10.0, 30.0],
]
ACTIVATION_CASES = [
    {"name": name, "function": name, "kwargs": {}}
    for name in (
        "elu",
        "softmax",
        "selu",
        "softplus",
        "softsign",
        "relu",
        "tanh",
        "sigmoid",
        "hard_sigmoid",
        "exponential",
        "linear",
    )
]
ACTIVATION_CASES += [
    {"name": "relu_alpha", "function": "relu", "kwargs": {"alpha": 0.1}},
    {"name": "relu_max", "function": "relu", "kwargs": {"max_value": 2.0}},
    {"name": "relu_threshold", "function": "relu", "kwargs": {"threshold": 0.3}},
    {"name": "relu_all", "function": "relu", "kwargs": {"alpha": 0.2, "max_value": 2.0, "threshold": 0.4}},
    {"name": "relu_negative_threshold", "function": "relu", "kwargs": {"alpha": 0.2, "threshold": -0.7}},
    {"name": "elu_alpha", "function": "elu", "kwargs": {"alpha": 0.5}},
    {
        "name": "softmax_axis_0",
        "function": "softmax",
        "kwargs": {"axis": 0},
        "oddity": "Keras 2.3.1 ignores the axis of a 2-D tensor",
    },
]

_DENSE, _CONV = [64, 128], [3, 3, 16, 32]
INITIALIZER_CASES = []
for _name, _kwargs in (
    ("glorot_normal", {}),
    ("glorot_uniform", {}),
    ("he_normal", {}),
    ("he_uniform", {}),
    ("lecun_normal", {}),
    ("lecun_uniform", {}),
    ("RandomNormal", {}),
    ("RandomNormal", {"mean": 0.5, "stddev": 2.0}),
    ("RandomUniform", {}),
    ("RandomUniform", {"minval": 0.0, "maxval": 3.0}),
    ("TruncatedNormal", {}),
    ("TruncatedNormal", {"mean": 1.0, "stddev": 0.5}),
    ("VarianceScaling", {"scale": 2.0, "mode": "fan_out", "distribution": "normal"}),
    ("VarianceScaling", {"scale": 0.5, "mode": "fan_avg", "distribution": "uniform"}),
    ("VarianceScaling", {}),
    ("Orthogonal", {}),
    ("Orthogonal", {"gain": 1.5}),
):
    for _shape in (_DENSE, _CONV):
        INITIALIZER_CASES.append(
            {
                "name": "_".join([_name] + [str(v) for v in _kwargs.values()]) + "_%dd" % len(_shape),
                "class": _name,
                "kwargs": _kwargs,
                "shape": _shape,
                "random": True,
            }
        )
for _name, _kwargs, _shape in (
    ("Zeros", {}, [2, 3]),
    ("Ones", {}, [2, 3]),
    ("Constant", {"value": 0.3}, [2, 3]),
    ("Identity", {}, [3, 3]),
    ("Identity", {"gain": 2.0}, [2, 2]),
):
    INITIALIZER_CASES.append(
        {
            "name": "_".join([_name] + [str(v) for v in _kwargs.values()]),
            "class": _name,
            "kwargs": _kwargs,
            "shape": _shape,
            "random": False,
        }
    )

REGULARIZER_CASES = [
    {"name": name, "function": function, "kwargs": kwargs, "shape": shape}
    for name, function, kwargs, shape in (
        ("l1", "l1", {}, [3, 4]),
        ("l2", "l2", {}, [3, 4]),
        ("l1_l2", "l1_l2", {}, [3, 4]),
        ("l1_strong", "l1", {"l": 0.3}, [3, 4]),
        ("l2_strong", "l2", {"l": 0.3}, [2, 2, 3]),
        ("l1_l2_both", "l1_l2", {"l1": 0.1, "l2": 0.2}, [5]),
        ("L1L2", "L1L2", {"l1": 0.1, "l2": 0.2}, [5]),
        ("L1L2_zero", "L1L2", {}, [5]),
    )
]

CONSTRAINT_CASES = [
    {"name": name, "function": function, "kwargs": kwargs, "shape": shape}
    for name, function, kwargs, shape in (
        ("max_norm", "max_norm", {"max_value": 0.8}, [4, 3]),
        ("max_norm_default", "max_norm", {}, [9, 5]),
        ("max_norm_axis_1", "max_norm", {"max_value": 0.8, "axis": 1}, [4, 3]),
        ("max_norm_conv", "max_norm", {"max_value": 1.0, "axis": [0, 1, 2]}, [2, 2, 3, 4]),
        ("non_neg", "non_neg", {}, [4, 3]),
        ("unit_norm", "unit_norm", {}, [4, 3]),
        ("unit_norm_conv", "unit_norm", {"axis": [0, 1, 2]}, [2, 2, 3, 2]),
        ("min_max_norm", "min_max_norm", {"min_value": 0.5, "max_value": 0.9}, [4, 3]),
        (
            "min_max_norm_rate",
            "min_max_norm",
            {"min_value": 0.5, "max_value": 0.9, "rate": 0.3, "axis": 1},
            [4, 3],
        ),
    )
]


def value_array(array, name, tag, spec):
    """The numbers of a spec; ``array`` is ``cases.array``."""
    kind, shape = spec["kind"], spec["shape"]
    if kind == "real":
        return array(name, tag, shape, -2.0, 2.0)
    if kind == "unit":
        return array(name, tag, shape, 0.05, 0.95)
    if kind == "positive":
        return array(name, tag, shape, 0.1, 2.0)
    if kind == "weights":
        return array(name, tag, shape, 0.0, 2.0)
    if kind == "binary":
        return array(name, tag, shape, 0.0, 2.0, "int32").astype("float32")
    if kind == "signs":
        return array(name, tag, shape, 0.0, 2.0, "int32").astype("float32") * 2 - 1
    if kind == "distribution":
        raw = array(name, tag, shape, 0.05, 1.0).astype("float64")
        return (raw / raw.sum(axis=-1, keepdims=True)).astype("float32")
    if kind == "labels":
        return array(name, tag, shape, 0, spec["classes"], "int32").astype("float32")
    if kind == "one_hot":
        labels = array(name, tag, shape[:-1], 0, shape[-1], "int32")
        return np.eye(shape[-1], dtype="float32")[labels]
    if kind == "quarters":  # few distinct values, so that ties and equalities happen
        return np.floor(array(name, tag, shape, 0.0, 5.0)) / np.float32(4)
    if kind == "certain":  # exact zeros and ones among the probabilities
        return np.clip(array(name, tag, shape, -0.5, 1.5), 0.0, 1.0).astype("float32")
    raise ValueError("unknown kind %r" % kind)


def _of(kind, *shape, **more):
    return dict({"kind": kind, "shape": list(shape)}, **more)


# Which numbers suit a loss or metric: (y_true kind, y_pred kind).
_REGRESSION = ("real", "real")
_FUNCTIONS = {
    "mean_squared_error": _REGRESSION,
    "mean_absolute_error": _REGRESSION,
    "mean_absolute_percentage_error": ("real", "real"),
    "mean_squared_logarithmic_error": ("positive", "real"),
    "squared_hinge": ("signs", "real"),
    "hinge": ("signs", "real"),
    "categorical_hinge": ("one_hot", "real"),
    "logcosh": _REGRESSION,
    "categorical_crossentropy": ("one_hot", "distribution"),
    "sparse_categorical_crossentropy": ("labels", "distribution"),
    "binary_crossentropy": ("binary", "unit"),
    "kullback_leibler_divergence": ("distribution", "distribution"),
    "poisson": ("positive", "positive"),
    "cosine_similarity": _REGRESSION,
    "cosine_proximity": _REGRESSION,
    "huber_loss": _REGRESSION,
}
_ALIASES = {
    "mse": "mean_squared_error",
    "MSE": "mean_squared_error",
    "mae": "mean_absolute_error",
    "MAE": "mean_absolute_error",
    "mape": "mean_absolute_percentage_error",
    "MAPE": "mean_absolute_percentage_error",
    "msle": "mean_squared_logarithmic_error",
    "MSLE": "mean_squared_logarithmic_error",
    "kld": "kullback_leibler_divergence",
    "KLD": "kullback_leibler_divergence",
    "cosine": "cosine_similarity",
}
_CLASSES = {
    "MeanSquaredError": "mean_squared_error",
    "MeanAbsoluteError": "mean_absolute_error",
    "MeanAbsolutePercentageError": "mean_absolute_percentage_error",
    "MeanSquaredLogarithmicError": "mean_squared_logarithmic_error",
    "BinaryCrossentropy": "binary_crossentropy",
    "CategoricalCrossentropy": "categorical_crossentropy",
    "SparseCategoricalCrossentropy": "sparse_categorical_crossentropy",
    "Hinge": "hinge",
    "SquaredHinge": "squared_hinge",
    "CategoricalHinge": "categorical_hinge",
    "Poisson": "poisson",
    "LogCosh": "logcosh",
    "KLDivergence": "kullback_leibler_divergence",
    "Huber": "huber_loss",
}

LOSS_CASES = []


def _pair(kinds, *shape, **more):
    true, pred = kinds
    true_spec = _of(true, *shape)
    if true == "labels":
        true_spec = _of(true, *(shape[:-1] + (1,)), classes=shape[-1])
    return dict({"y_true": true_spec, "y_pred": _of(pred, *shape)}, **more)


def _losses():
    for name, kinds in _FUNCTIONS.items():
        LOSS_CASES.append(_pair(kinds, 4, 3, name=name, function=name, kwargs={}))
        LOSS_CASES.append(_pair(kinds, 2, 3, 4, name=name + "_3d", function=name, kwargs={}))
    for alias, name in _ALIASES.items():
        LOSS_CASES.append(_pair(_FUNCTIONS[name], 4, 3, name="alias_" + alias, function=alias, kwargs={}))
    for suffix, kinds, kwargs in (
        ("_logits", "real", {"from_logits": True}),
        ("_smoothed", None, {"label_smoothing": 0.2}),
        ("_smoothed_logits", "real", {"label_smoothing": 0.1, "from_logits": True}),
        ("_certain", "certain", {}),
    ):
        for name in ("binary_crossentropy", "categorical_crossentropy", "sparse_categorical_crossentropy"):
            if "smooth" in suffix and name.startswith("sparse"):
                continue
            true, pred = _FUNCTIONS[name]
            LOSS_CASES.append(
                _pair((true, kinds or pred), 4, 3, name=name + suffix, function=name, kwargs=kwargs)
            )
    LOSS_CASES.append(
        _pair(
            ("labels", "distribution"),
            2,
            3,
            4,
            name="sparse_squeezed",
            function="sparse_categorical_crossentropy",
            kwargs={},
            squeeze=True,
        )
    )
    LOSS_CASES.append(
        _pair(
            _REGRESSION,
            4,
            3,
            name="cosine_similarity_axis_0",
            function="cosine_similarity",
            kwargs={"axis": 0},
        )
    )
    LOSS_CASES.append(
        _pair(_REGRESSION, 4, 3, name="huber_delta", function="huber_loss", kwargs={"delta": 0.4})
    )
    for name, function in _CLASSES.items():
        kinds = _FUNCTIONS[function]
        for reduction in ("sum_over_batch_size", "sum", "none"):
            LOSS_CASES.append(
                _pair(
                    kinds,
                    4,
                    3,
                    name="%s_%s" % (name, reduction),
                    **{"class": name, "kwargs": {"reduction": reduction}},
                )
            )
            LOSS_CASES.append(
                _pair(
                    kinds,
                    4,
                    3,
                    name="%s_%s_weighted" % (name, reduction),
                    sample_weight=_of("weights", 4),
                    **{"class": name, "kwargs": {"reduction": reduction}},
                )
            )
        LOSS_CASES.append(_pair(kinds, 2, 3, 4, name=name + "_3d", **{"class": name, "kwargs": {}}))
        LOSS_CASES.append(
            _pair(
                kinds,
                2,
                3,
                4,
                name=name + "_3d_weighted",
                sample_weight=_of("weights", 2, 3),
                **{"class": name, "kwargs": {}},
            )
        )
    for name, kwargs, kinds in (
        ("BinaryCrossentropy", {"from_logits": True}, ("binary", "real")),
        ("BinaryCrossentropy", {"label_smoothing": 0.2}, ("binary", "unit")),
        ("CategoricalCrossentropy", {"from_logits": True, "label_smoothing": 0.1}, ("one_hot", "real")),
        ("SparseCategoricalCrossentropy", {"from_logits": True}, ("labels", "real")),
        ("Huber", {"delta": 0.3}, _REGRESSION),
    ):
        LOSS_CASES.append(
            _pair(
                kinds, 4, 3, name=name + "_" + "_".join(sorted(kwargs)), **{"class": name, "kwargs": kwargs}
            )
        )


_losses()

METRIC_FUNCTION_CASES = []
METRIC_CASES = []


def _metrics():
    accuracies = {
        "binary_accuracy": ("binary", "unit"),
        "categorical_accuracy": ("one_hot", "distribution"),
        "sparse_categorical_accuracy": ("labels", "distribution"),
        "accuracy": ("quarters", "quarters"),
    }
    for name, kinds in accuracies.items():
        METRIC_FUNCTION_CASES.append(_pair(kinds, 6, 3, name=name, function=name, kwargs={}))
        METRIC_FUNCTION_CASES.append(_pair(kinds, 2, 3, 4, name=name + "_3d", function=name, kwargs={}))
    METRIC_FUNCTION_CASES.append(
        _pair(
            ("binary", "unit"),
            6,
            3,
            name="binary_accuracy_threshold",
            function="binary_accuracy",
            kwargs={"threshold": 0.7},
        )
    )
    for name in ("top_k_categorical_accuracy", "sparse_top_k_categorical_accuracy"):
        kinds = ("labels" if name.startswith("sparse") else "one_hot", "distribution")
        METRIC_FUNCTION_CASES.append(_pair(kinds, 6, 8, name=name, function=name, kwargs={}))
        METRIC_FUNCTION_CASES.append(_pair(kinds, 6, 4, name=name + "_k2", function=name, kwargs={"k": 2}))
    for name, kinds in _FUNCTIONS.items():
        if name != "huber_loss":
            METRIC_FUNCTION_CASES.append(_pair(kinds, 4, 3, name=name, function=name, kwargs={}))

    classes = [
        ("Accuracy", {}, ("quarters", "quarters")),
        ("BinaryAccuracy", {}, ("binary", "unit")),
        ("BinaryAccuracy", {"threshold": 0.7}, ("binary", "unit")),
        ("CategoricalAccuracy", {}, ("one_hot", "distribution")),
        ("SparseCategoricalAccuracy", {}, ("labels", "distribution")),
        ("TopKCategoricalAccuracy", {"k": 2}, ("one_hot", "distribution")),
        ("SparseTopKCategoricalAccuracy", {"k": 2}, ("labels", "distribution")),
        ("MeanSquaredError", {}, _REGRESSION),
        ("RootMeanSquaredError", {}, _REGRESSION),
        ("MeanAbsoluteError", {}, _REGRESSION),
        ("MeanAbsolutePercentageError", {}, _REGRESSION),
        ("MeanSquaredLogarithmicError", {}, ("positive", "positive")),
        ("Hinge", {}, ("signs", "real")),
        ("SquaredHinge", {}, ("signs", "real")),
        ("CategoricalHinge", {}, ("one_hot", "real")),
        ("CosineSimilarity", {}, _REGRESSION),
        ("KLDivergence", {}, ("distribution", "distribution")),
        ("Poisson", {}, ("positive", "positive")),
        ("LogCoshError", {}, _REGRESSION),
        ("BinaryCrossentropy", {}, ("binary", "unit")),
        ("BinaryCrossentropy", {"from_logits": True, "label_smoothing": 0.1}, ("binary", "real")),
        ("CategoricalCrossentropy", {}, ("one_hot", "distribution")),
        ("CategoricalCrossentropy", {"from_logits": True, "label_smoothing": 0.1}, ("one_hot", "real")),
        ("SparseCategoricalCrossentropy", {}, ("labels", "distribution")),
        ("SparseCategoricalCrossentropy", {"from_logits": True}, ("labels", "real")),
    ]
    binary = ("binary", "unit")
    for name in ("TruePositives", "TrueNegatives", "FalsePositives", "FalseNegatives", "Precision", "Recall"):
        classes += [
            (name, {}, binary),
            (name, {"thresholds": 0.7}, binary),
            (name, {"thresholds": [0.2, 0.5, 0.8]}, binary),
        ]
    for name in ("Precision", "Recall"):
        classes += [
            (name, {"top_k": 2}, ("one_hot", "distribution")),
            (name, {"class_id": 1}, binary),
            (name, {"top_k": 2, "class_id": 1}, ("one_hot", "distribution")),
        ]
    for kwargs in (
        {},
        {"num_thresholds": 5},
        {"curve": "PR"},
        {"summation_method": "minoring", "num_thresholds": 20},
        {"summation_method": "majoring", "num_thresholds": 20},
        {"thresholds": [0.3, 0.6]},
        {"curve": "PR", "num_thresholds": 7},
    ):
        classes.append(("AUC", kwargs, binary))
    classes += [
        ("SensitivityAtSpecificity", {"specificity": 0.6, "num_thresholds": 20}, binary),
        ("SpecificityAtSensitivity", {"sensitivity": 0.6, "num_thresholds": 20}, binary),
    ]
    for name, kwargs, kinds in classes:
        tag = "_".join(
            [name] + ["%s=%s" % (key, str(kwargs[key]).replace(" ", "")) for key in sorted(kwargs)]
        )
        for suffix, more in (("", {}), ("_weighted", {"sample_weight": _of("weights", 5)})):
            METRIC_CASES.append(
                _pair(kinds, 5, 3, name=tag + suffix, **dict({"class": name, "kwargs": kwargs}, **more))
            )
    for name in ("Mean", "Sum"):
        METRIC_CASES.append({"name": name, "class": name, "kwargs": {}, "values": _of("real", 5, 3)})
        METRIC_CASES.append(
            {
                "name": name + "_weighted",
                "class": name,
                "kwargs": {},
                "values": _of("real", 5),
                "sample_weight": _of("weights", 5),
            }
        )
    for suffix, more in (("", {}), ("_weighted", {"sample_weight": _of("weights", 5)})):
        METRIC_CASES.append(
            dict(
                {
                    "name": "MeanIoU" + suffix,
                    "class": "MeanIoU",
                    "kwargs": {"num_classes": 3},
                    "y_true": _of("labels", 5, classes=3),
                    "y_pred": _of("labels", 5, classes=3),
                },
                **more,
            )
        )


_metrics()

GROUPS = {
    "activations": ACTIVATION_CASES,
    "initializers": INITIALIZER_CASES,
    "regularizers": REGULARIZER_CASES,
    "constraints": CONSTRAINT_CASES,
    "losses": LOSS_CASES,
    "metric_functions": METRIC_FUNCTION_CASES,
    "metrics": METRIC_CASES,
}

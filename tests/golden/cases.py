"""The cases that real Keras was asked, as plain data: no Keras, no torch, only the standard library and
numpy.

Every number that goes into a case follows one rule, so nothing that can be made again is stored::

    array(case name, tag, shape, low, high, dtype)
      = RandomState(crc32("<case name>/<tag>")).uniform(low, high, shape)  cast to dtype

Integer dtypes take the floor of the uniform draw, so ``high`` is exclusive.  Tags in use: ``input<i>``
(``input<i>@<k>`` for the k-th of successive predictions), ``weight<i>`` (``probe<i>`` for the helper
Dense layers), ``target<i>``, ``x<step>``/``y<step>`` for batches of the optimizer cases.

A layer in a case is ``{"class": "Dense", "kwargs": {...}}``; a kwarg that is itself such a mapping is a
layer too (wrappers), and ``{"object": "regularizers.l2", "kwargs": {...}}`` is an object of the module
named.  The file keeps to syntax that Python 3.7 reads, because Keras 2.3.1 lives there.
"""

from __future__ import annotations

from . import case_training, case_values
from .case_convolutions import convolutions, pooling
from .case_recurrent import recurrent
from .case_rows import LAYERS, case, weightless
from .case_rows import array as array
from .case_rows import floats as floats
from .case_rows import input_array as input_array
from .case_rows import integers as integers
from .case_rows import layer as layer
from .case_rows import weight as weight

ACTIVATIONS = [
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
]


def _core():
    case("dense", layer("Dense", units=4), floats(3))
    case("dense_no_bias", layer("Dense", units=4, use_bias=False), floats(3))
    case("dense_3d", layer("Dense", units=2, activation="tanh"), floats(3, 4))
    case("dense_4d", layer("Dense", units=2), floats(2, 3, 4))
    for name in ACTIVATIONS:
        case("dense_" + name, layer("Dense", units=4, activation=name), floats(3))
        weightless("activation_" + name, layer("Activation", activation=name), floats(5, low=-3, high=3))
    case(
        "dense_l1_l2",
        layer(
            "Dense",
            units=4,
            kernel_regularizer={"object": "regularizers.l1_l2", "kwargs": {"l1": 0.02, "l2": 0.03}},
            bias_regularizer={"object": "regularizers.l2", "kwargs": {"l": 0.1}},
        ),
        floats(3),
    )
    case(
        "dense_activity_l2",
        layer("Dense", units=4, activity_regularizer={"object": "regularizers.l2", "kwargs": {"l": 0.1}}),
        floats(3, batch=4),
    )
    case(
        "dense_activity_l1",
        layer("Dense", units=4, activity_regularizer={"object": "regularizers.l1", "kwargs": {"l": 0.1}}),
        floats(3, batch=4),
    )
    for name, kwargs in (
        ("max_norm", {"max_value": 0.6}),
        ("non_neg", {}),
        ("unit_norm", {}),
        ("min_max_norm", {"min_value": 0.4, "max_value": 0.7, "rate": 0.5}),
    ):
        case(
            "dense_" + name,
            layer("Dense", units=4, kernel_constraint={"object": "constraints." + name, "kwargs": kwargs}),
            floats(3),
        )
    weightless("dropout", layer("Dropout", rate=0.4), floats(5), train=False)
    weightless(
        "dropout_noise_shape", layer("Dropout", rate=0.4, noise_shape=[2, 1, 4]), floats(3, 4), train=False
    )
    weightless("spatial_dropout_1d", layer("SpatialDropout1D", rate=0.4), floats(3, 4), train=False)
    weightless("spatial_dropout_2d", layer("SpatialDropout2D", rate=0.4), floats(3, 4, 2), train=False)
    weightless("spatial_dropout_3d", layer("SpatialDropout3D", rate=0.4), floats(2, 3, 2, 2), train=False)
    weightless("gaussian_noise", layer("GaussianNoise", stddev=0.4), floats(5), train=False)
    weightless("gaussian_dropout", layer("GaussianDropout", rate=0.4), floats(5), train=False)
    weightless("alpha_dropout", layer("AlphaDropout", rate=0.4), floats(5), train=False)
    weightless("flatten", layer("Flatten"), floats(3, 4))
    weightless("flatten_2d_input", layer("Flatten"), floats(4))
    weightless("flatten_channels_first", layer("Flatten", data_format="channels_first"), floats(2, 3, 4))
    weightless("reshape", layer("Reshape", target_shape=[2, 6]), floats(3, 4))
    weightless("reshape_unknown", layer("Reshape", target_shape=[-1, 2]), floats(3, 4))
    weightless("permute", layer("Permute", dims=[2, 1]), floats(3, 4))
    weightless("permute_3d", layer("Permute", dims=[3, 1, 2]), floats(2, 3, 4))
    weightless("repeat_vector", layer("RepeatVector", n=3), floats(4))
    weightless("activity_regularization", layer("ActivityRegularization", l1=0.01, l2=0.02), floats(4))
    case(
        "masking",
        layer("Masking", mask_value=0.0),
        floats(4, 3, mask=[[1, 0, 1, 0], [1, 1, 1, 1]]),
        train=False,
    )
    case("masking_value", layer("Masking", mask_value=-1.0), floats(4, 3), train=False)
    case("embedding", layer("Embedding", input_dim=7, output_dim=3), integers(4, low=0, high=7))
    case(
        "embedding_input_length",
        layer("Embedding", input_dim=7, output_dim=3, input_length=4),
        integers(4, low=0, high=7),
    )
    case(
        "embedding_mask_zero",
        layer("Embedding", input_dim=3, output_dim=3, mask_zero=True),
        integers(4, low=0, high=3),
    )
    case("embedding_2d", layer("Embedding", input_dim=5, output_dim=2), integers(2, 3, low=0, high=5))
    case(
        "embedding_l2",
        layer(
            "Embedding",
            input_dim=5,
            output_dim=2,
            embeddings_regularizer={"object": "regularizers.l2", "kwargs": {"l": 0.05}},
        ),
        integers(3, low=0, high=5),
    )


def _advanced_activations():
    weightless("leaky_relu", layer("LeakyReLU"), floats(6))
    weightless("leaky_relu_alpha", layer("LeakyReLU", alpha=0.05), floats(6))
    case("prelu", layer("PReLU"), floats(6))
    case("prelu_shared", layer("PReLU", shared_axes=[1, 2]), floats(3, 4, 2))
    case("prelu_shared_one", layer("PReLU", shared_axes=[1]), floats(3, 4))
    weightless("elu", layer("ELU"), floats(6))
    weightless("elu_alpha", layer("ELU", alpha=0.3), floats(6))
    weightless("thresholded_relu", layer("ThresholdedReLU", theta=0.3), floats(6))
    weightless("softmax_layer", layer("Softmax"), floats(6))
    weightless("softmax_axis_1", layer("Softmax", axis=1), floats(3, 4))
    weightless("softmax_axis_-2", layer("Softmax", axis=-2), floats(3, 4, 2))
    weightless("relu_layer", layer("ReLU"), floats(6))
    weightless("relu_max", layer("ReLU", max_value=0.5), floats(6))
    weightless("relu_slope", layer("ReLU", negative_slope=0.2), floats(6))
    weightless("relu_threshold", layer("ReLU", threshold=0.2), floats(6))
    weightless("relu_all", layer("ReLU", max_value=0.7, negative_slope=0.1, threshold=0.2), floats(6))
    weightless("relu_6", layer("ReLU", max_value=6.0), floats(8, low=-2, high=9))


def _normalization():
    norm = "BatchNormalization"
    case("batch_norm_2d", layer(norm), floats(4, batch=6))
    case("batch_norm_3d", layer(norm), floats(3, 4, batch=3))
    case("batch_norm_4d", layer(norm), floats(3, 4, 2, batch=3))
    case("batch_norm_4d_axis_1", layer(norm, axis=1), floats(2, 3, 4, batch=3))
    case("batch_norm_3d_axis_1", layer(norm, axis=1), floats(3, 4, batch=3))
    case("batch_norm_5d", layer(norm), floats(2, 2, 3, 2, batch=3))
    case("batch_norm_no_center", layer(norm, center=False), floats(4, batch=6))
    case("batch_norm_no_scale", layer(norm, scale=False), floats(4, batch=6))
    case("batch_norm_bare", layer(norm, center=False, scale=False), floats(4, batch=6))
    case("batch_norm_4d_no_scale", layer(norm, scale=False), floats(3, 4, 2, batch=3))
    case("batch_norm_momentum", layer(norm, momentum=0.5, epsilon=0.01), floats(4, batch=6))
    case("batch_norm_4d_momentum", layer(norm, momentum=0.5, epsilon=0.01), floats(2, 3, 2, batch=4))


def _merges():
    for name in ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum"):
        weightless(name.lower(), layer(name), floats(3, 2), floats(3, 2), call="list")
        weightless(name.lower() + "_broadcast", layer(name), floats(3, 2), floats(1, 2), call="list")
        weightless(name.lower() + "_ranks", layer(name), floats(3, 4), floats(4), call="list")
        if name != "Subtract":
            weightless(name.lower() + "_three", layer(name), floats(4), floats(4), floats(4), call="list")
    weightless("concatenate", layer("Concatenate"), floats(3, 2), floats(3, 4), call="list")
    weightless(
        "concatenate_axis_1",
        layer("Concatenate", axis=1),
        floats(3, 2),
        floats(2, 2),
        floats(1, 2),
        call="list",
    )
    for axes in (1, 2, -1, [1, 2], [2, 1]):
        shapes = {1: ((3, 2), (3, 4)), 2: ((3, 2), (4, 2)), -1: ((3, 2), (4, 2))}
        a, b = shapes.get(axes if isinstance(axes, int) else None, ((3, 2), (2, 3)))
        if axes == [1, 2]:
            b = (4, 3)
        elif axes == [2, 1]:
            b = (2, 4)
        tag = str(axes).replace(" ", "")
        weightless("dot_" + tag, layer("Dot", axes=axes), floats(*a), floats(*b), call="list")
        weightless(
            "dot_%s_normalize" % tag,
            layer("Dot", axes=axes, normalize=True),
            floats(*a),
            floats(*b),
            call="list",
        )
    weightless("dot_vectors", layer("Dot", axes=1), floats(4), floats(4), call="list")
    weightless(
        "dot_vectors_normalize", layer("Dot", axes=-1, normalize=True), floats(4), floats(4), call="list"
    )
    weightless("dot_matrix_vector", layer("Dot", axes=[2, 1]), floats(3, 4), floats(4), call="list")


_core()


_advanced_activations()


convolutions()


pooling()


_normalization()


_merges()


recurrent()


# --------------------------------------------------------------------------------------------------
# Optimizers: {"optimizer": class, "kwargs": ..., "model": "dense" or "embedding"}; a fresh batch a step, mse.

OPTIMIZER_STEPS = 10


OPTIMIZER_SNAPSHOTS = [1, 2, 5, 10]


OPTIMIZERS = []


def _optimizers():
    bases = [
        ("sgd", "SGD", {}),
        ("momentum", "SGD", {"momentum": 0.9}),
        ("nesterov", "SGD", {"momentum": 0.9, "nesterov": True}),
        ("rmsprop", "RMSprop", {}),
        ("adagrad", "Adagrad", {}),
        ("adadelta", "Adadelta", {}),
        ("adam", "Adam", {}),
        ("amsgrad", "Adam", {"amsgrad": True}),
        ("adamax", "Adamax", {}),
        ("nadam", "Nadam", {}),
    ]
    for short, name, base in bases:
        variants = [
            ("", {}),
            ("_lr", {"lr": 0.05}),
            ("_clipnorm", {"clipnorm": 0.1}),
            ("_clipvalue", {"clipvalue": 0.02}),
        ]
        if name != "Nadam":
            variants.append(("_decay", {"decay": 0.1}))
        if name != "SGD":
            variants.append(("_epsilon", {"epsilon": 0.01}))
        if name == "RMSprop":
            variants.append(("_rho", {"rho": 0.5}))
        if name == "Adadelta":
            variants.append(("_rho", {"rho": 0.5, "lr": 0.1}))
        if name in ("Adam", "Adamax", "Nadam"):
            variants.append(("_betas", {"beta_1": 0.5, "beta_2": 0.8}))
        if name == "Nadam":
            variants.append(("_schedule_decay", {"schedule_decay": 0.1}))
        for suffix, kwargs in variants:
            OPTIMIZERS.append(
                {"name": short + suffix, "optimizer": name, "kwargs": dict(base, **kwargs), "model": "dense"}
            )
        OPTIMIZERS.append(
            {"name": short + "_embedding", "optimizer": name, "kwargs": dict(base), "model": "embedding"}
        )
    OPTIMIZERS.append(
        {
            "name": "sgd_clip_both",
            "optimizer": "SGD",
            "kwargs": {"lr": 0.1, "clipnorm": 0.3, "clipvalue": 0.05},
            "model": "dense",
        }
    )
    OPTIMIZERS.append(
        {
            "name": "adam_embedding_clipnorm",
            "optimizer": "Adam",
            "kwargs": {"clipnorm": 0.1},
            "model": "embedding",
        }
    )


_optimizers()


GROUPS = {"layers": LAYERS, "optimizers": OPTIMIZERS}


GROUPS.update(case_values.GROUPS)


GROUPS.update(case_training.GROUPS)

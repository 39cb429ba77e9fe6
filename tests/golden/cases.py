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

import zlib

import numpy as np

from . import case_training, case_values


def array(name, tag, shape, low=-1.0, high=1.0, dtype="float32"):
    """The numbers of one tensor: see the module's docstring for the rule."""
    random = np.random.RandomState(zlib.crc32((name + "/" + tag).encode()) & 0x7FFFFFFF)
    values = random.uniform(low, high, tuple(shape))
    if np.issubdtype(np.dtype(dtype), np.integer):
        values = np.floor(values)
    return values.astype(dtype)


def weight(name, index, short_name, shape, tag="weight"):
    """The value set on a weight: variances and scales around one, everything else in [-0.5, 0.5)."""
    positive = short_name.split("/")[-1] in ("gamma", "moving_variance")
    low, high = (0.5, 1.5) if positive else (-0.5, 0.5)
    return array(name, tag + str(index), shape, low, high)


def input_array(name, index, spec, tag_suffix=""):
    """The value fed for an input spec; a ``mask`` in the spec zeroes the steps where it holds 0."""
    shape = [spec.get("batch", 2)] + list(spec["shape"])
    dtype = spec.get("dtype", "float32")
    values = array(
        name, "input%d%s" % (index, tag_suffix), shape, spec.get("low", -1.0), spec.get("high", 1.0), dtype
    )
    if "mask" in spec:
        mask = np.asarray(spec["mask"], dtype=dtype)
        values = values * mask.reshape(mask.shape + (1,) * (values.ndim - mask.ndim))
    return values


# --------------------------------------------------------------------------------------------------
# Layers


def layer(class_name, **kwargs):
    return {"class": class_name, "kwargs": kwargs}


def floats(*shape, **options):
    return dict({"shape": list(shape)}, **options)


def integers(*shape, **options):
    return dict({"shape": list(shape), "dtype": "int32"}, **options)


LAYERS = []


def _case(name, layer_spec, *inputs, **options):
    """Options: ``call`` ("one", "list" or "states"), ``before`` (layers on the first input), ``probe`` (a
    Dense layer on the last axis of every input, so that training shows the gradient through a layer
    without weights), ``train``, ``predicts`` (successive predictions)."""
    options.setdefault("call", "one")
    options.setdefault("probe", False)
    options.setdefault("train", True)
    LAYERS.append(dict({"name": name, "layer": layer_spec, "inputs": list(inputs)}, **options))


def _weightless(name, layer_spec, *inputs, **options):
    _case(name, layer_spec, *inputs, **dict({"probe": True}, **options))


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
    _case("dense", layer("Dense", units=4), floats(3))
    _case("dense_no_bias", layer("Dense", units=4, use_bias=False), floats(3))
    _case("dense_3d", layer("Dense", units=2, activation="tanh"), floats(3, 4))
    _case("dense_4d", layer("Dense", units=2), floats(2, 3, 4))
    for name in ACTIVATIONS:
        _case("dense_" + name, layer("Dense", units=4, activation=name), floats(3))
        _weightless("activation_" + name, layer("Activation", activation=name), floats(5, low=-3, high=3))
    _case(
        "dense_l1_l2",
        layer(
            "Dense",
            units=4,
            kernel_regularizer={"object": "regularizers.l1_l2", "kwargs": {"l1": 0.02, "l2": 0.03}},
            bias_regularizer={"object": "regularizers.l2", "kwargs": {"l": 0.1}},
        ),
        floats(3),
    )
    _case(
        "dense_activity_l2",
        layer("Dense", units=4, activity_regularizer={"object": "regularizers.l2", "kwargs": {"l": 0.1}}),
        floats(3, batch=4),
    )
    _case(
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
        _case(
            "dense_" + name,
            layer("Dense", units=4, kernel_constraint={"object": "constraints." + name, "kwargs": kwargs}),
            floats(3),
        )
    _weightless("dropout", layer("Dropout", rate=0.4), floats(5), train=False)
    _weightless(
        "dropout_noise_shape", layer("Dropout", rate=0.4, noise_shape=[2, 1, 4]), floats(3, 4), train=False
    )
    _weightless("spatial_dropout_1d", layer("SpatialDropout1D", rate=0.4), floats(3, 4), train=False)
    _weightless("spatial_dropout_2d", layer("SpatialDropout2D", rate=0.4), floats(3, 4, 2), train=False)
    _weightless("spatial_dropout_3d", layer("SpatialDropout3D", rate=0.4), floats(2, 3, 2, 2), train=False)
    _weightless("gaussian_noise", layer("GaussianNoise", stddev=0.4), floats(5), train=False)
    _weightless("gaussian_dropout", layer("GaussianDropout", rate=0.4), floats(5), train=False)
    _weightless("alpha_dropout", layer("AlphaDropout", rate=0.4), floats(5), train=False)
    _weightless("flatten", layer("Flatten"), floats(3, 4))
    _weightless("flatten_2d_input", layer("Flatten"), floats(4))
    _weightless("flatten_channels_first", layer("Flatten", data_format="channels_first"), floats(2, 3, 4))
    _weightless("reshape", layer("Reshape", target_shape=[2, 6]), floats(3, 4))
    _weightless("reshape_unknown", layer("Reshape", target_shape=[-1, 2]), floats(3, 4))
    _weightless("permute", layer("Permute", dims=[2, 1]), floats(3, 4))
    _weightless("permute_3d", layer("Permute", dims=[3, 1, 2]), floats(2, 3, 4))
    _weightless("repeat_vector", layer("RepeatVector", n=3), floats(4))
    _weightless("activity_regularization", layer("ActivityRegularization", l1=0.01, l2=0.02), floats(4))
    _case(
        "masking",
        layer("Masking", mask_value=0.0),
        floats(4, 3, mask=[[1, 0, 1, 0], [1, 1, 1, 1]]),
        train=False,
    )
    _case("masking_value", layer("Masking", mask_value=-1.0), floats(4, 3), train=False)
    _case("embedding", layer("Embedding", input_dim=7, output_dim=3), integers(4, low=0, high=7))
    _case(
        "embedding_input_length",
        layer("Embedding", input_dim=7, output_dim=3, input_length=4),
        integers(4, low=0, high=7),
    )
    _case(
        "embedding_mask_zero",
        layer("Embedding", input_dim=3, output_dim=3, mask_zero=True),
        integers(4, low=0, high=3),
    )
    _case("embedding_2d", layer("Embedding", input_dim=5, output_dim=2), integers(2, 3, low=0, high=5))
    _case(
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
    _weightless("leaky_relu", layer("LeakyReLU"), floats(6))
    _weightless("leaky_relu_alpha", layer("LeakyReLU", alpha=0.05), floats(6))
    _case("prelu", layer("PReLU"), floats(6))
    _case("prelu_shared", layer("PReLU", shared_axes=[1, 2]), floats(3, 4, 2))
    _case("prelu_shared_one", layer("PReLU", shared_axes=[1]), floats(3, 4))
    _weightless("elu", layer("ELU"), floats(6))
    _weightless("elu_alpha", layer("ELU", alpha=0.3), floats(6))
    _weightless("thresholded_relu", layer("ThresholdedReLU", theta=0.3), floats(6))
    _weightless("softmax_layer", layer("Softmax"), floats(6))
    _weightless("softmax_axis_1", layer("Softmax", axis=1), floats(3, 4))
    _weightless("softmax_axis_-2", layer("Softmax", axis=-2), floats(3, 4, 2))
    _weightless("relu_layer", layer("ReLU"), floats(6))
    _weightless("relu_max", layer("ReLU", max_value=0.5), floats(6))
    _weightless("relu_slope", layer("ReLU", negative_slope=0.2), floats(6))
    _weightless("relu_threshold", layer("ReLU", threshold=0.2), floats(6))
    _weightless("relu_all", layer("ReLU", max_value=0.7, negative_slope=0.1, threshold=0.2), floats(6))
    _weightless("relu_6", layer("ReLU", max_value=6.0), floats(8, low=-2, high=9))


def _convolutions():
    for padding in ("valid", "same", "causal"):
        for strides, dilation in ((1, 1), (2, 1), (1, 2)):
            _case(
                "conv1d_%s_s%d_d%d" % (padding, strides, dilation),
                layer(
                    "Conv1D",
                    filters=3,
                    kernel_size=3,
                    strides=strides,
                    padding=padding,
                    dilation_rate=dilation,
                ),
                floats(7, 2),
            )
    _case("conv1d_even_kernel_same", layer("Conv1D", filters=2, kernel_size=4, padding="same"), floats(7, 2))
    _case(
        "conv1d_channels_first",
        layer("Conv1D", filters=3, kernel_size=3, data_format="channels_first"),
        floats(2, 7),
    )
    _case(
        "conv1d_no_bias_relu",
        layer("Conv1D", filters=3, kernel_size=2, use_bias=False, activation="relu"),
        floats(6, 2),
    )
    for padding in ("valid", "same"):
        for strides in (1, 2):
            for data_format in ("channels_last", "channels_first"):
                shape = (6, 5, 2) if data_format == "channels_last" else (2, 6, 5)
                _case(
                    "conv2d_%s_s%d_%s" % (padding, strides, data_format),
                    layer(
                        "Conv2D",
                        filters=3,
                        kernel_size=[3, 2],
                        strides=strides,
                        padding=padding,
                        data_format=data_format,
                    ),
                    floats(*shape),
                )
        _case(
            "conv2d_%s_dilated" % padding,
            layer("Conv2D", filters=2, kernel_size=[2, 3], padding=padding, dilation_rate=[2, 1]),
            floats(6, 6, 2),
        )
        _case(
            "conv3d_%s" % padding,
            layer("Conv3D", filters=2, kernel_size=[2, 3, 2], padding=padding),
            floats(3, 4, 3, 2),
        )
        _case(
            "conv3d_%s_strided" % padding,
            layer("Conv3D", filters=2, kernel_size=2, strides=[2, 1, 2], padding=padding),
            floats(4, 3, 4, 2),
        )
        for strides in (1, 2, 3):
            _case(
                "conv2d_transpose_%s_s%d" % (padding, strides),
                layer("Conv2DTranspose", filters=2, kernel_size=[3, 2], strides=strides, padding=padding),
                floats(4, 3, 3),
            )
        _case(
            "conv2d_transpose_%s_output_padding" % padding,
            layer("Conv2DTranspose", filters=2, kernel_size=3, strides=2, padding=padding, output_padding=1),
            floats(3, 4, 2),
        )
        _case(
            "conv3d_transpose_%s" % padding,
            layer("Conv3DTranspose", filters=2, kernel_size=2, strides=2, padding=padding),
            floats(2, 2, 3, 2),
        )
        _case(
            "separable_conv1d_%s" % padding,
            layer("SeparableConv1D", filters=3, kernel_size=3, padding=padding, depth_multiplier=2),
            floats(7, 2),
        )
        _case(
            "separable_conv2d_%s" % padding,
            layer("SeparableConv2D", filters=3, kernel_size=[3, 2], padding=padding, depth_multiplier=2),
            floats(5, 6, 2),
        )
        _case(
            "separable_conv2d_%s_strided" % padding,
            layer("SeparableConv2D", filters=3, kernel_size=3, strides=2, padding=padding),
            floats(6, 7, 2),
        )
        for strides in (1, 2):
            _case(
                "depthwise_conv2d_%s_s%d" % (padding, strides),
                layer("DepthwiseConv2D", kernel_size=3, strides=strides, padding=padding, depth_multiplier=2),
                floats(5, 6, 2),
            )
    _case(
        "conv2d_no_bias_tanh",
        layer("Conv2D", filters=3, kernel_size=2, use_bias=False, activation="tanh"),
        floats(4, 4, 2),
    )
    _case(
        "conv2d_softmax_channels_first",
        layer("Conv2D", filters=3, kernel_size=2, activation="softmax", data_format="channels_first"),
        floats(2, 4, 4),
    )
    _case("conv2d_one_by_one", layer("Conv2D", filters=4, kernel_size=1), floats(3, 3, 2))
    _case(
        "conv2d_even_kernel_same_strided",
        layer("Conv2D", filters=2, kernel_size=4, strides=[2, 3], padding="same"),
        floats(7, 8, 1),
    )
    _case(
        "conv3d_channels_first",
        layer("Conv3D", filters=2, kernel_size=2, data_format="channels_first"),
        floats(2, 3, 4, 3),
    )
    _case("conv3d_dilated", layer("Conv3D", filters=2, kernel_size=2, dilation_rate=2), floats(4, 4, 4, 1))
    _case(
        "conv2d_transpose_channels_first",
        layer(
            "Conv2DTranspose",
            filters=2,
            kernel_size=3,
            strides=2,
            padding="same",
            data_format="channels_first",
        ),
        floats(2, 3, 4),
    )
    _case(
        "conv2d_transpose_dilated",
        layer("Conv2DTranspose", filters=2, kernel_size=3, padding="same", dilation_rate=2),
        floats(5, 5, 2),
    )
    _case(
        "conv2d_transpose_output_padding_pair",
        layer(
            "Conv2DTranspose", filters=1, kernel_size=3, strides=[2, 3], padding="same", output_padding=[1, 2]
        ),
        floats(3, 3, 1),
    )
    _case(
        "conv2d_transpose_no_bias",
        layer("Conv2DTranspose", filters=2, kernel_size=2, use_bias=False, activation="relu"),
        floats(3, 3, 2),
    )
    _case(
        "conv3d_transpose_output_padding",
        layer("Conv3DTranspose", filters=1, kernel_size=3, strides=2, padding="same", output_padding=1),
        floats(2, 2, 2, 1),
    )
    _case(
        "conv3d_transpose_channels_first",
        layer("Conv3DTranspose", filters=2, kernel_size=2, data_format="channels_first"),
        floats(2, 2, 3, 2),
    )
    _case(
        "separable_conv1d_strided",
        layer("SeparableConv1D", filters=3, kernel_size=3, strides=2),
        floats(7, 2),
    )
    _case(
        "separable_conv1d_dilated",
        layer("SeparableConv1D", filters=3, kernel_size=3, dilation_rate=2, padding="same"),
        floats(7, 2),
    )
    _case(
        "separable_conv1d_causal",
        layer("SeparableConv1D", filters=3, kernel_size=3, padding="causal"),
        floats(7, 2),
    )
    _case(
        "separable_conv1d_channels_first",
        layer("SeparableConv1D", filters=3, kernel_size=3, data_format="channels_first"),
        floats(2, 7),
    )
    _case(
        "separable_conv2d_channels_first",
        layer("SeparableConv2D", filters=3, kernel_size=2, data_format="channels_first"),
        floats(2, 4, 4),
    )
    _case(
        "separable_conv2d_dilated",
        layer(
            "SeparableConv2D", filters=3, kernel_size=2, dilation_rate=2, use_bias=False, activation="relu"
        ),
        floats(6, 6, 2),
    )
    _case(
        "depthwise_conv2d_channels_first",
        layer("DepthwiseConv2D", kernel_size=2, data_format="channels_first"),
        floats(2, 4, 4),
    )
    _case(
        "depthwise_conv2d_no_bias",
        layer("DepthwiseConv2D", kernel_size=2, use_bias=False, activation="relu"),
        floats(4, 4, 3),
    )
    _case(
        "depthwise_conv2d_dilated",
        layer("DepthwiseConv2D", kernel_size=2, dilation_rate=[2, 2]),
        floats(6, 5, 2),
    )
    _case(
        "locally_connected_1d", layer("LocallyConnected1D", filters=2, kernel_size=3, strides=2), floats(7, 2)
    )
    _case(
        "locally_connected_1d_no_bias",
        layer("LocallyConnected1D", filters=2, kernel_size=2, use_bias=False, activation="tanh"),
        floats(5, 2),
    )
    _case(
        "locally_connected_2d",
        layer("LocallyConnected2D", filters=2, kernel_size=[3, 2], strides=[1, 2]),
        floats(5, 6, 2),
    )
    _case(
        "locally_connected_2d_channels_first",
        layer("LocallyConnected2D", filters=2, kernel_size=2, data_format="channels_first"),
        floats(2, 4, 3),
    )


def _pooling():
    shapes = {1: (7, 2), 2: (5, 6, 2), 3: (4, 5, 3, 2)}
    first = {1: (2, 7), 2: (2, 5, 6), 3: (2, 4, 5, 3)}
    for kind in ("Max", "Average"):
        for rank in (1, 2, 3):
            for padding in ("valid", "same"):
                for data_format, table in (("channels_last", shapes), ("channels_first", first)):
                    _weightless(
                        "%s_pool%dd_%s_%s" % (kind.lower(), rank, padding, data_format),
                        layer(
                            "%sPooling%dD" % (kind, rank),
                            pool_size=2,
                            padding=padding,
                            data_format=data_format,
                        ),
                        floats(*table[rank]),
                    )
                _weightless(
                    "%s_pool%dd_%s_overlap" % (kind.lower(), rank, padding),
                    layer(
                        "%sPooling%dD" % (kind, rank),
                        pool_size=3,
                        strides=2 if rank == 1 else 1,
                        padding=padding,
                    ),
                    # TensorFlow takes values within 1e-5 of a 3-D maximum for ties; this size has none.
                    floats(*shapes[rank], batch=1 if rank == 3 else 2),
                )
        _weightless(
            "%s_pool2d_stride_3" % kind.lower(),
            layer(kind + "Pooling2D", pool_size=[2, 3], strides=[3, 2]),
            floats(6, 7, 1),
        )
    for kind in ("Max", "Average"):
        for rank in (1, 2, 3):
            for data_format, table in (("channels_last", shapes), ("channels_first", first)):
                _weightless(
                    "global_%s_pool%dd_%s" % (kind.lower(), rank, data_format),
                    layer("Global%sPooling%dD" % (kind, rank), data_format=data_format),
                    floats(*table[rank]),
                )
    _case(
        "global_average_pool1d_masked",
        layer("GlobalAveragePooling1D"),
        floats(4, 3, mask=[[1, 0, 1, 0], [1, 1, 1, 1]]),
        before=[layer("Masking", mask_value=0.0)],
        train=False,
    )
    for rank, table, pads in (
        (1, (4, 2), [1, 2]),
        (2, (3, 4, 2), [[1, 2], [0, 1]]),
        (3, (2, 3, 2, 2), [[1, 0], [0, 1], [1, 1]]),
    ):
        _weightless("zero_padding_%dd" % rank, layer("ZeroPadding%dD" % rank, padding=pads), floats(*table))
        _weightless("zero_padding_%dd_int" % rank, layer("ZeroPadding%dD" % rank, padding=1), floats(*table))
    _weightless(
        "zero_padding_2d_channels_first",
        layer("ZeroPadding2D", padding=[[1, 2], [0, 1]], data_format="channels_first"),
        floats(2, 3, 4),
    )
    _weightless(
        "zero_padding_3d_channels_first",
        layer("ZeroPadding3D", padding=[[1, 0], [0, 1], [1, 1]], data_format="channels_first"),
        floats(2, 2, 3, 2),
    )
    _weightless("cropping_1d", layer("Cropping1D", cropping=[1, 2]), floats(6, 2))
    _weightless("cropping_2d", layer("Cropping2D", cropping=[[1, 0], [2, 1]]), floats(4, 5, 2))
    _weightless("cropping_3d", layer("Cropping3D", cropping=[[1, 0], [0, 1], [1, 1]]), floats(3, 3, 4, 2))
    _weightless(
        "cropping_2d_channels_first",
        layer("Cropping2D", cropping=[[1, 0], [2, 1]], data_format="channels_first"),
        floats(2, 4, 5),
    )
    _weightless("up_sampling_1d", layer("UpSampling1D", size=3), floats(3, 2))
    _weightless("up_sampling_2d_nearest", layer("UpSampling2D", size=[2, 3]), floats(3, 2, 2))
    _weightless(
        "up_sampling_2d_bilinear",
        layer("UpSampling2D", size=[2, 3], interpolation="bilinear"),
        floats(3, 4, 2),
    )
    _weightless(
        "up_sampling_2d_channels_first",
        layer("UpSampling2D", size=2, data_format="channels_first"),
        floats(2, 3, 2),
    )
    _weightless("up_sampling_3d", layer("UpSampling3D", size=[2, 1, 2]), floats(2, 2, 2, 2))
    _weightless(
        "up_sampling_3d_channels_first",
        layer("UpSampling3D", size=2, data_format="channels_first"),
        floats(2, 2, 2, 1),
    )


def _normalization():
    norm = "BatchNormalization"
    _case("batch_norm_2d", layer(norm), floats(4, batch=6))
    _case("batch_norm_3d", layer(norm), floats(3, 4, batch=3))
    _case("batch_norm_4d", layer(norm), floats(3, 4, 2, batch=3))
    _case("batch_norm_4d_axis_1", layer(norm, axis=1), floats(2, 3, 4, batch=3))
    _case("batch_norm_3d_axis_1", layer(norm, axis=1), floats(3, 4, batch=3))
    _case("batch_norm_5d", layer(norm), floats(2, 2, 3, 2, batch=3))
    _case("batch_norm_no_center", layer(norm, center=False), floats(4, batch=6))
    _case("batch_norm_no_scale", layer(norm, scale=False), floats(4, batch=6))
    _case("batch_norm_bare", layer(norm, center=False, scale=False), floats(4, batch=6))
    _case("batch_norm_4d_no_scale", layer(norm, scale=False), floats(3, 4, 2, batch=3))
    _case("batch_norm_momentum", layer(norm, momentum=0.5, epsilon=0.01), floats(4, batch=6))
    _case("batch_norm_4d_momentum", layer(norm, momentum=0.5, epsilon=0.01), floats(2, 3, 2, batch=4))


def _merges():
    for name in ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum"):
        _weightless(name.lower(), layer(name), floats(3, 2), floats(3, 2), call="list")
        _weightless(name.lower() + "_broadcast", layer(name), floats(3, 2), floats(1, 2), call="list")
        _weightless(name.lower() + "_ranks", layer(name), floats(3, 4), floats(4), call="list")
        if name != "Subtract":
            _weightless(name.lower() + "_three", layer(name), floats(4), floats(4), floats(4), call="list")
    _weightless("concatenate", layer("Concatenate"), floats(3, 2), floats(3, 4), call="list")
    _weightless(
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
        _weightless("dot_" + tag, layer("Dot", axes=axes), floats(*a), floats(*b), call="list")
        _weightless(
            "dot_%s_normalize" % tag,
            layer("Dot", axes=axes, normalize=True),
            floats(*a),
            floats(*b),
            call="list",
        )
    _weightless("dot_vectors", layer("Dot", axes=1), floats(4), floats(4), call="list")
    _weightless(
        "dot_vectors_normalize", layer("Dot", axes=-1, normalize=True), floats(4), floats(4), call="list"
    )
    _weightless("dot_matrix_vector", layer("Dot", axes=[2, 1]), floats(3, 4), floats(4), call="list")


HOLES = [[1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [0, 0, 1, 1, 0], [1, 0, 1, 0, 1], [0, 0, 0, 0, 0], [0, 1, 1, 1, 1]]
FULL = floats(5, 3, batch=3)


def _recurrent():
    masked = floats(5, 3, batch=6, mask=HOLES)
    masking = [layer("Masking", mask_value=0.0)]
    variants = [
        ("plain", {}, {}),
        ("sequences", {"return_sequences": True}, {}),
        ("state", {"return_state": True}, {}),
        ("sequences_state", {"return_sequences": True, "return_state": True}, {}),
        ("backwards", {"go_backwards": True}, {}),
        ("backwards_sequences", {"go_backwards": True, "return_sequences": True}, {}),
        ("unroll", {"unroll": True, "return_sequences": True}, {}),
        ("relu", {"activation": "relu"}, {}),
        ("no_bias", {"use_bias": False}, {}),
        (
            "regularized",
            {
                "kernel_regularizer": {"object": "regularizers.l2", "kwargs": {"l": 0.05}},
                "recurrent_regularizer": {"object": "regularizers.l1", "kwargs": {"l": 0.02}},
            },
            {},
        ),
    ]
    for kind in ("SimpleRNN", "GRU", "LSTM"):
        low = kind.lower()
        states = 2 if kind == "LSTM" else 1
        for tag, kwargs, options in variants:
            _case("%s_%s" % (low, tag), layer(kind, units=4, **kwargs), dict(FULL), **options)
        for tag, kwargs in (
            ("masked", {}),
            ("masked_sequences", {"return_sequences": True}),
            ("masked_state", {"return_sequences": True, "return_state": True}),
            ("masked_backwards", {"return_sequences": True, "go_backwards": True}),
            ("masked_unroll", {"return_sequences": True, "unroll": True}),
        ):
            _case("%s_%s" % (low, tag), layer(kind, units=4, **kwargs), dict(masked), before=masking)
        _case(
            low + "_initial_state",
            layer(kind, units=4, return_sequences=True),
            dict(FULL),
            *[floats(4, batch=3) for _ in range(states)],
            call="states",
        )
        _case(
            low + "_initial_state_masked",
            layer(kind, units=4, return_sequences=True),
            dict(masked),
            *[floats(4, batch=6) for _ in range(states)],
            call="states",
            before=masking,
        )
        _case(
            low + "_stateful", layer(kind, units=4, stateful=True), dict(FULL, static_batch=True), predicts=2
        )
        _case(
            low + "_stateful_sequences",
            layer(kind, units=4, stateful=True, return_sequences=True),
            dict(FULL, static_batch=True),
            predicts=2,
        )
        _case(
            low + "_stateful_masked",
            layer(kind, units=4, stateful=True),
            dict(masked, static_batch=True),
            before=masking,
            predicts=2,
        )
        _case(
            low + "_dropout",
            layer(kind, units=4, dropout=0.3, recurrent_dropout=0.2),
            dict(FULL),
            train=False,
        )
        _case(
            low + "_unknown_length",
            layer(kind, units=4, return_sequences=True),
            dict(FULL, unknown_steps=True),
        )
        if kind != "SimpleRNN":
            for activation in ("hard_sigmoid", "sigmoid"):
                for implementation in (1, 2):
                    _case(
                        "%s_%s_implementation_%d" % (low, activation, implementation),
                        layer(
                            kind,
                            units=4,
                            recurrent_activation=activation,
                            implementation=implementation,
                            return_sequences=True,
                        ),
                        dict(FULL),
                    )
    for reset_after in (False, True):
        for activation in ("hard_sigmoid", "sigmoid"):
            _case(
                "gru_reset_after_%s_%s" % (reset_after, activation),
                layer(
                    "GRU",
                    units=4,
                    reset_after=reset_after,
                    recurrent_activation=activation,
                    return_sequences=True,
                ),
                dict(FULL),
            )
        _case(
            "gru_reset_after_%s_masked" % reset_after,
            layer("GRU", units=4, reset_after=reset_after, return_sequences=True),
            dict(masked),
            before=masking,
        )
        _case(
            "gru_reset_after_%s_no_bias" % reset_after,
            layer("GRU", units=4, reset_after=reset_after, use_bias=False),
            dict(FULL),
        )
    _case("lstm_no_unit_forget_bias", layer("LSTM", units=4, unit_forget_bias=False), dict(FULL))
    for kind in ("SimpleRNN", "GRU", "LSTM"):
        low = kind.lower()
        for mode in ("concat", "sum", "mul", "ave", None):
            _case(
                "bidirectional_%s_%s" % (low, mode),
                layer("Bidirectional", layer=layer(kind, units=3, return_sequences=True), merge_mode=mode),
                dict(FULL),
            )
        _case("bidirectional_%s_last" % low, layer("Bidirectional", layer=layer(kind, units=3)), dict(FULL))
        _case(
            "bidirectional_%s_masked" % low,
            layer("Bidirectional", layer=layer(kind, units=3, return_sequences=True)),
            dict(masked),
            before=masking,
        )
        _case(
            "bidirectional_%s_masked_last" % low,
            layer("Bidirectional", layer=layer(kind, units=3)),
            dict(masked),
            before=masking,
        )
        _case(
            "bidirectional_%s_state" % low,
            layer("Bidirectional", layer=layer(kind, units=3, return_sequences=True, return_state=True)),
            dict(FULL),
        )
    _case("rnn_lstm_cell", layer("RNN", cell=layer("LSTMCell", units=4), return_sequences=True), dict(FULL))
    _case("rnn_gru_cell", layer("RNN", cell=layer("GRUCell", units=4)), dict(FULL))
    _case("rnn_simple_cell", layer("RNN", cell=layer("SimpleRNNCell", units=4)), dict(FULL))
    _case(
        "rnn_stacked_cells",
        layer(
            "RNN",
            cell=layer("StackedRNNCells", cells=[layer("LSTMCell", units=4), layer("GRUCell", units=3)]),
            return_sequences=True,
        ),
        dict(FULL),
    )
    _case(
        "rnn_stacked_masked",
        layer(
            "RNN", cell=[layer("LSTMCell", units=4), layer("SimpleRNNCell", units=3)], return_sequences=True
        ),
        dict(masked),
        before=masking,
    )
    _case("time_distributed_dense", layer("TimeDistributed", layer=layer("Dense", units=4)), floats(3, 2))
    _case(
        "time_distributed_conv2d",
        layer("TimeDistributed", layer=layer("Conv2D", filters=2, kernel_size=2)),
        floats(3, 4, 3, 2),
    )
    _case(
        "time_distributed_batch_norm",
        layer("TimeDistributed", layer=layer("BatchNormalization")),
        floats(3, 4, batch=4),
    )
    _case(
        "time_distributed_masked",
        layer("TimeDistributed", layer=layer("Dense", units=2)),
        dict(masked),
        before=masking,
    )
    _case("time_distributed_lstm", layer("TimeDistributed", layer=layer("LSTM", units=2)), floats(3, 4, 2))
    _case("conv_lstm_2d", layer("ConvLSTM2D", filters=2, kernel_size=2), floats(3, 4, 4, 2))
    _case(
        "conv_lstm_2d_same_sequences",
        layer("ConvLSTM2D", filters=2, kernel_size=3, padding="same", return_sequences=True),
        floats(3, 3, 4, 1),
    )
    _case(
        "conv_lstm_2d_strided",
        layer("ConvLSTM2D", filters=2, kernel_size=2, strides=2, go_backwards=True, use_bias=False),
        floats(3, 4, 4, 1),
    )
    _case(
        "conv_lstm_2d_stateful",
        layer("ConvLSTM2D", filters=2, kernel_size=2, stateful=True),
        floats(2, 3, 3, 1, batch=2, static_batch=True),
        predicts=2,
    )


_core()
_advanced_activations()
_convolutions()
_pooling()
_normalization()
_merges()
_recurrent()

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

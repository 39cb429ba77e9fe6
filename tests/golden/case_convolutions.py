"""Cases of convolutions, of layers that move samples about, and of pooling."""

from __future__ import annotations

from .case_rows import case, floats, layer, weightless


def convolutions():
    for padding in ("valid", "same", "causal"):
        for strides, dilation in ((1, 1), (2, 1), (1, 2)):
            case(
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
    case("conv1d_even_kernel_same", layer("Conv1D", filters=2, kernel_size=4, padding="same"), floats(7, 2))
    case(
        "conv1d_channels_first",
        layer("Conv1D", filters=3, kernel_size=3, data_format="channels_first"),
        floats(2, 7),
    )
    case(
        "conv1d_no_bias_relu",
        layer("Conv1D", filters=3, kernel_size=2, use_bias=False, activation="relu"),
        floats(6, 2),
    )
    for padding in ("valid", "same"):
        for strides in (1, 2):
            for data_format in ("channels_last", "channels_first"):
                shape = (6, 5, 2) if data_format == "channels_last" else (2, 6, 5)
                case(
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
        case(
            "conv2d_%s_dilated" % padding,
            layer("Conv2D", filters=2, kernel_size=[2, 3], padding=padding, dilation_rate=[2, 1]),
            floats(6, 6, 2),
        )
        case(
            "conv3d_%s" % padding,
            layer("Conv3D", filters=2, kernel_size=[2, 3, 2], padding=padding),
            floats(3, 4, 3, 2),
        )
        case(
            "conv3d_%s_strided" % padding,
            layer("Conv3D", filters=2, kernel_size=2, strides=[2, 1, 2], padding=padding),
            floats(4, 3, 4, 2),
        )
        for strides in (1, 2, 3):
            case(
                "conv2d_transpose_%s_s%d" % (padding, strides),
                layer("Conv2DTranspose", filters=2, kernel_size=[3, 2], strides=strides, padding=padding),
                floats(4, 3, 3),
            )
        case(
            "conv2d_transpose_%s_output_padding" % padding,
            layer("Conv2DTranspose", filters=2, kernel_size=3, strides=2, padding=padding, output_padding=1),
            floats(3, 4, 2),
        )
        case(
            "conv3d_transpose_%s" % padding,
            layer("Conv3DTranspose", filters=2, kernel_size=2, strides=2, padding=padding),
            floats(2, 2, 3, 2),
        )
        case(
            "separable_conv1d_%s" % padding,
            layer("SeparableConv1D", filters=3, kernel_size=3, padding=padding, depth_multiplier=2),
            floats(7, 2),
        )
        case(
            "separable_conv2d_%s" % padding,
            layer("SeparableConv2D", filters=3, kernel_size=[3, 2], padding=padding, depth_multiplier=2),
            floats(5, 6, 2),
        )
        case(
            "separable_conv2d_%s_strided" % padding,
            layer("SeparableConv2D", filters=3, kernel_size=3, strides=2, padding=padding),
            floats(6, 7, 2),
        )
        for strides in (1, 2):
            case(
                "depthwise_conv2d_%s_s%d" % (padding, strides),
                layer("DepthwiseConv2D", kernel_size=3, strides=strides, padding=padding, depth_multiplier=2),
                floats(5, 6, 2),
            )
    case(
        "conv2d_no_bias_tanh",
        layer("Conv2D", filters=3, kernel_size=2, use_bias=False, activation="tanh"),
        floats(4, 4, 2),
    )
    case(
        "conv2d_softmax_channels_first",
        layer("Conv2D", filters=3, kernel_size=2, activation="softmax", data_format="channels_first"),
        floats(2, 4, 4),
    )
    case("conv2d_one_by_one", layer("Conv2D", filters=4, kernel_size=1), floats(3, 3, 2))
    case(
        "conv2d_even_kernel_same_strided",
        layer("Conv2D", filters=2, kernel_size=4, strides=[2, 3], padding="same"),
        floats(7, 8, 1),
    )
    case(
        "conv3d_channels_first",
        layer("Conv3D", filters=2, kernel_size=2, data_format="channels_first"),
        floats(2, 3, 4, 3),
    )
    case("conv3d_dilated", layer("Conv3D", filters=2, kernel_size=2, dilation_rate=2), floats(4, 4, 4, 1))
    case(
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
    case(
        "conv2d_transpose_dilated",
        layer("Conv2DTranspose", filters=2, kernel_size=3, padding="same", dilation_rate=2),
        floats(5, 5, 2),
    )
    case(
        "conv2d_transpose_output_padding_pair",
        layer(
            "Conv2DTranspose", filters=1, kernel_size=3, strides=[2, 3], padding="same", output_padding=[1, 2]
        ),
        floats(3, 3, 1),
    )
    case(
        "conv2d_transpose_no_bias",
        layer("Conv2DTranspose", filters=2, kernel_size=2, use_bias=False, activation="relu"),
        floats(3, 3, 2),
    )
    case(
        "conv3d_transpose_output_padding",
        layer("Conv3DTranspose", filters=1, kernel_size=3, strides=2, padding="same", output_padding=1),
        floats(2, 2, 2, 1),
    )
    case(
        "conv3d_transpose_channels_first",
        layer("Conv3DTranspose", filters=2, kernel_size=2, data_format="channels_first"),
        floats(2, 2, 3, 2),
    )
    case(
        "separable_conv1d_strided",
        layer("SeparableConv1D", filters=3, kernel_size=3, strides=2),
        floats(7, 2),
    )
    case(
        "separable_conv1d_dilated",
        layer("SeparableConv1D", filters=3, kernel_size=3, dilation_rate=2, padding="same"),
        floats(7, 2),
    )
    case(
        "separable_conv1d_causal",
        layer("SeparableConv1D", filters=3, kernel_size=3, padding="causal"),
        floats(7, 2),
    )
    case(
        "separable_conv1d_channels_first",
        layer("SeparableConv1D", filters=3, kernel_size=3, data_format="channels_first"),
        floats(2, 7),
    )
    case(
        "separable_conv2d_channels_first",
        layer("SeparableConv2D", filters=3, kernel_size=2, data_format="channels_first"),
        floats(2, 4, 4),
    )
    case(
        "separable_conv2d_dilated",
        layer(
            "SeparableConv2D", filters=3, kernel_size=2, dilation_rate=2, use_bias=False, activation="relu"
        ),
        floats(6, 6, 2),
    )
    case(
        "depthwise_conv2d_channels_first",
        layer("DepthwiseConv2D", kernel_size=2, data_format="channels_first"),
        floats(2, 4, 4),
    )
    case(
        "depthwise_conv2d_no_bias",
        layer("DepthwiseConv2D", kernel_size=2, use_bias=False, activation="relu"),
        floats(4, 4, 3),
    )
    case(
        "depthwise_conv2d_dilated",
        layer("DepthwiseConv2D", kernel_size=2, dilation_rate=[2, 2]),
        floats(6, 5, 2),
    )
    case(
        "locally_connected_1d", layer("LocallyConnected1D", filters=2, kernel_size=3, strides=2), floats(7, 2)
    )
    case(
        "locally_connected_1d_no_bias",
        layer("LocallyConnected1D", filters=2, kernel_size=2, use_bias=False, activation="tanh"),
        floats(5, 2),
    )
    case(
        "locally_connected_2d",
        layer("LocallyConnected2D", filters=2, kernel_size=[3, 2], strides=[1, 2]),
        floats(5, 6, 2),
    )
    case(
        "locally_connected_2d_channels_first",
        layer("LocallyConnected2D", filters=2, kernel_size=2, data_format="channels_first"),
        floats(2, 4, 3),
    )


def pooling():
    shapes = {1: (7, 2), 2: (5, 6, 2), 3: (4, 5, 3, 2)}
    first = {1: (2, 7), 2: (2, 5, 6), 3: (2, 4, 5, 3)}
    for kind in ("Max", "Average"):
        for rank in (1, 2, 3):
            for padding in ("valid", "same"):
                for data_format, table in (("channels_last", shapes), ("channels_first", first)):
                    weightless(
                        "%s_pool%dd_%s_%s" % (kind.lower(), rank, padding, data_format),
                        layer(
                            "%sPooling%dD" % (kind, rank),
                            pool_size=2,
                            padding=padding,
                            data_format=data_format,
                        ),
                        floats(*table[rank]),
                    )
                weightless(
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
        weightless(
            "%s_pool2d_stride_3" % kind.lower(),
            layer(kind + "Pooling2D", pool_size=[2, 3], strides=[3, 2]),
            floats(6, 7, 1),
        )
    for kind in ("Max", "Average"):
        for rank in (1, 2, 3):
            for data_format, table in (("channels_last", shapes), ("channels_first", first)):
                weightless(
                    "global_%s_pool%dd_%s" % (kind.lower(), rank, data_format),
                    layer("Global%sPooling%dD" % (kind, rank), data_format=data_format),
                    floats(*table[rank]),
                )
    case(
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
        weightless("zero_padding_%dd" % rank, layer("ZeroPadding%dD" % rank, padding=pads), floats(*table))
        weightless("zero_padding_%dd_int" % rank, layer("ZeroPadding%dD" % rank, padding=1), floats(*table))
    weightless(
        "zero_padding_2d_channels_first",
        layer("ZeroPadding2D", padding=[[1, 2], [0, 1]], data_format="channels_first"),
        floats(2, 3, 4),
    )
    weightless(
        "zero_padding_3d_channels_first",
        layer("ZeroPadding3D", padding=[[1, 0], [0, 1], [1, 1]], data_format="channels_first"),
        floats(2, 2, 3, 2),
    )
    weightless("cropping_1d", layer("Cropping1D", cropping=[1, 2]), floats(6, 2))
    weightless("cropping_2d", layer("Cropping2D", cropping=[[1, 0], [2, 1]]), floats(4, 5, 2))
    weightless("cropping_3d", layer("Cropping3D", cropping=[[1, 0], [0, 1], [1, 1]]), floats(3, 3, 4, 2))
    weightless(
        "cropping_2d_channels_first",
        layer("Cropping2D", cropping=[[1, 0], [2, 1]], data_format="channels_first"),
        floats(2, 4, 5),
    )
    weightless("up_sampling_1d", layer("UpSampling1D", size=3), floats(3, 2))
    weightless("up_sampling_2d_nearest", layer("UpSampling2D", size=[2, 3]), floats(3, 2, 2))
    weightless(
        "up_sampling_2d_bilinear",
        layer("UpSampling2D", size=[2, 3], interpolation="bilinear"),
        floats(3, 4, 2),
    )
    weightless(
        "up_sampling_2d_channels_first",
        layer("UpSampling2D", size=2, data_format="channels_first"),
        floats(2, 3, 2),
    )
    weightless("up_sampling_3d", layer("UpSampling3D", size=[2, 1, 2]), floats(2, 2, 2, 2))
    weightless(
        "up_sampling_3d_channels_first",
        layer("UpSampling3D", size=2, data_format="channels_first"),
        floats(2, 2, 2, 1),
    )

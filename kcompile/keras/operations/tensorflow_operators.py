"""Operators of TensorFlow's graphs as layers (``TensorFlowOpLayer``), which tf.keras 2.0 to 2.3 wrote for
every function between layers: which function each one is, and what its inputs and attributes are there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .node_defs import DType, NodeDef
from .tensorflow_names import tensorflow_name


def _alike(prefix: str, parameters: str, operators: str) -> dict[str, str]:
    """Operators that have the names of their functions, but for their spelling."""
    return {operator: f"{prefix}{tensorflow_name(operator)} {parameters}" for operator in operators.split()}


#: Operator -> function and the parameters that its inputs are, in their order (``*values``: any number of
#: them); behind ``;`` the attributes that are parameters, ``attribute=parameter`` where the names differ.
OPERATORS: dict[str, str] = {
    "AddV2": "math.add x y",
    **_alike(
        "math.",
        "x y",
        "Add Pow Maximum Minimum SquaredDifference Xlogy Xlog1py Xdivy Equal NotEqual Greater "
        "GreaterEqual Less LessEqual LogicalAnd LogicalOr",
    ),
    **_alike(
        "math.",
        "x",
        "Abs Sign Square Sqrt Rsqrt Reciprocal Exp Expm1 Log Log1p Erf Erfc Erfinv Ndtri Lgamma Digamma "
        "Sin Cos Tan Asin Acos Atan Sinh Cosh Tanh Asinh Acosh Atanh Ceil Floor Round Rint Sigmoid IsNan "
        "IsInf IsFinite LogicalNot",
    ),
    **_alike("math.reduce_", "input_tensor axis; keep_dims=keepdims", "Sum Prod Mean Max Min Any All"),
    **_alike("nn.", "features", "Softsign Relu Relu6 Elu Selu"),
    "Sub": "math.subtract x y",
    "Mul": "math.multiply x y",
    "RealDiv": "math.truediv x y",
    "DivNoNan": "math.divide_no_nan x y",
    "MulNoNan": "math.multiply_no_nan x y",
    "FloorDiv": "math.floordiv x y",
    "FloorMod": "math.floormod x y",
    "Atan2": "math.atan2 y x",
    "AddN": "math.add_n *inputs",
    "Neg": "math.negative x",
    "Inv": "math.reciprocal x",
    "Softplus": "math.softplus features",
    "LeakyRelu": "nn.leaky_relu features; alpha",
    "Softmax": "nn.softmax logits",
    "LogSoftmax": "nn.log_softmax logits",
    "L2Loss": "nn.l2_loss t",
    "ClipByValue": "clip_by_value t clip_value_min clip_value_max",
    "EuclideanNorm": "math.reduce_euclidean_norm input_tensor axis; keep_dims=keepdims",
    "ArgMax": "math.argmax input axis; output_type",
    "ArgMin": "math.argmin input axis; output_type",
    "Cumsum": "math.cumsum x axis; exclusive reverse",
    "Cumprod": "math.cumprod x axis; exclusive reverse",
    "CumulativeLogsumexp": "math.cumulative_logsumexp x axis; exclusive reverse",
    "TopKV2": "math.top_k input k; sorted",
    "MatMul": "linalg.matmul a b; transpose_a transpose_b",
    "BatchMatMul": "linalg.matmul a b; adj_x=adjoint_a adj_y=adjoint_b",
    "BatchMatMulV2": "linalg.matmul a b; adj_x=adjoint_a adj_y=adjoint_b",
    "BatchMatMulV3": "linalg.matmul a b; adj_x=adjoint_a adj_y=adjoint_b",
    "Einsum": "linalg.einsum *inputs; equation",
    "Cross": "linalg.cross a b",
    "MatrixDeterminant": "linalg.det input",
    "MatrixBandPart": "linalg.band_part input num_lower num_upper",
    "MatrixDiagV3": "linalg.diag diagonal k num_rows num_cols padding_value; align",
    "MatrixDiagPartV3": "linalg.diag_part input k padding_value; align",
    "MatrixSetDiagV3": "linalg.set_diag input diagonal k; align",
    "ConcatV2": "concat *values axis",
    "Pack": "stack *values; axis",
    "Unpack": "unstack value; num axis",
    "Split": "split axis value; num_split=num_or_size_splits",
    "SplitV": "split value num_or_size_splits axis; num_split=",
    "Reshape": "reshape tensor shape",
    "ExpandDims": "expand_dims input axis",
    "Squeeze": "squeeze input; squeeze_dims=axis",
    "Transpose": "transpose a perm",
    "Tile": "tile input multiples",
    "BroadcastTo": "broadcast_to input shape",
    "ReverseV2": "reverse tensor axis",
    "ReverseSequence": "reverse_sequence input seq_lengths; seq_dim=seq_axis batch_dim=batch_axis",
    "Roll": "roll input shift axis",
    "Slice": "slice input_ begin size",
    "StridedSlice": "strided_slice input_ begin end strides; begin_mask end_mask ellipsis_mask new_axis_mask "
    "shrink_axis_mask",
    "Gather": "gather params indices; validate_indices=",
    "GatherV2": "gather params indices axis; batch_dims",
    "GatherNd": "gather_nd params indices",
    "TensorScatterUpdate": "tensor_scatter_nd_update tensor indices updates",
    "TensorScatterAdd": "tensor_scatter_nd_add tensor indices updates",
    "UnsortedSegmentSum": "math.unsorted_segment_sum data segment_ids num_segments",
    "Pad": "pad tensor paddings",
    "PadV2": "pad tensor paddings constant_values",
    "MirrorPad": "pad tensor paddings; mode",
    "Select": "raw_ops.Select condition x y",
    "SelectV2": "where condition x y",
    "Where": "where condition",
    "Cast": "cast x; DstT=dtype",
    "Identity": "identity input",
    "IdentityN": "identity_n *input",
    "StopGradient": "stop_gradient input",
    "PreventGradient": "stop_gradient input; message=",
    "CheckNumerics": "identity input; message=",
    "EnsureShape": "ensure_shape x; shape",
    "ZerosLike": "zeros_like input",
    "OnesLike": "ones_like input",
    "Fill": "fill dims value",
    "Range": "range start limit delta; Tidx=dtype",
    "LinSpace": "linspace start stop num",
    "Shape": "shape input; out_type",
    "Size": "size input; out_type",
    "Rank": "rank input",
    "OneHot": "one_hot indices depth on_value off_value; axis T=dtype",
    "BiasAdd": "nn.bias_add value bias; data_format",
    "Conv2D": "nn.conv2d input filters; strides padding data_format dilations",
    "Conv3D": "nn.conv3d input filters; strides padding data_format dilations",
    "Conv2DBackpropInput": "nn.conv2d_transpose output_shape filters input; strides padding data_format "
    "dilations",
    "DepthwiseConv2dNative": "nn.depthwise_conv2d input filter; strides padding data_format dilations",
    "MaxPool": "nn.max_pool input; ksize strides padding data_format",
    "MaxPool3D": "nn.max_pool3d input; ksize strides padding data_format",
    "AvgPool": "nn.avg_pool input; ksize strides padding data_format",
    "AvgPool3D": "nn.avg_pool3d input; ksize strides padding data_format",
    "LRN": "nn.local_response_normalization input; depth_radius bias alpha beta",
    "SpaceToDepth": "nn.space_to_depth input; block_size data_format",
    "DepthToSpace": "nn.depth_to_space input; block_size data_format",
    "SoftmaxCrossEntropyWithLogits": "nn.softmax_cross_entropy_with_logits logits labels",
    "SparseSoftmaxCrossEntropyWithLogits": "nn.sparse_softmax_cross_entropy_with_logits logits labels",
    "ResizeBilinear": "image.resize_bilinear images size; align_corners half_pixel_centers",
    "ResizeNearestNeighbor": "image.resize_nearest_neighbor images size; align_corners half_pixel_centers",
    "ExtractImagePatches": "image.extract_patches images; ksizes=sizes strides rates padding",
    "AdjustContrastv2": "image.adjust_contrast images contrast_factor",
    "RGBToHSV": "image.rgb_to_hsv images",
    "HSVToRGB": "image.hsv_to_rgb images",
    "RandomStandardNormal": "random.normal shape; dtype seed= seed2=",
    "RandomUniform": "random.uniform shape; dtype seed= seed2=",
    "TruncatedNormal": "random.truncated_normal shape; dtype seed= seed2=",
}

#: Attributes that say how, not what.
_IGNORED = frozenset(
    {"N", "use_cudnn_on_gpu", "incompatible_shape_error", "bad_indices_policy", "explicit_paddings"}
)
#: Values at which an attribute changes nothing, beside those that are false or empty.
_PLAIN = ("NHWC", "NDHWC")


def _resize_cubic(values: list[Any], attributes: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    if attributes.get("align_corners") or not attributes.get("half_pixel_centers"):
        raise ValueError("is on TensorFlow 1's grid, which is not read")
    return "image.resize", {"images": values[0], "size": values[1], "method": "bicubic"}


def _resize_area(values: list[Any], attributes: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    if attributes.get("align_corners"):
        raise ValueError("is on TensorFlow 1's grid, which is not read")
    return "image.resize", {"images": values[0], "size": values[1], "method": "area"}


def _normalized(values: list[Any], attributes: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    if attributes.get("is_training", True) or attributes.get("data_format", "NHWC") != "NHWC":
        raise ValueError("normalizes by the batch or over channels_first, which is not read")
    names = ("x", "scale", "offset", "mean", "variance")
    epsilon = attributes.get("epsilon", 1e-4)
    return "nn.batch_normalization", {**dict(zip(names, values, strict=True)), "variance_epsilon": epsilon}


#: Operators whose function, or whether there is one, depends on the attributes.
_OTHERS: dict[str, Callable[[list[Any], Mapping[str, Any]], tuple[str, dict[str, Any]]]] = {
    "ResizeBicubic": _resize_cubic,
    "ResizeArea": _resize_area,
    "FusedBatchNorm": _normalized,
    "FusedBatchNormV2": _normalized,
    "FusedBatchNormV3": _normalized,
}

#: The operators that are here.
NAMES = frozenset({*OPERATORS, *_OTHERS})


def function_of(node: NodeDef, values: list[Any]) -> tuple[str, dict[str, Any]]:
    """TensorFlow's function that an operator is, and its arguments by name.

    Args:
        node: the operator, one of ``NAMES``.
        values: its inputs in their order.

    Raises:
        ValueError: for numbers of inputs or attributes that it does not have, going on from its name.
    """
    if node.op in _OTHERS:
        return _OTHERS[node.op](values, node.attributes)
    call, _, attributes = OPERATORS[node.op].partition(";")
    function, *names = call.split()
    arguments = _inputs(names, values)
    renamed: dict[str, str] = {}
    for part in attributes.split():
        own, equals, name = part.partition("=")
        renamed[own] = name if equals else own
    for name, value in node.attributes.items():
        if name in renamed:
            if renamed[name]:
                arguments[renamed[name]] = str(value) if isinstance(value, DType) else value
        elif not _changes_nothing(name, value):
            raise ValueError(f"has the attribute {name}={value!r}, which is not read")
    return function, arguments


def _inputs(names: Sequence[str], values: list[Any]) -> dict[str, Any]:
    if names[0].startswith("*"):
        count = len(values) - len(names) + 1
        if count > 0:
            rest = dict(zip(names[1:], values[count:], strict=True))
            return {names[0][1:]: values[:count], **rest}
    elif len(names) == len(values):
        return dict(zip(names, values, strict=True))
    raise ValueError(f"has {len(values)} inputs instead of {', '.join(names)}")


def _changes_nothing(name: str, value: Any) -> bool:
    types = all(isinstance(entry, DType) for entry in (value if isinstance(value, list) else [value]))
    return types or name.startswith("_") or name in _IGNORED or not value or value in _PLAIN

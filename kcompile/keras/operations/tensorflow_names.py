"""TensorFlow's functions in the files of tf.keras 2, and which row of the table of operations each one is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any


def tensorflow_name(name: str) -> str:
    """``LogicalAnd`` as TensorFlow's functions are named: ``logical_and``."""
    return re.sub("(?<=[a-z])(?=[A-Z])", "_", name).lower()


def _alike(prefix: str, arguments: str, operations: str) -> dict[str, tuple[str, str]]:
    """Functions that have the names and the arguments of operations, but for their spelling."""
    return {prefix + tensorflow_name(operation): (operation, arguments) for operation in operations.split()}


#: TensorFlow's function -> the operation, and its arguments in their order, each with that of the operation
#: which it is, and after ``!`` its default where that is another. Of several functions for one operation the
#: first is written.
TF_FUNCTIONS: dict[str, tuple[str, str]] = {
    "__operators__.add": ("Add", "x=x1 y=x2"),
    "__operators__.getitem": ("GetItem", "tensor=x slice_spec=key"),
    **_alike(
        "math.",
        "x=x1 y=x2",
        "Add Subtract Multiply Divide DivideNoNan Maximum Minimum Equal NotEqual Greater GreaterEqual "
        "Less LessEqual LogicalAnd LogicalOr LogicalXor",
    ),
    **_alike(
        "math.",
        "x=x",
        "LogicalNot Negative Sign Square Sqrt Rsqrt Reciprocal Exp Expm1 Log Log1p Erf Sin Cos Tan Sinh "
        "Cosh Tanh Ceil Floor Round Sigmoid LogSigmoid",
    ),
    "math.truediv": ("TrueDivide", "x=x1 y=x2"),
    "math.floordiv": ("FloorDivide", "x=x1 y=x2"),
    "math.floormod": ("Mod", "x=x1 y=x2"),
    "math.pow": ("Power", "x=x1 y=x2"),
    "linalg.matmul": ("Matmul", "a=x1 b=x2"),
    "where": ("Where", "condition=condition x=x1 y=x2"),
    "math.abs": ("Absolute", "x=x"),
    "math.asin": ("Arcsin", "x=x"),
    "math.acos": ("Arccos", "x=x"),
    "math.atan": ("Arctan", "x=x"),
    "math.asinh": ("Arcsinh", "x=x"),
    "math.acosh": ("Arccosh", "x=x"),
    "math.atanh": ("Arctanh", "x=x"),
    "math.is_nan": ("Isnan", "x=x"),
    "math.is_inf": ("Isinf", "x=x"),
    "math.is_finite": ("Isfinite", "x=x"),
    "math.softplus": ("Softplus", "features=x"),
    **_alike("nn.", "features=x", "Relu Relu6 Elu Selu Silu Softplus Softsign"),
    "nn.leaky_relu": ("LeakyRelu", "features=x alpha=negative_slope"),
    "nn.gelu": ("Gelu", "features=x approximate=approximate!False"),
    "nn.sigmoid": ("Sigmoid", "x=x"),
    "nn.tanh": ("Tanh", "x=x"),
    "nn.softmax": ("Softmax", "logits=x axis=axis"),
    "nn.log_softmax": ("LogSoftmax", "logits=x axis=axis"),
    **_alike(
        "math.reduce_",
        "input_tensor=x axis=axis keepdims=keepdims",
        "Sum Prod Mean Std Max Min Any All Logsumexp",
    ),
    "math.reduce_variance": ("Var", "input_tensor=x axis=axis keepdims=keepdims"),
    "math.argmax": ("Argmax", "input=x axis=axis!0"),
    "math.argmin": ("Argmin", "input=x axis=axis!0"),
    "math.cumsum": ("Cumsum", "x=x axis=axis!0"),
    "math.top_k": ("TopK", "input=x k=k sorted=sorted"),
    "concat": ("Concatenate", "values=xs axis=axis"),
    "stack": ("Stack", "values=xs axis=axis"),
    "unstack": ("Unstack", "value=x num=num axis=axis"),
    "split": ("Split", "value=x num_or_size_splits=indices_or_sections axis=axis"),
    "reshape": ("Reshape", "tensor=x shape=newshape"),
    "expand_dims": ("ExpandDims", "input=x axis=axis"),
    "squeeze": ("Squeeze", "input=x axis=axis"),
    "transpose": ("Transpose", "a=x perm=axes"),
    "tile": ("Tile", "input=x multiples=repeats"),
    "repeat": ("Repeat", "input=x repeats=repeats axis=axis"),
    "reverse": ("Flip", "tensor=x axis=axis"),
    "roll": ("Roll", "input=x shift=shift axis=axis"),
    "gather": ("Take", "params=x indices=indices axis=axis!0"),
    "pad": ("Pad", "tensor=x paddings=pad_width mode=mode constant_values=constant_values"),
    "cast": ("Cast", "x=x dtype=dtype"),
    "identity": ("Copy", "input=x"),
    "stop_gradient": ("StopGradient", "input=variable"),
    "zeros_like": ("ZerosLike", "input=x dtype=dtype"),
    "ones_like": ("OnesLike", "input=x dtype=dtype"),
    "one_hot": ("OneHot", "indices=x depth=num_classes axis=axis"),
    "clip_by_value": ("Clip", "t=x clip_value_min=x_min clip_value_max=x_max"),
}


def in_keras_3(function: str, arguments: Mapping[str, Any]) -> tuple[str, dict[str, Any]] | None:
    """Operation of Keras 3 and its arguments for a function that is none of the above, or None."""
    given = dict(arguments)
    if function in ("math.argmax", "math.argmin"):
        axis = given.get("axis", given.get("dimension"))
        return function[5:].capitalize(), {"x": given["input"], "axis": 0 if axis is None else axis}
    if function == "math.reduce_mean":
        given["x"] = given.pop("input_tensor")
        return "Mean", given
    if function == "nn.bias_add" and not str(given.get("data_format")).upper().startswith("NC"):
        return "Add", {"x1": given["value"], "x2": _listed(given["bias"])}
    if function in ("norm", "linalg.norm") and given.get("ord", "euclidean") == "euclidean":
        keepdims = bool(given.get("keepdims") or given.get("keep_dims"))
        return "Norm", {"x": given["tensor"], "axis": given.get("axis"), "keepdims": keepdims}
    if function == "linalg.matmul" and not given.get("output_type"):
        return _product(given)
    if function == "strided_slice":
        key = key_of_strides(
            **{name: value for name, value in given.items() if name not in ("input_", "var")}
        )
        return None if key is None else ("GetItem", {"x": given["input_"], "key": key})
    return None


def _listed(value: Any) -> Any:
    """A list of numbers as a constant; tensors as they are."""
    return {"constant": value, "dtype": "float32"} if isinstance(value, list) else value


def _product(given: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    turned = [bool(given.get(f"transpose_{x}") or given.get(f"adjoint_{x}")) for x in "ab"]
    a, b = _listed(given["a"]), _listed(given["b"])
    if not any(turned):
        return "Matmul", {"x1": a, "x2": b}
    left, right = ("ji" if turned[0] else "ij"), ("kj" if turned[1] else "jk")
    return "Einsum", {"subscripts": f"...{left},...{right}->...ik", "operands": [a, b]}


def key_of_strides(
    begin: Any, end: Any, strides: Any = None, begin_mask: int = 0, end_mask: int = 0, ellipsis_mask: int = 0,
    new_axis_mask: int = 0, shrink_axis_mask: int = 0,
) -> list[Any] | None:  # fmt: skip
    """The key of ``x[key]`` that bounds and bits for each of its entries say; None where bounds are no
    list."""
    if not all(isinstance(bounds, list) for bounds in (begin, end, strides or [])):
        return None
    key: list[Any] = []
    for i, (start, stop, step) in enumerate(zip(begin, end, strides or [1] * len(begin), strict=True)):
        bit = 1 << i
        if ellipsis_mask & bit:
            key.append({"ellipsis": True})
        elif new_axis_mask & bit:
            key.append(None)
        elif shrink_axis_mask & bit:
            key.append(start)
        else:
            limits = (None if begin_mask & bit else start, None if end_mask & bit else stop, step)
            key.append(dict(zip(("start", "stop", "step"), limits, strict=True)))
    return key

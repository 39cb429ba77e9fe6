"""TensorFlow's functions between layers, as tf_keras 2.21 records them: one small model for each call.

A row is ``name: builder``; the builder takes ``tensorflow`` and the inputs as attributes of one object, and
returns a tensor or several. The same inputs serve all.
"""

from __future__ import annotations

# ruff: noqa: E501
import numpy as np

#: name -> (shape of one sample, type)
INPUTS = {
    "x": ((4, 6), "float32"), "y": ((4, 6), "float32"), "p": ((4, 6), "float32"), "v": ((6,), "float32"),
    "w": ((6, 3), "float32"), "s": ((4, 4), "float32"), "i": ((4,), "int32"), "j": ((4, 6), "int32"),
    "g": ((6, 8, 3), "float32"), "h": ((5, 4, 4, 2), "float32"), "q": ((8, 3), "float32"),
    "o": ((1, 4, 1), "float32"), "k": ((2, 4, 3), "float32"),
}  # fmt: skip
CASES: dict = {}


def _case(name, build):
    CASES[name] = build


def _each(names, build, suffix=""):
    for name in names.split():
        CASES[name + suffix] = lambda tf, t, n=name: build(_function(tf, n), t)


def _function(tf, name):
    for part in name.split("."):
        tf = getattr(tf, part)
    return tf


_each(
    """abs math.acos math.asin math.asinh math.atan math.atanh math.bessel_i0 math.bessel_i0e math.bessel_i1
    math.bessel_i1e math.ceil math.cos math.cosh math.digamma math.erf math.erfc math.erfcinv math.exp
    math.expm1 math.floor math.is_finite math.is_inf math.is_nan math.lgamma math.log1p math.log_sigmoid
    math.negative math.reciprocal_no_nan math.rint math.round math.sigmoid math.sign math.sin math.sinh
    math.softplus math.softsign math.square math.tan math.tanh nn.elu nn.gelu nn.leaky_relu nn.log_softmax
    nn.relu nn.relu6 nn.selu nn.sigmoid nn.silu nn.softmax nn.softplus nn.softsign nn.swish nn.tanh nn.crelu
    identity zeros_like ones_like stop_gradient shape rank size sign sin cos exp floor round sigmoid square
    tanh negative math.softmax math.log_softmax nn.l2_normalize math.l2_normalize math.erfinv
    math.cumulative_logsumexp math.cumsum math.cumprod math.argmax math.argmin argsort sort
    math.reduce_sum math.reduce_mean math.reduce_max math.reduce_min math.reduce_prod math.reduce_std
    math.reduce_variance math.reduce_logsumexp math.reduce_euclidean_norm norm linalg.normalize
    transpose linalg.matrix_transpose unstack shape_n linalg.diag nn.local_response_normalization""".replace(
        "shape_n", ""
    ),
    lambda f, t: f(t.x if f.__name__ != "lrn" else t.g),
)
_each(
    "math.log sqrt math.rsqrt math.reciprocal math.acosh math.log math.sqrt math.ndtri",
    lambda f, t: f(t.p + 1.0),
)
_each(
    """add subtract multiply divide truediv math.add math.subtract math.multiply math.truediv math.divide
    math.divide_no_nan math.multiply_no_nan math.maximum math.minimum math.floordiv math.floormod math.mod
    math.pow math.squared_difference math.atan2 math.equal math.not_equal math.greater math.greater_equal
    math.less math.less_equal equal maximum minimum math.xlogy math.xdivy math.xlog1py add_n math.igamma
    math.zeta math.polyval math.nextafter""",
    lambda f, t: f([t.x, t.p]) if f.__name__ == "add_n" else f(t.p, t.y),
)
_each(
    "math.pow math.xlogy math.xlog1py math.igamma math.igammac", lambda f, t: f(t.p, t.p + 1.0), "_positive"
)
for (
    _name
) in "add subtract multiply divide truediv floordiv floormod maximum minimum squared_difference".split():
    _case(
        f"math.{_name}_number",
        lambda tf, t, n=_name: getattr(tf.math, n, getattr(tf, n, None))(t.x, 0.7),
    )
    _case(
        f"math.{_name}_number_first",
        lambda tf, t, n=_name: getattr(tf.math, n, getattr(tf, n, None))(0.7, t.x),
    )
    _case(
        f"math.{_name}_integers",
        lambda tf, t, n=_name: getattr(tf.math, n, getattr(tf, n, None))(t.j, t.j * t.j + 1),
    )
_case("pow_number", lambda tf, t: tf.pow(t.x, 3.0))
_case("pow_of_number", lambda tf, t: tf.pow(2.0, t.x))
_case("add_vector", lambda tf, t: tf.add(t.x, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]))
_case("subtract_array", lambda tf, t: t.x - np.arange(6, dtype="float32"))
_case("multiply_constant", lambda tf, t: tf.multiply(tf.constant([[2.0] * 6]), t.x))

_OPERATORS = {
    "add": lambda a, b: a + b, "sub": lambda a, b: a - b, "mul": lambda a, b: a * b, "div": lambda a, b: a / b,
    "floordiv": lambda a, b: a // b, "mod": lambda a, b: a % b, "pow": lambda a, b: abs(a) ** b,
    "gt": lambda a, b: a > b, "ge": lambda a, b: a >= b, "lt": lambda a, b: a < b, "le": lambda a, b: a <= b,
    "eq": lambda a, b: a == b, "ne": lambda a, b: a != b,
    "and": lambda a, b: (a > 0) & (b > 0), "or": lambda a, b: (a > 0) | (b > 0),
    "xor": lambda a, b: (a > 0) ^ (b > 0), "invert": lambda a, b: ~(a > b), "neg": lambda a, b: -a,
    "abs": lambda a, b: abs(a),
}  # fmt: skip
for _name, _operator in _OPERATORS.items():
    _case(f"operator_{_name}", lambda tf, t, f=_operator: f(t.x, t.y))
    if _name not in ("neg", "abs", "invert", "and", "or", "xor"):
        _case(f"operator_{_name}_number", lambda tf, t, f=_operator: f(t.x, 2.0))
    if _name in ("add", "sub", "mul", "div", "floordiv", "mod", "gt", "lt"):
        _case(f"operator_{_name}_of_number", lambda tf, t, f=_operator: f(2.0, t.p + 0.5))
_case("operator_matmul", lambda tf, t: t.x @ t.w)

for _name in "sum mean max min prod std variance logsumexp euclidean_norm".split():
    for _how, _arguments in {
        "axis": {"axis": 1}, "last": {"axis": -1}, "axes": {"axis": [1, 2]}, "keep": {"axis": 2, "keepdims": True},
        "all_kept": {"keepdims": True}, "tuple": {"axis": (1, -1), "keepdims": True},
    }.items():  # fmt: skip
        _case(
            f"reduce_{_name}_{_how}",
            lambda tf, t, n=_name, a=_arguments: getattr(tf.math, f"reduce_{n}")(t.x, **a),
        )
for _name in "any all".split():
    _case(f"reduce_{_name}", lambda tf, t, n=_name: getattr(tf, f"reduce_{n}")(t.x > 0.3))
    _case(f"reduce_{_name}_axis", lambda tf, t, n=_name: getattr(tf, f"reduce_{n}")(t.x > 0.3, 1, True))
_case("reduce_sum_integers", lambda tf, t: tf.reduce_sum(t.j, axis=-1))
_case("reduce_mean_integers", lambda tf, t: tf.reduce_mean(t.j, axis=-1))
_case("count_nonzero", lambda tf, t: tf.math.count_nonzero(t.j, axis=1))
_case("count_nonzero_all", lambda tf, t: tf.math.count_nonzero(t.j, dtype=tf.int32))
_case("argmax_axis", lambda tf, t: tf.argmax(t.x, axis=-1))
_case("argmax_type", lambda tf, t: tf.argmax(t.x, axis=1, output_type=tf.int32))
_case("argmin_axis", lambda tf, t: tf.argmin(t.x, 2))
_case("cumsum_axis", lambda tf, t: tf.cumsum(t.x, axis=1))
_case("cumsum_exclusive", lambda tf, t: tf.cumsum(t.x, axis=1, exclusive=True))
_case("cumsum_reverse", lambda tf, t: tf.cumsum(t.x, axis=2, reverse=True))
_case("cumprod_axis", lambda tf, t: tf.math.cumprod(t.x, axis=1))
_case("cumprod_exclusive_reverse", lambda tf, t: tf.math.cumprod(t.x, axis=2, exclusive=True, reverse=True))
_case("top_k", lambda tf, t: tf.math.top_k(t.x, k=2))
_case("top_k_nn", lambda tf, t: tf.nn.top_k(t.x, 3).values)
_case("top_k_indices", lambda tf, t: tf.nn.top_k(t.x, 3)[1])
_case("in_top_k", lambda tf, t: tf.math.in_top_k(t.i, t.v[:, :1] + t.v, 2))
_case("sort_down", lambda tf, t: tf.sort(t.x, axis=1, direction="DESCENDING"))
_case("argsort_axis", lambda tf, t: tf.argsort(t.x, axis=1, direction="DESCENDING"))
_case("moments", lambda tf, t: tf.nn.moments(t.x, axes=[1]))
_case("moments_kept", lambda tf, t: tf.nn.moments(t.x, [1, 2], keepdims=True))
_case("weighted_moments", lambda tf, t: tf.nn.weighted_moments(t.x, [1], t.p))
_case("normalize_moments", lambda tf, t: tf.nn.batch_normalization(t.x, 0.1, 2.0, 0.5, 1.5, 1e-3))
_case("batch_normalization", lambda tf, t: tf.nn.batch_normalization(t.x, t.y, t.p, None, None, 1e-3))
_case("l2_normalize_axis", lambda tf, t: tf.nn.l2_normalize(t.x, axis=1))
_case("l2_normalize_axes", lambda tf, t: tf.math.l2_normalize(t.x, axis=[1, 2], epsilon=1e-3))
_case("linalg_l2_normalize", lambda tf, t: tf.linalg.l2_normalize(t.x, -1))
_case("normalize_order", lambda tf, t: tf.linalg.normalize(t.x, ord=1, axis=-1)[0])
_case("normalize_axis", lambda tf, t: tf.linalg.normalize(t.x, axis=1))
for _order in ("euclidean", 1, 2, 3, np.inf):
    _case(f"norm_{_order}", lambda tf, t, o=_order: tf.norm(t.x, ord=o, axis=-1))
_case("norm_kept", lambda tf, t: tf.norm(t.x, axis=1, keepdims=True))
_case("norm_frobenius", lambda tf, t: tf.linalg.norm(t.x, ord="fro", axis=[-2, -1]))
_case("norm_pair_1", lambda tf, t: tf.linalg.norm(t.x, ord=1, axis=[-2, -1]))
_case("norm_pair_inf", lambda tf, t: tf.linalg.norm(t.x, ord=np.inf, axis=[-2, -1]))
_case("zero_fraction", lambda tf, t: tf.math.zero_fraction(tf.nn.relu(t.x)))

_case("matmul", lambda tf, t: tf.matmul(t.x, t.w))
_case("matmul_b", lambda tf, t: tf.matmul(t.x, t.y, transpose_b=True))
_case("matmul_a", lambda tf, t: tf.linalg.matmul(t.x, t.y, transpose_a=True))
_case("matmul_ab", lambda tf, t: tf.matmul(t.w, t.x, transpose_a=True, transpose_b=True))
_case("matmul_adjoint", lambda tf, t: tf.matmul(t.x, t.y, adjoint_b=True))
_case("matmul_constant", lambda tf, t: tf.matmul(t.v, np.arange(12, dtype="float32").reshape(6, 2)))
_case("matmul_of_constant", lambda tf, t: tf.matmul(np.arange(8, dtype="float32").reshape(2, 4), t.x))
_case("matvec", lambda tf, t: tf.linalg.matvec(t.x, t.v))
_case("matvec_transposed", lambda tf, t: tf.linalg.matvec(t.x, t.y[:, :, 0], transpose_a=True))
_case("tensordot", lambda tf, t: tf.tensordot(t.x, np.arange(12, dtype="float32").reshape(6, 2), axes=1))
_case("tensordot_axes", lambda tf, t: tf.tensordot(t.x, np.ones((2, 4), "float32"), axes=[[1], [1]]))
_case("einsum", lambda tf, t: tf.einsum("bij,bjk->bik", t.x, t.w))
_case("einsum_dots", lambda tf, t: tf.einsum("...ij,...ij->...i", t.x, t.y))
_case("linalg_einsum", lambda tf, t: tf.linalg.einsum("bij->bji", t.x))
_case("diag_part", lambda tf, t: tf.linalg.diag_part(t.s))
_case("set_diag", lambda tf, t: tf.linalg.set_diag(t.s, t.s[:, 0]))
_case("band_part", lambda tf, t: tf.linalg.band_part(t.s, -1, 0))
_case("band_part_inner", lambda tf, t: tf.linalg.band_part(t.s, 1, 2))
_case("trace", lambda tf, t: tf.linalg.trace(t.s))
_case("det", lambda tf, t: tf.linalg.det(t.s))
_case("inv", lambda tf, t: tf.linalg.inv(t.s + 3.0 * np.eye(4, dtype="float32")))
_case("cross", lambda tf, t: tf.linalg.cross(t.w[:, :4], t.w[:, 2:]))
_case("adjoint", lambda tf, t: tf.linalg.adjoint(t.x))
_case("cosine", lambda tf, t: tf.reduce_sum(tf.nn.l2_normalize(t.x, -1) * tf.nn.l2_normalize(t.y, -1), -1))

_case("reshape", lambda tf, t: tf.reshape(t.x, [-1, 24]))
_case("reshape_by_shape", lambda tf, t: tf.reshape(t.x, [tf.shape(t.x)[0], 3, 8]))
_case("reshape_as", lambda tf, t: tf.reshape(t.x, tf.shape(t.y)))
_case("shape_type", lambda tf, t: tf.shape(t.x, out_type=tf.int64))
_case("shape_entry", lambda tf, t: tf.shape(t.x)[1])
_case("shape_slice", lambda tf, t: tf.shape(t.g)[1:3])
_case("size_type", lambda tf, t: tf.size(t.x, out_type=tf.int64))
_case("expand_dims", lambda tf, t: tf.expand_dims(t.x, -1))
_case("expand_dims_first", lambda tf, t: tf.expand_dims(t.x, axis=1))
_case("squeeze", lambda tf, t: tf.squeeze(t.o, axis=[1, 3]))
_case("squeeze_one", lambda tf, t: tf.squeeze(t.o, 1))
_case("squeeze_all", lambda tf, t: tf.squeeze(t.o))
_case("transpose_perm", lambda tf, t: tf.transpose(t.g, perm=[0, 3, 1, 2]))
_case("transpose_conjugate", lambda tf, t: tf.transpose(t.x, [0, 2, 1], conjugate=True))
_case("tile", lambda tf, t: tf.tile(t.x, [1, 2, 3]))
_case("repeat", lambda tf, t: tf.repeat(t.x, 2, axis=1))
_case("repeat_list", lambda tf, t: tf.repeat(t.x, [1, 2, 0, 3], axis=1))
_case("repeat_flat", lambda tf, t: tf.repeat(t.v, repeats=2, axis=-1))
_case("reverse", lambda tf, t: tf.reverse(t.x, axis=[1, 2]))
_case("reverse_sequence", lambda tf, t: tf.reverse_sequence(t.x, t.i[:, 0] + 1, seq_axis=1, batch_axis=0))
_case("roll", lambda tf, t: tf.roll(t.x, shift=2, axis=1))
_case("roll_axes", lambda tf, t: tf.roll(t.x, [1, -2], [1, 2]))
_case("concat", lambda tf, t: tf.concat([t.x, t.y], axis=-1))
_case("concat_three", lambda tf, t: tf.concat([t.x, t.y, t.p], 1))
_case("concat_constant", lambda tf, t: tf.concat([t.x, tf.zeros_like(t.x)], axis=2))
_case("stack", lambda tf, t: tf.stack([t.x, t.y], axis=1))
_case("stack_last", lambda tf, t: tf.stack([t.x, t.y, t.p], axis=-1))
_case("unstack_axis", lambda tf, t: tf.unstack(t.x, axis=1))
_case("split", lambda tf, t: tf.split(t.x, 2, axis=-1))
_case("split_sizes", lambda tf, t: tf.split(t.x, [1, 2, 3], axis=2))
_case("split_rest", lambda tf, t: tf.split(t.x, [2, -1], axis=2))
_case("meshgrid", lambda tf, t: tf.meshgrid(t.v[0], t.v[1]))
_case("pad", lambda tf, t: tf.pad(t.x, [[0, 0], [1, 2], [0, 1]]))
_case("pad_value", lambda tf, t: tf.pad(t.x, [[0, 0], [1, 2], [0, 1]], constant_values=3.0))
_case("pad_reflect", lambda tf, t: tf.pad(t.g, [[0, 0], [3, 3], [2, 1], [0, 0]], mode="REFLECT"))
_case("pad_symmetric", lambda tf, t: tf.pad(t.g, [[0, 0], [1, 1], [2, 1], [0, 0]], "SYMMETRIC"))
_case("gather", lambda tf, t: tf.gather(t.x, [0, 2, 5], axis=2))
_case("gather_tensor", lambda tf, t: tf.gather(t.x, t.i, axis=1, batch_dims=1))
_case("gather_batch", lambda tf, t: tf.gather(t.x, t.i[:, 0], axis=1, batch_dims=1))
_case("gather_axis_0", lambda tf, t: tf.gather(t.x, [1, 0]))
_case("gather_of_table", lambda tf, t: tf.gather(np.arange(20, dtype="float32").reshape(5, 4), t.i))
_case("gather_nd", lambda tf, t: tf.gather_nd(t.x, t.i[:, :2], batch_dims=1))
_case("gather_nd_plain", lambda tf, t: tf.gather_nd(t.x, [[0, 1], [1, 2]]))
_case("boolean_mask_like", lambda tf, t: tf.where(t.x > 0, t.x, tf.zeros_like(t.x)))
_case("where_numbers", lambda tf, t: tf.where(t.x > 0, 1.0, t.y))
_case("where_broadcast", lambda tf, t: tf.where(t.v[:, None, :] > 0, t.x, t.y))
_case("cast", lambda tf, t: tf.cast(t.x * 10.0, "int32"))
_case("cast_bool", lambda tf, t: tf.cast(t.j, tf.bool))
_case("cast_back", lambda tf, t: tf.cast(tf.cast(t.x > 0, tf.float64), tf.float32))
_case("to_float", lambda tf, t: tf.compat.v1.to_float(t.j))
_case("saturate_cast", lambda tf, t: tf.saturate_cast(t.x * 300.0, tf.uint8))
_case("zeros_like_type", lambda tf, t: tf.zeros_like(t.x, dtype="int32"))
_case("ones_like_type", lambda tf, t: tf.ones_like(t.j, dtype=tf.float32))
_case("fill", lambda tf, t: tf.fill(tf.shape(t.x), 2.5))
_case("zeros_of_shape", lambda tf, t: tf.zeros(tf.shape(t.x)))
_case("ones_of_shape", lambda tf, t: tf.ones(tf.shape(t.x)))
_case("range", lambda tf, t: tf.range(tf.shape(t.x)[1]))
_case("range_floats", lambda tf, t: tf.cast(tf.range(0, tf.shape(t.x)[2], 2), tf.float32))
_case("broadcast_to", lambda tf, t: tf.broadcast_to(t.v[:, None, :], tf.shape(t.x)))
_case("one_hot", lambda tf, t: tf.one_hot(t.i, 5))
_case("one_hot_values", lambda tf, t: tf.one_hot(t.i, depth=4, on_value=2.0, off_value=-1.0, axis=1))
_case("one_hot_type", lambda tf, t: tf.one_hot(t.i, 4, dtype=tf.int32))
_case("clip_by_value", lambda tf, t: tf.clip_by_value(t.x, -0.3, 0.4))
_case("clip_tensors", lambda tf, t: tf.clip_by_value(t.x, t.y - 0.5, t.y + 0.5))
_case("clip_by_norm", lambda tf, t: tf.clip_by_norm(t.x, 1.0, axes=[-1]))
_case("sequence_mask", lambda tf, t: tf.sequence_mask(t.i[:, 0] + 1, 6))
_case("sequence_mask_float", lambda tf, t: tf.sequence_mask(t.i, maxlen=4, dtype=tf.float32))
_case("linspace", lambda tf, t: tf.linspace(t.v[:, 0], t.v[:, 1], 4, axis=-1))
_case("eye", lambda tf, t: tf.eye(tf.shape(t.x)[1]) + t.s)
_case("logical_and", lambda tf, t: tf.logical_and(t.x > 0, t.y > 0))
_case("logical_or", lambda tf, t: tf.logical_or(t.x > 0, t.y > 0))
_case("logical_xor", lambda tf, t: tf.math.logical_xor(t.x > 0, t.y > 0))
_case("logical_not", lambda tf, t: tf.logical_not(t.x > 0))
_case("segment_sum", lambda tf, t: tf.math.unsorted_segment_sum(t.v, [0, 1], 2))
_case("ensure_shape", lambda tf, t: tf.ensure_shape(t.x, [None, 4, 6]))
_case("identity_n", lambda tf, t: tf.identity_n([t.x, t.y]))
_case("space_to_depth", lambda tf, t: tf.nn.space_to_depth(t.g, 2))
_case("depth_to_space", lambda tf, t: tf.nn.depth_to_space(tf.concat([t.g] * 4, -1), 2))
_case(
    "extract_patches",
    lambda tf, t: tf.image.extract_patches(t.g, [1, 2, 2, 1], [1, 2, 2, 1], [1, 1, 1, 1], "VALID"),
)
_case(
    "extract_patches_same",
    lambda tf, t: tf.image.extract_patches(t.g, [1, 3, 3, 1], [1, 1, 2, 1], [1, 1, 1, 1], "SAME"),
)
_case("complex_free_fft", lambda tf, t: tf.abs(tf.signal.rfft(t.x)))
_case("frame", lambda tf, t: tf.signal.frame(t.v, 3, 1))
_case("scatter_nd", lambda tf, t: tf.tensor_scatter_nd_update(t.x, [[0, 1]], t.v[:1]))

# slices
for _name, _key in {
    "index": (slice(None), 1), "last": (slice(None), -1), "range": (slice(None), slice(1, 3)),
    "step": (slice(None), slice(None, None, 2)), "back": (slice(None), slice(None, None, -1)),
    "back_part": (slice(None), slice(3, 0, -1)), "ellipsis": (Ellipsis, 0), "ellipsis_range": (Ellipsis, slice(2, None)),
    "new": (slice(None), None), "new_last": (Ellipsis, None), "new_middle": (slice(None), slice(0, 2), None, slice(1, 4)),
    "both": (slice(None), 0, slice(None, -1)), "batch": 0, "batch_range": slice(0, 1), "all": (slice(None),),
    "negative_range": (slice(None), slice(-3, -1)), "mixed": (slice(None), None, 1, Ellipsis, slice(0, 4, 3)),
}.items():  # fmt: skip
    _case(f"getitem_{_name}", lambda tf, t, k=_key: t.x[k])
_case("getitem_tensor", lambda tf, t: t.x[:, : tf.shape(t.w)[2]])
_case("getitem_tensor_start", lambda tf, t: t.x[:, tf.shape(t.w)[2] :])
for _name, _key in {
    "index": lambda n: (slice(None), n - 2), "index_back": lambda n: (slice(None), n - 4),
    "both": lambda n: (slice(None), slice(n - 2, n)), "step": lambda n: (slice(None), slice(None, None, n - 1)),
    "step_back": lambda n: (slice(None), slice(None, None, n - 4)),
    "back": lambda n: (slice(None), slice(n - 1, None, -1)), "ellipsis": lambda n: (Ellipsis, slice(None, n)),
    "new": lambda n: (slice(None), None, slice(None, n), Ellipsis, 0), "new_last": lambda n: (Ellipsis, slice(n - 1, None), None),
    "new_first": lambda n: (None, slice(None), n - 1, None, slice(1, n, 2)), "batch": lambda n: slice(n - 2, None),
    "two": lambda n: (slice(None), slice(None, n), slice(n, None, 2)), "index_ellipsis": lambda n: (Ellipsis, n, None),
}.items():  # fmt: skip
    _case(f"getitem_tensor_{_name}", lambda tf, t, k=_key: t.x[k(tf.shape(t.w)[2])])
_case("slice_tensor", lambda tf, t: tf.slice(t.x, [0, tf.shape(t.w)[2] - 2, 0], [-1, 2, tf.shape(t.w)[2]]))
_case(
    "strided_slice_tensor",
    lambda tf, t: tf.strided_slice(t.x, [0, tf.shape(t.w)[2] - 2], [2, tf.shape(t.w)[2]], [1, 1]),
)
_case("boolean_mask", lambda tf, t: tf.boolean_mask(t.x, t.i > 1))
_case("boolean_mask_axis", lambda tf, t: tf.boolean_mask(t.x, [True, False, True, True], axis=1))
_case("boolean_mask_deep", lambda tf, t: tf.boolean_mask(t.x, t.x > 0))
_case("where_places", lambda tf, t: tf.where(t.x > 0))
_case("slice", lambda tf, t: tf.slice(t.x, [0, 1, 2], [-1, 2, 3]))
_case("slice_rest", lambda tf, t: tf.slice(t.g, [0, 1, 2, 0], [-1, -1, 3, -1]))
_case("strided_slice", lambda tf, t: tf.strided_slice(t.x, [0, 1, 0], [2, 4, 6], [1, 2, 3]))
_case("strided_slice_plain", lambda tf, t: tf.strided_slice(t.x, [0, 1, 2], [2, 3, 5]))
_case("strided_slice_begin", lambda tf, t: tf.strided_slice(t.x, [1, 1, 2], [2, 3, 5], begin_mask=1))
_case("strided_slice_end", lambda tf, t: tf.strided_slice(t.x, [0, 1, 2], [1, 2, 3], end_mask=5))
_case(
    "strided_slice_masks", lambda tf, t: tf.strided_slice(t.x, [1, 1, 2], [1, 2, 3], begin_mask=3, end_mask=7)
)
_case(
    "strided_slice_shrink",
    lambda tf, t: tf.strided_slice(t.x, [0, 1], [0, 2], end_mask=1, shrink_axis_mask=2),
)
_case("strided_slice_ellipsis", lambda tf, t: tf.strided_slice(t.x, [0, 1], [0, 4], [1, 2], ellipsis_mask=1))
_case(
    "strided_slice_new",
    lambda tf, t: tf.strided_slice(t.x, [0, 0, 1], [0, 0, 3], begin_mask=1, end_mask=1, new_axis_mask=2),
)
_case("strided_slice_back", lambda tf, t: tf.strided_slice(t.x, [0, 3, 5], [2, 0, 1], [1, -1, -2]))
_case(
    "strided_slice_all",
    lambda tf, t: tf.strided_slice(
        t.g, [0, 0, 2, 1], [0, 0, 0, 3], begin_mask=1, end_mask=1, ellipsis_mask=2, shrink_axis_mask=4
    ),
)

# neural networks
_case("bias_add", lambda tf, t: tf.nn.bias_add(t.x, np.arange(6, dtype="float32")))
_case("bias_add_list", lambda tf, t: tf.nn.bias_add(t.g, [-103.939, -116.779, -123.68]))
_case(
    "bias_add_first", lambda tf, t: tf.nn.bias_add(tf.transpose(t.g, [0, 3, 1, 2]), [1.0, 2.0, 3.0], "NCHW")
)
_case("keras_bias_add", lambda tf, t: tf.keras.backend.bias_add(t.g, np.array([1.0, 2.0, 3.0], "float32")))
_case("leaky_relu_slope", lambda tf, t: tf.nn.leaky_relu(t.x, alpha=0.4))
_case("gelu_approximate", lambda tf, t: tf.nn.gelu(t.x, approximate=True))
_case("silu_beta", lambda tf, t: tf.nn.silu(t.x, beta=1.7))
_case("softmax_axis", lambda tf, t: tf.nn.softmax(t.x, axis=1))
_case("log_softmax_axis", lambda tf, t: tf.nn.log_softmax(t.x, axis=1))
_case("max_pool", lambda tf, t: tf.nn.max_pool(t.g, 2, 2, "VALID"))
_case("max_pool_same", lambda tf, t: tf.nn.max_pool2d(t.g, [3, 2], [2, 1], "SAME"))
_case("max_pool1d", lambda tf, t: tf.nn.max_pool1d(t.q, 3, 2, "SAME"))
_case("max_pool3d", lambda tf, t: tf.nn.max_pool3d(t.h, 2, 2, "VALID"))
_case("avg_pool", lambda tf, t: tf.nn.avg_pool(t.g, [1, 2, 2, 1], [1, 1, 2, 1], "VALID"))
_case("avg_pool_same", lambda tf, t: tf.nn.avg_pool2d(t.g, 3, 2, "SAME"))
_case("avg_pool1d", lambda tf, t: tf.nn.avg_pool1d(t.q, 2, 1, "VALID"))
_case("avg_pool3d", lambda tf, t: tf.nn.avg_pool3d(t.h, 2, 1, "SAME"))
_case("pool", lambda tf, t: tf.nn.pool(t.g, [2, 2], "AVG", strides=[2, 1], padding="SAME"))
_case("conv2d", lambda tf, t: tf.nn.conv2d(t.g, np.ones((2, 2, 3, 4), "float32") * 0.1, 1, "SAME"))
_case("conv2d_strides", lambda tf, t: tf.nn.conv2d(t.g, _filters(3, 2, 3, 2), [1, 2, 1, 1], "VALID"))
_case("conv2d_dilated", lambda tf, t: tf.nn.conv2d(t.g, _filters(2, 2, 3, 2), 1, "VALID", dilations=2))
_case("conv1d", lambda tf, t: tf.nn.conv1d(t.q, _filters(3, 3, 2), 1, "SAME"))
_case("conv3d", lambda tf, t: tf.nn.conv3d(t.h, _filters(2, 2, 2, 2, 3), [1] * 5, "VALID"))
_case(
    "depthwise_conv2d", lambda tf, t: tf.nn.depthwise_conv2d(t.g, _filters(3, 3, 3, 2), [1, 1, 1, 1], "SAME")
)
_case("convolution", lambda tf, t: tf.nn.convolution(t.g, _filters(2, 2, 3, 2), padding="SAME"))
_case("conv2d_transpose", lambda tf, t: tf.nn.conv2d_transpose(t.g, _filters(2, 2, 4, 3), [2, 12, 16, 4], 2))
_case("sigmoid_cross_entropy", lambda tf, t: tf.nn.sigmoid_cross_entropy_with_logits(labels=t.p, logits=t.x))
_case("softmax_cross_entropy", lambda tf, t: tf.nn.softmax_cross_entropy_with_logits(tf.nn.softmax(t.y), t.x))
_case(
    "sparse_cross_entropy",
    lambda tf, t: tf.nn.sparse_softmax_cross_entropy_with_logits(labels=t.i, logits=t.x),
)
_case("l2_loss", lambda tf, t: tf.nn.l2_loss(t.x))
_case("xw_plus_b", lambda tf, t: tf.compat.v1.nn.xw_plus_b(t.v, _filters(6, 2), np.ones(2, "float32")))
_case("lrn", lambda tf, t: tf.nn.local_response_normalization(t.g, 1, 0.5, 0.2, 0.7))

# images
for _method in ("bilinear", "nearest", "bicubic", "area", "lanczos3", "gaussian"):
    _case(f"resize_{_method}", lambda tf, t, m=_method: tf.image.resize(t.g, [9, 5], method=m))
    _case(f"resize_down_{_method}", lambda tf, t, m=_method: tf.image.resize(t.g, (3, 4), m))
_case("resize_double", lambda tf, t: tf.image.resize(t.g, [12, 16]))
_case("resize_antialias", lambda tf, t: tf.image.resize(t.g, [3, 4], antialias=True))
_case("resize_by_shape", lambda tf, t: tf.image.resize(t.g, tf.shape(t.g)[1:3] * 2))
_case("resize_ratio", lambda tf, t: tf.image.resize(t.g, [9, 5], preserve_aspect_ratio=True))
_case("resize_v1", lambda tf, t: tf.compat.v1.image.resize_bilinear(t.g, [9, 5]))
_case("resize_v1_corners", lambda tf, t: tf.compat.v1.image.resize_bilinear(t.g, [9, 5], align_corners=True))
_case("resize_v1_nearest", lambda tf, t: tf.compat.v1.image.resize_nearest_neighbor(t.g, [9, 5]))
_case("resize_v1_images", lambda tf, t: tf.compat.v1.image.resize_images(t.g, [9, 5]))
_case("flip_left_right", lambda tf, t: tf.image.flip_left_right(t.g))
_case("flip_up_down", lambda tf, t: tf.image.flip_up_down(t.g))
_case("rot90", lambda tf, t: tf.image.rot90(t.g))
_case("rgb_to_grayscale", lambda tf, t: tf.image.rgb_to_grayscale(t.g))
_case("grayscale_to_rgb", lambda tf, t: tf.image.grayscale_to_rgb(t.g[..., :1]))
_case("standardization", lambda tf, t: tf.image.per_image_standardization(t.g))
_case("adjust_brightness", lambda tf, t: tf.image.adjust_brightness(t.g, 0.1))
_case("adjust_contrast", lambda tf, t: tf.image.adjust_contrast(t.g, 2.0))
_case("adjust_gamma", lambda tf, t: tf.image.adjust_gamma(tf.abs(t.g), 0.5))
_case("rgb_to_yuv", lambda tf, t: tf.image.rgb_to_yuv(t.g))
_case("rgb_to_hsv", lambda tf, t: tf.image.rgb_to_hsv(tf.abs(t.g)))
_case("crop_to_bounding_box", lambda tf, t: tf.image.crop_to_bounding_box(t.g, 1, 2, 3, 4))
_case("pad_to_bounding_box", lambda tf, t: tf.image.pad_to_bounding_box(t.g, 1, 2, 9, 12))
_case("central_crop", lambda tf, t: tf.image.central_crop(t.g, 0.5))
_case("resize_with_pad", lambda tf, t: tf.image.resize_with_pad(t.g, 9, 9))
_case("resize_with_crop_or_pad", lambda tf, t: tf.image.resize_with_crop_or_pad(t.g, 4, 10))
_case("total_variation", lambda tf, t: tf.image.total_variation(t.g))
_case("image_gradients", lambda tf, t: tf.image.image_gradients(t.g))
_case("sobel_edges", lambda tf, t: tf.image.sobel_edges(t.g))
_case("psnr", lambda tf, t: tf.image.psnr(tf.abs(t.g), tf.abs(t.g) * 0.9, 1.0))
_case("convert_image_dtype", lambda tf, t: tf.image.convert_image_dtype(t.j, tf.float32))

# what applications and tutorials hold
_case("caffe", lambda tf, t: tf.keras.applications.resnet.preprocess_input(t.g * 255.0))
_case("preprocess_tf", lambda tf, t: tf.keras.applications.mobilenet_v2.preprocess_input(t.g * 255.0))
_case("preprocess_torch", lambda tf, t: tf.keras.applications.densenet.preprocess_input(t.g * 255.0))
_case("sampling_free", lambda tf, t: t.x + tf.exp(0.5 * t.y))
_case(
    "attention", lambda tf, t: tf.matmul(tf.nn.softmax(tf.matmul(t.x, t.y, transpose_b=True) / 6**0.5), t.p)
)
_case("distance", lambda tf, t: tf.sqrt(tf.reduce_sum(tf.square(t.x - t.y), axis=-1, keepdims=True)))
_case("positions", lambda tf, t: t.x + tf.cast(tf.range(6), tf.float32))
_case("tile_by_shape", lambda tf, t: tf.tile(np.ones((1, 4, 1), "float32"), [tf.shape(t.x)[0], 1, 1]) + t.x)
_case("backend_l2", lambda tf, t: tf.keras.backend.l2_normalize(t.x, axis=-1))
_case("backend_mean", lambda tf, t: tf.keras.backend.mean(t.x, axis=[1, 2], keepdims=True))
_case("backend_dot", lambda tf, t: tf.keras.backend.batch_dot(t.x, t.w))
_case("backend_resize", lambda tf, t: tf.keras.backend.resize_images(t.g, 2, 2, "channels_last"))
_case("backend_concatenate", lambda tf, t: tf.keras.backend.concatenate([t.x, t.y], axis=1))
_case("backend_permute", lambda tf, t: tf.keras.backend.permute_dimensions(t.x, (0, 2, 1)))
_case("method_shape", lambda tf, t: tf.reshape(t.x, (-1, t.x.shape[1] * t.x.shape[2])))
_case("keras_gelu", lambda tf, t: tf.keras.activations.gelu(t.x))
_case("keras_relu_max", lambda tf, t: tf.keras.activations.relu(t.x, max_value=0.5, threshold=0.1))
_case("keras_elu", lambda tf, t: tf.keras.activations.elu(t.x, alpha=0.3))
_case("keras_hard_sigmoid", lambda tf, t: tf.keras.activations.hard_sigmoid(t.x))
_case("keras_mish", lambda tf, t: tf.keras.activations.mish(t.x))

#: Operators of TensorFlow that its functions do not, or no longer, come down to.
OPERATORS: dict = {
    "Add": lambda tf, t: tf.raw_ops.Add(x=t.x, y=t.y),
    "Inv": lambda tf, t: tf.raw_ops.Inv(x=t.p),
    "BatchMatMul": lambda tf, t: tf.raw_ops.BatchMatMul(x=t.x, y=t.y, adj_y=True),
    "BatchMatMulV3": lambda tf, t: tf.raw_ops.BatchMatMulV3(x=t.x, y=t.y, Tout=tf.float32, adj_x=True),
    "Gather": lambda tf, t: tf.raw_ops.Gather(params=t.x, indices=[1, 0, 1]),
    "FusedBatchNormV3": lambda tf, t: tf.compat.v1.nn.fused_batch_norm(
        t.g, [1.0, 0.5, 2.0], [0.0, 1.0, -1.0], [0.1, 0.2, 0.3], [1.0, 4.0, 0.3], is_training=False
    )[0],
    "Select_vector": lambda tf, t: tf.compat.v1.where(t.v[:, 0] > 0, t.x, t.y),
    "Select": lambda tf, t: tf.compat.v1.where(t.x > 0, t.y, t.p),
    "SplitV_rest": lambda tf, t: tf.raw_ops.SplitV(value=t.x, size_splits=[1, 2, -1], axis=2, num_split=3)[
        1:
    ],
    "Split_first": lambda tf, t: tf.raw_ops.Split(axis=-1, value=t.x, num_split=3)[::2],
    "Unpack": lambda tf, t: tf.raw_ops.Unpack(value=t.x, num=4, axis=1)[1] * 2.0,
    "TopKV2": lambda tf, t: tf.raw_ops.TopKV2(input=t.x, k=2)[1],
    "TensorScatterAdd": lambda tf, t: tf.raw_ops.TensorScatterAdd(
        tensor=t.x, indices=[[0, 1]], updates=t.v[:1]
    ),
    "LinSpace": lambda tf, t: tf.raw_ops.LinSpace(start=t.x[0, 0, 0], stop=1.0, num=5),
    "CheckNumerics": lambda tf, t: tf.raw_ops.CheckNumerics(
        tensor=tf.raw_ops.PreventGradient(input=t.x), message="x"
    ),
    "Rank": lambda tf, t: tf.cast(tf.raw_ops.Rank(input=t.x), tf.float32) * t.x,
    "HSVToRGB": lambda tf, t: tf.image.hsv_to_rgb(tf.abs(t.g)),
}


def _filters(*shape):
    return np.linspace(-0.5, 0.7, int(np.prod(shape)), dtype="float32").reshape(shape)


def arrays():
    """The inputs of every model."""
    random = np.random.RandomState(11)
    made = {}
    for name, (shape, kind) in INPUTS.items():
        high, low = (4, 0) if kind == "int32" else (1, 0.05 if name == "p" else -1)
        made[name] = (
            np.floor(random.uniform(low, high, (2, *shape))).astype(kind)
            if kind == "int32"
            else (random.uniform(low, high, (2, *shape)).astype(kind))
        )
    return made

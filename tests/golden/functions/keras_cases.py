"""``keras.ops`` between layers, as Keras 3.15 records them: one small model for each call.

A row is ``name: builder``; the builder takes ``keras.ops`` and the inputs as attributes of one object, and
returns a tensor or several.
"""

from __future__ import annotations

# ruff: noqa: E501
import numpy as np

from tests.golden.functions.tf_cases import INPUTS, _filters, arrays

__all__ = ["CASES", "INPUTS", "arrays"]

CASES: dict = {}


def _case(name, build):
    CASES[name] = build


def _function(ops, name):
    for part in name.split("."):
        ops = getattr(ops, part)
    return ops


def _each(names, build, suffix=""):
    for name in names.split():
        CASES[name.replace(".", "_") + suffix] = lambda o, t, n=name: build(_function(o, n), t)


_each(
    """abs absolute all any angle arccos arcsin arcsinh arctan arctanh argmax argmin argsort cbrt ceil celu conj
    conjugate copy cos cosh count_nonzero cumprod cumsum deg2rad diff elu erf erfc erfinv exp exp2 expm1 fabs flip
    fliplr flipud floor gelu glu hard_shrink hard_sigmoid hard_silu hard_swish hard_tanh i0 identity_free imag
    isfinite isinf isnan isneginf isposinf isreal leaky_relu log_sigmoid log_softmax log1p logsumexp max mean median
    min nan_to_num nanargmax nanargmin nancumprod nancumsum nanmax nanmean nanmedian nanmin nanprod nanstd nansum
    nanvar ndim negative norm normalize ones_like prod ptp rad2deg ravel real relu relu6 round selu shape sigmoid
    sign signbit silu sin sinc sinh size soft_shrink softmax softplus softsign sort sparse_plus sparse_sigmoid
    sparsemax square squareplus squeeze std stop_gradient sum swish tan tanh tanh_shrink trapezoid transpose tril
    triu trunc unstack_free var zeros_like empty_like rot90 rms_normalization_free amax amin""".replace(
        "identity_free", ""
    )
    .replace("unstack_free", "")
    .replace("rms_normalization_free", ""),
    lambda f, t: f(t.x),
)
_each("arccosh log log10 log2 reciprocal rsqrt sqrt log1p", lambda f, t: f(t.p + 1.0), "_positive")
_each(
    """add arctan2 divide divide_no_nan equal floor_divide fmax fmin fmod greater greater_equal heaviside hypot
    isclose ldexp_free less less_equal logaddexp logaddexp2 logical_and logical_or logical_xor maximum minimum mod
    multiply nextafter not_equal power subtract true_divide""".replace("ldexp_free", ""),
    lambda f, t: f(t.p, t.y),
)
_each(
    "add divide floor_divide maximum minimum mod multiply power subtract greater equal true_divide fmod",
    lambda f, t: f(t.p, 0.7), "_number",
)  # fmt: skip
_each("subtract divide power maximum", lambda f, t: f(0.7, t.p), "_of_number")
_each("power", lambda f, t: f(t.p, t.p), "_positive")
_each(
    """bitwise_and bitwise_or bitwise_xor bitwise_left_shift bitwise_right_shift left_shift right_shift gcd lcm
    floor_divide mod add multiply power maximum true_divide divide ldexp""",
    lambda f, t: f(t.j + 1, t.j * 2 + 1), "_integers",
)  # fmt: skip
_each(
    "bitwise_invert bitwise_not abs sum mean max cumsum prod sign square negative",
    lambda f, t: f(t.j),
    "_integers",
)
_each("logical_not", lambda f, t: f(t.x > 0))
_each(
    "isnan nan_to_num nansum nanmean nanmax nanmin nanprod nanmedian nanargmax nanargmin",
    lambda f, t: f(t.x / (t.x > 0)),
    "_of_nan",
)
for _name in "sum mean max min prod std var logsumexp amax amin nansum nanmean nanmax nanmin nanstd nanvar nanprod median nanmedian all any ptp norm".split():
    for _how, _arguments in {
        "axis": {"axis": 1}, "axes": {"axis": (1, 2)}, "kept": {"axis": -1, "keepdims": True}, "all_kept": {"keepdims": True},
    }.items():  # fmt: skip
        _case(f"{_name}_{_how}", lambda o, t, n=_name, a=_arguments: getattr(o, n)(t.x, **a))
_case("sum_initial", lambda o, t: o.max(t.x, axis=1, initial=0.5))
_case("min_initial", lambda o, t: o.min(t.x, initial=-0.1))
_case("prod_type", lambda o, t: o.prod(t.x, axis=1, dtype="float64"))
for _order in (1, 2, 3, np.inf, -np.inf, 0):
    _case(f"norm_{_order}", lambda o, t, n=_order: o.norm(t.x, ord=n, axis=-1))
_case("norm_fro", lambda o, t: o.norm(t.x, ord="fro", axis=(1, 2)))
_case("norm_pair", lambda o, t: o.norm(t.x, ord=1, axis=(1, 2)))
_case("argmax_axis", lambda o, t: o.argmax(t.x, axis=-1, keepdims=True))
_case("argsort_axis", lambda o, t: o.argsort(t.x, axis=1))
_case("sort_axis", lambda o, t: o.sort(t.x, axis=1))
_case("argpartition", lambda o, t: o.shape(o.argpartition(t.x, 2))[1] + t.x)
_case("cumsum_axis", lambda o, t: o.cumsum(t.x, axis=1))
_case("cumsum_type", lambda o, t: o.cumsum(t.j, axis=1, dtype="float32"))
_case("cumprod_axis", lambda o, t: o.cumprod(t.x, axis=2))
_case("diff_twice", lambda o, t: o.diff(t.x, n=2, axis=1))
_case("average", lambda o, t: o.average(t.x, axis=1))
_case("average_weights", lambda o, t: o.average(t.x, axis=2, weights=t.p))
_case("quantile", lambda o, t: o.quantile(t.x, 0.3, axis=1))
_case("quantile_kept", lambda o, t: o.quantile(t.x, 0.75, axis=(1, 2), keepdims=True))
_case("percentile", lambda o, t: o.percentile(t.x, 30.0, axis=1))
_case("percentile_nearest", lambda o, t: o.percentile(t.x, 40.0, axis=1, method="nearest"))
_case("top_k", lambda o, t: o.top_k(t.x, 2))
_case("in_top_k", lambda o, t: o.in_top_k(t.i[:, 0], t.v, 2))
_case("moments", lambda o, t: o.moments(t.x, axes=[1], keepdims=True))
_case("normalize_order", lambda o, t: o.normalize(t.x, axis=1, order=1))
_case(
    "layer_normalization",
    lambda o, t: o.layer_normalization(t.x, gamma=np.ones(6, "float32"), beta=np.ones(6, "float32")),
)
_case("layer_normalization_plain", lambda o, t: o.layer_normalization(t.x, epsilon=1e-3))
_case("rms_normalization", lambda o, t: o.rms_normalization(t.x, epsilon=1e-3))
_case("rms_normalization_scale", lambda o, t: o.rms_normalization(t.x, scale=np.arange(6, dtype="float32")))
_case(
    "batch_normalization",
    lambda o, t: o.batch_normalization(t.x, np.zeros(6, "float32"), np.ones(6, "float32"), -1),
)
_case(
    "batch_normalization_all",
    lambda o, t: o.batch_normalization(
        t.x,
        np.ones(4, "float32"),
        np.full(4, 2.0, "float32"),
        1,
        np.ones(4, "float32"),
        np.full(4, 3.0, "float32"),
    ),
)
_case("nan_to_num_values", lambda o, t: o.nan_to_num(t.x / (t.x > 0), nan=3.0, posinf=4.0, neginf=-4.0))
_case("clip", lambda o, t: o.clip(t.x, -0.3, 0.4))
_case("round_decimals", lambda o, t: o.round(t.x, 1))
_case("isclose_wide", lambda o, t: o.isclose(t.x, t.x + 0.01, rtol=0.1, atol=0.01))
_case("where", lambda o, t: o.where(t.x > 0, t.x, 0.5))
_case("where_tensors", lambda o, t: o.where(t.v[:, None, :] > 0, t.x, t.y))
_case("select", lambda o, t: o.select([t.x > 0.5, t.x > 0], [t.x, t.y], 0.25))
_case("threshold", lambda o, t: o.threshold(t.x, 0.2, -1.0))

_case("matmul", lambda o, t: o.matmul(t.x, t.w))
_case("matmul_operator", lambda o, t: t.x @ t.w)
_case("matmul_constant", lambda o, t: o.matmul(t.v, np.arange(12, dtype="float32").reshape(6, 2)))
_case("dot", lambda o, t: o.dot(t.x, np.arange(12, dtype="float32").reshape(6, 2)))
_case("dot_3d", lambda o, t: o.dot(t.x, np.arange(36, dtype="float32").reshape(3, 6, 2)))
_case("tensordot", lambda o, t: o.tensordot(t.x, np.arange(12, dtype="float32").reshape(6, 2), axes=1))
_case("tensordot_axes", lambda o, t: o.tensordot(t.x, np.ones((2, 4), "float32"), axes=[[1], [1]]))
_case("inner", lambda o, t: o.inner(t.x, np.arange(12, dtype="float32").reshape(2, 6)))
_case("vdot", lambda o, t: o.vdot(t.x, t.y))
_case("outer", lambda o, t: o.outer(t.v, np.arange(3, dtype="float32")))
_case("kron", lambda o, t: o.kron(t.x, np.arange(12, dtype="float32").reshape(1, 3, 4)))
_case("cross", lambda o, t: o.cross(t.q, t.q * t.q))
_case("einsum", lambda o, t: o.einsum("bij,bjk->bik", t.x, t.w))
_case("einsum_dots", lambda o, t: o.einsum("...ij,...ij->...i", t.x, t.y))
_case("trace", lambda o, t: o.trace(t.s, axis1=1, axis2=2))
_case("trace_offset", lambda o, t: o.trace(t.s, offset=1, axis1=1, axis2=2))
_case("diagonal", lambda o, t: o.diagonal(t.s, axis1=1, axis2=2))
_case("diagonal_offset", lambda o, t: o.diagonal(t.x, offset=1, axis1=1, axis2=2))
_case("diagflat", lambda o, t: o.diagflat(t.v[0], k=1))
_case("diag", lambda o, t: o.diag(t.v[0]))
_case("det", lambda o, t: o.det(t.s))
_case("tril_k", lambda o, t: o.tril(t.x, k=1))
_case("triu_k", lambda o, t: o.triu(t.x, k=-1))
_case("vander", lambda o, t: o.vander(t.v[0], 3))
_case("cdist", lambda o, t: o.cdist(t.x, t.y))
_case("corrcoef", lambda o, t: o.corrcoef(t.x[0]))
_case(
    "dot_product_attention",
    lambda o, t: o.dot_product_attention(
        t.h[:, :, :, 0][..., None, :], t.h[:, :, :, 1][..., None, :], t.h[:, :, :, 0][..., None, :]
    ),
)
_case("attention_causal", lambda o, t: o.dot_product_attention(t.g, t.g, t.g, is_causal=True, scale=0.3))

_case("reshape", lambda o, t: o.reshape(t.x, (-1, 24)))
_case("reshape_by_shape", lambda o, t: o.reshape(t.x, (-1, t.x.shape[1] * 2, 3)))
_case("expand_dims", lambda o, t: o.expand_dims(t.x, (1, -1)))
_case("squeeze_axes", lambda o, t: o.squeeze(t.o, (1, 3)))
_case("transpose_axes", lambda o, t: o.transpose(t.g, (0, 3, 1, 2)))
_case("swapaxes", lambda o, t: o.swapaxes(t.g, 1, -1))
_case("moveaxis", lambda o, t: o.moveaxis(t.g, [1, 2], [2, 3]))
_case("tile", lambda o, t: o.tile(t.x, (1, 2, 3)))
_case("tile_number", lambda o, t: o.tile(t.x, 2))
_case("repeat", lambda o, t: o.repeat(t.x, 2, axis=1))
_case("repeat_list", lambda o, t: o.repeat(t.x, [1, 2, 0, 3], axis=1))
_case("flip_axis", lambda o, t: o.flip(t.x, axis=1))
_case("flip_axes", lambda o, t: o.flip(t.x, axis=(1, 2)))
_case("roll", lambda o, t: o.roll(t.x, 2, axis=1))
_case("roll_flat", lambda o, t: o.roll(t.x, 3))
_case("roll_axes", lambda o, t: o.roll(t.x, (1, -2), axis=(1, 2)))
_case("rot90_axes", lambda o, t: o.rot90(t.g, k=3, axes=(1, 2)))
_case("concatenate", lambda o, t: o.concatenate([t.x, t.y], axis=-1))
_case("append", lambda o, t: o.append(t.x, t.y, axis=1))
_case("append_flat", lambda o, t: o.append(t.v, t.v))
_case("stack", lambda o, t: o.stack([t.x, t.y], axis=1))
_case("hstack", lambda o, t: o.hstack([t.x, t.y]))
_case("vstack", lambda o, t: o.vstack([t.x, t.y]))
_case("dstack", lambda o, t: o.dstack([t.x, t.y]))
_case("split", lambda o, t: o.split(t.x, 2, axis=-1))
_case("split_places", lambda o, t: o.split(t.x, [1, 3], axis=2))
_case("array_split", lambda o, t: o.array_split(t.x, 4, axis=2))
_case("hsplit", lambda o, t: o.hsplit(t.x, 2))
_case("dsplit", lambda o, t: o.dsplit(t.x, 3))
_case("unstack", lambda o, t: o.unstack(t.x, axis=1))
_case("meshgrid", lambda o, t: o.meshgrid(t.v[0], t.v[1]))
_case("meshgrid_ij", lambda o, t: o.meshgrid(t.v[0], t.v[1], indexing="ij"))
_case("pad", lambda o, t: o.pad(t.x, ((0, 0), (1, 2), (0, 1))))
_case("pad_value", lambda o, t: o.pad(t.x, ((0, 0), (1, 2), (0, 1)), constant_values=3.0))
for _mode in ("reflect", "symmetric"):
    _case(f"pad_{_mode}", lambda o, t, m=_mode: o.pad(t.g, ((0, 0), (2, 1), (1, 2), (0, 0)), mode=m))
_case("take", lambda o, t: o.take(t.x, [0, 2, 5], axis=2))
_case("take_tensor", lambda o, t: o.take(np.arange(20, dtype="float32").reshape(5, 4), t.i, axis=0))
_case("take_flat", lambda o, t: o.take(t.x, [0, 3]))
_case("take_negative", lambda o, t: o.take(t.x, [-1, -2], axis=1))
_case("take_along_axis", lambda o, t: o.take_along_axis(t.x, t.j, axis=1))
_case("take_along_last", lambda o, t: o.take_along_axis(t.x, o.argsort(t.x), axis=-1))
_case("searchsorted", lambda o, t: o.searchsorted(np.array([-0.5, 0.0, 0.5], "float32"), t.v[0]))
_case("digitize", lambda o, t: o.digitize(t.x, np.array([-0.5, 0.0, 0.5])))
_case("one_hot", lambda o, t: o.one_hot(t.i, 5))
_case("one_hot_axis", lambda o, t: o.one_hot(t.i, 5, axis=1, dtype="int32"))
_case("multi_hot", lambda o, t: o.multi_hot(t.i, 5))
_case("bincount", lambda o, t: o.bincount(t.i, minlength=4))
_case("cast", lambda o, t: o.cast(t.x * 10.0, "int32"))
_case("saturate_cast", lambda o, t: o.saturate_cast(t.x * 300.0, "uint8"))
_case("convert_to_tensor", lambda o, t: o.convert_to_tensor(t.x))
_case("array", lambda o, t: o.array(t.x))
_case("broadcast_to", lambda o, t: o.broadcast_to(t.v[:, None, :], (2, 4, 6)))
_case("full_like", lambda o, t: o.full_like(t.x, 2.5))
_case("ones_like_type", lambda o, t: o.ones_like(t.x, dtype="int32"))
_case("linspace", lambda o, t: o.linspace(t.v[:, 0], t.v[:, 1], 5, axis=-1))
_case("linspace_open", lambda o, t: o.linspace(t.v, t.v + 1.0, 4, endpoint=False))
_case("logspace", lambda o, t: o.logspace(t.v, t.v + 1.0, 3))
_case("geomspace", lambda o, t: o.geomspace(t.p, t.p + 1.0, 3))
_case("isin", lambda o, t: o.isin(t.j, [1, 3]))
_case("trapezoid_dx", lambda o, t: o.trapezoid(t.x, dx=0.5, axis=1))
_case(
    "searchsorted_right", lambda o, t: o.searchsorted(np.array([0.0, 0.5], "float32"), t.v[1], side="right")
)
_case("scatter", lambda o, t: o.scatter(np.array([[1], [0]]), t.v, (3, 6)))
_case("scatter_update", lambda o, t: o.scatter_update(t.x, np.array([[0, 1], [1, 2]]), t.v))
_case("slice", lambda o, t: o.slice(t.x, (0, 1, 2), (2, 2, 3)))
_case("slice_update", lambda o, t: o.slice_update(t.x, (0, 1, 2), t.y[:, :2, :3]))
_case("segment_sum", lambda o, t: o.segment_sum(t.v, np.array([0, 1]), num_segments=3))
_case("segment_max", lambda o, t: o.segment_max(t.v, np.array([0, 0]), num_segments=1))
_case("extract_sequences", lambda o, t: o.extract_sequences(t.v, 3, 1))
_case("rfft", lambda o, t: o.rfft(t.x))
_case("fft", lambda o, t: o.fft((t.x, t.y)))
_case("irfft", lambda o, t: o.irfft((t.x, t.y)))
_case("rfft_longer", lambda o, t: o.rfft(t.x, fft_length=9))
_case("rfft_shorter", lambda o, t: o.rfft(t.x, fft_length=4))
_case("fft2", lambda o, t: o.fft2((t.x, t.y)))
_case("ifft2", lambda o, t: o.ifft2((t.x, t.y)))
_case("irfft_odd", lambda o, t: o.irfft((t.x, t.y), fft_length=7))
_case("irfft_longer", lambda o, t: o.irfft((t.x, t.y), fft_length=14))
_case("rfft_magnitude", lambda o, t: o.sqrt(o.square(o.rfft(t.x)[0]) + o.square(o.rfft(t.x)[1])))
_case("stft", lambda o, t: o.stft(t.v, 4, 2, 4))
_case("stft_rows", lambda o, t: o.stft(t.x, 4, 1, 5, window="hamming"))
_case("stft_odd", lambda o, t: o.stft(t.v, 3, 2, 4, center=False))
_case("stft_plain", lambda o, t: o.stft(t.x, 4, 2, 4, window=None, center=False))
_case("correlate", lambda o, t: o.correlate(t.v[0], np.array([1.0, 2.0], "float32")))
_case(
    "logdet", lambda o, t: o.logdet(o.matmul(t.s, o.transpose(t.s, (0, 2, 1))) + np.eye(4, dtype="float32"))
)

for _name, _key in {
    "index": (slice(None), 1), "last": (slice(None), -1), "range": (slice(None), slice(1, 3)),
    "step": (slice(None), slice(None, None, 2)), "back": (slice(None), slice(None, None, -1)),
    "ellipsis": (Ellipsis, 0), "ellipsis_range": (Ellipsis, slice(2, None)), "new": (slice(None), None),
    "new_last": (Ellipsis, None), "both": (slice(None), 0, slice(None, -1)), "batch": 0,
    "mixed": (slice(None), None, 1, Ellipsis, slice(0, 4, 3)),
}.items():  # fmt: skip
    _case(f"getitem_{_name}", lambda o, t, k=_key: t.x[k])

_case("max_pool", lambda o, t: o.max_pool(t.g, 2))
_case("max_pool_same", lambda o, t: o.max_pool(t.g, (3, 2), strides=(2, 1), padding="same"))
_case("max_pool_1d", lambda o, t: o.max_pool(t.q, 3, 2))
_case("max_pool_3d", lambda o, t: o.max_pool(t.h, 2, 1))
_case("average_pool", lambda o, t: o.average_pool(t.g, 2, padding="same"))
_case("average_pool_1d", lambda o, t: o.average_pool(t.q, 2))
_case("adaptive_average_pool", lambda o, t: o.adaptive_average_pool(t.g, (3, 3)))
_case("adaptive_max_pool", lambda o, t: o.adaptive_max_pool(t.g, 2))
_case("conv", lambda o, t: o.conv(t.g, _filters(2, 2, 3, 4), padding="same"))
_case("conv_strided", lambda o, t: o.conv(t.g, _filters(3, 2, 3, 2), strides=(2, 1)))
_case("conv_dilated", lambda o, t: o.conv(t.g, _filters(2, 2, 3, 2), dilation_rate=2))
_case("conv_1d", lambda o, t: o.conv(t.q, _filters(3, 3, 2), padding="same"))
_case("conv_3d", lambda o, t: o.conv(t.h, _filters(2, 2, 2, 2, 3)))
_case("depthwise_conv", lambda o, t: o.depthwise_conv(t.g, _filters(3, 3, 3, 2), padding="same"))
_case("separable_conv", lambda o, t: o.separable_conv(t.g, _filters(2, 2, 3, 2), _filters(1, 1, 6, 4)))
_case("conv_transpose", lambda o, t: o.conv_transpose(t.g, _filters(2, 2, 4, 3), strides=2))
_case("conv_transpose_same", lambda o, t: o.conv_transpose(t.q, _filters(3, 2, 3), strides=2, padding="same"))
_case("depth_to_space", lambda o, t: o.depth_to_space(o.concatenate([t.g] * 4, -1), 2))
_case("space_to_depth", lambda o, t: o.space_to_depth(t.g, 2))
_case("unfold", lambda o, t: o.unfold(o.transpose(t.g, (0, 3, 1, 2)), 2))
_case("leaky_relu_slope", lambda o, t: o.leaky_relu(t.x, 0.4))
_case("gelu_exact", lambda o, t: o.gelu(t.x, approximate=False))
_case("softmax_axis", lambda o, t: o.softmax(t.x, axis=1))
_case("softmax_axes", lambda o, t: o.softmax(t.x, axis=(1, 2)))
_case("glu_axis", lambda o, t: o.glu(t.x, axis=1))
_case("binary_crossentropy", lambda o, t: o.binary_crossentropy(t.p, o.sigmoid(t.x)))
_case("binary_crossentropy_logits", lambda o, t: o.binary_crossentropy(t.p, t.x, from_logits=True))
_case("categorical_crossentropy", lambda o, t: o.categorical_crossentropy(o.softmax(t.y), o.softmax(t.x)))
_case("categorical_logits", lambda o, t: o.categorical_crossentropy(o.softmax(t.y), t.x, from_logits=True))
_case("sparse_crossentropy", lambda o, t: o.sparse_categorical_crossentropy(t.i, o.softmax(t.x)))
_case("sparse_logits", lambda o, t: o.sparse_categorical_crossentropy(t.i, t.x, from_logits=True))
_case("psnr", lambda o, t: o.psnr(t.g, t.g * 0.9, 1.0))

for _method in ("bilinear", "nearest", "bicubic", "lanczos3", "lanczos5", "area"):
    _case(f"resize_{_method}", lambda o, t, m=_method: o.image.resize(t.g, (9, 5), interpolation=m))
    _case(f"resize_down_{_method}", lambda o, t, m=_method: o.image.resize(t.g, (3, 4), interpolation=m))
_case("resize_antialias", lambda o, t: o.image.resize(t.g, (3, 4), antialias=True))
_case("resize_crop", lambda o, t: o.image.resize(t.g, (4, 4), crop_to_aspect_ratio=True))
_case("resize_pad", lambda o, t: o.image.resize(t.g, (8, 8), pad_to_aspect_ratio=True, fill_value=0.5))
_case("rgb_to_grayscale", lambda o, t: o.image.rgb_to_grayscale(t.g))
_case("rgb_to_hsv", lambda o, t: o.image.rgb_to_hsv(o.abs(t.g)))
_case("hsv_to_rgb", lambda o, t: o.image.hsv_to_rgb(o.abs(t.g)))
_case("extract_patches", lambda o, t: o.image.extract_patches(t.g, (2, 2)))
_case("extract_patches_same", lambda o, t: o.image.extract_patches(t.g, 3, strides=2, padding="same"))
_case("pad_images", lambda o, t: o.image.pad_images(t.g, 1, 2, 3, 4))
_case("pad_images_target", lambda o, t: o.image.pad_images(t.g, 1, 2, target_height=9, target_width=12))
_case("crop_images", lambda o, t: o.image.crop_images(t.g, 1, 2, 1, 1))
_case("crop_images_target", lambda o, t: o.image.crop_images(t.g, 1, 2, target_height=3, target_width=4))
_case("gaussian_blur", lambda o, t: o.image.gaussian_blur(t.g, (3, 3), (1.0, 1.0)))
_case("sobel_edges", lambda o, t: o.image.sobel_edges(t.g))

"""Names and arguments of TensorFlow 1 for what has other ones today.

Programs of the Keras 2.0 to 2.3 era say ``tf.log(x)`` and ``tf.reduce_sum(x, keep_dims=True)``. Neither means
anything else today, so both are taken of any program. A test compares with ``tf.compat.v1`` of TensorFlow.
"""

from __future__ import annotations

import functools
from typing import Any

#: Modules of today, and what of theirs was in ``tf`` itself.
_MOVED = {
    "math": "accumulate_n angle betainc bincount ceil confusion_matrix conj count_nonzero cumprod digamma "
    "erf erfc expm1 floordiv floormod igamma igammac imag invert_permutation is_finite is_inf is_nan "
    "is_non_decreasing is_strictly_increasing lbeta lgamma log log1p log_sigmoid logical_xor "
    "polygamma real reciprocal rint rsqrt segment_max segment_mean segment_min segment_prod "
    "segment_sum squared_difference unsorted_segment_max unsorted_segment_mean unsorted_segment_min "
    "unsorted_segment_prod unsorted_segment_sqrt_n unsorted_segment_sum zeta",
    "linalg": "cholesky cholesky_solve cross global_norm matrix_transpose qr svd trace",
    "io": "FixedLenFeature FixedLenSequenceFeature SparseFeature VarLenFeature decode_base64 "
    "decode_compressed decode_csv decode_raw encode_base64 matching_files parse_example "
    "parse_single_example parse_tensor read_file serialize_tensor write_file",
    "random": "truncated_normal",
    "strings": "reduce_join regex_replace substr",
    "debugging": "assert_greater_equal assert_integer assert_less_equal assert_near assert_negative "
    "assert_non_negative assert_non_positive assert_none_equal assert_positive assert_rank_at_least "
    "assert_rank_in assert_scalar assert_type check_numerics is_numeric_tensor",
    "signal": "fft fft2d fft3d ifft ifft2d ifft3d",
    "quantization": "fake_quant_with_min_max_args fake_quant_with_min_max_vars "
    "fake_quant_with_min_max_vars_per_channel",
    "errors": "OpError",
    "nn": "depth_to_space space_to_depth",
}
#: Whole modules under another name.
_MODULES = {"gfile": "io.gfile", "manip": "", "python_io": "io", "spectral": "signal"}
_FILES = {
    "Copy": "copy", "DeleteRecursively": "rmtree", "Exists": "exists", "FastGFile": "GFile", "Glob": "glob",
    "IsDirectory": "isdir", "ListDirectory": "listdir", "MakeDirs": "makedirs", "MkDir": "mkdir",
    "Open": "GFile", "Remove": "remove", "Rename": "rename", "Stat": "stat", "Walk": "walk",
}  # fmt: skip
_NAMES = {
    **{name: f"{module}.{name}" for module, names in _MOVED.items() for name in names.split()},
    **{f"gfile.{name}": f"io.gfile.{today}" for name, today in _FILES.items()},
    "arg_max": "argmax",
    "arg_min": "argmin",
    "batch_matmul": "linalg.matmul",
    "batch_to_space_nd": "batch_to_space",
    "concat_v2": "concat",
    "debugging.is_finite": "math.is_finite",
    "debugging.is_inf": "math.is_inf",
    "debugging.is_nan": "math.is_nan",
    "diag": "linalg.tensor_diag",
    "diag_part": "linalg.tensor_diag_part",
    "div_no_nan": "math.divide_no_nan",
    "lin_space": "linspace",
    "matrix_band_part": "linalg.band_part",
    "matrix_determinant": "linalg.det",
    "matrix_diag": "linalg.diag",
    "matrix_diag_part": "linalg.diag_part",
    "matrix_inverse": "linalg.inv",
    "matrix_set_diag": "linalg.set_diag",
    "matrix_solve": "linalg.solve",
    "matrix_solve_ls": "linalg.lstsq",
    "matrix_triangular_solve": "linalg.triangular_solve",
    "mod": "math.floormod",
    "multinomial": "random.categorical",
    "mul": "multiply",
    "neg": "negative",
    "nn.avg_pool_v2": "nn.avg_pool",
    "nn.depthwise_conv2d_native": "nn.depthwise_conv2d",
    "nn.log_uniform_candidate_sampler": "random.log_uniform_candidate_sampler",
    "nn.max_pool_v2": "nn.max_pool",
    "nn.softmax_cross_entropy_with_logits_v2": "nn.softmax_cross_entropy_with_logits",
    "nn.uniform_candidate_sampler": "random.uniform_candidate_sampler",
    "pack": "stack",
    "py_func": "numpy_function",
    "random.multinomial": "random.categorical",
    "random_gamma": "random.gamma",
    "random_normal": "random.normal",
    "random_shuffle": "random.shuffle",
    "random_uniform": "random.uniform",
    "reverse_v2": "reverse",
    "select": "where",
    "self_adjoint_eig": "linalg.eigh",
    "self_adjoint_eigvals": "linalg.eigvalsh",
    "space_to_batch_nd": "space_to_batch",
    "sparse_add": "sparse.add",
    "sparse_concat": "sparse.concat",
    "sparse_reduce_max": "sparse.reduce_max",
    "sparse_reduce_sum": "sparse.reduce_sum",
    "sparse_reorder": "sparse.reorder",
    "sparse_reshape": "sparse.reshape",
    "sparse_slice": "sparse.slice",
    "sparse_softmax": "sparse.softmax",
    "sparse_split": "sparse.split",
    "sparse_tensor_dense_matmul": "sparse.sparse_dense_matmul",
    "sparse_tensor_to_dense": "sparse.to_dense",
    "sparse_transpose": "sparse.transpose",
    "string_join": "strings.join",
    "string_split": "strings.split",
    "string_strip": "strings.strip",
    "string_to_number": "strings.to_number",
    "sub": "subtract",
    "tensor_scatter_add": "tensor_scatter_nd_add",
    "tensor_scatter_sub": "tensor_scatter_nd_sub",
    "tensor_scatter_update": "tensor_scatter_nd_update",
    "unpack": "unstack",
    "where_v2": "where",
}


def is_module(path: str) -> bool:
    """Whether TensorFlow 1 had a module of this dotted name that has another one today."""
    return path in _MODULES


def name_of_today(path: str) -> str | None:
    """The dotted name without ``tf.`` of what TensorFlow 1 had under another one; None of other names."""
    if path in _NAMES:
        return _NAMES[path]
    top, _, rest = path.partition(".")
    return f"{_MODULES[top]}.{rest}".lstrip(".") if top in _MODULES and rest else None


_ASSERTIONS = {
    "x y -data summarize message -name": "greater_equal less_equal none_equal",
    "x y rtol atol -data summarize message -name": "near",
    "x -data summarize message -name": "negative non_negative non_positive positive",
    "x rank -data summarize message -name": "rank_at_least",
    "x ranks -data summarize message -name": "rank_in",
    "tensor -name message": "scalar",
}
_ON_FILES = {
    "oldpath=src newpath=dst overwrite": "Copy",
    "oldname=src newname=dst overwrite": "Rename",
    "filename=path": "Exists Remove Stat",
    "filename=pattern": "Glob",
    "dirname=path": "DeleteRecursively IsDirectory ListDirectory MakeDirs MkDir",
    "top in_order=topdown": "Walk",
}
#: A name of version 1 -> its parameters in their order there, each with that of today if it is another;
#: after ``-`` those that say nothing here.
_FORMS = {
    **{f"assert_{name}": form for form, names in _ASSERTIONS.items() for name in names.split()},
    **{f"gfile.{name}": form for form, names in _ON_FILES.items() for name in names.split()},
    "confusion_matrix": "labels predictions num_classes dtype -name weights",
    "decode_csv": "records record_defaults field_delim use_quote_delim -name na_value select_cols",
    "decode_raw": "input_bytes out_type little_endian -name bytes=input_bytes",
    "depth_to_space": "input block_size -name data_format",
    "multinomial": "logits num_samples seed -name output_dtype=dtype",
    "parse_example": "serialized features -name example_names",
    "parse_single_example": "serialized features -name example_names",
    "random.multinomial": "logits num_samples seed -name output_dtype=dtype",
    "reduce_join": "inputs axis keep_dims=keepdims separator -name reduction_indices=axis keepdims",
    "space_to_depth": "input block_size -name data_format",
    "sparse_add": "a b threshold thresh=threshold",
    "sparse_concat": "axis sp_inputs -name expand_nonconcat_dim=expand_nonconcat_dims concat_dim=axis "
    "expand_nonconcat_dims",
    "sparse_reduce_max": "sp_input axis keepdims reduction_axes=axis keep_dims=keepdims",
    "sparse_reduce_sum": "sp_input axis keepdims reduction_axes=axis keep_dims=keepdims",
    "sparse_split": "-keyword_required sp_input num_split axis -name split_dim=axis",
    "string_split": "source=input sep -skip_empty delimiter=sep -result_type -name",
    "string_to_number": "string_tensor=input out_type -name input",
    "substr": "input pos len -name unit",
}


def has_form(path: str) -> bool:
    """Whether version 1 had other parameters under a dotted name without ``tf.``, and nothing else has it."""
    return path in _FORMS


def in_form_of_version_1(path: str, function: Any) -> Any:
    """What a name of version 1 stands for, with its parameters there.

    Args:
        path: dotted name without ``tf.``.
        function: of today.
    """
    form = _FORMS.get(path)
    if form is None:
        return function
    order = [entry.partition("=")[0] for entry in form.split()]
    renamed = {entry.partition("=")[0]: entry.rpartition("=")[2] for entry in form.split() if entry[0] != "-"}

    @functools.wraps(function)
    def called(*args: Any, **kwargs: Any) -> Any:
        if len(args) > len(order):
            raise TypeError(f"tf.{path} takes {len(order)} arguments by place; found {len(args)}.")
        given = {**dict(zip(order, args, strict=False)), **kwargs}
        taken = {name: value for name, value in given.items() if f"-{name.lstrip('-')}" not in order}
        return function(**{renamed.get(name, name): value for name, value in taken.items()})

    return called


_REDUCTIONS = "sum prod mean max min any all logsumexp"
#: A function, by its name of today -> arguments of version 1, each with that of today.
_ARGUMENTS = {
    **{f"math.reduce_{name}": "reduction_indices=axis keep_dims=keepdims" for name in _REDUCTIONS.split()},
    **dict.fromkeys(("nn.softmax", "nn.log_softmax", "expand_dims"), "dim=axis"),
    **dict.fromkeys(("zeros_like", "ones_like"), "tensor=input"),
    "concat": "concat_dim=axis",
    "image.crop_and_resize": "box_ind=box_indices",
    "nn.dropout": "keep_prob=rate",
    "nn.separable_conv2d": "rate=dilations",
    "nn.weighted_cross_entropy_with_logits": "targets=labels",
    "reverse": "dims=axis",
    "split": "split_dim=axis num_split=num_or_size_splits",
    "squeeze": "squeeze_dims=axis",
}
_OF_TODAY = {
    function: dict(pair.split("=") for pair in pairs.split()) for function, pairs in _ARGUMENTS.items()
}


def with_arguments_of_today(function: str, given: dict[str, Any]) -> dict[str, Any]:
    """Arguments by the names of today.

    Args:
        function: dotted name without ``tf.``.
        given: arguments by name.
    """
    renamed = _OF_TODAY.get(function)
    if not renamed or not renamed.keys() & given.keys():
        return given
    found = {renamed.get(key, key): value for key, value in given.items() if key != "keep_prob"}
    return {**found, "rate": 1.0 - given["keep_prob"]} if given.get("keep_prob") is not None else found

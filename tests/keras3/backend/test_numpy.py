"""Functions of NumPy: numpy's numbers at once, the same in a graph by onnxruntime, and Keras 3's types."""

from __future__ import annotations

import ast
import inspect
import itertools
from pathlib import Path

import keras
import numpy as np
import pytest
import torch
from keras.src import backend as keras_backend
from keras.src.backend.common import dtypes

from kcompile.ir import OperatorError, Trace, Value, as_dtype, tracing
from kcompile.keras import backend as K
from kcompile.keras3.backend import numpy as knp
from kcompile.keras3.backend import tensors
from kcompile.keras3.backend.tensors import NotTraceable

RANDOM = np.random.RandomState(0)
X = RANDOM.normal(size=(3, 4)).astype("float32") * 2
Y = RANDOM.normal(size=(3, 4)).astype("float32")
CUBE = RANDOM.normal(size=(3, 4, 5)).astype("float32")
UNIT = RANDOM.uniform(-0.9, 0.9, size=(3, 4)).astype("float32")
POSITIVE = np.abs(X) + 0.1
WHOLE = RANDOM.randint(-9, 9, size=(3, 4)).astype("int32")
BITS = RANDOM.randint(1, 30, size=(3, 4)).astype("int32")
FEW = RANDOM.randint(0, 4, size=(3, 4)).astype("int32")
TRUTH = X > 0
ROW = np.array([0.5, -1.0, 3.0, 2.5], "float32")
LINE = np.array([1, 2, 4, 7], "float32")
HOLES = np.where(RANDOM.rand(3, 4) < 0.3, np.nan, X).astype("float32")
ODD = np.array([[np.inf, -np.inf, np.nan, 1.0], [0.0, -0.0, 2.0, -3.0], [1e30, -1e30, 0.5, 1e-30]], "float32")


def of(*arrays, **keywords):
    return list(arrays), keywords


def each(names, *arrays, **keywords):
    return {name: of(*arrays, **keywords) for name in names.split()}


#: name -> what it is called with: tensors first, then keywords.
CASES = {
    **each("sin cos tan sinh cosh tanh arctan arcsinh exp exp2 expm1 square negative cbrt fabs abs", X),
    **each("absolute sign floor ceil trunc round deg2rad rad2deg sinc i0 reciprocal copy", X),
    **each("conj conjugate real imag angle isreal signbit nan_to_num isfinite isinf isnan", ODD),
    **each("isposinf isneginf", ODD),
    **each("arcsin arccos arctanh", UNIT),
    **each("log log2 log10 log1p sqrt", POSITIVE),
    "log1p near 0": of(UNIT * 1e-4),
    "expm1 near 0": of(UNIT * 1e-4),
    "expm1 of infinities": of(ODD[:1, :2]),
    "arccosh": of(POSITIVE + 1),
    "round to decimals": of(X, decimals=1),
    "round of whole numbers": of(WHOLE * 7, decimals=-1),
    "i0 far away": of(X * 5),
    "nan_to_num of one's own": of(ODD, nan=7.0, posinf=8.0, neginf=-8.0),
    **each("add subtract multiply divide true_divide maximum minimum fmax fmin hypot arctan2", X, Y),
    **each("logaddexp logaddexp2 equal not_equal less less_equal greater greater_equal isclose", X, Y),
    **each("logical_and logical_or logical_xor outer inner kron heaviside allclose", X, Y),
    **each("floor_divide mod fmod power", X, np.abs(ROW)),
    "power": of(POSITIVE, Y),
    "divide_no_nan": of(X, np.where(Y > 0, Y, 0)),
    "floor_divide of whole numbers": of(WHOLE, BITS),
    "mod of whole numbers": of(WHOLE, -BITS),
    "fmod of whole numbers": of(WHOLE, BITS),
    "fmax past NaN": of(HOLES, Y),
    "fmin past NaN": of(X, HOLES),
    "logaddexp of infinities": of(ODD[:1, :2], ODD[:1, :2]),
    "isclose with NaN": of(ODD, ODD, equal_nan=True),
    "logical_not": of(TRUTH),
    "ldexp": of(X, FEW),
    "clip": of(X, x_min=-1.0, x_max=1.0),
    "clip of whole numbers": of(WHOLE, x_min=-3, x_max=4),
    **each("bitwise_and bitwise_or bitwise_xor", BITS, BITS[::-1].copy()),
    **each("bitwise_left_shift left_shift bitwise_right_shift right_shift", WHOLE, FEW),
    **each("bitwise_not bitwise_invert", WHOLE),
    "isin": of(FEW, np.array([1, 3], "int32")),
    "isin inverted": of(FEW, np.array([1, 3], "int32"), invert=True),
    "where": of(TRUTH, X, Y),
    "select": of(),
    **each("sum mean prod max min amax amin std var any all ptp argmax argmin count_nonzero", X),
    **each("median average cumsum cumprod sort argsort ravel transpose", X),
    **{f"{name} along an axis": of(CUBE, axis=1) for name in "argmax argmin cumsum cumprod sort".split()},
    **{
        f"{name} along axes": of(CUBE, axis=(0, -1), keepdims=True)
        for name in "sum mean prod max min amax amin std var any all ptp median".split()
    },
    "count_nonzero along an axis": of(FEW, axis=1),
    "argmax that keeps its axis": of(X, axis=-1, keepdims=True),
    "max with a start": of(X, axis=0, initial=1.0),
    "min with a start": of(X, axis=0, initial=1.0),
    "average by weights": of(CUBE, axis=1, weights=ROW),
    **{name: of(HOLES, axis=1) for name in "nansum nanmean nanprod nanmax nanmin nanstd nanvar".split()},
    **each("nanargmax nanargmin nancumsum nancumprod nanmedian", HOLES),
    "quantile": of(CUBE, q=0.3, axis=(0, 2), keepdims=True),
    "quantile of several": of(X, q=[0.0, 0.25, 1.0], axis=1),
    **{f"quantile, {m}": of(X, q=0.4, axis=0, method=m) for m in "lower higher midpoint nearest".split()},
    "percentile": of(X, q=30.0),
    "nanquantile": of(HOLES, q=0.3, axis=1),
    "nanpercentile": of(HOLES, q=70.0),
    "reshape": of(CUBE, newshape=(4, -1)),
    "transpose in an order": of(CUBE, axes=(1, 2, 0)),
    "swapaxes": of(CUBE, axis1=0, axis2=-1),
    "moveaxis": of(CUBE, source=[0, 1], destination=[-1, 0]),
    "expand_dims": of(X, axis=(0, -1)),
    "squeeze": of(X[:, None, :, None]),
    "squeeze one": of(X[:, None, :, None], axis=1),
    "broadcast_to": of(ROW, shape=(3, 4)),
    "flip": of(CUBE),
    "flip one": of(CUBE, axis=-1),
    **each("fliplr flipud", CUBE),
    **{f"rot90 by {k}": of(CUBE, k=k, axes=(0, 2)) for k in (-1, 0, 1, 2)},
    "rot90": of(CUBE),
    **each("concatenate stack hstack vstack dstack", X, Y),
    "append": of(X, Y),
    "append along an axis": of(X, Y, axis=1),
    "split": of(CUBE, indices_or_sections=2, axis=1),
    "split at places": of(CUBE, indices_or_sections=[1, 3], axis=-1),
    "array_split": of(CUBE, indices_or_sections=3, axis=-1),
    "hsplit": of(CUBE, indices_or_sections=2),
    "vsplit": of(CUBE, indices_or_sections=3),
    "dsplit": of(CUBE, indices_or_sections=[2]),
    "tile": of(X, repeats=(2, 1, 3)),
    "repeat": of(X, repeats=2, axis=1),
    "repeat of all": of(X, repeats=2),
    "repeat by counts": of(X, repeats=[1, 2, 0, 3], axis=1),
    "roll": of(X, shift=3),
    "roll along axes": of(X, shift=[1, -2], axis=[0, 1]),
    **{f"pad, {m}": of(X, pad_width=((1, 2), (0, 3)), mode=m) for m in ("edge", "reflect", "symmetric")},
    "pad": of(X, pad_width=((1, 2), (0, 3)), constant_values=2),
    **each("zeros_like ones_like", X),
    "full_like": of(X, fill_value=3),
    "vander": of(ROW, N=3),
    "vander increasing": of(ROW, increasing=True),
    "meshgrid": of(ROW, LINE[:3]),
    "meshgrid by rows": of(ROW, LINE[:3], indexing="ij"),
    "linspace": of(ROW, LINE, num=5),
    "linspace without its end": of(ROW, LINE, num=5, endpoint=False),
    "linspace in columns": of(ROW, LINE, num=5, axis=-1),
    "logspace": of(ROW / 2, ROW, num=4),
    "geomspace": of(LINE, LINE * 5, num=4),
    "array": of(X),
    "tril": of(CUBE, k=1),
    "triu": of(CUBE, k=-1),
    "diag": of(X),
    "diag of a vector": of(ROW, k=-2),
    "diagflat": of(X, k=1),
    "diagonal": of(CUBE, offset=1, axis1=1, axis2=2),
    "trace": of(CUBE, axis1=1, axis2=2),
    "diff": of(CUBE, n=2, axis=1),
    "trapezoid": of(X, dx=0.5),
    "trapezoid at places": of(X, LINE),
    "corrcoef": of(X),
    **{f"correlate, {mode}": of(ROW, LINE[:3], mode=mode) for mode in ("valid", "same", "full")},
    "correlate": of(ROW, LINE),
    "matmul": of(CUBE, CUBE.swapaxes(1, 2).copy()),
    "matmul of vectors": of(ROW, LINE),
    "dot": of(X, CUBE),
    "dot of matrices": of(X, Y.T.copy()),
    "tensordot": of(CUBE, CUBE.transpose(1, 0, 2).copy(), axes=[[0, 1], [1, 0]]),
    "vdot": of(X, Y),
    "einsum": of(CUBE, X),
    "cross": of(X[:, :3].copy(), Y[:, 1:].copy()),
    "cross of planes": of(X[:, :2].copy(), Y[:, 1:3].copy()),
    "take": of(CUBE, np.array([[0, -1], [2, 1]], "int32"), axis=1),
    "take of all": of(CUBE, np.array([0, -1, 7], "int32")),
    "take_along_axis": of(X, np.argsort(X, axis=1).astype("int32"), axis=1),
    "take_along_axis of one": of(X, np.argmax(X, axis=1)[:, None].astype("int32"), axis=1),
    "argpartition": of(X, kth=2),
    "searchsorted": of(LINE, X),
    "searchsorted to the right": of(LINE, FEW.astype("float32"), side="right"),
    "digitize": of(X, LINE),
    "unravel_index": of(FEW, shape=(2, 3, 4)),
    "bincount": of(FEW[0], minlength=6),
    "bincount by weights": of(FEW[0], weights=ROW),
}  # fmt: skip
LISTS = {"concatenate", "stack", "hstack", "vstack", "dstack"}
#: Results whose shape a graph learns when it runs, or that need sizes which are open here.
IN_A_GRAPH_OF_KNOWN_SIZES = (
    "array_split cross diag diagflat diagonal linspace roll split trace vander vsplit logspace geomspace "
    "correlate searchsorted digitize take_along_axis dot tensordot bincount"
).split()
UNKNOWN_SIZES = {"rot90", "repeat", "pad", "tile", "broadcast_to"}
#: What is made of numbers alone, or computes at once only; tested below.
APART = set(
    "arange bartlett blackman empty empty_like eye full gcd hamming hanning histogram identity kaiser lcm "
    "ndim nextafter nonzero ones select size slogdet tri unique vectorize view zeros".split()
)


def called(name, function, tensors, keywords):
    if name == "einsum":
        return function("abc,ab->ca", *tensors)
    return function(list(tensors), **keywords) if name in LISTS else function(*tensors, **keywords)


def reference(name, arrays, keywords):
    if name == "einsum":
        return np.einsum("abc,ab->ca", *arrays)
    if name == "divide_no_nan":
        return np.divide(*arrays, out=np.zeros_like(X), where=arrays[1] != 0)
    if name == "argpartition":
        return np.argsort(arrays[0], axis=-1, kind="stable")
    if name == "view":
        return arrays[0].view(**keywords)
    if name == "trapezoid":
        return np.trapezoid(*arrays, **keywords)
    keywords = {_NUMPY_NAMES.get((name, key), key): value for key, value in keywords.items()}
    return called(name, getattr(np, name), arrays, keywords)


_NUMPY_NAMES = {("reshape", "newshape"): "shape", ("clip", "x_min"): "min", ("clip", "x_max"): "max",
                ("tile", "repeats"): "reps"}  # fmt: skip


def listed(x):
    return list(x) if isinstance(x, tuple | list) else [x]


def in_a_graph(name, function, arrays, keywords):
    known = name in IN_A_GRAPH_OF_KNOWN_SIZES or name in UNKNOWN_SIZES
    inputs = [Value(as_dtype(a.dtype), a.shape if known else (None, *a.shape[1:])) for a in arrays]
    with tracing(Trace(inputs)):
        found = listed(called(name, function, inputs, keywords))
    assert all(isinstance(y, Value) for y in found)
    return K.function(inputs, found)(arrays)


NAMED = sorted(set(CASES) - {"select"})


@pytest.mark.parametrize("case", NAMED)
def test_tensors_and_graphs_compute_what_numpy_does(case):
    arrays, keywords = CASES[case]
    name = case.replace(",", "").split()[0]
    function = getattr(knp, name)
    with np.errstate(all="ignore"):
        wanted = listed(reference(name, arrays, keywords))
    at_once = listed(called(name, function, arrays, keywords))
    assert all(isinstance(y, torch.Tensor) for y in at_once)
    for a, b in zip(at_once, wanted, strict=True):
        np.testing.assert_allclose(a.numpy(), b, rtol=2e-5, atol=1e-5)
    for a, b in zip(in_a_graph(name, function, arrays, keywords), at_once, strict=True):
        assert a.shape == tuple(b.shape) and a.dtype == b.numpy().dtype
        np.testing.assert_allclose(a, b.numpy(), rtol=2e-5, atol=1e-5)


def test_every_function_of_the_torch_backend_is_there_and_tested():
    path = Path(keras_backend.__file__).parent / "torch" / "numpy.py"
    names = {node.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)}
    assert {name for name in names if not hasattr(knp, name)} == set()
    assert names - {case.replace(",", "").split()[0] for case in CASES} - APART == set()


def test_small_numbers_keep_their_digits():
    x = np.array([1e-6, -3e-5, 2e-4], "float32")
    np.testing.assert_allclose(knp.log1p(x).numpy(), np.log1p(x.astype("float64")), rtol=3e-7)
    np.testing.assert_allclose(knp.expm1(x).numpy(), np.expm1(x.astype("float64")), rtol=3e-7)


@pytest.mark.parametrize("name", ["log1p", "expm1", "sinc", "divide_no_nan", "i0"])
def test_gradients_are_finite_where_a_branch_is_not(name):
    x = torch.tensor([0.0, 0.3, 30.0], requires_grad=True)
    found = getattr(knp, name)(*([x] if name != "divide_no_nan" else [torch.ones(3), x]))
    found.sum().backward()
    assert torch.isfinite(x.grad).all()


CREATED = {
    "zeros": ((3, 2), {}), "ones": ((3, 2), {"dtype": "int8"}), "full": ((2, 3), {"fill_value": 4.5}),
    "eye": (3, {"M": 4, "k": 1}), "identity": (3, {}), "tri": (3, {"M": 4, "k": -1}),
    "arange": (7, {}), "bartlett": (7, {}), "blackman": (7, {}), "hamming": (7, {}), "hanning": (7, {}),
    "kaiser": (7, {"beta": 3.0}),
}  # fmt: skip


@pytest.mark.parametrize("name", CREATED)
def test_what_is_made_of_numbers_is_numpys(name):
    first, keywords = CREATED[name]
    found = getattr(knp, name)(first, **keywords)
    np.testing.assert_allclose(found.numpy(), getattr(np, name)(first, **keywords), rtol=1e-5, atol=1e-6)
    assert keras_backend.standardize_dtype(found.dtype) == keywords.get(
        "dtype", "int32" if name == "arange" else "float32"
    )


def test_places_and_different_elements_are_numpys():
    for a, b in zip(knp.nonzero(FEW), np.nonzero(FEW), strict=True):
        np.testing.assert_array_equal(a.numpy(), b)
    found = knp.unique(FEW, return_index=True, return_inverse=True, return_counts=True)
    wanted = np.unique(FEW, return_index=True, return_inverse=True, return_counts=True)
    for a, b in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(a.numpy(), b)
    np.testing.assert_array_equal(knp.unique(FEW, size=6, fill_value=-1).numpy(), [0, 1, 2, 3, -1, -1])
    np.testing.assert_array_equal(knp.select([TRUTH, X < -1], [X, Y], 7).numpy(),
                                  np.select([TRUTH, X < -1], [X, Y], 7).astype("float32"))  # fmt: skip
    assert int(knp.size(CUBE)) == 60 and knp.ndim(CUBE) == 3


@pytest.mark.parametrize("name", ["gcd", "lcm", "nextafter", "histogram", "slogdet", "view"])
def test_what_onnx_cannot_say_refuses_to_be_traced_by_name(name):
    x = Value(np.float32, (2, 2))
    with tracing(Trace([x])), pytest.raises(NotTraceable, match=name):
        getattr(knp, name)(x, *([x] if name in ("gcd", "lcm", "nextafter") else []))


# --- element types ------------------------------------------------------------------------------------------

ALL = [
    name for name in (*dtypes.BOOL_TYPES, *dtypes.INT_TYPES, *dtypes.FLOAT_TYPES) if "64" not in name
]  # fmt: skip
ONE = (
    "sin exp log sqrt tanh floor ceil round abs sign square sum prod mean max min std var any all cumsum "
    "cumprod argmax argsort sort median isnan isfinite logical_not ravel flip trace diff nan_to_num"
).split()
TWO = (
    "add multiply divide floor_divide mod power maximum minimum equal less logical_and arctan2 matmul dot "
    "outer inner where_of concatenate logaddexp hypot"
).split()


def operands(kinds):
    return [torch.ones((2, 2)).to(getattr(torch, kind)) for kind in kinds]


def result_types(name, kinds):
    """By Keras's own rule, of tensors, and in a graph."""
    symbols = [keras.KerasTensor((2, 2), kind) for kind in kinds]
    values = [Value(as_dtype(kind), (2, 2)) for kind in kinds]
    with tracing(Trace(values)):
        traced = applied(knp, name, values)
    at_once = applied(knp, name, operands(kinds))
    ruled = applied(keras.ops, name, symbols)
    return [keras_backend.standardize_dtype(x.dtype) for x in (ruled, at_once, traced)]


def applied(module, name, xs):
    if name == "where_of":
        return module.where(xs[0], *xs)
    return module.concatenate(xs) if name == "concatenate" else getattr(module, name)(*xs)


@pytest.mark.parametrize("name", ONE)
def test_a_function_of_one_tensor_has_the_types_of_keras(name):
    wrong = {}
    for kind in ALL:
        ruled, at_once, traced = result_types(name, [kind])
        if not ruled == at_once == traced:
            wrong[kind] = (ruled, at_once, traced)
    assert wrong == {}


@pytest.mark.parametrize("name", TWO)
def test_a_function_of_two_tensors_has_the_types_of_keras(name):
    wrong = {}
    for kinds in itertools.combinations(ALL, 2):
        ruled, at_once, traced = result_types(name, kinds)
        if not ruled == at_once == traced:
            wrong[kinds] = (ruled, at_once, traced)
    assert wrong == {}


PLAIN = {
    **dict.fromkeys("add subtract multiply divide".split(), "pair"),
    **dict.fromkeys("maximum minimum matmul equal not_equal greater greater_equal".split(), "tensors"),
    **dict.fromkeys("less less_equal".split(), "tensors"),
    **dict.fromkeys("cos exp log sin sqrt tanh".split(), "one"),
}
SPECIAL = np.array([[0.0, -0.0, 1.5, np.nan], [np.inf, -np.inf, -2.0, 3.0], [1e-40, 1e38, 7.0, -1.0]])


@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize("name", PLAIN)
def test_plain_operands_give_what_the_operators_give(name, kind):
    function = getattr(knp, name)
    a = torch.tensor(SPECIAL, dtype=getattr(torch, kind), requires_grad=True)
    b = a.detach().flip(1) if name != "matmul" else a.detach().T.contiguous()
    operands = {
        "one": [(a,)],
        "tensors": [(a, b)],
        "pair": [(a, b), (a, 2), (0.1, a), (a, b[0]), (a, -1e300)],
    }
    for given in operands[PLAIN[name]]:
        found = function(*given)
        expected = tensors.operation(function.__wrapped__)(*given)  # operator by operator
        assert found.dtype == expected.dtype and found.requires_grad == expected.requires_grad
        torch.testing.assert_close(found, expected, rtol=0, atol=0, equal_nan=True)


def test_operands_that_do_not_fit_are_refused_by_the_operator():
    with pytest.raises(OperatorError, match="Add"):
        knp.add(torch.ones(2), torch.ones(3))


def test_64_bits_are_kept():
    x = torch.ones(2, dtype=torch.float64)
    assert knp.add(x, 1).dtype == knp.exp(x).dtype == torch.float64
    assert knp.add(torch.ones(2, dtype=torch.int64), torch.ones(2, dtype=torch.int32)).dtype == torch.int64


@pytest.mark.parametrize("family", ["core", "image", "linalg", "math", "nn", "numpy"])
def test_functions_have_the_signatures_of_the_operations_that_call_them(family):
    operations, here = getattr(keras.src.ops, family), getattr(keras_backend, family)
    classes = {x.__name__.lower() for x in vars(operations).values() if isinstance(x, type)}
    names = [
        name
        for name, function in vars(operations).items()
        if inspect.isfunction(function)
        and name.replace("_", "") in classes
        and not hasattr(operations, f"_{name}")
        and name != "multi_hot"  # whose arguments Keras brings into a form first
        and hasattr(here, name)
    ]
    assert len(names) > 3
    wrong = {
        name: str(inspect.signature(getattr(here, name)))
        for name in names
        if inspect.signature(getattr(here, name)) != inspect.signature(getattr(operations, name))
    }
    assert not wrong


def test_counts_of_copies_may_be_a_vector_that_a_graph_computes():
    def tiled(x):
        count = keras.ops.reshape(keras.ops.shape(x)[0], (1,))
        return knp.tile(knp.ones((1, 2)), knp.concatenate([count, np.array([3])]))

    (found,) = in_a_graph("tile", tiled, [X], {})
    assert found.shape == (3, 6)


@pytest.mark.parametrize(
    "equation", ["...x,xy->...y", "ab,cb->ca", "abc,cbd->ad", "abc,abd->acd", "ab,bc->a"]
)
def test_einsum_of_int8_counts_in_int32(equation):
    sizes = dict(zip("abcdxy", (3, 4, 5, 6, 4, 7), strict=True))
    left, right = equation.partition("->")[0].replace("...", "ab").split(",")
    given = [RANDOM.randint(-128, 128, [sizes[x] for x in term]).astype("int8") for term in (left, right)]
    expected = np.einsum(equation, *(a.astype("int32") for a in given))
    assert knp.einsum(equation, *given).numpy().tolist() == expected.tolist()
    (found,) = in_a_graph("product", lambda a: knp.einsum(equation, a, given[1]), given[:1], {})
    assert found.dtype == np.int32 and found.tolist() == expected.tolist()

"""Segments, transforms and matrices of the backend, at once and in graphs."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from keras.src import backend as keras_backend

from kcompile.ir import Trace, Value, op, tracing
from kcompile.keras import backend as K
from kcompile.keras3.backend import linalg, math
from kcompile.keras3.backend.tensors import NotTraceable, differ
from tests.keras3.backend.graphs import in_a_graph, listed

RANDOM = np.random.RandomState(0)
X = RANDOM.normal(size=(3, 4, 8)).astype("float32")
Y = RANDOM.normal(size=(3, 5, 8)).astype("float32")
PAIR = (X, X[::-1].copy())
IDS = np.array([2, 0, 2, 1, -1, 7], np.int32)
ROWS = RANDOM.randint(-5, 6, size=(6, 3))
SIGNAL = RANDOM.normal(size=(2, 64)).astype("float32")
SQUARE = (RANDOM.normal(size=(4, 3, 3)) + 3 * np.eye(3)).astype("float32")


def of_pair(name):
    """A function of a tuple of two parts as one of two tensors."""
    return lambda real, imaginary, **keywords: getattr(math, name)((real, imaginary), **keywords)


def from_spectrum(x, **keywords):
    return math.istft(math.stft(x, 16, 4, 16), 16, 4, 16, **keywords)


MATH = {
    **{name: (getattr(math, name), [X], {}) for name in ("erf", "erfc", "logsumexp", "rfft")},
    "erfinv": (math.erfinv, [np.tanh(X)], {}),
    "rsqrt": (math.rsqrt, [np.abs(X)], {}),
    "logsumexp along an axis": (math.logsumexp, [X], {"axis": (0, 2), "keepdims": True}),
    "rfft of a length": (math.rfft, [X], {"fft_length": 11}),
    **{name: (of_pair(name), list(PAIR), {}) for name in ("fft", "fft2", "ifft2", "irfft")},
    "irfft of a length": (of_pair("irfft"), list(PAIR), {"fft_length": 9}),
    "stft": (math.stft, [SIGNAL], {"sequence_length": 12, "sequence_stride": 5, "fft_length": 16}),
    "stft plain": (
        math.stft, [SIGNAL],
        {"sequence_length": 16, "sequence_stride": 8, "fft_length": 16, "window": None, "center": False},
    ),
    "istft": (from_spectrum, [SIGNAL], {}),
    "istft of a length": (from_spectrum, [SIGNAL], {"length": 40, "window": "hann"}),
    "extract_sequences": (math.extract_sequences, [X], {"sequence_length": 3, "sequence_stride": 2}),
    **{
        name: (getattr(math, name), [ROWS.astype("float32"), IDS], {"num_segments": 4})
        for name in ("segment_sum", "segment_max", "segment_min", "segment_prod")
    },
    "segment_sum of any number": (math.segment_sum, [ROWS.astype("float32"), IDS], {}),
    "top_k": (math.top_k, [X], {"k": 3}),
    "in_top_k": (math.in_top_k, [np.array([2, 0, 7], np.int32), X[:, 0]], {"k": 3}),
    "cdist": (math.cdist, [X, Y], {}),
    "logdet": (math.logdet, [SQUARE], {}),
    "det": (linalg.det, [SQUARE], {}),
    "norm": (linalg.norm, [X], {"axis": -1}),
    "norm of matrices": (linalg.norm, [X], {"axis": (1, 2), "ord": np.inf, "keepdims": True}),
    "norm of all": (linalg.norm, [ROWS], {}),
}  # fmt: skip


@pytest.mark.parametrize("case", MATH)
def test_a_graph_computes_what_tensors_do(case):
    function, arrays, keywords = MATH[case]
    at_once = listed(function(*map(torch.tensor, arrays), **keywords))
    for a, b in zip(in_a_graph(function, arrays, keywords), at_once, strict=True):
        assert a.shape == tuple(b.shape) and a.dtype == b.numpy().dtype
        np.testing.assert_allclose(a, b.numpy(), rtol=1e-4, atol=1e-4)


def test_every_name_of_the_torch_backend_has_a_case():
    said = {case.split()[0] for case in MATH}
    assert set(math.__all__) <= said
    assert set(linalg.__all__) - said == set(DECOMPOSED)


def test_a_signal_comes_back_from_its_spectrum():
    found = math.istft(math.stft(torch.tensor(SIGNAL), 16, 4, 16), 16, 4, 16)
    np.testing.assert_allclose(found[:, 16:-16], SIGNAL[:, 16:-16], atol=1e-5)


def test_segments_of_no_entries_have_what_any_entry_replaces():
    ids, rows = torch.tensor([0, 0, 2]), torch.tensor([3, 1, 2], dtype=torch.int32)
    limits = torch.iinfo(torch.int32)
    assert math.segment_max(rows, ids, 3).tolist() == [3, limits.min, 2]
    assert math.segment_min(rows, ids, 3).tolist() == [1, limits.max, 2]
    assert math.segment_prod(rows, ids, 3).tolist() == [3, 1, 2]
    assert math.segment_max(rows.float(), ids, 3).tolist() == [3, -np.inf, 2]


POSITIVE = SQUARE @ SQUARE.transpose(0, 2, 1)
B = RANDOM.normal(size=(4, 3, 2)).astype("float32")
#: name -> what it is called with, and what numpy finds.
DECOMPOSED = {
    "cholesky": ([POSITIVE], np.linalg.cholesky),
    "cholesky_inverse": ([np.linalg.cholesky(POSITIVE)], lambda x: np.linalg.inv(POSITIVE)),
    "eig": ([POSITIVE], None),
    "eigh": ([POSITIVE], None),
    "inv": ([SQUARE], np.linalg.inv),
    "jvp": (None, None),
    "lstsq": ([X[0], X[0, :, :2].copy()], lambda a, b: np.linalg.lstsq(a, b, rcond=None)[0]),
    "lu_factor": ([SQUARE], None),
    "matrix_rank": ([POSITIVE], np.linalg.matrix_rank),
    "pinv": ([X], np.linalg.pinv),
    "qr": ([X], None),
    "solve": ([SQUARE, B], np.linalg.solve),
    "solve_triangular": ([np.triu(SQUARE), B], np.linalg.solve),
    "svd": ([X], None),
}


@pytest.mark.parametrize("name", [name for name, (_, judge) in DECOMPOSED.items() if judge])
def test_matrices_are_what_numpy_finds(name):
    arrays, judge = DECOMPOSED[name]
    np.testing.assert_allclose(getattr(linalg, name)(*arrays), judge(*arrays), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("name", ["det", *(name for name in DECOMPOSED if name != "jvp")])
def test_matrices_of_half_floats_are_computed_in_float32(name, dtype):
    arrays = DECOMPOSED[name][0] if name in DECOMPOSED else MATH[name][1]
    halves = [torch.tensor(a).to(dtype) for a in arrays]
    found = listed(getattr(linalg, name)(*halves))
    expected = listed(getattr(linalg, name)(*(half.float() for half in halves)))
    for a, b in zip(found, expected, strict=True):
        assert a.dtype == (dtype if b.dtype == torch.float32 else b.dtype)
        torch.testing.assert_close(a, b.to(a.dtype), equal_nan=True)


def test_factors_multiply_to_the_matrix():
    u, s, v = linalg.svd(X, full_matrices=False)
    np.testing.assert_allclose((u * s[..., None, :]) @ v, X, atol=1e-4)
    q, r = linalg.qr(X, mode="complete")
    np.testing.assert_allclose(q @ r, X, atol=1e-4)
    values, vectors = linalg.eigh(POSITIVE)
    np.testing.assert_allclose((vectors * values[..., None, :]) @ vectors.mT, POSITIVE, atol=1e-3)
    values, vectors = linalg.eig(POSITIVE)
    np.testing.assert_allclose(
        torch.tensor(POSITIVE + 0j) @ vectors, vectors * values[..., None, :], atol=1e-3
    )
    factors, pivots = linalg.lu_factor(SQUARE)
    parts = torch.lu_unpack(factors, pivots + 1)
    np.testing.assert_allclose(parts[0] @ parts[1] @ parts[2], SQUARE, atol=1e-4)


def test_how_a_function_changes_along_a_tangent():
    at, along = torch.tensor([0.5]), torch.tensor([2.0])
    value, change = linalg.jvp(math.erf, (at,), (along,))
    np.testing.assert_allclose(value, torch.erf(at))
    np.testing.assert_allclose(change, 2 * 2 / np.pi**0.5 * np.exp(-(at.numpy() ** 2)), rtol=1e-5)


@pytest.mark.parametrize("name", [name for name in DECOMPOSED if name != "jvp"])
def test_what_onnx_cannot_say_refuses_by_name_to_be_traced(name):
    with pytest.raises(NotTraceable, match=name):
        in_a_graph(getattr(linalg, name), DECOMPOSED[name][0], {})


@pytest.mark.parametrize(
    ("call", "what"),
    [
        (lambda: math.fft(X), "tuple of two tensors"),
        (lambda: math.fft((X, X[:2])), "same shape"),
        (lambda: math.fft((ROWS, ROWS)), "not of type float"),
        (lambda: math.stft(torch.tensor(SIGNAL), 16, 4, 8), "fft_length"),
        (lambda: math.stft(torch.tensor(SIGNAL), 16, 4, 16, window="box"), "window"),
        (lambda: math.stft(torch.tensor(SIGNAL), 16, 4, 16, window=np.ones(3)), "shape of `window`"),
        (lambda: from_spectrum(SIGNAL[:, :8], center=False), "sequence_stride"),
        (lambda: math.cdist(X, Y[..., :3]), "must match"),
        (lambda: linalg.norm(X, ord="fro", axis=1), "norm"),
        (lambda: linalg.qr(X, mode="half"), "mode"),
    ],
)
def test_what_does_not_fit_is_refused(call, what):
    with pytest.raises((ValueError, RuntimeError), match=what):
        call()


def test_half_precision_keeps_its_type():
    for dtype in ("float16", "bfloat16"):
        for name in ("erf", "erfc", "erfinv", "rsqrt", "logsumexp"):
            found = getattr(math, name)(torch.full((3,), 0.5, dtype=getattr(torch, dtype)))
            assert keras_backend.standardize_dtype(found.dtype) == dtype


SHAPES = [
    (("batch", 3), (None, 3), False),
    ((2, 3), ("batch", 3), False),
    ((2, 3), (2, 3), False),
    ((2, 3), (2, 4), True),
    (("batch", 3), (3,), True),
]


@pytest.mark.parametrize("shape, other, expected", SHAPES, ids=str)
def test_sizes_that_are_open_may_be_the_same(shape, other, expected):
    assert differ(shape, other) is expected


def test_the_parts_of_a_complex_number_may_have_their_batch_open_by_different_names():
    x = Value("float32", ("batch", 4, 6))
    with tracing(Trace([x])):
        real, _ = math.fft2((x, op.Mul(op.Reshape(x, [-1, 4, 6]), np.float32(0))))
    given = np.random.RandomState(0).rand(3, 4, 6).astype("float32")
    (found,) = K.function([x], [real])([given])
    np.testing.assert_allclose(found, np.fft.fft2(given).real, atol=1e-4)

"""The small tensorflow against TensorFlow's own numbers, beyond the functions that files have."""

from __future__ import annotations

import types
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from kcompile.ir import Constant, Graph, Value
from kcompile.keras.operations.complex_numbers import ComplexTensor
from kcompile.tf_keras import tensorflow as tf
from kcompile.torch_bridge import lower, run
from tests.golden.functions import eager_cases
from tests.golden.functions.make_eager import flat

FILE = Path(__file__).parents[1] / "golden" / "functions" / "eager.npz"


@cache
def stored():
    with np.load(FILE) as answers:
        return {name: answers[name] for name in answers.files}


def check(name, found):
    expected = [stored()[f"{name}/{i}"] for i in range(len(found))]
    assert f"{name}/{len(found)}" not in stored()
    for a, b in zip(found, expected, strict=True):
        a = np.asarray(a)
        assert a.shape == b.shape and a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("name", sorted(eager_cases.CASES))
def test_functions_compute_at_once_what_tensorflow_does(name):
    given = types.SimpleNamespace(**{key: tf.constant(x) for key, x in eager_cases.arrays().items()})
    found = flat(eager_cases.CASES[name](tf, given))
    assert all(isinstance(x, Constant | ComplexTensor) for x in found)
    check(name, found)


@pytest.mark.parametrize("name", sorted(eager_cases.CASES.keys() - eager_cases.AT_ONCE))
def test_the_same_text_traces_to_a_graph_of_the_same_numbers(name):
    arrays = eager_cases.arrays()
    inputs = {key: Value(x.dtype, x.shape, key) for key, x in arrays.items()}
    found = flat(eager_cases.CASES[name](tf, types.SimpleNamespace(**inputs)))
    parts = [y for x in found for y in ((x.real, x.imag) if isinstance(x, ComplexTensor) else (x,))]
    symbolic = [x for x in parts if not isinstance(x, Constant)]
    graph = Graph(symbolic, list(inputs.values()))
    numbers = iter(run(lower(graph), *arrays.values()))
    known = iter([np.asarray(x) if isinstance(x, Constant) else next(numbers) for x in parts])
    joined = [next(known) + 1j * next(known) if isinstance(x, ComplexTensor) else next(known) for x in found]
    check(name, [x.astype(y.dtype) for x, y in zip(joined, found, strict=True)])

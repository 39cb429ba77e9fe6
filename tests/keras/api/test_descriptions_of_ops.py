"""What keras.ops says of its functions' shapes is so."""

from __future__ import annotations

import numpy as np
import pytest

from kcompile.keras import ops
from kcompile.keras.operations import descriptions
from kcompile.keras.operations.descriptions import families

MADE = [name for name in dir(ops) if "As in Keras 3: ``" in (getattr(ops, name).__doc__ or "")]
ELEMENTS, BROADCAST, OVER, ALONG = (list(functions) for _, functions in families()[:4])
X = np.random.default_rng(0).uniform(0.1, 0.9, (2, 3, 4)).astype(np.float32)
WHOLE = np.arange(24, dtype=np.int32).reshape(2, 3, 4)
MORE = {
    "clip": {"x_min": 0.2, "x_max": 0.5},
    "full_like": {"fill_value": 1.0},
    "saturate_cast": {"dtype": "int8"},
    "threshold": {"threshold": 0.5, "default_value": 0.0},
    "percentile": {"q": 30.0},
    "quantile": {"q": 0.3},
    "roll": {"shift": 1},
    "average": {"weights": np.ones(3, np.float32)},
}


def test_every_function_is_described_and_no_other():
    assert set(MADE) == set(descriptions.descriptions()) and len(MADE) > 200
    assert all(getattr(ops, name).__doc__.partition("\n\n")[0].endswith((".", ")")) for name in MADE)
    assert sum(len(functions) for _, functions in families()) == len(MADE)


@pytest.mark.parametrize("name", ELEMENTS)
def test_functions_of_elements_keep_the_shape(name):
    x = WHOLE if name.startswith("bitwise") else X
    assert getattr(ops, name)(x, **MORE.get(name, {})).shape == x.shape


@pytest.mark.parametrize("name", BROADCAST)
def test_two_operands_are_broadcast(name):
    x = WHOLE if "bitwise" in name or "shift" in name else X
    first = [X > 0.5] if name == "where" else []
    assert getattr(ops, name)(*first, x[:, :1], x[0]).shape == x.shape


@pytest.mark.parametrize("name", OVER)
def test_an_axis_is_left_out(name):
    function, more = getattr(ops, name), MORE.get(name, {})
    for found in function(X, 1) if name == "moments" else [function(X, axis=1, **more)]:
        assert found.shape == (2, 4)
    if name not in ("average", "count_nonzero"):
        kept = (
            function(X, axes=1, keepdims=True)[0]
            if name == "moments"
            else function(X, axis=1, keepdims=True, **more)
        )
        assert kept.shape == (2, 1, 4)
    if name not in ("moments", "average"):
        assert function(X, **more).shape == ()


@pytest.mark.parametrize("name", ALONG)
def test_along_an_axis_the_shape_stays(name):
    function, more = getattr(ops, name), MORE.get(name, {})
    axis = {} if name in ("fliplr", "flipud") else {"axis": 1}
    assert function(X, **axis, **more).shape == X.shape

"""How tensors are turned, written down in PyTorch: the text computes what NumPy does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from kcompile.convert.weight_source import TensorSource
from kcompile.torch_bridge.source import NoSource

torch = pytest.importorskip("torch")

MOVES: dict[str, tuple[Callable[..., Any], str]] = {
    "nothing": (lambda a: a, "t"),
    "transposed": (lambda a: a.T, "t.t()"),
    "axes": (lambda a: a.reshape(2, 3, 6).transpose((2, 0, 1)), "t.reshape((2, 3, 6)).permute((2, 0, 1))"),
    "open size": (lambda a: a.reshape(-1, 4), "t.reshape((9, 4))"),
    "rows": (lambda a: a[2:5], "t[2:5]"),
    "sum": (lambda a: (a[0:3] + a[3:6]).T, "(t[0:3] + t[3:6]).t()"),
    "gates": (
        lambda a: np.concatenate([np.split(a, 3, 0)[i] for i in (1, 0, 2)], 0).T,
        "torch.cat([t.chunk(3)[1], t.chunk(3)[0], t.chunk(3)[2]]).t()",
    ),
    "columns": (
        lambda a: np.concatenate(np.split(a, 2, -1)[::-1], -1),
        "torch.cat([t.chunk(2, -1)[1], t.chunk(2, -1)[0]], -1)",
    ),
    "stacked": (lambda a: np.stack([a[0:3], a[3:6]]), "torch.stack([t[0:3], t[3:6]])"),
}


@pytest.mark.parametrize("case", MOVES)
def test_the_text_does_what_numpy_does(case: str) -> None:
    move, text = MOVES[case]
    array = np.arange(36.0).reshape(6, 6)
    found = move(TensorSource("t", array.shape))
    assert found.text == text
    expected = move(array)
    assert found.shape == expected.shape
    made = eval(text, {"torch": torch, "t": torch.from_numpy(array)})
    np.testing.assert_array_equal(made.numpy(), expected)


def test_a_layout_that_needs_the_elements_has_no_source() -> None:
    with pytest.raises(NoSource, match="no expression"):
        np.ascontiguousarray(TensorSource("t", (6, 6)))

"""Convolutions of many channels to one or two, as a product of matrices: the same as torch's kernels."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from kcompile.torch_bridge.ops import nn


@pytest.fixture
def folds(monkeypatch):
    """How often something was added up by places."""
    calls = []
    fold = F.fold

    def counted(*args, **kwargs):
        calls.append(args)
        return fold(*args, **kwargs)

    monkeypatch.setattr(nn.F, "fold", counted)
    return calls


def channels_last(*shape, dtype=torch.float64):
    """(batch, channels, rows, columns), the channels last in memory."""
    return torch.randn(shape, dtype=dtype).contiguous(memory_format=torch.channels_last).requires_grad_()


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    ("outputs", "kernel", "pads"),
    [
        (1, (3, 3), (1, 1, 1, 1)),
        (1, (7, 7), (3, 3, 3, 3)),
        (1, (2, 5), None),
        (1, (4, 4), (1, 1, 2, 2)),  # Keras's "same" of an even size
        (2, (3, 1), (2, 0, 2, 0)),
        (1, (5, 5), (1, 4, 1, 4)),
    ],
)
def test_values_and_gradients_are_those_of_torchs_kernels(outputs, kernel, pads, bias, folds):
    x, w = channels_last(2, 64, 6, 7), torch.randn(outputs, 64, *kernel, dtype=torch.float64)
    w.requires_grad_()
    b = torch.randn(outputs, dtype=torch.float64, requires_grad=True) if bias else None
    known = [x, w, *([b] if bias else [])]
    y = nn.Conv(x, w, b, pads=pads)
    assert len(folds) == 1
    sides = pads or (0, 0, 0, 0)
    wanted = F.conv2d(F.pad(x, (sides[1], sides[3], sides[0], sides[2])), w, b)
    torch.testing.assert_close(y, wanted)
    up = torch.randn_like(y)
    found = torch.autograd.grad((y * up).sum(), known, create_graph=True)
    for one, other in zip(found, torch.autograd.grad((wanted * up).sum(), known), strict=True):
        torch.testing.assert_close(one, other)
    assert found[0].is_contiguous(memory_format=torch.channels_last)
    assert torch.autograd.grad(found[0].square().sum(), w)[0].abs().sum() > 0


@pytest.mark.parametrize(
    ("x", "w", "options"),
    [
        (channels_last(2, 64, 6, 6), torch.zeros(3, 64, 3, 3), {}),  # too many outputs
        (channels_last(2, 16, 6, 6), torch.zeros(1, 16, 3, 3), {}),  # too few channels
        (channels_last(2, 64, 6, 6), torch.zeros(1, 64, 1, 1), {}),  # a product anyway
        (channels_last(2, 64, 6, 6), torch.zeros(1, 64, 3, 3), {"strides": (2, 2)}),
        (channels_last(2, 64, 6, 6), torch.zeros(1, 64, 3, 3), {"dilations": (2, 2)}),
        (channels_last(2, 64, 6, 6), torch.zeros(1, 64, 3, 3), {"pads": (3, 3, 3, 3)}),
        (torch.zeros(2, 64, 6, 6, dtype=torch.float64), torch.zeros(1, 64, 3, 3), {}),
        (channels_last(2, 64, 6, 6, dtype=torch.bfloat16), torch.zeros(1, 64, 3, 3), {}),
    ],
)
def test_others_go_to_torchs_kernels(x, w, options, folds):
    nn.Conv(x, w.to(x.dtype), **options)
    assert not folds

"""Convolution, dense layers and normalisation.

Memory order is kept: a channels_last view goes into torch's kernels as it is.
"""

from __future__ import annotations

import itertools
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ._common import ints, several

_CONV = {1: torch.conv1d, 2: torch.conv2d, 3: torch.conv3d}
_CONV_TRANSPOSE = {1: torch.conv_transpose1d, 2: torch.conv_transpose2d, 3: torch.conv_transpose3d}


def Conv(
    X: Tensor,
    W: Tensor,
    B: Tensor | None = None,
    *,
    auto_pad: str = "NOTSET",
    dilations: tuple[int, ...] | None = None,
    group: int = 1,
    kernel_shape: tuple[int, ...] | None = None,
    pads: tuple[int, ...] | None = None,
    strides: tuple[int, ...] | None = None,
) -> Tensor:
    n = W.dim() - 2
    strides = strides or (1,) * n
    dilations = dilations or (1,) * n
    padding: tuple[int, ...] = (0,) * n
    if auto_pad != "NOTSET":
        pads = auto_pads(auto_pad, X.shape[2:], W.shape[2:], strides, dilations)
    if _has_channels_last(X):
        # conv1d would copy a view whose channels lie last; conv2d over one row has kernels for it
        flat: dict[str, Any] = {"strides": (1, *strides), "dilations": (1, *dilations), "group": group}
        if pads is not None:
            flat["pads"] = (0, pads[0], 0, pads[1])
        return Conv(X.unsqueeze(2), W.unsqueeze(2), B, **flat).squeeze(2)
    if pads is not None:
        if pads[:n] == pads[n:]:
            padding = pads[:n]
        else:
            X = F.pad(X, torch_pads(pads))
    if n == 2 and group == 1 and {*strides, *dilations} == {1} and _pays_as_product(X, W, padding):
        return _conv_by_product(X, W, B, padding)
    return _CONV[n](X, W, B, strides, padding, dilations, group)


def _pays_as_product(X: Tensor, W: Tensor, padding: tuple[int, ...]) -> bool:
    """Whether a convolution has so few outputs of so many channels that its kernels, which make 16 outputs at
    a time, compute nothing with most of the CPU's width.
    """
    if X.is_contiguous() or X.stride(1) != 1 or X.device.type != "cpu" or X.element_size() < 4:
        return False
    outputs, channels, *sizes = W.shape
    is_window = sizes != [1, 1] and all(pad < size for pad, size in zip(padding, sizes, strict=True))
    return is_window and 32 * outputs <= channels


def _conv_by_product(X: Tensor, W: Tensor, B: Tensor | None, padding: tuple[int, ...]) -> Tensor:
    """What each pixel adds to those around it, by one product of matrices, then added up where it belongs."""
    (samples, channels, *image), sizes = X.shape, W.shape[2:]
    taps = W.flip(2, 3).permute(1, 0, 2, 3).reshape(channels, -1)
    added = torch.mm(X.permute(0, 2, 3, 1).reshape(-1, channels), taps)
    places = added.view(samples, -1, taps.shape[1]).transpose(1, 2)
    (rows, columns), (height, width), (above, left) = image, sizes, padding
    result = rows + 2 * above - height + 1, columns + 2 * left - width + 1
    y = F.fold(places, result, (height, width), padding=(height - 1 - above, width - 1 - left))
    return y if B is None else y + B.reshape(-1, 1, 1)


def _has_channels_last(x: Tensor) -> bool:
    """Whether (batch, channels, steps) is a view of (batch, steps, channels)."""
    return x.dim() == 3 and not x.is_contiguous() and x.transpose(1, 2).is_contiguous()


def auto_pads(
    auto_pad: str,
    size: tuple[int, ...],
    kernel: tuple[int, ...],
    strides: tuple[int, ...],
    dilations: tuple[int, ...],
) -> tuple[int, ...]:
    """The pads, as ONNX orders them, that SAME_UPPER, SAME_LOWER and VALID stand for."""
    if auto_pad == "VALID":
        return (0,) * (2 * len(size))
    before, after = [], []
    for n, k, s, d in zip(size, kernel, strides, dilations, strict=True):
        total = max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0)
        small = total // 2
        before.append(small if auto_pad == "SAME_UPPER" else total - small)
        after.append(total - before[-1])
    return (*before, *after)


def torch_pads(pads: tuple[int, ...]) -> list[int]:
    """ONNX's pads (all begins, then all ends) as F.pad wants them: pairs, last axis first."""
    n = len(pads) // 2
    return [pads[i + side * n] for i in reversed(range(n)) for side in (0, 1)]


def ConvTranspose(
    X: Tensor,
    W: Tensor,
    B: Tensor | None = None,
    *,
    auto_pad: str = "NOTSET",
    dilations: tuple[int, ...] | None = None,
    group: int = 1,
    kernel_shape: tuple[int, ...] | None = None,
    output_padding: tuple[int, ...] | None = None,
    output_shape: tuple[int, ...] | None = None,
    pads: tuple[int, ...] | None = None,
    strides: tuple[int, ...] | None = None,
) -> Tensor:
    n = W.dim() - 2
    strides = strides or (1,) * n
    dilations = dilations or (1,) * n
    extra = output_padding or (0,) * n
    full = [
        s * (size - 1) + (k - 1) * d + 1 + e
        for s, size, k, d, e in zip(strides, X.shape[2:], W.shape[2:], dilations, extra, strict=True)
    ]
    if output_shape is None and auto_pad in ("SAME_UPPER", "SAME_LOWER"):
        output_shape = tuple(size * s for size, s in zip(X.shape[2:], strides, strict=True))
    if output_shape is not None:
        total = [f - o for f, o in zip(full, output_shape[-n:], strict=True)]
        small, large = [t // 2 for t in total], [t - t // 2 for t in total]
        pads = (*small, *large) if auto_pad != "SAME_LOWER" else (*large, *small)
        if auto_pad == "NOTSET":
            pads = (*large, *small)
    pads = pads or (0,) * (2 * n)
    if min(pads) < 0 or any(e >= max(s, d) for e, s, d in zip(extra, strides, dilations, strict=True)):
        y = _CONV_TRANSPOSE[n](X, W, B, strides, 0, 0, group, dilations)
        sides = [e - p for e, p in zip(extra, pads[n:], strict=True)]
        return _filled(y, [-p for p in pads[:n]], sides, B)
    padding = tuple(min(a, b) for a, b in zip(pads[:n], pads[n:], strict=True))
    y = _CONV_TRANSPOSE[n](X, W, B, strides, padding, extra, group, dilations)
    if pads[:n] == pads[n:]:
        return y
    return F.pad(
        y,
        torch_pads(
            tuple(
                [p - a for p, a in zip(padding, pads[:n], strict=True)]
                + [p - a for p, a in zip(padding, pads[n:], strict=True)]
            )
        ),
    )


def _filled(y: Tensor, before: list[int], after: list[int], B: Tensor | None) -> Tensor:
    """Crops, or extends by places that no input reaches: they hold the bias alone."""
    pads = torch_pads((*before, *after))
    if B is None:
        return F.pad(y, pads)
    bias = B.reshape(-1, *(1,) * (y.dim() - 2))
    return F.pad(y - bias, pads) + bias


def DeformConv(
    X: Tensor,
    W: Tensor,
    offset: Tensor,
    B: Tensor | None = None,
    mask: Tensor | None = None,
    *,
    dilations: tuple[int, ...] | None = None,
    group: int = 1,
    kernel_shape: tuple[int, ...] | None = None,
    offset_group: int = 1,
    pads: tuple[int, ...] | None = None,
    strides: tuple[int, ...] | None = None,
) -> Tensor:
    """Two spatial axes, bilinear sampling as in https://arxiv.org/abs/1811.11168."""
    n, channels, height, width = X.shape
    kh, kw = W.shape[2:]
    dilations, strides, pads = dilations or (1, 1), strides or (1, 1), pads or (0, 0, 0, 0)
    oh, ow = offset.shape[2:]
    points = kh * kw
    offset = offset.reshape(n, offset_group, points, 2, oh, ow)
    like: dict[str, Any] = {"device": X.device, "dtype": X.dtype}
    rows = torch.arange(kh, **like).mul(dilations[0]).repeat_interleave(kw).reshape(-1, 1, 1)
    columns = torch.arange(kw, **like).mul(dilations[1]).repeat(kh).reshape(-1, 1, 1)
    y = offset[:, :, :, 0] + rows + (torch.arange(oh, **like) * strides[0] - pads[0]).reshape(-1, 1)
    x = offset[:, :, :, 1] + columns + torch.arange(ow, **like) * strides[1] - pads[1]
    grid = torch.stack([2 * x / max(width - 1, 1) - 1, 2 * y / max(height - 1, 1) - 1], -1)
    if width == 1:
        grid[..., 0] = x
    if height == 1:
        grid[..., 1] = y
    grid = grid.reshape(n * offset_group, points * oh, ow, 2)
    data = X.reshape(n * offset_group, channels // offset_group, height, width)
    sampled = F.grid_sample(data, grid, "bilinear", "zeros", align_corners=True)
    sampled = sampled.reshape(n, offset_group, channels // offset_group, points, oh, ow)
    if mask is not None:
        sampled = sampled * mask.reshape(n, offset_group, 1, points, oh, ow)
    columns = sampled.reshape(n, group, channels // group * points, oh * ow)
    weights = W.reshape(group, W.shape[0] // group, -1)
    out = torch.einsum("gok,ngkp->ngop", weights, columns).reshape(n, W.shape[0], oh, ow)
    return out if B is None else out + B.reshape(-1, 1, 1)


def Col2Im(
    input: Tensor,
    image_shape: Any,
    block_shape: Any,
    *,
    dilations: tuple[int, ...] | None = None,
    pads: tuple[int, ...] | None = None,
    strides: tuple[int, ...] | None = None,
) -> Tensor:
    image, block = ints(image_shape), ints(block_shape)
    n = len(image)
    dilations, strides, pads = dilations or (1,) * n, strides or (1,) * n, pads or (0,) * (2 * n)
    padded = [size + pads[i] + pads[i + n] for i, size in enumerate(image)]
    counts = [(padded[i] - dilations[i] * (block[i] - 1) - 1) // strides[i] + 1 for i in range(n)]
    columns = input.reshape(input.shape[0], -1, *block, *counts)
    result = input.new_zeros(*columns.shape[:2], *padded)
    for at in itertools.product(*map(range, block)):
        window = [
            slice(a * d, a * d + (c - 1) * s + 1, s)
            for a, d, c, s in zip(at, dilations, counts, strides, strict=True)
        ]
        key: Any = (..., *window)
        place: Any = (slice(None), slice(None), *at)
        result[key] += columns[place]
    crop: Any = (..., *(slice(pads[i], pads[i] + image[i]) for i in range(n)))
    return result[crop]


def Gemm(
    A: Tensor,
    B: Tensor,
    C: Tensor | None = None,
    *,
    alpha: float = 1.0,
    beta: float = 1.0,
    transA: int = 0,
    transB: int = 0,
) -> Tensor:
    A = A.t() if transA else A
    B = B.t() if transB else B
    if not A.is_floating_point():  # addmm would refuse alpha and beta that are floats
        alpha, beta = int(alpha), int(beta)
    if C is None:
        product = torch.mm(A, B)
        return product if alpha == 1 else product * alpha
    return torch.addmm(C, A, B, beta=beta, alpha=alpha)


def BatchNormalization(
    X: Tensor,
    scale: Tensor,
    B: Tensor,
    input_mean: Tensor,
    input_var: Tensor,
    *,
    epsilon: float = 1e-5,
    momentum: float = 0.9,
    training_mode: int = 0,
    outputs: int = 1,
) -> Any:
    """The running variance takes in the population variance, as ONNX and Keras say and torch does not."""
    if _has_channels_last(X):  # as for Conv: the kernels know images with channels last, not sequences
        flat: dict[str, Any] = {
            "epsilon": epsilon,
            "momentum": momentum,
            "training_mode": training_mode,
            "outputs": outputs,
        }
        result = BatchNormalization(X.unsqueeze(2), scale, B, input_mean, input_var, **flat)
        return result.squeeze(2) if outputs == 1 else (result[0].squeeze(2), *result[1:])
    cudnn = torch.backends.cudnn.enabled
    if not training_mode:
        return torch.batch_norm(X, scale, B, input_mean, input_var, False, 0.0, epsilon, cudnn)
    y, mean, inverse_deviation, _, _ = torch._batch_norm_impl_index(
        X, scale, B, None, None, True, 0.0, epsilon, cudnn
    )
    if outputs == 1:
        return y
    with torch.no_grad():  # the kernel has the batch's statistics: no second pass over the data
        variance = inverse_deviation.pow(-2).sub_(epsilon).clamp_(min=0)
        running_mean = torch.lerp(mean.to(input_mean.dtype), input_mean, momentum)
        running_var = torch.lerp(variance.to(input_var.dtype), input_var, momentum)
    return several((y, running_mean, running_var), outputs)


def LayerNormalization(
    X: Tensor,
    Scale: Tensor,
    B: Tensor | None = None,
    *,
    axis: int = -1,
    epsilon: float = 1e-5,
    stash_type: int = 1,
    outputs: int = 1,
) -> Any:
    shape = X.shape[axis:]
    if Scale.shape != shape:
        Scale = Scale.expand(shape)
    if B is not None and B.shape != shape:
        B = B.expand(shape)
    if outputs == 1:
        return F.layer_norm(X, shape, Scale, B, epsilon)
    return several(torch.native_layer_norm(X, shape, Scale, B, epsilon), outputs)


def InstanceNormalization(input: Tensor, scale: Tensor, B: Tensor, *, epsilon: float = 1e-5) -> Tensor:
    return torch.instance_norm(input, scale, B, None, None, True, 0.0, epsilon, torch.backends.cudnn.enabled)


def GroupNormalization(
    X: Tensor, scale: Tensor, bias: Tensor, *, epsilon: float = 1e-5, num_groups: int, stash_type: int = 1
) -> Tensor:
    if X.stride(1) == 1 and not X.requires_grad:
        X = X.contiguous()  # torch 2.13 crashes in the backward of channels_last data that needs no gradient
    return F.group_norm(X, num_groups, scale, bias, epsilon)


def MeanVarianceNormalization(X: Tensor, *, axes: tuple[int, ...] = (0, 2, 3)) -> Tensor:
    centred = X - X.mean(axes, keepdim=True)
    return centred / (centred.square().mean(axes, keepdim=True).sqrt() + 1e-9)


def LRN(X: Tensor, *, alpha: float = 1e-4, beta: float = 0.75, bias: float = 1.0, size: int) -> Tensor:
    before = (size - 1) // 2
    squares = F.pad(X.square(), (*(0, 0) * (X.dim() - 2), before, size - 1 - before))
    return X / (bias + alpha / size * squares.unfold(1, size, 1).sum(-1)).pow(beta)


def LpNormalization(input: Tensor, *, axis: int = -1, p: int = 2) -> Tensor:
    norm = torch.linalg.vector_norm(input, p, axis, keepdim=True)
    return torch.where(norm == 0, 0.0, input / norm).to(input.dtype)

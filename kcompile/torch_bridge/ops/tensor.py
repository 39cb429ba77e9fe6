"""Shapes, layout, indexing, joining and filling."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ._common import Indices, Ints, Number, ints, number, several, wrapped


def Shape(data: Tensor, *, start: int = 0, end: int | None = None) -> Tensor:
    """int64, on the CPU wherever the data is: whoever reads sizes must not wait for a device."""
    return torch.tensor(data.shape[start:end], dtype=torch.int64)


def Size(data: Tensor) -> Tensor:
    return torch.tensor(data.numel(), dtype=torch.int64)


def Identity(input: Tensor) -> Tensor:
    return input


def Reshape(data: Tensor, shape: Ints, *, allowzero: int = 0) -> Tensor:
    shape = ints(shape)
    if not allowzero and 0 in shape:
        shape = tuple(data.shape[i] if size == 0 else size for i, size in enumerate(shape))
    return data.reshape(shape)


def Flatten(input: Tensor, *, axis: int = 1) -> Tensor:
    shape = input.shape
    axis = axis + len(shape) if axis < 0 else axis
    return input.reshape(math.prod(shape[:axis]), math.prod(shape[axis:]))


def Squeeze(data: Tensor, axes: Ints | None = None) -> Tensor:
    return data.squeeze() if axes is None else data.squeeze(ints(axes))


def Unsqueeze(data: Tensor, axes: Ints) -> Tensor:
    axes = ints(axes)
    rank = data.dim() + len(axes)
    for axis in sorted(axis % rank for axis in axes):
        data = data.unsqueeze(axis)
    return data


def Transpose(data: Tensor, *, perm: tuple[int, ...] | None = None) -> Tensor:
    return data.permute(perm if perm is not None else tuple(range(data.dim()))[::-1])


def Concat(*inputs: Tensor, axis: int) -> Tensor:
    return torch.cat(inputs, axis)


def Split(
    input: Tensor,
    split: Ints | None = None,
    *,
    axis: int = 0,
    num_outputs: int | None = None,
    outputs: int = 1,
) -> Any:
    if split is None:
        size, count = input.shape[axis], num_outputs or outputs
        part = -(-size // count)
        sizes = [part] * (count - 1) + [size - part * (count - 1)]
    else:
        sizes = list(ints(split))
    parts = input.split(sizes, axis)
    return parts[0] if outputs == 1 else parts


def Slice(
    data: Tensor, starts: Ints, ends: Ints, axes: Ints | None = None, steps: Ints | None = None
) -> Tensor:
    starts, ends = ints(starts), ints(ends)
    axes = range(len(starts)) if axes is None else ints(axes)
    steps = (1,) * len(starts) if steps is None else ints(steps)
    key = [slice(None)] * data.dim()
    flipped = []
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        if step > 0:
            key[axis] = slice(start, end, step)
            continue
        taken = range(data.shape[axis])[slice(start, end, step)]  # torch has no negative steps
        key[axis] = slice(taken[-1], taken[0] + 1, -step) if len(taken) else slice(0, 0)
        flipped.append(axis)
    data = data[tuple(key)]
    return data.flip(flipped) if flipped else data


def Gather(data: Tensor, indices: Indices, *, axis: int = 0) -> Tensor:
    if isinstance(indices, tuple):  # gradients of whole parts are faster than those of indexing
        parts = data.unbind(axis)
        return torch.stack([parts[i] for i in indices], axis)
    if not isinstance(indices, Tensor):
        return data.select(axis, indices)
    places = wrapped(indices, data.shape[axis])
    if data.dim() == 2 and axis == 0:
        return F.embedding(places, data)  # the gradient of an embedding is faster than that of indexing
    axis = axis % data.dim()
    if indices.dim() == 1:
        return data.index_select(axis, places)
    shape = data.shape
    gathered = data.index_select(axis, places.reshape(-1))
    return gathered.reshape((*shape[:axis], *indices.shape, *shape[axis + 1 :]))


def GatherElements(data: Tensor, indices: Tensor, *, axis: int = 0) -> Tensor:
    return torch.gather(data, axis, wrapped(indices, data.shape[axis]))


def GatherND(data: Tensor, indices: Tensor, *, batch_dims: int = 0) -> Tensor:
    batch, depth = data.shape[:batch_dims], indices.shape[-1]
    grids = (
        torch.meshgrid(*(torch.arange(n, device=data.device) for n in batch), indexing="ij") if batch else ()
    )
    middle = indices.dim() - 1 - batch_dims
    key = [grid.reshape(*batch, *(1,) * middle) for grid in grids]
    key += [wrapped(indices[..., i], data.shape[batch_dims + i]) for i in range(depth)]
    return data[tuple(key)]


_SCATTER = {"add": "sum", "mul": "prod", "max": "amax", "min": "amin"}


def ScatterElements(
    data: Tensor, indices: Tensor, updates: Tensor, *, axis: int = 0, reduction: str = "none"
) -> Tensor:
    indices = wrapped(indices, data.shape[axis])
    if reduction == "none":
        return data.scatter(axis, indices, updates)
    return data.scatter_reduce(axis, indices, updates, _SCATTER[reduction])


def ScatterND(data: Tensor, indices: Tensor, updates: Tensor, *, reduction: str = "none") -> Tensor:
    depth = indices.shape[-1]
    key = tuple(wrapped(indices[..., i], data.shape[i]) for i in range(depth))
    if reduction == "none":
        return data.index_put(key, updates)
    if reduction == "add":
        return data.index_put(key, updates, accumulate=True)
    rows = torch.zeros(indices.shape[:-1], dtype=torch.int64, device=data.device)
    for index, size in zip(key, data.shape[:depth], strict=True):
        rows = rows * size + index
    tail = data.shape[depth:]
    flat = data.reshape(-1, *tail)
    rows = rows.reshape(-1, *(1,) * len(tail)).expand(-1, *tail)
    return flat.scatter_reduce(0, rows, updates.reshape(-1, *tail), _SCATTER[reduction]).reshape(data.shape)


def Expand(input: Tensor, shape: Ints) -> Tensor:
    return input.expand(torch.broadcast_shapes(input.shape, ints(shape)))


def Tile(input: Tensor, repeats: Ints) -> Tensor:
    return input.repeat(ints(repeats))


def ConstantOfShape(
    input: Ints, *, value: Number = 0.0, output_dtype: torch.dtype, device: str = "cpu"
) -> Tensor:
    return torch.full(ints(input), value, dtype=output_dtype, device=device)


def Range(
    start: Number, limit: Number, delta: Number, *, output_dtype: torch.dtype, device: str = "cpu"
) -> Tensor:
    start, limit, delta = number(start), number(limit), number(delta)
    count = max(math.ceil((limit - start) / delta), 0)
    steps = torch.arange(count, device=device)
    return (start + steps * delta).to(output_dtype)


def EyeLike(input: Tensor, *, dtype: torch.dtype | None = None, k: int = 0) -> Tensor:
    rows, columns = input.shape
    below = torch.arange(rows, device=input.device).unsqueeze(1) + k
    eye = below == torch.arange(columns, device=input.device)
    return eye.to(input.dtype if dtype is None else dtype)


def Trilu(input: Tensor, k: Number = 0, *, upper: int = 1) -> Tensor:
    return torch.triu(input, number(k)) if upper else torch.tril(input, number(k))


def OneHot(indices: Tensor, depth: Number, values: Tensor, *, axis: int = -1) -> Tensor:
    depth = int(number(depth))
    positions = torch.arange(depth, device=indices.device)
    axis = axis % (indices.dim() + 1)
    hot = wrapped(indices, depth).unsqueeze(axis)
    hit = hot == positions.reshape(-1, *(1,) * (indices.dim() - axis))
    return torch.where(hit, values[1], values[0])


def TopK(X: Tensor, K: Number, *, axis: int = -1, largest: int = 1, sorted: int = 1) -> tuple[Tensor, Tensor]:
    """Of equal elements the one with the lower index comes first, so a stable sort, not torch.topk."""
    values, indices = torch.sort(X, dim=axis, descending=bool(largest), stable=True)
    k = int(number(K))
    return values.narrow(axis, 0, k), indices.narrow(axis, 0, k)


def Unique(X: Tensor, *, axis: int | None = None, sorted: int = 1, outputs: int = 1) -> Any:
    data = X.reshape(-1) if axis is None else X
    dim = 0 if axis is None else axis
    values, inverse, counts = torch.unique(
        data, sorted=True, return_inverse=True, return_counts=True, dim=dim
    )
    count = values.shape[dim]
    positions = torch.arange(inverse.numel(), device=X.device)
    first = torch.full((count,), inverse.numel(), dtype=torch.int64, device=X.device)
    first = first.scatter_reduce(0, inverse, positions, "amin")
    if not sorted:
        order = torch.argsort(first)
        values, first, counts = values.index_select(dim, order), first[order], counts[order]
        inverse = torch.argsort(order)[inverse]
    return several((values, first, inverse, counts), outputs)


def NonZero(X: Tensor) -> Tensor:
    return torch.nonzero(X).t()


def CumSum(x: Tensor, axis: Number, *, exclusive: int = 0, reverse: int = 0) -> Tensor:
    axis = number(axis)
    data = x.flip(axis) if reverse else x
    total = torch.cumsum(data, axis, dtype=x.dtype)
    if exclusive:
        total = total - data
    return total.flip(axis) if reverse else total


def Compress(input: Tensor, condition: Tensor, *, axis: int | None = None) -> Tensor:
    data = input.reshape(-1) if axis is None else input
    return data.index_select(0 if axis is None else axis, torch.nonzero(condition).reshape(-1))


def ReverseSequence(
    input: Tensor, sequence_lens: Tensor, *, batch_axis: int = 1, time_axis: int = 0
) -> Tensor:
    data = input.movedim((time_axis, batch_axis), (0, 1))
    return reverse_steps(data, sequence_lens).movedim((0, 1), (time_axis, batch_axis))


def reverse_steps(data: Tensor, lengths: Tensor) -> Tensor:
    """[time, batch, ...] with the first ``lengths[b]`` steps of each sequence reversed, the others kept."""
    step = torch.arange(data.shape[0], device=data.device).unsqueeze(1)
    lengths = lengths.to(data.device).unsqueeze(0)
    source = torch.where(step < lengths, lengths - 1 - step, step)
    return torch.gather(data, 0, source.reshape(*source.shape, *(1,) * (data.dim() - 2)).expand(data.shape))


def Pad(
    data: Tensor,
    pads: Ints,
    constant_value: Number | None = None,
    axes: Ints | None = None,
    *,
    mode: str = "constant",
) -> Tensor:
    pads = ints(pads)
    axes = tuple(range(data.dim())) if axes is None else tuple(axis % data.dim() for axis in ints(axes))
    sides = {axis: (pads[i], pads[i + len(axes)]) for i, axis in enumerate(axes)}
    if mode == "constant":
        flat = [size for axis in reversed(range(data.dim())) for size in sides.get(axis, (0, 0))]
        value = number(constant_value)
        if data.dtype == torch.bool:
            return F.pad(data.to(torch.uint8), flat, value=int(value or 0)).bool()
        return F.pad(data, flat, value=value)
    for axis, (before, after) in sides.items():
        if before or after:
            data = data.index_select(axis, _source(data.shape[axis], before, after, mode, data.device))
    return data


def _source(size: int, before: int, after: int, mode: str, device: torch.device) -> Tensor:
    """Which element each place of a padded axis shows."""
    place = torch.arange(-before, size + after, device=device)
    if mode == "edge":
        return place.clamp(0, size - 1)
    if mode == "wrap":
        return place.remainder(size)
    period = max(2 * (size - 1), 1)  # reflect: 0 1 2 1 | 0 1 2 1
    place = place.remainder(period)
    return torch.where(place < size, place, period - place)


def CenterCropPad(input_data: Tensor, shape: Ints, *, axes: tuple[int, ...] | None = None) -> Tensor:
    flat = [0] * (2 * input_data.dim())
    axes = tuple(range(input_data.dim())) if axes is None else axes
    for axis, wanted in zip(axes, ints(shape), strict=True):
        missing = wanted - input_data.shape[axis]
        place = 2 * (input_data.dim() - 1 - axis % input_data.dim())
        before = missing // 2 if missing > 0 else -(-missing // 2)
        flat[place], flat[place + 1] = before, missing - before
    return F.pad(input_data, flat)


def DepthToSpace(input: Tensor, *, blocksize: int, mode: str = "DCR") -> Tensor:
    n, c, h, w = input.shape
    depth = c // blocksize**2
    if mode == "DCR":
        blocks = input.reshape(n, blocksize, blocksize, depth, h, w).permute(0, 3, 4, 1, 5, 2)
    else:
        blocks = input.reshape(n, depth, blocksize, blocksize, h, w).permute(0, 1, 4, 2, 5, 3)
    return blocks.reshape(n, depth, h * blocksize, w * blocksize)


def SpaceToDepth(input: Tensor, *, blocksize: int) -> Tensor:
    n, c, h, w = input.shape
    blocks = input.reshape(n, c, h // blocksize, blocksize, w // blocksize, blocksize)
    return blocks.permute(0, 3, 5, 1, 2, 4).reshape(n, c * blocksize**2, h // blocksize, w // blocksize)


def Einsum(*Inputs: Tensor, equation: str) -> Tensor:
    equation, dtype = equation.replace(" ", ""), Inputs[0].dtype
    if dtype.is_floating_point or dtype.is_complex:
        return torch.einsum(equation, *Inputs)
    return torch.einsum(equation, *(x.long() for x in Inputs)).to(dtype)  # whose sums are of that type

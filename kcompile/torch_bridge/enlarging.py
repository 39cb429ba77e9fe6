"""Convolutions of images that are enlarged before, in a step: computed where the images are small.

Of an image in which each pixel stands twice in a row and twice in a column, a window of 3 x 3 sees 2 x 2
different pixels. Which ones stand in it how often depends on the place of the output within its block of
2 x 2 alone. So a convolution of the small image, with sums of the weights and a channel for each output of a
block, gives the same: with four ninths of the products, without the large image, and without joining it to
others (https://arxiv.org/abs/1609.07009 has the idea). Sums of weights are rounded: but for that results are
equal.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from ..ir import Constant, Graph, Node, Value
from .gradients import differentiated_twice
from .ops import nn

_WHOLE = (0, 1, 2, 3)
_MIN_PRODUCTS = 1 << 25
"""Of fewer products, what is around them costs more than is saved."""


class Enlarged(NamedTuple):
    """A convolution of an enlarged image, which may be joined with others by channels.

    Attributes:
        parts: what is joined, in order, the small image among them; each with how its axes have to lie to be
            (batch, channels, rows, columns).
        at: the place of the small image. scales: of rows and columns.
        inside: the nodes that compute what nobody else reads.
    """

    parts: tuple[tuple[Value, tuple[int, ...]], ...]
    at: int
    scales: tuple[int, int]
    inside: tuple[Node, ...]


def find_enlarged(
    graph: Graph,
    uses: Mapping[Value, int],
    read: Collection[Value],
    place: Callable[[Node], torch.device],
) -> dict[Node, Enlarged]:
    """Convolutions of enlarged images in a graph.

    Args:
        uses: how often each value is read.
        read: values that are read in other ways, too.
        place: the device of a node.
    """
    computed = set(graph.nodes).difference(value.node for value in graph.inputs)
    here = torch.device("cpu")

    def made_by(value: Value | None) -> Node | None:
        """The node of which nobody else reads the result."""
        node = value.node if value is not None else None
        if value is None or node is None or node not in computed or node.domain or place(node) != here:
            return None
        return node if uses.get(value) == 1 and value not in read and len(node.outputs) == 1 else None

    found = {}
    for node in graph.nodes:
        if node.op_type == "Conv" and not node.domain and not node.precision and place(node) == here:
            whole = _before(graph, node, made_by) if _keeps_sizes(node) else None
            if whole is not None:
                found[node] = whole
    return found


def _keeps_sizes(node: Node) -> bool:
    """Whether a convolution gives images of float32 as large as those that it is given."""
    attributes, kernel = node.attributes, node.inputs[1]
    if node.outputs[0].dtype.name != "float32" or node.outputs[0].rank != 4 or kernel is None:
        return False
    window, pads = (kernel.dims or ())[2:], tuple(attributes.get("pads") or (0, 0, 0, 0))
    if attributes.get("auto_pad", "NOTSET") != "NOTSET" or attributes.get("group", 1) != 1 or not window:
        return False
    if {*(attributes.get("strides") or ()), *(attributes.get("dilations") or ())} - {1}:
        return False
    return all(isinstance(k, int) and k > 1 and 2 * p == k - 1 for k, p in zip(window * 2, pads, strict=True))


def _before(graph: Graph, conv: Node, made_by: Callable[[Value | None], Node | None]) -> Enlarged | None:
    image = graph.operands(conv)[0]
    assert image is not None
    image, axes, inside = _untransposed(graph, image, _WHOLE, made_by)
    joined = made_by(image)
    given: list[tuple[Value, tuple[int, ...]]] = [(image, axes)]
    if joined is not None and joined.op_type == "Concat" and joined.attributes["axis"] % 4 == axes[1]:
        given = [(x, axes) for x in graph.operands(joined) if x is not None]
        inside = [*inside, joined]
    for i, (part, order) in enumerate(given):
        large, axes, between = _untransposed(graph, part, order, made_by)
        resize = made_by(large)
        scales = _scales(graph, resize) if resize is not None and axes == _WHOLE else None
        small = graph.operands(resize)[0] if resize is not None and scales is not None else None
        if resize is not None and scales is not None and small is not None:
            parts = (*given[:i], (small, _WHOLE), *given[i + 1 :])
            return Enlarged(parts, i, scales, (*inside, *between, resize))
    return None


def _untransposed(
    graph: Graph, value: Value, axes: tuple[int, ...], made_by: Callable[[Value | None], Node | None]
) -> tuple[Value, tuple[int, ...], list[Node]]:
    """What is transposed, how its axes have to lie, and the nodes that do it."""
    nodes = []
    while (node := made_by(value)) is not None and node.op_type == "Transpose":
        order = node.attributes["perm"]
        axes = tuple(order[axis] for axis in axes)
        (before,) = graph.operands(node)
        assert before is not None
        value = before
        nodes.append(node)
    return value, axes, nodes


def _scales(graph: Graph, node: Node) -> tuple[int, int] | None:
    """How often a Resize repeats each row and each column; None if it does anything else."""
    if node.op_type != "Resize" or node.precision or node.attributes.get("axes"):
        return None
    modes = (("mode", "nearest"), ("coordinate_transformation_mode", "asymmetric"), ("nearest_mode", "floor"))
    if any(node.attributes.get(name) != wanted for name, wanted in modes):
        return None
    operands = graph.operands(node)
    scales = operands[2] if len(operands) == 3 else None
    if not isinstance(scales, Constant) or scales.array.shape != (4,):
        return None
    batch, channels, rows, columns = scales.array.tolist()
    if (batch, channels) != (1, 1) or not (rows.is_integer() and columns.is_integer() and rows * columns > 1):
        return None
    return int(rows), int(columns)


# --- running ------------------------------------------------------------------------------------------------


def enlarged_conv(
    W: Tensor, B: Tensor | None, *parts: Tensor, at: int, scales: tuple[int, int], pads: tuple[int, ...]
) -> Tensor:
    """``Conv(Concat(parts), W, B)``, one of the parts enlarged.

    Args:
        W: (outputs, channels of all parts, rows, columns). B: (outputs,).
        parts: (batch, channels, rows, columns) each. at: the place of the small one.
        scales: how often its rows and columns are repeated.
        pads: as ONNX orders them; they leave sizes as they are.
    """
    small, others = parts[at], [*parts[:at], *parts[at + 1 :]]
    plans = tuple(_plan(s, k, p) for s, k, p in zip(scales, W.shape[2:], pads, strict=False))
    if not _pays(small, W, plans, scales):
        sizes = small.shape[2] * scales[0], small.shape[3] * scales[1]
        large = F.interpolate(small, sizes, mode="nearest")
        whole = torch.cat([*parts[:at], large, *parts[at + 1 :]], 1) if others else large
        return nn.Conv(whole, W, B, pads=pads)
    start = sum(part.shape[1] for part in parts[:at])
    end = start + small.shape[1]
    (rows, above, above_by), (columns, left, left_by) = plans
    sums = torch.einsum("aru,bsv,ocuv->abocrs", rows, columns, W[:, start:end])
    kernel = sums.flatten(0, 2).contiguous(memory_format=torch.channels_last)
    bias = None if B is None else B.repeat(scales[0] * scales[1])
    blocks = F.conv2d(small, kernel, bias, padding=(above, left))
    base = None
    if others:
        rest = torch.cat([W[:, :start], W[:, end:]], 1).contiguous(memory_format=torch.channels_last)
        joined = others[0] if len(others) == 1 else torch.cat(others, 1)
        base = F.conv2d(joined, rest, padding=(pads[0], pads[1]))
    found: Tensor = _Spread.apply(blocks, base, small.shape[2:], (above_by, left_by))
    return found


def _pays(small: Tensor, W: Tensor, plans: Sequence[_Plan], scales: tuple[int, int]) -> bool:
    """Whether there is enough to save, where images lie as oneDNN wants them and gradients are taken once."""
    if differentiated_twice() or torch.compiler.is_compiling():
        return False
    if small.is_contiguous() and not small.is_contiguous(memory_format=torch.channels_last):
        return False
    large = small.shape[0] * small.shape[2] * small.shape[3] * scales[0] * scales[1]
    places = plans[0].window.shape[1] * plans[1].window.shape[1]
    taps = W.shape[2] * W.shape[3]
    return large * W.shape[0] * small.shape[1] * taps > _MIN_PRODUCTS and 1.5 * places < taps


class _Plan(NamedTuple):
    """Along one axis.

    Attributes:
        window: (places of an output in its block, pixels of the small image, taps of the kernel) 1 where that
            tap sees that pixel.
        padding: of the small image on each side.
        starts: for each place where in the small convolution's result its outputs begin.
    """

    window: Tensor
    padding: int
    starts: tuple[int, ...]


@lru_cache(maxsize=64)
def _plan(scale: int, taps: int, pad: int) -> _Plan:
    seen = [[(place + tap - pad) // scale for tap in range(taps)] for place in range(scale)]
    length = max(pixels[-1] - pixels[0] + 1 for pixels in seen)
    window = torch.zeros(scale, length, taps)
    for place, pixels in enumerate(seen):
        for tap, pixel in enumerate(pixels):
            window[place, pixel - pixels[0], tap] = 1
    padding, farthest = -seen[0][0], seen[-1][0]
    while 2 * padding - length + 1 < farthest + padding:  # as many outputs as the last place needs
        padding += 1
    return _Plan(window, padding, tuple(pixels[0] + padding for pixels in seen))


class _Spread(torch.autograd.Function):
    """Blocks of outputs, which are channels, in their places of a large image, added to another one."""

    @staticmethod
    def forward(ctx: Any, blocks: Tensor, base: Tensor | None, sizes: Any, starts: Any) -> Tensor:
        ctx.shape, ctx.sizes, ctx.starts = blocks.shape, sizes, starts
        scales = [len(each) for each in starts]
        channels, (rows, columns) = blocks.shape[1] // (scales[0] * scales[1]), sizes
        shape = blocks.shape[0], channels, rows * scales[0], columns * scales[1]
        large = torch.empty(shape, dtype=blocks.dtype, memory_format=torch.channels_last)
        places = _places(large, blocks, sizes, starts)
        if base is None:
            for to, taken in places:
                to.copy_(taken)
            return large
        under = _places(base.contiguous(memory_format=torch.channels_last), blocks, sizes, starts)
        for (to, taken), (before, _) in zip(places, under, strict=True):
            torch.add(before, taken, out=to)
        return large

    @staticmethod
    @torch.autograd.function.once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, grad: Tensor) -> Any:
        large = grad.contiguous(memory_format=torch.channels_last)
        batch, channels, rows, columns = ctx.shape  # of which some outputs are in no block
        blocks = grad.new_zeros(batch, rows, columns, channels).permute(0, 3, 1, 2)
        for taken, to in _places(large, blocks, ctx.sizes, ctx.starts):
            to.copy_(taken)
        return blocks, grad if ctx.needs_input_grad[1] else None, None, None


def _places(
    large: Tensor, blocks: Tensor, sizes: Sequence[int], starts: Sequence[Sequence[int]]
) -> Iterator[tuple[Tensor, Tensor]]:
    """For each place in a block (batch, rows, columns, channels) of the large image, and of the blocks.

    Args:
        large: (batch, channels, rows, columns). blocks: with a channel for each place. Channels lie last.
        sizes: of the small image. starts: of each axis, as of ``_Plan``.
    """
    rows, columns = sizes
    by_block = large.permute(0, 2, 3, 1).unflatten(1, (rows, -1)).unflatten(3, (columns, -1))
    lying, channels = blocks.permute(0, 2, 3, 1), large.shape[1]
    for i, (top, left) in enumerate(itertools.product(*starts)):
        row, column = divmod(i, len(starts[1]))
        part = lying[:, top : top + rows, left : left + columns, i * channels : (i + 1) * channels]
        yield by_block[:, :, row, :, column], part

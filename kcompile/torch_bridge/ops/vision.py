"""Sampling of images, regions of interest, and suppression of boxes."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from ._common import Ints, Number, ints, number

_SAMPLING = {"linear": "bilinear", "nearest": "nearest", "cubic": "bicubic"}


def GridSample(
    X: Tensor, grid: Tensor, *, align_corners: int = 0, mode: str = "linear", padding_mode: str = "zeros"
) -> Tensor:
    return F.grid_sample(X, grid, _SAMPLING[mode], padding_mode, bool(align_corners))


def AffineGrid(theta: Tensor, size: Ints, *, align_corners: int = 0) -> Tensor:
    return F.affine_grid(theta, list(ints(size)), bool(align_corners))


def RoiAlign(
    X: Tensor,
    rois: Tensor,
    batch_indices: Tensor,
    *,
    coordinate_transformation_mode: str = "half_pixel",
    mode: str = "avg",
    output_height: int = 1,
    output_width: int = 1,
    sampling_ratio: int = 0,
    spatial_scale: float = 1.0,
) -> Tensor:
    """Bilinear samples in each bin of each region, averaged (or their largest), as in https://arxiv.org/abs/1703.06870."""
    half = coordinate_transformation_mode == "half_pixel"
    results = []
    for roi, batch in zip(rois, batch_indices.tolist(), strict=True):
        x1, y1, x2, y2 = (roi * spatial_scale - (0.5 if half else 0.0)).unbind()
        width, height = x2 - x1, y2 - y1
        if not half:
            width, height = width.clamp(min=1.0), height.clamp(min=1.0)
        rows = sampling_ratio or max(math.ceil(height.item() / output_height), 1)
        columns = sampling_ratio or max(math.ceil(width.item() / output_width), 1)
        y = _samples(y1, height, output_height, rows)
        x = _samples(x1, width, output_width, columns)
        corners = _bilinear(X[batch], y, x, mode == "max")
        corners = corners.reshape(-1, output_height, rows, output_width, columns)
        results.append(corners.mean((2, 4)) if mode == "avg" else corners.amax((2, 4)))
    if not results:
        return X.new_zeros(0, X.shape[1], output_height, output_width)
    return torch.stack(results)


def _samples(begin: Tensor, length: Tensor, bins: int, count: int) -> Tensor:
    """The middles of ``count`` equal parts of each bin."""
    place = torch.arange(bins * count, device=begin.device, dtype=begin.dtype)
    return begin + (place + 0.5) * (length / (bins * count))


def _bilinear(image: Tensor, y: Tensor, x: Tensor, largest: bool) -> Tensor:
    """image [channels, h, w] at all (y, x); zero more than one pixel outside.

    With ``largest``, the largest of the four weighted neighbours instead of their sum, as mode "max" wants.
    """
    corners = []
    h, w = image.shape[1:]
    inside = ((y >= -1) & (y <= h)).unsqueeze(1) & ((x >= -1) & (x <= w)).unsqueeze(0)
    y, x = y.clamp(0, h - 1), x.clamp(0, w - 1)
    y0, x0 = y.floor(), x.floor()
    for dy in (0, 1):
        for dx in (0, 1):
            weight_y = (y - y0) if dy else 1 - (y - y0)
            weight_x = (x - x0) if dx else 1 - (x - x0)
            at = image[:, (y0 + dy).long().clamp(max=h - 1)][:, :, (x0 + dx).long().clamp(max=w - 1)]
            corners.append(at * weight_y.unsqueeze(1) * weight_x)
    stacked = torch.stack(corners)
    return torch.where(inside, stacked.amax(0) if largest else stacked.sum(0), 0.0)


def MaxRoiPool(
    X: Tensor, rois: Tensor, *, pooled_shape: tuple[int, ...], spatial_scale: float = 1.0
) -> Tensor:
    """The largest element in each bin of each region, corners rounded to whole pixels."""
    height, width = X.shape[2:]
    rows, columns = pooled_shape
    results = []
    for batch, *corners in rois.tolist():
        x1, y1, x2, y2 = (math.floor(c * spatial_scale + 0.5) for c in corners)
        h, w = max(y2 - y1 + 1, 1), max(x2 - x1 + 1, 1)
        pooled = X.new_zeros(X.shape[1], rows, columns)
        for i in range(rows):
            top, bottom = y1 + math.floor(i * h / rows), y1 + math.ceil((i + 1) * h / rows)
            for j in range(columns):
                left, right = x1 + math.floor(j * w / columns), x1 + math.ceil((j + 1) * w / columns)
                bin_ = X[int(batch), :, max(top, 0) : min(bottom, height), max(left, 0) : min(right, width)]
                if bin_.numel():
                    pooled[:, i, j] = bin_.amax((1, 2))
        results.append(pooled)
    return torch.stack(results) if results else X.new_zeros(0, X.shape[1], rows, columns)


def NonMaxSuppression(
    boxes: Tensor,
    scores: Tensor,
    max_output_boxes_per_class: Number | None = None,
    iou_threshold: Number | None = None,
    score_threshold: Number | None = None,
    *,
    center_point_box: int = 0,
) -> Tensor:
    """Rows (batch, class, box) of the boxes kept, best first; chosen on the host, one after another."""
    device, boxes, scores = boxes.device, boxes.cpu(), scores.cpu()
    limit = 0 if max_output_boxes_per_class is None else int(number(max_output_boxes_per_class))
    overlap = 0.0 if iou_threshold is None else float(number(iou_threshold))
    kept: list[list[int]] = []
    for batch in range(scores.shape[0]):
        shared = _overlaps(_corners(boxes[batch], center_point_box))
        for kind in range(scores.shape[1]):
            score = scores[batch, kind]
            order = torch.argsort(score, descending=True, stable=True)
            if score_threshold is not None:
                order = order[score[order] > number(score_threshold)]
            chosen: list[int] = []
            for box in order.tolist():
                if len(chosen) >= limit:
                    break
                if not chosen or not bool((shared[box, chosen] > overlap).any()):
                    chosen.append(box)
            kept += [[batch, kind, box] for box in chosen]
    return torch.tensor(kept, dtype=torch.int64, device=device).reshape(-1, 3)


def _corners(boxes: Tensor, center: int) -> Tensor:
    """[n, 4] as y1, x1, y2, x2 with the smaller first."""
    if center:
        x, y, w, h = boxes.unbind(1)
        return torch.stack([y - h / 2, x - w / 2, y + h / 2, x + w / 2], 1)
    low, high = torch.minimum(boxes[:, :2], boxes[:, 2:]), torch.maximum(boxes[:, :2], boxes[:, 2:])
    return torch.cat([low, high], 1)


def _overlaps(corners: Tensor) -> Tensor:
    """Intersection over union of all pairs."""
    low = torch.maximum(corners[:, None, :2], corners[None, :, :2])
    high = torch.minimum(corners[:, None, 2:], corners[None, :, 2:])
    shared = (high - low).clamp(min=0).prod(-1)
    area = (corners[:, 2:] - corners[:, :2]).prod(-1)
    union = area[:, None] + area[None, :] - shared
    return torch.where(union > 0, shared / union, 0.0)

"""Losses over classes."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ._common import several

_NONE_IGNORED = -(2**31)  # no class has this number


def NegativeLogLikelihoodLoss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    ignore_index: int | None = None,
    reduction: str = "mean",
) -> Tensor:
    ignored = _NONE_IGNORED if ignore_index is None else ignore_index
    return F.nll_loss(input, target.long(), weight, ignore_index=ignored, reduction=reduction)


def SoftmaxCrossEntropyLoss(
    scores: Tensor,
    labels: Tensor,
    weights: Tensor | None = None,
    *,
    ignore_index: int | None = None,
    reduction: str = "mean",
    outputs: int = 1,
) -> Any:
    if weights is None and ignore_index is None and outputs == 1:
        return F.cross_entropy(scores, labels.long(), ignore_index=_NONE_IGNORED, reduction=reduction)
    log_prob = torch.log_softmax(scores, 1)
    loss = NegativeLogLikelihoodLoss(
        log_prob, labels, weights, ignore_index=ignore_index, reduction=reduction
    )
    return several((loss, log_prob), outputs)

"""What prunes while a model trains, and what tells of it."""

from __future__ import annotations

import math
from typing import Any

from .. import registry
from ..callbacks import Callback, TensorBoard
from .pruning_wrapper import PruneLowMagnitude


class UpdatePruningStep(Callback):
    """Prunes by the schedules of a model's layers, before each batch.

    Steps count on from those that the layers have seen, so training may be interrupted and saved.

    Raises:
        ValueError: when training begins, if no layer of the model is pruned.
    """

    def on_train_begin(self, logs: Any = None) -> None:
        self.layers = wrappers_of(self.model)
        if not self.layers:
            raise ValueError(
                f"UpdatePruningStep: the model {self.model.name} has no layer of prune_low_magnitude()."
            )
        self.step = max(int(layer.pruning_step.numpy()) for layer in self.layers) + 1

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        for layer in self.layers:
            layer.prune(self.step)
        self.step += 1


class PruningSummaries(TensorBoard):
    """A TensorBoard callback that also writes how sparse each weight is, and the least magnitude that stayed.

    Args:
        log_dir: folder of the logs.
        update_freq: "epoch", "batch" or a number of samples.

    Raises:
        ValueError: if ``log_dir`` is no name of a folder.
    """

    def __init__(self, log_dir: Any, update_freq: Any = "epoch", **kwargs: Any) -> None:
        if not isinstance(log_dir, str) or not log_dir:
            raise ValueError("`log_dir` must be a non-empty string.")
        super().__init__(log_dir=log_dir, update_freq=update_freq, **kwargs)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        super().on_epoch_end(epoch, {**(logs or {}), **sparsities(self.model)})


def sparsities(model: Any) -> dict[str, float]:
    """Of each weight that is pruned the share of zeros in its mask, and its threshold."""
    found: dict[str, float] = {}
    for layer in wrappers_of(model):
        for weight, mask, threshold in layer.pruning_masks:
            numbers = mask.numpy()
            found[f"{weight.name}/sparsity"] = 1.0 - float(numbers.sum()) / math.prod(numbers.shape)
            found[f"{weight.name}/threshold"] = float(threshold.numpy())
    return found


def wrappers_of(model: Any) -> list[PruneLowMagnitude]:
    """The layers of a model that are pruned, those of models and layers within included."""
    return [layer for layer in model._flat_layers if isinstance(layer, PruneLowMagnitude)]


registry.register(globals())

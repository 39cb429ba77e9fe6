"""PruneLowMagnitude: a layer whose least weights are 0, more and more of them while it trains."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ...ir import Parameter, Value, assign_all, op
from .. import registry
from ..core.layer import Layer
from ..core.layer_configs import deserialize
from ..layers.transparent_wrapper import TransparentWrapper, kernels
from . import masks
from .pruning_schedules import SCHEDULES, ConstantSparsity, PruningSchedule


class PrunableLayer:
    """What a layer derives from, beside Layer, that says itself which weights are pruned."""

    def get_prunable_weights(self) -> list[Parameter]:
        """The weights that are pruned."""
        raise NotImplementedError(f"{type(self).__name__} must say which weights are pruned.")


class PruneLowMagnitude(TransparentWrapper):
    """A layer with masks for its weights; the callback ``UpdatePruningStep`` draws them by the schedule.

    After each update of the weights those that are masked become 0 again, as a constraint has it; so the
    layer computes as ever, and the weights are those of the pruned layer.

    Args:
        layer: any layer with weights to prune: its trainable ones of at least two axes, but for depthwise
            kernels; or those that it names itself (``PrunableLayer``).
        pruning_schedule: PruningSchedule; by default half of the weights, from step 0.
        block_size: rows and columns of the blocks that are pruned together, in matrices.
        block_pooling_type: "AVG" or "MAX", by what blocks are compared.
        sparsity_m_by_n: (m, n): m of each n weights along the inputs become 0, whatever the share of the
            schedule; (2, 4) is what sparse kernels of hardware want.

    Input and output: those of the layer.
    Weights: those of the layer; ``mask`` and ``threshold`` for each that is pruned, and ``pruning_step``.

    Raises:
        ValueError: for a layer without weights to prune, or another value of an argument than these.
    """

    _prefix = "prune_low_magnitude"

    def __init__(
        self,
        layer: Layer,
        pruning_schedule: PruningSchedule | None = None,
        block_size: Sequence[int] = (1, 1),
        block_pooling_type: str = "AVG",
        sparsity_m_by_n: Sequence[int] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(layer, **kwargs)
        self.pruning_schedule = pruning_schedule or ConstantSparsity(0.5, 0)
        self.block_size = _sizes(block_size, "block_size")
        if block_pooling_type not in ("AVG", "MAX"):
            raise ValueError(f'block_pooling_type must be "AVG" or "MAX"; found {block_pooling_type!r}.')
        self.block_pooling_type = block_pooling_type
        self.sparsity_m_by_n = None if sparsity_m_by_n is None else _sizes(sparsity_m_by_n, "sparsity_m_by_n")
        if self.sparsity_m_by_n is not None:
            if self.block_size != (1, 1):
                raise ValueError("block_size and sparsity_m_by_n cannot both be given.")
            if self.sparsity_m_by_n[0] >= self.sparsity_m_by_n[1]:
                raise ValueError(f"sparsity_m_by_n: m must be less than n; found {self.sparsity_m_by_n}.")
        self._pruned: list[tuple[Parameter, Parameter, Parameter]] = []
        self._constraints: list[Any] = []

    def build(self, input_shape: Any = None) -> None:
        self._build_layer(input_shape)
        weights = prunable_weights(self.layer)
        if not weights:
            raise ValueError(
                f"Layer {self.name}: {type(self.layer).__name__} has no weights to prune: trainable ones of "
                "at least two axes. Let it derive from PrunableLayer to name them."
            )
        self._pruned, self._constraints = [], []
        for weight in weights:
            mask = self.add_weight(
                "mask", weight.shape, initializer="ones", trainable=False, dtype=str(weight.dtype)
            )
            threshold = self.add_weight(
                "threshold", (), initializer="zeros", trainable=False, dtype=str(weight.dtype)
            )
            self._constraints.append(getattr(weight, "constraint", None))
            weight.constraint = _masked(self._constraints[-1], mask)
            self._pruned.append((weight, mask, threshold))
        self.pruning_step = self.add_weight(
            "pruning_step", (), initializer=_before_training, trainable=False, dtype="int64"
        )
        self.built = True

    @property
    def pruning_masks(self) -> list[tuple[Parameter, Parameter, Parameter]]:
        """For each weight that is pruned: itself, its mask, and the least magnitude that stayed."""
        return list(self._pruned)

    def released(self) -> Layer:
        """The layer inside, whose weights no mask holds any more."""
        for (weight, *_), constraint in zip(self._pruned, self._constraints, strict=True):
            weight.constraint = constraint
        return self.layer

    @property
    def has_begun(self) -> bool:
        """Whether ``prune`` was called for any step."""
        return bool(self.pruning_step.numpy() >= 0)

    def prune(self, step: int) -> None:
        """What is to be done before the batch of this number: the step is noted; weights that are due by the
        schedule get new masks, and what these leave out is 0."""
        due, sparsity = self.pruning_schedule(step)
        pairs: list[tuple[Parameter, Any]] = [(self.pruning_step, np.int64(step))]
        if due:
            for weight, mask, threshold in self._pruned:
                numbers = weight.numpy()
                found = self._mask(numbers, float(sparsity))
                least = np.abs(numbers[found > 0]).min()
                pairs += [(mask, found), (threshold, least), (weight, numbers * found)]
        assign_all(pairs)

    def _mask(self, weight: np.ndarray, sparsity: float) -> np.ndarray:
        if self.sparsity_m_by_n is not None:
            return masks.m_by_n(weight, *self.sparsity_m_by_n)
        return masks.by_block(weight, sparsity, self.block_size, self.block_pooling_type)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "pruning_schedule": self.pruning_schedule.get_config(),
            "block_size": list(self.block_size),
            "block_pooling_type": self.block_pooling_type,
            "sparsity_m_by_n": None if self.sparsity_m_by_n is None else list(self.sparsity_m_by_n),
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Any:
        config = dict(config)
        layer = deserialize(config.pop("layer"), custom_objects=custom_objects)
        schedule = _schedule(config.pop("pruning_schedule"), {**(custom_objects or {})})
        return cls(layer, pruning_schedule=schedule, **config)


def prunable_weights(layer: Layer) -> list[Parameter]:
    """The weights of a built layer that are pruned."""
    if isinstance(layer, PrunableLayer):
        return list(layer.get_prunable_weights())
    return kernels(layer)


def _masked(constraint: Callable[[Value], Value] | None, mask: Parameter) -> Callable[[Value], Value]:
    """A constraint, and then the mask."""
    return lambda weight: op.Mul(weight if constraint is None else constraint(weight), mask)


def _before_training(shape: Any, dtype: Any = None) -> np.ndarray:
    return np.array(-1, np.int64)


def _sizes(given: Sequence[int], name: str) -> tuple[int, int]:
    sizes = tuple(int(size) for size in given)
    if len(sizes) != 2 or min(sizes) < 1:
        raise ValueError(f"{name} must be two positive numbers; found {given!r}.")
    return sizes[0], sizes[1]


def _schedule(config: Any, custom_objects: Mapping[str, Any]) -> PruningSchedule:
    if isinstance(config, PruningSchedule):
        return config
    name = config.get("class_name") if isinstance(config, Mapping) else None
    cls = custom_objects.get(str(name)) or SCHEDULES.get(str(name))
    if cls is None:
        raise ValueError(
            f"The pruning schedule {name!r} is none of {', '.join(SCHEDULES)}; pass the class of your own by "
            "custom_objects."
        )
    schedule: PruningSchedule = cls.from_config(config)
    return schedule


registry.register(globals())

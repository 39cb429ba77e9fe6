"""What all of Keras's optimizers do on torch: settings, clipping, decay of weights, averages, state.

Hyperparameters are read anew at each step: what a callback writes takes effect at the next one. Numbers that
Keras holds as float32 variables are float32 here too: ``1 - float32(0.999)`` differs from 0.001 by 1e-5.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch

from kcompile_runtime.importing import whole_import

from ...ir import Parameter, Storage
from .. import weights

with whole_import():
    import torch._dynamo  # which torch imports when the first optimizer is made

Number = float | Parameter

_AVERAGE, _ACCUMULATOR = "average", "gradient_accumulator"
_CLIPPING = ("clipnorm", "global_clipnorm", "clipvalue")
#: Settings that every optimizer has.
_COMMON = (
    *_CLIPPING, "initial_decay", "weight_decay", "gradient_accumulation_steps", "ema_momentum",
    "ema_overwrite_frequency",
)  # fmt: skip


def read(x: Number) -> float:
    """A number, or a variable's value."""
    return x.storage.array.item() if isinstance(x, Parameter) else x


def write(scalar: Parameter, value: float) -> None:
    """Sets a scalar variable."""
    scalar.storage.array[...] = value
    scalar.storage.written()


class KerasOptimizer(torch.optim.Optimizer):
    """What all of them share; to everyone who asks, a torch optimizer.

    Args:
        params: the tensors to train, in the order of Keras's trainable weights.
        settings: hyperparameters by Keras's names (``learning_rate``, ``beta_1``, ``epsilon``, ...); a
            Parameter is read at every step, a function of the step (from 0) called, a number is fixed. What
            is left out has Keras 2.3's default. All have these, None or 0 for never:
            ``clipnorm``: a gradient is scaled down if its L2 norm exceeds this;
            ``global_clipnorm``: the gradients are scaled down together if their common L2 norm exceeds this;
            ``clipvalue``: each element of the gradients is cut off to [-clipvalue, clipvalue];
            ``weight_decay``: for each weight the part of it, times the learning rate, that it loses before
            an update;
            ``gradient_accumulation_steps``: the weights change every so many steps, by the mean gradient;
            ``ema_momentum``: what a step leaves of the moving average of the weights (slot "average");
            ``ema_overwrite_frequency``: after every so many updates the average replaces the weights.
        iterations: int64 scalar that counts the steps; made here if None.
        slots: state by slot name (``slot_names``), one Parameter per tensor each; zeros if None.

    Raises:
        TypeError: for a setting that the optimizer does not have, or a parameter that is not floating point.
        ValueError: if slots do not fit the parameters.
    """

    slot_names: tuple[str, ...] = ()
    defaults_of: ClassVar[Mapping[str, Any]] = {}
    variables: ClassVar[frozenset[str]] = frozenset(
        {"learning_rate", "momentum", "decay", "beta_1", "beta_2"}
    )
    """Settings that Keras holds as float32 variables: its results show the rounding."""
    fused_on: ClassVar[tuple[str, ...]] = ()
    """Types of devices for which torch has one kernel for the whole step."""

    def __init__(
        self,
        params: Sequence[torch.Tensor],
        settings: Mapping[str, Any] | None = None,
        *,
        iterations: Parameter | None = None,
        slots: Mapping[str, Sequence[Parameter]] | None = None,
    ) -> None:
        self._params = list(params)
        for p in self._params:
            if not p.is_floating_point():
                raise TypeError(
                    f"Only floating point weights can be trained; got {p.dtype} of shape {tuple(p.shape)}."
                )
        self.settings = self._complete(settings or {})
        if iterations is None:
            iterations = Parameter(np.zeros((), np.int64), "iterations", trainable=False)
        self.iterations = iterations
        initial = self.settings.get("decay", 0.0)
        self._decays = self.settings.get("initial_decay", read(initial)) > 0
        self._every = self.settings.get("gradient_accumulation_steps") or 1
        self._momentum_of_average = self.settings.get("ema_momentum")
        added = {_AVERAGE: self._momentum_of_average is not None, _ACCUMULATOR: self._every > 1}
        self.slot_names = (*self._slots_of_rule(), *(name for name, is_kept in added.items() if is_kept))
        self.slots = {name: self._fitting(name, (slots or {}).get(name)) for name in self.slot_names}
        self._elsewhere = any(p.device.type != "cpu" for p in self._params)
        self._state_tensors = {
            name: [weights.tensor_of(slot, p.device) for slot, p in zip(slots, self._params, strict=True)]
            for name, slots in self.slots.items()
            if self._slot_used(name)
        }
        # what kernels see: the same memory, axes in the order in which they lie there, so without strides
        self._axes = [None if p.is_contiguous() else _axes_in_memory(p) for p in self._params]
        self._seen = self._as_in_memory([p.detach() for p in self._params])
        seen = {name: self._as_in_memory(tensors) for name, tensors in self._state_tensors.items()}
        self._averages, self._sums = seen.pop(_AVERAGE, []), seen.pop(_ACCUMULATOR, [])
        self._seen_slots = list(seen.values())
        self._counted = -1
        super().__init__([{"params": self._params}], {"lr": 0.0})
        self._fused = bool(self._params) and all(p.device.type in self.fused_on for p in self._params)
        self._counters = [torch.zeros((), device=p.device if self._fused else "cpu") for p in self._params]

    # What a subclass says

    def _slots_of_rule(self) -> tuple[str, ...]:
        """The slots that the rule has with these settings."""
        return type(self).slot_names

    def _slot_used(self, name: str) -> bool:
        """Whether the slot has the parameters' shapes; Keras keeps one zero in those it does not use."""
        return True

    def _apply(self, t: int) -> None:
        """One update, from gradients that are clipped; t counts from 1."""
        raise NotImplementedError

    # What everyone does

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drops the gradients: ``set_to_none`` is taken for granted, and torch's own is ten times slower."""
        for param in self._params:
            param.grad = None

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One step of training from the gradients in ``.grad``; parameters without one are left alone."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        self._refresh()
        count = self.iterations.storage.array.item()
        updates = count // self._every
        self.param_groups[0]["lr"] = self.rate(count + 1)
        if self._accumulated((count + 1) % self._every == 0):
            self._clip()
            if self._params:
                self._decay_weights()
                self._apply(updates + 1)
        if self._averages:
            self._average(updates)
        write(self.iterations, count + 1)
        self._announce()
        return loss

    @property
    def lr(self) -> float:
        """The learning rate of this step."""
        return self.param_groups[0]["lr"]  # type: ignore[no-any-return]

    def value(self, name: str) -> float:
        """A hyperparameter as it stands now."""
        setting = self.settings[name]
        if callable(setting):
            return float(np.float32(setting(self.iterations.storage.array.item())))
        return read(setting)

    def _decay_weights(self) -> None:
        lr, parts = self.value("learning_rate"), self.settings.get("weight_decay") or ()
        for part in dict.fromkeys(part for part in parts if part):
            chosen = [
                x
                for x, p, own in zip(self._seen, self._params, parts, strict=True)
                if own == part and p.grad is not None
            ]
            if chosen:
                torch._foreach_mul_(chosen, 1.0 - part * lr)

    def _accumulated(self, is_due: bool) -> bool:
        """Adds the gradients up; whether the weights are to change, by their mean, then in ``.grad``."""
        if self._every == 1:
            return True
        grads = self._as_in_memory([p.grad for p in self._params])
        pairs = [(g, held) for g, held in zip(grads, self._sums, strict=True) if g is not None]
        if not pairs:
            return is_due
        found, sums = [list(each) for each in zip(*pairs, strict=True)]
        if not is_due:
            torch._foreach_add_(sums, found)
            return False
        torch._foreach_add_(found, sums)
        torch._foreach_div_(found, float(self._every))
        torch._foreach_zero_(sums)
        return True

    def _average(self, updates: int) -> None:
        """The moving average of the weights; it begins with them in the first step."""
        kept = self._momentum_of_average if updates else 0.0
        assert kept is not None
        torch._foreach_mul_(self._averages, kept)
        torch._foreach_add_(self._averages, self._seen, alpha=1.0 - kept)
        frequency = self.settings.get("ema_overwrite_frequency")
        if frequency and (updates + 1) % frequency == 0:
            torch._foreach_copy_(self._seen, self._averages)

    def rate(self, t: int) -> float:
        """The learning rate of step t (from 1) after time decay: lr / (1 + decay * (t - 1))."""
        lr = self.value("learning_rate")
        return lr / (1.0 + self.value("decay") * (t - 1)) if self._decays else lr

    # Pieces

    def _complete(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        known = {*_COMMON, *self.defaults_of}
        unknown = [name for name in settings if name not in known]
        if unknown:
            raise TypeError(
                f"{type(self).__name__} has no setting {unknown[0]!r}; it has {', '.join(sorted(known))}."
            )
        result = {**self.defaults_of, **settings}
        rounded = {
            k: float(np.float32(v)) for k, v in result.items() if k in self.variables and isinstance(v, float)
        }
        return {**result, **rounded}

    def _fitting(self, name: str, given: Sequence[Parameter] | None) -> list[Parameter]:
        """The slots given, checked, or new ones."""
        used = self._slot_used(name)
        if given is None:
            given = [
                Parameter(_zeros_like(p, used), f"{name}_{i}", False) for i, p in enumerate(self._params)
            ]
        if len(given) != len(self._params):
            raise ValueError(f"{len(self._params)} tensors are trained, the slot {name!r} has {len(given)}.")
        for slot, p in zip(given, self._params, strict=True):
            expected = tuple(p.shape) if used else (1,)
            if slot.shape != expected:
                raise ValueError(f"Slot {slot.name} should have shape {expected}; it has {slot.shape}.")
        return list(given)

    def _refresh(self) -> None:
        """On a device: copies what was assigned to the host buffers since the last step."""
        if self._elsewhere:
            for name in self._computed():
                for slot, p in zip(self.slots[name], self._params, strict=True):
                    weights.refresh([slot], p.device)

    def _announce(self) -> None:
        """On a device: says that its copies of the slots are ahead. On the CPU they are the slots."""
        if self._elsewhere:
            for name in self._computed():
                for slot, p in zip(self.slots[name], self._params, strict=True):
                    weights.written([slot], p.device)

    def _computed(self) -> list[str]:
        """The slots that this step reads and writes."""
        return list(self._state_tensors)

    def _gradients(self) -> list[torch.Tensor]:
        return [p.grad for p in self._params if p.grad is not None]

    def _as_in_memory(self, tensors: Sequence[Any]) -> list[Any]:
        """One tensor per parameter, with the axes in the order in which the parameter has them in memory."""
        return [
            x if axes is None or x is None else x.permute(axes)
            for x, axes in zip(tensors, self._axes, strict=True)
        ]

    def _lists(self) -> tuple[list[torch.Tensor], ...]:
        """Parameters, gradients and slots as kernels see them, of the parameters that have a gradient."""
        grads = self._as_in_memory([p.grad for p in self._params])
        have = [i for i, grad in enumerate(grads) if grad is not None]
        if len(have) == len(grads):
            return self._seen, grads, *self._seen_slots
        return tuple([tensors[i] for i in have] for tensors in (self._seen, grads, *self._seen_slots))

    def _torch_counters(self, t: int) -> list[torch.Tensor]:
        """Torch's step counters, which its functions count up, for the parameters that have a gradient."""
        if self._counted != t - 1:  # a first step, a resumed run, a changed ``iterations``
            for counter in self._counters:
                counter.fill_(t - 1)
        self._counted = t
        return [c for c, p in zip(self._counters, self._params, strict=True) if p.grad is not None]

    def _clip(self) -> None:
        each, together, value = (self.settings.get(name) or 0.0 for name in _CLIPPING)
        if each > 0 and (grads := self._gradients()):
            norms = torch._foreach_norm(grads)
            torch._foreach_mul_(grads, [(each / norm).clamp(max=1.0) for norm in norms])
        if together > 0 and (grads := self._gradients()):
            norms = torch._foreach_norm(grads)
            if len({norm.device for norm in norms}) == 1:
                total = torch.linalg.vector_norm(torch.stack(list(norms)))
                torch._foreach_mul_(grads, (together / total).clamp(max=1.0))
            else:  # device scopes put layers on several devices
                length = math.hypot(*(norm.item() for norm in norms))
                torch._foreach_mul_(grads, together / max(together, length))
        if value > 0 and (grads := self._gradients()):
            torch._foreach_clamp_min_(grads, -value)
            torch._foreach_clamp_max_(grads, value)


def _axes_in_memory(p: torch.Tensor) -> list[int]:
    """The axes from outermost to innermost."""
    return sorted(range(p.dim()), key=lambda axis: -p.stride()[axis])


def _zeros_like(p: torch.Tensor, used: bool) -> Storage:
    """Zeros in the memory order of the parameter; the single zero of an unused slot."""
    dtype = np.dtype(str(p.dtype).removeprefix("torch."))
    if not used:
        return Storage(np.zeros(1, dtype))
    order = _axes_in_memory(p)
    return Storage(np.zeros(tuple(p.shape), dtype), None if order == list(range(p.dim())) else order)

"""An update rule of Keras as a ``torch.optim`` optimizer: kernels, and what all rules have around them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kcompile_runtime.importing import whole_import

from ...ir import Parameter, UpdateRule
from .. import weights
from .kernels import KERNELS

_CLIPPING = ("clipnorm", "global_clipnorm", "clipvalue")


class KerasOptimizer(torch.optim.Optimizer):
    """Carries out an update rule; to everyone who asks, a torch optimizer.

    Args:
        params: the tensors to train, in the order of Keras's trainable weights.
        rule: what to do with them; its variables are the state.

    Attributes:
        lr: the learning rate of the present step, after time decay.
        t: the number of the present update, from 1.
        fused: whether torch's kernel for the whole step is used.
        at_once: whether one call of it does, as all parameters are of one type and on one device.

    Raises:
        TypeError: for a tensor that is not floating point.
    """

    def __init__(self, params: Sequence[Tensor], rule: UpdateRule) -> None:
        self._params = list(params)
        for p in self._params:
            if not p.is_floating_point():
                raise TypeError(
                    f"Only floating point weights can be trained; got {p.dtype} of shape {tuple(p.shape)}."
                )
        self._kernel = KERNELS[rule.name]
        self.settings, self.iterations, self.slots = rule.settings, rule.iterations, rule.slots
        self._every = self.settings.get("gradient_accumulation_steps", 1)
        self._limits = [self.settings.get(name, 0.0) for name in _CLIPPING]
        self._parts = self.settings.get("weight_decay", ())
        self._slows_down = bool(self.settings.get("initial_decay"))
        self.lr, self.t = 0.0, 1
        # what kernels see: the same memory, axes in the order in which they lie there, so without strides
        self._axes = [None if p.is_contiguous() else _axes_in_memory(p) for p in self._params]
        self._seen = self._as_in_memory([p.detach() for p in self._params])
        self._state = {name: self._as_in_memory(self._tensors_of(name)) for name in self.slots}
        self._averages = self._state.pop("average", [])
        self._sums = self._state.pop("gradient_accumulator", [])
        self._elsewhere = any(p.device.type != "cpu" for p in self._params)
        with whole_import():
            import torch._dynamo  # which torch would import here, and who only predicts does without
        super().__init__([{"params": self._params}], {"lr": 0.0})
        self.fused = bool(self._params) and all(p.device.type in self._kernel.fused_on for p in self._params)
        self.at_once = self.fused and len({(p.device, p.dtype) for p in self._params}) == 1
        self._number = torch.zeros((), device=self._params[0].device if self.at_once else "cpu")
        self._counters = [torch.zeros((), device=p.device if self.fused else "cpu") for p in self._params]
        self._counted = -1
        self._given: list[int] = []  # the parameters that have a gradient in the present step

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drops the gradients: ``set_to_none`` is taken for granted, and torch's own is ten times slower."""
        for param in self._params:
            param.grad = None

    def step(self) -> None:  # type: ignore[override]
        """One step of training from the gradients in ``.grad``; parameters without one are left alone."""
        self.advance()

    @torch.no_grad()
    def advance(self, grads: Sequence[Tensor | None] | None = None) -> None:
        """``step`` without what torch puts around it for profilers and hooks: a tenth of a small step.

        Args:
            grads: one for each parameter, and None for those to leave alone; None: those in ``.grad``.
        """
        self._refresh()
        count = self.iterations.storage.array.item()
        self.t, self.lr = count // self._every + 1, self._rate(count)
        found = self._as_in_memory([p.grad for p in self._params] if grads is None else grads)
        if self.fused:  # which reads memory as it lies: a transposed or an expanded gradient would be misread
            found = [grad if grad is None else grad.contiguous() for grad in found]
        self._given = [i for i, grad in enumerate(found) if grad is not None]
        if self._given:
            self._train(self._of_given(found), is_due=(count + 1) % self._every == 0)
        if self._averages:
            self._average()
        self.assign(self.iterations, count + 1)
        self._announce()

    def _train(self, grads: list[Tensor], is_due: bool) -> None:
        if self._every > 1 and not self._accumulate(grads, is_due):
            return
        if any(self._limits):
            self._clip(grads)
        params = self._of_given(self._seen)
        if self._parts:
            self._decay(params)
        self._update(params, grads, {name: self._of_given(slots) for name, slots in self._state.items()})

    def _update(self, params: list[Tensor], grads: list[Tensor], slots: dict[str, list[Tensor]]) -> None:
        self._kernel.update(self, params, grads, **slots)

    # For kernels

    def value(self, name: str) -> float:
        """A hyperparameter as it stands now: what a callback writes takes effect at the next step.

        Numbers that Keras holds as float32 are float32 here too: ``1 - float32(0.999)`` is not 0.001 by 1e-5.
        """
        setting = self.settings[name]
        if isinstance(setting, Parameter):
            return setting.storage.array.item()
        if callable(setting):
            return float(np.float32(setting(self.iterations.storage.array.item())))
        return setting

    @staticmethod
    def assign(scalar: Parameter, value: float) -> None:
        """Sets a variable."""
        scalar.storage.array[...] = value
        scalar.storage.written()

    def number(self) -> list[Tensor]:
        """The number of the update, for kernels that read it, for each parameter that has a gradient."""
        self._number.fill_(self.t)
        return [self._number] * len(self._given)

    def counters(self) -> list[Tensor]:
        """Torch's step counters, which its functions count up, for the parameters that have a gradient."""
        if self._counted != self.t - 1:  # a first step, a resumed run, a changed ``iterations``
            for counter in self._counters:
                counter.fill_(self.t - 1)
        self._counted = self.t
        return self._of_given(self._counters)

    # What all rules have around them

    def _rate(self, count: int) -> float:
        lr = self.value("learning_rate")
        return lr / (1.0 + self.value("decay") * count) if self._slows_down else lr

    def _accumulate(self, grads: list[Tensor], is_due: bool) -> bool:
        """Adds the gradients up; whether it is time for an update, by their mean, which they are then."""
        sums = self._of_given(self._sums)
        if not is_due:
            torch._foreach_add_(sums, grads)
            return False
        torch._foreach_add_(grads, sums)
        torch._foreach_div_(grads, float(self._every))
        torch._foreach_zero_(sums)
        return True

    def _clip(self, grads: list[Tensor]) -> None:
        each, together, value = self._limits
        if each > 0:
            norms = torch._foreach_norm(grads)
            torch._foreach_mul_(grads, [(each / norm).clamp(max=1.0) for norm in norms])
        if together > 0:
            norms = torch._foreach_norm(grads)
            if len({norm.device for norm in norms}) == 1:
                total = torch.linalg.vector_norm(torch.stack(list(norms)))
                torch._foreach_mul_(grads, (together / total).clamp(max=1.0))
            else:  # device scopes put layers on several devices
                length = math.hypot(*(norm.item() for norm in norms))
                torch._foreach_mul_(grads, together / max(together, length))
        if value > 0:
            torch._foreach_clamp_min_(grads, -value)
            torch._foreach_clamp_max_(grads, value)

    def _decay(self, params: list[Tensor]) -> None:
        parts = self._of_given(self._parts)
        for part in dict.fromkeys(part for part in parts if part):
            chosen = [p for p, own in zip(params, parts, strict=True) if own == part]
            torch._foreach_mul_(chosen, 1.0 - part * self.value("learning_rate"))

    def _average(self) -> None:
        """The moving average of the weights; it begins with them in the first step."""
        kept = self.settings["ema_momentum"] if self.t > 1 else 0.0
        torch._foreach_mul_(self._averages, kept)
        torch._foreach_add_(self._averages, self._seen, alpha=1.0 - kept)
        frequency = self.settings["ema_overwrite_frequency"]
        if frequency and self.t % frequency == 0:
            torch._foreach_copy_(self._seen, self._averages)

    # Tensors

    def _tensors_of(self, slot: str) -> list[Tensor]:
        return [weights.tensor_of(x, p.device) for x, p in zip(self.slots[slot], self._params, strict=True)]

    def _as_in_memory(self, tensors: Sequence[Any]) -> list[Any]:
        """One tensor per parameter, with the axes in the order in which the parameter has them in memory."""
        return [
            x if axes is None or x is None else x.permute(axes)
            for x, axes in zip(tensors, self._axes, strict=True)
        ]

    def _of_given(self, each: list[Any]) -> list[Any]:
        """What is there for each parameter, of those that have a gradient."""
        return each if len(self._given) == len(each) else [each[i] for i in self._given]

    def _computed(self) -> Sequence[str]:
        """The slots that this step reads and writes."""
        return list(self.slots)

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


def _axes_in_memory(p: Tensor) -> list[int]:
    """The axes from outermost to innermost."""
    return sorted(range(p.dim()), key=lambda axis: -p.stride()[axis])

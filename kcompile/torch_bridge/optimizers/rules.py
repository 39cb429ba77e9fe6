"""Keras's update rules with torch's kernels.

Where torch computes the same update for some choice of its options, its kernels are used with those options
(``Adam`` fused, ``RMSprop``, ``Adagrad``, ``Adadelta``). Where it does not, the update is written here with
``torch._foreach_*``: ``SGD`` (Keras keeps the learning rate in the velocity), ``Adamax`` (Keras adds epsilon
outside the maximum), ``Nadam`` (another momentum schedule), and rules that add epsilon under the root.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch.optim.adadelta import adadelta
from torch.optim.adagrad import adagrad
from torch.optim.adam import adam
from torch.optim.rmsprop import rmsprop

from ...ir import Parameter
from .base import KerasOptimizer, read, write


class SGD(KerasOptimizer):
    """Gradient descent with momentum: v = momentum v - lr g, then w += v; Nesterov: w += momentum v - lr g.

    The rate is inside the velocity, so changing it does not rescale past steps as it does in torch's SGD.
    Without momentum the velocity is not computed but left to whoever reads the state.
    """

    slot_names = ("moment",)
    defaults_of = {"learning_rate": 0.01, "momentum": 0.0, "decay": 0.0, "nesterov": False}
    _last_rate = 0.0

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drops the gradients; first writes the velocity that they imply if momentum was just switched on."""
        if self._last_rate and self.value("momentum"):
            self._settle()
        super().zero_grad(set_to_none)

    def _apply(self, t: int) -> None:
        lr, momentum = self.lr, self.value("momentum")
        params, grads, velocity = self._lists()
        if not params:
            return
        if self._is_lazy():
            torch._foreach_add_(params, grads, alpha=-lr)
            self._last_rate = lr
            return
        torch._foreach_mul_(velocity, momentum)
        torch._foreach_add_(velocity, grads, alpha=-lr)
        if self.settings["nesterov"]:
            torch._foreach_add_(params, velocity, alpha=momentum)
            torch._foreach_add_(params, grads, alpha=-lr)
        else:
            torch._foreach_add_(params, velocity)

    def _settle(self) -> None:
        """Writes the velocity of a step that was taken without momentum: reading a storage fetches it."""
        for slot in self.slots["moment"]:
            slot.storage.array  # noqa: B018
        self._last_rate = 0.0

    def _is_lazy(self) -> bool:
        return self._every == 1 and not self.value("momentum")

    def _computed(self) -> list[str]:
        return [name for name in super()._computed() if name != "moment" or not self._is_lazy()]

    def _refresh(self) -> None:
        if self._last_rate and not self._is_lazy():  # switched on after zero_grad()
            self._settle()
        super()._refresh()

    def _announce(self) -> None:
        super()._announce()
        if self._last_rate:
            for p, slot in zip(self._params, self.slots["moment"], strict=True):
                if p.grad is not None:
                    slot.storage.written(_LazyVelocity(p, self._last_rate))


class _LazyVelocity:
    """Writes -lr g into the host buffer; the gradient is alive until the next step begins."""

    __slots__ = ("p", "rate")

    def __init__(self, p: torch.Tensor, rate: float) -> None:
        self.p, self.rate = p, rate

    def __call__(self, array: np.ndarray) -> None:
        if self.p.grad is not None:
            torch.mul(self.p.grad.cpu(), -self.rate, out=torch.from_numpy(array))


class RMSprop(KerasOptimizer):
    """a = rho a + (1 - rho) g^2; w -= lr g / (sqrt(a) + epsilon) (Tieleman and Hinton, lecture 6e).

    ``epsilon_inside``: lr g / sqrt(a + epsilon). ``centered``: a less the square of a mean of g, kept as a
    is. ``momentum``: b = momentum b + the step; w -= b.
    """

    slot_names = ("accumulator", "moment", "mean")
    defaults_of = {
        "learning_rate": 0.001,
        "rho": 0.9,
        "epsilon": 1e-7,
        "decay": 0.0,
        "momentum": 0.0,
        "centered": False,
        "epsilon_inside": False,
    }
    # a number, not a variable, in Keras's Adadelta; momentum is a number here
    variables = KerasOptimizer.variables - {"momentum"} | {"rho"}

    def _slots_of_rule(self) -> tuple[str, ...]:
        kept = {"moment": self.settings["momentum"], "mean": self.settings["centered"]}
        return ("accumulator", *(name for name, is_kept in kept.items() if is_kept))

    def _apply(self, t: int) -> None:
        params, grads, accumulators, *more = self._lists()
        if self.settings["epsilon_inside"] or more:
            if params:
                self._later(params, grads, accumulators, more)
            return
        rmsprop(
            params,
            grads,
            accumulators,
            [],
            [],
            self._torch_counters(t),
            foreach=True,
            lr=self.lr,
            alpha=self.value("rho"),
            eps=self.settings["epsilon"],
            weight_decay=0.0,
            momentum=0.0,
            centered=False,
        )

    def _later(self, params: Any, grads: Any, accumulators: Any, more: list[Any]) -> None:
        rho, momentum = self.value("rho"), self.settings["momentum"]
        torch._foreach_mul_(accumulators, rho)
        torch._foreach_addcmul_(accumulators, grads, grads, value=1.0 - rho)
        roots = [a.clone() for a in accumulators]
        if self.settings["centered"]:
            torch._foreach_lerp_(more[-1], grads, 1.0 - rho)
            torch._foreach_addcmul_(roots, more[-1], more[-1], value=-1.0)
        _add_epsilon_and_root(roots, self.settings["epsilon"], self.settings["epsilon_inside"])
        if momentum:
            torch._foreach_mul_(more[0], momentum)
            torch._foreach_addcdiv_(more[0], grads, roots, value=self.lr)
            torch._foreach_sub_(params, more[0])
        else:
            torch._foreach_addcdiv_(params, grads, roots, value=-self.lr)


def _add_epsilon_and_root(x: Any, epsilon: float, inside: bool) -> None:
    """sqrt(x + epsilon), or sqrt(x) + epsilon, in place."""
    if inside:
        torch._foreach_add_(x, epsilon)
    torch._foreach_sqrt_(x)
    if not inside:
        torch._foreach_add_(x, epsilon)


class Adagrad(KerasOptimizer):
    """a += g^2; w -= lr g / (sqrt(a) + epsilon) (Duchi et al. 2011), accumulators from zero.

    ``epsilon_inside``: lr g / sqrt(a + epsilon).
    """

    slot_names = ("accumulator",)
    defaults_of = {"learning_rate": 0.01, "epsilon": 1e-7, "decay": 0.0, "epsilon_inside": False}
    fused_on = ("cpu",)

    def _apply(self, t: int) -> None:
        params, grads, accumulators = self._lists()
        if self.settings["epsilon_inside"]:
            if params:
                torch._foreach_addcmul_(accumulators, grads, grads)
                roots = [a.clone() for a in accumulators]
                _add_epsilon_and_root(roots, self.settings["epsilon"], True)
                torch._foreach_addcdiv_(params, grads, roots, value=-self.lr)
            return
        adagrad(
            params,
            grads,
            accumulators,
            self._torch_counters(t),
            fused=self._fused,
            foreach=not self._fused,
            lr=self.lr,
            weight_decay=0.0,
            lr_decay=0.0,
            eps=self.settings["epsilon"],
            maximize=False,
        )


class Adadelta(KerasOptimizer):
    """a = rho a + (1 - rho) g^2; u = g sqrt(d + epsilon) / sqrt(a + epsilon); w -= lr u;
    d = rho d + (1 - rho) u^2 (Zeiler 2012)."""

    slot_names = ("accumulator", "delta_accumulator")
    defaults_of = {"learning_rate": 1.0, "rho": 0.95, "epsilon": 1e-7, "decay": 0.0}

    def _apply(self, t: int) -> None:
        params, grads, accumulators, delta_accumulators = self._lists()
        adadelta(
            params,
            grads,
            accumulators,
            delta_accumulators,
            self._torch_counters(t),
            foreach=True,
            lr=self.lr,
            rho=self.value("rho"),
            eps=self.settings["epsilon"],
            weight_decay=0.0,
            maximize=False,
        )


class Adam(KerasOptimizer):
    """Adam and AMSGrad (Kingma and Ba 2015, Reddi et al. 2018) with Keras's epsilon.

    With c = 1 - beta^t, Keras's step is w -= lr sqrt(c2)/c1 m / (sqrt(v) + epsilon) and torch's is
    w -= lr/c1 m / (sqrt(v)/sqrt(c2) + eps). They are equal for eps = epsilon / sqrt(c2). The maximum of
    AMSGrad is over the raw v in both.
    """

    slot_names = ("m", "v", "vhat")
    defaults_of = {
        "learning_rate": 0.001,
        "beta_1": 0.9,
        "beta_2": 0.999,
        "epsilon": 1e-7,
        "decay": 0.0,
        "amsgrad": False,
    }
    fused_on = ("cpu", "cuda")

    def _slot_used(self, name: str) -> bool:
        return name != "vhat" or bool(self.settings["amsgrad"])

    def _apply(self, t: int) -> None:
        beta_1, beta_2 = self.value("beta_1"), self.value("beta_2")
        params, grads, m, v, *vhat = self._lists()
        adam(
            params,
            grads,
            m,
            v,
            vhat[0] if vhat else [],
            self._torch_counters(t),
            fused=self._fused,
            foreach=not self._fused,
            amsgrad=bool(vhat),
            beta1=beta_1,
            beta2=beta_2,
            lr=self.lr,
            weight_decay=0.0,
            eps=self.settings["epsilon"] / math.sqrt(1.0 - beta_2**t),
            maximize=False,
        )


class Adamax(KerasOptimizer):
    """m = b1 m + (1 - b1) g; u = max(b2 u, |g|); w -= lr/(1 - b1^t) m / (u + epsilon).

    From section 7 of Kingma and Ba 2015. Torch's Adamax puts epsilon inside the maximum, so into the state.
    """

    slot_names = ("m", "u")
    defaults_of = {"learning_rate": 0.002, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7, "decay": 0.0}

    def _apply(self, t: int) -> None:
        beta_1, beta_2 = self.value("beta_1"), self.value("beta_2")
        params, grads, m, u = self._lists()
        if not params:
            return
        torch._foreach_lerp_(m, grads, 1.0 - beta_1)
        torch._foreach_mul_(u, beta_2)
        torch._foreach_maximum_(u, torch._foreach_abs(grads))
        denominator = torch._foreach_add(u, self.settings["epsilon"])
        torch._foreach_addcdiv_(params, m, denominator, value=-self.lr / (1.0 - beta_1**t))


class Nadam(KerasOptimizer):
    """Adam with Nesterov momentum (Dozat 2015), scheduled as mu(t) = b1 (1 - 0.96^(t schedule_decay) / 2).

    The product of all mu so far is state (``m_schedule``); torch's NAdam has another schedule constant.
    """

    slot_names = ("m", "v")
    defaults_of = {
        "learning_rate": 0.002,
        "beta_1": 0.9,
        "beta_2": 0.999,
        "epsilon": 1e-7,
        "schedule_decay": 0.004,
        "m_schedule": None,
    }

    def _complete(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        result = super()._complete(settings)
        if result["m_schedule"] is None:
            result["m_schedule"] = Parameter(np.ones((), np.float32), "m_schedule", trainable=False)
        return result

    def _apply(self, t: int) -> None:
        beta_1, beta_2, lr = self.value("beta_1"), self.value("beta_2"), self.value("learning_rate")
        decay, schedule = self.settings["schedule_decay"], self.settings["m_schedule"]
        mu = beta_1 * (1.0 - 0.5 * 0.96 ** (t * decay))
        mu_next = beta_1 * (1.0 - 0.5 * 0.96 ** ((t + 1) * decay))
        product = read(schedule) * mu
        write(schedule, product)
        params, grads, m, v = self._lists()
        if not params:
            return
        torch._foreach_lerp_(m, grads, 1.0 - beta_1)
        torch._foreach_mul_(v, beta_2)
        torch._foreach_addcmul_(v, grads, grads, value=1.0 - beta_2)
        denominator = torch._foreach_sqrt(v)
        torch._foreach_div_(denominator, math.sqrt(1.0 - beta_2**t))
        torch._foreach_add_(denominator, self.settings["epsilon"])
        torch._foreach_addcdiv_(params, grads, denominator, value=-lr * (1.0 - mu) / (1.0 - product))
        torch._foreach_addcdiv_(params, m, denominator, value=-lr * mu_next / (1.0 - product * mu_next))


class Lion(KerasOptimizer):
    """w -= lr sign(b1 m + (1 - b1) g); m = b2 m + (1 - b2) g (Chen et al. 2023)."""

    slot_names = ("m",)
    defaults_of = {"learning_rate": 0.001, "beta_1": 0.9, "beta_2": 0.99}

    def _apply(self, t: int) -> None:
        params, grads, m = self._lists()
        if not params:
            return
        step = torch._foreach_lerp(m, grads, 1.0 - self.value("beta_1"))
        torch._foreach_sign_(step)
        torch._foreach_add_(params, step, alpha=-self.lr)
        torch._foreach_lerp_(m, grads, 1.0 - self.value("beta_2"))


class Ftrl(KerasOptimizer):
    """a' = a + g^2; z += g + 2 s w - (a'^p - a^p) w / lr;
    w = (clip(z, -l1, l1) - z) / (a'^p / lr + 2 l2 + beta / lr), with p = -learning_rate_power and the
    shrinkage s (McMahan et al. 2013)."""

    slot_names = ("accumulator", "linear")
    defaults_of = {
        "learning_rate": 0.001,
        "learning_rate_power": -0.5,
        "l1_regularization_strength": 0.0,
        "l2_regularization_strength": 0.0,
        "l2_shrinkage_regularization_strength": 0.0,
        "beta": 0.0,
        "decay": 0.0,
    }

    def _apply(self, t: int) -> None:
        lr, power = self.lr, -self.value("learning_rate_power")
        l1 = self.value("l1_regularization_strength")
        l2 = self.value("l2_regularization_strength") + self.value("beta") / (2.0 * lr)
        shrinkage = 2.0 * self.value("l2_shrinkage_regularization_strength")
        for p, g, accumulator, linear in zip(*self._lists(), strict=True):
            before = accumulator.pow(power)
            accumulator.addcmul_(g, g)
            grown = accumulator.pow(power)
            linear.add_(g + shrinkage * p - (grown - before) / lr * p)
            p.copy_((linear.clamp(-l1, l1) - linear) / (grown / lr + 2.0 * l2))

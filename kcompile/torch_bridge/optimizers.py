"""Keras's optimizers as ``torch.optim`` optimizers: torch's kernels, Keras 2.3's arithmetic and state.

Where torch computes the same update for some choice of its options, its kernels are used with those options
(``Adam`` fused, ``RMSprop``, ``Adagrad``, ``Adadelta``). Where it does not, the update is written here with
``torch._foreach_*``: ``SGD`` (Keras keeps the learning rate in the velocity), ``Adamax`` (Keras adds epsilon
outside the maximum) and ``Nadam`` (another momentum schedule).

Hyperparameters are read anew at each step: what a callback writes takes effect at the next one. Numbers that
Keras holds as float32 variables are float32 here too: ``1 - float32(0.999)`` differs from 0.001 by 1e-5.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Protocol

import numpy as np
import torch
from torch.optim.adadelta import adadelta
from torch.optim.adagrad import adagrad
from torch.optim.adam import adam
from torch.optim.rmsprop import rmsprop

from ..ir import Parameter, Storage
from . import weights

Number = float | Parameter


def _read(x: Number) -> float:
    return x.storage.array.item() if isinstance(x, Parameter) else x


def _write(scalar: Parameter, value: float) -> None:
    scalar.storage.array[...] = value
    scalar.storage.written()


class KerasOptimizer(torch.optim.Optimizer):
    """What all of them share; to everyone who asks, a torch optimizer.

    Args:
        params: the tensors to train, in the order of Keras's trainable weights.
        settings: hyperparameters by Keras's names (``learning_rate``, ``beta_1``, ``epsilon``, ...); a
            Parameter is read at every step, a function of the step (from 0) called, a number is fixed.
            ``weight_decay`` takes this part, times the learning rate, off the weights before each update,
            of those for which ``decayed`` (default all) is true. What is left out has Keras 2.3's default.
        iterations: int64 scalar that counts the steps; made here if None.
        slots: state by slot name (``slot_names``), one Parameter per tensor each; zeros if None.
        clipnorm: the gradients are scaled down together if their common L2 norm exceeds this; None or 0
            for never.
        clipvalue: each element of the gradients is cut off to [-clipvalue, clipvalue]; None or 0 for never.
        clip_each: ``clipnorm`` is for the norm of each gradient by itself, as in tf.keras.

    Raises:
        TypeError: for a setting that the optimizer does not have, or a parameter that is not floating point.
        ValueError: if slots do not fit the parameters.
    """

    slot_names: ClassVar[tuple[str, ...]] = ()
    scalar_names: ClassVar[tuple[str, ...]] = ()
    defaults_of: ClassVar[Mapping[str, Any]] = {}
    variables: ClassVar[frozenset[str]] = frozenset(
        {"learning_rate", "momentum", "decay", "beta_1", "beta_2"}
    )
    """Settings that Keras holds as float32 variables: its results show the rounding."""
    fused_on: ClassVar[tuple[str, ...]] = ()
    """Types of devices for which torch has one kernel for the whole step."""
    headless: ClassVar[int] = 0
    """Which entry of the state Keras 2.2 did not write: 0 for iterations, 1 for m_schedule; -1 for none."""

    def __init__(
        self,
        params: Sequence[torch.Tensor],
        settings: Mapping[str, Any] | None = None,
        *,
        iterations: Parameter | None = None,
        slots: Mapping[str, Sequence[Parameter]] | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        clip_each: bool = False,
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
        self._clipnorm, self._clipvalue, self._clip_each = clipnorm or 0.0, clipvalue or 0.0, clip_each
        initial = self.settings.get("decay", 0.0)
        self._decays = self.settings.get("initial_decay", _read(initial)) > 0
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
        self._seen_slots = [self._as_in_memory(tensors) for tensors in self._state_tensors.values()]
        self._counted = -1
        super().__init__([{"params": self._params}], {"lr": 0.0})
        self._fused = bool(self._params) and all(p.device.type in self.fused_on for p in self._params)
        self._counters = [torch.zeros((), device=p.device if self._fused else "cpu") for p in self._params]

    # What a subclass says

    def _slot_used(self, name: str) -> bool:
        """Whether the slot has the parameters' shapes; Keras keeps one zero in those it does not use."""
        return True

    def _apply(self, t: int) -> None:
        """One update, from gradients that are clipped; t counts from 1."""
        raise NotImplementedError

    # What everyone does

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One step of training from the gradients in ``.grad``; parameters without one are left alone."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        self._clip()
        self._refresh()
        count = self.iterations.storage.array.item()
        self.param_groups[0]["lr"] = self.rate(count + 1)
        if self._params:
            self._decay_weights()
            self._apply(count + 1)
        _write(self.iterations, count + 1)
        self._announce()
        return loss

    def value(self, name: str) -> float:
        """A hyperparameter as it stands now."""
        setting = self.settings[name]
        if callable(setting):
            return float(np.float32(setting(self.iterations.storage.array.item())))
        return _read(setting)

    def _decay_weights(self) -> None:
        if not (part := self.settings.get("weight_decay")):
            return
        decayed = self.settings.get("decayed") or [True] * len(self._params)
        chosen = [
            x for x, p, on in zip(self._seen, self._params, decayed, strict=True) if on and p.grad is not None
        ]
        if chosen:
            torch._foreach_mul_(chosen, 1.0 - part * self.value("learning_rate"))

    def rate(self, t: int) -> float:
        """The learning rate of step t (from 1) after time decay: lr / (1 + decay * (t - 1))."""
        lr = self.value("learning_rate")
        return lr / (1.0 + self.value("decay") * (t - 1)) if self._decays else lr

    def get_state(self) -> list[np.ndarray]:
        """The state in Keras 2.3's layout, ``optimizer.get_weights()``: iterations, then slot by slot."""
        return [np.array(p.storage.array, order="C") for p in self.state_parameters()]

    def set_state(self, arrays: Sequence[np.ndarray]) -> None:
        """Writes what ``get_state`` or Keras returned; Keras 2.2 left out the head of the list.

        Raises:
            ValueError: if number or shapes do not fit; nothing is changed then.
        """
        targets = self.state_parameters()
        values = [np.asarray(a) for a in arrays]
        if len(values) == len(targets) - 1 and self.headless >= 0:
            values.insert(self.headless, np.ones(()) if self.headless else np.zeros(()))
        if len(values) != len(targets):
            raise ValueError(f"{type(self).__name__} has {len(targets)} state arrays; got {len(values)}.")
        for i, (p, value) in enumerate(zip(targets, values, strict=True)):
            if p.shape != value.shape:
                raise ValueError(f"State array {i} ({p.name}) has shape {p.shape}; got {value.shape}.")
        for p, value in zip(targets, values, strict=True):
            p.assign(value)

    def state_dict(self) -> dict[str, Any]:
        """The state as torch optimizers give it; ``load_state_dict`` reads it."""
        return {"state": dict(enumerate(self.get_state())), "param_groups": []}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Writes what ``state_dict`` returned."""
        state = state_dict["state"]
        self.set_state([state[i] for i in range(len(state))])

    def state_parameters(self) -> list[Parameter]:
        """The Parameters behind the state, in Keras's order."""
        scalars = [self.settings[name] for name in self.scalar_names]
        return [self.iterations, *scalars, *(s for name in self.slot_names for s in self.slots[name])]

    # Pieces

    def _complete(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        known = {"initial_decay", "weight_decay", "decayed", *self.defaults_of}
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
            for name in self._state_tensors:
                for slot, p in zip(self.slots[name], self._params, strict=True):
                    weights.refresh([slot], p.device)

    def _announce(self) -> None:
        """On a device: says that its copies of the slots are ahead. On the CPU they are the slots."""
        if self._elsewhere:
            for name in self._state_tensors:
                for slot, p in zip(self.slots[name], self._params, strict=True):
                    weights.written([slot], p.device)

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
        if self._clipnorm > 0 and (grads := self._gradients()):
            limit = self._clipnorm
            norms = torch._foreach_norm(grads)
            if self._clip_each:
                torch._foreach_mul_(grads, [(limit / norm).clamp(max=1.0) for norm in norms])
            elif len({norm.device for norm in norms}) == 1:
                total = torch.linalg.vector_norm(torch.stack(list(norms)))
                torch._foreach_mul_(grads, (limit / total).clamp(max=1.0))
            else:  # device scopes put layers on several devices
                length = math.hypot(*(norm.item() for norm in norms))
                torch._foreach_mul_(grads, limit / max(limit, length))
        if self._clipvalue > 0 and (grads := self._gradients()):
            torch._foreach_clamp_min_(grads, -self._clipvalue)
            torch._foreach_clamp_max_(grads, self._clipvalue)


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


class SGD(KerasOptimizer):
    """Gradient descent with momentum: v = momentum v - lr g, then w += v; Nesterov: w += momentum v - lr g.

    The rate is inside the velocity, so changing it does not rescale past steps as it does in torch's SGD.
    Without momentum the velocity is not computed but left to whoever reads the state.
    """

    slot_names = ("moment",)
    defaults_of = {"learning_rate": 0.01, "momentum": 0.0, "decay": 0.0, "nesterov": False}
    headless = -1
    _last_rate = 0.0

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drops the gradients; first writes the velocity that they imply if momentum was just switched on."""
        if self._last_rate and self.value("momentum"):
            self._settle()
        super().zero_grad(set_to_none)

    def _apply(self, t: int) -> None:
        lr, momentum = self.rate(t), self.value("momentum")
        params, grads, velocity = self._lists()
        if not params:
            return
        if not momentum:
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

    def _refresh(self) -> None:
        if self.value("momentum"):
            if self._last_rate:  # switched on after zero_grad()
                self._settle()
            super()._refresh()

    def _announce(self) -> None:
        if not self._last_rate:
            super()._announce()
            return
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
    """a = rho a + (1 - rho) g^2; w -= lr g / (sqrt(a) + epsilon) (Tieleman and Hinton, lecture 6e)."""

    slot_names = ("accumulator",)
    defaults_of = {"learning_rate": 0.001, "rho": 0.9, "epsilon": 1e-7, "decay": 0.0}
    variables = KerasOptimizer.variables | {"rho"}  # a number, not a variable, in Keras's Adadelta

    def _apply(self, t: int) -> None:
        params, grads, accumulators = self._lists()
        rmsprop(
            params,
            grads,
            accumulators,
            [],
            [],
            self._torch_counters(t),
            foreach=True,
            lr=self.rate(t),
            alpha=self.value("rho"),
            eps=self.settings["epsilon"],
            weight_decay=0.0,
            momentum=0.0,
            centered=False,
        )


class Adagrad(KerasOptimizer):
    """a += g^2; w -= lr g / (sqrt(a) + epsilon) (Duchi et al. 2011), accumulators from zero."""

    slot_names = ("accumulator",)
    defaults_of = {"learning_rate": 0.01, "epsilon": 1e-7, "decay": 0.0}
    fused_on = ("cpu",)

    def _apply(self, t: int) -> None:
        params, grads, accumulators = self._lists()
        adagrad(
            params,
            grads,
            accumulators,
            self._torch_counters(t),
            fused=self._fused,
            foreach=not self._fused,
            lr=self.rate(t),
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
            lr=self.rate(t),
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
    headless = -1

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
            lr=self.rate(t),
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
    headless = -1

    def _apply(self, t: int) -> None:
        beta_1, beta_2 = self.value("beta_1"), self.value("beta_2")
        params, grads, m, u = self._lists()
        if not params:
            return
        torch._foreach_lerp_(m, grads, 1.0 - beta_1)
        torch._foreach_mul_(u, beta_2)
        torch._foreach_maximum_(u, torch._foreach_abs(grads))
        denominator = torch._foreach_add(u, self.settings["epsilon"])
        torch._foreach_addcdiv_(params, m, denominator, value=-self.rate(t) / (1.0 - beta_1**t))


class Nadam(KerasOptimizer):
    """Adam with Nesterov momentum (Dozat 2015), scheduled as mu(t) = b1 (1 - 0.96^(t schedule_decay) / 2).

    The product of all mu so far is state (``m_schedule``); torch's NAdam has another schedule constant.
    """

    slot_names = ("m", "v")
    scalar_names = ("m_schedule",)
    defaults_of = {
        "learning_rate": 0.002,
        "beta_1": 0.9,
        "beta_2": 0.999,
        "epsilon": 1e-7,
        "schedule_decay": 0.004,
        "m_schedule": None,
    }
    headless = 1

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
        product = _read(schedule) * mu
        _write(schedule, product)
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
    headless = -1

    def _apply(self, t: int) -> None:
        params, grads, m = self._lists()
        if not params:
            return
        step = torch._foreach_lerp(m, grads, 1.0 - self.value("beta_1"))
        torch._foreach_sign_(step)
        torch._foreach_add_(params, step, alpha=-self.rate(t))
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
    }
    headless = -1

    def _apply(self, t: int) -> None:
        lr, power = self.rate(t), -self.value("learning_rate_power")
        l1 = self.value("l1_regularization_strength")
        l2 = self.value("l2_regularization_strength") + self.value("beta") / (2.0 * lr)
        shrinkage = 2.0 * self.value("l2_shrinkage_regularization_strength")
        for p, g, accumulator, linear in zip(*self._lists(), strict=True):
            before = accumulator.pow(power)
            accumulator.addcmul_(g, g)
            grown = accumulator.pow(power)
            linear.add_(g + shrinkage * p - (grown - before) / lr * p)
            p.copy_((linear.clamp(-l1, l1) - linear) / (grown / lr + 2.0 * l2))


RULES: dict[str, type[KerasOptimizer]] = {
    c.__name__: c for c in (SGD, RMSprop, Adagrad, Adadelta, Adam, Adamax, Nadam, Lion, Ftrl)
}
"""The optimizers by Keras's class names."""


class UpdateRule(Protocol):
    """A Keras optimizer as the front end hands it over: what to compute, and the Parameters of its state.

    Attributes:
        name: one of ``RULES``.
        settings, iterations, slots, clipnorm, clipvalue, clip_each: as ``KerasOptimizer`` takes them.
    """

    name: str
    settings: Mapping[str, Any]
    iterations: Parameter
    slots: Mapping[str, Sequence[Parameter]]
    clipnorm: float | None
    clipvalue: float | None
    clip_each: bool


def make_optimizer(rule: UpdateRule, params: Sequence[torch.Tensor]) -> KerasOptimizer:
    """The torch optimizer that carries out an update rule on these tensors.

    Raises:
        ValueError: for a rule of another name.
    """
    if rule.name not in RULES:
        raise ValueError(f"There is no update rule {rule.name!r}; there are {', '.join(RULES)}.")
    return RULES[rule.name](
        params,
        rule.settings,
        iterations=rule.iterations,
        slots=rule.slots,
        clipnorm=rule.clipnorm,
        clipvalue=rule.clipvalue,
        clip_each=rule.clip_each,
    )

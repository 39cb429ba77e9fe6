"""Fast paths of Keras's update rules: torch's kernels, and sequences of ``torch._foreach_*``.

The rules are stated by ``kcompile.keras.optimizers`` as values of the graph, and a test holds each of these
to them. Where torch computes the same update for some choice of its options, its kernel is used with those
(``Adam``, ``Adagrad``, ``Adadelta``, ``RMSprop``). It does not for ``SGD`` (Keras keeps the learning rate in
the velocity), ``Adamax`` (Keras adds epsilon outside the maximum), ``Nadam`` (another momentum schedule) and
where epsilon is added under the root; ``Lion`` and ``Ftrl`` it lacks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor
from torch.optim.adadelta import adadelta
from torch.optim.adagrad import adagrad
from torch.optim.adam import adam
from torch.optim.rmsprop import rmsprop

if TYPE_CHECKING:
    from .optimizer import KerasOptimizer

Tensors = list[Tensor]


class Kernel(NamedTuple):
    """How torch carries out a rule.

    Attributes:
        update: changes tensors in place; called with the optimizer, the weights, their gradients and the
            slots by name.
        fused_on: types of devices for which torch has one kernel for the whole step.
    """

    update: Callable[..., None]
    fused_on: tuple[str, ...] = ()


def _sgd(o: KerasOptimizer, params: Tensors, grads: Tensors, moment: Tensors) -> None:
    momentum = o.value("momentum")
    torch._foreach_mul_(moment, momentum)
    torch._foreach_add_(moment, grads, alpha=-o.lr)
    if o.settings["nesterov"]:
        torch._foreach_add_(params, moment, alpha=momentum)
        torch._foreach_add_(params, grads, alpha=-o.lr)
    else:
        torch._foreach_add_(params, moment)


def _rmsprop(
    o: KerasOptimizer,
    params: Tensors,
    grads: Tensors,
    accumulator: Tensors,
    moment: Tensors | None = None,
    mean: Tensors | None = None,
) -> None:
    rho, epsilon = o.value("rho"), o.settings["epsilon"]
    if not (o.settings["epsilon_inside"] or moment or mean):
        rmsprop(
            params, grads, accumulator, [], [], o.counters(), foreach=True, lr=o.lr, alpha=rho, eps=epsilon,
            weight_decay=0.0, momentum=0.0, centered=False,
        )  # fmt: skip
        return
    torch._foreach_mul_(accumulator, rho)
    torch._foreach_addcmul_(accumulator, grads, grads, value=1.0 - rho)
    roots = [a.clone() for a in accumulator]
    if mean:
        torch._foreach_lerp_(mean, grads, 1.0 - rho)
        torch._foreach_addcmul_(roots, mean, mean, value=-1.0)
    _take_root(o, roots)
    if moment:
        torch._foreach_mul_(moment, o.settings["momentum"])
        torch._foreach_addcdiv_(moment, grads, roots, value=o.lr)
        torch._foreach_sub_(params, moment)
    else:
        torch._foreach_addcdiv_(params, grads, roots, value=-o.lr)


def _take_root(o: KerasOptimizer, x: Tensors) -> None:
    """sqrt(x + epsilon), or sqrt(x) + epsilon, in place."""
    if o.settings["epsilon_inside"]:
        torch._foreach_add_(x, o.settings["epsilon"])
    torch._foreach_sqrt_(x)
    if not o.settings["epsilon_inside"]:
        torch._foreach_add_(x, o.settings["epsilon"])


def _adagrad(o: KerasOptimizer, params: Tensors, grads: Tensors, accumulator: Tensors) -> None:
    if not o.settings["epsilon_inside"]:
        adagrad(
            params, grads, accumulator, o.counters(), fused=o.fused, foreach=not o.fused, lr=o.lr,
            weight_decay=0.0, lr_decay=0.0, eps=o.settings["epsilon"], maximize=False,
        )  # fmt: skip
        return
    torch._foreach_addcmul_(accumulator, grads, grads)
    roots = [a.clone() for a in accumulator]
    _take_root(o, roots)
    torch._foreach_addcdiv_(params, grads, roots, value=-o.lr)


def _adadelta(
    o: KerasOptimizer, params: Tensors, grads: Tensors, accumulator: Tensors, delta_accumulator: Tensors
) -> None:
    adadelta(
        params, grads, accumulator, delta_accumulator, o.counters(), foreach=True, lr=o.lr,
        rho=o.value("rho"), eps=o.settings["epsilon"], weight_decay=0.0, maximize=False,
    )  # fmt: skip


def _adam(
    o: KerasOptimizer, params: Tensors, grads: Tensors, m: Tensors, v: Tensors, vhat: Tensors | None = None
) -> None:
    """With c = 1 - beta^t, Keras's step is lr sqrt(c2)/c1 m / (sqrt(v) + epsilon) and torch's is
    lr/c1 m / (sqrt(v)/sqrt(c2) + eps). They are equal for eps = epsilon / sqrt(c2). The maximum of AMSGrad is
    over the raw v in both.
    """
    beta_2 = o.value("beta_2")
    numbers: dict[str, Any] = {
        "amsgrad": bool(vhat), "beta1": o.value("beta_1"), "beta2": beta_2, "lr": o.lr, "weight_decay": 0.0,
        "eps": o.settings["epsilon"] / math.sqrt(1.0 - beta_2**o.t), "maximize": False,
    }  # fmt: skip
    if o.at_once:  # what adam() would come to
        torch._fused_adam_(params, grads, m, v, vhat or [], o.number(), **numbers)
    else:
        adam(params, grads, m, v, vhat or [], o.counters(), fused=o.fused, foreach=not o.fused, **numbers)


def _adamax(o: KerasOptimizer, params: Tensors, grads: Tensors, m: Tensors, u: Tensors) -> None:
    beta_1 = o.value("beta_1")
    torch._foreach_lerp_(m, grads, 1.0 - beta_1)
    torch._foreach_mul_(u, o.value("beta_2"))
    torch._foreach_maximum_(u, torch._foreach_abs(grads))
    denominator = torch._foreach_add(u, o.settings["epsilon"])
    torch._foreach_addcdiv_(params, m, denominator, value=-o.lr / (1.0 - beta_1**o.t))


def _nadam(o: KerasOptimizer, params: Tensors, grads: Tensors, m: Tensors, v: Tensors) -> None:
    beta_1, beta_2, decay = o.value("beta_1"), o.value("beta_2"), o.settings["schedule_decay"]
    now, later = (beta_1 * (1.0 - 0.5 * 0.96 ** (t * decay)) for t in (o.t, o.t + 1))
    product = o.value("m_schedule") * now
    o.assign(o.settings["m_schedule"], product)
    torch._foreach_lerp_(m, grads, 1.0 - beta_1)
    torch._foreach_mul_(v, beta_2)
    torch._foreach_addcmul_(v, grads, grads, value=1.0 - beta_2)
    denominator = torch._foreach_sqrt(v)
    torch._foreach_div_(denominator, math.sqrt(1.0 - beta_2**o.t))
    torch._foreach_add_(denominator, o.settings["epsilon"])
    torch._foreach_addcdiv_(params, grads, denominator, value=-o.lr * (1.0 - now) / (1.0 - product))
    torch._foreach_addcdiv_(params, m, denominator, value=-o.lr * later / (1.0 - product * later))


def _lion(o: KerasOptimizer, params: Tensors, grads: Tensors, m: Tensors) -> None:
    step = torch._foreach_lerp(m, grads, 1.0 - o.value("beta_1"))
    torch._foreach_sign_(step)
    torch._foreach_add_(params, step, alpha=-o.lr)
    torch._foreach_lerp_(m, grads, 1.0 - o.value("beta_2"))


def _ftrl(o: KerasOptimizer, params: Tensors, grads: Tensors, accumulator: Tensors, linear: Tensors) -> None:
    lr, power = o.lr, -o.settings["learning_rate_power"]
    l1 = o.settings["l1_regularization_strength"]
    l2 = o.settings["l2_regularization_strength"] + o.settings["beta"] / (2.0 * lr)
    shrinkage = 2.0 * o.settings["l2_shrinkage_regularization_strength"]
    for p, g, total, line in zip(params, grads, accumulator, linear, strict=True):
        before = total.pow(power)
        grown = total.addcmul_(g, g).pow(power)
        line.add_(g + shrinkage * p - (grown - before) / lr * p)
        p.copy_((line.clamp(-l1, l1) - line) / (grown / lr + 2.0 * l2))


KERNELS: Mapping[str, Kernel] = {
    "SGD": Kernel(_sgd),
    "RMSprop": Kernel(_rmsprop),
    "Adagrad": Kernel(_adagrad, ("cpu",)),
    "Adadelta": Kernel(_adadelta),
    "Adam": Kernel(_adam, ("cpu", "cuda")),
    "Adamax": Kernel(_adamax),
    "Nadam": Kernel(_nadam),
    "Lion": Kernel(_lion),
    "Ftrl": Kernel(_ftrl),
}
"""By the class that states the rule."""

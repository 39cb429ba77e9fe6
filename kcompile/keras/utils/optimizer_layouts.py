"""Optimizer state in files of other Keras versions, brought into the order of Keras 2.3.

The names of the arrays say whose they are. For Adam over one Dense layer:

    Keras 2.3           Adam/iterations:0, training/Adam/m_0:0, m_1:0, v_0:0, v_1:0, vhat_0:0, vhat_1:0
    tf.keras, legacy    Adam/iter:0, Adam/dense/kernel/m:0, Adam/dense/bias/m:0, Adam/dense/kernel/v:0, ...
    tf.keras, 2.11 on   iteration:0, Adam/m/dense/kernel:0, Adam/v/dense/kernel:0, Adam/m/dense/bias:0, ...
    Keras 3             adam/iteration, adam/learning_rate, adam/dense_kernel_momentum, ..._velocity, ...
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from ..optimizers import Optimizer

# What other versions call the slots of each optimizer.
_SLOT_NAMES: dict[str, dict[str, tuple[str, ...]]] = {
    "SGD": {"moment": ("m", "momentum")},
    "RMSprop": {"accumulator": ("velocity", "rms")},
    "Adagrad": {"accumulator": ("accumulator",)},
    "Adadelta": {
        "accumulator": ("accumulated_grad", "accum_grad"),
        "delta_accumulator": ("accumulated_delta_var", "accum_var"),
    },
    "Adam": {"m": ("m", "momentum"), "v": ("v", "velocity"), "vhat": ("vhat", "velocity_hat")},
    "Adamax": {"m": ("m", "momentum"), "u": ("u", "v", "norm")},
    "Nadam": {"m": ("m", "momentum"), "v": ("v", "velocity")},
    "Lion": {"m": ("m", "momentum")},
    "Ftrl": {"accumulator": ("accumulator",), "linear": ("linear",)},
}

Find = Callable[[str, tuple[str, ...]], bool]


def to_keras_layout(optimizer: Optimizer, names: Sequence[str], arrays: Sequence[Any]) -> list[np.ndarray]:
    """The arrays in the order of ``optimizer.weights``, whatever version of Keras wrote them.

    Args:
        optimizer: its ``weights`` are made already.
        names: one per array, as the file has them.
        arrays: the values.

    Returns:
        One array per weight of the optimizer; slots that the other version does not keep are as they are now.
        A list in Keras 2's own layout is returned as it is.

    Raises:
        ValueError: if a slot has not as many arrays as the optimizer trains weights.
    """
    arrays = [np.asarray(a) for a in arrays]
    rule = optimizer._rule_class()
    is_slot = _reader(names)
    if rule is None or is_slot is None:
        return arrays
    result = [_iterations(names, arrays)]
    if rule.__name__ == "Nadam":
        result.append(_momentum_schedule(optimizer, names, arrays, int(result[0])))
    own = optimizer.weights[len(result) :]
    count = len(own) // len(rule._slots)
    for i, slot in enumerate(rule._slots):
        others = _SLOT_NAMES[rule.__name__][slot]
        found = [a for name, a in zip(names, arrays, strict=True) if is_slot(name, others)]
        if not found and not _needs(optimizer, slot):
            found = [w.numpy() for w in own[i * count : (i + 1) * count]]
        if len(found) != count:
            raise ValueError(
                f"{rule.__name__}: the file has {len(found)} arrays named {' or '.join(others)}; the model "
                f"trains {count} weights."
            )
        result += found
    return result


def _reader(names: Sequence[str]) -> Find | None:
    """How a name tells its slot in the layout that these names are in; None for Keras 2's own."""
    for name in names:
        if re.fullmatch(r".*/iter:0", name):
            return lambda name, slots: _parts(name)[-1] in slots and len(_parts(name)) > 2
        if name == "iteration:0":
            return lambda name, slots: len(_parts(name)) > 2 and _parts(name)[1] in slots
        if re.fullmatch(r"[^/]+/iteration", name):
            return lambda name, slots: any(name.endswith(f"_{slot}") for slot in slots)
    return None


def _parts(name: str) -> list[str]:
    return name.removesuffix(":0").split("/")


def _iterations(names: Sequence[str], arrays: Sequence[np.ndarray]) -> np.ndarray:
    counters = [a for name, a in zip(names, arrays, strict=True) if _parts(name)[-1] in ("iter", "iteration")]
    return counters[0].reshape(())


def _momentum_schedule(
    optimizer: Any, names: Sequence[str], arrays: Sequence[np.ndarray], iterations: int
) -> np.ndarray:
    """The product of Nadam's momenta: as stored, else computed for the steps taken."""
    for name, array in zip(names, arrays, strict=True):
        if _parts(name)[-1] == "momentum_cache":
            return array.reshape(())
    beta_1 = float(optimizer.beta_1.numpy())
    t = np.arange(1, iterations + 1)
    return np.asarray(np.prod(beta_1 * (1.0 - 0.5 * 0.96 ** (t * optimizer.schedule_decay))))


def _needs(optimizer: Any, slot: str) -> bool:
    """Whether the state is incomplete without a slot; tf.keras keeps no velocity where momentum is 0."""
    if slot == "moment":
        return bool(optimizer.momentum.numpy())
    return slot != "vhat" or optimizer.amsgrad

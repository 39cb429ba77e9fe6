"""Matrices treated as such: Adafactor and Muon."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...ir import Parameter, Value, op
from .. import backend as K
from .. import registry
from ..backend.tensors import static_sizes
from ..declaration import configured, converted
from .rule import BuiltIn
from .slots import MOMENTS, Slot


class Adafactor(BuiltIn):
    """Adam without a first moment, whose second moment is kept as a row and a column (Shazeer, Stern 2018).

    Args:
        learning_rate: 0.001; the rate is at most 1 / sqrt(t).
        beta_2_decay: the second moment keeps 1 - t^beta_2_decay of itself, -0.8.
        epsilon_1: added to the squared gradient, 1e-30.
        epsilon_2: the least size of the weights by which the rate is multiplied, 0.001.
        clip_threshold: largest root mean square of a step before the rate, 1.
        relative_step: as in Keras, where it changes nothing.
        **kwargs: those of Optimizer; ``lr`` for learning_rate.
    """

    _only_in_keras_3 = True
    _hyperparameters = (
        "learning_rate", "beta_2_decay", "epsilon_1", "epsilon_2", "clip_threshold", "relative_step",
    )  # fmt: skip
    _slots = Slot.alike("r"), Slot.alike("c", beside=True), Slot("v", "velocity", "v", "v", beside=True)

    @configured
    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_2_decay: float = -0.8,
        epsilon_1: float = 1e-30,
        epsilon_2: float = 1e-3,
        clip_threshold: float = 1.0,
        relative_step: bool = True,
        **kwargs: Any,
    ) -> None: ...

    def _keeps(self, name: str, p: Parameter) -> bool:
        return name not in ("r", "c") or len(p.shape) >= 2

    def _initial_slot(self, name: str, p: Parameter) -> tuple[np.ndarray, tuple[int, ...] | None]:
        if name == "v":
            return super()._initial_slot(name, p)
        *outer, rows, columns = p.shape
        return np.zeros((*outer, rows if name == "r" else columns), p.dtype), None

    def _factors(self, t: Value) -> tuple[Value, Value]:
        return K.minimum(self._rate(), 1.0 / K.sqrt(t)), 1.0 - op.Pow(t, K.constant(self.beta_2_decay))

    def _change(
        self, factors: tuple[Value, Value], p: Value, g: Value, r: Value, c: Value, v: Value
    ) -> tuple[Value, ...]:
        rate, kept = factors
        square = K.square(g) + self.epsilon_1
        if len(static_sizes(p)) >= 2:
            r = kept * r + (1.0 - kept) * K.mean(square, axis=-1)
            c = kept * c + (1.0 - kept) * K.mean(square, axis=-2)
            v = K.expand_dims(r / K.mean(r, axis=-1, keepdims=True), -1) * K.expand_dims(c, -2)
        else:
            v = kept * v + (1.0 - kept) * square
        step = g / K.sqrt(v)
        step = step / K.maximum(_root_mean_square(step) / self.clip_threshold, 1.0)
        return p - K.maximum(_root_mean_square(p), self.epsilon_2) * rate * step, r, c, v


def _root_mean_square(x: Value) -> Value:
    return K.sqrt(K.mean(K.square(x)))


def _parts(names: Sequence[str] | str | None) -> list[str]:
    return [names] if isinstance(names, str) else list(names or ())


class Muon(BuiltIn):
    """Momentum made orthogonal for matrices (Jordan 2024), AdamW for all else.

    The momentum's singular values are brought near 1 by Newton-Schulz iterations; the step is scaled to the
    size of Adam's (Liu et al. 2025).

    Args:
        learning_rate: 0.001.
        adam_beta_1, adam_beta_2: decay of the moments, 0.9 and 0.999.
        adam_weight_decay, weight_decay: 0.004, for weights that AdamW trains and for matrices.
        epsilon: 1e-7, AdamW's.
        exclude_layers: parts of names of weights that AdamW trains, though they are matrices.
        exclude_embeddings: whether AdamW trains matrices with "embedding" in their name, True.
        muon_a, muon_b, muon_c: coefficients of an iteration.
        adam_lr_ratio: factor of the rate of AdamW, 1.
        momentum: 0.95.
        ns_steps: number of iterations, 5.
        nesterov: look ahead by the gradient, True.
        rms_rate: the step is this times the root of the longer side, 0.2; None for no scaling.
        **kwargs: those of Optimizer; ``lr`` for learning_rate.
    """

    _only_in_keras_3 = True
    _slots = MOMENTS
    _hyperparameters = (
        "learning_rate", "adam_beta_1", "adam_beta_2", "epsilon", "exclude_layers", "muon_a", "muon_b",
        "muon_c", "adam_lr_ratio", "momentum", "ns_steps", "nesterov", "exclude_embeddings",
        "adam_weight_decay", "rms_rate",
    )  # fmt: skip

    @configured(exclude_layers=converted(_parts))
    def __init__(
        self,
        learning_rate: Any = 0.001,
        adam_beta_1: float = 0.9,
        adam_beta_2: float = 0.999,
        adam_weight_decay: float | None = 0.004,
        epsilon: float = 1e-7,
        weight_decay: float | None = 0.004,
        exclude_layers: Sequence[str] | str | None = None,
        exclude_embeddings: bool = True,
        muon_a: float = 3.4445,
        muon_b: float = -4.7750,
        muon_c: float = 2.0315,
        adam_lr_ratio: float = 1.0,
        momentum: float = 0.95,
        ns_steps: int = 5,
        nesterov: bool = True,
        rms_rate: float | None = 0.2,
        **kwargs: Any,
    ) -> None: ...

    def _is_muons(self, p: Parameter) -> bool:
        embedding = self.exclude_embeddings and "embedding" in p.name.lower()
        return len(p.shape) == 2 and not embedding and not any(part in p.name for part in self.exclude_layers)

    def _keeps(self, name: str, p: Parameter) -> bool:
        return name != "v" or not self._is_muons(p)

    def _decay_of(self, p: Parameter) -> float:
        part = self.weight_decay if self._is_muons(p) else self.adam_weight_decay
        return (part or 0.0) if self._is_decayed(p) else 0.0

    def _factors(self, t: Value) -> tuple[Value, Value]:
        """The rates of matrices and of AdamW with its correction."""
        betas = K.constant(self.adam_beta_1), K.constant(self.adam_beta_2)
        correction = K.sqrt(1.0 - K.pow(betas[1], t)) / (1.0 - K.pow(betas[0], t))
        return self._rate(), self._rate() * self.adam_lr_ratio * correction

    def _change_of(self, p: Parameter) -> Callable[..., tuple[Value, ...]]:
        return self._change if self._is_muons(p) else self._adam

    def _change(
        self, factors: tuple[Value, Value], p: Value, g: Value, m: Value, v: Value
    ) -> tuple[Value, ...]:
        m_t = self.momentum * m + g
        rows, columns = (size or 0 for size in static_sizes(g))
        step = self._orthogonal(g + self.momentum * m_t if self.nesterov else m_t, rows > columns)
        scale = 1.0 if self.rms_rate is None else self.rms_rate * float(np.sqrt(max(rows, columns)))
        return p - factors[0] * scale * step, m_t, v

    def _adam(
        self, factors: tuple[Value, Value], p: Value, g: Value, m: Value, v: Value
    ) -> tuple[Value, ...]:
        m_t = self.adam_beta_1 * m + (1.0 - self.adam_beta_1) * g
        v_t = self.adam_beta_2 * v + (1.0 - self.adam_beta_2) * K.square(g)
        return p - factors[1] * m_t / (K.sqrt(v_t) + self.epsilon), m_t, v_t

    def _orthogonal(self, x: Value, is_tall: bool) -> Value:
        """Newton-Schulz iterations x <- a x + (b s + c s s) x with s = x x', on the shorter side."""
        x = K.transpose(x) if is_tall else x
        x = x / (K.sqrt(K.sum(K.square(x))) + 1e-7)
        for _ in range(self.ns_steps):
            s = K.dot(x, K.transpose(x))
            x = self.muon_a * x + K.dot(self.muon_b * s + self.muon_c * K.dot(s, s), x)
        return K.transpose(x) if is_tall else x


registry.register(globals())

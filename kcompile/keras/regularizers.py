"""Regularizers: what large weights add to the loss.

Classes, parameters and defaults are those of ``keras.regularizers`` in Keras 2.3. A regularizer is any
function of the weight that returns a scalar, written with ``K``.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from . import backend as K
from . import registry
from .utils.generic_utils import deserialize_keras_object, interpreted
from .utils.generic_utils import serialize_keras_object as serialize_keras_object
from .utils.objects import serialized


class Regularizer:
    """Base of the regularizers: adds nothing."""

    def __call__(self, x: Any) -> Any:
        return 0.0

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Regularizer:
        """An instance with these arguments."""
        return cls(**config)


class L1L2(Regularizer):
    """``l1 * sum(abs(x)) + l2 * sum(x ** 2)``.

    Args:
        l1, l2: factors, not negative; 0 leaves that part out.
    """

    def __init__(self, l1: float = 0.0, l2: float = 0.0) -> None:
        self.l1 = K.cast_to_floatx(0.0 if l1 is None else l1)
        self.l2 = K.cast_to_floatx(0.0 if l2 is None else l2)

    def __call__(self, x: Any) -> Any:
        terms = []
        if self.l1:
            terms.append(K.sum(K.abs(x)) * float(self.l1))
        if self.l2:
            terms.append(K.sum(K.square(x)) * float(self.l2))
        return sum(terms[1:], terms[0]) if terms else 0.0

    def get_config(self) -> dict[str, Any]:
        return {"l1": float(self.l1), "l2": float(self.l2)}


class L1(L1L2):
    """``l1 * sum(abs(x))``, under the class name of later versions."""

    def __init__(self, l1: float = 0.01, **kwargs: Any) -> None:
        super().__init__(l1=kwargs.pop("l", l1))
        _no_more(kwargs, "L1")

    def get_config(self) -> dict[str, Any]:
        return {"l1": float(self.l1)}


class L2(L1L2):
    """``l2 * sum(x ** 2)``, under the class name of later versions."""

    def __init__(self, l2: float = 0.01, **kwargs: Any) -> None:
        super().__init__(l2=kwargs.pop("l", l2))
        _no_more(kwargs, "L2")

    def get_config(self) -> dict[str, Any]:
        return {"l2": float(self.l2)}


class OrthogonalRegularizer(Regularizer):
    """How far the rows or columns of a matrix are from being orthogonal: the mean of the sizes of the cosines
    between each two of them.

    Args:
        factor: of the mean, 0.01.
        mode: "rows" or "columns".

    Raises:
        ValueError: for another mode, or a weight that is no matrix.
    """

    def __init__(self, factor: float = 0.01, mode: str = "rows") -> None:
        if mode not in ("rows", "columns"):
            raise ValueError(f"OrthogonalRegularizer: mode must be 'rows' or 'columns'; found {mode!r}.")
        self.factor = K.cast_to_floatx(factor)
        self.mode = mode

    def __call__(self, x: Any) -> Any:
        shape = K.int_shape(x)
        if shape is None or len(shape) != 2:
            raise ValueError(f"OrthogonalRegularizer takes matrices; found a weight of the shape {shape}.")
        vectors = x if self.mode == "rows" else K.transpose(x)
        count = int(shape[0 if self.mode == "rows" else 1] or 0)
        unit = K.l2_normalize(vectors, axis=1)
        cosines = K.dot(unit, K.transpose(unit)) * (1.0 - K.eye(count))
        return float(self.factor) * 0.5 * K.sum(K.abs(cosines)) / (count * (count - 1) / 2.0)

    def get_config(self) -> dict[str, Any]:
        return {"factor": float(self.factor), "mode": self.mode}


orthogonal_regularizer = OrthogonalRegularizer


def _no_more(kwargs: Mapping[str, Any], name: str) -> None:
    if kwargs:
        raise TypeError(f"{name}() got an unexpected keyword argument {next(iter(kwargs))!r}")


def l1(l: float = 0.01, *, l1: float | None = None) -> L1L2:  # noqa: E741
    """``l * sum(abs(x))``; the factor is also called ``l1``."""
    return L1L2(l1=l if l1 is None else l1)


def l2(l: float = 0.01, *, l2: float | None = None) -> L1L2:  # noqa: E741
    """``l * sum(x ** 2)``; the factor is also called ``l2``."""
    return L1L2(l2=l if l2 is None else l2)


def l1_l2(l1: float = 0.01, l2: float = 0.01) -> L1L2:
    """``l1 * sum(abs(x)) + l2 * sum(x ** 2)``."""
    return L1L2(l1=l1, l2=l2)


_ALL = {f.__name__: f for f in (Regularizer, L1L2, L1, L2, OrthogonalRegularizer, l1, l2, l1_l2)}
_ALL["orthogonal_regularizer"] = OrthogonalRegularizer


def serialize(regularizer: Any, use_legacy_format: bool = True) -> Any:
    """``{"class_name", "config"}`` of a regularizer, or a function's name.

    Args:
        use_legacy_format: False for the form of tf.keras 2.12 and later, with module and registered name.
    """
    return serialized(regularizer, use_legacy_format)


def deserialize(
    config: Any, custom_objects: Mapping[str, Any] | None = None, use_legacy_format: bool | None = None
) -> Any:
    """The regularizer that a config or name describes.

    Args:
        use_legacy_format: of tf.keras; both forms are read.

    Raises:
        ValueError: for an unknown name; the message lists near ones.
    """
    return deserialize_keras_object(config, registry.names("regularizer"), custom_objects, "regularizer")


def get(identifier: Any) -> Any:
    """A regularizer from a name, a config, an instance, a class, any function of a weight, or None (none).

    Raises:
        ValueError: for an unknown name, or for what is none of these.
    """
    if identifier is None:
        return None
    found = interpreted(identifier, deserialize, "regularizer", _ALL)
    return found() if inspect.isclass(found) else found


registry.register(globals())
registry.name("regularizer", _ALL)

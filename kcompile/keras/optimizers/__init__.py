"""Optimizers, with the arguments, defaults and state of Keras 2.3; those that later versions have, as there.

An optimizer holds its hyperparameters and its state as variables. While a model trains, its update rule is
carried out by torch's kernels on those same variables (``update_rule``) where torch has such kernels;
``get_updates`` writes the rule as values of the graph, for all others, for ``K.function`` and for users' own
optimizers that build on it. A subclass that overrides ``get_updates`` or ``get_gradients`` is trained by its
own updates.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .. import registry
from ..utils.generic_utils import deserialize_keras_object
from ..utils.generic_utils import serialize_keras_object as serialize_keras_object
from ..utils.objects import serialized
from . import experimental, legacy, schedules
from .adaptive import Adadelta, Adagrad, RMSprop
from .base import Optimizer, UpdateRule, clip_norm
from .factored import Adafactor, Muon
from .gradient_descent import SGD
from .loss_scale import LossScaleOptimizer
from .moments import Adam, Adamax, AdamW, Lamb, Nadam, ScheduleFreeAdamW
from .proximal import Ftrl
from .sign import Lion

__all__ = [
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Ftrl",
    "Lamb",
    "Lion",
    "LossScaleOptimizer",
    "MultiOptimizer",
    "Muon",
    "Nadam",
    "Optimizer",
    "RMSprop",
    "ScheduleFreeAdamW",
    "TFOptimizer",
    "UpdateRule",
    "adadelta",
    "adagrad",
    "adam",
    "adamax",
    "clip_norm",
    "deserialize",
    "experimental",
    "get",
    "legacy",
    "nadam",
    "rmsprop",
    "schedules",
    "serialize",
    "sgd",
]

_BUILT_IN = (
    SGD, RMSprop, Adagrad, Adadelta, Adam, AdamW, Adamax, Nadam, Ftrl, Lion, Adafactor, Lamb, Muon,
    ScheduleFreeAdamW,
)  # fmt: skip

sgd = SGD
rmsprop = RMSprop
adagrad = Adagrad
adadelta = Adadelta
adam = Adam
adamax = Adamax
nadam = Nadam


class MultiOptimizer(Optimizer):
    """Trains parts of a model with different optimizers in Keras 3.15; not here.

    Raises:
        NotImplementedError: always; it says what to do.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise NotImplementedError(
            "MultiOptimizer of Keras 3 trains parts of a model with different optimizers, which is not done "
            "here. Compile with one optimizer; a file that has it is loaded with compile=False."
        )


class TFOptimizer(Optimizer):
    """Wrapped an optimizer of TensorFlow in Keras 2: one of ``tf.train`` here is an optimizer already.

    Raises:
        NotImplementedError: for any other; it names what to use.
    """

    def __new__(cls, optimizer: Any) -> Any:
        if isinstance(optimizer, Optimizer):
            return optimizer
        raise NotImplementedError(
            f"TFOptimizer({optimizer!r}) wraps an optimizer of TensorFlow, which kcompile does not use; take "
            f"one of {', '.join(c.__name__ for c in _BUILT_IN)}, or write a subclass of Optimizer."
        )

    def __init__(self, optimizer: Any) -> None: ...


_CLASSES: dict[str, Any] = {
    **{c.__name__: c for c in (*_BUILT_IN, LossScaleOptimizer, MultiOptimizer, TFOptimizer)},
    "LossScaleOptimizerV3": LossScaleOptimizer,  # as tf.keras writes it since 2.11
}
_BY_LOWER_CASE = {name.lower(): name for name in _CLASSES}


def serialize(optimizer: Optimizer, use_legacy_format: bool = True) -> dict[str, Any]:
    """``{"class_name": ..., "config": ...}`` of an optimizer.

    Args:
        use_legacy_format: False for the form of tf.keras 2.12 and later, with module and registered name.
    """
    return serialized(optimizer, use_legacy_format)


def deserialize(
    config: Mapping[str, Any],
    custom_objects: Mapping[str, Any] | None = None,
    use_legacy_format: bool | None = None,
) -> Optimizer:
    """The optimizer that a configuration describes; names of built-in classes in any case.

    Args:
        use_legacy_format: of tf.keras; both forms are read.

    Raises:
        ValueError: for an unknown name or a malformed configuration.
    """
    if isinstance(config, Mapping) and isinstance(config.get("class_name"), str):
        name = config["class_name"]
        config = {**config, "class_name": _BY_LOWER_CASE.get(name.lower(), name)}
    return deserialize_keras_object(config, registry.names("optimizer"), custom_objects, "optimizer")


def get(identifier: Any) -> Optimizer:
    """An optimizer from a name, a configuration, an Optimizer (returned as it is) or an Optimizer class.

    Raises:
        ValueError: for an unknown name, or anything else.
    """
    if isinstance(identifier, Optimizer):
        return identifier
    if isinstance(identifier, type) and issubclass(identifier, Optimizer):
        return identifier()
    if isinstance(identifier, Mapping):
        return deserialize(identifier)
    if isinstance(identifier, str):
        return deserialize({"class_name": identifier, "config": {}})
    raise ValueError(
        f"Could not interpret optimizer identifier: {identifier!r}; expected a name, a configuration or an "
        f"Optimizer of kcompile.keras, found {type(identifier).__name__}."
    )


registry.register(globals())
registry.name("optimizer", _CLASSES)

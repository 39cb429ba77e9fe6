"""Private modules of tf.keras 2, such as ``keras.engine.input_spec``, and what was public for a time.

What they held is public by now; each is a module that looks there.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from .. import keras
from .keras_modules import module_of as keras_module

_RULES = "adadelta adagrad adam adamax ftrl gradient_descent nadam optimizer_v2 rmsprop".split()

#: A module below ``keras`` -> the one here that has its names.
_PLACES: dict[str, str] = {
    "backend_config": "backend",
    "experimental": "optimizers.schedules",
    "engine.functional": "models",
    "engine.input_spec": "layers",
    "layers.activation": "layers",
    "layers.attention": "layers",
    "layers.dense_attention": "layers",
    "layers.merging": "layers",
    "layers.normalization_v2": "layers",
    "layers.recurrent_v2": "layers",
    "layers.regularization": "layers",
    "layers.reshaping": "layers",
    "layers.rnn": "layers",
    "mixed_precision.loss_scale_optimizer": "mixed_precision",
    "mixed_precision.policy": "mixed_precision",
    "optimizer_v2": "optimizers",
    "optimizer_v2.learning_rate_schedule": "optimizers.schedules",
    **{f"optimizer_v2.{name}": "optimizers" for name in _RULES},
    "optimizers.optimizer_v2": "optimizers",
    "optimizers.optimizer_v2.learning_rate_schedule": "optimizers.schedules",
    **{f"optimizers.optimizer_v2.{name}": "optimizers" for name in _RULES},
    "saving.legacy": "utils",
    "saving.legacy.serialization": "utils",
    "saving.object_registration": "saving",
    "saving.serialization_lib": "saving",
    "utils.tf_utils": "utils",
}
#: Names that are others by now, or none.
_OTHERWISE = {"Functional": "Model", "OptimizerV2": "Optimizer"}


def _as_it_is(function: Callable[..., Any]) -> Callable[..., Any]:
    """Shapes are tuples already."""
    return function


def _tf_utils() -> dict[str, Any]:
    from .python_modules import smart_cond, smart_constant_value  # which bring all of tensorflow

    return {
        "constant_value": smart_constant_value,
        "is_tensor_or_variable": keras.backend.is_tensor,
        "shape_type_conversion": _as_it_is,
        "smart_cond": smart_cond,
    }


def _premade() -> dict[str, Any]:
    from . import premade_models  # which bring all of tensorflow

    return {name: getattr(premade_models, name) for name in premade_models.__all__}


#: What is in a module alone.
_OWN: dict[str, Callable[[], dict[str, Any]]] = {"experimental": _premade, "utils.tf_utils": _tf_utils}


class LaterModule(ModuleType):
    """A module that looks for its names in another.

    Args:
        path: below ``keras``.
    """

    def __init__(self, path: str) -> None:
        super().__init__(f"keras.{path}")
        self.__dict__["_path"] = path

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        path = self.__dict__["_path"]
        found = _OWN[path]().get(name) if path in _OWN else None
        if found is None:
            found = getattr(keras_module(_PLACES[path]), _OTHERWISE.get(name, name))
        setattr(self, name, found)
        return found


_MODULES: dict[str, LaterModule] = {}


def module_of(path: str) -> ModuleType | None:
    """The module of a path below ``keras``; None for one that never was."""
    if path not in _PLACES:
        return None
    return _MODULES.setdefault(path, LaterModule(path))


def below(path: str) -> list[str]:
    """The names of those directly below another."""
    return [last for parent, _, last in (name.rpartition(".") for name in _PLACES) if parent == path]

"""compile()'s arguments as plain data in files, and a model compiled from them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from kcompile_runtime.text import harmless

from ...ir import Value
from .. import backend as K
from .. import losses, metrics, optimizers, registry, rules
from ..optimizers import layouts
from ..utils.generic_utils import get_custom_objects
from ..utils.living import class_name, goes_itself
from ..utils.nested import each
from ..utils.objects import serialize_keras_object
from .limits import limited_work
from .versions.keras1 import WeightUpgrade
from .versions.keras3_writing import training_to_objects
from .versions.tf_keras_writing import is_of_tf_keras, training_to_tf_keras
from .versions.upgrade import upgrade_training
from .versions.writer import Writer

if TYPE_CHECKING:
    from ...formats import Archive
    from ..core.network import Network
    from ..training.model import Model

_DEFAULT_OPTIMIZER = {"class_name": "RMSprop", "config": {}}


# --- writing ------------------------------------------------------------------------------------------------


def training_config(model: Network) -> dict[str, Any]:
    """compile()'s arguments as plain data; ``rules`` says whose rules they follow, if not Keras 2.3's."""
    its = model._compile_rules
    return {
        "optimizer_config": layouts.h5_config(model.optimizer),
        "loss": _serialized(model.loss),
        "metrics": _serialized(model._compile_arguments.get("metrics") or []),
        "weighted_metrics": _serialized(model._compile_arguments.get("weighted_metrics")),
        "sample_weight_mode": model._compile_arguments.get("sample_weight_mode"),
        "loss_weights": _serialized(model._compile_arguments.get("loss_weights")),
        **({} if its is rules.KERAS_2 else {"rules": its.name}),
    }


def compile_config(model: Any) -> dict[str, Any]:
    """compile()'s arguments in the words of a ``.keras`` file, tf.keras's for models made by its rules."""
    config = training_config(model)
    if is_of_tf_keras(model):
        return training_to_tf_keras(config, layouts.tf_keras_config(model.optimizer))
    return training_to_objects(config, layouts.keras_3_config(model.optimizer))


def compile_config_in_file(model: Any) -> Any:
    """What a ``.keras`` file says of compile(): what the model's own ``get_compile_config`` does, if it has
    one."""
    return serialize_keras_object(model.get_compile_config())


def _serialized(value: Any) -> Any:
    """Names for functions, configurations for objects, in lists and dicts too."""
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, Mapping):
        return {key: _serialized(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_serialized(entry) for entry in value]
    if isinstance(value, Value):
        return np.asarray(K.get_value(value)).tolist()
    if hasattr(value, "get_config"):
        return {"class_name": class_name(value), "config": value.get_config()}
    return value if goes_itself(value) else getattr(value, "__name__", type(value).__name__)


# --- reading ------------------------------------------------------------------------------------------------


def compile_from_file(model: Model, archive: Archive, source: str, writer: Writer) -> None:
    """Compiles a model as its file says and restores the optimizer's state; if that cannot be done, warns and
    leaves it uncompiled."""
    own = archive.objects is not None and _compiles_itself(model)
    done = (
        try_to_compile(model, source, lambda: _as_it_is(archive), archive.config, model.compile_from_config)
        if own
        else try_to_compile(model, source, lambda: _upgraded(archive, source, writer), archive.config)
    )
    if done and model._is_compiled:
        _restore_optimizer(model, archive, source, writer)


def _compiles_itself(model: Model) -> bool:
    """Whether a user's class says how to compile from what it wrote."""
    defined = next(cls for cls in type(model).__mro__ if "compile_from_config" in vars(cls))
    return not registry.is_built_in(defined)


def try_to_compile(
    model: Model,
    source: str,
    read: Callable[[], Mapping[str, Any]],
    model_config: Any,
    compile: Callable[[Mapping[str, Any]], None] | None = None,
) -> bool:
    """Compiles a model with what ``read`` gives; if that cannot be done, warns and leaves it uncompiled.

    Args:
        model_config: the model's configuration; it and what is read bound the work that this may be.
        compile: what compiles it, by default ``compile_from``.

    Returns:
        whether it is.
    """
    try:
        config = read()
        with limited_work(source, [model_config, config]):
            (compile or partial(compile_from, model))(config)
    except Exception as error:  # whatever a configuration, or a user's class made from it, may raise
        model.uncompile()
        warnings.warn(
            f"{source}: the model is loaded, but not compiled as it was when it was saved: {_told(error)} "
            "Compile it in code before training, or load it with compile=False; classes and functions of "
            "your own are found by custom_objects.",
            stacklevel=5,
        )
        return False
    return True


def _told(error: Exception) -> str:
    """What went wrong, harmless to a terminal: it names what the file does."""
    text = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
    text = harmless(text, lines=True)
    return text if text.endswith((".", "!")) else text + "."


def _as_it_is(archive: Archive) -> Mapping[str, Any]:
    """What a ``.keras`` file says of compile()."""
    state = (archive.objects or {}).get("optimizer")
    archive.optimizer_weights = None if state is None else state.weights
    return archive.training_config or {}


def _upgraded(archive: Archive, source: str, writer: Writer) -> Mapping[str, Any]:
    """What the file says of compile(), in the words of ``training_config``."""
    of_keras_3 = archive.objects is not None
    said = _as_it_is(archive) if of_keras_3 else archive.training_config or {}
    config = upgrade_training(said, writer, of_keras_3, source)
    if of_keras_3 and config["optimizer_config"] is None:
        archive.optimizer_weights = None
        warnings.warn(
            f"{source}: the file names no optimizer; the model is compiled with Keras's default, RMSprop. "
            "Compile it in code to choose another.",
            stacklevel=5,
        )
        return {**config, "optimizer_config": _DEFAULT_OPTIMIZER}
    return config


def compile_from_config(model: Model, config: Mapping[str, Any]) -> None:
    """Compiles a model with what ``compile_config`` wrote, or the same of tf.keras or Keras 3.

    The state of the optimizer is made, as in tf.keras.

    Raises: as ``compile_from``.
    """
    own = upgrade_training(config, Writer(rules.of_dialect(model).name), True, f"The model {model.name}")
    compile_from(model, {**own, "optimizer_config": own["optimizer_config"] or _DEFAULT_OPTIMIZER})
    if model.built and not model.optimizer.has_own_updates():
        model.optimizer.build(model._trained_weights)


def compile_from(model: Model, config: Mapping[str, Any]) -> None:
    """Compiles a model with the arguments that ``training_config`` wrote.

    Raises:
        ValueError, TypeError, KeyError: if they name what is not known, or are damaged.
    """
    with rules.following(rules.named(config.get("rules"), "Losses and metrics of the file follow")):
        model.compile(
            optimizer=optimizers.deserialize(config["optimizer_config"]),
            loss=_made(config.get("loss"), losses.deserialize),
            metrics=_made(config.get("metrics"), metrics.deserialize),
            loss_weights=config.get("loss_weights"),
            sample_weight_mode=config.get("sample_weight_mode"),
            weighted_metrics=_made(config.get("weighted_metrics"), metrics.deserialize),
        )


def _made(config: Any, deserialize: Any) -> Any:
    """Objects of the configurations in lists and dicts; names stay names, but for those of custom objects,
    which are at hand only while loading."""
    if isinstance(config, Mapping) and "class_name" in config and "config" in config:
        return deserialize(config)
    if isinstance(config, str):
        return get_custom_objects().get(config, config)
    return each(config, lambda entry: _made(entry, deserialize))


def _restore_optimizer(model: Model, archive: Archive, source: str, writer: Writer) -> None:
    if not archive.optimizer_weights or model._compiled_steps is None:
        return
    names = [name for name, _ in archive.optimizer_weights]
    arrays = [np.asarray(array) for _, array in archive.optimizer_weights]
    arrays = WeightUpgrade(writer).convert_state(model, arrays)
    if model.optimizer.has_own_updates():
        model._compiled_steps.train(weighted=False)  # its get_updates makes its state
    try:
        model.optimizer.restore(names, arrays, model._trained_weights)
    except ValueError as error:
        warnings.warn(
            f"{source}: the optimizer's state does not fit the model and starts afresh ({error}).",
            stacklevel=5,
        )

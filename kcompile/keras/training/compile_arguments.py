"""Arguments of compile(), made one entry for each output: losses, their factors, metrics."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ...ir import Value
from .. import losses
from .. import metrics as metrics_module
from ..backend.tensors import static_sizes
from ..rules import KERAS_2, Rules
from ..utils import losses_utils
from ..utils.generic_utils import check_for_unexpected_keys, to_list
from .outputs import Output, is_loss

_ACCURACY = ("accuracy", "acc")
_CROSSENTROPY = ("crossentropy", "ce")


# --- losses -------------------------------------------------------------------------------------------------


def loss_functions(loss: Any, output_names: Sequence[str]) -> list[Callable | None]:
    """One loss per output from a name, a function, a Loss, a list or a dict; None for an output without.

    Raises:
        ValueError: for an unknown name or output, or a list of another length.
    """
    if isinstance(loss, Mapping) and not {"class_name", "config"} <= set(loss):
        check_for_unexpected_keys("loss", loss, list(output_names))
        return [loss_function(loss.get(name)) for name in output_names]
    if isinstance(loss, list | tuple):
        if len(loss) != len(output_names):
            raise ValueError(
                "When passing a list as loss, it should have one entry per model output. The model has "
                f"{len(output_names)} outputs ({', '.join(output_names)}), but you passed loss={loss!r}."
            )
        return [loss_function(entry) for entry in loss]
    return [loss_function(loss) for _ in output_names]


def loss_function(loss: Any) -> Callable | None:
    """A Loss with Keras's reduction, from a name, a configuration or a function (y_true, y_pred)."""
    if loss is None or isinstance(loss, losses.Loss):
        return loss
    if callable(loss) and not hasattr(loss, "__name__"):
        return loss
    function = losses.get(loss)
    if isinstance(function, losses.Loss):
        return function
    return losses.LossFunctionWrapper(
        function, name=function.__name__, reduction=losses_utils.Reduction.SUM_OVER_BATCH_SIZE
    )


def loss_factors(loss_weights: Any, names: Sequence[str]) -> list[float]:
    """The factor of each output's loss in the total, 1 where none is given.

    Raises:
        ValueError, TypeError: for an unknown output, a list of another length, or anything else.
    """
    if loss_weights is None:
        return [1.0] * len(names)
    if isinstance(loss_weights, Mapping):
        check_for_unexpected_keys("loss_weights", loss_weights, list(names))
        return [loss_weights.get(name, 1.0) for name in names]
    if isinstance(loss_weights, list):
        if len(loss_weights) != len(names):
            raise ValueError(
                "When passing a list as loss_weights, it should have one entry per model output. The model "
                f"has {len(names)} outputs, but you passed loss_weights={loss_weights!r}."
            )
        return list(loss_weights)
    raise TypeError(
        f"Could not interpret loss_weights argument: {loss_weights!r} - expected a list or a dict."
    )


def per_output(given: Any, names: Sequence[str], what: str, broadcast: bool = False) -> list[Any]:
    """One entry per output from a list, a dict by output name, or a single one."""
    if isinstance(given, Mapping):
        unknown = set(given) - set(names)
        if unknown:
            raise ValueError(
                f"Unknown entry in the {what} dictionary: {sorted(unknown)}. Only expected the following "
                f"keys: {list(names)}."
            )
        return [given.get(name) for name in names]
    if isinstance(given, list | tuple):
        if len(given) != len(names):
            raise ValueError(
                f"When passing a list as `{what}`, it should have one entry per model output. The model has "
                f"{len(names)} outputs, but you passed {what}={given!r}."
            )
        return list(given)
    if given is None or broadcast:
        return [given] * len(names)
    if not isinstance(given, Value | np.ndarray):
        raise TypeError(f"Expected `{what}` to be a list or dict or a single tensor, but got: {given!r}.")
    if len(names) != 1:
        raise ValueError(
            f"The model has {len(names)} outputs, but you passed a single tensor as `{what}`. "
            "Expected a list or a dict of tensors."
        )
    return [given]


# --- metrics ------------------------------------------------------------------------------------------------


def metrics_by_output(given: Any, names: Sequence[str], what: str) -> list[list[Any]]:
    """Lists of metric identifiers, one list per output."""
    if not given:
        return [[] for _ in names]
    if isinstance(given, Mapping):
        check_for_unexpected_keys(what, given, list(names))
        return [to_list(given.get(name, [])) for name in names]
    if hasattr(given, "update_state"):  # one metric, as tf.keras takes it
        given = [given]
    if not isinstance(given, list | tuple):
        raise TypeError(
            f"Type of `{what}` argument not understood. Expected a list or dictionary, found: {given!r}."
        )
    if any(isinstance(entry, list) for entry in given):
        if len(given) != len(names):
            raise ValueError(
                f"When passing a list of lists as `{what}`, it should have one entry per model output. The "
                f"model has {len(names)} outputs, but you passed {what}={given!r}."
            )
        return [to_list(entry) for entry in given]
    if len(names) == 1:
        return [list(given)]
    return [[metrics_module.clone_metric(metric) for metric in given] for _ in names]


def make_metric(identifier: Any, output: Output, its: Rules = KERAS_2) -> Any:
    """A Metric object from a name, a function or a Metric; "accuracy" and "crossentropy" choose by loss and
    shape, later versions by shape alone."""
    chosen = metrics_module.get(_specific(identifier, output, its))
    if isinstance(chosen, metrics_module.Metric):
        if isinstance(identifier, str):  # the name of a class
            chosen.name = identifier
        return chosen
    if isinstance(identifier, str):
        name: str = identifier
    else:
        name = getattr(chosen, "name", "") or getattr(chosen, "__name__", type(chosen).__name__)
    return metrics_module.MeanMetricWrapper(chosen, name=name)


def _specific(identifier: Any, output: Output, its: Rules) -> Any:
    if not isinstance(identifier, str) or identifier not in _ACCURACY + _CROSSENTROPY:
        return identifier
    ending = "accuracy" if identifier in _ACCURACY else "crossentropy"
    by_loss = not its.accuracy_by_shape and is_loss(output.loss, "binary_crossentropy")
    if static_sizes(output.value)[-1] == 1 or by_loss:
        return getattr(metrics_module, f"binary_{ending}")
    if is_loss(output.loss, "sparse_categorical_crossentropy"):
        return getattr(metrics_module, f"sparse_categorical_{ending}")
    return getattr(metrics_module, f"categorical_{ending}")

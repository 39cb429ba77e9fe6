"""sample_weight and class_weight, made one array of weights for each output."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...ir import Value
from . import data_errors
from .arrays import as_array
from .outputs import Output


def weights_by_output(
    outputs: Sequence[Output], targets: Sequence[Any], by_sample: Any, by_class: Any, broadcast: bool = False
) -> list[Any]:
    """For each output that has a loss: weights by sample and by class in one array, or None.

    Args:
        outputs: those that have a loss.
        targets: the arrays of those whose targets are fed.
        by_sample, by_class: ``sample_weight`` and ``class_weight`` of ``Model.fit``.
        broadcast: whether weights may have any shape that fits the losses.
    """
    if by_sample is None and by_class is None:
        return [None] * len(outputs)
    names = [output.name for output in outputs]
    sample_weights = standardize_weights_by_output(by_sample, names, "sample_weight")
    class_weights = standardize_weights_by_output(by_class, names, "class_weight")
    fed_targets = iter(targets)
    return [
        combine_weights(
            next(fed_targets) if output.is_fed else None,
            sw,
            cw,
            output.mode,
            output.name,
            output.weights_shape if broadcast else None,
        )
        for sw, cw, output in zip(sample_weights, class_weights, outputs, strict=True)
    ]


def standardize_weights_by_output(weights: Any, names: Sequence[str], what: str) -> list[Any]:
    """sample_weight or class_weight per output.

    Raises:
        ValueError, TypeError: if a list has another length than the outputs, or a dict other names.
    """
    if isinstance(weights, Mapping) and any(isinstance(key, Value) for key in weights):
        warnings.warn(
            f"`{what}` is looked up by output names ({list(names)}); its tensors are ignored.", stacklevel=4
        )
        weights = {key: value for key, value in weights.items() if not isinstance(key, Value)}
    if weights is None or (
        hasattr(weights, "__len__") and getattr(weights, "shape", None) != () and not len(weights)
    ):
        return [None] * len(names)
    if len(names) == 1:
        if isinstance(weights, list) and len(weights) == 1 and np.ndim(weights[0]) > 0:
            return [weights[0]]
        if isinstance(weights, Mapping) and names[0] in weights:
            return [weights[names[0]]]
        return [weights]
    if isinstance(weights, list):
        if len(weights) != len(names):
            raise ValueError(
                f"Provided `{what}` was a list of {len(weights)} elements, but the model has {len(names)} "
                f"outputs. Provide one {what} array per output."
            )
        return list(weights)
    if isinstance(weights, Mapping):
        unknown = set(weights) - set(names)
        if unknown:
            raise ValueError(
                f"Unknown entries in the {what} dictionary: {sorted(map(str, unknown))}. Only expected the "
                f"following keys: {list(names)}."
            )
        return [weights.get(name) for name in names]
    raise TypeError(
        f"The model has multiple outputs, so `{what}` should be either a list or a dict, one entry per "
        f"output. Provided `{what}` type not understood: {type(weights).__name__}."
    )


def combine_weights(
    target: Any,
    sample_weight: Any,
    class_weight: Any,
    mode: str | None,
    name: str,
    fitting: tuple[int | None, ...] | None = None,
) -> Any:
    """Weights of the samples (or, in temporal mode, of the timesteps) of one output; None for all ones.

    Args:
        target: the target array of the output.
        sample_weight: array (samples,), in temporal mode (samples, timesteps).
        class_weight: dict from class to weight; the class is the argmax of one-hot targets, else the target
            itself.
        mode: None or "temporal".
        name: of the output, for messages.
        fitting: the shape that weights must fit, where they may have axes less and of size 1.

    Raises:
        ValueError: for a wrong rank or size, or a class without a weight.
    """
    if sample_weight is None and class_weight is None:
        return None
    weights = None if sample_weight is None else _weight_array(sample_weight, name)
    if mode not in (None, "temporal"):
        raise ValueError(f'"sample_weight_mode" must be None or "temporal"; found {mode!r} for {name!r}.')
    if target is None:  # a tensor, whose size only a run tells
        if class_weight is not None:
            raise ValueError(f"class_weight needs target data; the target of {name!r} is a tensor.")
        return weights
    if mode == "temporal" and fitting is None and len(target.shape) < 3:
        raise ValueError(
            f"Found a sample_weight array for the target {name!r} with shape {tuple(target.shape)}. "
            "Timestep-wise sample "
            'weighting (sample_weight_mode="temporal") is restricted to outputs that are at least 3D.'
        )
    if weights is not None and fitting is not None:
        _check_broadcast(weights, len(target), fitting, name)
    elif weights is not None:
        _check_weight_shape(weights, target, mode, name)
    if class_weight is None:
        return weights
    if not isinstance(class_weight, Mapping):  # Keras 2.3 says nothing
        warnings.warn(
            f"class_weight must be a dict from class to weight; {class_weight!r} of {name!r} is ignored.",
            stacklevel=6,
        )
        return weights
    of_class = _class_weights(np.asarray(target), class_weight, name)
    if weights is None:
        return of_class
    return weights * of_class.reshape(-1, *[1] * (weights.ndim - 1))


def _weight_array(weights: Any, name: str) -> np.ndarray:
    array = as_array(weights, name, "sample_weight of the output")
    if isinstance(array, np.ndarray):
        data_errors.check_numbers(array, weights, np.dtype(np.float32), name, "sample_weight of the output")
    return np.asarray(array, np.float32)


def _check_weight_shape(weights: np.ndarray, target: Any, mode: str | None, name: str) -> None:
    wanted = 2 if mode == "temporal" else 1
    shape = tuple(target.shape[:wanted])
    if weights.ndim != wanted:
        if weights.size == np.prod(shape) and weights.ndim > wanted:
            flat = "sample_weight.ravel()" if wanted == 1 else f"sample_weight.reshape{shape}"
            hint = f"give it the shape {shape}, {flat}"
        elif mode == "temporal":
            hint = "pass a 2D array, with shape (samples, sequence_length)"
        elif not weights.ndim:
            hint = "give one weight for each sample"
        else:
            hint = 'set `sample_weight_mode="temporal"` in compile() to weigh timesteps'
        raise ValueError(
            f"Found a sample_weight array for {name!r} with shape {weights.shape}; expected {wanted}D: "
            f"{hint}."
        )
    if weights.shape != shape:
        raise ValueError(
            f"Found a sample_weight array with shape {weights.shape} for the target {name!r} with shape "
            f"{tuple(target.shape)}. Please provide one weight per sample (in temporal mode per timestep)."
        )


def _check_broadcast(weights: np.ndarray, samples: int, fitting: tuple[int | None, ...], name: str) -> None:
    """Whether weights fit losses of the leading axes of a shape, with axes of size 1 as they like."""
    sizes = (samples, *fitting[1:])
    fits = 1 <= weights.ndim <= len(sizes) and all(
        weight in (1, size) or size is None for weight, size in zip(weights.shape, sizes, strict=False)
    )
    if not fits:
        raise ValueError(
            f"Found a sample_weight array of shape {weights.shape} for {name!r}, which must fit {sizes}: "
            "give one weight per sample, or one for each of the leading axes; an axis may have the size 1."
        )


def _class_weights(target: np.ndarray, class_weight: Any, name: str) -> np.ndarray:
    if target.ndim > 2:
        raise ValueError(
            f"`class_weight` not supported for 3+ dimensional targets ({name!r}: {target.shape})."
        )
    try:
        table = {int(c): float(w) for c, w in class_weight.items()}
    except (TypeError, ValueError):
        raise ValueError(
            f"`class_weight` maps numbers of classes to weights, {{0: 1.0, 1: 2.5}}; found {class_weight!r} "
            f"for the output {name!r}."
        ) from None
    if target.ndim == 2:
        classes = target.argmax(axis=1) if target.shape[1] > 1 else target.reshape(-1)
    else:
        classes = target
    missing = set(np.unique(classes).tolist()) - set(table)
    if missing:
        raise ValueError(
            f"`class_weight` must contain all classes in the data of {name!r}. The classes "
            f"{sorted(int(c) if c == c // 1 else c for c in missing)} exist in the data but not in "
            "`class_weight`."
        )
    unique, inverse = np.unique(classes, return_inverse=True)
    return np.array([table[int(c)] for c in unique], dtype=np.float32)[inverse.reshape(-1)]

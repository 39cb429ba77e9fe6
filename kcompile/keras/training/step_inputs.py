"""What a step takes: inputs, targets and sample weights, checked and in the model's order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..backend.tensors import static_sizes
from ..core.network import Network
from . import arrays as data
from . import index_checks
from .compilation import Compiled
from .outputs import Output, Weighting
from .sample_weights import weights_by_output


@dataclass(slots=True)
class StepInputs:
    """The arrays of a batch, or of all samples that batches are taken from.

    Attributes:
        arrays: inputs, targets, and sample weights if weighted; all of one length.
        samples: that length; 1 where the model takes no data.
        weighted: whether sample weights are among them, and of which forms; for a step of the model's own,
            how they are nested.
        check: raises for a batch with numbers out of range, where arrays stay on disk and only batches can
            be looked at.
    """

    arrays: Sequence[Any]
    samples: int
    weighted: Any = False
    check: Callable[[Sequence[Any]], None] | None = None

    def split(self, fraction: float) -> tuple[StepInputs, StepInputs]:
        """The first part to train on, the last ``fraction`` to validate on."""
        first, last = data.split_for_validation(self.arrays, fraction, self.samples)
        at = len(first[0])
        return (
            StepInputs(first, at, self.weighted, self.check),
            StepInputs(last, self.samples - at, self.weighted, self.check),
        )


def standard_inputs(model: Network, x: Any) -> list[Any]:
    """The inputs ``x`` (array, list or dictionary) in the order of the model's; builds a model without any.

    A subclass that overrides ``_standardize_user_data`` makes them its way.

    Raises:
        ValueError: if shapes, names or counts do not fit the model.
    """
    if model._overrides_method("_standardize_user_data"):
        return list(model._standardize_user_data(x)[0])
    return checked_inputs(model, x)


def checked_inputs(model: Network, x: Any) -> list[Any]:
    """``standard_inputs`` as Keras has them."""
    model._ensure_built(x)
    x = model._flat_inputs(x)
    predictor = model._network_predictor
    if not predictor.specs and (x is None or len(x) == 0):
        return []
    if isinstance(x, dict) and not model._is_graph_network and {s.name for s in predictor.specs} - set(x):
        raise ValueError(f"The inputs of {model.name} are called {model.input_names}.")
    arrays = data.standardize(x, predictor.specs, "input")
    if predictor.text is not None:
        arrays = predictor.text(arrays)
    predictor.check_indices(arrays)
    return arrays


def step_inputs(
    model: Network,
    x: Any,
    y: Any = None,
    sample_weight: Any = None,
    class_weight: Any = None,
    batch_size: int | None = None,
) -> StepInputs:
    """What a step of a compiled model takes; builds a model without inputs.

    A subclass that overrides ``_standardize_user_data`` makes it its way.

    Args: as for ``Model.fit``, arrays only (``symbolic_data.computed`` has made them of tensors).

    Raises:
        ValueError: if shapes, names or counts do not fit the model.
    """
    if not model._overrides_method("_standardize_user_data"):
        return checked_step_inputs(model, x, y, sample_weight, class_weight)
    inputs, targets, weights = model._standardize_user_data(
        x, y, sample_weight=sample_weight, class_weight=class_weight, batch_size=batch_size
    )
    samples = data.count_samples(inputs, targets, weights)
    return StepInputs([*inputs, *targets, *weights], samples, bool(weights))


def checked_step_inputs(
    model: Network,
    x: Any,
    y: Any = None,
    sample_weight: Any = None,
    class_weight: Any = None,
    always_weighted: bool = False,
) -> StepInputs:
    """``step_inputs`` as Keras has them.

    Args: always_weighted: whether there are sample weights (ones) where none are given.
    """
    inputs = checked_inputs(model, x)
    compiled = model._require_compiled()
    targets = _targets(model, compiled, y)
    broadcast = compiled.rules.weights_broadcast
    weights = weights_by_output(compiled.outputs, targets, sample_weight, class_weight, broadcast)
    if not inputs and not targets:  # a model of tensors alone
        return StepInputs([], 1)
    samples = data.count_samples(inputs, targets, weights)
    if not samples:
        raise ValueError("There is no data: the arrays have 0 samples.")
    _check_losses(compiled.fed, targets)
    index_checks.check_labels(compiled.fed, targets)
    weighted: Weighting = always_weighted or any(weight is not None for weight in weights)
    if weighted:
        given = iter(targets)
        weights = [
            _ones(output, next(given) if output.is_fed else None, samples) if weight is None else weight
            for weight, output in zip(weights, compiled.outputs, strict=True)
        ]
        if broadcast:
            forms = [output.form_of(weight) for weight, output in zip(weights, compiled.outputs, strict=True)]
            weighted = tuple(forms) if any(form is not None for form in forms) else True
    arrays = [*inputs, *targets, *(weights if weighted else ())]
    check = _batch_check(model, compiled, len(inputs)) if any(map(data.is_lazy, arrays)) else None
    return StepInputs(arrays, samples, weighted, check)


def _targets(model: Network, compiled: Compiled, y: Any) -> list[Any]:
    specs = compiled.target_specs
    if y is None and specs:
        names = [spec.name for spec in specs]
        raise ValueError(f"The model {model.name} has losses on {names} and needs target data (y).")
    if y is not None and not specs and compiled.outputs and len(y):
        raise ValueError(
            f"The targets of {model.name} are the target_tensors of compile(); it expects no target data (y)."
        )
    return data.standardize(y, specs, "target") if specs else []


def _ones(output: Output, target: Any, samples: int) -> np.ndarray:
    """Weights that change nothing: one per sample, in temporal mode one per timestep."""
    shape: Any = (samples, *static_sizes(output.target)[1:]) if target is None else target.shape
    return np.ones(shape[: output.sample_weight.rank], np.float32)


def _batch_check(model: Network, compiled: Compiled, inputs: int) -> Callable[[Sequence[Any]], None]:
    """Looks at the numbers of a batch of inputs and targets, in this order."""

    def check(arrays: Sequence[Any]) -> None:
        model._network_predictor.check_indices(arrays[:inputs])
        index_checks.check_labels(compiled.fed, arrays[inputs : inputs + len(compiled.fed)])

    return check


def _check_losses(outputs: Sequence[Output], targets: Sequence[Any]) -> None:
    """One-hot targets are needed where the loss compares distributions."""
    for output, target in zip(outputs, targets, strict=True):
        if output.loss_name == "categorical_crossentropy" and target.shape[-1] == 1:
            raise ValueError(
                f"You are passing a target array of shape {tuple(target.shape)} to {output.name!r} while "
                "using as loss `categorical_crossentropy`, which expects binary matrices (1s and 0s) of "
                "shape (samples, classes). "
                "Convert with keras.utils.to_categorical(y), or use `sparse_categorical_crossentropy`."
            )


def wants_targets(model: Network) -> bool:
    """Whether a compiled model is fed targets; one whose shapes are not known yet will be."""
    return model._compiled_network is None or bool(model._compiled_network.fed)


def check_count(name: str, value: Any, least: int = 1) -> None:
    """Refuses what is no number of batches or epochs; None passes.

    Raises:
        ValueError: naming the argument and what was found.
    """
    is_whole_float = isinstance(value, float | np.floating) and value == value // 1  # of np.ceil
    whole = is_whole_float or isinstance(value, int | np.integer) and not isinstance(value, bool)
    if value is not None and not (whole and value >= least):
        raise ValueError(
            f"{name} must be a {'positive integer' if least else 'non-negative integer'}, found {value!r}."
        )


def batch_size_of(model: Network, batch_size: int | None) -> int:
    """The batch size of a call: given, fixed by the Input, or 32.

    Raises:
        ValueError: if the given one contradicts the Input's, or is not a positive integer.
    """
    check_count("batch_size", batch_size)
    fixed = next((v.shape[0] for v in model._feed_inputs if v.shape and v.shape[0] is not None), None)
    if fixed is not None and batch_size not in (None, fixed):
        raise ValueError(
            f"The `batch_size` argument value {batch_size} is incompatible with the specified batch "
            f"size of your Input Layer: {fixed}"
        )
    return int(fixed or batch_size or 32)


def check_divisible(model: Network, samples: int, batch_size: int) -> None:
    """
    Raises:
        ValueError: for a last batch that is smaller than the states of a stateful model.
    """
    if model.stateful and samples % batch_size:
        raise ValueError(
            "In a stateful network, you should only pass inputs with a number of samples that can be "
            f"divided by the batch size. Found: {samples} samples, batch size {batch_size}."
        )

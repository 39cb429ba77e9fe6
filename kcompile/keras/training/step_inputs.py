"""What the steps of a model are fed: inputs, targets and sample weights, checked and in the model's order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ...ir import Value
from ..core.network import Network
from ..core.node import static_shape
from . import arrays as data
from . import index_checks, tensor_data


@dataclass
class Feed:
    """Arrays as a step takes them.

    Attributes:
        arrays: inputs, targets, and sample weights if weighted; all of one length.
        samples: that length; 1 where nothing is fed.
        weighted: whether sample weights are among them.
        check: raises for a batch with numbers out of range, where arrays stay on disk and only batches can
            be looked at.
    """

    arrays: list[Any]
    samples: int
    weighted: bool
    check: Callable[[Sequence[Any]], None] | None = None

    def split(self, fraction: float) -> tuple[Feed, Feed]:
        """The first part to train on, the last ``fraction`` to validate on."""
        first, last = data.split_for_validation(self.arrays, fraction, self.samples)
        at = len(first[0])
        return (
            Feed(first, at, self.weighted, self.check),
            Feed(last, self.samples - at, self.weighted, self.check),
        )


def feed_values(model: Network) -> tuple[list[Value], dict[Value, Value]]:
    """The inputs of the model's graph, and what they stand for (``Graph``'s ``replaced``).

    A model's own inputs have a batch axis and others without names; where they go into a graph from an ONNX
    file and nowhere else, they are read by values with the axes that the file names.
    """
    inputs = list(model._feed_inputs)
    nodes = [node for node in getattr(model, "_network_nodes", []) if node.inbound_layers]
    signature = getattr(nodes[0].outbound_layer, "input_signature", None) if len(nodes) == 1 else None
    if signature is None or nodes[0].input_tensors != inputs:
        return inputs, {}
    named = [
        Value(value.dtype, declared.dims, value.name)
        for value, declared in zip(inputs, signature, strict=True)
    ]
    return list(named), dict(zip(inputs, named, strict=True))


def input_arrays(model: Network, x: Any) -> list[Any]:
    """The inputs as ``standard_inputs`` gives them, or as a subclass that overrides
    ``_standardize_user_data`` does."""
    if model._overrides("_standardize_user_data"):
        return list(model._standardize_user_data(x)[0])
    return standard_inputs(model, x)


def standard_inputs(model: Network, x: Any) -> list[Any]:
    """The inputs ``x`` (array, list or dictionary) in the order of the model's; builds a model without any.

    Raises:
        ValueError: if shapes, names or counts do not fit the model.
    """
    (x,) = tensor_data.computed(x)
    model._ensure_built(x)
    names, inputs = model._feed_input_names, model._feed_inputs
    if not inputs and (x is None or len(x) == 0):
        return []
    if isinstance(x, dict) and set(names) - set(x) and not model._is_graph_network:
        raise ValueError(f"The inputs of {model.name} are called {model.input_names}.")
    shapes = [static_shape(value) for value in inputs]
    arrays = data.standardize(x, names, shapes, [v.dtype for v in inputs], "input")
    index_checks.check_inputs(model, arrays)
    return arrays


def make_feed(
    model: Network,
    x: Any,
    y: Any,
    sample_weight: Any = None,
    class_weight: Any = None,
    batch_size: int | None = None,
) -> Feed:
    """What ``standard_feed`` gives, or a subclass that overrides ``_standardize_user_data``."""
    if not model._overrides("_standardize_user_data"):
        return standard_feed(model, x, y, sample_weight, class_weight, batch_size)
    inputs, targets, weights = model._standardize_user_data(
        x, y, sample_weight=sample_weight, class_weight=class_weight, batch_size=batch_size
    )
    return Feed([*inputs, *targets, *weights], data.count_samples(inputs, targets, weights), bool(weights))


def standard_feed(
    model: Network,
    x: Any,
    y: Any,
    sample_weight: Any = None,
    class_weight: Any = None,
    batch_size: int | None = None,
    always_weighted: bool = False,
) -> Feed:
    """Inputs, targets and sample weights as the steps of a compiled model take them.

    Args: as for ``Model.fit``; always_weighted: whether there are sample weights (ones) where none are given.

    Raises:
        ValueError: if shapes, names or counts do not fit the model.
    """
    x, y, sample_weight = tensor_data.computed(x, y, sample_weight)
    inputs = standard_inputs(model, x)
    outputs = model._require_compiled().outputs
    fed = [output for output in outputs if output.is_fed]
    names = [output.name for output in fed]
    if y is None and names:
        raise ValueError(f"The model {model.name} has losses on {names} and needs target data (y).")
    if y is not None and not names and outputs and len(y):
        raise ValueError(
            f"The targets of {model.name} are the target_tensors of compile(); it expects no target data (y)."
        )
    dtypes = [output.target.dtype for output in fed]
    shapes = [output.target_shape for output in fed]
    advice = [partial(_target_advice, output) for output in fed]
    targets = data.standardize(y, names, shapes, dtypes, "target", advice) if names else []
    weights = _sample_weights(outputs, targets, sample_weight, class_weight)
    if not inputs and not targets:  # a model of tensors alone
        return Feed([], 1, False)
    samples = data.count_samples(inputs, targets, weights)
    if not samples:
        raise ValueError("There is no data: the arrays have 0 samples.")
    _check_losses(fed, targets)
    index_checks.check_labels(fed, targets)
    if model.stateful and batch_size and samples % batch_size:
        raise ValueError(
            "In a stateful network, you should only pass inputs with a number of samples that can be "
            f"divided by the batch size. Found: {samples} samples, batch size {batch_size}."
        )
    weighted = always_weighted or any(weight is not None for weight in weights)
    if weighted:
        fed_targets = iter(targets)
        weights = [
            _ones(output, next(fed_targets) if output.is_fed else None, samples) if weight is None else weight
            for weight, output in zip(weights, outputs, strict=True)
        ]
    lazy = any(data.is_lazy(array) for array in (*inputs, *targets))
    check = partial(index_checks.check_batch, model, fed) if lazy else None
    return Feed([*inputs, *targets, *(weights if weighted else [])], samples, weighted, check)


def wants_targets(model: Network) -> bool:
    """Whether a compiled model is fed targets; one whose shapes are not known yet will be."""
    return model._compiled is None or any(output.is_fed for output in model._compiled.outputs)


def _target_advice(output: Any, found: tuple[int, ...]) -> str:
    """What to do where labels are of the other kind than the loss of an output wants."""
    shape = static_shape(output.value) or ()
    if not shape or len(found) not in (len(shape), len(shape) - 1):
        return ""
    classes = shape[-1]
    if len(found) < len(shape):  # as numbers of one class per step come
        found = (*found, 1)
    if output.is_sparse and found[-1] == classes:
        return (
            "These look like one-hot rows, and the loss takes numbers of classes: use the loss "
            "categorical_crossentropy, or np.argmax(y, axis=-1)."
        )
    if not output.is_sparse and found[-1] == 1 and classes and classes > 1:
        if output.loss_name in _OF_CLASSES:
            return (
                "These look like numbers of classes, and the loss takes one-hot rows: use the loss "
                f"sparse_categorical_crossentropy, or keras.utils.to_categorical(y, {classes})."
            )
        return f"The output has {classes} units: give {classes} numbers a sample, or the last layer 1 unit."
    return ""


#: Losses that compare a row of numbers by class.
_OF_CLASSES = frozenset(
    "categorical_crossentropy categorical_hinge categorical_focal_crossentropy binary_crossentropy "
    "binary_focal_crossentropy kullback_leibler_divergence kl_divergence dice tversky".split()
)


def _sample_weights(outputs: Sequence[Any], targets: Sequence[Any], sample: Any, by_class: Any) -> list[Any]:
    """For each output that has a loss: weights by sample and by class in one array, or None."""
    names = [output.name for output in outputs]
    sample_weights = data.standardize_weights_by_output(sample, names, "sample_weight")
    class_weights = data.standardize_weights_by_output(by_class, names, "class_weight")
    fed_targets = iter(targets)
    return [
        data.combine_weights(next(fed_targets) if output.is_fed else None, sw, cw, output.mode, output.name)
        for sw, cw, output in zip(sample_weights, class_weights, outputs, strict=True)
    ]


def _ones(output: Any, target: Any, samples: int) -> np.ndarray:
    """Weights that change nothing: one per sample, in temporal mode one per timestep."""
    shape = (samples, *static_shape(output.target)[1:]) if target is None else target.shape
    return np.ones(shape[: output.sample_weight.rank], np.float32)


def batch_size_of(model: Network, batch_size: int | None) -> int:
    """The batch size of a call: given, fixed by the Input, or 32.

    Raises:
        ValueError: if the given one contradicts the Input's, or is not a positive integer.
    """
    data.check_count("batch_size", batch_size)
    fixed = next((v.shape[0] for v in model._feed_inputs if v.shape and v.shape[0] is not None), None)
    if fixed is not None and batch_size not in (None, fixed):
        raise ValueError(
            f"The `batch_size` argument value {batch_size} is incompatible with the specified batch "
            f"size of your Input Layer: {fixed}"
        )
    return int(fixed or batch_size or 32)


def _check_losses(outputs: Sequence[Any], targets: Sequence[Any]) -> None:
    """One-hot targets are needed where the loss compares distributions."""
    for output, target in zip(outputs, targets, strict=True):
        if output.loss_name == "categorical_crossentropy" and target.shape[-1] == 1:
            raise ValueError(
                f"You are passing a target array of shape {tuple(target.shape)} to {output.name!r} while "
                "using as loss `categorical_crossentropy`, which expects binary matrices (1s and 0s) of "
                "shape (samples, classes). "
                "Convert with keras.utils.to_categorical(y), or use `sparse_categorical_crossentropy`."
            )

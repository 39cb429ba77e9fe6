"""Helpers of training under the module and the names of Keras 2.2 and 2.3."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ...ir import Value
from .. import backend as K
from .. import losses, registry
from ..backend.tensors import static_sizes
from ..utils import losses_utils
from . import arrays as data
from . import compile_arguments, data_adapters, sample_weights
from .loops import validates_after

# --- arrays -------------------------------------------------------------------------------------------------


def standardize_single_array(x: Any) -> Any:
    """An array with an axis for features behind that of samples; None and tensors as they are."""
    if x is None or K.is_tensor(x):
        return x
    return np.expand_dims(x, 1) if np.ndim(x) == 1 else x


def standardize_input_data(
    data_: Any,
    names: Sequence[str],
    shapes: Sequence[Any] | None = None,
    check_batch_axis: bool = True,
    exception_prefix: str = "",
) -> list[Any]:
    """One array per name from an array, a list, a dict by name or a DataFrame.

    Args:
        data_: the data; None gives a list of None.
        names: what the arrays are called; empty if there are to be none.
        shapes: expected shapes with the batch axis, None for what is not checked.
        check_batch_axis: whether the first size is compared too.
        exception_prefix: what the arrays are, for messages: "input", "target".

    Raises:
        ValueError: for a wrong number, name, rank or size.
    """
    if not names:
        if data_ is not None and hasattr(data_, "__len__") and len(data_):
            raise ValueError(
                f"Error when checking model {exception_prefix}: expected no data, but got: {data_}"
            )
        return []
    if data_ is None:
        return [None] * len(names)
    specs = [
        data.ArraySpec(name, shape) for name, shape in zip(names, shapes or [None] * len(names), strict=True)
    ]
    found = data.standardize(data_, specs, exception_prefix)
    arrays = [standardize_single_array(array) for array in found]
    sizes = [shape[0] if shape and check_batch_axis else None for shape in shapes or ()]
    for array, size, name in zip(arrays, sizes, names, strict=False):
        if size is not None and len(array) != size:
            raise ValueError(
                f"Error when checking {exception_prefix}: expected {name} to have {size} samples; found an "
                f"array of shape {array.shape}."
            )
    return arrays


def standardize_sample_or_class_weights(
    x_weight: Any, output_names: Sequence[str], weight_type: str
) -> list[Any]:
    """sample_weight or class_weight by output.

    Args:
        x_weight: an array or dict for a single output, a list or a dict by name for several.
        output_names: of the model.
        weight_type: "sample_weight" or "class_weight", for messages.
    """
    return sample_weights.standardize_weights_by_output(x_weight, output_names, weight_type)


def standardize_class_weights(class_weight: Any, output_names: Sequence[str]) -> list[Any]:
    """class_weight by output."""
    return standardize_sample_or_class_weights(class_weight, output_names, "class_weight")


def standardize_sample_weights(sample_weight: Any, output_names: Sequence[str]) -> list[Any]:
    """sample_weight by output."""
    return standardize_sample_or_class_weights(sample_weight, output_names, "sample_weight")


def standardize_weights(
    y: Any, sample_weight: Any = None, class_weight: Any = None, sample_weight_mode: str | None = None
) -> np.ndarray:
    """The weights of the samples (in the mode "temporal" of the steps) of one output: ones if none are given.

    Raises:
        ValueError: for a wrong rank or size, or a class without a weight.
    """
    found = sample_weights.combine_weights(y, sample_weight, class_weight, sample_weight_mode, "the output")
    if found is not None:
        return found
    return np.ones(y.shape[: 2 if sample_weight_mode == "temporal" else 1], K.floatx())


def check_array_length_consistency(inputs: Any, targets: Any, weights: Any = None) -> None:
    """ValueError unless all arrays have the same number of samples."""
    some = [
        [x for x in arrays or () if x is not None and not K.is_tensor(x)]
        for arrays in (inputs, targets, weights)
    ]
    data.count_samples(*some)


def check_loss_and_target_compatibility(
    targets: Sequence[Any], loss_fns: Sequence[Any], output_shapes: Sequence[Any]
) -> None:
    """Compares targets with what losses want.

    Raises:
        ValueError: for integers where one-hot targets are needed, or a size that differs from the output's.
    """
    wanted = (losses.mean_squared_error, losses.binary_crossentropy, losses.categorical_crossentropy)
    for y, loss, shape in zip(targets, loss_fns, output_shapes, strict=True):
        function = getattr(loss, "fn", loss)
        if y is None or loss is None or K.is_tensor(y):
            continue
        if function is losses.categorical_crossentropy and y.shape[-1] == 1:
            raise ValueError(
                f"You are passing a target array of shape {y.shape} while using as loss "
                "`categorical_crossentropy`, which expects binary matrices of shape (samples, classes). "
                "Convert with keras.utils.to_categorical(y), or use `sparse_categorical_crossentropy`."
            )
        if shape is not None and function in wanted:
            for size, expected in zip(y.shape[1:], shape[1:], strict=False):
                if expected is not None and size != expected:
                    raise ValueError(
                        f"A target array with shape {y.shape} was passed for an output of shape {shape}; "
                        f"the loss `{function.__name__}` expects targets of the output's shape."
                    )


def check_generator_arguments(
    y: Any = None, sample_weight: Any = None, validation_split: float | None = None
) -> None:
    """ValueError for arguments that do not go with a generator."""
    for name, given in (("y", y), ("sample_weight", sample_weight), ("validation_split", validation_split)):
        if given is not None and (name != "validation_split" or given):
            raise ValueError(f"`{name}` must not be given with a generator or Sequence as input.")


# --- batches ------------------------------------------------------------------------------------------------


def make_batches(size: int, batch_size: int) -> list[tuple[int, int]]:
    """(start, stop) of each batch."""
    return data.batch_ranges(size, batch_size)


def batch_shuffle(index_array: np.ndarray, batch_size: int) -> np.ndarray:
    """The indices with whole batches in a random order, and what is left over behind them."""
    return data_adapters.shuffled_chunks(index_array, batch_size)


def check_num_samples(
    ins: Sequence[Any], batch_size: int | None = None, steps: int | None = None, steps_name: str = "steps"
) -> int | None:
    """The number of samples of the first array; None where ``steps`` counts batches.

    Raises:
        ValueError: if both batch_size and steps are given, or there are only tensors and no steps.
    """
    if steps is not None and batch_size is not None:
        raise ValueError(f"If {steps_name} is set, the `batch_size` must be None.")
    if not ins or any(K.is_tensor(x) for x in ins):
        if steps is None:
            raise ValueError(f"Tensors as data need `{steps_name}`, the number of batches, not `batch_size`.")
        return None
    return int(ins[0].shape[0]) if hasattr(ins[0], "shape") else None


def is_sequence(seq: Any) -> bool:
    """Whether an object has what a Sequence has: a length and items."""
    return getattr(seq, "use_sequence_api", False) or {"__len__", "__getitem__"} <= set(dir(type(seq)))


def is_generator_or_sequence(x: Any) -> bool:
    """Whether ``x`` gives batches."""
    return inspect.isgenerator(x) or data_adapters.is_generator(x)


def iter_sequence_infinite(seq: Any) -> Iterator[Any]:
    """The items of a Sequence, again and again."""
    while True:
        yield from (seq[i] for i in range(len(seq)))


def should_run_validation(validation_freq: Any, epoch: int) -> bool:
    """Whether there is a validation after the epoch (counted from 0).

    Raises:
        ValueError: for a frequency below 1.
    """
    return validates_after(validation_freq, epoch)


# --- layers and losses --------------------------------------------------------------------------------------


def get_static_batch_size(layer: Any) -> int | None:
    """The batch size that a layer's input fixes; None if it fixes none."""
    return get_input_shape_and_dtype(layer)[0][0] if get_input_shape_and_dtype(layer)[0] else None


def get_input_shape_and_dtype(layer: Any) -> tuple[Any, Any]:
    """Batch input shape and dtype of a layer, or of the first layer of a model; (None, None) if unknown."""
    while getattr(layer, "layers", None):
        layer = layer.layers[0]
    shape = getattr(layer, "batch_input_shape", None)
    return (shape, layer.dtype) if shape else (None, None)


def get_loss_function(loss: Any) -> Any:
    """The loss that compile() makes of a name, a function or a Loss."""
    return compile_arguments.loss_function(loss)


def prepare_loss_functions(loss: Any, output_names: Sequence[str]) -> list[Any]:
    """One loss per output, None for an output without."""
    return compile_arguments.loss_functions(loss, output_names)


def prepare_loss_weights(output_names: Sequence[str], loss_weights: Any = None) -> list[float]:
    """One factor per output."""
    return compile_arguments.loss_factors(loss_weights, output_names)


def weighted_masked_objective(fn: Callable[[Any, Any], Value] | None) -> Callable[..., Value] | None:
    """A loss (y_true, y_pred) as a scalar function (y_true, y_pred, weights, mask), as Keras 2.2 has it.

    The mean over what the mask keeps, then over the samples whose weights are not zero.
    """
    if fn is None:
        return None

    def weighted(y_true: Any, y_pred: Any, weights: Any, mask: Any = None) -> Value:
        score = fn(y_true, y_pred)
        if mask is not None:
            mask = K.cast(mask, K.floatx())
            mask, _, score = losses_utils.squeeze_or_expand_dimensions(mask, None, score)
            score = score * mask / (K.mean(mask) + K.epsilon())
        if weights is not None:
            axes = list(range(len(static_sizes(weights)), len(static_sizes(score))))
            score = (K.mean(score, axis=axes) if axes else score) * weights
            score = score / K.mean(K.cast(K.not_equal(weights, 0), K.floatx()))
        return K.mean(score)

    return weighted


registry.publish(globals())

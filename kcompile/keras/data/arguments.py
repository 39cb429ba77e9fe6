"""What the methods of ``Dataset`` are given, as stages take it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .composites import CompositeSpec
from .stages import Stage
from .structures import TensorSpec, as_leaf, flatten, map_structure, pack, shape_structure
from .tensors import called


def stage_of(dataset: Any) -> Stage:
    """What gives the elements of a dataset; TypeError for what is none."""
    stage = getattr(dataset, "_stage", None)
    if stage is None:
        raise TypeError(f"Expected a Dataset, found {dataset!r} ({type(dataset).__name__}).")
    return stage


def making_stages(function: Callable[..., Any]) -> Callable[[Any], Stage]:
    """What a function makes of an element, as that is given to it: a dataset, by its stage."""

    def stage(element: Any) -> Stage:
        return stage_of(called(function, element))

    return stage


def whole_number(value: Any) -> int:
    """A number or a tensor of one; TypeError for what is no whole number."""
    leaf = np.asarray(as_leaf(value))
    if leaf.dtype.kind not in "iub" or leaf.size != 1:
        raise TypeError(f"Expected a whole number, found {value!r}.")
    return int(leaf.reshape(()))


def positive_size(value: Any) -> int:
    """A whole number of at least 1; ValueError for another."""
    number = whole_number(value)
    if number < 1:
        raise ValueError(f"Expected a size of at least 1, found {number}.")
    return number


def as_tuples(structure: Any) -> Any:
    """Lists as tuples."""
    if isinstance(structure, list | tuple) and not hasattr(structure, "_fields"):
        return tuple(as_tuples(entry) for entry in structure)
    if isinstance(structure, Mapping):
        return {key: as_tuples(entry) for key, entry in structure.items()}
    return structure


def specs_of(types: Any, shapes: Any) -> Any:
    """Specs nested as element types are; shapes that are not given are open."""
    types = as_tuples(types)
    given = [None] * len(flatten(types)) if shapes is None else shape_structure(types, shapes)
    return pack(
        types,
        (TensorSpec(shape, dtype) for shape, dtype in zip(given, flatten(types), strict=True)),
    )


def checked_spec(spec: Any) -> Any:
    """A spec as one of tensors, or of tensors of several; TypeError for one of others."""
    if isinstance(spec, CompositeSpec):
        return spec
    if not hasattr(spec, "shape") or not hasattr(spec, "dtype"):
        raise TypeError(
            f"`output_signature` must consist of tf.TensorSpec, tf.RaggedTensorSpec and tf.SparseTensorSpec; "
            f"found {spec!r}."
        )
    return TensorSpec(spec.shape, spec.dtype, getattr(spec, "name", None))


def signature_of(types: Any, shapes: Any, signature: Any) -> Any:
    """Specs of the elements of a generator, from whichever way its user says them.

    Raises:
        TypeError: if no types are given, or a spec is none.
    """
    if signature is None:
        if types is None:
            raise TypeError(
                "Either `output_signature` or `output_types` must be specified: what an element is, such "
                "as tf.TensorSpec((), tf.float32)."
            )
        signature = specs_of(types, shapes)
    return map_structure(checked_spec, as_tuples(signature))


def with_chances(sources: list[Stage], weights: Any) -> tuple[list[Stage], np.ndarray | None]:
    """The sources that are ever drawn from, and how likely each is; None for all alike.

    Raises:
        ValueError: unless there is a weight for each.
    """
    if weights is None:
        return sources, None
    chances = np.asarray(as_leaf(weights), np.float64)
    if chances.shape != (len(sources),):
        raise ValueError(f"weights must be {len(sources)} numbers, one for each dataset; found {weights!r}.")
    return [source for source, chance in zip(sources, chances, strict=True) if chance], chances[chances > 0]


def open_shapes(spec: Any, shapes: Any) -> list[Any]:
    """The shapes that are given for the leaves of a spec, or its own."""
    if shapes is not None:
        return shape_structure(spec, shapes)
    return [leaf.shape for leaf in flatten(spec)]


def filled_shapes(spec: Any, shapes: list[Any], length: int) -> Any:
    """The shapes with a length in place of open sizes."""
    filled = (tuple(length if s is None or s == -1 else s for s in shape) for shape in shapes)
    return pack(spec, filled)

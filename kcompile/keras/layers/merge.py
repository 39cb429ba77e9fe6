"""Layers of several inputs: element-wise sums and their like, concatenation, dot products."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import reduce
from types import ModuleType
from typing import Any

import numpy as np

from ...ir import Value, op
from .. import backend as K
from .. import registry, rules
from ..backend.tensors import static_sizes
from ..core.layer import Layer
from ..declaration import configured
from ..legacy.old_names import answer_old_names

Shape = tuple[int | None, ...]


def _joins_by_any(layer: Layer) -> bool:
    return rules.holds(layer, lambda its: its.joins_masks_by_any)


class _Merge(Layer):
    """A layer of a list of inputs, which a subclass merges in ``_merge_function``.

    Inputs of fewer axes are broadcast along the axes after the batch.
    """

    _aligns = True
    supports_masking = True

    def _merge_function(self, inputs: list[Value]) -> Value:
        """The result; the inputs broadcast against one another."""
        raise NotImplementedError(f"{type(self).__name__} must override _merge_function(self, inputs).")

    def _checked_shapes(self, input_shape: Any) -> list[Shape]:
        """The shapes of the inputs.

        Raises:
            ValueError: if there are not at least two, or their batch sizes differ.
        """
        if not isinstance(input_shape, list) or len(input_shape) < 2:
            count = len(input_shape) if isinstance(input_shape, list) else 1
            raise ValueError(
                f"Layer {self.name}: a merge layer should be called on a list of at least 2 inputs. Got "
                f"{count} inputs."
            )
        batches = {shape[0] for shape in input_shape if shape} - {None}
        if len(batches) > 1:
            raise ValueError(
                f"Layer {self.name}: can not merge tensors with different batch sizes. Got tensors with "
                f"shapes {input_shape}."
            )
        return input_shape

    def build(self, input_shape: Any) -> None:
        self._merged_shape(self._checked_shapes(input_shape))
        self.built = True

    def _merged_shape(self, shapes: list[Shape]) -> Shape:
        known = [shape[1:] for shape in shapes if shape is not None]
        merged = reduce(self._compute_elemwise_op_output_shape, known)
        batches = {shape[0] for shape in shapes if shape} - {None}
        return (batches.pop() if len(batches) == 1 else None, *merged)

    def _compute_elemwise_op_output_shape(self, a: Shape, b: Shape) -> Shape:
        """The shape that two shapes without batch axis broadcast to."""
        if len(a) < len(b):
            a, b = b, a
        kept = len(a) - len(b)
        sizes = list(a[:kept])
        for m, n in zip(a[kept:], b, strict=True):
            if m is None or n is None:
                sizes.append(None)
            elif m == n or 1 in (m, n):
                sizes.append(max(m, n))
            else:
                raise ValueError(
                    f"Layer {self.name}: operands could not be broadcast together with shapes {a} {b}"
                )
        return tuple(sizes)

    def call(self, inputs: Any, mask: Any = None) -> Any:
        if not isinstance(inputs, list):
            raise ValueError(f"Layer {self.name}: a merge layer should be called on a list of inputs.")
        if not self._aligns:
            return self._merge_function(inputs)
        rank = max(x.rank for x in inputs)
        aligned = [op.Unsqueeze(x, list(range(1, 1 + rank - x.rank))) if x.rank < rank else x for x in inputs]
        kept = _mask_list(self, inputs, mask)
        if any(m is not None for m in kept) and _joins_by_any(self):
            return self._merged_of_kept(aligned, [None if m is None else _along(m) for m in kept])
        return self._merge_function(aligned)

    def _merged_of_kept(self, inputs: list[Value], kept: list[Value | None]) -> Value:
        """The result by the rule of Keras 3, where some layers leave out what an input's mask leaves out."""
        return self._merge_function(inputs)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return self._merged_shape(self._checked_shapes(input_shape))

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """A step is valid where it is valid in all inputs that have a mask; in files of Keras 3, in any
        of the inputs."""
        masks = _mask_list(self, inputs, mask)
        given = [K.cast(m, "bool") for m in masks if m is not None]
        if _joins_by_any(self):
            return reduce(op.Or, given) if given and len(given) == len(masks) else None
        return reduce(op.And, given) if given else None


def _along(mask: Value) -> Value:
    """The mask of steps with an axis for the features."""
    return op.Unsqueeze(K.cast(mask, "bool"), [-1])


def _mask_list(layer: Layer, inputs: Any, mask: Any) -> list[Any]:
    if mask is None:
        return []
    if not isinstance(mask, list) or not isinstance(inputs, list) or len(mask) != len(inputs):
        raise ValueError(f"Layer {layer.name}: masks and inputs should be lists of the same length.")
    return mask


class Add(_Merge):
    """The sum of all inputs.

    Input: list of tensors of one shape, or shapes that broadcast; output: a tensor of that shape.
    """

    def _merge_function(self, inputs: list[Value]) -> Value:
        return reduce(op.Add, inputs)


class Subtract(_Merge):
    """The first of two inputs less the second.

    Input: list of two tensors; output: a tensor of their shape.
    """

    def _checked_shapes(self, input_shape: Any) -> list[Shape]:
        shapes = super()._checked_shapes(input_shape)
        if len(shapes) != 2:
            raise ValueError(
                f"Layer {self.name}: a `Subtract` layer should be called on exactly 2 inputs, found "
                f"{len(shapes)}."
            )
        return shapes

    def _merge_function(self, inputs: list[Value]) -> Value:
        return op.Sub(*inputs)


class Multiply(_Merge):
    """The product of all inputs, element by element.

    Input: list of tensors of one shape, or shapes that broadcast; output: a tensor of that shape.
    """

    def _merge_function(self, inputs: list[Value]) -> Value:
        return reduce(op.Mul, inputs)

    def _merged_of_kept(self, inputs: list[Value], kept: list[Value | None]) -> Value:
        """What a mask leaves out counts as one; zero where all leave it out."""
        zero, one = (np.array(number, inputs[0].dtype) for number in (0, 1))
        pairs = zip(inputs, kept, strict=True)
        product = self._merge_function([x if keep is None else op.Where(keep, x, one) for x, keep in pairs])
        given = [keep for keep in kept if keep is not None]
        return product if len(given) < len(kept) else op.Where(reduce(op.Or, given), product, zero)


class Average(_Merge):
    """The mean of all inputs, element by element.

    Input: list of tensors of one shape, or shapes that broadcast; output: a tensor of that shape.
    """

    def _merge_function(self, inputs: list[Value]) -> Value:
        return reduce(op.Add, inputs) / len(inputs)


class Maximum(_Merge):
    """The largest of all inputs, element by element.

    Input: list of tensors of one shape, or shapes that broadcast; output: a tensor of that shape.
    """

    def _merge_function(self, inputs: list[Value]) -> Value:
        return op.Max(*inputs)

    def _merged_of_kept(self, inputs: list[Value], kept: list[Value | None]) -> Value:
        return _extremes_of_kept(op.Max, inputs, kept)


class Minimum(_Merge):
    """The smallest of all inputs, element by element.

    Input: list of tensors of one shape, or shapes that broadcast; output: a tensor of that shape.
    """

    def _merge_function(self, inputs: list[Value]) -> Value:
        return op.Min(*inputs)

    def _merged_of_kept(self, inputs: list[Value], kept: list[Value | None]) -> Value:
        return _extremes_of_kept(op.Min, inputs, kept)


def _extremes_of_kept(function: Callable[..., Value], inputs: list[Value], kept: list[Value | None]) -> Value:
    """Pair by pair, what the mask of one leaves out being as the other."""
    result, known = inputs[0], kept[0]
    for x, keep in zip(inputs[1:], kept[1:], strict=True):
        x = x if keep is None else op.Where(keep, x, result)
        result = result if known is None else op.Where(known, result, x)
        known = None if known is None or keep is None else op.Or(known, keep)
        result = function(result, x)
    return result


class Concatenate(_Merge):
    """The inputs one after the other along an axis.

    Args:
        axis: the axis (default the last).

    Input: list of tensors that differ along the axis only; output: one tensor.
    """

    _aligns = False

    @configured
    def __init__(self, axis: int = -1, **kwargs: Any) -> None: ...

    def _merged_shape(self, shapes: list[Shape]) -> Shape:
        ranks = {len(shape) for shape in shapes}
        rank = max(ranks)
        if len(ranks) > 1 or not -rank <= self.axis < rank:
            self._mismatch(shapes)
        axis = self.axis % rank
        merged: list[int | None] = []
        for i, sizes in enumerate(zip(*shapes, strict=True)):
            known = set(sizes) - {None}
            if i == axis:
                merged.append(None if None in sizes else sum(sizes))
            elif len(known) > 1:
                self._mismatch(shapes)
            else:
                merged.append(known.pop() if known else None)
        return tuple(merged)

    def _mismatch(self, shapes: list[Shape]) -> None:
        raise ValueError(
            f"Layer {self.name}: a `Concatenate` layer requires inputs with matching shapes except for the "
            f"concat axis ({self.axis}). Got inputs shapes: {shapes}"
        )

    def _merge_function(self, inputs: list[Value]) -> Value:
        return K.concatenate(inputs, axis=self.axis)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Concatenated along an axis that masks have (no mask counts as all valid), else all must hold;
        in files of Keras 3 any."""
        masks = _mask_list(self, inputs, mask)
        masks = [None if m is None else K.cast(m, "bool") for m in masks]
        given = [m for m in masks if m is not None]
        if not given:
            return None
        axis = self.axis % inputs[0].rank
        rank = given[0].rank
        if axis >= rank and not _joins_by_any(self):
            return reduce(op.And, given)
        filled = [_all_valid(x, rank) if m is None else m for x, m in zip(inputs, masks, strict=True)]
        return op.Concat(*filled, axis=axis) if axis < rank else reduce(op.Or, filled)


def _all_valid(x: Value, rank: int) -> Value:
    """A mask of the first ``rank`` axes of ``x`` that holds everywhere."""
    return op.Expand(K.constant(True, dtype="bool"), op.Shape(x, end=rank))


def _one_axis_or_two(layer: Layer, name: str, axes: Any) -> Any:
    pair = isinstance(axes, list | tuple) and len(axes) == 2 and all(isinstance(a, int) for a in axes)
    if not isinstance(axes, int) and not pair:
        raise ValueError(f"Invalid type for `axes` - it should be an int or a pair of ints, found {axes!r}.")
    return axes


class Dot(_Merge):
    """Dot products between the samples of two inputs.

    Args:
        axes: the axis to sum over, an int for both inputs or a pair; the batch is axis 0.
        normalize: whether to divide by the Euclidean norms first: then the products are cosines.

    Input: list of two tensors, such as (batch, i, n) and (batch, n, j) with axes (2, 1); output: (batch, i,
    j), for two vectors (batch, 1).

    Raises:
        ValueError: if axes is not an int or a pair, or the sizes of the axes differ.
    """

    _aligns = False

    @configured(axes=_one_axis_or_two)
    def __init__(self, axes: Any, normalize: bool = False, **kwargs: Any) -> None: ...

    def _axes_of(self, ranks: list[int]) -> list[int]:
        axes = [self.axes] * 2 if isinstance(self.axes, int) else list(self.axes)
        for axis, rank in zip(axes, ranks, strict=True):
            if not -rank <= axis < rank:
                raise ValueError(
                    f"Layer {self.name}: axes {self.axes} are out of range for inputs of {ranks} axes."
                )
        return [axis % rank for axis, rank in zip(axes, ranks, strict=True)]

    def _checked_shapes(self, input_shape: Any) -> list[Shape]:
        shapes = super()._checked_shapes(input_shape)
        if len(shapes) != 2:
            raise ValueError(
                f"Layer {self.name}: a `Dot` layer should be called on a list of 2 inputs, found "
                f"{len(shapes)}."
            )
        return shapes

    def _merged_shape(self, shapes: list[Shape]) -> Shape:
        a, b = shapes
        i, j = self._axes_of([len(a), len(b)])
        if a[i] is not None and b[j] is not None and a[i] != b[j]:
            raise ValueError(
                f"Layer {self.name}: dimension incompatibility {a[i]} != {b[j]}. Layer shapes: {a}, {b}. "
                f"Chosen axes: {i}, {j}"
            )
        merged = (*a[:i], *a[i + 1 :], *b[1:j], *b[j + 1 :])
        return (*merged, 1) if len(merged) == 1 else merged

    def _merge_function(self, inputs: list[Value]) -> Value:
        axes = self._axes_of([len(static_sizes(x)) for x in inputs])
        if self.normalize:
            inputs = [K.l2_normalize(x, axis=axis) for x, axis in zip(inputs, axes, strict=True)]
        return K.batch_dot(inputs[0], inputs[1], axes)

    def compute_mask(self, inputs: Any, mask: Any = None) -> None:
        return None


def _function(cls: type[_Merge]) -> Callable[..., Any]:
    """A merging layer made and called at once."""

    def merged(inputs: list[Any], **kwargs: Any) -> Any:
        return cls(**kwargs)(inputs)

    merged.__name__ = merged.__qualname__ = cls.__name__.lower()
    merged.__doc__ = f"``{cls.__name__}(**kwargs)(inputs)``."
    return merged


add = _function(Add)
subtract = _function(Subtract)
multiply = _function(Multiply)
average = _function(Average)
maximum = _function(Maximum)
minimum = _function(Minimum)


def concatenate(inputs: list[Any], axis: int = -1, **kwargs: Any) -> Any:
    """``Concatenate(axis, **kwargs)(inputs)``."""
    return Concatenate(axis=axis, **kwargs)(inputs)


def dot(inputs: list[Any], axes: Any, normalize: bool = False, **kwargs: Any) -> Any:
    """``Dot(axes, normalize, **kwargs)(inputs)``."""
    return Dot(axes=axes, normalize=normalize, **kwargs)(inputs)


class _Called(ModuleType):
    """This module, which until Keras 2.1 was a function as well: ``from keras.layers import merge``."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """See ``keras.legacy.merge.merge``."""
        return self.merge(*args, **kwargs)


registry.register(globals())
registry.publish(globals())
answer_old_names(__name__)
sys.modules[__name__].__class__ = _Called

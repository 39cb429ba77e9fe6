"""Folding layout: weights stored as the operators want them, and the way back to the weights of Keras.

A layer keeps its weight in Keras's layout and brings it into ONNX's with operators that only move
elements: HWIO -> OIHW, the gates i f c o -> i o f c, a bias padded with zeros for the half that Keras
does not have. ``fold_layout`` applies such a chain to the initializer, which keeps its name, and
returns the chain for the file's metadata. ``restore_weights`` evaluates the chain on an array of indices,
which says where each element went, and so gets every element back, bit for bit.

A chain is a list of ``[operator, attributes]``, in normal form:

- ``["Transpose", {"perm": [...]}]``
- ``["Reshape", {"shape": [...]}]``, sizes written out (also for Flatten, Squeeze and Unsqueeze)
- ``["Gather", {"axis": a, "indices": [...]}]``
- ``["Slice", {"axes": [...], "starts": [...], "ends": [...], "steps": [...]}]``
- ``["Pad", {"pads": [begin..., end...]}]``, with zeros, all axes

Where ``integers.py`` stored integers, an entry also has ``"scale"``, the initializer that makes them
numbers again, and ``"axis"``, that of the channels which have a scale each.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx

from ..arrays import array_of
from ..errors import FormatError
from ..metadata import WEIGHTS, get_metadata

if TYPE_CHECKING:
    import onnx_ir as oir

Step = list[Any]
Chain = list[Step]

# No step of a chain makes more elements than this many times what is stored: a file cannot ask for more.
_MAX_GROWTH = 4


def fold_layout(model: oir.Model, weights: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Applies the layout chains of initializers, in place; the nodes that became useless are removed.

    A weight that is read in two ways stays as it is: no second copy of it is ever stored. Other constants are
    copied for each of their readers if need be.

    Args:
        weights: names of the initializers that are weights.

    Returns:
        for each weight folded, ``{"shape": shape in Keras's layout, "layout": chain}``.
    """
    names = set(weights)
    folded: dict[str, dict[str, Any]] = {}
    for name, value in list(model.graph.initializers.items()):
        if name in names:
            chain, end, array = _follow(value)
            if chain:
                folded[name] = {"shape": list(value.shape or ()), "layout": chain}
                _replace(model.graph, value, end, array, name)
        else:
            for count, use in enumerate(list(value.uses())):
                chain, end, array = _follow(value, use)
                if chain:
                    _replace(model.graph, value, end, array, f"{name}/layout_{count}")
    return folded


def restore_weights(model: onnx.ModelProto) -> dict[str, np.ndarray]:
    """The initializers by name, those with a layout chain in the layout of the Keras weight, bit for bit.

    Chains of initializers that the model does not have are passed over: what quantizes a file renames its
    weights and keeps its metadata.

    Args:
        model: with all its data inline.

    Raises:
        FormatError: if a chain in the metadata is malformed, does not fit its initializer, or loses elements.
    """
    chains = _read_chains(get_metadata(model).get(WEIGHTS))
    arrays: dict[str, np.ndarray] = {}
    for tensor in model.graph.initializer:
        name = tensor.name
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            raise FormatError(f"The weight {name!r} lies in an external file; load it into the model first.")
        arrays[name] = array_of(tensor)
    weights = {}
    for name, stored in arrays.items():
        if name not in chains:
            weights[name] = stored
            continue
        numbers = _in_numbers(stored, chains[name], arrays, name)
        weights[name] = _restore(numbers, chains[name], name)
    return weights


def _in_numbers(
    stored: np.ndarray, entry: dict[str, Any], arrays: Mapping[str, np.ndarray], name: str
) -> np.ndarray:
    """What is stored; of integers the numbers that they stand for."""
    if "scale" not in entry or stored.dtype.kind == "f":  # a float: somebody else turned it back
        return stored
    scale, axis = arrays.get(str(entry["scale"])), entry.get("axis")
    if (
        scale is None
        or scale.dtype.kind != "f"
        or type(axis) is not int
        or not 0 <= axis < max(stored.ndim, 1)
    ):
        raise _misfit(name, f"there is no scale {entry['scale']!r} for the axis {axis!r}")
    if scale.ndim and (scale.ndim > 1 or scale.size != stored.shape[axis]):
        raise _misfit(name, f"its scale has shape {list(scale.shape)}, the initializer {list(stored.shape)}")
    if scale.ndim:
        scale = scale.reshape([-1 if i == axis else 1 for i in range(stored.ndim)])
    if "zero_point" not in entry:
        return stored.astype(scale.dtype) * scale
    zero = arrays.get(str(entry["zero_point"]))
    if zero is None or zero.dtype != stored.dtype or zero.ndim:
        raise _misfit(name, f"there is no zero point {entry['zero_point']!r} of one integer like its own")
    return (stored.astype(scale.dtype) - zero.astype(scale.dtype)) * scale


def apply_chain(array: np.ndarray, chain: Chain) -> np.ndarray:
    """The array after a chain of layout operators.

    Raises:
        ValueError: if the chain does not fit the array.
    """
    for operator, attributes in chain:
        array = _APPLY[operator](array, **attributes)
    return array


def _restore(stored: np.ndarray, entry: dict[str, Any], name: str) -> np.ndarray:
    shape, chain = entry["shape"], entry["layout"]
    size = math.prod(shape)
    if size > stored.size:  # each element is somewhere in what is stored
        raise _misfit(name, f"a weight of shape {shape} does not fit into {stored.size} elements")
    try:
        places = np.arange(1, size + 1).reshape(shape)  # 0 is padding
        for operator, attributes in chain:
            if _size_after([operator, attributes], places) > _MAX_GROWTH * max(stored.size, 1):
                raise _misfit(name, "a step makes it larger than the initializer")
            places = _APPLY[operator](places, **attributes)
    except (ValueError, TypeError, IndexError, KeyError, ArithmeticError) as error:
        if isinstance(error, FormatError):
            raise
        raise _misfit(name, str(error)) from error
    if places.shape != stored.shape:
        raise _misfit(
            name, f"it ends in shape {list(places.shape)}, the initializer has {list(stored.shape)}"
        )
    kept = places > 0
    weight = np.empty(size, stored.dtype)
    found = np.zeros(size, bool)
    weight[places[kept] - 1] = stored[kept]
    found[places[kept] - 1] = True
    if not found.all():
        raise _misfit(name, f"{size - int(found.sum())} elements of the weight are lost")
    return weight.reshape(shape)


def _misfit(name: str, problem: str) -> FormatError:
    return FormatError(
        f"The layout of the weight {name!r} in the metadata ({WEIGHTS}) is damaged: {problem}."
    )


def _read_chains(text: str | None) -> dict[str, dict[str, Any]]:
    try:
        chains = json.loads(text) if text is not None else {}
    except (ValueError, RecursionError):
        raise FormatError(f"The metadata entry {WEIGHTS} is not JSON.") from None
    if not isinstance(chains, dict):
        raise FormatError(f"The metadata entry {WEIGHTS} should be an object; found {type(chains).__name__}.")
    for name, entry in chains.items():
        if not isinstance(entry, dict) or not _are_sizes(entry.get("shape")):
            raise _misfit(name, "it has no shape")
        steps = entry.get("layout")
        if not isinstance(steps, list) or not all(_is_step(step) for step in steps):
            raise _misfit(name, f"its steps should be [operator, attributes], operators {', '.join(_APPLY)}")
    return chains


def _are_sizes(value: Any) -> bool:
    return isinstance(value, list) and all(type(size) is int and size >= 0 for size in value)


def _is_step(step: Any) -> bool:
    return isinstance(step, list) and len(step) == 2 and step[0] in _APPLY and isinstance(step[1], dict)


def _transpose(array: np.ndarray, perm: list[int]) -> np.ndarray:
    return array.transpose(perm)


def _reshape(array: np.ndarray, shape: list[int]) -> np.ndarray:
    return array.reshape(shape)


def _gather(array: np.ndarray, axis: int, indices: list[int]) -> np.ndarray:
    return array.take(np.asarray(indices, np.int64), axis)


def _slice(
    array: np.ndarray, axes: list[int], starts: list[int], ends: list[int], steps: list[int]
) -> np.ndarray:
    index = [slice(None)] * array.ndim
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        index[axis] = slice(start, end, step)  # ONNX counts and clamps as Python does
    return array[tuple(index)]


def _pad(array: np.ndarray, pads: list[int]) -> np.ndarray:
    if min(pads, default=0) < 0:
        raise ValueError(f"pads {pads} do not suit {list(array.shape)}")
    return np.pad(array, list(zip(pads[: array.ndim], pads[array.ndim :], strict=True)))


def _size_after(step: Step, array: np.ndarray) -> int:
    """How many elements a step makes, known before they take memory."""
    operator, attributes = step
    if operator == "Pad":
        pads = attributes["pads"]
        sizes = zip(array.shape, pads[: array.ndim], pads[array.ndim :], strict=True)
        return math.prod(max(0, sum(size)) for size in sizes)
    if operator == "Gather":
        axis = attributes["axis"] % array.ndim
        return math.prod(array.shape[:axis] + array.shape[axis + 1 :]) * len(attributes["indices"])
    return array.size


_APPLY: dict[str, Callable[..., np.ndarray]] = {
    "Transpose": _transpose,
    "Reshape": _reshape,
    "Gather": _gather,
    "Slice": _slice,
    "Pad": _pad,
}


def _follow(value: oir.Value, use: Any = None) -> tuple[Chain, oir.Value, np.ndarray | None]:
    """The longest chain of layout operators from a constant to its first other reader.

    Returns:
        the chain, the value at its end, and that value's elements.
    """
    chain: Chain = []
    original = None if value.const_value is None else value.const_value.numpy()
    array, end = original, value
    while array is not None and original is not None and array.dtype != object:
        uses = [use] if use is not None else list(end.uses())
        if len(uses) != 1 or uses[0].idx != 0 or end.is_graph_output():
            break
        node, use = uses[0].node, None
        step = _as_step(node, array)
        output = node.outputs[0]
        if step is None or output.is_graph_output() or node.graph is not value.graph:
            break
        if _size_after(step, array) > _MAX_GROWTH * max(original.size, 1):
            break
        after = apply_chain(array, [step])
        if step[0] in _LOSSY and not _all_present(original, [*chain, step]):
            break
        chain.append(step)
        array, end = after, output
    return chain, end, array


# The others keep every element by their nature.
_LOSSY = {"Gather", "Slice"}


def _all_present(array: np.ndarray, chain: Chain) -> bool:
    places = apply_chain(np.arange(1, array.size + 1).reshape(array.shape), chain)
    found = np.zeros(array.size + 1, bool)
    found[places] = True
    return bool(found[1:].all())


def _as_step(node: oir.Node, array: np.ndarray) -> Step | None:
    """A node in normal form, as it applies to this array; None if it is no layout operator on constants."""
    reader = _READ.get(node.op_type) if node.domain == "" else None
    arguments = node.inputs[1:]
    if reader is None or any(value is not None and value.const_value is None for value in arguments):
        return None
    return reader(node, array, [_numpy(value) for value in arguments])


def _numpy(value: oir.Value | None) -> np.ndarray | None:
    return None if value is None or value.const_value is None else value.const_value.numpy()


def _read_transpose(node: oir.Node, array: np.ndarray, constants: list) -> Step | None:
    perm = node.attributes.get("perm")
    axes = list(perm.as_ints()) if perm is not None else list(reversed(range(array.ndim)))
    return ["Transpose", {"perm": axes}]


def _read_reshape(node: oir.Node, array: np.ndarray, constants: list) -> Step | None:
    """Reshape, Flatten, Squeeze, Unsqueeze: the shape of the output says it all."""
    shape = node.outputs[0].shape
    sizes = [dim for dim in shape if isinstance(dim, int)] if shape is not None else None
    return ["Reshape", {"shape": sizes}] if sizes is not None and len(sizes) == len(shape or ()) else None


def _read_gather(node: oir.Node, array: np.ndarray, constants: list) -> Step | None:
    indices = constants[0]
    axis = node.attributes["axis"].as_int() if "axis" in node.attributes else 0
    return ["Gather", {"axis": axis, "indices": indices.tolist()}] if indices.ndim == 1 else None


def _read_slice(node: oir.Node, array: np.ndarray, constants: list) -> Step | None:
    starts, ends = constants[0].tolist(), constants[1].tolist()
    axes, steps = [None if c is None else c.tolist() for c in [*constants[2:], None, None][:2]]
    axes = list(range(len(starts))) if axes is None else axes
    steps = [1] * len(starts) if steps is None else steps
    return ["Slice", {"axes": axes, "starts": starts, "ends": ends, "steps": steps}]


def _read_pad(node: oir.Node, array: np.ndarray, constants: list) -> Step | None:
    pads, fill, axes = (constants + [None, None])[:3]
    mode = node.attributes["mode"].as_string() if "mode" in node.attributes else "constant"
    if mode != "constant" or (fill is not None and fill.any()) or (pads < 0).any():
        return None
    full = np.zeros((2, array.ndim), np.int64)
    full[:, slice(None) if axes is None else axes] = pads.reshape(2, -1)
    return ["Pad", {"pads": full.reshape(-1).tolist()}]


_READ: dict[str, Callable[[oir.Node, np.ndarray, list], Step | None]] = {
    "Transpose": _read_transpose,
    **dict.fromkeys(["Reshape", "Flatten", "Squeeze", "Unsqueeze"], _read_reshape),
    "Gather": _read_gather,
    "Slice": _read_slice,
    "Pad": _read_pad,
}


def _replace(graph: oir.Graph, value: oir.Value, end: oir.Value, array: np.ndarray | None, name: str) -> None:
    """Puts the folded constant where the chain ended."""
    import onnx_ir as oir

    assert array is not None
    tensor = oir.Tensor(array, name=name)
    new = oir.Value(name=name, type=value.type, shape=tensor.shape, const_value=tensor)
    node = end.producer()
    end.replace_all_uses_with(new)
    while node is not None:  # from the end of the chain back to the constant, as far as nobody else reads it
        source = node.inputs[0]
        graph.remove(node, safe=True)
        node = None if source is None or source is value or source.uses() else source.producer()
    if not value.uses():
        del graph.initializers[value.name or ""]
    graph.register_initializer(new)

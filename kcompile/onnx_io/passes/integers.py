"""Weights as the integers that they are rounded to: what training for 8 bits ends in.

A model that trained so has QuantizeLinear behind its weights and, between products, behind activations. Here

- weights become integers, which DequantizeLinear reads;
- a BatchNormalization behind a product goes into it: its factor into the scales of the channels, the rest
  into the bias. No integer changes by that, but for the sign where the factor is negative (-128, which only
  learned scales make, loses a step);
- a MatMul with a bias becomes a Gemm, and biases become integers of 32 bits, on the scale that the product's
  accumulator has.

onnxruntime then computes products of integers. The file can still come back as the model: integers keep the
name of the weight, and their entry in the metadata says by which scale they become it; what was folded stays
in the file, unread.
"""

from __future__ import annotations

from collections.abc import Set
from typing import Any, NamedTuple

import numpy as np
import onnx_ir as oir

_PRODUCTS = ("Conv", "Gemm", "MatMul")
#: Operators that take integers as well as floats, and give them again.
_MOVING = ("Flatten", "MaxPool", "Reshape", "Slice", "Squeeze", "Transpose", "Unsqueeze")
_SMALLEST = 1e-12
_INT32 = np.iinfo(np.int32)


class _Rounded(NamedTuple):
    """Weights that are rounded: QuantizeLinear and DequantizeLinear of an initializer."""

    quantize: oir.Node
    dequantize: oir.Node
    weight: oir.Value
    scale: np.ndarray
    zero_point: np.ndarray
    axis: int

    def spread(self, by_channel: np.ndarray) -> np.ndarray:
        """Numbers of channels as they broadcast over the weight."""
        rank = len(self.weight.shape or ())
        return by_channel.reshape([-1 if i == self.axis else 1 for i in range(rank)]) if rank else by_channel

    def integers(self) -> np.ndarray:
        """The weight as integers."""
        assert self.weight.const_value is not None
        numbers = self.weight.const_value.numpy().astype(np.float32)
        levels = np.round(numbers / self.spread(self.scale)) + self.spread(self.zero_point.astype(np.float32))
        bounds = np.iinfo(self.zero_point.dtype)
        return np.clip(levels, bounds.min, bounds.max).astype(self.zero_point.dtype)


def store_integers(model: oir.Model, weights: Set[str], layouts: dict[str, dict[str, Any]]) -> None:
    """Rewrites the main graph in place; the last of the passes, as it leaves initializers that nobody reads.

    Args:
        weights: names of the initializers that are weights.
        layouts: how weights were laid out; entries say here how they were rounded.
    """
    if any(node.op_type == "QuantizeLinear" for node in model.graph):
        _Integers(model.graph, set(weights), layouts).run()


class _Integers:
    def __init__(self, graph: oir.Graph, weights: set[str], layouts: dict[str, dict[str, Any]]) -> None:
        self.graph, self.weights, self.layouts = graph, weights, layouts

    def run(self) -> None:
        for node in list(self.graph):
            if node.op_type == "Add":
                self._become_gemm(node)
        for node in list(self.graph):
            if node.op_type == "BatchNormalization":
                self._fold_normalization(node)
        for node in list(self.graph):
            rounded = _rounded(node.outputs[0]) if node.op_type == "DequantizeLinear" else None
            if rounded is not None:
                self._store(rounded, rounded.integers(), rounded.scale, rounded.scale)
        for node in list(self.graph):
            if node.op_type == "DequantizeLinear":
                self._sink(node)
        for node in list(self.graph):
            if node.op_type in ("Conv", "Gemm"):
                self._store_bias(node)
        self._remove_unread()

    # --- products -------------------------------------------------------------------------------------------

    def _become_gemm(self, add: oir.Node) -> None:
        """The sum of a product of matrices and a bias, as one operator."""
        for product_at, bias_at in ((0, 1), (1, 0)):
            product = _made_alone(add.inputs[product_at])
            bias = _numbers(add.inputs[bias_at])
            if product is None or product.op_type != "MatMul" or bias is None or bias.ndim != 1:
                continue
            x = product.inputs[0]
            if x is None or x.shape is None or len(x.shape) != 2 or _rounded(product.inputs[1]) is None:
                continue
            given = [x, product.inputs[1], add.inputs[bias_at]]
            _become(add, "Gemm", given, {})
            self.graph.remove(product, safe=True)
            return

    def _fold_normalization(self, node: oir.Node) -> None:
        product = _made_alone(node.inputs[0])
        if product is None or product.op_type not in _PRODUCTS or len(node.outputs) > 1:
            return
        rounded = _rounded(product.inputs[1])
        averages = [_numbers(value) for value in node.inputs[1:]]
        bias = _numbers(_input(product, 2))
        if (
            rounded is None
            or any(x is None for x in averages)
            or len(rounded.dequantize.outputs[0].uses()) > 1
        ):
            return
        if product.op_type != "Conv" and len(_shape(product.outputs[0])) != 2:
            return
        gamma, beta, mean, variance = (np.asarray(x, np.float64) for x in averages)
        epsilon = node.attributes["epsilon"].as_float() if "epsilon" in node.attributes else 1e-5
        factor = gamma / np.sqrt(variance + epsilon)
        scale = np.broadcast_to(rounded.scale, factor.shape)
        sign = np.where(factor < 0, -1, 1)
        folded = np.maximum(scale * np.abs(factor), _SMALLEST).astype(np.float32)
        integers = rounded.integers()
        if rounded.zero_point.any():
            return
        turned = integers.astype(np.int64) * rounded.spread(sign)
        name = rounded.weight.name
        shift = beta + ((0.0 if bias is None else bias) - mean) * factor
        dequantized = rounded.dequantize.outputs[0]
        self._store(
            rounded,
            np.minimum(turned, np.iinfo(integers.dtype).max).astype(integers.dtype),
            folded,
            (scale * sign).astype(np.float32),
        )
        folded_bias = self._constant(shift.astype(np.float32), f"{name}/folded_bias")
        attributes = dict(product.attributes)
        kind = "Gemm" if product.op_type == "MatMul" else product.op_type
        _become(node, kind, [product.inputs[0], dequantized, folded_bias], attributes)
        self.graph.remove(product, safe=True)

    # --- integers -------------------------------------------------------------------------------------------

    def _store(self, rounded: _Rounded, integers: np.ndarray, scale: np.ndarray, back: np.ndarray) -> None:
        """Lets DequantizeLinear read integers.

        Args:
            scale: by which it reads them.
            back: by which they become the weight, where that is another.
        """
        name = rounded.weight.name or ""
        alone = len(rounded.weight.uses()) == 1
        stored = name if alone else f"{name}/integers"
        dequantize = rounded.dequantize
        scale_name = f"{stored}/scale"
        dequantize.replace_input_with(1, self._constant(scale, scale_name))
        zero = (
            np.zeros(scale.shape, rounded.zero_point.dtype)
            if not rounded.zero_point.any()
            else rounded.zero_point
        )
        dequantize.replace_input_with(2, self._constant(zero, f"{stored}/zero_point"))
        if scale.ndim:
            dequantize.attributes["axis"] = oir.AttrInt64("axis", rounded.axis)
        shape = list(rounded.weight.shape or ())
        if alone:
            del self.graph.initializers[name]
        dequantize.replace_input_with(0, self._constant(integers, stored))
        self.graph.remove(rounded.quantize, safe=True)
        if not alone or name not in self.weights:
            return
        entry = self.layouts.setdefault(name, {"shape": shape, "layout": []})
        if back is not scale and not np.array_equal(back, scale):
            scale_name = self._constant(back, f"{stored}/unfolded_scale").name or ""
            self.weights.add(scale_name)
        entry.update(scale=scale_name, axis=rounded.axis)
        if zero.any():
            entry["zero_point"] = f"{stored}/zero_point"

    def _store_bias(self, node: oir.Node) -> None:
        """The bias of a product of integers, as its accumulator has it."""
        bias = _numbers(_input(node, 2))
        x, weight = (_scale_of(node.inputs[i]) for i in (0, 1))
        if bias is None or x is None or weight is None or x.ndim or bias.ndim != 1:
            return
        scale = np.broadcast_to(x.astype(np.float32) * weight.astype(np.float32), bias.shape)
        levels = np.round(bias / scale.astype(np.float64))
        if np.abs(levels).max(initial=0.0) > _INT32.max:  # a bias far larger than the product can be
            return
        value = node.inputs[2]
        assert value is not None
        integers = self._constant(levels.astype(np.int32), f"{value.name}/integers")
        its_scale = self._constant(scale, f"{value.name}/integers/scale")
        zero = self._constant(np.zeros(bias.shape, np.int32), f"{value.name}/integers/zero_point")
        new = oir.Node("", "DequantizeLinear", [integers, its_scale, zero], [oir.AttrInt64("axis", 0)])
        new.name = new.outputs[0].name = f"{integers.name}/dequantized"
        new.outputs[0].type, new.outputs[0].shape = oir.TensorType(oir.DataType.FLOAT), oir.Shape(bias.shape)
        new.metadata_props.update(node.metadata_props)
        self.graph.insert_before(node, new)
        node.replace_input_with(2, new.outputs[0])

    def _sink(self, dequantize: oir.Node) -> None:
        """Lets operators that only move numbers move integers, so that products read DequantizeLinear; of
        tables, rows are taken as integers."""
        scale, integers, output = _numbers(dequantize.inputs[1]), dequantize.inputs[0], dequantize.outputs[0]
        while scale is not None and not scale.ndim and integers is not None:
            readers = [use.node for use in output.uses()]
            movers = ("Gather",) if integers.const_value is not None else (*_MOVING, "Gather")
            if len(readers) != 1 or output.is_graph_output() or readers[0].op_type not in movers:
                return
            mover, place = readers[0], next(use.idx for use in output.uses())
            moved = mover.outputs[0]
            if place or len(mover.outputs) > 1 or moved.is_graph_output() or mover.graph is not self.graph:
                return
            mover.replace_input_with(0, integers)
            moved.replace_all_uses_with(output)
            output.shape, output.type = moved.shape, output.type
            moved.type, moved.name = integers.type, f"{moved.name}/integers"
            dequantize.replace_input_with(0, moved)
            self.graph.remove(dequantize)
            self.graph.insert_after(mover, dequantize)
            integers = moved

    def _constant(self, array: np.ndarray, name: str) -> oir.Value:
        """A new initializer, under this name or one like it."""
        taken, unique, number = self.graph.initializers, name, 1
        while unique in taken:
            number += 1
            unique = f"{name}_{number}"
        tensor = oir.Tensor(np.asarray(array, order="C"), name=unique)
        value = oir.Value(
            name=unique, type=oir.TensorType(tensor.dtype), shape=tensor.shape, const_value=tensor
        )
        self.graph.register_initializer(value)
        return value

    def _remove_unread(self) -> None:
        """Constants that nobody reads any more go; weights stay."""
        for name, value in list(self.graph.initializers.items()):
            if name not in self.weights and not value.uses() and not value.is_graph_output():
                del self.graph.initializers[name]


def _become(node: oir.Node, op_type: str, inputs: list[Any], attributes: dict[str, Any]) -> None:
    """Makes another operator of a node, which keeps its output."""
    node.op_type = op_type
    node.attributes.clear()
    node.attributes.update(attributes)
    node.resize_inputs(len(inputs))
    for i, value in enumerate(inputs):
        node.replace_input_with(i, value)


def _made_alone(value: oir.Value | None) -> oir.Node | None:
    """The node that makes a value which one other reads, and no one else."""
    if value is None or len(value.uses()) != 1 or value.is_graph_output():
        return None
    return value.producer()


def _rounded(value: oir.Value | None) -> _Rounded | None:
    """Weights that are rounded on the way to a value."""
    dequantize = None if value is None else value.producer()
    if dequantize is None or dequantize.op_type != "DequantizeLinear" or dequantize.inputs[0] is None:
        return None
    quantize = dequantize.inputs[0].producer()
    if quantize is None or quantize.op_type != "QuantizeLinear" or len(quantize.outputs[0].uses()) != 1:
        return None
    weight, scale = quantize.inputs[0], _numbers(quantize.inputs[1])
    zero = _numbers(_input(quantize, 2))
    if (
        weight is None
        or weight.const_value is None
        or scale is None
        or zero is None
        or zero.dtype.kind not in "iu"
    ):
        return None
    if "block_size" in quantize.attributes or not _equal(dequantize, quantize):
        return None
    axis = quantize.attributes["axis"].as_int() if "axis" in quantize.attributes else 1
    rank = len(weight.shape or ())
    if scale.size == 1 and scale.ndim <= 1:
        scale, zero = scale.reshape(()), zero.reshape(())
    return _Rounded(quantize, dequantize, weight, scale, zero, axis % max(rank, 1))


def _equal(dequantize: oir.Node, quantize: oir.Node) -> bool:
    """Whether both go by the same scale and zero point."""
    for i in (1, 2):
        a, b = (_numbers(_input(node, i)) for node in (dequantize, quantize))
        if a is None or b is None or not np.array_equal(a, b):
            return False
    return True


def _scale_of(value: oir.Value | None) -> np.ndarray | None:
    """The scale of a value that DequantizeLinear gives."""
    node = None if value is None else value.producer()
    if node is None or node.op_type != "DequantizeLinear":
        return None
    return _numbers(node.inputs[1])


def _numbers(value: oir.Value | None) -> np.ndarray | None:
    return None if value is None or value.const_value is None else value.const_value.numpy()


def _input(node: oir.Node, i: int) -> oir.Value | None:
    return node.inputs[i] if i < len(node.inputs) else None


def _shape(value: oir.Value) -> list[Any]:
    return list(value.shape or ())

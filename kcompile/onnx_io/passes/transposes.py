"""Sinking transposes: a channels_last network as if it had been written channels_first.

Every spatial operator of a channels_last layer stands between two Transposes, NHWC -> NCHW and back. This
pass pushes the second one down, through everything that can be computed in the other layout just as well,
until it meets the first one of the next operator and both vanish. Nodes are visited once, in topological
order. Where ``pending[value] = (raw, perm)``, the value as it was written is ``Transpose(raw, perm)``: the
permutation is pending. A consumer that can absorb it is rewritten to read ``raw``, for any other the
Transpose is put back.

Which operator absorbs a permutation, and how, is in the table at the end. A handler gets the rewriter, the
node, the permutation and the operands. It rewrites the node and returns the permutation that is pending for
its outputs in turn, or returns None and changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import onnx_ir as oir

from ...ir import Names

Perm = tuple[int, ...]


class Operand(NamedTuple):
    """An input as a node was written to read it: ``Transpose(raw, perm)``, or ``raw`` where perm is None."""

    raw: oir.Value
    perm: Perm | None


Operands = Sequence[Operand | None]
Handler = Callable[["Rewriter", oir.Node, Perm, Operands], Perm | None]


def sink_transposes(model: oir.Model, through_channels: bool = False) -> None:
    """Rewrites the main graph in place. Nodes that became useless stay: remove unused nodes afterwards.

    Args:
        through_channels: whether operators that mix the channels of a channels_last image are rewritten for
            channels_first: a MatMul as Conv, LayerNormalization as the operators of its definition.
    """
    Rewriter(model.graph, _HANDLERS | _OVER_CHANNELS if through_channels else _HANDLERS).run()


def stops_at_channels(model: oir.Model) -> bool:
    """Whether, after sinking, an operator that mixes channels stands behind a Transpose of an image."""

    def reads_image(node: oir.Node) -> bool:
        made_by = node.inputs[0].producer() if node.inputs and node.inputs[0] is not None else None
        if made_by is None or made_by.op_type != "Transpose":
            return False
        perm = _perm_of(made_by)
        return perm is not None and _is_image(perm)

    return any(node.op_type in _OVER_CHANNELS and reads_image(node) for node in model.graph)


def transposes_to_reshapes(model: oir.Model) -> None:
    """A Transpose that only moves axes of size 1 is a Reshape, which costs nothing."""
    rewriter = Rewriter(model.graph)
    for node in list(model.graph):
        if node.op_type == "Transpose" and node.inputs[0] is not None:
            perm, output = _perm_of(node), node.outputs[0]
            shape = None if perm is None else _as_reshape(node.inputs[0].shape, perm)
            if shape is not None and not output.is_graph_output():
                rewriter.at = node
                new = rewriter.node("Reshape", [node.inputs[0], rewriter.constant(shape, output)], {}, output)
                new.shape = output.shape
                output.replace_all_uses_with(new)
                model.graph.remove(node, safe=True)


def inverse(perm: Perm) -> Perm:
    """The permutation that undoes ``perm``."""
    return tuple(int(i) for i in np.argsort(perm))


def compose(first: Perm, second: Perm) -> Perm:
    """The permutation that does ``first`` and then ``second``."""
    return tuple(first[i] for i in second)


def is_identity(perm: Perm) -> bool:
    """Whether the permutation moves nothing."""
    return perm == tuple(range(len(perm)))


class Rewriter:
    """One run over one graph.

    Attributes:
        pending: for a value its raw form and the pending permutation.
        at: the node at hand; new nodes are put before it, or at the end where there is none.
    """

    def __init__(self, graph: oir.Graph, handlers: dict[str, Handler] | None = None) -> None:
        self.graph = graph
        self.handlers = _HANDLERS if handlers is None else handlers
        self.pending: dict[oir.Value, tuple[oir.Value, Perm]] = {}
        self.at: oir.Node | None = None
        self._transposed: dict[tuple[oir.Value, Perm], oir.Value] = {}
        self._unsqueezed: dict[tuple[oir.Value, int], oir.Value] = {}
        self._pinned = set(_read_by_subgraphs(graph))
        # one store for both kinds of names: a new node and its output share theirs
        values = {value.name for node in graph for value in node.outputs} | set(graph.initializers)
        names = values | {node.name for node in graph}
        self.unique = Names(name for name in names if name is not None).unique

    def run(self) -> None:
        for node in list(self.graph):
            self.at = node
            operands = [None if v is None else Operand(*self.pending.get(v, (v, None))) for v in node.inputs]
            if node.op_type == "Transpose" and node.domain == "":
                self._visit_transpose(node, operands[0])
            elif any(o is not None and o.perm is not None for o in operands):
                if not self._absorb(node, operands):
                    for i, operand in enumerate(operands):
                        if operand is not None and operand.perm is not None:
                            node.replace_input_with(i, self.written(operand))
        self._settle_outputs()

    def _visit_transpose(self, node: oir.Node, operand: Operand | None) -> None:
        """Composes with what is pending for the input; the node stays, as the way back, if that is needed."""
        perm = _perm_of(node)
        if operand is None or perm is None:
            return
        if operand.perm is not None:
            perm = compose(operand.perm, perm)
            node.replace_input_with(0, operand.raw)
            node.attributes["perm"] = oir.AttrInt64s("perm", perm)
        self.pending[node.outputs[0]] = (operand.raw, perm)
        self._transposed.setdefault((operand.raw, perm), node.outputs[0])

    def _absorb(self, node: oir.Node, operands: Operands) -> bool:
        handler = self.handlers.get(node.op_type) if node.domain == "" else None
        if handler is None or not self._pinned.isdisjoint(node.outputs):
            return False
        # operators that are not elementwise have one tensor to permute, the first; the rest are parameters
        candidates = operands if handler in (_elementwise, _concat) else operands[:1]
        perms = [
            o.perm for o in candidates if o is not None and o.perm is not None and not is_identity(o.perm)
        ]
        if not perms:
            return False
        for i, operand in enumerate(operands[len(candidates) :], len(candidates)):
            if operand is not None and operand.perm is not None:
                node.replace_input_with(i, self.written(operand))
        perm = max(perms, key=lambda p: (len(p), perms.count(p)))
        pending = handler(self, node, perm, operands)
        if pending is None:
            return False
        for output in node.outputs:
            if not is_identity(pending):
                output.shape = _permuted(output, inverse(pending))
                self.pending[output] = (output, pending)
        return True

    def _settle_outputs(self) -> None:
        """The graph's outputs in the layout that they were written in, under their names."""
        self.at = None
        for i, output in enumerate(self.graph.outputs):
            if output not in self.pending:
                continue
            result = self.written(Operand(*self.pending[output]))
            if result is output:
                continue
            if result.producer() is None or result.is_graph_output():
                result = self.node("Identity", [result], {}, output)
            result.name, output.name = output.name, self.unique(f"{output.name}/raw")
            result.shape = _permuted(*self.pending[output])
            self.graph.outputs[i] = result

    def written(self, operand: Operand) -> oir.Value:
        """The operand in its original layout."""
        return operand.raw if operand.perm is None else self.transposed(operand.raw, operand.perm)

    def transposed(self, value: oir.Value, perm: Perm) -> oir.Value:
        """``Transpose(value, perm)``, by one node however often it is asked for."""
        if is_identity(perm):
            return value
        if (value, perm) not in self._transposed:
            result = self.node("Transpose", [value], {"perm": perm}, value)
            result.shape = _permuted(value, perm)
            self._transposed[value, perm] = result
        return self._transposed[value, perm]

    def in_layout(self, operand: Operand, perm: Perm) -> oir.Value:
        """What ``perm`` turns into the operand, broadcast to the rank of ``perm``; its own rank is known."""
        pending = operand.perm
        value, rank = operand.raw, len(operand.raw.shape or ())
        if all(dim == 1 for dim in value.shape or ()) and rank <= 1:
            return value
        if rank < len(perm):
            value, pending = self._unsqueeze(self.written(operand), len(perm)), None
        return self.transposed(value, compose(pending or tuple(range(len(perm))), inverse(perm)))

    def is_free(self, operand: Operand, perm: Perm) -> bool:
        """Whether ``in_layout`` costs no Transpose of a large tensor."""
        value = operand.raw
        if operand.perm is not None:
            return operand.perm == perm
        shape = value.shape
        small = shape is not None and (
            len(shape) < len(perm) or _as_reshape(shape, inverse(perm)) is not None
        )
        return value.const_value is not None or small or (value, inverse(perm)) in self._transposed

    def _unsqueeze(self, value: oir.Value, rank: int) -> oir.Value:
        if (value, rank) not in self._unsqueezed:
            dims = list(value.shape or ())
            axes = list(range(rank - len(dims)))
            result = self.node("Unsqueeze", [value, self.constant(axes, value)], {}, value)
            result.shape = oir.Shape([*[1] * len(axes), *dims])
            self._unsqueezed[value, rank] = result
        return self._unsqueezed[value, rank]

    def node(
        self, op_type: str, inputs: Sequence[oir.Value], attributes: dict[str, Sequence[int]], like: oir.Value
    ) -> oir.Value:
        """Adds a node before the one at hand; returns its output, named after ``like`` and of its type."""
        name = self.unique(f"{like.name}/{op_type}")
        new = oir.Node("", op_type, inputs, [oir.AttrInt64s(k, v) for k, v in attributes.items()], name=name)
        new.outputs[0].name, new.outputs[0].type = name, like.type
        if self.at is None:
            self.graph.append(new)
        else:
            new.metadata_props.update(self.at.metadata_props)
            self.graph.insert_before(self.at, new)
        return new.outputs[0]

    def constant(self, values: Sequence[int] | np.ndarray, user: oir.Value) -> oir.Value:
        """A new initializer; lists are int64."""
        array = values if isinstance(values, np.ndarray) else np.array(values, np.int64)
        tensor = oir.Tensor(array, name=self.unique(f"{user.name}/constant"))
        value = oir.Value(
            name=tensor.name, type=oir.TensorType(tensor.dtype), shape=tensor.shape, const_value=tensor
        )
        self.graph.register_initializer(value)
        return value


def _read_by_subgraphs(graph: oir.Graph) -> Iterable[oir.Value]:
    """Values that a body reads from outside: these keep their layout."""
    for node in graph:
        for attribute in node.attributes.values():
            if attribute.type == oir.AttributeType.GRAPH:
                for inner in attribute.as_graph().all_nodes():
                    yield from (value for value in inner.inputs if value is not None)


def _permuted(value: oir.Value, perm: Perm) -> oir.Shape | None:
    return None if value.shape is None else oir.Shape([value.shape[i] for i in perm])


def _perm_of(node: oir.Node) -> Perm | None:
    attribute = node.attributes.get("perm")
    if attribute is not None:
        return tuple(attribute.as_ints())
    shape = node.outputs[0].shape
    return None if shape is None else tuple(reversed(range(len(shape))))


def _as_reshape(shape: oir.Shape | None, perm: Perm) -> list[int] | None:
    """The target of a Reshape that does the same as the permutation, if one does.

    A dynamic axis that stays in its place is written 0 (copied), one other may be -1.
    """
    if shape is None or not _keeps_order(shape, perm) or is_identity(perm):
        return None
    target = [dim if isinstance(dim := shape[p], int) else 0 if p == i else -1 for i, p in enumerate(perm)]
    return target if target.count(-1) <= 1 else None


def _keeps_order(shape: oir.Shape, perm: Perm) -> bool:
    """Whether the axes that are not of size 1 stay in order."""
    moved = [axis for axis in perm if shape[axis] != 1]
    return moved == sorted(moved)


def _ints(value: oir.Value | None) -> list[int] | None:
    """The elements of a constant of integers."""
    numbers = _numbers(value)
    return None if numbers is None else [int(i) for i in numbers.reshape(-1)]


def _numbers(value: oir.Value | None) -> np.ndarray | None:
    return None if value is None or value.const_value is None else value.const_value.numpy()


def _attribute(node: oir.Node, name: str, default: int) -> int:
    attribute = node.attributes.get(name)
    return default if attribute is None else attribute.as_int()


def _input(node: oir.Node, i: int) -> oir.Value | None:
    return node.inputs[i] if i < len(node.inputs) else None


def _raw(operands: Operands) -> oir.Value:
    assert operands[0] is not None
    return operands[0].raw


def _elementwise(s: Rewriter, node: oir.Node, perm: Perm, operands: Operands) -> Perm | None:
    """Any number of operands that broadcast; those in the other layout must not outnumber those at hand."""
    shape = node.outputs[0].shape
    given = [o for o in operands if o is not None]
    if shape is None or len(shape) != len(perm) or any(o.raw.shape is None for o in given):
        return None
    at_hand = sum(o.perm == perm for o in given)
    if sum(not s.is_free(o, perm) for o in given) > at_hand:
        return None
    for i, operand in enumerate(operands):
        if operand is not None:
            node.replace_input_with(i, s.in_layout(operand, perm))
    return perm


def _along_axis(default: int) -> Handler:
    """Operators with an attribute ``axis``."""

    def handle(s: Rewriter, node: oir.Node, perm: Perm, operands: Operands) -> Perm | None:
        node.replace_input_with(0, _raw(operands))
        _map_axis(node, perm, default)
        return perm

    return handle


def _rounding(s: Rewriter, node: oir.Node, perm: Perm, operands: Operands) -> Perm | None:
    """Activations; weights are laid out before they become integers."""
    value: oir.Value | None = _raw(operands)
    while value is not None and (maker := value.producer()) is not None and maker.op_type == "QuantizeLinear":
        value = maker.inputs[0]
    if value is not None and value.const_value is not None:
        return None
    return _along_axis(1)(s, node, perm, operands)


def _concat(s: Rewriter, node: oir.Node, perm: Perm, operands: Operands) -> Perm | None:
    if _elementwise(s, node, perm, operands) is None:
        return None
    _map_axis(node, perm, 0)
    return perm


def _map_axis(node: oir.Node, perm: Perm, default: int) -> None:
    axis = perm[_attribute(node, "axis", default) % len(perm)]
    node.attributes["axis"] = oir.AttrInt64("axis", axis)


def _gather(s: Rewriter, node: oir.Node, perm: Perm, operands: Operands) -> Perm | None:
    indices = _input(node, 1)
    if indices is None or indices.shape is None or len(indices.shape) != 1:
        return None
    return _along_axis(0)(s, node, perm, operands)


def _arg(s: Rewriter, node: oir.Node, perm: Perm, operands: Operands) -> Perm | None:
    axis = _attribute(node, "axis", 0) % len(perm)
    node.replace_input_with(0, _raw(operands))
    _map_axis(node, perm, 0)
    return perm if _attribute(node, "keepdims", 1) else _without(perm, [axis])


def _reduce(s: Rewriter, node: oir.Node, perm: Perm, operands: Operands) -> Perm | None:
    axes = _ints(_input(node, 1))
    if _input(node, 1) is not None and axes is None:
        return None
    if not axes and _attribute(node, "noop_with_empty_axes", 0):
        return None
    node.replace_input_with(0, _raw(operands))
    axes = [a % len(perm) for a in axes] if axes else list(range(len(perm)))
    if _input(node, 1) is not None:
        node.replace_input_with(1, s.constant(sorted(perm[a] for a in axes), node.outputs[0]))
    return perm if _attribute(node, "keepdims", 1) else _without(perm, axes)


def _without(perm: Perm, axes: Sequence[int]) -> Perm:
    """What is left of a permutation when these axes of its result are gone."""
    kept = [raw for i, raw in enumerate(perm) if i not in axes]
    return tuple(sorted(kept).index(raw) for raw in kept)


def _squeeze(s: Rewriter, node: oir.Node, perm: Perm, operands: Operands) -> Perm | None:
    axes = _ints(_input(node, 1))
    if axes is None:
        return None
    axes = [a % len(perm) for a in axes]
    node.replace_input_with(0, _raw(operands))
    node.replace_input_with(1, s.constant(sorted(perm[a] for a in axes), node.outputs[0]))
    return _without(perm, axes)


def _unsqueeze(s: Rewriter, node: oir.Node, perm: Perm, operands: Operands) -> Perm | None:
    axes = _ints(_input(node, 1))
    if axes is None:
        return None
    rank = len(perm) + len(axes)
    new = {a % rank for a in axes}
    old_axes = [i for i in range(rank) if i not in new]  # the new axes stay where they are, the others move
    node.replace_input_with(0, _raw(operands))
    moved = iter(perm)
    return tuple(i if i in new else old_axes[next(moved)] for i in range(rank))


def _pad(s: Rewriter, node: oir.Node, perm: Perm, operands: Operands) -> Perm | None:
    pads, axes = _ints(_input(node, 1)), _ints(_input(node, 3))
    if pads is None or (axes is None and _input(node, 3) is not None):
        return None
    if axes is not None:
        node.replace_input_with(3, s.constant([perm[a % len(perm)] for a in axes], node.outputs[0]))
    else:
        half, back = len(perm), inverse(perm)
        mapped = [pads[i] for i in back] + [pads[half + i] for i in back]
        node.replace_input_with(1, s.constant(mapped, node.outputs[0]))
    node.replace_input_with(0, _raw(operands))
    return perm


def _slice(s: Rewriter, node: oir.Node, perm: Perm, operands: Operands) -> Perm | None:
    axes = _ints(_input(node, 3))
    if axes is None:
        return None
    node.replace_input_with(0, _raw(operands))
    node.replace_input_with(3, s.constant([perm[a % len(perm)] for a in axes], node.outputs[0]))
    return perm


def _resize(s: Rewriter, node: oir.Node, perm: Perm, operands: Operands) -> Perm | None:
    roi, given = _input(node, 1), [i for i in (2, 3) if _input(node, i) is not None]
    tables = [_numbers(_input(node, i)) for i in given]
    if (roi is not None and roi.shape != [0]) or any(t is None for t in tables):
        return None
    axes = node.attributes.get("axes")
    if axes is not None:
        mapped = [perm[a % len(perm)] for a in axes.as_ints()]
        node.attributes["axes"] = oir.AttrInt64s("axes", mapped)
    else:
        for i, table in zip(given, tables, strict=True):
            if table is not None and table.size:
                node.replace_input_with(i, s.constant(table[list(inverse(perm))], node.outputs[0]))
    node.replace_input_with(0, _raw(operands))
    return perm


def _per_axis(s: Rewriter, node: oir.Node, perm: Perm, operands: Operands) -> Perm | None:
    """Tile and Expand: one constant number for each axis."""
    numbers = _ints(_input(node, 1))
    if numbers is None or len(numbers) > len(perm):
        return None
    numbers = [1] * (len(perm) - len(numbers)) + numbers
    node.replace_input_with(0, _raw(operands))
    node.replace_input_with(1, s.constant([numbers[i] for i in inverse(perm)], node.outputs[0]))
    return perm


def _reshape(s: Rewriter, node: oir.Node, perm: Perm, operands: Operands) -> Perm | None:
    """Reading the elements in the same order: only axes of size 1 were moved."""
    raw, target = _raw(operands), _ints(_input(node, 1))
    if raw.shape is None or not _keeps_order(raw.shape, perm):
        return None
    if node.op_type == "Flatten":
        if perm[0] != 0 or _attribute(node, "axis", 1) != 1:
            return None
    elif target is None or any(t == 0 and perm[i] != i for i, t in enumerate(target)):
        return None
    node.replace_input_with(0, raw)
    return tuple(range(len(node.outputs[0].shape or ())))


def _shape(s: Rewriter, node: oir.Node, perm: Perm, operands: Operands) -> Perm | None:
    """The sizes are read from the raw value and put in order."""
    output = node.outputs[0]
    wanted = perm[slice(_attribute(node, "start", 0), _attribute(node, "end", len(perm)))]
    sizes = s.node("Shape", [_raw(operands)], {}, output)
    sizes.shape = oir.Shape([len(perm)])
    ordered = s.node("Gather", [sizes, s.constant(list(wanted), output)], {}, output)
    ordered.shape = output.shape
    output.replace_all_uses_with(ordered)
    return ()


def _is_image(perm: Perm) -> bool:
    """Whether it brings (batch, channels, two or more spatial axes) to channels_last."""
    return len(perm) > 3 and perm[0] == 0 and perm[-1] == 1


def _matmul(s: Rewriter, node: oir.Node, perm: Perm, operands: Operands) -> Perm | None:
    """A dense layer at every position is a convolution of window 1."""
    kernel = operands[1].raw if operands[1] is not None else None
    if not _is_image(perm) or kernel is None or kernel.shape is None or len(kernel.shape) != 2:
        return None
    window = s.constant(list(range(2, len(perm))), node.outputs[0])
    first = s.transposed(kernel, (1, 0))
    kernels = s.node("Unsqueeze", [first, window], {}, kernel)
    kernels.shape = oir.Shape([*(first.shape or ()), *[1] * (len(perm) - 2)])
    node.op_type = "Conv"
    node.replace_input_with(0, _raw(operands))
    node.replace_input_with(1, kernels)
    return perm


def _layer_norm(s: Rewriter, node: oir.Node, perm: Perm, operands: Operands) -> Perm | None:
    """Over the last axis, the channels: ONNX has the operator for trailing axes only."""
    output, raw = node.outputs[0], _raw(operands)
    axis = _attribute(node, "axis", -1) % len(perm)
    if not _is_image(perm) or axis != len(perm) - 1 or len(node.outputs) > 1 or operands[1] is None:
        return None
    if "epsilon" not in node.attributes or output.type != oir.TensorType(oir.DataType.FLOAT):
        return None
    full = list(raw.shape or ())
    one = [1 if i == 1 else dim for i, dim in enumerate(full)]
    channels = s.constant([1], output)

    def emit(op_type: str, *inputs: oir.Value, shape: Sequence[Any] = one) -> oir.Value:
        result = s.node(op_type, inputs, {}, output)
        result.shape = oir.Shape(shape)
        return result

    epsilon = s.constant(np.array(node.attributes["epsilon"].as_float(), np.float32), output)
    centred = emit("Sub", raw, emit("ReduceMean", raw, channels), shape=full)
    variance = emit("ReduceMean", emit("Mul", centred, centred, shape=full), channels)
    factor = emit("Reciprocal", emit("Sqrt", emit("Add", variance, epsilon)))
    result = emit("Mul", centred, factor, shape=full)
    scale, bias = (s.in_layout(o, perm) if o is not None else None for o in (*operands[1:], None)[:2])
    if scale is not None and bias is not None:
        result = emit("Mul", result, scale, shape=full)
    node.op_type, last = ("Mul", scale) if bias is None else ("Add", bias)
    node.attributes.clear()
    node.resize_inputs(2)
    node.replace_input_with(0, result)
    node.replace_input_with(1, last)
    return perm


_ELEMENTWISE = """
    Abs Acos Acosh Add And Asin Asinh Atan Atanh BitShift BitwiseAnd BitwiseNot BitwiseOr BitwiseXor
    Cast Ceil Celu Clip Cos Cosh Div Dropout Elu Equal Erf Exp Floor Gelu Greater GreaterOrEqual
    HardSigmoid HardSwish Identity IsInf IsNaN LeakyRelu Less LessOrEqual Log Max Mean Min Mish Mod Mul
    Neg Not Or PRelu Pow Reciprocal Relu Round Selu Shrink Sigmoid Sign Sin Sinh Softplus Softsign Sqrt
    Sub Sum Tan Tanh ThresholdedRelu Where Xor
""".split()
_REDUCTIONS = """
    ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum
    ReduceSumSquare
""".split()

_HANDLERS: dict[str, Handler] = {
    **dict.fromkeys(_ELEMENTWISE, _elementwise),
    **dict.fromkeys(_REDUCTIONS, _reduce),
    **dict.fromkeys(["ArgMax", "ArgMin"], _arg),
    **dict.fromkeys(["Softmax", "LogSoftmax", "Hardmax", "LpNormalization"], _along_axis(-1)),
    **dict.fromkeys(["Reshape", "Flatten"], _reshape),
    **dict.fromkeys(["Tile", "Expand"], _per_axis),
    "Concat": _concat,
    **dict.fromkeys(["QuantizeLinear", "DequantizeLinear"], _rounding),
    "Gather": _gather,
    "Pad": _pad,
    "Resize": _resize,
    "Shape": _shape,
    "Slice": _slice,
    "Split": _along_axis(0),
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
}

# operators that mix channels, which have other forms where the channels come first
_OVER_CHANNELS: dict[str, Handler] = {"LayerNormalization": _layer_norm, "MatMul": _matmul}

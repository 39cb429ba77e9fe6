"""ir.Graph -> torch.fx.GraphModule: an operator function per node, real nn.Parameters, readable code.

The module returns a tuple: the graph's outputs, then the new value of each update. ``lowered_modules`` has
what is done with it.

Static data (shapes, axes, pads, numbers) stands in the code as Python numbers and tuples; other constants are
buffers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from operator import getitem
from typing import Any

import numpy as np
import torch
from torch import fx, nn

from kcompile.ir import (
    KCOMPILE_DOMAIN,
    Constant,
    Graph,
    Node,
    OperatorError,
    Parameter,
    Value,
    foreign_nodes,
    with_joined_products,
    with_relu_last,
    with_relu_on_results,
)

from . import devices, products, weights
from .arguments import (
    Wider,
    as_number,
    computed_in,
    fits,
    has_tensor_operand,
    is_scalar,
    keyword_attributes,
)
from .arrays import torch_dtype
from .attention import Attention, attention, find_attentions
from .constants import fold_constants
from .debugging import print_tensor
from .dense import biased_products
from .enlarging import Enlarged, enlarged_conv, find_enlarged
from .gate_orders import gate_orders
from .generated_code import tidy
from .gradients import (
    DifferentiatingModule,
    differentiated_again,
    gradients,
    own_gradient,
    stop_gradient,
)
from .lowered_modules import Signature
from .lowered_values import LoweredValues, gradient_nodes, identifier
from .ops import OPERATORS, Operator, host
from .ops.random import new_generator
from .optimizers.single_updates import Update, UpdateInPlace, last_updates, update_in_place, updated
from .precision import is_widened
from .rounding import fuse_roundings

Placement = Callable[[str], torch.device]


def by_name(name: str) -> torch.device:
    """torch's device of the name that a device scope gave: the placement unless another is asked for."""
    return devices.torch_device(name)


def lower(
    graph: Graph,
    device: torch.device | str = "cpu",
    trainable: Collection[Parameter] | None = None,
    placement: Placement | None = by_name,
    in_half: bool = False,
) -> fx.GraphModule:
    """A torch module that computes a graph.

    A node that was emitted in a device scope computes on that device; what it reads is transferred there. A
    parameter lives on the device of the first node that reads it.

    Args:
        graph: the slice to compute; its placeholders are ``graph.inputs`` in order.
        device: where nodes compute that no device scope placed.
        trainable: the parameters that require a gradient; None for what each says by itself.
        placement: torch's device for the name of a scope's; None to compute everything on ``device``.
        in_half: whether nodes with a precision are computed in it, as training does; else in float32.

    Returns:
        A GraphModule that returns ``(*outputs, *new values of graph.updates)``; see ``signature``.

    Raises:
        OperatorError: for an operator that the bridge does not have, or an element type that torch lacks; it
            names the node.
    """
    refuse_foreign(graph)
    device = weights.canonical_device(device)
    its_trainable = None if trainable is None else set(trainable)
    if in_half:  # a step, which runs again and again; other modules read as the graph does
        graph = with_joined_products(with_relu_on_results(with_relu_last(graph)))
    return Lowering(graph, device, its_trainable, placement=placement, in_half=in_half).module()


def lower_body(body: Graph, device: torch.device, trainable: set[Parameter] | None = None) -> fx.GraphModule:
    """The body of a Scan, Loop or If as the module that its function takes: of its inputs, then of what it
    captures."""
    module = Lowering(body, device, trainable, body.captures).module()
    module.meta["outputs"] = [(torch_dtype(value.dtype), value.dims) for value in body.outputs]
    return module


def refuse_foreign(graph: Graph) -> None:
    """
    Raises:
        OperatorError: naming the operators of a graph that only onnxruntime computes.
    """
    found = foreign_nodes(graph)
    if found:
        kinds = Counter(node.op_type for node in found)
        shown = ", ".join(f"{kind} ({count} times)" if count > 1 else kind for kind, count in kinds.items())
        raise OperatorError(
            f"only onnxruntime computes {shown}, not PyTorch; the first is in "
            f"{found[0].scope or 'the graph'}. predict and export work; to train, take the model as it was "
            "before it was quantized or optimized"
        )


class Lowering(LoweredValues):
    """Writes the fx graph of one graph, or of one body."""

    def __init__(
        self,
        graph: Graph,
        device: torch.device,
        trainable: set[Parameter] | None,
        captures: Sequence[Value] = (),
        placement: Placement | None = None,
        in_half: bool = False,
    ) -> None:
        super().__init__(graph, device, trainable)
        self.in_half = in_half
        self.placement = placement
        self.captures = captures
        own = gradient_nodes(graph)
        self.nested = differentiated_again(graph) if own else set()
        bodies = any(graph.bodies(node) for node in graph.nodes)
        self.only_gradient = in_half and len(own) == 1 and not bodies
        self.last = last_updates(graph)
        self.uses = graph.uses()
        self.sums = self._find_sums()
        self.attentions = self._find_attentions()
        self.enlarged = self._find_enlarged()
        inside = [a.inside for a in self.attentions.values()] + [e.inside for e in self.enlarged.values()]
        self.computed_with_others = {*self.sums.values()}.union(*inside)
        self.reordering = gate_orders(graph)
        self.reordered = {gather for gathers in self.reordering.values() for gather in gathers}

    # --- the module ---

    def module(self) -> fx.GraphModule:
        for i, value in enumerate([*self.graph.inputs, *self.captures]):
            self._define(value, self.fx.placeholder(self._argument_name(value._name or f"input_{i}")))
        for node in self.graph.nodes:
            self.here = self._device_of(node)
            if node not in self.last:
                self._lower_node(node)
        self.here = self.device
        self._end_nodes()
        outputs = [self._tensor(self.graph.resolve(value)) for value in self.graph.outputs]
        pairs = [(p, self.graph.resolve(new)) for p, new in self.graph.updates]
        pairs = [(p, new) for p, new in pairs if new.node not in self.last]
        updates = [self._declared(new) for _, new in pairs]
        for node in self.last:  # nobody reads the weights after this
            self._lower_last_update(node)
        self.fx.output((*outputs, *updates))
        fuse_roundings(self.fx, self.root, self.constants)
        if self.in_half:  # a step, which runs again and again
            fold_constants(self.fx, self.root, self.constants)
        kind = DifferentiatingModule if self.differentiated else fx.GraphModule
        module = kind(self.root, self.fx, class_name="Body" if self.captures else "Lowered")
        tidy(module)
        module.meta["nested"] = bool(self.nested)
        module.meta["signature"] = Signature(
            tuple(value.name for value in self.graph.inputs),
            len(self.graph.outputs),
            tuple(parameter for parameter, _ in pairs),
            self.parameters,
            self.device,
            {p: self.devices[p] for p in self.parameters.values() if self.devices[p] != self.device},
        )
        return module

    def _end_nodes(self) -> None:
        """What a subclass has to do before results are read."""

    def _device_of(self, node: Node) -> torch.device:
        if node.device is None or self.placement is None:
            return self.device
        return weights.canonical_device(self.placement(node.device))

    # --- nodes ---

    def _lower_node(self, node: Node) -> None:
        if node in self.sums:
            self._lower_dense(node)
        elif node in self.attentions:
            self._lower_attention(node)
        elif node in self.enlarged:
            self._lower_enlarged(node)
        elif node in self.computed_with_others:
            return  # the product of a dense layer, the scores of an attention, an image made large
        elif node in self.reordered:
            self._leave_out(node)
        elif self._is_size(node):
            self._lower_size(node)
        elif node.domain == KCOMPILE_DOMAIN and node.op_type == "Update":
            self._lower_update(node)
        elif node.domain == KCOMPILE_DOMAIN:
            self._lower_own(node)
        else:
            self._lower_standard(node)

    def _call(
        self, node: Node, function: Any, args: Sequence[Any], kwargs: dict[str, Any] | None = None
    ) -> fx.Node:
        name = identifier(node.name)
        called = self.fx.create_node("call_function", function, tuple(args), kwargs or {}, name=name)
        called.meta["node"] = node.name
        return called

    def _leave_out(self, node: Node) -> None:
        """Takes what a node reads for what it makes."""
        data = self.graph.operands(node)[0]
        assert data is not None
        self._define(node.outputs[0], self._tensor(data, self.precisions.of(data)))
        self.precisions.same(node.outputs, [data])

    def _lower_own(self, node: Node) -> None:
        operands = [value for value in self.graph.operands(node) if value is not None]
        # as they were computed: a gradient is taken by the very tensor that was read
        args = [self._tensor(value, self.precisions.of(value)) for value in operands]
        self.precisions.same(node.outputs, operands[-len(node.outputs) :])
        if node.op_type == "StopGradient":
            self._define(node.outputs[0], self._call(node, stop_gradient, args))
            return
        if node.op_type == "Print":
            self._define(node.outputs[0], self._call(node, print_tensor, args, dict(node.attributes)))
            return
        if node.op_type == "OwnGradient":
            types = tuple(torch_dtype(value.dtype) for value in node.outputs)
            kwargs = {"sources": node.attributes["sources"], "types": types}
            for name, body in self.graph.bodies(node).items():
                kwargs.update(self._body(name, body))
            self._unpack(node, self._call(node, own_gradient, args, kwargs), always=True)
            return
        kwargs = {"again": node in self.nested}
        if self.only_gradient:
            kwargs["only"] = True
        self._unpack(node, self._call(node, gradients, args, kwargs), always=True)

    def _lower_update(self, node: Node) -> None:
        step = Update(node.attributes["rule"], node.attributes["params"], self.here)
        args = [self._tensor(value) for value in self.graph.operands(node) if value is not None]
        attribute = self.fx.get_attr(self._attribute(f"{node.name}_rule", step))
        self._unpack(node, self._call(node, updated, (attribute, args)), always=True)

    def _lower_last_update(self, node: Node) -> None:
        params = node.attributes["params"]
        step = UpdateInPlace(node.attributes["rule"], params, self.here)
        grads = [x for x in self.graph.operands(node) if x is not None][len(params) + 1 :][: len(params)]
        attribute = self.fx.get_attr(self._attribute(f"{node.name}_rule", step))
        self._call(node, update_in_place, (attribute, [self._tensor(x) for x in grads]))

    def _lower_standard(self, node: Node) -> None:
        operator = OPERATORS.get(node.op_type)
        if operator is None:
            raise OperatorError(
                f"{node.name}: the PyTorch bridge has no operator {node.op_type}; "
                "docs/operators.md lists those it has."
            )
        operands = self.graph.operands(node)
        wider = computed_in(node.op_type, self.here)
        try:
            taken = (
                self.precisions.taken(node, operands, self.here) if self.in_half else [None] * len(operands)
            )
            args = self._widened(node, self._arguments(operator, operands, wider, taken), taken)
            kwargs = self._keywords(node, operator)
        except OperatorError as error:
            raise OperatorError(f"{node.name}: {error}") from error
        function = torch.relu_ if self._is_done_in_place(node) else operator.function
        result = self._call(node, function, args, kwargs)
        self.precisions.note(node, taken)
        self._unpack(node, self._as_taken(node, result, taken), wider=wider)

    def _is_done_in_place(self, node: Node) -> bool:
        """Whether a Relu may write over what it reads: new memory that is no view, and that neither others
        nor the gradients of what computed it read."""
        if node.op_type != "Relu" or not self.in_half:
            return False
        (value,) = self.graph.operands(node)
        assert value is not None
        maker = value.node
        if (
            maker is None
            or maker.domain
            or value.index
            or self.uses[value] > 1
            or value in self.differentiated
        ):
            return False
        is_image = maker.op_type in ("Conv", "ConvTranspose", "BatchNormalization", "MaxPool")
        return maker.op_type in ("Add", "Gemm") or (is_image and (value.rank or 0) > 3)

    def _widened(self, node: Node, args: list[Any], taken: Sequence[torch.dtype | None]) -> list[Any]:
        """The arguments in half precision, as float32 where the device multiplies in that alone."""
        return [
            self.fx.call_method("to", (arg, torch.float32))
            if is_widened(node.op_type, half, self.here)
            else arg
            for arg, half in zip(args, taken, strict=True)
        ]

    def _as_taken(self, node: Node, result: fx.Node, taken: Sequence[torch.dtype | None]) -> fx.Node:
        """The result in the half precision in which the node took what it is made of."""
        half = next((dtype for dtype in taken if dtype is not None), None)
        return (
            self.fx.call_method("to", (result, half)) if is_widened(node.op_type, half, self.here) else result
        )

    def _unpack(self, node: Node, result: fx.Node, always: bool = False, wider: Wider | None = None) -> None:
        if len(node.outputs) == 1 and not always:
            self._define(node.outputs[0], self._narrowed(node.outputs[0], result, wider))
            return
        for i, output in enumerate(node.outputs):
            item = self.fx.create_node("call_function", getitem, (result, i), {}, name=f"{result.name}_{i}")
            self._define(output, self._narrowed(output, item, wider))

    def _narrowed(self, output: Value, result: fx.Node, wider: Wider | None) -> fx.Node:
        if wider and output.dtype.name in wider:
            return self.fx.call_method("to", (result, torch_dtype(output.dtype)))
        return result

    def _arguments(
        self,
        operator: Operator,
        operands: Sequence[Value | None],
        wider: Wider,
        taken: Sequence[torch.dtype | None],
    ) -> list[Any]:
        tensors = sum(value is not None and not is_scalar(value) for value in operands)
        alone = tensors == sum(value in self.sizes for value in operands)
        typed = has_tensor_operand(operator.static, operands)
        args: list[Any] = []
        for i, value in enumerate(operands):
            kind = operator.static_kind(i)
            if value is None:
                args.append(None)
            elif isinstance(value, Constant) and value not in self.env and fits(kind, value, tensors, typed):
                args.append(as_number(kind, value))
            elif value in self.sizes and kind in _sizes_fit(value, alone):
                args.append(self.sizes[value])
            elif value.dtype.name in wider:
                args.append(self.fx.call_method("to", (self._tensor(value), wider[value.dtype.name])))
            else:
                args.append(self._tensor(value, taken[i]))
        return args

    def _keywords(self, node: Node, operator: Operator) -> dict[str, Any]:
        kwargs = keyword_attributes(node.attributes)
        for name, body in self.graph.bodies(node).items():
            kwargs.update(self._body(name, body))
        if "outputs" in operator.extras:
            kwargs["outputs"] = len(node.outputs)
        if "output_dtype" in operator.extras:
            kwargs["output_dtype"] = torch_dtype(node.outputs[0].dtype)
        if node in self.reordering:
            kwargs["in_torchs_order"] = True
        if "device" in operator.extras and self.here.type != "cpu":
            kwargs["device"] = str(self.here)
        if "generator" in operator.extras and "seed" in kwargs:
            generator = self._generator(node, kwargs.pop("seed"))
            kwargs["generator"] = self.fx.get_attr(self._attribute(f"{node.name}_generator", generator))
        if "outputs" in kwargs and kwargs["outputs"] == 1:
            del kwargs["outputs"]
        return kwargs

    def _generator(self, node: Node, seed: float) -> torch.Generator:
        return new_generator(seed, self.here)

    def _body(self, name: str, body: Graph) -> dict[str, Any]:
        """A body as a module, and what it captures."""
        captured = tuple(self._tensor(self.graph.resolve(value)) for value in body.captures)
        module = lower_body(body, self.here, self.trainable)
        return {name: self.fx.get_attr(self._attribute(name, module)), f"{name}_captures": captured}

    # --- sizes ---

    def _is_size(self, node: Node) -> bool:
        """Whether a node computes sizes from sizes (or is a Shape or Size), so that no tensor is needed."""
        if node.domain or node.op_type not in host.HOST:
            return False
        output = node.outputs[0]
        if node.op_type in ("Shape", "Size"):
            return True
        operands = [value for value in self.graph.operands(node) if value is not None]
        if not any(value in self.sizes for value in operands):
            return False
        if not all(_may_be_size(value) for value in (*operands, output)):
            return False
        known = all(value in self.sizes or isinstance(value, Constant) for value in operands)
        if node.op_type in ("Max", "Min") and len(operands) != 2:
            return False
        if node.op_type == "Squeeze" and output.rank != 0 or node.attributes.get("noop_with_empty_axes"):
            return False
        ranks = host.RANKS.get(node.op_type)
        checked = operands if node.op_type == "Concat" else operands[:1]
        return known and (ranks is None or all(value.rank in ranks for value in checked))

    def _lower_size(self, node: Node) -> None:
        operands = self.graph.operands(node)
        if node.op_type in ("Shape", "Size"):
            args: list[Any] = [self._anywhere(value) for value in operands if value is not None]
        else:
            args = [None if value is None else self._size(value) for value in operands]
        kwargs = keyword_attributes(node.attributes)
        size = self.sizes[node.outputs[0]] = self._call(node, host.HOST[node.op_type], args, kwargs)
        size.meta["type"] = node.outputs[0].dtype, node.outputs[0].shape

    def _size(self, value: Value) -> Any:
        if value in self.sizes:
            return self.sizes[value]
        assert isinstance(value, Constant)
        return as_number("Ints", value) if value.rank else value.array.item()

    # --- what one call computes of several nodes ---

    def _find_enlarged(self) -> dict[Node, Enlarged]:
        """As for attention."""
        if not self.in_half:
            return {}
        return find_enlarged(self.graph, self.uses, self.differentiated, self._device_of)

    def _lower_enlarged(self, node: Node) -> None:
        found = self.enlarged[node]
        weights = [None if value is None else self._tensor(value) for value in self.graph.operands(node)[1:]]
        weights += [None] * (2 - len(weights))
        tensors = [(self._tensor(value), axes) for value, axes in found.parts]
        parts = [
            x if axes == (0, 1, 2, 3) else self.fx.call_method("permute", (x, axes)) for x, axes in tensors
        ]
        options = {"at": found.at, "scales": found.scales, "pads": tuple(node.attributes["pads"])}
        self._define(node.outputs[0], self._call(node, enlarged_conv, (*weights, *parts), options))

    def _find_attentions(self) -> dict[Node, Attention]:
        """What steps compute by one kernel; elsewhere the code reads as the graph does."""
        found = find_attentions(self.graph, self.uses) if self.in_half else {}
        return {
            node: whole
            for node, whole in found.items()
            if not self.differentiated.intersection(x.outputs[0] for x in whole.inside)
            and len({self._device_of(x) for x in (node, *whole.inside)}) == 1
        }

    def _lower_attention(self, node: Node) -> None:
        found = self.attentions[node]
        mask: Any = None
        for value, lowest in found.added:
            tensor = self._tensor(value)
            if lowest is not None:
                mask = self._call(node, torch.where, (tensor, 0.0 if mask is None else mask, lowest))
            else:
                mask = tensor if mask is None else self._call(node, torch.add, (mask, tensor))
        operands = [self._tensor(x) for x in (found.query, found.key_transposed, found.value)]
        options = {"mask": mask, "scale": found.scale}
        given = {name: value for name, value in options.items() if value not in (None, 1.0)}
        self._define(node.outputs[0], self._call(node, attention, operands, given))

    def _find_sums(self) -> dict[Node, Node]:
        """Sums that one call computes with the product in them."""
        return biased_products(self.graph, self.uses, self.differentiated, self._device_of)

    def _lower_dense(self, node: Node) -> None:
        product = self.sums[node]
        half = getattr(torch, product.precision) if self.in_half and product.precision else None
        operands = [value for value in self.graph.operands(product) if value is not None]
        operands += [x for x in self.graph.operands(node) if x is not None and x is not product.outputs[0]]
        tensors = [self._tensor(value, half) for value in operands]
        a, b, bias = self._widened(product, tensors, [half] * 3)
        if self.in_half and self.here.type == "cpu" and products.may_be_large(operands[1].shape):
            result = self._call(node, products.linear, (a, self.fx.call_method("t", (b,)), bias))
        elif product.outputs[0].rank == 2:
            result = self._call(node, torch.addmm, (bias, a, b))
        else:
            weight = self.fx.call_method("t", (b,))
            result = self._call(node, nn.functional.linear, (a, weight, bias))
        self.precisions.note(node, [half])
        result = self._as_taken(product, result, [half])
        self._define(node.outputs[0], result)


def _may_be_size(value: Value) -> bool:
    if value.dtype in (np.float32, np.float64):
        return value.rank == 0
    return value.dtype in (np.int32, np.int64) and value.rank in (0, 1)


def _sizes_fit(value: Value, alone: bool) -> tuple[str, ...]:
    """The kinds of inputs that take sizes as they are; ``alone``: no other operand is a tensor."""
    if value.rank == 0:
        return ("Ints", "Number") if alone else ("Ints", "Number", "Operand")
    return ("Ints",)

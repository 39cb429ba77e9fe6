"""The fx nodes that hold the values of a graph: where each is, in which type, and under which name."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

import torch
from torch import Tensor, fx, nn

from kcompile.ir import KCOMPILE_DOMAIN, Constant, Graph, Names, Node, OperatorError, Parameter, Value

from . import weights
from .arrays import as_tensor, torch_dtype
from .gradients import differentiable
from .ops import host
from .precision import Precisions


def transfer(x: Tensor, device: str) -> Tensor:
    """x on another device; its gradient comes back."""
    return x.to(device)


def gradient_nodes(graph: Graph) -> list[Node]:
    """The nodes that compute gradients of values of the graph."""
    return [node for node in graph.nodes if node.domain == KCOMPILE_DOMAIN and node.op_type == "Gradient"]


class LoweredValues:
    """An fx graph and the module with its tensors, as far as they are written.

    Args:
        graph: whose values they hold.
        device: where nodes compute that nothing else placed.
        trainable: the parameters that require a gradient; None for what each says by itself.
    """

    def __init__(self, graph: Graph, device: torch.device, trainable: set[Parameter] | None) -> None:
        self.graph = graph
        self.device = device
        self.here = device  # of the node that is being lowered
        self.trainable = trainable
        self.root = nn.Module()
        self.fx = fx.Graph()
        self.env: dict[Value, fx.Node] = {}
        self.devices: dict[Value, torch.device] = {}
        self.moved: dict[tuple[Value, torch.device, torch.dtype | None], fx.Node] = {}
        self.sizes: dict[Value, fx.Node] = {}
        self.precisions = Precisions()
        self.parameters: dict[str, Parameter] = {}
        self.constants: set[str] = set()
        self.attributes = 0
        read = (x for node in gradient_nodes(graph) for x in node.inputs[1:])
        self.differentiated = {graph.resolve(x) for x in read if x is not None}
        rules = [node.attributes["rule"] for node in graph.nodes if node.op_type == "Update" and node.domain]
        self.counters = {rule.iterations for rule in rules}

    def _argument_name(self, wanted: str) -> str:
        """A name for a placeholder that no other has: several targets may be called alike."""
        taken = (node.target for node in self.fx.nodes if isinstance(node.target, str))
        return Names(taken).unique(identifier(wanted))

    def _define(self, value: Value, node: fx.Node) -> None:
        if value in self.differentiated:
            node = self.fx.call_function(differentiable, (node,))
        self.env[value] = node
        self.devices[value] = self.here
        node.meta["type"] = value.dtype, value.dims

    def _tensor(self, value: Value, dtype: torch.dtype | None = None) -> fx.Node:
        """The fx node that holds a value on the device of the node being lowered.

        Args:
            dtype: in this half precision; None for the type that it is declared in.
        """
        node = self._anywhere(value)
        has = self.precisions.of(value)
        if self.devices[value] == self.here and has == dtype:
            return node
        key = (value, self.here, dtype)
        if key not in self.moved:
            if self.devices[value] != self.here:
                node = self.fx.call_function(transfer, (node, str(self.here)))
            if has != dtype:
                node = self.fx.call_method("to", (node, dtype or torch_dtype(value.dtype)))
            self.moved[key] = node
        return self.moved[key]

    def _declared(self, value: Value) -> fx.Node:
        """The fx node that holds a value where it is made, in the type that it is declared in."""
        node = self._anywhere(value)
        if self.precisions.of(value) is None:
            return node
        return self.fx.call_method("to", (node, torch_dtype(value.dtype)))

    def _anywhere(self, value: Value) -> fx.Node:
        """The fx node that holds a value where it is made; parameters and constants appear at their first
        use.
        """
        node = self.env.get(value)
        if node is not None:
            return node
        if value in self.sizes:
            args = (self.sizes[value], torch_dtype(value.dtype), str(self.here))
            self.env[value] = self.fx.call_function(host.to_tensor, args)
            self.devices[value] = self.here
            return self.env[value]
        if isinstance(value, Parameter):
            wanted = None if self.trainable is None else value in self.trainable
            tensor = weights.parameter_of(value, self.here, wanted)
            name = self._attribute(value.name, tensor)
            self.parameters[name] = value
            if value in self.counters:  # which an optimizer counts up while the graph runs
                self._define(value, self.fx.call_method("clone", (self.fx.get_attr(name),)))
                return self.env[value]
        elif isinstance(value, Constant):
            name = self._attribute(value._name or "constant", as_tensor(value.array.copy()).to(self.here))
            self.constants.add(name)
        else:
            raise OperatorError(f"{value!r} is read, but nothing in the graph computes it")
        self._define(value, self.fx.get_attr(name))
        return self.env[value]

    def _attribute(self, wanted: str, content: Any) -> str:
        """Registers a tensor, module or generator under a free name."""
        base = name = identifier(wanted)
        while hasattr(self.root, name):
            self.attributes += 1
            name = f"{base}_{self.attributes}"
        if isinstance(content, Tensor) and not isinstance(content, nn.Parameter):
            self.root.register_buffer(name, content, persistent=False)
        else:
            setattr(self.root, name, content)
        return name


_ILLEGAL = re.compile(r"\W+")


def identifier(name: str) -> str:
    """A Python identifier close to a name: ``dense_1/kernel:0`` -> ``dense_1_kernel_0``."""
    name = _ILLEGAL.sub("_", unicodedata.normalize("NFKC", name))  # as Python reads identifiers
    if not f"_{name}".isidentifier():
        name = re.sub(r"[^0-9A-Za-z]+", "_", name)
    name = name.strip("_") or "value"
    return f"_{name}" if name[0].isdigit() else name

"""Graphs of operators as PyTorch statements: for layers, and options of layers, without a template.

The graph is lowered as for training, and each call of an operator function written as what the function does
with these arguments (``tracing``), or where that depends on what only running tells, as a call of the
function, which the file then brings along (``functions``). No operator is written a second time here.
"""

from __future__ import annotations

import base64
import inspect
import re
import zlib
from collections.abc import Callable
from operator import getitem
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import fx

from kcompile.ir import OperatorError
from kcompile.ir.identifiers import identifier

from ..lowering import lower
from ..ops import host
from .expressions import NotKnown, literal
from .functions import FunctionSources, NoSource
from .tracing import Symbol, called, statements, trace

if TYPE_CHECKING:
    from kcompile.ir import Graph, Parameter

Free = Callable[[str], str]
"""A hint -> a name that nothing else has."""

_INLINE = 64
"""Constants of more elements are written compressed."""


class Body(Symbol):
    """The module of a body; ``further`` is what it takes after its captures."""

    def __init__(self, text: str, further: tuple[str, ...]) -> None:
        super().__init__(text, kind=None)
        self.further = further


class GraphPrinter:
    """Writes the statements of one graph.

    Args:
        functions: collects the functions that the statements call.
        weight: a parameter -> the expression that holds it in Keras's layout.
        free: gives names to variables.
        prefix: name of the layer, left out of names.
        submodule: (hint, forward's arguments, lines of the body, its outputs' types) -> expression of a
            module that computes a body of Scan, Loop or If.
        buffer: (hint, source of a tensor) -> expression that holds it.
    """

    def __init__(
        self,
        functions: FunctionSources,
        weight: Callable[[Parameter], str],
        free: Free,
        prefix: str,
        submodule: Callable[[str, list[str], list[str], str], str],
        buffer: Callable[[str, str], str],
    ) -> None:
        self.functions, self.weight, self.free = functions, weight, free
        self.prefix, self.submodule, self.buffer = prefix, submodule, buffer
        self.lines: list[str] = []

    def graph(self, graph: Graph, inputs: list[str]) -> tuple[list[str], list[tuple[Parameter, str]]]:
        """Writes a graph's statements.

        Args:
            inputs: the expression of each input.

        Returns:
            the expressions of the outputs, and (parameter, expression of its new value) of the updates.

        Raises:
            NoSource: for an operator without source; it says which.
        """
        try:
            module = lower(graph, placement=None)
        except OperatorError as error:
            raise NoSource(str(error)) from error
        results = self.module(module, inputs)
        count = len(graph.outputs)
        updated = [parameter for parameter, _ in graph.updates]
        return results[:count], list(zip(updated, results[count:], strict=True))

    def module(self, module: Any, inputs: list[str]) -> list[str]:
        """The statements of a lowered module; gives the expressions of its results."""
        parameters = module.meta["signature"].parameters
        env: dict[Any, Any] = {}
        given = iter(inputs)
        self.device = Symbol(f"{inputs[0]}.device" if inputs else '"cpu"', kind=None)
        for node in module.graph.nodes:
            if node.op == "placeholder":
                env[node] = _symbol(node, next(given))
            elif node.op == "get_attr":
                env[node] = self._attribute(node, getattr(module, node.target), parameters)
            elif node.op == "call_method":
                x, *others = (_at(env, argument) for argument in node.args)
                env[node] = self._named(node, getattr(x, node.target)(*others))
            elif node.op == "call_function":
                env[node] = self._call(node, env)
            else:
                return [literal(_at(env, result)) for result in node.args[0]]
        raise AssertionError("a graph without an output")

    # --- parameters, constants, bodies ---

    def _attribute(self, node: Any, content: Any, parameters: dict[str, Parameter]) -> Any:
        if node.target in parameters:
            return _symbol(node, self.weight(parameters[node.target]))
        if isinstance(content, fx.GraphModule):
            return self._body(node.target, content)
        if isinstance(content, torch.Tensor):
            return _symbol(node, self.buffer(self._hint(node.name), tensor_source(content)))
        raise NoSource("it draws random numbers also in inference")

    def _body(self, name: str, module: Any) -> Body:
        """A module for the body of a control-flow operator, which takes all it reads as arguments."""
        names = self.functions.variables()
        targets = [node.target for node in module.graph.nodes if node.op == "placeholder"]
        arguments = [names.free(self._hint(target)) for target in targets]
        further: dict[str, str] = {}  # what the body reads of the layer's -> its argument for that

        def passed(expression: str) -> str:
            if expression not in further:
                further[expression] = names.free(expression.rpartition(".")[2])
            return further[expression]

        inner = GraphPrinter(
            self.functions,
            self.weight,
            names.free,
            self.prefix,
            lambda *given: passed(self.submodule(*given)),
            lambda *given: passed(self.buffer(*given)),
        )
        results = inner.module(module, arguments)
        lines = [*inner.lines, f"return {', '.join(results)}{',' if len(results) == 1 else ''}"]
        types = ", ".join(
            f"({dtype}, {literal(tuple(size if isinstance(size, int) else None for size in shape or ()))})"
            for dtype, shape in module.meta["outputs"]
        )
        text = self.submodule(name, [*arguments, *further.values()], lines, f'{{"outputs": [{types}]}}')
        return Body(text, tuple(further))

    # --- calls ---

    def _call(self, node: Any, env: dict[Any, Any]) -> Any:
        function = node.target
        args = [_at(env, argument) for argument in node.args]
        kwargs = {key: _at(env, value) for key, value in node.kwargs.items()}
        if function is getitem:
            return args[0][args[1]]
        for key, value in list(kwargs.items()):
            if isinstance(value, Body):
                more = tuple(Symbol(text, kind=None) for text in value.further)
                kwargs[f"{key}_captures"] = (*kwargs[f"{key}_captures"], *more)
        if function is host.to_tensor:
            args[2] = self.device
        elif getattr(function, "__module__", "") == host.__name__:
            return _sizes(function, args, kwargs)
        elif "device" in _parameters(function):
            kwargs["device"] = self.device
        try:
            return self._named(node, trace(function, args, kwargs))
        except NotKnown:
            return self._named(node, self._whole(function, args, kwargs))

    def _whole(self, function: Any, args: list[Any], kwargs: dict[str, Any]) -> Symbol:
        """A call of the function itself, which the file brings along."""
        try:
            return called(self.functions.add(function), args, kwargs)
        except (NoSource, NotKnown) as error:
            raise NoSource(f"its operator {function.__name__} has no source ({error})") from error

    def _named(self, node: Any, result: Any) -> Any:
        """Variables for what a node gives; what nobody reads of several results is ``_``."""
        lines, text = statements(result, self.free)
        self.lines += lines
        if text.isidentifier():
            return _symbol(node, text)
        if node.users and all(user.target is getitem for user in node.users):
            parts = {user.args[1]: user for user in node.users}
            found = tuple(
                _symbol(parts[i], self.free(self._hint(node.name)) if parts[i].users else "_")
                for i in range(max(parts) + 1)
            )
            self.lines.append(f"{', '.join(map(literal, found))} = {text}")
            return found
        name = self.free(self._hint(node.name))
        self.lines.append(f"{name} = {text}")
        return _symbol(node, name)

    def _hint(self, name: str) -> str:
        """``lstm_1_Add_3`` -> ``add``."""
        name = re.sub(r"\W", "_", name, flags=re.ASCII)
        short = name.removeprefix(f"{self.prefix}_")
        short = re.sub(r"(_\d+)+$", "", short).lower().lstrip("_")
        return identifier(short or "value") if not short[:1].isdigit() else f"value_{short}"


def _symbol(node: Any, text: str) -> Symbol:
    dtype, shape = node.meta.get("type", (None, None))
    sizes = None if shape is None else tuple(size if isinstance(size, int) else None for size in shape)
    return Symbol(text, sizes, dtype, None if dtype is None else torch.Tensor)


def _sizes(function: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
    """Arithmetic on sizes: it stays within the expressions that read it."""
    try:
        return trace(function, args, kwargs)
    except NotKnown as error:
        raise NoSource("it computes with sizes whose number is not known") from error


def _parameters(function: Any) -> Any:
    own = getattr(function, "__module__", "").startswith("kcompile")
    return inspect.signature(function).parameters if own else ()


def _at(env: dict[Any, Any], value: Any) -> Any:
    """An argument of an fx node, with nodes replaced by what stands for them."""
    if isinstance(value, fx.Node):
        return env[value]
    if isinstance(value, tuple | list):
        return tuple(_at(env, item) for item in value)
    return value


def tensor_source(tensor: Any) -> str:
    """An expression that makes a constant tensor."""
    array = tensor.detach().cpu().numpy()
    if array.size <= _INLINE:
        text = literal(array.tolist() if array.ndim else array.item())
        return f"torch.tensor({text}, dtype={tensor.dtype})"
    packed = base64.b85encode(zlib.compress(np.ascontiguousarray(array).tobytes(), 9)).decode()
    return f'unpacked("{packed}", {tensor.dtype}, {tuple(array.shape)})'

"""Graphs of operators as PyTorch statements: for layers, and options of layers, without a template.

The graph is lowered as for training, and each call of an operator function written as what the function does
with these arguments (``specialization``), or where that needs control flow as a call of the function, which
the file then brings along (``functions``). No operator is written a second time here; only arithmetic
on sizes has forms of its own.
"""

from __future__ import annotations

import base64
import inspect
import math
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
from .functions import FunctionSources, NoSource
from .specialization import FRESH, NotStraight, Unknown, literal, operand, specialise

if TYPE_CHECKING:
    from kcompile.ir import Graph, Parameter

Free = Callable[[str], str]
"""A hint -> a name that nothing else has."""

_INLINE = 64
"""Constants of more elements are written compressed."""


class Body(Unknown):
    """The module of a body; ``further`` is what it takes after its captures."""

    def __init__(self, text: str, further: tuple[str, ...]) -> None:
        super().__init__(text, tensor=False)
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
        self.device = f"{inputs[0]}.device" if inputs else '"cpu"'
        for node in module.graph.nodes:
            if node.op == "placeholder":
                env[node] = _unknown(node, next(given))
            elif node.op == "get_attr":
                env[node] = self._attribute(node, getattr(module, node.target), parameters)
            elif node.op == "call_method":
                env[node] = self._let(node, f"{operand(_at(env, node.args[0]))}.{node.target}(", env, 1)
            elif node.op == "call_function":
                env[node] = self._call(node, env)
            else:
                return [operand(_at(env, result)) for result in node.args[0]]
        raise AssertionError("a graph without an output")

    # --- parameters, constants, bodies ---

    def _attribute(self, node: Any, content: Any, parameters: dict[str, Parameter]) -> Any:
        if node.target in parameters:
            return _unknown(node, self.weight(parameters[node.target]))
        if isinstance(content, fx.GraphModule):
            return self._body(node.target, content)
        if isinstance(content, torch.Tensor):
            return _unknown(node, self.buffer(self._hint(node.name), tensor_source(content)))
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
            f"({dtype}, {operand(tuple(size if isinstance(size, int) else None for size in shape or ()))})"
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
        if getattr(function, "__module__", "") == host.__name__:
            text = _size(function, args, kwargs, node, self.device)
            return _unknown(node, text, tensor=function is host.to_tensor)
        if not getattr(function, "__module__", "").startswith("kcompile"):
            return self._let(node, f"{literal(function)}(", env)
        for key, value in list(kwargs.items()):
            if isinstance(value, Body):
                more = tuple(Unknown(text, tensor=None) for text in value.further)
                kwargs[f"{key}_captures"] = (*kwargs[f"{key}_captures"], *more)
        parameters = inspect.signature(function).parameters
        if "device" in parameters:
            kwargs["device"] = Unknown(self.device, tensor=False)
        try:
            return self._let(node, self._specialised(function, args, kwargs))
        except (NotStraight, NoSource):
            return self._let(node, self._called(node, function, args, kwargs))

    def _specialised(self, function: Any, args: list[Any], kwargs: dict[str, Any]) -> str:
        statements, result, used = specialise(function, args, kwargs)
        module = inspect.getmodule(function)
        for name in sorted(used):
            self.functions.add_name(module, name)
        renamed: dict[str, str] = {}
        pattern = re.compile(rf"\b{FRESH}\w+")
        for name, expression in statements:
            renamed[name] = self.free(name.removeprefix(FRESH).lstrip("0123456789_").lower())
            self.lines.append(f"{renamed[name]} = {pattern.sub(lambda m: renamed[m.group()], expression)}")
        return pattern.sub(lambda m: renamed[m.group()], result)

    def _called(self, node: Any, function: Any, args: list[Any], kwargs: dict[str, Any]) -> str:
        """A call of the function itself, which the file brings along."""
        try:
            name = self.functions.add(function)
            given = [operand(value) for value in args]
            given += [f"{key}={operand(value)}" for key, value in kwargs.items()]
        except (NoSource, NotStraight) as error:
            raise NoSource(f"its operator {function.__name__} has no source ({error})") from error
        return f"{name}({', '.join(given)})"

    def _let(self, node: Any, expression: str, env: dict[Any, Any] | None = None, skip: int = 0) -> Unknown:
        """A variable for an expression; one that ends in "(" is completed by the node's arguments."""
        if env is not None:
            given = [operand(_at(env, value)) for value in node.args[skip:]]
            given += [f"{key}={operand(_at(env, value))}" for key, value in node.kwargs.items()]
            expression += f"{', '.join(given)})"
        if expression.isidentifier():
            return _unknown(node, expression)
        if node.users and all(user.target is getitem for user in node.users):
            return self._unpacked(node, expression)
        name = self.free(self._hint(node.name))
        self.lines.append(f"{name} = {expression}")
        return _unknown(node, name)

    def _unpacked(self, node: Any, expression: str) -> Any:
        """A line for a call of several results; what nobody reads is ``_``."""
        parts = {user.args[1]: user for user in node.users}
        found = tuple(
            _unknown(parts[i], self.free(self._hint(node.name)) if parts[i].users else "_")
            for i in range(max(parts) + 1)
        )
        self.lines.append(f"{', '.join(part.text for part in found)} = {expression}")
        return found

    def _hint(self, name: str) -> str:
        """``lstm_1_Add_3`` -> ``add``."""
        name = re.sub(r"\W", "_", name, flags=re.ASCII)
        short = name.removeprefix(f"{self.prefix}_")
        short = re.sub(r"(_\d+)+$", "", short).lower().lstrip("_")
        return identifier(short or "value") if not short[:1].isdigit() else f"value_{short}"


def _unknown(node: Any, text: str, tensor: bool = True) -> Unknown:
    dtype, shape = node.meta.get("type", (None, None))
    sizes = None if shape is None else tuple(size if isinstance(size, int) else None for size in shape)
    return Unknown(text, sizes, dtype, tensor if dtype is not None or not tensor else None)


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


# --- sizes: Python numbers and tuples -----------------------------------------------------------------------


def _size(function: Any, args: list[Any], kwargs: dict[str, Any], node: Any, device: str) -> str:
    """Arithmetic on sizes, as ``torch_bridge.ops.host`` defines it."""
    name = function.__name__
    texts = [None if value is None else operand(value) for value in args]
    x = texts[0]
    if name == "to_tensor":
        return f"torch.tensor({x}, dtype={texts[1]}, device={device})"
    if name == "Shape":
        start, end = kwargs.get("start", 0), kwargs.get("end")
        return f"{x}.shape[{start or ''}:{'' if end is None else end}]"
    if name == "Size":
        return f"{x}.numel()"
    dtype, shape = node.meta["type"]
    if name == "Cast":
        if shape:
            return str(x)  # tuples are of ints
        return f"({x} * 1.0)" if kwargs["to"].is_floating_point else f"int({x})"
    if name == "Concat":
        parts = [
            ", ".join(map(str, value)) if isinstance(value, tuple) else f"*{text}"
            for value, text in zip(args, texts, strict=True)
        ]
        return f"({', '.join(parts)},)"
    if name == "Gather":
        picked = [_item(x, i) for i in _items(args[1], shape)]
        return picked[0] if shape == () else f"({', '.join(picked)},)"
    if name == "ReduceProd":
        return f"math.prod({x})" if not kwargs.get("keepdims", 1) else f"(math.prod({x}),)"
    if name == "Slice":
        start, end, step = (_bound(value) for value in (*args[1:3], args[4] if len(args) > 4 else None))
        return f"{x}[{start}:{end}{step and f':{step}'}]"
    if name == "Squeeze":
        return _item(x, "0")
    if name == "Unsqueeze":
        return f"({x},)"
    template = _SCALAR["whole" if name == "Div" and dtype.kind in "iu" else name]
    if shape == ():
        return template.format(*texts)
    columns = [_items(value, shape) for value in args]
    return f"({', '.join(template.format(*operands) for operands in zip(*columns, strict=True))},)"


def _items(value: Any, shape: Any) -> list[str]:
    """The expressions of the elements of an operand, as many as a result of this shape has."""
    if shape is None or not all(isinstance(size, int) for size in shape):
        raise NoSource("it computes with sizes whose number is not known")
    count = math.prod(shape)
    if isinstance(value, Unknown):
        own = value._shape
        number = own[0] if own else None
        if own is None or own and number is None:
            raise NoSource("it computes with sizes whose number is not known")
        items = [value.text] if number is None else [_item(value.text, str(i)) for i in range(number)]
    else:
        items = [str(item) for item in (value if isinstance(value, tuple) else (value,))]
    return items * count if len(items) == 1 else items


def _item(text: Any, index: str) -> str:
    """One of the sizes in an expression: ``x.shape[2]`` for number 1 of ``x.shape[1:]``."""
    whole = re.fullmatch(r"([\w.]+\.shape)\[(\d*):\]", str(text))
    if whole and index.isdigit():
        return f"{whole[1]}[{int(whole[2] or 0) + int(index)}]"
    return f"{text}[{index}]"


def _bound(value: Any) -> str:
    """A bound or a step of a slice, which stands alone in its operand; "" for none."""
    if value is None:
        return ""
    if isinstance(value, Unknown):
        return value.text if value._shape == () else f"{value.text}[0]"
    number = value[0] if isinstance(value, tuple) else value
    return "" if number >= _NO_END else str(number)


_NO_END = 2**31 - 1
"""Where a slice ends that takes everything, in the number of bits that its program liked."""

_SCALAR = {
    "Add": "({} + {})",
    "Sub": "({} - {})",
    "Mul": "({} * {})",
    "Div": "({} / {})",
    "whole": "int({} / {})",
    "Max": "max({}, {})",
    "Min": "min({}, {})",
}

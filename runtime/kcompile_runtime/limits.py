"""What a model may make onnxruntime do before it runs: how often functions are inlined, what is folded.

onnxruntime inlines the functions of a model and computes what depends on constants alone while it loads.
Thirty functions that call the next one twice (2 KB) or thirty Concats of a value with itself take time and
memory without end. Both are measured here on the file's own encoding: names of operators and values, and the
sizes of initializers. Nothing is computed, and nothing that an exporter writes is refused.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

from .errors import ModelFileError
from .wire import Buffer, fields, varint

SPARE_NODES, NODES_PER_NODE = 2_000, 20
"""How many nodes a model may become by inlining: so many, and so many for each in the file."""
MAX_CALLS = 200
"""Functions inside of functions."""
MAX_OUTPUTS = 4096
"""Outputs of one graph: onnxruntime's work grows with their square."""
SPARE_BYTES, BYTES_PER_BYTE = 1 << 28, 4
"""How many bytes may be folded: so many, and so many for each byte of the model's weights."""
FOLDING_LIMIT = 1 << 30
"""onnxruntime's own limit for one folded tensor, in the releases that have one."""

Key = TypeVar("Key", bound=Hashable)


class RecursiveCallError(ValueError):
    """A function calls itself, by others or at once; ``key`` is its own."""

    def __init__(self, key: Any) -> None:
        super().__init__(f"{key!r} calls itself")
        self.key = key


def callees_first(calls: Mapping[Key, Iterable[Key]]) -> list[Key]:
    """Functions in an order in which each comes after those that it calls, without recursion of our own.

    Args:
        calls: what each function calls; callees that are no key of it are left out.

    Raises:
        RecursiveCallError: for functions that call themselves.
    """
    order: list[Key] = []
    done: dict[Key, bool] = {}  # False while its callees are looked at
    for start in calls:
        stack = [(start, False)]
        while stack:
            key, left = stack.pop()
            if left:
                done[key] = True
                order.append(key)
            elif key not in done:
                done[key] = False
                stack.append((key, True))
                for other in dict.fromkeys(calls[key]):
                    if done.get(other) is False:
                        raise RecursiveCallError(other)
                    if other in calls:
                        stack.append((other, False))
    return order


# What gives no more elements than it takes. A cast or a dequantization makes each at most 16 times larger.
_NOT_GROWING = frozenset(
    b"Abs Cast Ceil Clip DepthToSpace DequantizeLinear Dropout Exp Flatten Floor Identity Log Neg Not "
    b"QuantizeLinear Reciprocal ReduceL1 ReduceL2 ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum "
    b"ReduceSumSquare Relu Reshape Round Shape Sigmoid Sign Size Slice Softmax SpaceToDepth Sqrt Squeeze "
    b"Tanh Transpose Unsqueeze".split()
)
_WIDENING = {b"Cast": 16, b"DequantizeLinear": 16}
# Never folded, whatever they read.
_NOT_FOLDED = frozenset(
    b"Bernoulli Loop Multinomial RandomNormal RandomNormalLike RandomUniform RandomUniformLike Scan".split()
)

# Over other characters onnxruntime's inference of Einsum never returns.
_TERM = rb"[A-Za-z ]*(?:\.\.\.[A-Za-z ]*)?"
_EQUATION = re.compile(_TERM + rb"(?:," + _TERM + rb")*(?:->" + _TERM + rb")?")

# Their numbers are used as they stand: a batch_dims below zero, fewer outputs than there are.
_CHECKED = frozenset((b"Einsum", b"GatherND", b"Split"))
_MOST = 1 << 16

# onnxruntime takes a function of one of these names for the operator, and ends the process over one input.
_OF_TWO = frozenset((b"Add", b"Div", b"Gather", b"Mul", b"Sub"))

# onnxruntime ends the process where they read a constant without elements.
_READ_A_NUMBER = frozenset((b"OneHot",))

_Key = tuple[bytes, bytes, bytes]
_Range = tuple[int, int]


@dataclass
class Measured:
    """What was found in a model.

    Attributes:
        nodes: in the file.
        inlined: nodes when the functions are inlined.
        constants: nodes that depend on constants alone, so that their results are folded.
        growing: those of them whose results may be larger than what they read.
        known_bytes: of the results of the others, at most.
        fusible: whether onnxruntime may fuse nodes: it ends the process over a LayerNormalization whose bias
            is left out by an empty name.
    """

    nodes: int = 0
    inlined: int = 0
    constants: int = 0
    growing: int = 0
    known_bytes: int = 0
    fusible: bool = True

    def folding_limit(self, weight_bytes: int) -> int:
        """How many bytes one folded tensor may have, so that all of them stay within the budget."""
        budget = SPARE_BYTES + BYTES_PER_BYTE * weight_bytes
        count = self.growing if self.known_bytes <= budget else self.constants
        return min(FOLDING_LIMIT, budget // max(1, count))


def measure(content: Buffer, where: str) -> Measured:
    """
    Args:
        content: a model, whose encoding was checked.
        where: how messages name it.

    Raises:
        ModelFileError: functions that call themselves, or that become too much when they are inlined.
    """
    return _Walk(content, where).measured


class _Walk:
    """One way through a model; bodies see the names of the graph around them."""

    def __init__(self, content: Buffer, where: str) -> None:
        self.content = content
        self.where = where
        self.measured = Measured()
        self.sizes: dict[bytes, int] = {}  # of constants, in bytes; 0 where it is not known
        self.empty: set[bytes] = set()  # constants without elements
        self.foldable: list[tuple[bytes, list[bytes], list[bytes]]] = []
        """Operator, inputs and outputs of each node that onnxruntime folds if its inputs are constants."""
        self.functions: dict[_Key, list[_Key]] = {}
        """What each calls, as often as it does."""
        main: list[_Key] = []
        functions = []
        for number, _, start, end in fields(content, 0, len(content)):
            if number == 7:
                self.graph(start, end, main)
            elif number == 25:
                functions.append((start, end))
        for start, end in functions:
            self.function(start, end)
        self.fold()
        self.measured.inlined = self.measured.nodes
        if functions:
            self.check_functions(main)

    def graph(self, start: int, end: int, calls: list[_Key]) -> None:
        todo = [(start, end)]
        while todo:
            nodes, outputs = [], 0
            for number, _, first, last in fields(self.content, *todo.pop()):
                if number == 5:
                    self.initializer(first, last)
                elif number == 1:
                    nodes.append((first, last))
                elif number == 12:
                    outputs += 1
            if outputs > MAX_OUTPUTS:
                raise ModelFileError(f"{self.where} has more than {MAX_OUTPUTS} outputs")
            for first, last in nodes:
                todo += self.node(first, last, calls)

    def function(self, start: int, end: int) -> None:
        """Its inputs count as constants: they may be where it is called."""
        name = domain = overload = b""
        calls: list[_Key] = []
        bodies: list[_Range] = []
        for number, _, first, last in fields(self.content, start, end):
            if number == 1:
                name = self.content[first:last]
            elif number == 10:
                domain = self.content[first:last]
            elif number == 13:
                overload = self.content[first:last]
            elif number == 4:
                self.sizes[self.content[first:last]] = 0
            elif number == 7:
                bodies += self.node(first, last, calls)
        for first, last in bodies:
            self.graph(first, last, calls)
        self.functions[domain, name, overload] = calls

    def node(self, start: int, end: int, calls: list[_Key]) -> list[_Range]:
        """Counts one node; gives the graphs in its attributes."""
        content = self.content
        inputs, outputs, graphs = [], [], []
        operator = domain = overload = b""
        attributes: list[_Range] = []
        for number, _, first, last in fields(content, start, end):
            if number == 1:
                inputs.append(content[first:last])
            elif number == 2:
                outputs.append(content[first:last])
            elif number == 4:
                operator = content[first:last]
            elif number == 5:
                attributes.append((first, last))
            elif number == 7:
                domain = content[first:last]
            elif number == 8:
                overload = content[first:last]
        self.measured.nodes += 1
        calls.append((domain, operator, overload))
        for first, last in attributes:
            graphs += self.attribute(first, last, operator, outputs)
        if operator == b"Constant":
            self.sizes.update((name, sum(last - first for first, last in attributes)) for name in outputs)
        elif operator not in _NOT_FOLDED:
            self.foldable.append((operator, [name for name in inputs if name], outputs))
        if operator in _OF_TWO and len(inputs) < 2:
            self.refuse(operator, f"{len(inputs)} inputs; it has two")
        if operator == b"LayerNormalization" and inputs[-1:] == [b""]:
            self.measured.fusible = False
        return graphs

    def attribute(self, start: int, end: int, operator: bytes, outputs: list[bytes]) -> list[_Range]:
        """Looks at one attribute; gives the graphs in it.

        Over some values onnxruntime's inference reads outside of memory or never returns. The values must be
        in the node: one that a function is called with could be any.
        """
        content, graphs = self.content, []
        name, number = b"", 0
        refers = False
        for field, wire, first, last in fields(content, start, end):
            if wire == 2 and field in (6, 11):
                graphs.append((first, last))
            elif wire == 2 and field == 5 and operator == b"Constant" and not self.tensor(first, last)[1]:
                self.empty.update(outputs)
            elif (
                wire == 2
                and field == 4
                and operator == b"Einsum"
                and not _EQUATION.fullmatch(content[first:last])
            ):
                self.refuse(operator, "an equation that is not made of letters, as in 'ij,jk->ik'")
            elif wire == 2 and field == 1:
                name = content[first:last]
            elif wire == 0 and field == 3:
                number = varint(content, first, last)[0]
            elif field == 21:
                refers = refers or last > first
        least = {b"batch_dims": 0, b"num_outputs": len(outputs), b"equation": 0}.get(name)
        if operator in _CHECKED and least is not None:
            if refers:
                self.refuse(operator, f"a {name.decode()} that is given by the call of a function")
            if name != b"equation" and not least <= number <= _MOST:
                found = number - (1 << 64) if number >> 63 else number
                self.refuse(operator, f"{name.decode()}={found}, which is out of range")
        return graphs

    def refuse(self, operator: bytes, what: str) -> NoReturn:
        raise ModelFileError(f"{self.where} has a node {operator.decode()} with {what}")

    def fold(self) -> None:
        """Counts the nodes that depend on constants alone, in whatever order they stand."""
        sizes, measured = self.sizes, self.measured
        readers: dict[bytes, list[int]] = {}
        missing = []
        for i, (operator, inputs, _) in enumerate(self.foldable):
            if operator in _READ_A_NUMBER and not self.empty.isdisjoint(inputs[1:]):
                raise ModelFileError(
                    f"{self.where} has a node {operator.decode()} that reads a number from an empty tensor"
                )
            unknown = {name for name in inputs if name not in sizes}
            missing.append(len(unknown))
            for name in unknown:
                readers.setdefault(name, []).append(i)
        ready = [i for i, count in enumerate(missing) if not count]
        for i in ready:
            operator, inputs, outputs = self.foldable[i]
            measured.constants += 1
            result = 0
            if operator in _NOT_GROWING and inputs:
                result = sizes[inputs[0]] * _WIDENING.get(operator, 1)
                measured.known_bytes += result
            else:
                measured.growing += 1
            for name in outputs:
                if name not in sizes:
                    sizes[name] = result
                    for reader in readers.get(name, ()):
                        missing[reader] -= 1
                        if not missing[reader]:
                            ready.append(reader)

    def initializer(self, start: int, end: int) -> None:
        name, size = self.tensor(start, end)
        self.sizes[name] = size
        if not size:
            self.empty.add(name)

    def tensor(self, start: int, end: int) -> tuple[bytes, int]:
        """Its name, and its bytes at most, by its shape: the values may be elsewhere."""
        name, size = b"", 8
        for number, wire, first, last in fields(self.content, start, end):
            if number == 1 and wire == 0:
                size *= varint(self.content, first, last)[0]
            elif number == 1:  # packed
                while first < last:
                    dim, first = varint(self.content, first, last)
                    size *= dim
            elif number == 8:
                name = self.content[first:last]
        return name, size

    # --- functions ---

    def check_functions(self, main: list[_Key]) -> None:
        most = SPARE_NODES + NODES_PER_NODE * self.measured.nodes
        sizes: dict[_Key, int] = {}
        depths: dict[_Key, int] = {}
        try:
            order = callees_first(self.functions)
        except RecursiveCallError as error:
            name = error.key[1].decode("utf-8", "replace")
            raise ModelFileError(f"{self.where} has a function {name!r} that calls itself") from None
        for key in order:
            called = [other for other in self.functions[key] if other in sizes]
            sizes[key] = sum(sizes.get(other, 1) for other in self.functions[key])
            depths[key] = 1 + max((depths[other] for other in called), default=0)
            if depths[key] > MAX_CALLS:
                raise ModelFileError(f"{self.where} has functions that call functions {depths[key]} deep")
            self.check_size(sizes[key], most)
        inlined = sum(sizes.get(key, 1) for key in main)
        self.check_size(inlined, most)
        # a node of a function counts as often as it is inlined, and may fold there
        self.measured.inlined = inlined
        self.measured.growing += inlined
        self.measured.constants += inlined

    def check_size(self, size: int, most: int) -> None:
        if size > most:
            raise ModelFileError(
                f"{self.where} becomes more than {most} nodes when its functions are inlined, out of all "
                "proportion to the file"
            )

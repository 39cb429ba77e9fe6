"""Values, constants, parameters and nodes: the immutable pieces that graphs are sliced from.

A value points to the node that produced it, a node to the values it read. Nobody owns a global graph, so
what nobody refers to is freed.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from .changes import changing
from .dtypes import DTypeLike, as_dtype
from .element_types import element_type
from .limits import claim_node, claim_steps
from .shapes import TensorShape
from .storage import Storage
from .text import shown

Dim = int | str | None
Shape = tuple[Dim, ...] | None


class Value:
    """One tensor of a graph: a type, and the node output that computes it.

    Python operators and indexing emit ONNX operators. Equality and hashing are by identity. One that depends
    on no input has numbers (``ir.numbers``).

    Attributes:
        dtype: type of the elements, a ``DType``: equal to numpy's, whose attributes it has, and TensorFlow's.
        dims: per axis an int, a symbol (str) where the size is dynamic but named, or None where nothing is
            known; None as a whole where even the rank is unknown.
        shape: what users see of it: ints, and None where the size is open.
        node: the producer; None for graph inputs, constants and parameters.
        index: which output of the producer this is.
    """

    __slots__ = ("__dict__", "__weakref__", "_name", "dtype", "dims", "index", "node")

    def __init__(
        self,
        dtype: DTypeLike,
        shape: Sequence[Dim] | None,
        name: str | None = None,
        node: Node | None = None,
        index: int = 0,
    ) -> None:
        self.dtype: np.dtype = element_type(dtype)  # type: ignore[assignment]  # what numpy's has, and more
        self.dims: Shape = None if shape is None else tuple(shape)
        self.node = node
        self.index = index
        self._name = name

    @property
    def annotations(self) -> dict[str, Any]:
        """What the front end keeps with the value, for instance which layer call made it; free to change.

        The IR never reads it. An annotation is an attribute of the value, too.
        """
        return self.__dict__

    @property
    def name(self) -> str:
        """The given name, or ``scope/Operator:index`` of the producer; unique only among graph inputs."""
        if self._name is not None:
            return self._name
        if self.node is None:
            return "value"
        return f"{self.node.name}:{self.index}"

    @property
    def shape(self) -> TensorShape | None:
        """Per axis the size, None where it is open; None as a whole where the rank is unknown."""
        if self.dims is None:
            return None
        return tuple.__new__(TensorShape, [dim if isinstance(dim, int) else None for dim in self.dims])

    _shape_val = shape  # as TensorFlow 1's tensors keep it, which programs read

    @property
    def rank(self) -> int | None:
        """Number of axes, None if unknown."""
        return None if self.dims is None else len(self.dims)

    ndim = rank

    def get_shape(self) -> TensorShape | None:
        """``shape``, as programs of TensorFlow ask for it."""
        return self.shape

    def set_shape(self, shape: Sequence[int | None]) -> None:
        """Says more of the shape: fills in axes that are open.

        Raises:
            ValueError: where another size is known, or another number of axes.
        """
        wanted = TensorShape(shape)
        if self.dims is None:
            self.dims = tuple(wanted)
            return
        TensorShape(n if isinstance(n, int) else None for n in self.dims).assert_is_compatible_with(wanted)
        self.dims = tuple(old if new is None else new for old, new in zip(self.dims, wanted, strict=True))

    def refine(self, shape: Sequence[Dim]) -> None:
        """Adds what the maker of the value knows of its shape: fills in axes that inference left open.

        Only for whoever has just emitted the value, before anybody else reads it.
        """
        if self.dims is None:
            self.dims = tuple(shape)
        elif len(self.dims) == len(shape):
            self.dims = tuple(new if old is None else old for old, new in zip(self.dims, shape, strict=True))

    def stand_for(self, other: Value) -> None:
        """From now on the value is what ``other`` is, for all that read it; graphs that are sliced already
        compute what it was.

        Raises:
            ValueError: for a value of another type or shape.
        """
        if (self.dtype, self.dims) != (other.dtype, other.dims) or self.node is None:
            raise ValueError(f"{format_type(other)} cannot stand where {format_type(self)} does.")
        passing_on = Node("Identity", [other], {}, [(self.dtype, self.dims)], scope=self.node.scope)
        passing_on.outputs = (self,)
        self.node, self.index = passing_on, 0

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {shown(self.name)} {format_type(self)}>"

    __hash__ = object.__hash__

    # ir.arithmetic and ir.numbers, which need the emitter and graphs, put these on the class
    if TYPE_CHECKING:

        def numpy(self) -> np.ndarray: ...
        def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray: ...
        def __bool__(self) -> bool: ...
        def __float__(self) -> float: ...
        def __int__(self) -> int: ...
        def __index__(self) -> int: ...
        def __len__(self) -> int: ...
        def __iter__(self) -> Iterator[Value]: ...
        def __add__(self, other: Any) -> Value: ...
        def __radd__(self, other: Any) -> Value: ...
        def __sub__(self, other: Any) -> Value: ...
        def __rsub__(self, other: Any) -> Value: ...
        def __mul__(self, other: Any) -> Value: ...
        def __rmul__(self, other: Any) -> Value: ...
        def __truediv__(self, other: Any) -> Value: ...
        def __rtruediv__(self, other: Any) -> Value: ...
        def __floordiv__(self, other: Any) -> Value: ...
        def __rfloordiv__(self, other: Any) -> Value: ...
        def __mod__(self, other: Any) -> Value: ...
        def __rmod__(self, other: Any) -> Value: ...
        def __pow__(self, other: Any) -> Value: ...
        def __rpow__(self, other: Any) -> Value: ...
        def __matmul__(self, other: Any) -> Value: ...
        def __rmatmul__(self, other: Any) -> Value: ...
        def __and__(self, other: Any) -> Value: ...
        def __rand__(self, other: Any) -> Value: ...
        def __or__(self, other: Any) -> Value: ...
        def __ror__(self, other: Any) -> Value: ...
        def __xor__(self, other: Any) -> Value: ...
        def __rxor__(self, other: Any) -> Value: ...
        def __lt__(self, other: Any) -> Value: ...
        def __le__(self, other: Any) -> Value: ...
        def __gt__(self, other: Any) -> Value: ...
        def __ge__(self, other: Any) -> Value: ...
        def __neg__(self) -> Value: ...
        def __abs__(self) -> Value: ...
        def __invert__(self) -> Value: ...
        def __getitem__(self, key: Any) -> Value: ...


class Constant(Value):
    """A value known while the graph is built.

    Attributes:
        array: the elements; treat as read-only.
    """

    __slots__ = ("array",)

    def __init__(self, array: Any, dtype: DTypeLike | None = None, name: str | None = None) -> None:
        self.array = np.asarray(array, dtype=None if dtype is None else as_dtype(dtype))
        claim_steps(self.array.size, "constants")
        super().__init__(self.array.dtype, self.array.shape, name)


class Parameter(Value):
    """A weight or a state: a value with storage that training, updates and users write to.

    Attributes:
        storage: the host buffer that numpy, torch and onnxruntime share.
        trainable: whether gradients update it (layers decide anew at each compile()).
    """

    __slots__ = ("storage", "trainable")

    shape: tuple[int, ...]  # type: ignore[assignment]
    constraint: Any  # of the front end: applied after each update

    def __init__(self, storage: Storage | np.ndarray, name: str, trainable: bool = True) -> None:
        self.storage = storage if isinstance(storage, Storage) else Storage(storage)
        self.trainable = trainable
        array = self.storage.array
        super().__init__(array.dtype, array.shape, name)

    @property
    def size(self) -> int:
        """Number of elements."""
        return int(self.storage.array.size)

    def numpy(self) -> np.ndarray:
        """A C-ordered copy of the current value."""
        return np.array(self.storage.array, order="C")

    def assign(self, value: Any) -> Any:
        """Overwrites the value in place.

        Raises:
            ValueError: if the shape differs.
        """
        self.storage.assign(self.fitting(value))

    def fitting(self, value: Any) -> np.ndarray:
        """A value as an array of this weight's element type.

        Raises:
            ValueError: if the shape differs.
        """
        value = np.asarray(value, dtype=self.dtype)
        if value.shape != self.shape:
            raise ValueError(
                f"Weight {self.name} has shape {self.shape}; got a value of shape {value.shape}."
            )
        return value


def assign_all(pairs: Iterable[tuple[Parameter, Any]]) -> None:
    """Overwrites several weights as one change: other threads compute with all the old values or the new.

    Raises:
        ValueError: if a shape differs; then nothing is changed.
    """
    plan = [(parameter, parameter.fitting(value)) for parameter, value in pairs]
    with changing():
        for parameter, value in plan:
            parameter.storage.assign(value)


class _Noting(threading.local):
    """The lists of those who want to know, in this thread, which nodes are made."""

    lists: tuple[list[Node], ...] = ()


_noting = _Noting()


@contextmanager
def noting_nodes() -> Iterator[list[Node]]:
    """Within, nodes that are made are added to the list that is given."""
    before = _noting.lists
    found: list[Node] = []
    _noting.lists = (*before, found)
    try:
        yield found
    finally:
        _noting.lists = before


class Node:
    """One operator applied.

    Attributes:
        op_type: operator name as in the ONNX specification.
        domain: "" for the standard set, "kcompile" for the few operators that never reach a file.
        inputs: the values read; None for an omitted optional input.
        attributes: plain Python values as given (ints, floats, strings, lists, numpy arrays, Body for a
            subgraph); attributes left out have the specification's default.
        outputs: the values produced.
        scope: path of the layer that emitted the node.
        device: where it is to be computed, ``"gpu:1"``; None where nobody said.
        precision: the half precision that training computes it in; None for that of its values.
        depends: what ``ir.numbers.depends`` found; None before.
    """

    __slots__ = (
        "__weakref__",
        "attributes",
        "depends",
        "device",
        "domain",
        "inputs",
        "op_type",
        "outputs",
        "precision",
        "scope",
    )

    def __init__(
        self,
        op_type: str,
        inputs: Sequence[Value | None],
        attributes: Mapping[str, Any],
        output_types: Sequence[tuple[np.dtype, Shape]],
        domain: str = "",
        scope: str = "",
        device: str | None = None,
        precision: str | None = None,
    ) -> None:
        claim_node(op_type)
        self.op_type = op_type
        self.domain = domain
        self.inputs = tuple(inputs)
        self.attributes = dict(attributes)
        self.scope = scope
        self.device = device
        self.precision = precision
        self.depends: int | None = None
        self.outputs = tuple(
            Value(dtype, shape, None, self, i) for i, (dtype, shape) in enumerate(output_types)
        )
        for found in _noting.lists:
            found.append(self)

    @property
    def name(self) -> str:
        """``scope/Operator``; not unique."""
        return f"{self.scope}/{self.op_type}" if self.scope else self.op_type

    def copied(
        self, inputs: Sequence[Value | None], output_types: Sequence[tuple[np.dtype, Shape]] | None = None
    ) -> Node:
        """The same operator on other inputs; its outputs are of the same types unless others are given."""
        types = [(x.dtype, x.dims) for x in self.outputs] if output_types is None else output_types
        return Node(
            self.op_type, inputs, self.attributes, types, self.domain, self.scope, self.device, self.precision
        )

    def __repr__(self) -> str:
        return f"<Node {shown(self.name)}>"


def format_type(value: Value, named: bool = False) -> str:
    """``float32[?, 28, 28]``; ``[...]`` for an unknown rank.

    Args:
        named: show the symbols of open axes, ``float32[batch, 28, 28]``: they are of use within a graph, and
            mean nothing to who wrote ``None``.
    """
    name = "string" if value.dtype == object else value.dtype.name
    dims = value.dims if named else value.shape
    if dims is None:
        return f"{name}[...]"
    return f"{name}[{', '.join('?' if dim is None else shown(str(dim)) for dim in dims)}]"

"""The pickle in a PyTorch checkpoint, read as data: nothing that it names is imported, and nothing is called.

The opcodes are taken apart by ``pickletools`` and applied to plain containers here. Of the functions that a
pickle names, those that rebuild a dense tensor become a :class:`StoredTensor`; every other one is refused.
So neither torch's functions for sparse, quantized and nested tensors run on numbers of the file, nor does
pickle's own machine, which takes memory for what a few bytes declare.

Layout: torch/serialization.py and torch/_utils.py of PyTorch, any version since 0.4.
"""

from __future__ import annotations

import math
import pickletools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, BinaryIO

from kcompile.formats.archive import UnsafeFileError

#: Element types by the class of a storage.
STORAGES = {
    "DoubleStorage": "float64",
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
    "ComplexFloatStorage": "complex64",
    "ComplexDoubleStorage": "complex128",
    "UntypedStorage": "",
}
#: Element types by torch's name, where a tensor states its own.
DTYPES = {
    **{name: name for name in STORAGES.values() if name},
    **{name: name for name in ("uint16", "uint32", "uint64")},
    **{name: name for name in ("float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz")},
}
_LIMIT = 2**62
#: Steps of a pickle: some 25 for a tensor.
MAX_STEPS = 2_000_000
_MARK = object()


@dataclass(frozen=True)
class Storage:
    """The bytes that tensors are views of.

    Attributes:
        key: which of the file's.
        dtype: numpy's name of the element type; "" for bytes.
        size: number of elements.
    """

    key: str
    dtype: str
    size: int


@dataclass(frozen=True)
class StoredTensor:
    """A tensor as the file describes it; all numbers are checked against each other.

    Attributes:
        storage: what it is a view of.
        dtype: numpy's name of the element type.
        offset, strides: in elements.
        shape: as it is.
    """

    storage: Storage
    dtype: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


@dataclass(frozen=True)
class _Global:
    """Something that the pickle names; a name is all that is ever read of it."""

    name: str


class Damaged(Exception):
    """An opcode that finds something else than it needs; the message says what."""


def read_pickle(file: BinaryIO, source: str) -> Any:
    """One pickle, from the file's position to its end.

    Returns:
        dicts, lists, tuples, strings, numbers, bytes, None and :class:`StoredTensor`; a list for a set, a
        dict for an OrderedDict. Entries whose key is neither a string nor a usual number are left out.

    Raises:
        Damaged: if it is no such pickle.
        UnsafeFileError: if it wants anything else than tensors and containers.
    """
    machine = _Machine(source)
    try:
        for step, (opcode, argument, _) in enumerate(pickletools.genops(file)):
            if opcode.name == "STOP":
                return machine.pop()
            if step > MAX_STEPS:
                raise UnsafeFileError(source, f"its pickle has more than {MAX_STEPS} steps.")
            machine.step(opcode.name, argument)
    except (ValueError, IndexError, TypeError, OverflowError, EOFError) as error:
        if isinstance(error, UnsafeFileError):
            raise
        raise Damaged(str(error)[:200] or type(error).__name__) from error
    raise Damaged("the pickle has no end")


class _Machine:
    """The stack and the memo of a pickle."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.stack: list[Any] = []
        self.memo: dict[Any, Any] = {}

    def step(self, name: str, argument: Any) -> None:
        """Applies one opcode."""
        if name in _PUSHED:
            self.stack.append(argument)
        elif name in _MADE:
            self.stack.append(_MADE[name]())
        elif name in ("PUT", "BINPUT", "LONG_BINPUT"):
            self.memo[int(argument)] = self.stack[-1]
        elif name in ("GET", "BINGET", "LONG_BINGET"):
            if int(argument) not in self.memo:
                raise Damaged("it reads a place of the memo that nothing was put into")
            self.stack.append(self.memo[int(argument)])
        elif name == "MEMOIZE":
            self.memo[len(self.memo)] = self.stack[-1]
        elif name == "GLOBAL":
            self.stack.append(self.named(*argument.split(" ", 1)))
        elif name not in ("PROTO", "FRAME"):
            method: Callable[[], None] | None = getattr(self, f"do_{name.lower()}", None)
            if method is None:
                raise UnsafeFileError(
                    self.source, f"its pickle uses {name}, which no file of weights needs. {_ADVICE}"
                )
            method()

    def pop(self) -> Any:
        """The topmost value."""
        value = self.stack.pop()
        if value is _MARK:
            raise Damaged("a mark where a value is expected")
        return value

    def marked(self) -> list[Any]:
        """What lies above the last mark, which goes, too."""
        for i in range(len(self.stack) - 1, -1, -1):
            if self.stack[i] is _MARK:
                found = self.stack[i + 1 :]
                del self.stack[i:]
                return found
        raise Damaged("there is no mark")

    def named(self, module: Any, name: Any) -> _Global:
        """What a pickle names, if files of weights name such."""
        full = f"{module}.{name}"
        if full in _CALLS or full in _NAMES:
            return _Global(full)
        if name in _LAYOUTS:
            raise UnsafeFileError(
                self.source,
                f"holds {_LAYOUTS[name]} tensors, which are not read. Save them dense, in an element type of "
                "numpy's: tensor.to_dense(), tensor.dequantize().",
            )
        raise UnsafeFileError(
            self.source,
            f"holds more than tensors ({full[:100]!r}), and reading it could run code from it, so it is "
            f"refused. {_ADVICE}",
        )

    # --- containers ---

    def do_pop(self) -> None:
        self.stack.pop()

    def do_pop_mark(self) -> None:
        self.marked()

    def do_dup(self) -> None:
        self.stack.append(self.stack[-1])

    def do_tuple(self) -> None:
        self.stack.append(tuple(self.marked()))

    def do_tuple1(self) -> None:
        self.stack.append((self.pop(),))

    def do_tuple2(self) -> None:
        second = self.pop()
        self.stack.append((self.pop(), second))

    def do_tuple3(self) -> None:
        third, second = self.pop(), self.pop()
        self.stack.append((self.pop(), second, third))

    def do_list(self) -> None:
        self.stack.append(self.marked())

    do_frozenset = do_list

    def do_dict(self) -> None:
        items = self.marked()
        self.stack.append({})
        self.fill(items)

    def do_append(self) -> None:
        value = self.pop()
        self.top(list).append(value)

    def do_appends(self) -> None:
        values = self.marked()
        self.top(list).extend(values)

    do_additems = do_appends

    def do_setitem(self) -> None:
        value, key = self.pop(), self.pop()
        self.fill([key, value])

    def do_setitems(self) -> None:
        self.fill(self.marked())

    def fill(self, items: list[Any]) -> None:
        """Puts keys and values, by turns, into the dict on the stack."""
        if len(items) % 2:
            raise Damaged("a key without a value")
        self.top(dict).update(_pairs(zip(items[::2], items[1::2], strict=True)))

    def top(self, kind: type) -> Any:
        """The topmost value, which is of a kind."""
        if not isinstance(self.stack[-1], kind):
            raise Damaged(f"a {type(self.stack[-1]).__name__} where a {kind.__name__} is expected")
        return self.stack[-1]

    # --- what it names ---

    def do_stack_global(self) -> None:
        name, module = self.pop(), self.pop()
        if not isinstance(name, str) or not isinstance(module, str):
            raise Damaged("a name that is no string")
        self.stack.append(self.named(module, name))

    def do_reduce(self) -> None:
        arguments, function = self.pop(), self.pop()
        if not isinstance(arguments, tuple) or not isinstance(function, _Global):
            raise Damaged("a call of something that is no function")
        if function.name not in _CALLS:
            raise Damaged(f"a call of {function.name}")
        self.stack.append(_CALLS[function.name](*arguments))

    do_newobj = do_reduce

    def do_build(self) -> None:
        """Attributes of an OrderedDict (a state_dict's versions) or a tensor say nothing of the numbers."""
        self.pop()
        if not isinstance(self.stack[-1], dict | StoredTensor):
            raise Damaged("a state of something that is neither a dict nor a tensor")

    def do_binpersid(self) -> None:
        found = self.pop()
        if not isinstance(found, tuple) or len(found) not in (5, 6) or found[0] != "storage":
            raise Damaged("a reference to something that is no storage")
        kind, key, size = found[1], found[2], found[4]
        name = kind.name.rpartition(".")[2] if isinstance(kind, _Global) else ""
        if name not in STORAGES or not isinstance(key, str):
            raise Damaged("a storage of no known type")
        if len(found) == 6 and found[5] is not None:
            raise Damaged("a storage that is a part of another, as PyTorch before 0.4 wrote it")
        self.stack.append(Storage(key, STORAGES[name], _size(size)))


# --- calls --------------------------------------------------------------------------------------------------


def _size(value: Any) -> int:
    if type(value) is not int or not 0 <= value < _LIMIT:
        raise Damaged("a size that is no whole number from 0 on, or an impossible one")
    return value


def _pairs(items: Any) -> Iterator[tuple[Any, Any]]:
    """Entries whose keys are cheap to compare; numbers that collide by intent are no keys of checkpoints."""
    for key, value in items:
        if isinstance(key, str | bytes) or isinstance(key, int) and abs(key) < 2**53:
            yield key, value


def _tensor(storage: Any, offset: Any, shape: Any, strides: Any, *rest: Any, dtype: str = "") -> StoredTensor:
    """``_rebuild_tensor_v2``: (storage, offset, size, stride, requires_grad, backward_hooks, metadata)."""
    if not isinstance(storage, Storage) or not isinstance(shape, tuple) or not isinstance(strides, tuple):
        raise Damaged("a tensor without storage, shape or strides")
    if len(shape) != len(strides) or len(shape) > 64:
        raise Damaged("a tensor whose shape and strides do not fit each other")
    if len(rest) > 2 and rest[2]:
        raise Damaged("a tensor that is still to be conjugated or negated: save tensor.resolve_conj()")
    sizes, steps, start = tuple(map(_size, shape)), tuple(map(_size, strides)), _size(offset)
    dtype = dtype or storage.dtype
    if not dtype:
        raise Damaged("a tensor without an element type")
    count = math.prod(sizes)
    unit = 1 if storage.dtype else _BYTES[dtype]  # a storage of bytes counts these
    room = storage.size // unit
    last = start + sum((size - 1) * step for size, step in zip(sizes, steps, strict=True)) if count else 0
    if count and last >= room:
        raise Damaged(f"a tensor of shape {list(sizes)[:8]} reaches beyond its storage of {room} elements")
    if count > room:
        raise Damaged(
            f"a tensor of shape {list(sizes)[:8]} repeats the {room} elements of its storage (an expanded "
            "view): save tensor.contiguous()"
        )
    return StoredTensor(storage, dtype, start, sizes, steps)


def _tensor_of_type(
    storage: Any, offset: Any, shape: Any, strides: Any, grad: Any, hooks: Any, dtype: Any, *rest: Any
) -> StoredTensor:
    """``_rebuild_tensor_v3``: with an element type that no storage has."""
    name = dtype.name.removeprefix("torch.") if isinstance(dtype, _Global) else ""
    if name not in DTYPES or not isinstance(storage, Storage) or storage.dtype:
        raise Damaged("a tensor of no known element type")
    return _tensor(storage, offset, shape, strides, grad, hooks, *rest, dtype=name)


def _parameter(data: Any, *rest: Any) -> StoredTensor:
    if not isinstance(data, StoredTensor):
        raise Damaged("a parameter that is no tensor")
    return data


def _from_type(function: Any, kind: Any, arguments: Any, state: Any = None) -> StoredTensor:
    """``_rebuild_from_type_v2``: a tensor with attributes, or of a class derived from Tensor."""
    rebuild = _REBUILDS.get(function.name) if isinstance(function, _Global) else None
    if rebuild is None or not isinstance(arguments, tuple):
        raise Damaged("a tensor of a class of its own")
    found: StoredTensor = rebuild(*arguments)
    return found


def _dict(*arguments: Any) -> dict[Any, Any]:
    items = arguments[-1] if arguments else ()
    if isinstance(items, dict):
        return dict(items)
    if not isinstance(items, list | tuple | _Global):
        raise Damaged("a dict made of something else than items")
    pairs = [] if isinstance(items, _Global) else items  # a defaultdict's factory
    if not all(isinstance(pair, list | tuple) and len(pair) == 2 for pair in pairs):
        raise Damaged("a dict made of something else than items")
    return dict(_pairs(pairs))


def _list(items: Any = ()) -> list[Any]:
    if not isinstance(items, list | tuple):
        raise Damaged("a set made of something else than items")
    return list(items)


def _shape(items: Any = ()) -> tuple[int, ...]:
    if not isinstance(items, list | tuple):
        raise Damaged("a torch.Size made of something else than sizes")
    return tuple(map(_size, islice(items, 65)))


def _bytes(text: Any, encoding: Any = "latin1") -> bytes:
    """How pickle's protocol 2 writes bytes."""
    if not isinstance(text, str) or encoding != "latin1":
        raise Damaged("bytes in an encoding other than latin1")
    return text.encode("latin1")


_REBUILDS: dict[str, Callable[..., Any]] = {
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_tensor_v3": _tensor_of_type,
    "torch._utils._rebuild_parameter": _parameter,
    "torch._utils._rebuild_parameter_with_state": _parameter,
}
_CALLS: dict[str, Callable[..., Any]] = {
    **_REBUILDS,
    "torch._tensor._rebuild_from_type_v2": _from_type,
    "torch.nn.parameter.Parameter": _parameter,
    "collections.OrderedDict": _dict,
    "collections.defaultdict": _dict,
    "collections.Counter": _dict,
    **dict.fromkeys(("builtins.dict", "__builtin__.dict"), _dict),
    **dict.fromkeys(("builtins.set", "__builtin__.set", "builtins.list", "__builtin__.list"), _list),
    "torch.Size": _shape,
    "torch.device": lambda *names: ":".join(name for name in names if isinstance(name, str)),
    "_codecs.encode": _bytes,
}
"""What may be called -> what that makes."""

_FACTORIES = ("int", "long", "float", "str", "bool")
_NAMES = {
    *(f"torch.{name}" for name in (*STORAGES, *DTYPES)),
    "torch.storage.UntypedStorage",
    "torch.storage._UntypedStorage",
    "torch._tensor.Tensor",
    "torch.Tensor",
    "torch.nn.parameter.Buffer",
    *(f"{module}.{kind}" for module in ("builtins", "__builtin__") for kind in _FACTORIES),
}
"""What may be named, and not be called."""

_LAYOUTS = {
    "_rebuild_sparse_tensor": "sparse",
    "_rebuild_sparse_csr_tensor": "sparse",
    "_rebuild_qtensor": "quantized",
    "_rebuild_nested_tensor": "nested",
    "_rebuild_njt": "nested",
    "NestedTensor": "nested",
    "_rebuild_meta_tensor_no_storage": "meta",
    "_rebuild_wrapper_subclass": "wrapped",
    "_rebuild_device_tensor_from_numpy": "XLA's or another device's",
    "_rebuild_device_tensor_from_cpu_tensor": "XLA's or another device's",
    **{f"{kind}Storage": "quantized" for kind in ("QInt8", "QUInt8", "QInt32", "QUInt4x2", "QUInt2x4")},
}
_ADVICE = "Save the weights alone: torch.save(model.state_dict(), ...)."

_BYTES = {
    name: next((n for end, n in (("128", 16), ("64", 8), ("32", 4), ("16", 2)) if name.endswith(end)), 1)
    for name in DTYPES
}
"""Bytes of an element; complex64 has 8, as its name's number says, and float8's are 1."""

_PUSHED = frozenset(
    """INT BININT BININT1 BININT2 LONG LONG1 LONG4 FLOAT BINFLOAT STRING BINSTRING SHORT_BINSTRING UNICODE
    BINUNICODE SHORT_BINUNICODE BINUNICODE8 BINBYTES SHORT_BINBYTES BINBYTES8""".split()
)
_MADE: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_DICT": dict,
    "EMPTY_LIST": list,
    "EMPTY_SET": list,
    "EMPTY_TUPLE": tuple,
    "MARK": lambda: _MARK,
}

"""What TensorFlow has for programs: logging, devices, modules with variables, versions."""

from __future__ import annotations

import contextlib
import logging as _logging
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ...devices import DeviceNotFoundError, device_scope
from ...ir import Depends, Parameter, Value, depends, name_scope
from ..tensorflow.tensors import convert_to_tensor
from .config import get_soft_device_placement


def get_logger() -> _logging.Logger:
    """The logger of the name "tensorflow"."""
    return _logging.getLogger("tensorflow")


@contextlib.contextmanager
def device(device_name: Any) -> Iterator[None]:
    """Layers that are called inside compute on a device; None and a CPU change nothing, nor does one that is
    not there, unless ``tf.config.set_soft_device_placement(False)`` was said.

    Raises:
        DeviceNotFoundError: (a ValueError) if it is not there and has to be.
    """
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(device_scope(device_name or None))
        except DeviceNotFoundError:
            if not get_soft_device_placement():
                raise
        yield


@contextlib.contextmanager
def control_dependencies(control_inputs: Any) -> Iterator[None]:
    """Nothing: what is computed at once has been computed, and a graph has what its outputs need."""
    yield


@contextlib.contextmanager
def init_scope() -> Iterator[None]:
    """Nothing: variables are made at once everywhere."""
    yield


def no_op(name: Any = None) -> None:
    """Nothing."""


def group(*inputs: Any, **options: Any) -> None:
    """Nothing: what is computed at once has been computed."""


def tuple_(tensors: Any, control_inputs: Any = None, name: Any = None) -> list[Any]:
    """The tensors."""
    return list(tensors)


def timestamp(name: Any = None) -> Value:
    """Seconds since 1970: float64."""
    import time

    return convert_to_tensor(np.float64(time.time()))


def get_static_value(tensor: Any, partial: bool = False) -> Any:
    """The numbers of a tensor that has any; None of a symbolic one."""
    tensor = convert_to_tensor(tensor)
    return None if depends(tensor) is Depends.ON_INPUTS else tensor.numpy()


def is_symbolic_tensor(tensor: Any) -> bool:
    """Whether it depends on an input of a graph."""
    return isinstance(tensor, Value) and depends(tensor) is Depends.ON_INPUTS


class IndexedSlices:
    """Rows of a tensor, by number.

    Attributes:
        values: the rows.
        indices: their numbers.
        dense_shape: of the tensor, if it is known.
    """

    def __init__(self, values: Any, indices: Any, dense_shape: Any = None) -> None:
        self.values, self.indices, self.dense_shape = values, indices, dense_shape


class UnconnectedGradients:
    """What a tape gives for a source that the target does not depend on."""

    NONE, ZERO = "none", "zero"


class Module:
    """What has variables and modules as attributes.

    Args:
        name: of it; the class's by default.
    """

    def __init__(self, name: str | None = None) -> None:
        self._name = name or type(self).__name__.lower()

    @property
    def name(self) -> str:
        """Its name."""
        return self._name

    @property
    def name_scope(self) -> Any:
        """A scope of its name."""
        return name_scope(self._name)

    @property
    def variables(self) -> tuple[Parameter, ...]:
        """All variables of it and of what it has."""
        return tuple(dict.fromkeys(_parameters(self)))

    @property
    def trainable_variables(self) -> tuple[Parameter, ...]:
        """Those that are trained."""
        return tuple(v for v in self.variables if v.trainable)

    @property
    def non_trainable_variables(self) -> tuple[Parameter, ...]:
        """Those that are not."""
        return tuple(v for v in self.variables if not v.trainable)

    @property
    def weights(self) -> list[Parameter]:
        """All variables."""
        return list(self.variables)

    @property
    def submodules(self) -> tuple[Module, ...]:
        """All modules of it and of what it has."""
        return tuple(dict.fromkeys(m for m in _modules(vars(self), set()) if m is not self))

    @staticmethod
    def with_name_scope(method: Callable[..., Any]) -> Callable[..., Any]:
        """A method within the module's scope of names."""

        def called(self: Any, *args: Any, **kwargs: Any) -> Any:
            with name_scope(self.name):
                return method(self, *args, **kwargs)

        return called


def _entries(thing: Any) -> Iterator[Any]:
    """What an object has: entries of lists and dicts, attributes of modules, in the order of their names."""
    if isinstance(thing, dict):
        yield from (thing[key] for key in sorted(thing, key=str))
    elif isinstance(thing, list | tuple):
        yield from thing
    elif isinstance(thing, Module):
        yield from (vars(thing)[key] for key in sorted(vars(thing)))


def _parameters(thing: Any) -> Iterator[Parameter]:
    for entry in _entries(thing):
        if isinstance(entry, Parameter):
            yield entry
        elif isinstance(weights := getattr(entry, "weights", None), list | tuple):
            yield from weights
        else:
            yield from _parameters(entry)


def _modules(thing: Any, seen: set[int]) -> Iterator[Module]:
    if id(thing) in seen:
        return
    seen.add(id(thing))
    for entry in _entries(thing):
        if isinstance(entry, Module):
            yield entry
        yield from _modules(entry, seen)


class version:
    """``tf.version``."""

    VERSION = "2.15.0"
    GIT_VERSION = COMPILER_VERSION = "kcompile"
    GRAPH_DEF_VERSION = 1645


class autograph:
    """``tf.autograph``: functions run as they are, or are traced by the values they are called on."""

    @staticmethod
    def to_code(entity: Any, recursive: bool = True, experimental_optional_features: Any = None) -> str:
        """The function's own text."""
        import inspect

        return inspect.getsource(entity)

    @staticmethod
    def to_graph(entity: Any, **options: Any) -> Any:
        """The function."""
        return entity

    @staticmethod
    def set_verbosity(level: int, alsologtostdout: bool = False) -> None:
        """Accepted: nothing is printed."""

    @staticmethod
    def trace(*args: Any) -> None:
        """Prints."""
        print(*args)

    class experimental:
        """``tf.autograph.experimental``."""

        @staticmethod
        def do_not_convert(func: Any = None, *options: Any, **more: Any) -> Any:
            """The function."""
            return (lambda f: f) if func is None else func

        @staticmethod
        def set_loop_options(**options: Any) -> None:
            """Accepted."""


class sysconfig:
    """``tf.sysconfig``."""

    @staticmethod
    def get_build_info() -> dict[str, Any]:
        """What was built: nothing for CUDA."""
        return {"is_cuda_build": False, "is_rocm_build": False}


class profiler:
    """``tf.profiler``: NotImplementedError says what is here."""

    class experimental:
        """``tf.profiler.experimental``."""

        @staticmethod
        def start(*arguments: Any, **options: Any) -> None:
            """Not here: NotImplementedError says what is."""
            raise NotImplementedError(
                "There is no profiler of TensorFlow; torch.profiler records a fit here."
            )

        stop = start


class compat:
    """``tf.compat``, beside ``v1`` and ``v2``."""

    @staticmethod
    def as_bytes(bytes_or_text: Any, encoding: str = "utf-8") -> bytes:
        """Text as bytes."""
        return bytes_or_text.encode(encoding) if isinstance(bytes_or_text, str) else bytes(bytes_or_text)

    @staticmethod
    def as_text(bytes_or_text: Any, encoding: str = "utf-8") -> str:
        """Bytes as text."""
        return bytes_or_text if isinstance(bytes_or_text, str) else bytes(bytes_or_text).decode(encoding)

    as_str = as_text

    @staticmethod
    def as_str_any(value: Any, encoding: str = "utf-8") -> str:
        """Bytes as text, and the text of anything else."""
        return value.decode(encoding) if isinstance(value, bytes) else str(value)


COMPAT = {name: getattr(compat, name) for name in ("as_bytes", "as_str", "as_str_any", "as_text")}
ROOT = [
    "IndexedSlices", "Module", "UnconnectedGradients", "autograph", "control_dependencies",
    "device", "get_logger",
    "get_static_value", "group", "init_scope", "is_symbolic_tensor",
    "no_op", "profiler", "sysconfig", "timestamp", "tuple_", "version",
]  # fmt: skip

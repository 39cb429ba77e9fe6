"""What a user's code does with symbolic tensors of Keras, written down call by call.

Keras records the operations that are called on a ``KerasTensor``. While ``Recorder`` is in force it records
three things more, so that any code that runs eagerly can be recorded: sizes of axes are numbers that know
where they come from (``Size``); variables of layers are symbolic tensors; and functions that make tensors of
sizes, or at random, are calls like the others. Nothing of it stays behind on layers of the user's.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType, FunctionType
from typing import Any

import keras
import numpy as np
from keras import KerasTensor, Layer, Operation, Variable, tree
from keras.src import backend
from keras.src.ops.node import Node

from ..errors import LiveModelError
from ..training import Training
from .control_flow import NAMES, RECORDED, ControlFlow, Function
from .counterparts import is_built_in
from .sizes import Size


class VariableTensor(KerasTensor):
    """A variable of a layer, while it is recorded."""

    def __init__(self, variable: Any) -> None:
        super().__init__(tuple(variable.shape), str(variable.dtype), name=variable.name)
        self.variable = variable
        self.trainable = variable.trainable
        self.path = variable.path

    @property
    def value(self) -> VariableTensor:
        """The variable: what is done with its value is done with it."""
        return self

    def assign(self, value: Any) -> Any:
        """Records an update of the variable."""
        recorder = Recorder.current()
        if recorder is not None:
            recorder.updates.append((self.variable, value))
        return value

    def assign_add(self, value: Any) -> Any:
        """Records an update of the variable by what is added to it."""
        return self.assign(self + value)

    def assign_sub(self, value: Any) -> Any:
        """Records an update of the variable by what is taken from it."""
        return self.assign(self - value)


class ConstantTensor(KerasTensor):
    """Numbers that a layer is called on: what its weights make of them is no constant."""

    def __init__(self, value: Any) -> None:
        super().__init__(tuple(value.shape), backend.standardize_dtype(value.dtype))
        self.constant = value


class BackendCall(Operation):
    """A function of the backend that makes a tensor of sizes, or at random.

    Args:
        function: its module and name (``"numpy.arange"``).
        compute: the function itself, for the shape of what it gives.
    """

    def __init__(self, function: str, compute: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function
        self.compute = compute

    def record(self, args: Any, kwargs: Any) -> Any:
        """Records a call; the result as a symbolic tensor."""
        with Recorder.silent():
            given, named = _plain(args), _plain(kwargs)
            if "seed" in named:
                named["seed"] = 1  # the model's own generator stays where it is
            if any(isinstance(x, KerasTensor) for x in tree.flatten((given, named))):
                spec = backend.compute_output_spec(self.compute, *given, **named)
            else:
                made = self.compute(*given, **named)
                spec = KerasTensor(tuple(made.shape), backend.standardize_dtype(made.dtype))
        Node(operation=self, call_args=args, call_kwargs=kwargs, outputs=spec)
        return spec


@dataclass
class Call:
    """One recorded call.

    Attributes:
        operation: the Operation or Layer.
        args, kwargs: with symbolic tensors and sizes in their places.
        outputs: its symbolic tensors, flat.
        line: of the user's code, ``"file.py:12"``.
    """

    operation: Any
    args: Any
    kwargs: Any
    outputs: list[Any]
    line: str


@dataclass
class Recorder:
    """The calls that are recorded while it is in force, in their order; and updates of variables."""

    calls: list[Call] = field(default_factory=list)
    updates: list[tuple[Any, Any]] = field(default_factory=list)
    variables: dict[int, VariableTensor] = field(default_factory=dict)
    replaced: list[tuple[dict[str, Any], str, Any, Any]] = field(default_factory=list)

    @staticmethod
    def current() -> Recorder | None:
        """The one that is in force in this thread."""
        return getattr(_in_force, "recorder", None)

    @staticmethod
    @contextmanager
    def silent() -> Iterator[None]:
        """Within, nothing is recorded."""
        recorder, _in_force.recorder = Recorder.current(), None
        try:
            yield
        finally:
            _in_force.recorder = recorder

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Within, nothing is recorded, and variables are variables."""
        with self.silent():
            self._put(symbolic=False)
            try:
                yield
            finally:
                self._put(symbolic=True)

    @contextmanager
    def recording(self, layers: list[Any]) -> Iterator[None]:
        """Within, calls on symbolic tensors are recorded, and variables of these layers are symbolic."""
        with _patching, _patched():
            outer, _in_force.recorder = Recorder.current(), self
            self._take_variables(layers)
            self._put(symbolic=True)
            try:
                yield
            finally:
                self._put(symbolic=False)
                _in_force.recorder = outer

    def _take_variables(self, layers: list[Any]) -> None:
        """The attributes of layers that hold variables, with what to put in their places."""
        for layer in layers:
            for name, value in list(vars(layer).items()):
                if name not in _TRACKED and _holds_variables(value):
                    self.replaced.append((vars(layer), name, value, self._symbolic(value)))

    def _symbolic(self, value: Any) -> Any:
        if isinstance(value, Variable):
            return self.variables.setdefault(id(value), VariableTensor(value))
        if isinstance(value, dict):
            return {key: self._symbolic(entry) for key, entry in value.items()}
        if isinstance(value, list | tuple):
            return [self._symbolic(entry) for entry in value]
        return value

    def _put(self, symbolic: bool) -> None:
        """Puts symbolic tensors, or again the variables, in the attributes that hold variables."""
        for attributes, name, variable, tensor in self.replaced:
            attributes[name] = tensor if symbolic else variable

    def function(self, function: Callable[..., Any], inputs: list[Any]) -> Function:
        """What a function does with symbolic tensors, apart from the calls around it.

        Raises:
            LiveModelError: if it changes a variable.
        """
        around, self.calls = self.calls, []
        changed = len(self.updates)
        tensors = [x for x in tree.flatten(inputs) if isinstance(x, KerasTensor)]
        for tensor in tensors:
            tensor._shape = sizes_of(tensor)
        try:
            outputs = function(*inputs)
            calls = self.calls
        finally:
            self.calls = around
        if len(self.updates) > changed:
            raise LiveModelError("an assignment to a variable in a branch or loop, which is not read here")
        return Function(tensors, calls, outputs)

    def record(self, operation: ControlFlow, args: list[Any], outputs: Any) -> Any:
        """Notes a branch or loop, and gives its outputs sizes that know their tensor."""
        tensors = [x for x in tree.flatten(outputs) if isinstance(x, KerasTensor)]
        for tensor in tensors:
            tensor._shape = sizes_of(tensor)
        self.calls.append(Call(operation, args, {}, tensors, _users_line()))
        return outputs

    def take(self, node: Any, args: Any, kwargs: Any, outputs: Any) -> None:
        """Notes a call, and gives its outputs sizes that know their tensor."""
        tensors = [x for x in outputs if isinstance(x, KerasTensor)]
        if any(None in tensor.shape for tensor in tensors):
            with self.paused():
                specs = backend.compute_output_spec(_call_of(node), *_plain(args), **_plain(kwargs))
            for tensor, spec in zip(outputs, tree.flatten(specs), strict=True):
                tensor._shape = tuple(spec.shape)
        for tensor in tensors:
            tensor._shape = sizes_of(tensor)
        self.calls.append(Call(node, args, kwargs, outputs, _users_line()))


_TRACKED = ("_trainable_variables", "_non_trainable_variables", "_tracker", "_layers", "_metrics")


def _holds_variables(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_holds_variables(entry) for entry in value.values())
    if isinstance(value, list | tuple):
        return any(_holds_variables(entry) for entry in value)
    return isinstance(value, Variable)


def sizes_of(tensor: Any) -> tuple[Any, ...]:
    """The shape of a symbolic tensor, of sizes that know where they come from."""
    return tuple(None if n is None else Size.of(int(n), tensor, axis) for axis, n in enumerate(tensor.shape))


def _users_line() -> str:
    """Where in the user's code we are: the innermost frame that is neither Keras's nor ours."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        if _is_users(frame):
            return f"{frame.f_code.co_filename}:{frame.f_lineno}"
        frame = frame.f_back
    return ""


def line_of(error: BaseException) -> str:
    """The innermost line of the user's code that an error went through."""
    found, traceback = "", error.__traceback__
    while traceback is not None:
        if _is_users(traceback.tb_frame):
            found = f"{traceback.tb_frame.f_code.co_filename}:{traceback.tb_lineno}"
        traceback = traceback.tb_next
    return found


def _is_users(frame: FrameType) -> bool:
    package = frame.f_globals.get("__name__", "").split(".")[0]
    return package not in ("keras", "kcompile", "optree", "contextlib", "torch", "tensorflow", "jax", "numpy")


# --- what Keras is told to do otherwise meanwhile -----------------------------------------------------------

_in_force = threading.local()
_patching = threading.RLock()

#: Functions of the backend that are calls where a size is among their arguments.
_OF_SIZES = {
    "numpy": (
        *("arange", "zeros", "ones", "full", "eye", "identity", "tri", "linspace"),
        *("broadcast_to", "tile", "repeat", "reshape", "array"),
    ),
    "core": ("cast", "convert_to_tensor"),
}
#: Functions that are calls in any case.
_RANDOM = (
    "normal",
    "uniform",
    "truncated_normal",
    "randint",
    "categorical",
    "dropout",
    "shuffle",
    "binomial",
)
#: Modules of the backend whose functions stand for those of keras.ops where they are given symbolic tensors.
_MODULES = ("numpy", "nn", "math", "linalg", "image")


@contextmanager
def _patched() -> Iterator[None]:
    """Keras with its nodes and the functions above handed to the recorder that is in force."""
    if Recorder.current() is not None:
        yield
        return
    places = _places()
    before = [(owner, name, getattr(owner, name)) for owner, name, _ in places]
    for owner, name, function in places:
        setattr(owner, name, function)
    try:
        yield
    finally:
        for owner, name, function in before:
            setattr(owner, name, function)


def _places() -> list[tuple[Any, str, Any]]:
    """What is replaced: owner, name, and what by."""
    places: dict[tuple[int, str], tuple[Any, str, Any]] = {}
    for module in _MODULES:
        owner = getattr(backend, module)
        for name, function in vars(owner).items():
            if isinstance(function, FunctionType) and hasattr(keras.ops, name):
                places[id(owner), name] = owner, name, _as_operation(name, function)
    for module, names in _OF_SIZES.items():
        for name in names:
            for owner in (getattr(backend, module), backend):
                if hasattr(owner, name):
                    function = _of_sizes(f"{module}.{name}", getattr(owner, name))
                    places[id(owner), name] = owner, name, function
    for name, record in RECORDED.items():
        function = _recorded(record, getattr(backend.core, name))
        places[id(backend.core), name] = backend.core, name, function
    for name in _RANDOM:
        if hasattr(backend.random, name):
            function = _random(f"random.{name}", getattr(backend.random, name))
            places[id(backend.random), name] = backend.random, name, function
    return [
        (Node, "__init__", _node_init(Node.__init__)),
        (Operation, "symbolic_call", _operation_call(Operation.symbolic_call)),
        (Layer, "__call__", _layer_call(Layer.__call__)),
        (Layer, "symbolic_call", _symbolic_call(Layer.symbolic_call)),
        (backend.core, "custom_gradient", _custom_gradient(backend.core.custom_gradient)),
        *places.values(),
    ]


def _node_init(original: Callable[..., None]) -> Callable[..., None]:
    def init(
        self: Any, operation: Any, call_args: Any = None, call_kwargs: Any = None, outputs: Any = None
    ) -> None:
        recorder = Recorder.current()
        if recorder is None:
            original(self, operation, call_args, call_kwargs, outputs)
            return
        tensors = tree.flatten(outputs)
        recorder.take(operation, call_args or (), call_kwargs or {}, tensors)

    return init


def _symbolic_call(original: Callable[..., Any]) -> Callable[..., Any]:
    def symbolic_call(self: Any, *args: Any, **kwargs: Any) -> Any:
        recorder = Recorder.current()
        if recorder is None:
            return original(self, *args, **kwargs)
        if isinstance(kwargs.get("training"), Training):
            kwargs["training"] = False
        with recorder.paused():
            args, kwargs = _plain(args), _plain(kwargs)
            if is_built_in(type(self)):
                return original(self, *args, **kwargs)
            # a user's class may inherit a compute_output_spec that knows nothing of its call
            return backend.compute_output_spec(_call_of(self), *args, **kwargs)

    return symbolic_call


def _call_of(layer: Any) -> Callable[..., Any]:
    quantized = getattr(layer, "quantization_mode", None) is not None
    return layer.quantized_call if quantized else layer.call


def _layer_call(original: Callable[..., Any]) -> Callable[..., Any]:
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        if Recorder.current() is not None and self.weights and not _has(KerasTensor, args, kwargs):
            args = tree.map_structure(_constant, args)
        return original(self, *args, **kwargs)

    return call


def _constant(x: Any) -> Any:
    return ConstantTensor(x) if isinstance(x, np.ndarray) or backend.is_tensor(x) else x


def _operation_call(original: Callable[..., Any]) -> Callable[..., Any]:
    def symbolic_call(self: Any, *args: Any, **kwargs: Any) -> Any:
        recorder = Recorder.current()
        if recorder is None:
            return original(self, *args, **kwargs)
        if type(self).__name__ in NAMES:
            return self.call(*args, **kwargs)
        if type(self).__name__ == "GetItem" and args[1] is None:
            args = args[0], (None,)  # Keras takes x[None] of tensors alone
        with recorder.silent():
            outputs = self.compute_output_spec(*args, **kwargs)
        recorder.take(self, args, kwargs, tree.flatten(outputs))
        return outputs

    return symbolic_call


def _plain(value: Any) -> Any:
    """Arguments whose sizes are plain numbers: what one that is not recorded does with them is its own."""

    def plain(x: Any) -> Any:
        if isinstance(x, KerasTensor):
            return KerasTensor(tuple(int(n) for n in x.shape), x.dtype, name=x.name)
        return int(x) if isinstance(x, Size) else x

    return tree.map_structure(plain, value)


def _custom_gradient(original: Callable[..., Any]) -> Callable[..., Any]:
    def custom_gradient(function: Callable[..., Any]) -> Any:
        computed = original(function)

        def call(*args: Any, **kwargs: Any) -> Any:
            return computed(*args, **kwargs) if Recorder.current() is None else function(*args, **kwargs)[0]

        return call

    return custom_gradient


def _recorded(record: Callable[..., Any], original: Callable[..., Any]) -> Callable[..., Any]:
    def function(*args: Any, **kwargs: Any) -> Any:
        recorder = Recorder.current()
        return original(*args, **kwargs) if recorder is None else record(recorder, *args, **kwargs)

    return function


def _as_operation(name: str, original: Callable[..., Any]) -> Callable[..., Any]:
    def function(*args: Any, **kwargs: Any) -> Any:
        if Recorder.current() is not None and _has(KerasTensor, args, kwargs):
            return getattr(keras.ops, name)(*args, **kwargs)
        return original(*args, **kwargs)

    return function


def _of_sizes(name: str, original: Callable[..., Any]) -> Callable[..., Any]:
    def function(*args: Any, **kwargs: Any) -> Any:
        if Recorder.current() is not None and _has((Size, KerasTensor), args, kwargs):
            return BackendCall(name, original).record(args, kwargs)
        return original(*args, **kwargs)

    return function


def _random(name: str, original: Callable[..., Any]) -> Callable[..., Any]:
    def function(*args: Any, **kwargs: Any) -> Any:
        if Recorder.current() is not None:
            return BackendCall(name, original).record(args, kwargs)
        return original(*args, **kwargs)

    return function


def _has(kind: Any, args: Any, kwargs: Any) -> bool:
    return any(isinstance(x, kind) for x in tree.flatten((args, kwargs)))


def array_of(value: Any) -> np.ndarray:
    """The numbers of a tensor or variable of the backend."""
    return np.asarray(backend.convert_to_numpy(value))

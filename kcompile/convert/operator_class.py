"""A Keras layer as a PyTorch class of its own, whose ``forward`` is the layer's operators.

The class has the tensors of ``kcompile.keras.state_dict``, under their names and in their layouts; where
those are not Keras's, ``forward`` begins by turning them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ..keras.state_dict import TorchModuleSpec
from ..keras.state_dict.modules import layer_specs
from ..keras.state_dict.names import AttributeNames
from ..torch_bridge.source import FunctionSources, GraphPrinter, NoSource, literal
from .weight_source import weight_sources

if TYPE_CHECKING:
    from ..ir import Graph, Parameter


@dataclass
class Method:
    """A ``forward`` for one call of the layer."""

    name: str
    arguments: list[str]
    lines: list[str]

    def text(self) -> list[str]:
        return [
            f"    def {self.name}(self, {', '.join(self.arguments)}):",
            *(f"        {line}" for line in self.lines),
        ]


@dataclass
class OperatorClass:
    """The class of one layer; each call that computes something else is a method.

    Args:
        name: of the class.
        layer: the Keras layer.
        attribute: what the model's class calls the layer.
        functions: collects the functions that the methods call.
        image: (channels, sizes...) that it reads flattened, see ``kcompile.keras.state_dict.flattening``.
    """

    name: str
    layer: Any
    attribute: str
    functions: FunctionSources
    image: list[int] | None = None
    construction: list[str] = field(default_factory=list)
    methods: list[Method] = field(default_factory=list)
    bodies: list[str] = field(default_factory=list)
    states: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._members = AttributeNames()
        self._modules = {"self"}
        self._weights: dict[Any, str] = {}
        self._buffers: dict[str, str] = {}
        self._read: dict[str, str] = {}
        for spec in layer_specs(self.layer, self.attribute, self.image):
            path = spec.name.removeprefix(self.attribute).strip(".")
            self._weights.update(weight_sources(spec, self._tensors(spec, path)))

    def _tensors(self, spec: TorchModuleSpec, path: str) -> dict[str, str]:
        """Constructs the tensors of a module; suffix -> expression."""
        dtypes = {parameter.dtype for parameter in spec.parameters.values()}
        dtype = dtypes.pop() if len(dtypes) == 1 else np.dtype(np.float32)
        trainable = {key for key, p in spec.parameters.items() if p.trainable}
        found = {}
        for suffix, shape in spec.shapes().items():
            *modules, last = f"{path}.{suffix}".strip(".").split(".")
            holder = "self"
            for module in modules:
                holder += f".{module}"
                if holder not in self._modules:
                    self._modules.add(holder)
                    self.construction.append(f"{holder} = nn.Module()")
            own = spec.parameters[suffix].dtype if suffix in spec.parameters else dtype
            own = np.dtype(np.int64) if suffix == "num_batches_tracked" else own
            kind = "" if own == np.float32 else f", dtype=torch.{own.name}"
            zeros = f"torch.zeros({literal(tuple(shape))}{kind})"
            learned = own.kind == "f" and (suffix in trainable or suffix not in spec.parameters and trainable)
            if learned:
                self.construction.append(f"{holder}.{last} = nn.Parameter({zeros})")
            else:
                self.construction.append(f'{holder}.register_buffer("{last}", {zeros})')
            self._members.take([*modules, last][0])
            found[suffix] = f"{holder}.{last}"
        return found

    # --- calls ---

    def add_call(self, graph: Graph, hints: list[str]) -> str:
        """Writes the method for a call; gives its name, "" for ``forward``.

        Args:
            graph: of the call, for inference; its inputs are the call's.
            hints: what to name the arguments.
        """
        free = self.functions.variables().free
        arguments = [free(hint) for hint in hints]
        lines: list[str] = []
        self._read = {}
        for parameter, _ in graph.updates:
            self._state(parameter)
        printer = GraphPrinter(
            self.functions,
            lambda parameter: self._weight(parameter, free, lines),
            free,
            self.attribute,
            self._body,
            self._buffer,
        )
        outputs, updates = printer.graph(graph, arguments)
        lines += printer.lines
        if updates:
            news = ", ".join(f"{new}.detach()" for _, new in updates)
            lines.append(f"{', '.join(self._weights[p] for p, _ in updates)} = {news}")
        lines.append(f"return {', '.join(outputs)}")
        for method in self.methods:
            if (method.arguments, method.lines) == (arguments, lines):
                return "" if method.name == "forward" else method.name
        number = len(self.methods) + 1
        name = "forward" if number == 1 else f"forward_{number}"
        self.methods.append(Method(name, arguments, lines))
        return "" if number == 1 else name

    def _weight(self, parameter: Parameter, free: Any, lines: list[str]) -> str:
        text = self._weights.get(parameter)
        if text is None:
            raise NoSource(
                f"it reads {parameter.name}, which is no weight of the layer; create it by add_weight"
            )
        if re.fullmatch(r"[\w.]+", text):
            return text
        if text not in self._read:  # turned once, at the beginning
            self._read[text] = free(parameter.name.rpartition("/")[2].split(":")[0])
            lines.append(f"{self._read[text]} = {text}")
        return self._read[text]

    def _state(self, parameter: Parameter) -> None:
        """A buffer for a state that calls update; no file holds it."""
        if parameter in self._weights:
            return
        name = self._members.free("state")
        self.states.append(name)
        kind = "" if parameter.dtype == np.float32 else f", dtype=torch.{parameter.dtype.name}"
        zeros = f"torch.zeros({literal(tuple(parameter.shape))}{kind})"
        self.construction.append(f'self.register_buffer("{name}", {zeros}, persistent=False)')
        self._weights[parameter] = f"self.{name}"

    def _buffer(self, hint: str, source: str) -> str:
        if source not in self._buffers:
            name = self._members.free(hint)
            self.construction.append(f'self.register_buffer("{name}", {source}, persistent=False)')
            self._buffers[source] = f"self.{name}"
        return self._buffers[source]

    def _body(self, hint: str, arguments: list[str], lines: list[str], meta: str) -> str:
        """A class for the body of a Scan, Loop or If."""
        name = f"{self.name}Step{len(self.bodies) + 1 if self.bodies else ''}"
        attribute = self._members.free("step" if hint.startswith("body") else hint)
        signature = ", ".join(["self", *arguments])
        text = [
            f"class {name}(nn.Module):",
            f"    meta = {meta}",
            "",
            f"    def forward({signature}):",
            *(f"        {line}" for line in lines),
        ]
        if any("self." in line for line in lines):
            raise NoSource("the body of its loop reads a constant of its own")
        self.bodies.append("\n".join(text))
        self.construction.append(f"self.{attribute} = {name}()")
        return f"self.{attribute}"

    # --- text ---

    def text(self) -> str:
        """The classes of the bodies, and the class."""
        lines = [f"class {self.name}(nn.Module):"]
        lines.append(f'    """A {type(self.layer).__name__} layer in inference, by its operators."""')
        if self.states:
            lines += ["", f"    STATES = {literal(tuple(self.states))}"]
        if self.construction:
            lines += ["", "    def __init__(self):", "        super().__init__()"]
            lines += [f"        {line}" for line in self.construction]
        for method in self.methods:
            lines += ["", *method.text()]
        return "\n\n\n".join([*self.bodies, "\n".join(lines)])

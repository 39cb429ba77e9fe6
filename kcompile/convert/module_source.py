"""A Keras model as the source of a torch.nn.Module: readable, and in need of torch alone.

The module's state_dict has the names and layouts of ``kcompile.keras.state_dict``. A model inside another
becomes a class of its own.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ..formats.atomic import replacing
from ..keras.engine.input_layer import InputLayer
from ..keras.engine.network import Network
from ..keras.engine.node import static_shape
from ..keras.state_dict import state_dict, write_tensors
from ..keras.state_dict.layouts import attribute_names
from .errors import ConversionError
from .layer_call import KERAS, Call, Tensor
from .layer_table import ENTRIES
from .source_helpers import HELPERS, NEEDS

_HEAD = '''"""The network {name} as a PyTorch module, written by kcompile.

    from {module} import load

    model = load()  # in evaluation mode, with the weights of {weights}
    y = model({arguments})

Inputs and outputs are laid out as in Keras.
"""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

INPUTS = {inputs}
OUTPUTS = {outputs}
'''

_LOAD = '''

def load(path=Path(__file__).with_name("{weights}")):
    """The model with its weights, in evaluation mode."""
    model = {classname}()
    model.load_state_dict(torch.load(path, weights_only=True))
    return model.eval()
'''


def write_module(model: Network, path: Path) -> Path:
    """Writes ``path`` (.py) and, beside it, the state_dict that it loads (.pt).

    Returns:
        the path of the weights.

    Raises:
        ConversionError: for a layer that has no entry; then nothing is written.
    """
    weights = path.with_suffix(".pt")
    source = module_source(model, path.stem, weights.name)
    write_tensors(state_dict(model), weights)
    with replacing(path) as temporary:
        Path(temporary).write_text(source, encoding="utf-8")
    return weights


def module_source(model: Any, module: str = "model", weights: str = "model.pt") -> str:
    """The text of a Python file with a class for the model, and ``load()``.

    Args:
        model: a built model of layers (not a subclass with a ``call`` of its own).
        module: name of the file, for its docstring.
        weights: name of the state_dict's file beside it.

    Raises:
        ConversionError: naming the first layer that has no entry.
    """
    writer = SourceWriter()
    classname = writer.class_for(model)
    head = _HEAD.format(
        name=_plain(model.name),
        module=module,
        weights=weights,
        arguments=", ".join(_identifiers(model)),
        inputs=_mapping(
            [(name, static_shape(v)) for name, v in zip(model.input_names, model.inputs, strict=True)]
        ),
        outputs=repr(tuple(model.output_names)),
    )
    helpers = [HELPERS[name] for name in HELPERS if name in writer.helpers]
    parts = [head, *helpers, *writer.classes, _LOAD.format(weights=weights, classname=classname)]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def _mapping(entries: list[tuple[str, Any]]) -> str:
    """A dict's source, an entry a line."""
    return "{\n" + "".join(f"    {key!r}: {value!r},\n" for key, value in entries) + "}"


def _plain(text: str) -> str:
    """Text that cannot end or escape from a docstring."""
    return text.replace("\\", "/").replace('"', "'")


def _identifiers(model: Network) -> list[str]:
    names = attribute_names(model)
    return [names[layer] for layer in model._input_layers]


class SourceWriter:
    """What the classes of one file share."""

    def __init__(self) -> None:
        self.classes: list[str] = []
        self.helpers: set[str] = set()
        self.names: dict[int, str] = {}

    def class_for(self, model: Network) -> str:
        """Writes the class of a model, once; gives its name."""
        if id(model) in self.names:
            return self.names[id(model)]
        if not getattr(model, "inputs", None) or not getattr(model, "_network_nodes", None):
            raise ConversionError(
                f"The model {model.name!r} has no graph of layers: it is not built, or a subclass of Model "
                "whose call() is Python code."
            )
        base = (
            "".join(part[:1].upper() + part[1:] for part in re.split(r"[^0-9A-Za-z]+", model.name)) or "Net"
        )
        base = base if base[0].isalpha() else f"Net{base}"
        taken = {*self.names.values(), *HELPERS, "F", "Path"}
        name, number = base, 1
        while name in taken:
            name, number = f"{base}{number}", number + 1
        self.names[id(model)] = name
        text = ClassWriter(self, model, name).text()
        self.classes.append(text)
        return name


class ClassWriter:
    """Writes the class of one model."""

    def __init__(self, source: SourceWriter, model: Network, name: str) -> None:
        self.source, self.name = source, name
        self.model: Any = model  # a built one: its inputs and outputs are there
        self.attributes = attribute_names(model)
        self.constructors: dict[str, str] = {}
        self.lines: list[str] = []
        self.variables: set[str] = {"self", "torch", "nn", "F"}

    def text(self) -> str:
        """The class."""
        tensors: dict[Any, Tensor] = {}
        arguments = []
        for layer, value in zip(self.model._input_layers, self.model.inputs, strict=True):
            name = self._free(self.attributes[layer])
            arguments.append(name)
            tensors[value] = Tensor(_shape(value), {KERAS: name})
        for node in self.model._network_nodes:
            if all(value in tensors for value in node.output_tensors):
                continue
            self._call(node, tensors)
        outputs = [self._output(tensors[value]) for value in self.model.outputs]
        built = [line for name, text in self.constructors.items() for line in self._constructor(name, text)]
        body = [
            f"class {self.name}(nn.Module):",
            "    def __init__(self):",
            "        super().__init__()",
            *(f"        {line}" for line in built),
            "",
            f"    def forward(self, {', '.join(arguments)}):",
            *(f"        {line}" for line in self.lines),
            f"        return {', '.join(outputs)}",
        ]
        return "\n".join(body)

    def _constructor(self, name: str, text: str) -> list[str]:
        first, *others = text.split("\n")
        return [f"self.{name} = {first}", *(line.format(f"self.{name}") for line in others)]

    def _output(self, tensor: Tensor) -> str:
        return Call(self, None, [tensor], [], "", "output").x(KERAS)

    def _call(self, node: Any, tensors: dict[Any, Tensor]) -> None:
        layer = node.outbound_layer
        if isinstance(layer, InputLayer):
            return
        inputs = [tensors[value] for value in node.input_tensors]
        shapes = [_shape(value) for value in node.output_tensors]
        unknown = [key for key in node.arguments if key not in ("training", "mask")]
        attribute = self.attributes[layer]
        if unknown:
            Call(self, layer, inputs, shapes, attribute, attribute).fail(
                f"it is called with the argument {unknown[0]!r}"
            )
        results = self.emit(layer, inputs, shapes, attribute, attribute)
        for value, mask, result in zip(node.output_tensors, node.output_masks, results, strict=True):
            if mask is not None and result.mask is None:
                result.mask = _mask_behind(layer, inputs)
            tensors[value] = result

    def emit(
        self, layer: Any, inputs: list[Tensor], shapes: list[Any], attribute: str, hint: str
    ) -> list[Tensor]:
        """Writes one call of a layer; gives its outputs."""
        call = Call(self, layer, inputs, shapes, attribute, hint)
        if any(p.dtype.kind == "f" and p.dtype.name != "float32" for p in layer.weights):
            call.fail("its weights are not float32")
        if isinstance(layer, Network):
            module = call.module(f"{self.source.class_for(layer)}()")
            given = ", ".join(call.x(KERAS, i) for i in range(len(inputs)))
            names = self.unpack(f"{module}({given})", [hint] * len(shapes))
            return [Tensor(s, {KERAS: name}) for s, name in zip(shapes, names, strict=True)]
        entry = ENTRIES.get(type(layer).__name__)
        if entry is None:
            call.fail("there is no entry for this class; weights alone can be converted (-o weights.pt)")
        entry(call)
        return call.results

    # --- what entries write ---

    def let(self, expression: str, hint: str) -> str:
        """A line that gives an expression a name; names stay as they are."""
        if expression.isidentifier():
            return expression
        name = self._free(hint)
        self.lines.append(f"{name} = {expression}")
        return name

    def unpack(self, expression: str, hints: list[str]) -> list[str]:
        """A line that takes a tuple apart; the hint "_" is for what nobody reads."""
        names = [hint if hint == "_" else self._free(hint) for hint in hints]
        self.lines.append(f"{', '.join(names)} = {expression}")
        return names

    def comment(self, text: str) -> None:
        """A line of comment."""
        self.lines.append(f"# {' '.join(text.split())}")

    def submodule(self, attribute: str, constructor: str) -> str:
        """An attribute of the module; a shared layer has one."""
        known = self.constructors.setdefault(attribute, constructor)
        if known != constructor:
            if "Recurrent(" in constructor and "Recurrent(" not in known:
                self.constructors[attribute] = constructor
            elif "Recurrent(" not in known:
                raise ConversionError(
                    f"The layer {attribute!r} is called on inputs that need different modules: {known} and "
                    f"{constructor}."
                )
        return f"self.{attribute}"

    def use(self, helper: str) -> None:
        """Brings a helper along, and those that it calls."""
        self.source.helpers.update((helper, *NEEDS.get(helper, ())))

    def _free(self, hint: str) -> str:
        name, number = hint, 1
        while name in self.variables:
            name, number = f"{hint}_{number}", number + 1
        self.variables.add(name)
        return name


def _shape(value: Any) -> tuple[int | None, ...]:
    return static_shape(value) or ()


def _mask_behind(layer: Any, inputs: list[Tensor]) -> str | ConversionError | None:
    """The mask of an output: that of the input, where there is one input with a mask."""
    masks = list(dict.fromkeys(tensor.mask for tensor in inputs if tensor.mask is not None))
    if len(masks) == 1 and len(inputs) == 1:
        return masks[0]
    return ConversionError(
        f"The mask that {layer.name!r} ({type(layer).__name__}) makes of its inputs' masks cannot be written "
        "as PyTorch source, and a layer behind it reads it."
    )

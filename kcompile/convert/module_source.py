"""A Keras model as the source of a torch.nn.Module: readable, and in need of torch alone.

The module's state_dict has the names and layouts of ``kcompile.keras.state_dict``. A model inside another
becomes a class of its own.
"""

from __future__ import annotations

import ast
import os
import re
import shutil
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import defs

from ..atomic import check_place, replacing_with_companions
from ..ir import Names
from ..ir.identifiers import BUILTINS
from ..keras.core.network import Network
from ..keras.core.node import static_shape
from ..keras.state_dict import write_tensors
from ..keras.state_dict.modules import attribute_specs, tensors_of
from ..keras.state_dict.names import attribute_names
from .class_writer import ClassWriter
from .errors import ConversionError
from .helper_sources import HELPERS
from .source_check import bound_names, check_source, parsed

if TYPE_CHECKING:
    from .operator_class import OperatorClass

_HEAD = '''"""The network {name} as a PyTorch module, written by kcompile.

    from {module} import load

    model = load()  # in evaluation mode, with the weights of {weights}
    y = model({arguments})

Inputs and outputs are laid out as in Keras.
"""

from __future__ import annotations

{imports}

import torch
import torch.nn.functional as F
from torch import nn

INPUTS = {inputs}
OUTPUTS = {outputs}
'''

_LOAD = '''

def load(path=None):
    """The model with its weights, in evaluation mode; by default those of the file beside this one."""
    model = {classname}()
    path = path or {beside}
    model.load_state_dict(torch.load(path, weights_only=True))
    return model.eval()
'''

_BESIDE = '''
def beside(*names):
    """The first of these files that is here: the second exists after an interruption alone."""
    paths = [Path(__file__).with_name(name) for name in names]
    return next((path for path in paths if path.exists()), paths[-1])
'''


def write_module(model: Network, path: Path, verify: bool = True, tolerance: float = 1e-3) -> Path:
    """Writes ``path`` (.py) and, beside it, the state_dict that it loads (.pt).

    At every moment there is a whole pair: the weights go beside their place first, where the new source alone
    looks for them; the one rename of the source decides which pair it is; then the weights get their name.

    Args:
        model: a built model.
        path: where to write the source.
        verify: run the source and the model on the same random inputs before anything is written.
        tolerance: largest difference allowed, relative to the largest value of an output.

    Returns:
        the path of the weights.

    Raises:
        ConversionError: for a layer that cannot be written, or if the source computes something else; then
            nothing is written.
    """
    weights = path.with_suffix(".pt")
    tensors = tensors_of(attribute_specs(model))
    staged = weights.with_name(f".{weights.name[:80]}.{_fingerprint(tensors)}.new")
    source = module_source(model, path.stem, weights.name, staged.name)
    place = check_place(weights)
    left = re.compile(re.escape(f".{weights.name[:80]}.") + r"[0-9a-f]{16}\.new")
    with replacing_with_companions(path, left) as made:
        Path(made).write_text(source, encoding="utf-8")
        filled = Path(made).with_name(weights.name)
        write_tensors(tensors, filled)
        if os.path.exists(place):
            shutil.copymode(place, filled)
        os.replace(filled, filled.with_name(staged.name))
        if verify:
            _verify(model, Path(made), tolerance)
    os.replace(staged, place)
    return weights


def _fingerprint(tensors: Mapping[str, np.ndarray]) -> str:
    digest = sha256()
    for name, array in tensors.items():
        digest.update(f"{name} {array.dtype} {array.shape}".encode("utf-8", "backslashreplace"))
        digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return digest.hexdigest()[:16]


def _verify(model: Any, path: Path, tolerance: float) -> None:
    """Compares a generated file with the graph that training uses.

    Raises:
        ConversionError: they differ, or the file does not run.
    """
    from ..keras.saving.exporting import inference_graph
    from ..onnx_io.comparing import compare
    from ..torch_bridge import lower, run
    from ..torch_bridge.module_file import load_module_file

    graph = inference_graph(model)
    states = [parameter for parameter, _ in graph.updates]  # the file starts from zeros
    zeros = [np.zeros(state.shape, state.dtype) for state in states]
    module = lower(graph.with_inputs([*graph.inputs, *states]), placement=None)
    source = load_module_file(path)

    def found(arrays: list[np.ndarray]) -> Any:
        source.reset_states()
        return source.run(arrays)

    result = compare([graph], lambda arrays: run(module, *arrays, *zeros), found)
    if result.failed is not None:
        raise ConversionError(f"The source does not run where {model.name} does: {result.failed}")
    if result.reason:
        warnings.warn(
            f"The source is written but not compared with the model: {result.reason}.", stacklevel=4
        )
    for name, worst in zip(model.output_names, result.worst, strict=False):
        if worst is not None and not worst <= tolerance:
            raise ConversionError(
                f"The source differs from the model {model.name}: output {name!r} by {worst:.2g} relative to "
                f"its largest value (allowed {tolerance:.2g}). Nothing was written."
            )


def module_source(
    model: Any, module: str = "model", weights: str = "model.pt", staged: str | None = None
) -> str:
    """The text of a Python file with a class for the model, and ``load()``.

    Args:
        model: a built model of layers (not a subclass with a ``call`` of its own).
        module: name of the file, for its docstring.
        weights: name of the state_dict's file beside it.
        staged: name of a file that ``load()`` prefers to it, where there is one.

    Raises:
        ConversionError: naming the first layer that has no entry.
    """
    writer = SourceWriter()
    classname = writer.class_for(model)
    head = _HEAD.format(
        imports="{imports}",
        name=_plain(model.name),
        module=_plain(module),
        weights=_plain(weights),
        arguments=", ".join(_identifiers(model)),
        inputs=_mapping(
            [(name, static_shape(v)) for name, v in zip(model.input_names, model.inputs, strict=True)]
        ),
        outputs=ascii(tuple(model.output_names)),
    )
    beside = f"Path(__file__).with_name({weights!a})"
    if staged is not None:
        beside = f"beside({staged!a}, {weights!a})"
    load = _LOAD.format(classname=classname, beside=beside)
    return writer.text(head, load if staged is None else _BESIDE.strip("\n") + "\n" + load)


@dataclass(frozen=True, eq=False)
class Definition:
    """A text that defines functions, classes and constants, and the names that it binds and reads."""

    text: str
    binds: set[str]
    reads: set[str]

    @classmethod
    def of(cls, text: str) -> Definition:
        module = parsed(text)
        reads = {node.id for node in ast.walk(module) if isinstance(node, ast.Name)}
        return cls(text.strip("\n"), bound_names(module), reads)


def _needed(definitions: list[Definition]) -> list[Definition]:
    """The last of definitions, and those that it, or what it reads, reads; in their order."""
    makers = {name: made for made in definitions for name in made.binds}
    needed: set[Definition] = set()
    waiting = [definitions[-1]]
    while waiting:
        made = waiting.pop()
        if made not in needed:
            needed.add(made)
            names = {*made.reads, "reset_states"} if "\n    STATES = " in made.text else made.reads
            waiting += [makers[name] for name in names if name in makers]
    return [made for made in definitions if made in needed]


def _mapping(entries: list[tuple[str, Any]]) -> str:
    """A dict's source, an entry a line."""
    return "{\n" + "".join(f"    {key!a}: {value!r},\n" for key, value in entries) + "}"


def _plain(text: str) -> str:
    """Text for a docstring: one line of what can be printed, that cannot end the docstring."""
    text = text.replace("\\", "/").replace('"', "'")
    return "".join(letter if letter.isprintable() else "?" for letter in text[:200])


def _identifiers(model: Network) -> list[str]:
    names = attribute_names(model)
    return [names[layer] for layer in model._input_layers]


_TAKEN = {*BUILTINS, "F", "Path", "Tensor", "Any", *(schema.name for schema in defs.get_all_schemas())}
"""What classes cannot be called: operator functions have the names of ONNX's operators."""


class SourceWriter:
    """What the classes of one file share.

    Classes and functions are collected while layers are written, also for layers that are written in another
    way in the end: the file has those that its model reads.
    """

    def __init__(self) -> None:
        from ..torch_bridge.source import FunctionSources

        self.classes: list[str | OperatorClass] = []
        self.names: dict[int, str] = {}
        self.operators: dict[Any, OperatorClass] = {}
        own = ("nn", "torch", "F", "Path", "load", "beside", "INPUTS", "OUTPUTS")
        self.functions = FunctionSources({*HELPERS, *own})

    def text(self, head: str, load: str) -> str:
        """The file."""
        brought = [Definition.of(text) for text in (*HELPERS.values(), *self.functions.texts.values())]
        needed = _needed([*brought, *map(Definition.of, (*self._class_texts(), load))])
        read = {name for definition in needed for name in definition.reads}
        imports = {line for line in self.functions.imports if not read.isdisjoint(bound_names(parsed(line)))}
        imports.update(f"import {module}" for module in ("math", "base64", "zlib") if module in read)
        above, below = head.split("\n{imports}\n", 1)  # a docstring's line has more on it
        listed = "\n".join(sorted({*imports, "from pathlib import Path"}))
        body = "\n\n\n".join(definition.text for definition in needed)
        text = f"{above.strip(chr(10))}\n{listed}\n{below.strip(chr(10))}\n\n\n{body}\n"
        check_source(text, [definition.text for definition in brought if definition in needed])
        return text

    def _class_texts(self) -> list[str]:
        """The classes, in order; layers that compute the same share one."""
        texts: list[str] = []
        shared: dict[str, str] = {}  # text under no name -> name of the class that has it
        renamed: dict[str, str] = {}
        for written in self.classes:
            if isinstance(written, str):
                texts.append(written)
                continue
            text = written.text()
            anonymous = re.sub(rf"\b{written.name}(?=\(|Step)", "", text)
            name = shared.setdefault(anonymous, written.name)
            if name != written.name:
                renamed[written.name] = name
            else:
                texts.append(text)
        pattern = re.compile(r"(?<= = )(\w+)(?=\(\)$)", re.MULTILINE)
        return [pattern.sub(lambda m: renamed.get(m[1], m[1]), text) for text in texts]

    def _class_name(self, wanted: str) -> str:
        """A name for a class that no class, helper or operator function has."""
        base = "".join(part[:1].upper() + part[1:] for part in re.split(r"[^0-9A-Za-z]+", wanted)) or "Net"
        base = base if base[0].isalpha() else f"Net{base}"
        taken = {*self.names.values(), *(made.name for made in self.operators.values()), *_TAKEN, *HELPERS}
        taken.update(self.functions.top_level)
        return Names(taken, separator="").unique(base)

    def operator_class(self, layer: Any, attribute: str, image: list[int] | None) -> OperatorClass:
        """The class of a layer that is written by its operators, once for each layer.

        Args:
            layer: the Keras layer.
            attribute: what the model's class calls it.
            image: (channels, sizes...) that it reads flattened, if it does.
        """
        from .operator_class import OperatorClass

        if layer not in self.operators:
            kind = type(layer).__name__
            name = self._class_name(f"{kind}Layer" if kind in _TAKEN else kind)
            self.operators[layer] = OperatorClass(name, layer, attribute, self.functions, image)
            self.classes.append(self.operators[layer])
        return self.operators[layer]

    def class_for(self, model: Network) -> str:
        """Writes the class of a model, once; gives its name."""
        if id(model) in self.names:
            return self.names[id(model)]
        if not getattr(model, "inputs", None) or not model._network_nodes:
            raise ConversionError(
                f"The model {model.name!r} has no graph of layers: it is not built, or a subclass of Model "
                "whose call() is Python code."
            )
        name = self.names[id(model)] = self._class_name(model.name)
        text = ClassWriter(self, model, name).text()
        self.classes.append(text)
        return name

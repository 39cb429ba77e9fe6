"""A mapping drafted from structure, for a person to complete: which module of a file is which layer.

The layers are put into the orders in which PyTorch programs define modules, and aligned with the modules of
the file: as many pairs of equal kind and shapes as possible, in order, either side leaving out what the other
lacks. Such a pairing may be wrong where shapes repeat, so it is written down and not loaded.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ...atomic import replacing
from ...formats import detect
from ..core.layer import Layer
from ..core.network import Network
from .files import keeps_order, read_tensors
from .flattening import turned_layers
from .matching import OPEN, Tensors, fits, modules_of, natural_order, squeezed
from .modules import module_specs
from .spec import TorchModuleSpec

Modules = dict[str, dict[str, str]]


@dataclass
class Draft:
    """A mapping, and what is to be known of it.

    Attributes:
        mapping: layer or weight -> entry, in the order of the model's layers.
        paired: how many layers have a module.
        biases: weights that the file lacks, filled with zeros by the mapping.
        turned: layers behind a Flatten, whose columns are turned.
        kept: layers of which PyTorch's model has nothing, left as they are.
        open: layers without a module; the mapping says "?".
        unused: modules without a layer.
        alike: pairs of modules of equal shapes, told apart by order alone.
    """

    mapping: dict[str, Any] = field(default_factory=dict)
    paired: int = 0
    biases: list[str] = field(default_factory=list)
    turned: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    open: list[tuple[str, str]] = field(default_factory=list)
    unused: list[tuple[str, str]] = field(default_factory=list)
    alike: int = 0

    @property
    def complete(self) -> bool:
        """Whether nothing is left for a person to write."""
        return not self.open

    def __str__(self) -> str:
        lines = [f"paired by structure: {self.paired} layers"]
        if self.alike:
            lines.append(
                f"  {self.alike} of them have modules of equal shapes, told apart by order: look at them"
            )
        for title, names in (
            ("without a bias in the file, set to zeros", self.biases),
            ("behind a Flatten, columns turned from channels first", self.turned),
            ("left as they are, PyTorch has no such module", self.kept),
        ):
            if names:
                lines += [f"{title}: {len(names)}", *(f"  {name}" for name in names)]
        for title, entries in (('open, marked "?"', self.open), ("in the file, unused", self.unused)):
            if entries:
                lines += [f"{title}: {len(entries)}", *(f"  {name}: {why}" for name, why in entries)]
        return "\n".join(lines)

    def write(self, path: str | os.PathLike[str]) -> None:
        """Writes the mapping as JSON, atomically."""
        with replacing(path) as temporary:
            Path(temporary).write_text(json.dumps(self.mapping, indent=1) + "\n", encoding="utf-8")


def draft_mapping_file(model: Network, filepath: Any) -> Draft:
    """A mapping for a .pt, .pth or .safetensors file.

    Raises:
        ValueError: if the file is damaged, would run code, or is an ONNX file (whose names match or do not).
    """
    if detect(filepath) == "onnx":
        raise ValueError(f"{filepath}: initializers of .onnx are matched by name; there is nothing to draft.")
    return draft_mapping(model, read_tensors(filepath), keeps_order(filepath))


def draft_mapping(model: Network, tensors: Tensors, ordered: bool = True) -> Draft:
    """Pairs layers and modules as well as structure allows.

    Args:
        model: a built model.
        tensors: by name, in the order of the file.
        ordered: whether that is the order of the modules; if not, they are sorted by name.
    """
    specs = module_specs(model, flattened=False)
    modules = modules_of(tensors)
    if not ordered:
        modules = {name: modules[name] for name in sorted(modules, key=natural_order)}
    fitting = _Fitting(modules, tensors)
    candidates = [_aligned(order, list(modules), fitting) for order in _orders(model, specs)]
    pairs = max(candidates, key=len)
    pairs.update(_leftovers(specs, modules, pairs, fitting))
    rest = [spec for spec in specs if spec.name not in pairs]
    free = [module for module in modules if module not in set(pairs.values())]
    pairs.update(_aligned(rest, free, fitting.loosely))
    return _drafted(model, specs, modules, pairs, fitting)


class _Fitting:
    """Which module fits which spec: asked often, computed once for each pair of shapes."""

    def __init__(self, modules: Modules, tensors: Tensors) -> None:
        self.modules, self.tensors = modules, tensors
        self._answers: dict[tuple[Any, Any], bool] = {}
        self.shapes = {
            name: tuple(sorted((suffix, tensors[tensor].shape) for suffix, tensor in names.items()))
            for name, names in modules.items()
        }
        self._specs: dict[str, Any] = {}

    def spec(self, spec: TorchModuleSpec) -> Any:
        """What decides about a spec: two of the same fit the same modules."""
        if spec.name not in self._specs:
            self._specs[spec.name] = (spec.kind, spec.optional, tuple(sorted(spec.shapes().items())))
        return self._specs[spec.name]

    def loosely(self, spec: TorchModuleSpec, module: str) -> bool:
        """Whether a spec fits but for axes of size 1, or for the name of its only tensor."""
        mine, theirs = sorted(spec.shapes().items()), self.shapes[module]
        named = len(mine) == 1 or [suffix for suffix, _ in mine] == [suffix for suffix, _ in theirs]
        shapes = [[squeezed(shape) for _, shape in tensors] for tensors in (mine, theirs)]
        return named and shapes[0] == shapes[1] and shapes[0] != [()]

    def __call__(self, spec: TorchModuleSpec, module: str) -> bool:
        key = self.spec(spec), self.shapes[module]
        if key not in self._answers:
            self._answers[key] = fits(spec, self.modules[module], self.tensors)
        return self._answers[key]


# --- orders -------------------------------------------------------------------------------------------------


def _orders(model: Network, specs: list[TorchModuleSpec]) -> Iterator[list[TorchModuleSpec]]:
    """Orders in which a PyTorch program may define the modules.

    As the layers stand; main path first and shortcuts behind it, as torchvision's ResNets have it; shortcuts
    first.
    """
    yield specs
    by_layer: dict[Layer, list[TorchModuleSpec]] = {}
    for spec in specs:
        by_layer.setdefault(spec.layer, []).append(spec)
    for longest_first in (True, False):
        order = _by_branches(model, longest_first)
        ordered = [spec for layer in order for spec in by_layer.get(layer, ())]
        if len(ordered) == len(specs):
            yield ordered


def _by_branches(model: Network, longest_first: bool) -> list[Layer]:
    """Layers from the inputs on, one branch after the other; branches of a sum by their length."""
    maker = {value: node for node in model._network_nodes for value in node.output_tensors}
    depth: dict[Any, int] = {}
    for made in model._network_nodes:  # in topological order
        before = max((depth.get(value, 0) for value in made.input_tensors), default=0)
        depth.update(dict.fromkeys(made.output_tensors, before + bool(made.outbound_layer.weights)))
    order: dict[Layer, None] = {}
    stack = [(value, False) for value in reversed(model.outputs)]
    visited = set()
    while stack:
        value, ready = stack.pop()
        node = maker.get(value)
        if node is None:
            continue
        if ready:
            order.update(dict.fromkeys(_leaves(node.outbound_layer, longest_first)))
        elif node not in visited:
            visited.add(node)
            branches = list(node.input_tensors)
            if type(node.outbound_layer).__name__ != "Concatenate":
                branches.sort(key=lambda v: depth.get(v, 0), reverse=longest_first)
            stack.append((value, True))
            stack += [(branch, False) for branch in reversed(branches)]
    return list(order)


def _leaves(layer: Any, longest_first: bool) -> list[Layer]:
    """The layers of a model inside, those of a wrapper too."""
    inner = getattr(layer, "layer", None)
    found = [layer, *(_leaves(inner, longest_first) if isinstance(inner, Layer) else ())]
    for side in ("forward_layer", "backward_layer"):
        found += [getattr(layer, side)] if isinstance(getattr(layer, side, None), Layer) else []
    return _by_branches(layer, longest_first) if isinstance(layer, Network) else found


# --- alignment ----------------------------------------------------------------------------------------------


def _aligned(
    specs: list[TorchModuleSpec], modules: list[str], fitting: Callable[[TorchModuleSpec, str], bool]
) -> dict[str, str]:
    """The most pairs that keep both orders: spec -> module (longest common subsequence)."""
    n, m = len(specs), len(modules)
    fit = np.array([[fitting(spec, module) for module in modules] for spec in specs], bool).reshape(n, m)
    best = np.zeros((n + 1, m + 1), np.int32)
    for i in range(n - 1, -1, -1):
        for j in range(m - 1, -1, -1):
            best[i, j] = max(best[i + 1, j], best[i, j + 1], best[i + 1, j + 1] + fit[i, j])
    pairs = {}
    i = j = 0
    while i < n and j < m:
        if fit[i, j] and best[i, j] == best[i + 1, j + 1] + 1:
            pairs[specs[i].name] = modules[j]
            i, j = i + 1, j + 1
        elif best[i, j] == best[i + 1, j]:
            i += 1
        else:
            j += 1
    return pairs


def _leftovers(
    specs: list[TorchModuleSpec], modules: Modules, pairs: Mapping[str, str], fitting: _Fitting
) -> dict[str, str]:
    """Pairs out of order: where one spec and one module of some shapes are left."""
    taken = set(pairs.values())
    rest = [spec for spec in specs if spec.name not in pairs]
    free = [module for module in modules if module not in taken]
    found = {}
    for spec in rest:
        mine = [module for module in free if fitting(spec, module)]
        rivals = [other for other in rest if mine and fitting(other, mine[0])]
        if len(mine) == len(rivals) == 1:
            found[spec.name] = mine[0]
    return found


# --- the mapping --------------------------------------------------------------------------------------------


def _drafted(
    model: Network,
    specs: list[TorchModuleSpec],
    modules: Modules,
    pairs: Mapping[str, str],
    fitting: _Fitting,
) -> Draft:
    draft = Draft(paired=len(pairs))
    flattened = turned_layers(model)
    several = {spec.layer for spec in specs if spec.name != spec.layer.name}
    shapes = [fitting.shapes[module] for module in pairs.values()]
    draft.alike = sum(shapes.count(own) > 1 for own in shapes)
    for spec in specs:
        key = spec.name if spec.layer in several else spec.layer.name
        module = pairs.get(spec.name)
        if module is None:
            weights = ", ".join(f"{suffix} {list(shape)}" for suffix, shape in spec.shapes().items())
            if not spec.kind.startswith("nn."):
                draft.mapping[key] = None
                draft.kept.append(f"{key}: {weights}")
            else:
                draft.mapping[key] = OPEN
                draft.open.append((key, f"{spec.kind}, {weights}"))
            continue
        names = modules[module]
        draft.mapping[key] = module
        if len(names) == 1 and set(names) != set(spec.shapes()) and len(spec.shapes()) == 1:
            del draft.mapping[key]
            draft.mapping[next(iter(spec.parameters.values())).name] = next(iter(names.values()))
        if spec.layer in flattened and "weight" in modules[module]:
            draft.mapping[key] = {"name": module, "flattened": flattened[spec.layer]}
            draft.turned.append(f"{key}: {flattened[spec.layer]}")
        if "bias" in spec.shapes() and "bias" not in modules[module] and spec.kind.startswith("nn."):
            bias = spec.parameters["bias"].name
            draft.mapping[bias] = 0
            draft.biases.append(bias)
    used = set(pairs.values())
    draft.unused = [
        (name, ", ".join(f"{suffix} {list(shape)}" for suffix, shape in fitting.shapes[name]))
        for name in modules
        if name not in used
    ]
    return draft

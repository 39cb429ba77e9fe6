"""Tensors of a PyTorch file to the layers of a model: by a mapping, by name, or by structure.

By structure means: the modules of the file and those the model's layers would be, in order; each pair must
agree in names of tensors and in shapes. Where the orders differ, modules are paired by shape; several of one
shape only if their names differ in numbers alone, since any other pairing would be a guess. Nothing is
written unless everything has its place.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...ir import Parameter, assign_all
from ..core.layer import Layer
from ..core.network import Network
from .flattening import turned_layers
from .modules import module_specs
from .spec import TorchModuleSpec

Tensors = Mapping[str, np.ndarray]
WeightMapping = Mapping[str, Any]
"""Weight or layer -> name in the file; None to leave it, 0 for zeros, or {"name": ..., "flattened": ...}."""
OPEN = "?"
"""What a drafted mapping says where a person has to."""

_COUNTER = "num_batches_tracked"
_LAYER_NUMBER = re.compile(r"^((?:weight|bias)_[ih]h)_l(\d+)(_reverse)?$")


class WeightsMismatch(ValueError):
    """Tensors that do not fit a model; nothing was written.

    Attributes:
        report: what matched, and what did not and why.
    """

    def __init__(self, message: str, report: Report) -> None:
        super().__init__(message)
        self.report = report


@dataclass
class Report:
    """What became of each weight and each tensor.

    Attributes:
        how: "mapping", "names" or "structure".
        matched: (name in the model, name in the file) of each pair.
        missing: (name in the model, why it has no tensor).
        unused: (name in the file, why no weight takes it).
        kept: names in the model that a mapping leaves as they are.
    """

    how: str
    matched: list[tuple[str, str]] = field(default_factory=list)
    missing: list[tuple[str, str]] = field(default_factory=list)
    unused: list[tuple[str, str]] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    assignments: list[tuple[Parameter, np.ndarray]] = field(default_factory=list, repr=False)

    @property
    def complete(self) -> bool:
        """Whether every weight has its value and every tensor its place."""
        return not self.missing and not self.unused

    def __str__(self) -> str:
        lines = [f"matched by {self.how}: {len(self.matched)}"]
        lines += [f"  {mine} <- {theirs}" for mine, theirs in self.matched]
        if self.kept:
            lines += [f"left as they are: {len(self.kept)}", *(f"  {name}" for name in self.kept)]
        for title, entries in (("without a value", self.missing), ("in the file, unused", self.unused)):
            if entries:
                lines += [f"{title}: {len(entries)}", *(f"  {name}: {why}" for name, why in entries)]
        return "\n".join(lines)

    def apply(self) -> None:
        """Writes the matched values into the model."""
        assign_all(self.assignments)


def match(
    model: Network,
    tensors: Tensors,
    mapping: WeightMapping | None = None,
    ordered: bool = True,
) -> Report:
    """Finds a tensor for every weight; changes nothing.

    Args:
        model: a built model.
        tensors: by name, in the order of the file.
        mapping: name of a Keras weight (``dense_1/kernel``), layer (``dense_1``) or tensor as
            ``kcompile convert`` would call it (``dense_1.weight``) -> name of a tensor or module in the
            file; None leaves the weight as it is, 0 sets it to zeros, and ``{"name": "fc1", "flattened":
            [512, 7, 7]}`` is a Linear whose input was flattened from (channels, rows, cols). Without one: by
            name where the names are those that ``kcompile convert`` writes, else by structure.
        ordered: whether the tensors come in the order of the modules (.safetensors sorts them by name).
    """
    if mapping is not None:
        return _by_mapping(module_specs(model, flattened=False), tensors, mapping)
    specs = module_specs(model)
    wanted = {spec.path(suffix) for spec in specs for suffix in spec.shapes()}
    if wanted & set(tensors) and {name for name in tensors if not name.endswith(_COUNTER)} <= wanted:
        groups = {spec.name: _taken(spec, tensors) for spec in specs}
        return _paired(Report("names"), [(u, u.name, groups[u.name]) for u in specs], tensors)
    specs = module_specs(model, flattened=False)
    report = _by_structure(specs, tensors, ordered)
    return _without_flattened(report, specs, turned_layers(model))


# --- by name ------------------------------------------------------------------------------------------------


def _taken(spec: TorchModuleSpec, tensors: Tensors) -> dict[str, str]:
    """Suffix -> name in the file, of the tensors that a spec of this very name has there."""
    return {s: spec.path(s) for s in spec.shapes() if spec.path(s) in tensors}


def _paired(
    report: Report,
    pairs: list[tuple[TorchModuleSpec, str, dict[str, str]]],
    tensors: Tensors,
    given: Tensors | None = None,
) -> Report:
    """Checks and decodes each spec with the tensors found for it; ``given`` are those that must be used."""
    used: set[str] = set()
    for spec, _, names in pairs:
        why = _problem(spec, names, tensors)
        if not why:
            try:
                assignments = spec.weights({suffix: tensors[name] for suffix, name in names.items()})
            except ValueError as error:
                why = str(error)
        if why:
            report.missing += [(p.name, why) for p in spec.parameters.values()]
            continue
        report.assignments += assignments
        report.matched += [(spec.path(suffix), name) for suffix, name in names.items()]
        used.update(names.values())
    report.unused += [
        (name, f"no layer takes its module; shape {list(array.shape)}")
        for name, array in (tensors if given is None else given).items()
        if name not in used and not name.endswith(_COUNTER)
    ]
    return report


def _problem(spec: TorchModuleSpec, names: Mapping[str, str], tensors: Tensors) -> str:
    """Why tensors do not make a spec; "" if they do."""
    shapes = spec.shapes()
    for suffix, shape in shapes.items():
        if suffix in spec.optional and suffix not in names:
            continue
        if suffix not in names and _absent_bias(spec, suffix) and names:
            key = spec.parameters[suffix].name
            return (
                f"{spec.path(suffix)} is not in the file, its module has no bias; zeros compute the same, "
                f'and a mapping says so by "{key}": 0'
            )
        if suffix not in names:
            return f"{spec.kind} needs {spec.path(suffix)} {list(shape)}, which is not in the file"
        found = tensors[names[suffix]].shape
        if suffix == _COUNTER:
            continue
        if found != shape:
            return f"{spec.kind} needs {suffix} of shape {list(shape)}, {names[suffix]} has {list(found)}"
    extra = [suffix for suffix in names if suffix not in shapes and suffix not in spec.optional]
    if extra:
        return f"{spec.kind} has no {extra[0]} here, the file has {names[extra[0]]}"
    return ""


# --- by structure -------------------------------------------------------------------------------------------


def modules_of(tensors: Tensors) -> dict[str, dict[str, str]]:
    """Module -> suffix -> name in the file; each layer of a stacked nn.LSTM is a module of its own."""
    found: dict[str, dict[str, str]] = {}
    for name in tensors:
        module, _, suffix = name.rpartition(".")
        outer, _, last = module.rpartition(".")
        if last == "out_proj" and f"{outer}.in_proj_weight".lstrip(".") in tensors:
            module, suffix = outer, f"out_proj.{suffix}"
        elif (numbered := _LAYER_NUMBER.match(suffix)) is not None:
            base, number, reverse = numbered.groups()
            module, suffix = f"{module}_l{number}", f"{base}_l0{reverse or ''}"
        found.setdefault(module, {})[suffix] = name
    return found


def _by_structure(specs: list[TorchModuleSpec], tensors: Tensors, ordered: bool) -> Report:
    modules = modules_of(tensors)
    if not ordered:
        modules = {name: modules[name] for name in sorted(modules, key=natural_order)}
    elif len(specs) == len(modules):
        pairs = [(u, m, names) for u, (m, names) in zip(specs, modules.items(), strict=True)]
        if all(fits(spec, names, tensors) for spec, _, names in pairs):
            return _paired(Report("structure"), pairs, tensors)
    return _by_shape(specs, modules, tensors)


def _without_flattened(
    report: Report, specs: list[TorchModuleSpec], flattened: Mapping[Layer, list[int]]
) -> Report:
    """Takes back what structure cannot know: the order of the columns of a Linear behind a Flatten."""
    for spec in specs:
        found = dict(report.matched).get(spec.path("weight"))
        if spec.layer not in flattened or found is None:
            continue
        own = dict.fromkeys(spec.parameters.values())
        entry = json.dumps({"name": found.rpartition(".")[0], "flattened": flattened[spec.layer]})
        why = (
            "it reads a flattened image, which PyTorch flattens channels first: a mapping turns its columns "
            f'by "{spec.layer.name}": {entry}, or takes them as they are by "{spec.layer.name}": '
            f"{json.dumps(found.rpartition('.')[0])}"
        )
        report.missing += [(parameter.name, why) for parameter in own]
        report.assignments = [(p, array) for p, array in report.assignments if p not in own]
        names = {spec.path(suffix) for suffix in spec.shapes()}
        report.unused += [(theirs, why) for mine, theirs in report.matched if mine in names]
        report.matched = [pair for pair in report.matched if pair[0] not in names]
    return report


def fits(spec: TorchModuleSpec, names: Mapping[str, str], tensors: Tensors) -> bool:
    """Whether a module of the file has a spec's tensors, but for a bias that it may lack."""
    lacking = [suffix for suffix in spec.shapes() if suffix not in names and _absent_bias(spec, suffix)]
    if lacking and "weight" in names:
        names = {**names, **dict.fromkeys(lacking, "")}
        tensors = {**{n: tensors[n] for n in names.values() if n}, "": np.empty(spec.shapes()["bias"])}
    return not _problem(spec, names, tensors)


def _absent_bias(spec: TorchModuleSpec, suffix: str) -> bool:
    """Whether a module without this tensor computes what one with zeros does."""
    return suffix == "bias" and spec.kind.startswith(("nn.Linear", "nn.Conv"))


def natural_order(name: str) -> list[Any]:
    """layer2 before layer10."""
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.split(r"(\d+)", name)]


def _by_shape(specs: list[TorchModuleSpec], modules: dict[str, dict[str, str]], tensors: Tensors) -> Report:
    """Pairs modules by shape, and in their order those of one shape whose names differ in numbers alone."""
    report = Report("structure (by shape)")
    fitting: dict[int, dict[str, dict[str, str]]] = {}
    for i, spec in enumerate(specs):
        fitting[i] = {m: names for m, names in modules.items() if fits(spec, names, tensors)}
    rivals: dict[tuple[str, ...], list[int]] = {}
    for i, found in fitting.items():
        rivals.setdefault(tuple(found), []).append(i)
    pairs, reasons = [], {}
    for found_names, members in rivals.items():
        numbered = len({re.sub(r"\d+", "0", name) for name in found_names}) == 1
        if len(found_names) == len(members) and numbered:
            pairs += [(specs[i], m, fitting[i][m]) for i, m in zip(members, found_names, strict=True)]
            continue
        for i in members:
            reasons[i] = _why_not(specs[i], found_names, len(members), modules, tensors, i)
    report.missing = [(p.name, reasons[i]) for i in sorted(reasons) for p in specs[i].parameters.values()]
    return _paired(report, pairs, tensors)


def _why_not(
    spec: TorchModuleSpec,
    found: tuple[str, ...],
    members: int,
    modules: dict[str, dict[str, str]],
    tensors: Tensors,
    position: int,
) -> str:
    listed = ", ".join(found[:4]) + (", ..." if len(found) > 4 else "")
    if found and len(found) == members:
        return f"{len(found)} modules fit ({listed}), and which is whose cannot be told from their order"
    if found:
        return f"{members} layers could take {len(found)} modules of the file ({listed})"
    names = list(modules)
    if position >= len(names):
        return f"the file has only {len(names)} modules, and none of them is such a {spec.kind}"
    return f"no module of the file fits; the one at its place is {names[position]}: " + _problem(
        spec, modules[names[position]], tensors
    )


# --- by a mapping -------------------------------------------------------------------------------------------


class Made(dict[str, np.ndarray]):
    """The tensors of a file, and what a mapping makes of them; ``read`` are those it made something of."""

    def __init__(self, tensors: Tensors) -> None:
        super().__init__(tensors)
        self.read: set[str] = set()

    def add(self, source: str, what: str, array: np.ndarray) -> str:
        """A tensor made of another one; gives its name."""
        name = f"{source}, {what}"
        self[name] = array
        self.read.add(source)
        return name


def _by_mapping(specs: list[TorchModuleSpec], tensors: Tensors, mapping: WeightMapping) -> Report:
    modules = modules_of(tensors)
    report = Report("mapping")
    known: set[str] = set()
    made = Made(tensors)
    pairs = []
    for spec in specs:
        keys = _keys(spec)
        known.update(key for names in keys.values() for key in names)
        entries = {key: mapping[key] for names in keys.values() for key in names if key in mapping}
        if not entries:
            report.missing += [(p.name, "the mapping does not name it") for p in spec.parameters.values()]
        elif all(value is None for value in entries.values()):
            report.kept += [p.name for p in spec.parameters.values()]
        else:
            pairs.append((spec, spec.name, _mapped(spec, keys, mapping, modules, made)))
    for key in mapping:
        if key not in known:
            report.missing.append((key, "the mapping names it, the model has no such weight or layer"))
    absent = {u.name: (u, n) for u, _, names in pairs for n in names.values() if n not in made}
    for spec, name in absent.values():
        why = f"the mapping says {name!r}, which is not in the file"
        if name.startswith(OPEN):
            why = f"the mapping leaves it open ({OPEN!r}): write the name of its module, or null to keep it"
        report.missing += [(p.name, why) for p in spec.parameters.values()]
    given = {name: array for name, array in tensors.items() if name not in made.read}
    return _paired(report, [pair for pair in pairs if pair[0].name not in absent], made, given)


def _keys(spec: TorchModuleSpec) -> dict[str, list[str]]:
    """Suffix -> what a mapping may call that tensor; "" -> what it may call the spec."""
    keys: dict[str, list[str]] = {"": [spec.name or spec.layer.name, spec.layer.name]}
    for suffix in spec.shapes():
        keys[suffix] = [spec.path(suffix)]
    for suffix, parameter in spec.parameters.items():
        keys.setdefault(suffix, []).append(parameter.name)
        if suffix.startswith("kernel"):
            keys[suffix.replace("kernel", "weight_ih_l0")].append(parameter.name)
        elif suffix.startswith("recurrent_kernel"):
            keys[suffix.replace("recurrent_kernel", "weight_hh_l0")].append(parameter.name)
    return keys


def _mapped(
    spec: TorchModuleSpec,
    keys: Mapping[str, list[str]],
    mapping: WeightMapping,
    modules: Mapping[str, Mapping[str, str]],
    tensors: Made,
) -> dict[str, str]:
    """Suffix -> name in the file, as the mapping says: of the spec as a whole, then of single tensors.

    What the mapping makes is added to the tensors: zeros, turned columns, axes of size 1 more or less.
    """
    names: dict[str, str] = {}
    shapes = spec.shapes()
    for key in keys[""]:
        whole, flattened = _entry(mapping.get(key))
        if whole is not None:
            names.update(modules.get(whole, {suffix: f"{whole}.{suffix}" for suffix in shapes}))
        for suffix, name in list(names.items()) if flattened else ():
            if name in tensors and (suffix == "weight" or spec.kind != "nn.Linear" and tensors[name].ndim):
                names[suffix] = _turned(name, flattened or [], tensors)
    for suffix, wanted in keys.items():
        for key in wanted if suffix in shapes else ():
            value = mapping.get(key)
            if value == 0 and value is not None:
                names[suffix] = f"zeros, as the mapping says ({key})"
                tensors[names[suffix]] = np.zeros(shapes[suffix], np.float32)
                continue
            single, flattened = _entry(value)
            if single is not None:
                names[suffix] = _turned(single, flattened, tensors) if flattened else single
    for suffix, name in names.items():
        if suffix in shapes and name in tensors and squeezed(tensors[name].shape) == squeezed(shapes[suffix]):
            found = tensors[name].shape
            if found != shapes[suffix]:
                names[suffix] = tensors.add(
                    name, f"reshaped from {list(found)}", tensors[name].reshape(shapes[suffix])
                )
    return names


def squeezed(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(size for size in shape if size != 1)


def _entry(value: Any) -> tuple[str | None, list[int] | None]:
    """(name in the file, shape before it was flattened) of a mapping's value."""
    if isinstance(value, Mapping):
        return value["name"], list(value["flattened"])
    return value or None, None


def _turned(name: str, flattened: list[int], tensors: Made) -> str:
    """A weight with its columns, or features, in Keras's order: PyTorch flattens (channels, sizes...)."""
    weight = tensors.get(name)
    if weight is None:
        return name
    if weight.ndim not in (1, 2) or weight.shape[-1] != int(np.prod(flattened)):
        raise ValueError(
            f"the mapping says that {name} reads {flattened} flattened; its shape is {list(weight.shape)}"
        )
    columns = np.arange(weight.shape[-1]).reshape(flattened)
    order = np.moveaxis(columns, 0, -1).reshape(-1)
    return tensors.add(name, f"its columns turned from {flattened}", weight[..., order])

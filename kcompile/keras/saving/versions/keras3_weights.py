"""Weights by the tree of objects, as Keras 3's files have them: where each variable of a model lies, both
ways.

A layer lies at its class in snake case, numbered among the layers of its model; what it owns lies at the
name of the attribute (``layers/lstm_1/cell``, ``layers/bidirectional/forward_layer/cell``).
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeGuard

import numpy as np

from ....formats import LayerWeights
from ....ir import Parameter
from ... import registry
from ...core.layer import Layer
from ...core.network import Network
from ...training.sequential import Sequential
from ...utils.messages import raw_name
from .keras3_integers import in_numbers

Plan = list[tuple[Parameter, Any]]

# what Keras 3 calls classes that have another name in configurations
_CLASSES = {"Model": "Functional", "GroupQueryAttention": "GroupedQueryAttention"}
_ACTIVATIONS = ("activation", "recurrent_activation")
_CONTAINERS = ("layers", "_layer_checkpoint_dependencies")


def snake_case(class_name: str) -> str:
    """``BatchNormalization`` -> ``batch_normalization``, ``Conv2D`` -> ``conv2d``, as Keras 3 names
    groups."""
    name = re.sub(r"\W+", "", class_name)
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


def own_weights(layer: Layer) -> list[Parameter]:
    """A layer's own variables, without those of layers in it."""
    return [*layer._trainable_weights, *layer._non_trainable_weights]


def owned_layers(layer: Layer) -> Iterator[tuple[str, Any]]:
    """Attributes that are layers or lists of layers, by name, in the order in which Keras 3 goes through
    them."""
    functions = {
        name: getattr(layer, name, None) for name in _ACTIVATIONS
    }  # of recurrent layers their cell's
    for name, value in sorted({**functions, **vars(layer)}.items()):
        if name in ("_layers", "_stacked_layers"):
            continue
        if isinstance(value, Layer):
            yield name, value
        elif isinstance(value, list | tuple | dict):
            members = list(value.values()) if isinstance(value, dict) else list(value)
            if members and all(isinstance(member, Layer) for member in members):
                yield name, members


def numbered(layers: Sequence[Layer]) -> list[tuple[str, Layer]]:
    """Each layer with its group in a container."""
    return list(zip(numbered_classes(type(layer).__name__ for layer in layers), layers, strict=True))


def numbered_classes(classes: Iterable[str]) -> list[str]:
    """The group of each object of these classes in a container."""
    count: dict[str, int] = {}
    result = []
    for name in classes:
        name = snake_case(_CLASSES.get(name, name))
        number = count.get(name, -1) + 1
        count[name] = number
        result.append(f"{name}_{number}" if number else name)
    return result


def is_made_of_layers(layer: Any) -> TypeGuard[Network]:
    """Whether it is a network whose layers a file lists, and not one whose structure is code."""
    return isinstance(layer, Network) and (layer._is_graph_network or isinstance(layer, Sequential))


# --- reading ------------------------------------------------------------------------------------------------


class TreeMatch:
    """Matches the objects of a file to the layers of a model.

    ``plan`` has the pairs of weight and array; nothing is changed before it is carried out. All that match
    raise ValueError if an object is missing, or number or shape of its variables differs.

    Args:
        objects: the file's, by path.
        source: its name, for errors.
    """

    def __init__(self, objects: Mapping[str, LayerWeights], source: str) -> None:
        self.objects = objects
        self.source = source
        self.plan: Plan = []
        self._seen: set[int] = set()
        self._groups = {
            path[:end]
            for path in objects
            for end in [*(m.start() for m in re.finditer("/", path)), len(path)]
        }

    def model(self, model: Network) -> TreeMatch:
        """A model's weights, all of them."""
        self._model(model, "")
        self._check_all(model)
        return self

    def layer(self, layer: Layer) -> TreeMatch:
        """The weights of one layer, whose objects the file has by themselves."""
        if layer.weights:
            self._object(layer, "")
        self._check_all(layer)
        return self

    def by_name(self, model: Network, skip_mismatch: bool = False) -> TreeMatch:
        """The weights of layers of the model's own that have the name of an object of the file.

        With skip_mismatch those that do not fit are left out with a warning.
        """
        self._by_name(model, skip_mismatch)
        return self

    def _model(self, model: Network, path: str) -> None:
        self._own(model, path)
        if not is_made_of_layers(model):
            self._subclassed(model, path)
            return
        container = next((name for name in _CONTAINERS if self._below(path, name) in self._groups), None)
        if container is None:
            if any(layer.weights for layer in model.layers):
                raise ValueError(
                    f"{self.source}: there is no group 'layers' at {path or 'the root'!r} for the layers of "
                    f"the model {model.name!r}."
                )
            return
        inside = self._below(path, container)
        for key, layer in self._keyed(inside, model.layers):
            self._object(layer, f"{inside}/{key}")
        self._attributes(model, path)

    def _subclassed(self, model: Network, path: str) -> None:
        """By attributes; those that are layers themselves lie in a container in files of tf.keras."""
        self._attributes(model, path)
        container = self._below(path, _CONTAINERS[0])
        for key, layer in numbered([layer for layer in model.layers if id(layer) not in self._seen]):
            if f"{container}/{key}" in self._groups:
                self._object(layer, f"{container}/{key}")

    def _by_name(self, model: Network, skip_mismatch: bool) -> None:
        names = {
            entry.name: path
            for path, entry in self.objects.items()
            if path.count("/") == 1 and path.split("/")[0] in _CONTAINERS
        }
        for layer in model.layers:
            if layer.name not in names or not layer.weights:
                continue
            so_far = len(self.plan)
            try:
                self._object(layer, names[layer.name])
            except ValueError as error:
                if not skip_mismatch:
                    raise
                del self.plan[so_far:]
                warnings.warn(
                    f"Skipping loading of weights for layer {layer.name} due to mismatch in {error}",
                    stacklevel=5,
                )

    def _keyed(self, inside: str, layers: Sequence[Layer]) -> list[tuple[str, Layer]]:
        """By the names that the objects had, if these are the names of the layers, or of some of them, where
        the others lie elsewhere; else by class and number."""
        prefix = inside + "/"
        keys = sorted({path[len(prefix) :].split("/")[0] for path in self._groups if path.startswith(prefix)})
        names = {self.objects[prefix + key].name: key for key in keys if prefix + key in self.objects}
        found = [(names[layer.name], layer) for layer in layers if layer.weights and layer.name in names]
        are_all = len(found) == sum(bool(layer.weights) for layer in layers)
        if found and (are_all or names.keys() <= {layer.name for layer in layers}):
            return found
        return numbered(layers)

    def _object(self, layer: Layer, path: str) -> None:
        if id(layer) in self._seen:
            return
        self._seen.add(id(layer))
        if is_made_of_layers(layer):
            self._model(layer, path)
        elif layer.weights and not layer._layers:
            self._leaf(layer, path)
        else:
            self._own(layer, path)
            self._attributes(layer, path)

    def _attributes(self, layer: Layer, path: str) -> None:
        for name, value in owned_layers(layer):
            place = next(
                (
                    p
                    for p in (self._below(path, name), self._below(path, name.lstrip("_")))
                    if p in self._groups
                ),
                None,
            )
            if place is None:
                continue
            if isinstance(value, list):
                for key, member in self._keyed(place, value):
                    self._object(member, f"{place}/{key}")
            else:
                self._object(value, place)

    def _own(self, layer: Layer, path: str) -> None:
        own = own_weights(layer)
        if own:
            self._pair(layer, path, own, self._variables(path))

    def _leaf(self, layer: Layer, path: str) -> None:
        stored = self._variables(path)
        below = sorted(
            p
            for p in self.objects
            if p and p.startswith(f"{path}/" if path else "") and "seed_generator" not in p.split("/")[-1]
        )
        for place in below:  # what is one layer here may be several objects there
            relative = place[len(path) :].lstrip("/")
            stored = stored + [(f"{relative}/{key}", array) for key, array in self._variables(place)]
        if not stored and path not in self._groups:
            raise ValueError(
                f"{self.source}: the layer {layer.name!r} has weights, but the file has no group {path!r}. "
                "Layers are found by class and order; is the model the one that was saved?"
            )
        self._pair(layer, path, layer.weights, layer.convert_stored_weights(stored))

    def _variables(self, path: str) -> list[tuple[str, Any]]:
        entry = self.objects.get(path)
        return [] if entry is None else in_numbers(entry.weights, f"{self.source}, {path!r}")

    def _pair(self, layer: Layer, path: str, own: Sequence[Parameter], stored: Sequence[Any]) -> None:
        arrays = [entry[1] if isinstance(entry, tuple) else entry for entry in stored]
        if len(own) != len(arrays):
            raise ValueError(
                f"{self.source}: the layer {layer.name!r} has {len(own)} weights "
                f"({', '.join(p.name for p in own[:6])}), but {path!r} in the file has {len(arrays)}."
            )
        for parameter, array in zip(own, arrays, strict=True):
            if tuple(array.shape) != parameter.shape:
                raise ValueError(
                    f"{self.source}: the weight {parameter.name} of layer {layer.name!r} has shape "
                    f"{parameter.shape}, but the saved one at {path!r} has shape {tuple(array.shape)}."
                )
            self.plan.append((parameter, array))

    def _check_all(self, model: Layer) -> None:
        matched = {id(parameter) for parameter, _ in self.plan}
        missing = [parameter.name for parameter in model.weights if id(parameter) not in matched]
        if missing:
            raise ValueError(
                f"{self.source}: the file has no values for {len(missing)} weights of the model "
                f"({', '.join(missing[:6])}{', ...' if len(missing) > 6 else ''})."
            )

    @staticmethod
    def _below(path: str, name: str) -> str:
        return f"{path}/{name}" if path else name


# --- writing ------------------------------------------------------------------------------------------------


def objects_of(model: Network) -> dict[str, LayerWeights]:
    """The variables of a model's objects by path; the arrays are the live ones, not copies."""
    result: dict[str, LayerWeights] = {}
    _add(result, model, "", set())
    return result


def _add(result: dict[str, LayerWeights], layer: Any, path: str, seen: set[int]) -> None:
    if id(layer) in seen:
        return
    seen.add(id(layer))
    own: list[tuple[str, Any]] = [
        (str(i), np.asarray(p.storage.array)) for i, p in enumerate(own_weights(layer))
    ]
    result[path] = LayerWeights(raw_name(layer.name), own)
    prefix = f"{path}/" if path else ""
    if is_made_of_layers(layer):
        for key, member in numbered(layer.layers):
            _add(result, member, f"{prefix}layers/{key}", seen)
    for name, value in owned_layers(layer):
        if isinstance(value, list):
            for key, member in numbered(value):
                _add(result, member, f"{prefix}{name}/{key}", seen)
        elif value.weights or not registry.is_a(layer, "layer", "Bidirectional"):
            _add(result, value, f"{prefix}{name}", seen)

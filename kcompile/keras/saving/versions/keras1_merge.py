"""``Sequential([Merge([left, right], ...), ...])`` of Keras 1 as a functional model.

Keras 1 writes the branches into the configuration of the Merge layer, and the weights of all layers flat:
those of the first branch, of the second ..., of what follows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Entry = dict[str, Any]


def functional_of_merge(config: Any) -> Any:
    """The configuration, a Sequential model that begins with a Merge as ``Model``; others as they are.

    Raises:
        ValueError: for a branch that is not a layer or a Sequential model, or has no input shape.
    """
    if not _begins_with_merge(config):
        return config
    builder = _Builder()
    output = builder.chain(config)
    name = config["config"].get("name") if isinstance(config["config"], Mapping) else None
    return {
        "class_name": "Model",
        "config": {
            "name": name or "model_1",
            "layers": builder.layers,
            "input_layers": [[name, 0, 0] for name in builder.inputs],
            "output_layers": [[output, 0, 0]],
        },
    }


def _entries(config: Mapping[str, Any]) -> Sequence[Any]:
    """The layers of a Sequential model: Keras 1 stores the list alone."""
    inner = config.get("config")
    found = inner.get("layers") if isinstance(inner, Mapping) else inner
    return found if isinstance(found, list) else []


def _begins_with_merge(config: Any) -> bool:
    if not isinstance(config, Mapping) or config.get("class_name") != "Sequential":
        return False
    entries = _entries(config)
    return bool(entries) and isinstance(entries[0], Mapping) and entries[0].get("class_name") == "Merge"


class _Builder:
    """Layers with their calls, in the order in which the weights lie in the file."""

    def __init__(self) -> None:
        self.layers: list[Entry] = []
        self.inputs: list[str] = []
        self._names: set[str] = set()

    def chain(self, config: Mapping[str, Any]) -> str:
        """Adds the layers of a Sequential model; returns the name of the last one."""
        last = ""
        for entry in _entries(config):
            if not last and entry.get("class_name") == "Merge":
                merge = dict(entry["config"])
                branches = merge.pop("layers", None) or []
                last = self._add({**entry, "config": merge}, [self._branch(b) for b in branches])
            else:
                last = self._add(entry, [last or self._input(entry)])
        if not last:
            raise ValueError(
                "A branch of a Merge of Keras 1 in the file is a Sequential model without layers."
            )
        return last

    def _branch(self, entry: Any) -> str:
        if isinstance(entry, Mapping) and entry.get("class_name") == "Sequential":
            return self.chain(entry)
        if isinstance(entry, Mapping) and entry.get("class_name") == "Model":
            raise ValueError(
                "A branch of a Merge of Keras 1 in the file is a functional model, which is not read: build "
                "this model in code and use load_weights."
            )
        return self._add(entry, [self._input(entry)])

    def _add(self, entry: Mapping[str, Any], inputs: list[str]) -> str:
        name = entry["config"]["name"]
        if name in self._names:
            raise ValueError(
                f"The layer {name!r} of the file stands in two branches of a Merge, which is not read."
            )
        self._names.add(name)
        config = {key: value for key, value in entry["config"].items() if key != "batch_input_shape"}
        calls = [[[source, 0, 0] for source in inputs]]
        self.layers.append({**entry, "config": config, "name": name, "inbound_nodes": calls})
        return name

    def _input(self, entry: Mapping[str, Any]) -> str:
        config = entry["config"]
        shape = config.get("batch_input_shape")
        if not isinstance(shape, list):
            raise ValueError(
                f"The first layer {config.get('name')!r} of a branch in the file has no input shape."
            )
        name = f"{config['name']}_input"
        self.inputs.append(name)
        self._names.add(name)
        inner = {
            "batch_input_shape": shape,
            "input_dtype": config.get("input_dtype") or "float32",
            "name": name,
        }
        self.layers.append({"class_name": "InputLayer", "config": inner, "name": name, "inbound_nodes": []})
        return name


def by_names_of(layers: Sequence[Any], stored: Sequence[Any]) -> Iterator[Any]:
    """Weights of a file in the order of the model's layers, if the names are the same; else in their own."""
    places = {layer.name: i for i, layer in enumerate(layers)}
    weighted = [entry for entry in stored if entry.weights]
    if {e.name for e in weighted} == {layer.name for layer in layers if layer.weights}:
        weighted.sort(key=lambda entry: places[entry.name])
    yield from weighted

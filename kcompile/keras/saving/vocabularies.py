"""Vocabularies that a ``.keras`` file has beside its configuration: those that layers learnt by ``adapt``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ...formats import Archive, FileFormatError
from .versions.keras3_weights import numbered_classes

_NAME = "vocabulary.txt"
_LAYERS = ("IntegerLookup", "StringLookup", "TextVectorization")


def with_vocabularies(config: Mapping[str, Any], archive: Archive, source: str) -> Mapping[str, Any]:
    """A model's configuration with the vocabularies of its file where the layers have them.

    Layers of networks inside count; those that other layers own do not.

    Raises:
        FileFormatError: for a vocabulary that is no text, or no whole numbers where these are wanted.
    """
    return _with_vocabularies(config, archive, "", source) if archive.texts else config


def _with_vocabularies(entry: Any, archive: Archive, path: str, source: str) -> Any:
    config = entry.get("config") if isinstance(entry, Mapping) else None
    if not isinstance(config, Mapping):
        return entry
    if entry.get("class_name") in _LAYERS and config.get("vocabulary") is None:
        return {**entry, "config": {**config, **_vocabulary(config, archive, path, source)}}
    layers = config.get("layers")
    if not isinstance(layers, list):
        return entry
    classes = [layer.get("class_name") if isinstance(layer, Mapping) else None for layer in layers]
    prefix = f"{path}/" if path else ""
    found = [
        _with_vocabularies(layer, archive, f"{prefix}layers/{key}", source)
        for key, layer in zip(numbered_classes(map(str, classes)), layers, strict=True)
    ]
    return {**entry, "config": {**config, "layers": found}}


def _vocabulary(config: Mapping[str, Any], archive: Archive, path: str, source: str) -> dict[str, Any]:
    """The arguments of a layer that its file has elsewhere."""
    content = archive.texts.get(f"{path}/{_NAME}")
    if content is None:
        return {}
    try:
        entries: list[Any] = content.decode("utf-8").split("\n")
        if "int" in str(config.get("vocabulary_dtype")):
            entries = [int(entry) for entry in entries]
    except ValueError as error:
        raise FileFormatError(source, f"the vocabulary at {path!r} cannot be read: {error}.") from error
    weights = dict(archive.objects[path].weights) if archive.objects and path in archive.objects else {}
    idf = weights.get("idf_weights")
    return {"vocabulary": entries} | ({} if idf is None else {"idf_weights": np.asarray(idf).tolist()})

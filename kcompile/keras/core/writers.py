"""Where the program that wrote a file differs from Keras 2.3 without the file saying so, by the writer.

``upgrade`` turns what can be said in a configuration into words there, once per file. What is a rule for
calls, which layers let masks through, stays with the layers that came from the file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..utils.generic_utils import FileVersionScope, file_keras_version
from .node import CalledLayer, Node


@dataclass(frozen=True)
class Writer:
    """A later Keras: there a layer that knows nothing of masks drops them, where Keras 2.3 refuses them.

    Attributes:
        name: in our own files.
        version: one of its versions.
        drops_masks_in: classes that drop masks there and pass them on here.
        masked_ranks: axes of inputs for which BatchNormalization trains on the steps alone that count.
        joins_masks_by_any: whether merging layers keep a step that any input keeps, not all of them.
        rules: configuration of a layer by class -> what it says in full.
    """

    name: str
    version: str
    drops_masks_in: frozenset[str]
    masked_ranks: range
    joins_masks_by_any: bool
    rules: Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]]


def _zeros_in_sequences(config: dict[str, Any]) -> dict[str, Any]:
    """Bidirectional of tf.keras sets ``zero_output_for_mask`` of its layers, and does not write it."""
    told = dict(config)
    for key in ("layer", "backward_layer"):
        entry = told.get(key)
        inner = entry.get("config") if isinstance(entry, Mapping) else None
        if isinstance(entry, Mapping) and isinstance(inner, Mapping) and inner.get("return_sequences"):
            told[key] = {**entry, "config": {**inner, "zero_output_for_mask": True}}
    return told


TF_KERAS = Writer(
    "tf_keras",
    "2.21.0",
    frozenset({"Identity", "Normalization", "Rescaling", "SpectralNormalization"}),
    range(2, 4),  # its fused kernel, for more axes, does not
    False,
    {"Bidirectional": _zeros_in_sequences},
)
KERAS_3 = Writer(
    "keras_3", "3.15.0", frozenset({"RMSNormalization", "SpectralNormalization"}), range(2, 32), True, {}
)
WRITERS = {writer.name: writer for writer in (TF_KERAS, KERAS_3)}


def writer_of_file() -> Writer | None:
    """Who wrote the file that is being read; None outside of reading, and for Keras before tf.keras."""
    version = file_keras_version() or (2, 3)
    return None if version < (2, 4) else TF_KERAS if version < (3, 0) else KERAS_3


#: What our own files call the rules of Keras 2.3, where the file's version says otherwise.
OWN_RULES = "keras_2"


def following(name: str | None) -> FileVersionScope:
    """Within, losses and metrics are made by the rules of a writer of this name; None for those of Keras 2.3.

    Raises:
        ValueError: for a name that is none of a writer.
    """
    if name not in (None, OWN_RULES, *WRITERS):
        raise ValueError(f"Losses and metrics of the file follow {name!r}; known are {', '.join(WRITERS)}.")
    return FileVersionScope(WRITERS[name].version if name in WRITERS else None)


def upgrade(config: Any) -> Any:
    """A model's configuration with what its writer leaves unsaid."""
    writer = writer_of_file()
    return config if writer is None or not writer.rules else _upgraded(config, writer.rules)


def _upgraded(value: Any, rules: Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]]) -> Any:
    if isinstance(value, list):
        return [_upgraded(entry, rules) for entry in value]
    if not isinstance(value, Mapping):
        return value
    result = {key: _upgraded(entry, rules) for key, entry in value.items()}
    class_name, config = result.get("class_name"), result.get("config")
    if isinstance(class_name, str) and class_name in rules and isinstance(config, dict):
        result["config"] = rules[class_name](config)
    return result


# --- masks --------------------------------------------------------------------------------------------------


class _Call(NamedTuple):
    """A call that is going on of a layer that came from a file, and the one around it."""

    layer: CalledLayer
    outer: _Call | None


_CALLS: ContextVar[_Call | None] = ContextVar("kcompile_mask_rule", default=None)


@contextmanager
def masks_as_written(layer: CalledLayer) -> Iterator[None]:
    """Within, masks follow the rule of the file that the layer came from, for layers inside it too."""
    if layer.__dict__.get("_writer") is None:
        yield
        return
    token = _CALLS.set(_Call(layer, _CALLS.get()))
    try:
        yield
    finally:
        _CALLS.reset(token)


def drops_mask(layer: CalledLayer) -> bool:
    """Whether a later Keras's rule holds, by which this layer, which knows nothing of masks, drops them."""
    return _follows(layer, lambda writer: True)


def passes_mask(layer: CalledLayer) -> bool:
    """Whether a layer that passes masks on here does so by the rule of its file's writer."""
    return not _follows(layer, lambda writer: type(layer).__name__ in writer.drops_masks_in)


def joins_masks_by_any(layer: CalledLayer) -> bool:
    """Whether this merging layer keeps a step that any of its inputs keeps."""
    return _follows(layer, lambda writer: writer.joins_masks_by_any)


def _follows(layer: CalledLayer, rule: Callable[[Writer], bool]) -> bool:
    """Whether a rule of the writer holds for the layer, by itself or by the layer whose call it is part of.

    That it does is noted at these layers, whose entries in our own files say so.
    """
    call = _CALLS.get()
    writer = layer.__dict__.get("_writer") or (call.layer.__dict__["_writer"] if call else None)
    if writer is None or not rule(writer):
        return False
    if layer.__dict__.get("_writer") is not None:
        layer.__dict__["_masks"] = writer.name
    while call is not None:
        call.layer.__dict__["_masks"] = call.layer.__dict__["_writer"].name
        call = call.outer
    return True


def masked_statistics(layer: CalledLayer, rank: int | None) -> bool:
    """Whether this BatchNormalization trains on the steps alone that a mask counts."""
    writer = layer.__dict__.get("_writer")
    return writer is not None and rank in writer.masked_ranks


def said_of_masks(layer: Any) -> dict[str, str]:
    """What our own files say beside class and configuration of a layer that dropped a mask."""
    return {"masks": layer.__dict__["_masks"]} if "_masks" in layer.__dict__ else {}


def keep_writer(layer: Any, copy: Any) -> None:
    """Makes a copy follow the rules that the layer follows."""
    copy.__dict__["_writer"] = layer.__dict__.get("_writer")


def masks_differ(layer: Any, writer: Writer, calls: Sequence[Node]) -> bool:
    """Whether the writer's program would do otherwise with masks that these calls of the layer have."""
    own = layer.__dict__.get("_writer")
    name = type(layer).__name__
    masks = [call.input_masks for call in calls if any(mask is not None for mask in call.output_masks)]
    if own is writer or not any(mask is not None for call in calls for mask in call.input_masks):
        return False
    if (own is not None and name in own.drops_masks_in) != (name in writer.drops_masks_in):
        return True
    several = any(any(mask is not each[0] for mask in each) for each in masks)
    return several and hasattr(layer, "_merge_function") and writer.joins_masks_by_any


def follow(layer: Any, writer: Any) -> None:
    """Makes a layer follow the rule that ``said_of_masks`` wrote.

    Raises:
        ValueError: for a name that is none of a writer.
    """
    if writer not in WRITERS:
        raise ValueError(f"A layer of the file follows {writer!r} in masks; known are {', '.join(WRITERS)}.")
    layer.__dict__["_writer"] = WRITERS[writer]

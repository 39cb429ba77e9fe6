"""The metadata entries of an exported model, all of them strings in ``metadata_props``.

====================  ================================================================================
``kcompile.format``   version of this list, ``"1"``
``kcompile.version``  version of kcompile that wrote the file
``kcompile.config``   JSON: the Keras config (class name and config, as in a .h5 file), by the front end
``kcompile.states``   JSON list of ``{"input", "output", "shape", "dtype"}`` and, where it is not all zeros,
                      ``"initial"`` (a number or nested lists): state pairs that the caller carries
``kcompile.weights``  JSON ``{initializer: {"shape": [...], "layout": [[operator, attributes], ...]}}``: how
                      the initializer was laid out from the Keras weight of that name (passes/layout.py)
====================  ================================================================================

Each node of a layer carries the layer's path in its own ``metadata_props`` as ``kcompile.layer``.
"""

from __future__ import annotations

from collections.abc import Mapping

import onnx

from .errors import ExportError, FormatError

PRODUCER = "kcompile"
FORMAT_VERSION = 1

FORMAT = "kcompile.format"
VERSION = "kcompile.version"
CONFIG = "kcompile.config"
STATES = "kcompile.states"
WEIGHTS = "kcompile.weights"
LAYER = "kcompile.layer"


def set_metadata(model: onnx.ModelProto, entries: Mapping[str, str]) -> None:
    """Sets entries of ``metadata_props``; an entry of the same key is replaced, the others stay.

    Raises:
        ExportError: if a key or value is not a string.
    """
    for key, value in entries.items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise ExportError(f"Metadata entries are strings; {key!r} is {value!r} ({type(value).__name__}).")
    kept = {p.key: p.value for p in model.metadata_props}
    kept.update(entries)
    del model.metadata_props[:]
    for key, value in kept.items():
        model.metadata_props.add(key=key, value=value)


def get_metadata(model: onnx.ModelProto) -> dict[str, str]:
    """All entries of ``metadata_props``.

    Raises:
        FormatError: if the file's ``kcompile.format`` is newer than this version reads, or no number.
    """
    entries = {p.key: p.value for p in model.metadata_props}
    found = entries.get(FORMAT)
    if found is None:
        return entries
    if not found.isdecimal():
        raise FormatError(
            f'The metadata entry {FORMAT} should be a number such as "1"; found {found[:40]!r}.'
        )
    if int(found) > FORMAT_VERSION:
        raise FormatError(
            f"The file has format {found} (written by kcompile {entries.get(VERSION, '?')}); this version "
            f"reads up to {FORMAT_VERSION}. Update kcompile to read it."
        )
    return entries

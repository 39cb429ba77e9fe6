"""Saving a model as a whole or not at all, in one file or with its weights in a second one."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

import onnx

from ..atomic import replacing_with_companions
from ..progress import report

if TYPE_CHECKING:
    import onnx_ir as oir

# Initializers up to this size stay in the model when the others go to a file of their own.
_THRESHOLD_BYTES = 1024


def save_model(model: onnx.ModelProto, path: str | os.PathLike[str]) -> None:
    """Saves a model in one file; a crash leaves the old one whole.

    Raises:
        FileNotFoundError: the folder does not exist.
        IsADirectoryError: ``path`` is a folder.
        OSError: it cannot be written.
    """
    save_pieces([model.SerializeToString()], path)


def save_pieces(pieces: Iterable[bytes], path: str | os.PathLike[str], needs: int = 0) -> None:
    """Saves the bytes of a model as ``save_model`` does, a piece at a time.

    ``needs`` is their sum, about, if known.
    """
    written = 0
    with saved_on_success(path, needs) as saved, open(saved, "xb") as file:
        for piece in pieces:
            written += file.write(piece)
            report("writing", min(1.0, written / needs) if needs else None)


def save_with_data(model: oir.Model, path: str | os.PathLike[str], needs: int = 0) -> None:
    """Saves a model, and its weights in a file ``<name>.<random>.data`` beside it, of any size.

    The data come first, under a name that nobody uses: until the model itself is replaced, the old pair is
    whole. The old data file is removed afterwards.

    Raises:
        FileNotFoundError, IsADirectoryError, OSError: as for ``save_model``.
    """
    import onnx_ir as oir

    with saved_on_success(path, needs) as saved:
        folder, name = os.path.split(saved)
        data = f"{name}.{secrets.token_hex(8)}.data"
        report("writing")
        oir.external_data.unload_from_model(model, folder, data, size_threshold_bytes=_THRESHOLD_BYTES)
        with open(saved, "xb") as file:
            file.write(oir.to_proto(model).SerializeToString())


def saved_on_success(path: str | os.PathLike[str], needs: int = 0) -> AbstractContextManager[str]:
    """A path of the same name in a folder beside ``path``, to save to and to look at what was saved.

    It replaces ``path`` in the end, with the data file that belongs to it; after an exception nothing is left
    of it.

    Raises:
        FileNotFoundError, IsADirectoryError, OSError: as for ``save_model``.
    """
    return replacing_with_companions(path, data_file_pattern(os.path.basename(os.path.realpath(path))), needs)


def data_file_pattern(name: str) -> re.Pattern[str]:
    """What the data files of a model file of this name are called; anybody else's are not ours to remove."""
    return re.compile(re.escape(name) + r"\.[0-9a-f]{16}\.data")

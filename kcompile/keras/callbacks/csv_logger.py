"""A callback that writes what training does to a CSV file."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable
from typing import IO, Any

import numpy as np

from .. import registry
from .base import Callback


class CSVLogger(Callback):
    """Writes each epoch's metrics as a line of a CSV file.

    Args:
        filename: the file, e.g. "run/log.csv".
        separator: between the columns, ",".
        append: True adds to an existing file (its header is kept), False replaces it.

    Columns are ``epoch`` and the first epoch's metrics by name; a metric missing from a later epoch is
    written NA. A name that a spreadsheet would take for a formula (it starts with ``=``, ``+``, ``-`` or
    ``@``) has an apostrophe in front. The line is on disk when ``on_epoch_end`` returns.
    """

    _writes = True

    def __init__(self, filename: Any, separator: str = ",", append: bool = False) -> None:
        super().__init__()
        self.filename = os.fspath(filename)
        self.sep = separator
        self.append = append
        self.writer: Any = None
        self.keys: list[str] | None = None
        self.append_header = True
        self.csv_file: IO[str] | None = None

    def on_train_begin(self, logs: Any = None) -> None:
        if self.append and os.path.exists(self.filename):
            with open(self.filename, encoding="utf-8") as file:
                self.append_header = not file.readline()
        self.csv_file = open(self.filename, "a" if self.append else "w", newline="\n", encoding="utf-8")

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        logs = {} if logs is None else logs
        if self.csv_file is None:
            raise RuntimeError("CSVLogger.on_train_begin was not called.")
        if self.keys is None:
            self.keys = sorted(logs)
        if self.writer is None:
            dialect = type("Dialect", (csv.excel,), {"delimiter": self.sep})
            self.writer = csv.DictWriter(self.csv_file, fieldnames=["epoch", *self.keys], dialect=dialect)
            if self.append_header:
                self.writer.writerow({name: _csv_text(name) for name in ["epoch", *self.keys]})
        self.writer.writerow({"epoch": epoch, **{key: _csv_value(logs.get(key, "NA")) for key in self.keys}})
        self.csv_file.flush()

    def on_train_end(self, logs: Any = None) -> None:
        if self.csv_file is not None:
            self.csv_file.close()
        self.writer = None

    def __del__(self) -> None:
        file = getattr(self, "csv_file", None)  # __init__ may have failed before it was set
        if file is not None:
            file.close()


def _csv_text(text: str) -> str:
    """A cell that no spreadsheet takes for a formula: names of outputs and metrics may come from a file."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "|", "%")) else text


def _csv_value(value: Any) -> Any:
    if isinstance(value, str):
        return _csv_text(value)
    if np.ndim(value) == 0 or not isinstance(value, Iterable):
        return value
    return '"[{}]"'.format(", ".join(map(str, value)))


registry.register(globals())

"""``kcompile plot``."""

from __future__ import annotations

import csv
from pathlib import Path

from ..keras.utils.plots import plot_history

_MOST_BYTES = 64 << 20


def plot_csv(path: Path, output: Path | None, separator: str) -> Path:
    """Draws the file of a CSVLogger; returns the picture's path.

    Args:
        path: of the file: a header with ``epoch`` and metrics, then a line per epoch.
        output: where the picture goes; None for beside the file, as .png. The ending says the format.
        separator: between columns.

    Raises:
        ValueError: for a file that is none, and where there is nothing to draw.
        MissingPackageError: matplotlib is not installed.
    """
    if path.stat().st_size > _MOST_BYTES:
        raise ValueError(f"{path} has more than {_MOST_BYTES} bytes; it is no log of epochs.")
    with open(path, encoding="utf-8", newline="") as file:
        try:
            rows = list(csv.reader(file, delimiter=separator))
        except (csv.Error, UnicodeDecodeError) as error:
            raise ValueError(f"{path} is no CSV file: {error}.") from error
    if not rows or rows[0][:1] != ["epoch"] or len(rows) < 2:
        raise ValueError(
            f"{path}: expected the file of a CSVLogger, a header that begins with epoch and a line per epoch"
            f"{'' if separator != ',' else ', between commas (--separator says another)'}."
        )
    columns = {name: [row[i] if i < len(row) else "NA" for row in rows[1:]] for i, name in enumerate(rows[0])}
    epochs = [_number(value) for value in columns.pop("epoch")]
    curves = {
        name.removeprefix("'"): [_number(value) for value in column] for name, column in columns.items()
    }
    target = path.with_suffix(".png") if output is None else output
    plot_history({n: c for n, c in curves.items() if any(x == x for x in c)}, epochs, target)
    return target


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:  # NA, or a vector
        return float("nan")

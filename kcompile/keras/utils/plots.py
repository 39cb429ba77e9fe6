"""Curves of a training, drawn by matplotlib."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from kcompile_runtime.text import harmless

from ...atomic import replacing
from ...optional import optional
from .. import registry

_PANEL = (6.0, 3.2)  # inches


def plot_history(
    history: Mapping[str, Sequence[float]], epochs: Sequence[float] | None = None, to_file: Any = None
) -> Any:
    """The metrics of a training over its epochs: a panel for each, with that of validation beside it.

    Args:
        history: name -> one value per epoch, as ``History.history``; others (lists of vectors) are left out.
        epochs: their numbers from 0; by default 0, 1, ...
        to_file: where to save it as well; the ending says the format.

    Returns:
        The ``matplotlib.figure.Figure``.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: if there is nothing to draw.
    """
    curves = {name: values for name, values in history.items() if _is_curve(values)}
    names = list(dict.fromkeys(name.removeprefix("val_") for name in curves))
    if not names:
        raise ValueError("There is nothing to draw: no metric has a number for an epoch.")
    figure, panels = _panels(len(names))
    for name, axes in zip(names, panels, strict=True):
        for key, label in ((name, "training"), (f"val_{name}", "validation")):
            if key in curves:
                values = curves[key]
                places = [1 + x for x in (range(len(values)) if epochs is None else epochs[: len(values)])]
                axes.plot(
                    places[: len(values)], values, label=label, marker="." if len(values) < 30 else None
                )
        axes.set_title(_text(name))
        axes.set_xlabel("epoch")
        axes.legend()
    return _saved(figure, to_file)


def plot_rates(
    rates: Sequence[float], losses: Sequence[float], suggestion: float | None, to_file: Any = None
) -> Any:
    """Losses over learning rates on a logarithmic axis, with the suggested rate; as ``plot_history``."""
    figure, (axes,) = _panels(1)
    axes.plot(rates, losses)
    axes.set_xscale("log")
    axes.set_xlabel("learning rate")
    axes.set_ylabel("loss")
    if suggestion is not None:
        axes.axvline(suggestion, linestyle="--", color="tab:orange", label=f"{suggestion:.2e}")
        axes.legend()
    return _saved(figure, to_file)


def _panels(count: int) -> tuple[Any, list[Any]]:
    """A figure with so many panels, in columns of two."""
    with optional("matplotlib", "Drawing curves"):
        from matplotlib import pyplot as plt
    columns = min(count, 2)
    rows = -(-count // columns)
    size = (_PANEL[0] * columns, _PANEL[1] * rows)
    figure, grid = plt.subplots(rows, columns, figsize=size, squeeze=False, layout="constrained")
    panels = list(grid.flat)
    for spare in panels[count:]:
        spare.remove()
    return figure, panels[:count]


def _saved(figure: Any, to_file: Any) -> Any:
    if to_file is not None:
        path = os.fspath(to_file)
        with replacing(path) as temporary:
            figure.savefig(temporary, format=os.path.splitext(path)[1][1:].lower() or "png")
    return figure


def _is_curve(values: Sequence[Any]) -> bool:
    try:
        return bool(len(values)) and all(float(value) is not None for value in values)
    except (TypeError, ValueError):
        return False


def _text(name: str) -> str:
    """A name as text: matplotlib takes what stands between dollars for a formula."""
    return harmless(name).replace("$", r"\$")


registry.register(globals())

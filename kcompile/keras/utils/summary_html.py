"""A model as HTML, which notebooks show: a table of its layers, with nested models folded in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kcompile_runtime.markup import as_html

from .layer_utils import _output_shape, connections_among, count_params, model_nodes
from .summary_table import class_title, memory, shape_title

_CELL = "padding:0.2em 0.8em;text-align:left;vertical-align:top;color:inherit;background:none"
_NAME = f"{_CELL};overflow-wrap:anywhere;min-width:6em"
_NUMBER = _CELL.replace("text-align:left", "text-align:right;white-space:nowrap")
_STYLES = (_NAME, _CELL, f"{_CELL};white-space:nowrap", _NUMBER, _NAME)
_LINE = "border-top:1px solid rgba(128,128,128,0.4)"
_MOST_LAYERS = 500


def model_html(model: Any) -> str:
    """The model as a fragment of HTML, in the colours of the page around it.

    Names may come from files: all text is escaped. A table wider than the page scrolls.
    """
    head = f"<strong>{as_html(model.name)}</strong> ({as_html(class_title(model))})"
    if not getattr(model, "built", True):
        return f"<div>{head}: not built yet, its input shape is not known.</div>"
    return (
        '<div style="overflow-x:auto;max-width:100%;color:inherit">'
        f"<div>{head}: {_counts(model)}</div>{_table(model)}</div>"
    )


def _counts(model: Any) -> str:
    every = [*model.trainable_weights, *model.non_trainable_weights]
    total, frozen = count_params(every), count_params(model.non_trainable_weights)
    text = f"{total:,} parameters ({memory(every)})"
    return text + (f", {frozen:,} of them not trained" if frozen else "")


def _table(model: Any) -> str:
    layers = list(model.layers)
    relevant = {id(node) for node in model_nodes(model)}
    titles = _row(("Layer", "Class", "Output shape", "Parameters", "From"), "th", "font-weight:bold")
    rows = "".join(_layer(layer, relevant) for layer in layers[:_MOST_LAYERS])
    more = len(layers) - _MOST_LAYERS
    rest = f'<tr><td colspan="5" style="{_CELL}">and {more} more layers</td></tr>' if more > 0 else ""
    style = "border-collapse:collapse;border:none;margin:0.4em 0;color:inherit"
    return f'<table style="{style}"><thead>{titles}</thead><tbody>{rows}{rest}</tbody></table>'


def _layer(layer: Any, relevant: set[int]) -> str:
    sources = dict.fromkeys(name for name, _, _ in connections_among(layer, relevant))
    name = as_html(layer.name) + ("" if layer.trainable or not layer.weights else " <em>(not trained)</em>")
    shape = as_html(shape_title(layer, _output_shape(layer)))
    parameters, connected = f"{layer.count_params():,}", as_html(", ".join(sources))
    fields = (name, as_html(class_title(layer)), shape, parameters, connected)
    row = _row(fields, "td", _LINE)
    if not getattr(layer, "layers", None):
        return row
    inner = f"<details><summary>{len(layer.layers)} layers within</summary>{_table(layer)}</details>"
    return f'{row}<tr><td colspan="5" style="{_CELL};padding-left:2em">{inner}</td></tr>'


def _row(fields: Sequence[str], cell: str, style: str) -> str:
    cells = "".join(
        f'<{cell} style="{own};{style}">{field}</{cell}>' for own, field in zip(_STYLES, fields, strict=True)
    )
    return f'<tr style="background:none">{cells}</tr>'

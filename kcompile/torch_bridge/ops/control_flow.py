"""If, Loop and Scan: their bodies are modules, and what a body reads from outside is passed to it.

A body ``b`` comes with ``b_captures``, which it takes after its formal inputs.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, fx

from ._common import number


def If(
    cond: Tensor,
    *,
    then_branch: fx.GraphModule,
    then_branch_captures: tuple[Tensor, ...],
    else_branch: fx.GraphModule,
    else_branch_captures: tuple[Tensor, ...],
    outputs: int = 1,
) -> Any:
    results = then_branch(*then_branch_captures) if bool(cond) else else_branch(*else_branch_captures)
    return results[0] if outputs == 1 else results


def Loop(
    M: Any,
    cond: Tensor | None,
    *v_initial: Tensor,
    body: fx.GraphModule,
    body_captures: tuple[Tensor, ...],
    outputs: int = 1,
    device: str = "cpu",
) -> Any:
    carried = tuple(v_initial)
    trips = None if M is None else number(M)
    going = True if cond is None else bool(cond)
    rows: list[tuple[Tensor, ...]] = []
    iteration = 0
    while going and (trips is None or iteration < trips):
        results = body(
            torch.tensor(iteration, device=device),
            torch.tensor(True, device=device),
            *carried,
            *body_captures,
        )
        carried, scanned = results[1 : 1 + len(v_initial)], results[1 + len(v_initial) :]
        rows.append(scanned)
        going = bool(results[0])
        iteration += 1
    results = (*carried, *_stacked(rows, body, 1 + len(v_initial), (0,) * (outputs - len(carried)), device))
    return results[0] if outputs == 1 else results


def Scan(
    *initial_state_and_scan_inputs: Tensor,
    body: fx.GraphModule,
    body_captures: tuple[Tensor, ...],
    num_scan_inputs: int,
    scan_input_axes: tuple[int, ...] | None = None,
    scan_input_directions: tuple[int, ...] | None = None,
    scan_output_axes: tuple[int, ...] | None = None,
    scan_output_directions: tuple[int, ...] | None = None,
    outputs: int = 1,
    device: str = "cpu",
) -> Any:
    count = len(initial_state_and_scan_inputs) - num_scan_inputs
    state = initial_state_and_scan_inputs[:count]
    axes = scan_input_axes or (0,) * num_scan_inputs
    backwards = scan_input_directions or (0,) * num_scan_inputs
    steps = [
        x.unbind(axis)[:: -1 if back else 1]
        for x, axis, back in zip(initial_state_and_scan_inputs[count:], axes, backwards, strict=True)
    ]
    rows: list[tuple[Tensor, ...]] = []
    for step in zip(*steps, strict=True):
        results = body(*state, *step, *body_captures)
        state = results[:count]
        rows.append(results[count:])
    scanned = outputs - count
    stacked = _stacked(rows, body, count, scan_output_axes or (0,) * scanned, device, scan_output_directions)
    results = (*state, *stacked)
    return results[0] if outputs == 1 else results


def _stacked(
    rows: list[tuple[Tensor, ...]],
    body: fx.GraphModule,
    first: int,
    axes: tuple[int, ...],
    device: str,
    backwards: tuple[int, ...] | None = None,
) -> list[Tensor]:
    """The scan outputs: per output its rows as one tensor.

    Without a row, the body's types say what is empty.
    """
    results = []
    types = body.meta["outputs"]
    for i, axis in enumerate(axes):
        if rows:
            column = [row[i] for row in rows]
            results.append(torch.stack(column[::-1] if backwards and backwards[i] else column, axis))
        else:
            dtype, shape = types[first + i]
            sizes = [size if isinstance(size, int) else 0 for size in shape or ()]
            results.append(torch.empty(0, *sizes, dtype=dtype, device=device).movedim(0, axis))
    return results

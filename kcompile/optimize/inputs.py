"""Inputs to measure a model on where nobody gives any: of sizes that it takes, indices within its tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kcompile_runtime import Executor
from kcompile_runtime.session import default_options, load_onnxruntime

from ..ir import Graph
from ..onnx_io import read_graph
from ..onnx_io.samples import Hints, Sampler
from ..onnx_io.sizes import propose_sizes

_MOST_TRIED = 40


def drawn_inputs(path: Path, samples: int = 1, seed: int = 0) -> dict[str, np.ndarray]:
    """Random inputs of an .onnx file by name, without those of states.

    Args:
        path: of the file.
        samples: where the model leaves their number open.
        seed: of the random numbers.

    Raises:
        ValueError: no sizes were found that the model takes.
    """
    graph = read_graph(path, external_data=True)
    executor = plain_executor(path)
    names = [str(value.name) for value in graph.inputs]
    wanted = {info.name for info in executor.inputs}

    def named(arrays: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
        return {name: a for name, a in zip(names, arrays, strict=True) if name in wanted}

    return named(draw(graph, lambda arrays: executor.new_session().run(named(arrays)), samples, seed))


def plain_executor(path: Path) -> Executor:
    """The model by onnxruntime's defaults: settings beside the file, which may be old, are not looked at."""
    return Executor(path, session_options=default_options(load_onnxruntime()))


def draw(
    graph: Graph, run: Callable[[list[np.ndarray]], Any], samples: int = 1, seed: int = 0
) -> list[np.ndarray]:
    """Random arrays for the inputs of a graph, in order.

    Args:
        graph: with inputs of known rank.
        run: takes them, or raises where their sizes do not fit.
        samples: where the graph leaves their number open.
        seed: of the random numbers.

    Raises:
        ValueError: no sizes were found that it takes.
    """
    hints, refusal = Hints.of(graph), ""
    for tried, sizes in enumerate(propose_sizes(graph, samples)):
        if tried == _MOST_TRIED:
            break
        arrays = Sampler(graph, hints, sizes, seed).plain()
        try:
            run(arrays)
        except Exception as error:  # of whatever runs it
            refusal = refusal or " ".join(str(error).split())[:300]
            continue
        return arrays
    raise ValueError(
        f"no sizes of the open axes were found that the model takes ({refusal or 'none fits'}): give inputs."
    )


def repeated(inputs: Mapping[str, np.ndarray], count: int) -> dict[str, np.ndarray]:
    """So many samples: the first ones, from the start again where there are fewer."""
    return {name: array[np.arange(count) % len(array)] for name, array in inputs.items()}

"""CUDA graphs for the simulated GPU: what is dispatched while one records is computed again by a replay.

As on a GPU, numbers of Python's are recorded as they were, tensors as the memory that they have, and what
waits for the GPU is refused while a graph records, and where ``torch.cuda.set_sync_debug_mode("error")`` asks
for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from types import SimpleNamespace
from typing import Any

import torch
from torch.utils._python_dispatch import _disable_current_modes
from torch.utils._pytree import tree_flatten, tree_map

#: They give Python a number, or a size that depends on numbers.
_WAITING = {
    "_local_scalar_dense", "nonzero", "equal", "is_nonzero", "masked_select", "_unique2", "unique_dim",
    "unique_consecutive",
}  # fmt: skip


class _State:
    """Whether a graph records, and what the user asked for."""

    graph: Graph | None = None
    sync: Any = 0


state = _State()


class Graph:
    """``torch.cuda.CUDAGraph``.

    Attributes:
        replays: how often it was replayed.
    """

    def __init__(self) -> None:
        self._calls: list[tuple[Any, Any, Any, Any]] = []
        self._generators: set[int] = set()  # by address, as operators are handed other Python objects
        self.replays = 0

    def register_generator_state(self, generator: torch.Generator) -> None:
        """Allows operators to draw from it."""
        self._generators.add(generator._cdata)  # type: ignore[attr-defined]

    def record(self, func: Any, args: Any, kwargs: dict[str, Any], result: Any) -> None:
        """One more operator on the memory behind tensors."""
        own = kwargs.get("generator")
        default = torch.default_generator._cdata  # type: ignore[attr-defined]
        if own is not None and own._cdata not in {*self._generators, default}:
            raise RuntimeError(f"{func}: a generator that is not registered with the graph")
        with _disable_current_modes():
            self._calls.append((func, *tree_map(_memory, (args, kwargs, result))))

    def replay(self) -> None:
        """Computes all again, into the memory that was written to when it was recorded."""
        self.replays += 1
        # kernels ask whether gradients are wanted
        with _disable_current_modes(), torch.enable_grad():
            for func, args, kwargs, result in self._calls:
                found = func(*args, **kwargs)
                if func._schema.is_mutable:
                    continue
                for old, new in zip(tree_flatten(result)[0], tree_flatten(found)[0], strict=True):
                    if isinstance(old, torch.Tensor) and old.data_ptr() != new.data_ptr():
                        old.copy_(new)


def _memory(x: Any) -> Any:
    """The memory of a tensor, of which autograd knows nothing."""
    return x.detach() if isinstance(x, torch.Tensor) else x


def computed(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """An operator's result, which a graph that records takes down."""
    result = func(*args, **kwargs)
    if state.graph is not None:
        state.graph.record(func, args, kwargs, result)
    return result


def check_waiting(name: str, between_devices: bool, kwargs: dict[str, Any]) -> None:
    """
    Raises:
        RuntimeError: for an operator that waits for the GPU where nothing may.
    """
    waits = name in _WAITING or (between_devices and not kwargs.get("non_blocking"))
    if waits and state.graph is not None:
        raise RuntimeError(f"{name}: CUDA error: operation not permitted when stream is capturing")
    if waits and state.sync in (2, "error"):
        raise RuntimeError(f"{name}: called a synchronizing CUDA operation")


@contextmanager
def _recording(graph: Graph, pool: Any = None, stream: Any = None, **options: Any) -> Iterator[None]:
    state.graph = graph
    try:
        yield
    finally:
        state.graph = None


def _set_sync(mode: Any) -> None:
    state.sync = mode


def functions() -> dict[str, Callable[..., Any]]:
    """What stands in ``torch.cuda`` for streams and graphs."""
    stream = SimpleNamespace(wait_stream=lambda other: None)
    return {
        "CUDAGraph": Graph,
        "graph": _recording,
        "Stream": lambda device=None: stream,
        "stream": lambda stream: nullcontext(),
        "current_stream": lambda device=None: stream,
        "synchronize": lambda device=None: None,
        "memory_reserved": lambda device=None: 0,
        "get_sync_debug_mode": lambda: state.sync,
        "set_sync_debug_mode": _set_sync,
    }

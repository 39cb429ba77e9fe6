"""A step's forward and backward pass on a GPU as one CUDA graph: launched at once, not kernel by kernel.

A small network's kernels take less time than Python takes to launch them. A form of inputs that comes again
and again is captured: its kernels are recorded while they run on inputs that stay in place, and launched
together from then on. What waits for the GPU (a number that decides what is computed) cannot be recorded;
that is found out before, and results and gradients of the recording have to be those of autograd before it
is used. Where either fails, and for inputs of other forms, such as an epoch's last batch, autograd goes on.

``KCOMPILE_CUDA_GRAPHS=0`` in the environment switches it off.
"""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, fx

from .debugging import print_tensor
from .lowered_modules import signature
from .optimizers.single_updates import update_in_place, updated
from .random_state import (
    generator_states,
    generators,
    random_state,
    set_generator_states,
    set_random_state,
)
from .written_out import Pass

_Found = tuple[list[Tensor], list[Tensor | None]]

AFTER = 8
"""Steps on inputs of a form before it is captured, which takes as long as some hundred steps."""
_FORMS, _COUNTED = 4, 64
"""Graphs of a step, which each hold memory of their own; forms that are counted."""
_TOLERANCE = 0.01
"""Of the norm of the difference: kernels that add in another order each time differ in half precision."""
_ALONE = threading.Lock()

#: They do more than their results say.
_TELL = (print_tensor, update_in_place, updated)


def is_capturable(module: fx.GraphModule) -> bool:
    """Whether a step of a lowered module may be captured; nothing is tried."""
    if os.environ.get("KCOMPILE_CUDA_GRAPHS") == "0" or not hasattr(torch.cuda, "CUDAGraph"):
        return False
    parts = [part for part in module.modules() if isinstance(part, fx.GraphModule)]
    return not any(node.target in _TELL for part in parts for node in part.graph.nodes)


class Captured:
    """Results and gradients of a lowered graph.

    Args:
        module: the graph, on a GPU, whose first result is the loss.
        trainable: its parameters whose gradients are wanted.
        recorded: computes the same by autograd.

    Attributes:
        graphs: for each form of inputs that was tried its graph, or None.
        refused: why there is none, for each of these.
    """

    def __init__(self, module: fx.GraphModule, trainable: Sequence[Tensor], recorded: Pass) -> None:
        self._module, self._trainable, self._recorded = module, list(trainable), recorded
        self._outputs, self._device = signature(module).outputs, signature(module).device
        self._seen: Counter[Any] = Counter()
        self.graphs: dict[Any, _Graph | None] = {}
        self.refused: list[str] = []

    def __call__(self, inputs: Sequence[Tensor]) -> Sequence[Tensor]:
        """One pass."""
        form = tuple([(x.shape, x.stride()) for x in inputs])
        if form not in self.graphs and self._is_due(form):
            self.graphs[form] = self._captured(inputs)
        graph = self.graphs.get(form)
        if graph is None:
            return self._recorded(inputs)
        results, grads = graph.replay(inputs)
        for weight, grad in zip(self._trainable, grads, strict=True):
            weight.grad = grad
        # the next replay writes over them
        return [*[x.clone() for x in results[: self._outputs]], *results[self._outputs :]]

    def _is_due(self, form: Any) -> bool:
        if len(self.graphs) >= _FORMS or (form not in self._seen and len(self._seen) >= _COUNTED):
            return False
        self._seen[form] += 1
        return self._seen[form] > AFTER

    def _captured(self, inputs: Sequence[Tensor]) -> _Graph | None:
        """A graph for inputs of a form; None where there can be none. Random numbers go on as before."""
        total = torch.cuda.mem_get_info(self._device)[1]
        if torch.cuda.memory_reserved(self._device) > total // 2:
            self.refused.append("more than half of the GPU's memory is in use")
            return None
        before = random_state(), generator_states(self._module)

        def rewind() -> None:
            set_random_state(before[0])
            set_generator_states(self._module, before[1])

        _ALONE.acquire()
        try:
            stream = torch.cuda.Stream(self._device)
            stream.wait_stream(torch.cuda.current_stream(self._device))
            given = [x.clone() for x in inputs]
            with torch.cuda.stream(stream), _without_waiting():
                expected = self._run(given)  # which also has libraries get ready
            torch.cuda.current_stream(self._device).wait_stream(stream)
            graph = _Graph(self._module, given, stream, self._run)
            rewind()
            if _agree(graph.replay(inputs), expected):
                return graph
            self.refused.append("it computes something else when it is launched again")
        except Exception as error:  # whatever it is, autograd does without
            self.refused.append(f"{type(error).__name__}: {' '.join(str(error).split())[:200]}")
        finally:
            rewind()
            _ALONE.release()
        return None

    def _run(self, given: Sequence[Tensor]) -> _Found:
        with torch.enable_grad():
            results = self._module(*given)
            grads = torch.autograd.grad(results[0], self._trainable, allow_unused=True)
        return [x.detach() for x in results], list(grads)


class _Graph:
    """Kernels that were recorded, with the memory that they read and write.

    Args:
        module: what they compute.
        given: its inputs, which stay in place.
        stream: where to record.
        run: computes results and gradients.
    """

    def __init__(
        self,
        module: fx.GraphModule,
        given: list[Tensor],
        stream: Any,
        run: Callable[[Sequence[Tensor]], _Found],
    ) -> None:
        self._given = given
        self._graph = torch.cuda.CUDAGraph()
        for generator in generators(module):
            self._graph.register_generator_state(generator)
        # other threads may go on using the GPU
        with torch.cuda.graph(self._graph, stream=stream, capture_error_mode="thread_local"):
            self._found = run(given)

    def replay(self, inputs: Sequence[Tensor]) -> _Found:
        """Results and gradients, in memory that the next replay writes to."""
        for own, x in zip(self._given, inputs, strict=True):
            own.copy_(x, non_blocking=True)
        self._graph.replay()
        return self._found


@contextmanager
def _without_waiting() -> Iterator[None]:
    """What waits for the GPU is an error in the block."""
    before = torch.cuda.get_sync_debug_mode()
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode(before)


def _agree(found: _Found, expected: _Found) -> bool:
    pairs = zip([*found[0], *found[1]], [*expected[0], *expected[1]], strict=True)
    return all(a is None if b is None else a is not None and _close(a, b) for a, b in pairs)


def _close(found: Tensor, expected: Tensor) -> bool:
    if not expected.is_floating_point():
        return torch.equal(found, expected)
    a, b = (torch.nan_to_num(x.detach().double()) for x in (found, expected))
    return bool((a - b).norm() <= _TOLERANCE * b.norm() + 1e-12)

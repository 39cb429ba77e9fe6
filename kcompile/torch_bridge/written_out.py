"""A step's forward and backward pass as one flat list of torch's kernels: nothing is recorded for autograd.

Autograd decides anew in each step what is to be computed. Where many steps are executed together, that is
decided once for inputs of a form: the kernels that a step runs are written down, on tensors without content,
and called by themselves from then on. They are the same kernels in the same order, so the numbers are the
same to the bit, random ones too; the first batch is computed both ways to be sure. Where something cannot be
written down, as where numbers decide what is computed, or turns out to be different, autograd goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import copy_context
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx

from .debugging import print_tensor
from .generated_code import without_traces
from .random_state import generator_states, random_state, set_generator_states, set_random_state

Pass = Callable[[Sequence[Tensor]], Sequence[Tensor]]
"""Inputs -> results, the loss first; the gradients of the weights are in ``.grad`` then."""

_State = tuple[dict[str, np.ndarray], list[np.ndarray]]

_FORMS = 8
"""Inputs of more forms than this are computed by autograd: writing one down takes some tenths of a second."""


class WrittenOut:
    """Results and gradients of a lowered graph.

    Args:
        module: the graph, whose first result is the loss.
        trainable: its parameters whose gradients are wanted.
        recorded: computes the same by autograd.
    """

    def __init__(self, module: fx.GraphModule, trainable: Sequence[Tensor], recorded: Pass) -> None:
        self._module, self._trainable, self._recorded = module, list(trainable), recorded
        named = {**dict(module.named_parameters()), **dict(module.named_buffers())}
        self._names, self._tensors = list(named), list(named.values())
        self._passes: dict[Any, Callable[..., Any] | None] = {}
        self._prints = _prints(module)

    def __call__(self, inputs: Sequence[Tensor]) -> Sequence[Tensor]:
        """One pass."""
        form = tuple([(x.shape, x.stride()) for x in inputs])
        if form not in self._passes:
            return self._first(form, inputs)
        flat = self._passes[form]
        if flat is None:
            return self._recorded(inputs)
        try:
            with torch.no_grad():
                found = flat(*self._tensors, *inputs)
        except (IndexError, RuntimeError):  # which autograd meets too, and whoever called knows where
            return self._recorded(inputs)
        return self._split(found)

    def _split(self, found: Sequence[Any]) -> Sequence[Tensor]:
        count = len(found) - len(self._trainable)
        for weight, grad in zip(self._trainable, found[count:], strict=True):
            weight.grad = grad
        return found[:count]

    def _first(self, form: Any, inputs: Sequence[Tensor]) -> Sequence[Tensor]:
        """Computes by autograd, and by what is written down for inputs of a form, which has to agree."""
        before = self._random_state()
        can = len(self._passes) < _FORMS and not self._prints
        flat = self._written(inputs) if can else None
        self._set_random_state(before)
        results = [x.detach() for x in self._recorded(inputs)]
        self._passes[form] = None
        if flat is None:
            return results
        grads, after = [w.grad for w in self._trainable], self._random_state()
        self._set_random_state(before)
        try:
            with torch.no_grad():
                found = flat(*self._tensors, *inputs)
            if _same([*results, *grads], found) and _same_state(self._random_state(), after):
                self._passes[form] = flat
        except Exception:  # noqa: S110 - whatever it is, autograd does without
            pass
        self._set_random_state(after)
        return results

    def _random_state(self) -> _State:
        return random_state(), generator_states(self._module)

    def _set_random_state(self, state: _State) -> None:
        set_random_state(state[0])
        set_generator_states(self._module, state[1])

    def _written(self, inputs: Sequence[Tensor]) -> Callable[..., Any] | None:
        """The kernels that one pass runs; a function of all weights, constants and inputs."""
        from torch.fx.experimental.proxy_tensor import make_fx

        wanted = {id(weight): i for i, weight in enumerate(self._trainable)}
        places = {wanted[id(x)]: k for k, x in enumerate(self._tensors) if id(x) in wanted}
        if len(places) < len(self._trainable):
            return None

        def run(*tensors: Tensor) -> tuple[Any, ...]:
            own = tensors[: len(self._tensors)]
            with torch.enable_grad():
                results = torch.func.functional_call(
                    self._module, dict(zip(self._names, own, strict=True)), tensors[len(own) :]
                )
                sought = [own[places[i]] for i in range(len(self._trainable))]
                grads = torch.autograd.grad(results[0], sought, allow_unused=True)
            return (*[x.detach() for x in results], *grads)

        with without_traces():
            try:
                # in a context of its own, since torch leaves a variable in it each time
                trace = make_fx(run, tracing_mode="fake")
                module = copy_context().run(trace, *self._tensors, *inputs)
            except Exception:  # whatever torch does not let be written down
                return None
            return _by_short_ways(module)


def _prints(module: fx.GraphModule) -> bool:
    """Whether it does more than its results say."""
    parts = [part for part in module.modules() if isinstance(part, fx.GraphModule)]
    return any(node.target is print_tensor for part in parts for node in part.graph.nodes)


def _same_state(one: _State, other: _State) -> bool:
    return all(
        np.array_equal(a, b)
        for a, b in zip([*one[0].values(), *one[1]], [*other[0].values(), *other[1]], strict=True)
    )


def _same(some: Sequence[Tensor | None], others: Sequence[Tensor | None]) -> bool:
    """Whether tensors are equal to the bit."""
    for a, b in zip(some, others, strict=True):
        if (a is None) != (b is None):
            return False
        if a is not None and b is not None and not (a.dtype == b.dtype and torch.equal(a, b)):
            return False
    return True


def _by_short_ways(module: fx.GraphModule) -> Callable[..., Any]:
    """Calls torch's functions in place of operators, which go a longer way through Python."""
    functions = torch._C._VariableFunctions
    module.graph.eliminate_dead_code()
    for node in list(module.graph.nodes):
        if node.target is torch.ops.aten.detach.default:  # nothing is recorded
            node.replace_all_uses_with(node.args[0])
            module.graph.erase_node(node)
        elif isinstance(node.target, torch._ops.OpOverload):
            name = node.target._schema.name.removeprefix("aten::")
            node.target = getattr(functions, name, node.target)
    module.recompile()
    return module.forward

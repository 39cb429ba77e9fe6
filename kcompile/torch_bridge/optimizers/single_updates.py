"""One update by the kernels of built-in optimizers, for gradients that somebody else computed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from ...ir import KCOMPILE_DOMAIN, Graph, Node, Parameter, Storage, UpdateRule, changing
from .. import weights
from .kernels import KERNELS
from .optimizer import KerasOptimizer


def has_kernel(rule: UpdateRule) -> bool:
    """Whether torch has a kernel for a rule."""
    return rule.name in KERNELS


class UpdateInPlace:
    """Changes weights, and the optimizer's state.

    Args:
        rule: of the optimizer.
        params: the weights.
        device: where they are.
    """

    def __init__(self, rule: UpdateRule, params: Sequence[Parameter], device: torch.device) -> None:
        self.params, self.device = params, device
        self.optimizer = KerasOptimizer([weights.parameter_of(p, device, True) for p in params], rule)

    def __call__(self, grads: Sequence[Tensor]) -> None:
        weights.refresh(self.params, self.device)
        with changing():
            _step(self.optimizer, grads)
            weights.written(self.params, self.device)


def update(
    rule: UpdateRule, params: Sequence[Parameter], grads: Sequence[Tensor], device: torch.device
) -> None:
    """One update of weights in place, by what is kept for the optimizer."""
    # Kept with what an optimizer counts its updates by, which they hold in turn, so that both go together; a
    # dictionary by weak keys would keep them for good.
    of_optimizer = rule.iterations.annotations.setdefault("_updates_in_place", {})
    key = tuple([id(x) for each in rule.slots.values() for x in each] + [id(p) for p in params])
    if key not in of_optimizer:
        of_optimizer[key] = UpdateInPlace(rule, params, device)
    of_optimizer[key].optimizer.settings = rule.settings
    of_optimizer[key](grads)


class Update:
    """New weights and a new state beside the old ones, which others may still read.

    Args:
        rule: of the optimizer.
        params: the weights, for their shapes and orders in memory.
        device: where it computes.
    """

    def __init__(self, rule: UpdateRule, params: Sequence[Parameter], device: torch.device) -> None:
        self._weights = [nn.Parameter(torch.empty_like(weights.tensor_of(p, device))) for p in params]
        slots = {name: [_like(x) for x in each] for name, each in rule.slots.items()}
        self._state = [weights.tensor_of(x, device) for each in slots.values() for x in each]
        self._optimizer = KerasOptimizer(
            self._weights, UpdateRule(rule.name, rule.settings, rule.iterations, slots)
        )

    @torch.no_grad()
    def __call__(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """The number of updates, the weights and the state after one.

        Args:
            tensors: the number of updates, the weights, their gradients, and the state in the rule's order.
        """
        iterations, *rest = tensors
        n = len(self._weights)
        count = iterations + 1
        targets = [*(w.detach() for w in self._weights), *self._state]
        torch._foreach_copy_(targets, [*rest[:n], *rest[2 * n :]])
        _step(self._optimizer, rest[n : 2 * n])
        return [count, *targets]


def update_in_place(step: UpdateInPlace, grads: Sequence[Tensor]) -> None:
    """``step(grads)``, as a function for a traced module."""
    step(grads)


def updated(step: Update, tensors: Sequence[Tensor]) -> list[Tensor]:
    """``step(tensors)``, as a function for a traced module."""
    return step(tensors)


def _step(optimizer: KerasOptimizer, grads: Sequence[Tensor]) -> None:
    kept = any(optimizer._limits) or optimizer._every > 1  # kernels write to the gradients then
    optimizer.advance([grad.detach().clone() if kept else grad.detach() for grad in grads])


def _like(state: Parameter) -> Parameter:
    return Parameter(Storage(np.array(state.storage.array), state.storage.order), state.name, trainable=False)


def last_updates(graph: Graph) -> dict[Node, None]:
    """The updates by optimizers that can be done in place: the only ones of their weights, whose results
    nothing in the graph reads."""
    found = [node for node in graph.nodes if node.op_type == "Update" and node.domain == KCOMPILE_DOMAIN]
    read = {value.node for node in graph.nodes for value in graph.dependencies(node)} if found else set()
    read |= {graph.resolve(value).node for value in graph.outputs}
    return {node: None for node in found if node not in read and _is_of_weights(graph, node)}


def _is_of_weights(graph: Graph, update: Node) -> bool:
    """Whether an Update takes weights and state as they are before the step."""
    n = len(update.attributes["params"])
    operands = graph.operands(update)
    return all(isinstance(x, Parameter) for x in (*operands[: n + 1], *operands[2 * n + 1 :]))

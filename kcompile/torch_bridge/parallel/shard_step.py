"""What each process of a data-parallel run does for its shard of a batch, the same in all of them.

Gradients are averaged by DistributedDataParallel. The local loss is scaled by the shard's share of the batch,
so that the average is the gradient of the whole batch also where shards are unequal. Then every process takes
the same optimizer step by itself. Metrics and moving statistics are combined in one more reduction (see
``combining``).
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, fx, nn

from ...ir import Constant, Graph, Parameter, UpdateRule, Value, changing
from .. import weights
from ..lowered_modules import apply_updates, refresh
from ..lowering import lower
from ..optimizers import make_optimizer
from .combining import Piece, Plan
from .own_updates import OwnUpdates

# what these compute does not carry gradients on, whatever its type
_CUTTING = frozenset({"StopGradient", "Bernoulli", "RandomNormalLike", "RandomUniformLike", "Multinomial"})
# where these are, one process may use a weight that another does not
_BRANCHING = frozenset({"If", "Loop", "Scan", "Gradient"})


@dataclass(frozen=True)
class Program:
    """One step as every process takes it.

    Attributes:
        plan: the graph of loss, metrics and updates.
        trainable: the weights that the optimizer changes.
        rule: the optimizer; None for a step without training.
        constraints: its updates are applied after the optimizer's step.
        own: an optimizer's own updates, applied with the gradients that are the plan's last outputs.
    """

    plan: Plan
    trainable: tuple[Parameter, ...] = ()
    rule: UpdateRule | None = None
    constraints: Graph | None = None
    own: OwnUpdates | None = None

    def parameters(self) -> list[Parameter]:
        """Everything that must be alike in all processes before a step."""
        found = [*self.plan.graph.parameters, *self.trainable]
        if self.rule is not None:
            found += [value for value in self.rule.settings.values() if isinstance(value, Parameter)]
            found += [self.rule.iterations, *(slot for slots in self.rule.slots.values() for slot in slots)]
        if self.constraints is not None:
            found += self.constraints.parameters
        if self.own is not None:
            found += self.own.graph.parameters
        return list(dict.fromkeys(found))


class _Loss(nn.Module):
    """The scaled loss of a shard as a module of the weights that it trains: all that DDP looks at."""

    def __init__(self, module: fx.GraphModule, trained: Sequence[Tensor], has_sum: bool, world: int) -> None:
        super().__init__()
        self.trained = nn.ParameterList(trained)
        self.has_sum = has_sum
        self.world = world
        self.results: Sequence[Tensor] = ()
        self.__dict__["_computes"] = (
            module  # not as a submodule: its other weights and buffers are no concern of DDP
        )

    def forward(self, share: float, *inputs: Tensor) -> Tensor:
        self.results = self.__dict__["_computes"](*inputs)
        loss = self.results[0] * (share * self.world)
        if self.has_sum:
            loss = loss + self.results[1] * float(self.world if share else 0)
        return loss


class ShardStep:
    """One process's part of a step.

    Args:
        program: what to do; in every process the same.
        device: where this process computes.
        rank: of this process in the default process group of torch.distributed, which must exist.
    """

    def __init__(self, program: Program, device: torch.device | str, rank: int) -> None:
        self.program = program
        self.device = weights.canonical_device(device)
        self.rank = rank
        self.plan = program.plan
        # a replica is on one device as a whole, whatever scopes say of its layers
        self.module = lower(self.plan.graph, self.device, program.trainable, placement=None, in_half=True)
        _part_generators(self.module, rank)
        self._head = 2 if self.plan.has_sum else 1
        self.optimizer: torch.optim.Optimizer | None = None
        self._loss: _Loss | None = None
        self._ddp: nn.Module | None = None
        if program.rule is not None:
            self._prepare_training(program.rule)
        constraints = program.constraints
        self._constraints = lower(constraints, self.device, (), None) if constraints is not None else None
        self._own = None if program.own is None else lower(program.own.graph, self.device, (), None)

    def _prepare_training(self, rule: UpdateRule) -> None:
        tensors = [weights.parameter_of(p, self.device, True) for p in self.program.trainable]
        self.optimizer = make_optimizer(rule, tensors)
        reached = reached_weights(self.plan, self.program.trainable)
        trained = [t for t, p in zip(tensors, self.program.trainable, strict=True) if p in reached]
        if not trained:
            return
        self._loss = _Loss(self.module, trained, self.plan.has_sum, dist.get_world_size())
        branching = any(node.op_type in _BRANCHING for node in self.plan.graph.nodes)
        self._ddp = nn.parallel.DistributedDataParallel(
            self._loss,
            device_ids=[self.device.index] if self.device.type == "cuda" else None,
            find_unused_parameters=branching,
        )

    def __call__(self, share: float, tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """One step.

        Args:
            share: the shard's part of the samples of the batch; 0 for a process that has none and computes on
                a sample that does not count.
            tensors: its samples.

        Returns:
            the outputs of the graph for the whole batch, loss first.
        """
        refresh(self.module)
        if self._ddp is None or self._loss is None:
            with torch.no_grad():
                results: Sequence[Tensor] = self.module(*tensors)
        else:
            results = self._train(share, tensors)
        with changing():
            outputs = self._combine(share, results)
            if self._own is not None:
                outputs = self._apply_own_updates(outputs)
            if self.optimizer is not None:
                self.optimizer.step()
                weights.written(self.program.trainable, self.device)
            if self._constraints is not None:
                with torch.no_grad():
                    apply_updates(self._constraints, self._constraints())
        return outputs

    @torch.no_grad()
    def _apply_own_updates(self, outputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Updates with the loss and the gradients of the whole batch; the outputs without the latter."""
        assert self._own is not None and self.program.own is not None
        terms = self.program.own.terms
        first = len(outputs) - len(terms)
        given = [outputs[0]]
        for term, gradient in zip(terms, outputs[first:], strict=True):
            if term == len(given):
                given.append(gradient)
            else:
                given[term] = given[term] + gradient
        refresh(self._own)
        apply_updates(self._own, self._own(*given))
        return outputs[:first]

    def _train(self, share: float, tensors: Sequence[Tensor]) -> Sequence[Tensor]:
        assert self._ddp is not None and self._loss is not None and self.optimizer is not None
        self.optimizer.zero_grad(set_to_none=True)
        with torch.enable_grad(), warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*find_unused_parameters=True was specified.*")
            self._ddp(share, *tensors).backward()
        results, self._loss.results = self._loss.results, ()
        return results

    @torch.no_grad()
    def _combine(self, share: float, results: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """The whole batch's loss, outputs and updates, from those of the shards."""
        loss = results[0].detach() * share if share else torch.zeros_like(results[0])
        if self.plan.has_sum and share:
            loss = loss + results[1].detach()
        values = [value.detach() for value in results[self._head :]]
        contributions = [loss, torch.tensor([share], dtype=loss.dtype, device=loss.device)]
        for piece, value in zip(self.plan.pieces, values, strict=True):
            if piece.kind != "same":
                contributions.append(_contribution(piece, value, share))
        reduced = iter(_all_reduced(contributions))
        loss, total = next(reduced), next(reduced)
        if total.device.type == "cpu" and abs(total.item() - 1) > 1e-3:  # elsewhere looking means waiting
            raise ValueError(
                "The processes were given batches of different sizes; each must get the same batches, of "
                "which it takes its part."
            )
        values = [
            v if piece.kind == "same" else next(reduced)
            for piece, v in zip(self.plan.pieces, values, strict=True)
        ]
        updates = list(zip(self.plan.pieces, values, strict=True))[self.plan.outputs :]
        self._apply(updates)
        return loss, *values[: self.plan.outputs]

    def _apply(self, updates: Sequence[tuple[Piece, Tensor]]) -> None:
        changed = []
        for piece, value in updates:
            if piece.parameter is None:  # only another process keeps it
                continue
            target = weights.tensor_of(piece.parameter, self.device)
            if piece.increment:
                target.add_(value)
            else:
                target.copy_(value)
            changed.append(piece.parameter)
        weights.written(changed, self.device)


def reached_weights(plan: Plan, trainable: Sequence[Parameter]) -> set[Parameter]:
    """The weights that the loss depends on in a way that gradients flow."""
    graph = plan.graph
    wanted = set(trainable)
    stack = [graph.resolve(value) for value in graph.outputs[: 2 if plan.has_sum else 1]]
    inside = set(graph.nodes)
    seen: set[Value] = set()
    while stack:
        value = stack.pop()
        if value in seen or isinstance(value, Constant) or value.dtype.kind not in "fc":
            continue
        seen.add(value)
        node = value.node
        if node is not None and node in inside and node.op_type not in _CUTTING:
            stack.extend(graph.dependencies(node))
    return seen & wanted  # type: ignore[return-value, operator]


def _contribution(piece: Piece, value: Tensor, share: float) -> Tensor:
    if not share:
        return torch.zeros_like(value)
    return value * share if piece.kind == "mean" else value


def _all_reduced(tensors: Sequence[Tensor]) -> list[Tensor]:
    """Sums over the processes, in one reduction an element type."""
    results: list[Tensor | None] = [None] * len(tensors)
    for dtype in dict.fromkeys(t.dtype for t in tensors):
        chosen = [i for i, t in enumerate(tensors) if t.dtype == dtype]
        flat = torch.cat([tensors[i].reshape(-1) for i in chosen])
        dist.all_reduce(flat)
        for i, part in zip(chosen, flat.split([tensors[i].numel() for i in chosen]), strict=True):
            results[i] = part.reshape(tensors[i].shape)
    return [result for result in results if result is not None]


def _part_generators(module: fx.GraphModule, rank: int) -> None:
    """Operators with a seed of their own draw other numbers in each process."""
    for part in module.modules():
        for value in vars(part).values():
            if isinstance(value, torch.Generator) and rank:
                value.manual_seed((value.initial_seed() + 1_000_003 * rank) % 2**63)

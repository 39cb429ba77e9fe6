"""Lowering of a graph that several processes compute, each on its shard of a batch (see ``partition``)."""

from __future__ import annotations

from operator import getitem

import torch
from torch import fx

from ...ir import Graph, Node
from ..attention import Attention
from ..enlarging import Enlarged
from ..lowering import Lowering
from .collectives import Share, joined, times_share
from .partition import Joint, Partition


def lower_divided(graph: Graph, device: torch.device, rank: int) -> tuple[fx.GraphModule, Partition, Share]:
    """A module of this process's part, how work is shared, and where each call is told its share."""
    lowering = _DividedLowering(graph, device, rank)
    return lowering.module(), lowering.partition, lowering.share


class _DividedLowering(Lowering):
    def __init__(self, graph: Graph, device: torch.device, rank: int) -> None:
        self.partition = Partition(graph)
        self.share = Share()
        self.rank = rank
        self._joints = [*self.partition.before.values(), self.partition.last]
        super().__init__(graph, device, set(), in_half=True)

    def _lower_node(self, node: Node) -> None:
        if node in self.partition.before:
            self._join(self.partition.before[node])
        super()._lower_node(node)
        for output in node.outputs:
            if output in self.partition.weighted:
                self.env[output] = self.fx.call_function(times_share, (self._shared(), self.env[output]))

    def _lower_last_update(self, node: Node) -> None:
        if node in self.partition.before:
            self._join(self.partition.before[node])
        super()._lower_last_update(node)

    def _end_nodes(self) -> None:
        self._join(self.partition.last)

    def _join(self, joint: Joint) -> None:
        """From here on each of the values is read as that of the whole batch."""
        if not joint.values:
            return
        tensors = [self._tensor(value) for value in joint.values]
        result = self.fx.call_function(joined, (self._shared(), tuple(joint.ways), tensors))
        for i, value in enumerate(joint.values):
            self.sizes.pop(value, None)
            self.precisions.forget(value)
            self.moved = {key: node for key, node in self.moved.items() if key[0] is not value}
            self._define(value, self.fx.call_function(getitem, (result, i)))

    def _shared(self) -> fx.Node:
        if not hasattr(self.root, "share_of_batch"):
            self._attribute("share_of_batch", self.share)
        return self.fx.get_attr("share_of_batch")

    def _find_sums(self) -> dict[Node, Node]:
        """As before, without products that are put together before they are added to."""
        apart = {value for joint in self._joints for value in joint.values}
        return {s: p for s, p in super()._find_sums().items() if p.outputs[0] not in apart}

    def _find_attentions(self) -> dict[Node, Attention]:
        """As before, without those of which a part is put together or weighted."""
        apart = {value for joint in self._joints for value in joint.values} | set(self.partition.weighted)
        found = super()._find_attentions()
        return {n: a for n, a in found.items() if apart.isdisjoint(x.outputs[0] for x in a.inside)}

    def _find_enlarged(self) -> dict[Node, Enlarged]:
        """As for attention."""
        apart = {value for joint in self._joints for value in joint.values} | set(self.partition.weighted)
        found = super()._find_enlarged()
        return {n: e for n, e in found.items() if apart.isdisjoint(x.outputs[0] for x in e.inside)}

    def _generator(self, node: Node, seed: float) -> torch.Generator:
        """What is drawn for rows differs from process to process; what all have is alike."""
        generator = super()._generator(node, seed)
        if self.rank and self.partition.is_divided(node.outputs[0]):
            generator.manual_seed((generator.initial_seed() + 1_000_003 * self.rank) % 2**63)
        return generator

"""Programs (see ``shard_step``) as plain data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ...ir import Parameter, UpdateRule
from .combining import Piece, Plan
from .own_updates import OwnUpdates
from .packing import PackedGraph, Reference, pack, rule_with, unpack
from .shard_step import Program, ShardStep


@dataclass(frozen=True)
class PackedProgram:
    """A program whose parameters are numbers."""

    graph: PackedGraph
    has_sum: bool
    pieces: list[tuple[int | None, Any, bool]]
    outputs: int
    trainable: list[int]
    rule: UpdateRule | None  # with references in place of parameters
    constraints: PackedGraph | None
    own: tuple[PackedGraph, tuple[int, ...]] | None

    def made(self, parameters: Mapping[int, Parameter], device: str, rank: int) -> ShardStep:
        """The step over the parameters of this process."""
        return ShardStep(unpacked(self, parameters), device, rank)


def packed(program: Program, number_of: Callable[[Parameter], int]) -> PackedProgram:
    """A program for another process. Accumulators that only this side reads stay here."""
    plan, rule, own = program.plan, program.rule, program.own
    known = set(program.parameters())
    pieces = [
        (number_of(piece.parameter) if piece.parameter in known else None, piece.kind, piece.increment)
        for piece in plan.pieces
    ]
    return PackedProgram(
        pack(plan.graph, number_of),
        plan.has_sum,
        pieces,
        plan.outputs,
        [number_of(p) for p in program.trainable],
        None if rule is None else rule_with(rule, lambda p: Reference(number_of(p)), Parameter),
        None if program.constraints is None else pack(program.constraints, number_of),
        None if own is None else (pack(own.graph, number_of), own.terms),
    )


def unpacked(data: PackedProgram, parameters: Mapping[int, Parameter]) -> Program:
    """The program over the parameters of this process."""
    find = parameters.__getitem__
    pieces = tuple(
        Piece(None if number is None else find(number), kind, increment)
        for number, kind, increment in data.pieces
    )
    return Program(
        Plan(unpack(data.graph, find), data.has_sum, pieces, data.outputs),
        tuple(find(number) for number in data.trainable),
        None if data.rule is None else rule_with(data.rule, lambda r: find(r.number), Reference),
        None if data.constraints is None else unpack(data.constraints, find),
        None if data.own is None else OwnUpdates(unpack(data.own[0], find), data.own[1]),
    )

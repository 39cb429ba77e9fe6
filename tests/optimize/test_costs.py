"""Additions, multiplications and bytes of operators are what counting by hand gives."""

from __future__ import annotations

import pytest

from kcompile.optimize.costs import Tensor, flops, moves_only, traffic


def floats(*shapes):
    return [Tensor("float", shape) for shape in shapes]


@pytest.mark.parametrize(
    ("op_type", "inputs", "outputs", "expected"),
    [
        ("Conv", [(2, 3, 32, 32), (16, 3, 3, 3), (16,)], [(2, 16, 32, 32)], 2 * 2 * 16 * 32 * 32 * 27),
        ("Conv", [(1, 16, 8, 8), (16, 1, 3, 3)], [(1, 16, 8, 8)], 2 * 16 * 64 * 9),  # by channel
        ("ConvTranspose", [(1, 8, 4, 4), (8, 3, 2, 2)], [(1, 3, 8, 8)], 2 * 8 * 16 * 3 * 4),
        ("MatMul", [(5, 7), (7, 11)], [(5, 11)], 2 * 5 * 7 * 11),
        ("MatMul", [(2, 4, 5, 7), (2, 4, 7, 7)], [(2, 4, 5, 7)], 2 * 8 * 5 * 7 * 7),
        ("Gemm", [(5, 7), (11, 7), (11,)], [(5, 11)], 2 * 5 * 7 * 11),  # transposed
        ("QLinearConv", [(1, 3, 4, 4), (), (), (6, 3, 3, 3)], [(1, 6, 4, 4)], 2 * 6 * 16 * 27),
        ("QLinearMatMul", [(5, 7), (), (), (7, 11)], [(5, 11)], 2 * 5 * 7 * 11),
        ("MatMulNBits", [(5, 64), (11, 2, 16)], [(5, 11)], 2 * 5 * 64 * 11),
        (
            "LSTM",
            [(20, 2, 16), (1, 128, 16), (1, 128, 32), (1, 256)],
            [(1, 2, 32)],
            2 * 20 * 2 * 4 * 32 * 48,
        ),
        ("GRU", [(20, 2, 16), (2, 96, 16), (2, 96, 32)], [(20, 2, 2, 32)], 2 * 20 * 2 * 2 * 3 * 32 * 48),
        ("RNN", [(20, 2, 16), (1, 32, 16), (1, 32, 32)], [(20, 1, 2, 32)], 2 * 20 * 2 * 32 * 48),
        ("MultiHeadAttention", [(2, 16, 64), (2, 10, 64), (2, 10, 64)], [(2, 16, 64)], 4 * 2 * 16 * 64 * 10),
        ("Add", [(5, 7), (7,)], [(5, 7)], 35),
        ("Transpose", [(5, 7)], [(7, 5)], 0),
        ("Conv", [(1, 3, 4, 4)], [(1, 6, 4, 4)], 0),  # whose weights were packed
        ("Loop", [()], [(3,)], 0),
        ("If", [()], [], 0),
    ],
)
def test_arithmetic_is_what_counting_gives(op_type, inputs, outputs, expected):
    assert flops(op_type, floats(*inputs), floats(*outputs)) == expected


@pytest.mark.parametrize(
    ("equation", "shapes", "expected"),
    [
        ("btd,dhk->bthk", [(2, 16, 64), (64, 4, 16)], 2 * 2 * 16 * 64 * 4 * 16),
        ("bhqd,bhkd->bhqk", [(2, 4, 5, 8), (2, 4, 6, 8)], 2 * 2 * 4 * 5 * 6 * 8),
        ("...i, ij -> ...j", [(2, 3, 4), (4, 5)], 2 * 2 * 3 * 4 * 5),
    ],
)
def test_an_einsum_is_counted_by_its_indices(equation, shapes, expected):
    assert flops("Einsum", floats(*shapes), floats((1,)), equation) == expected


@pytest.mark.parametrize(
    ("op_type", "inputs", "outputs", "expected"),
    [
        (
            "Add",
            [Tensor("float", (5, 7)), Tensor("float", (7,))],
            [Tensor("float", (5, 7))],
            4 * (35 + 7 + 35),
        ),
        ("Cast", [Tensor("float", (4,))], [Tensor("float16", (4,))], 16 + 8),
        ("QuantizeLinear", [Tensor("float", (4,))], [Tensor("uint8", (4,))], 16 + 4),
        (  # the rows that are looked up, not the table
            "Gather",
            [Tensor("float", (1000, 8)), Tensor("int64", (3,))],
            [Tensor("float", (3, 8))],
            2 * 96 + 24,
        ),
        ("Reshape", [Tensor("float", (4, 4)), Tensor("int64", (1,))], [Tensor("float", (16,))], 0),
    ],
)
def test_traffic_is_what_is_read_and_written(op_type, inputs, outputs, expected):
    assert traffic(op_type, inputs, outputs) == expected


def test_what_moves_only_is_told_from_what_computes_and_from_what_has_bodies():
    assert moves_only("Transpose") and moves_only("Cast") and moves_only("ReorderOutput")
    assert not moves_only("Conv") and not moves_only("Scan")

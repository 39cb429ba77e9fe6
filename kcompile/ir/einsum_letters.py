"""The equation of an Einsum of two operands, read: which of its axes are those of a product of matrices."""

from __future__ import annotations

import string
from typing import NamedTuple


class Letters(NamedTuple):
    """The axes of ``a,b->output``, a letter each, by what becomes of them.

    Attributes:
        a, b, output: the letters of each tensor.
        both: in both operands and in the output, in the order of the output.
        summed: in both operands alone, in the order of ``a``.
        left, right: of one operand and the output, in the order of the output.
    """

    a: str
    b: str
    output: str
    both: str
    summed: str
    left: str
    right: str

    def swapped(self) -> Letters:
        """The letters of ``b,a->output``."""
        summed = "".join(letter for letter in self.b if letter in self.summed)
        return Letters(self.b, self.a, self.output, self.both, summed, self.right, self.left)

    @property
    def is_projection(self) -> bool:
        """Whether ``b`` may be one matrix that the last axes of ``a`` are multiplied by."""
        return bool(self.summed and self.left and self.right) and not self.both

    @property
    def is_product(self) -> bool:
        """Whether it is a product of two matrices, one for each place along the axes that both have."""
        return len(self.left) == len(self.right) == len(self.summed) == 1


def einsum_letters(equation: str, ranks: tuple[int, ...]) -> Letters | None:
    """The letters of an equation.

    Args:
        equation: as ONNX has it; an ellipsis stands for letters of its own.
        ranks: the number of axes of each operand.

    Returns:
        None where it has not two operands or no output, where a letter stands twice in one tensor, or where
        one is summed over that only one operand has.
    """
    inputs, arrow, output = equation.replace(" ", "").partition("->")
    terms = inputs.split(",")
    if not arrow or len(terms) != 2 or len(ranks) != 2:
        return None
    counts = {rank - len(term) + 3 for term, rank in zip(terms, ranks, strict=True) if "..." in term}
    if len(counts) > 1 or "..." in output and not counts:
        return None
    count = counts.pop() if counts else 0
    elided = "".join(letter for letter in string.ascii_letters if letter not in equation)[: max(count, 0)]
    a, b, output = (term.replace("...", elided) for term in (*terms, output))
    if any(len(set(term)) != len(term) for term in (a, b, output)) or (len(a), len(b)) != ranks:
        return None
    shared = [letter for letter in a if letter in b]
    letters = Letters(
        a,
        b,
        output,
        "".join(letter for letter in output if letter in shared),
        "".join(letter for letter in shared if letter not in output),
        "".join(letter for letter in output if letter in a and letter not in b),
        "".join(letter for letter in output if letter in b and letter not in a),
    )
    return letters if set(a + b) == {*letters.both, *letters.summed, *letters.left, *letters.right} else None


def permutation(letters: str, wanted: str) -> list[int]:
    """What brings axes of these letters into the order that is wanted."""
    return [letters.index(letter) for letter in wanted]


__all__ = ["Letters", "einsum_letters", "permutation"]

"""What can be written in several ways that compute the same, of which the machine says which is fastest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Literal, get_args

Target = Literal["cpu", "cuda", "web"]
TARGETS: tuple[str, ...] = get_args(Target)

PACKED, APART, STANDARD, WRITTEN = "Attention", "MultiHeadAttention", "Attention of opset 23", "as written"
SKIP, SEPARATE = "SkipLayerNormalization", "kept apart"
BIASED = "with the activation"
FOLDED = "folded"
SUNK, THROUGH = "sunk", "sunk through channels"


@dataclass(frozen=True)
class Forms:
    """One way of writing each.

    Attributes:
        attention: onnxruntime's Attention, which projects as well, or its MultiHeadAttention where it cannot;
            MultiHeadAttention everywhere; Attention of the ONNX standard, opset 23; or as it is written.
        sums: what a normalization reads, where that is a sum: left to onnxruntime, which joins some when it
            loads a file; one SkipLayerNormalization with the bias; or kept apart from it, which onnxruntime
            respects.
        biases: before Gelu: left to onnxruntime, or one BiasGelu or FastGelu.
        constants: what depends on constants and known sizes: computed, or as it is written.
        transposes: as written, or moved to where they vanish; through operators over channels as well.
    """

    attention: str = PACKED
    sums: str = WRITTEN
    biases: str = WRITTEN
    constants: str = FOLDED
    transposes: str = WRITTEN

    @classmethod
    def usual(cls, target: Target) -> Forms:
        """What is taken where nothing can be measured.

        For CUDA sums and biases go into one kernel, as onnxruntime's optimizer for transformers has them; the
        kernel for sums on CPUs takes several times as long as what it stands for.
        """
        if target == "cuda":
            return cls(sums=SKIP, biases=BIASED)
        return cls(sums=SEPARATE) if target == "cpu" else cls()

    def others(self, field: str) -> Iterator[Forms]:
        """These with another way for one of them."""
        for way in WAYS[field]:
            if way != getattr(self, field):
                yield replace(self, **{field: way})


#: What is tried for each, in this order.
WAYS = {
    "attention": (PACKED, APART, STANDARD, WRITTEN),
    "sums": (SEPARATE, SKIP),  # as written it is either of these, by what loads the file
    "biases": (WRITTEN, BIASED),
    "constants": (FOLDED, WRITTEN),
    "transposes": (WRITTEN, SUNK, THROUGH),
}
assert list(WAYS) == [field.name for field in fields(Forms)]

__all__ = [
    "APART", "BIASED", "FOLDED", "PACKED", "SEPARATE", "SKIP", "STANDARD", "SUNK", "TARGETS", "THROUGH",
    "WAYS", "WRITTEN", "Forms", "Target",
]  # fmt: skip

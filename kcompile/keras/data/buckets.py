"""Buckets: elements of about one length, collected into padded batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .arguments import filled_shapes, open_shapes, whole_number


@dataclass(frozen=True)
class Buckets:
    """What ``Dataset.bucket_by_sequence_length`` is given, as ``Dataset.group_by_window`` takes it.

    Raises:
        ValueError: for a number of sizes that does not fit that of the boundaries.
    """

    length_of: Callable[..., Any]
    boundaries: Sequence[int]
    sizes: Sequence[int]
    padded_shapes: Any
    padding_values: Any
    pad_to_boundary: bool
    no_padding: bool
    drop_remainder: bool

    def __post_init__(self) -> None:
        if len(self.sizes) != len(self.boundaries) + 1:
            raise ValueError("len(bucket_batch_sizes) must equal len(bucket_boundaries) + 1")

    def bucket_of(self, *element: Any) -> int:
        """The number of the bucket that an element belongs to."""
        length = whole_number(self.length_of(*element))
        return int(np.searchsorted(self.boundaries, length, side="right"))

    def size_of(self, bucket: Any) -> int:
        """Elements in a batch of a bucket."""
        return self.sizes[whole_number(bucket)]

    def batch_of(self, bucket: Any, group: Any) -> Any:
        """The dataset of one batch, of the dataset of the elements that a bucket has collected."""
        bucket = whole_number(bucket)
        if self.no_padding:
            return group.batch(self.sizes[bucket], self.drop_remainder)
        shapes = self.padded_shapes
        if self.pad_to_boundary:
            shapes = self._up_to_boundary(bucket, group.element_spec)
        return group.padded_batch(self.sizes[bucket], shapes, self.padding_values, self.drop_remainder)

    def _up_to_boundary(self, bucket: int, spec: Any) -> Any:
        if bucket == len(self.boundaries):
            raise ValueError(
                "When pad_to_bucket_boundary=True, elements must be shorter than the last boundary, "
                f"{self.boundaries[-1]}."
            )
        return filled_shapes(spec, open_shapes(spec, self.padded_shapes), self.boundaries[bucket] - 1)

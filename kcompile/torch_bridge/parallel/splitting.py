"""A batch in shards."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor


def ranges(samples: int, parts: int) -> list[tuple[int, int]]:
    """(start, stop) of each shard: sizes differ by at most one; the last ones may be empty."""
    size, more = divmod(samples, parts)
    stops = [(i + 1) * size + min(i + 1, more) for i in range(parts)]
    return list(zip([0, *stops[:-1]], stops, strict=True))


def shard(tensors: Sequence[Tensor], samples: int, parts: int, index: int) -> tuple[float, list[Tensor]]:
    """A shard's share of the samples, and its rows; where there are none, the first row with the share 0.

    Raises:
        ValueError: if there is no sample at all.
    """
    if not samples:
        raise ValueError("A batch without samples cannot be trained on.")
    start, stop = ranges(samples, parts)[index]
    if start == stop:
        return 0.0, [x[:1] for x in tensors]
    return (stop - start) / samples, [x[start:stop] for x in tensors]

"""The topic `trained` measures what it says, on a network that has hardly learnt."""

from __future__ import annotations

from benchmarks import trained_smaller


def test_each_way_to_a_smaller_file_gives_its_rows():
    rows = list(trained_smaller.rows(seeds=1, epochs=1))
    found = {row.what: row for row in rows}
    assert len(found) == len(rows) == 7 * 3
    for name in ("8 bits, trained, ranges moving", "8 bits, trained, ranges learned"):
        assert found[f"{name}: points lost"].target == trained_smaller.MOST_LOST
        assert found[f"{name}: after gzip"].ratio < 0.8
    for name in ("75% zeros", "16 values", "75% zeros, 8 bits"):
        assert found[f"{name}: after gzip"].ratio < 0.7
    assert found["a step for 8 bits [batch 64]"].ours > 0

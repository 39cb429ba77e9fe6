"""A function of each member of lists and dicts."""

from __future__ import annotations

import pytest

from kcompile.keras.utils.nested import each


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ([1, [2], {"a": 3}], ["1", "[2]", "{'a': 3}"]),
        ({"a": 1, "b": [2]}, {"a": "1", "b": "[2]"}),
        ([], []),
        ((1, 2), (1, 2)),
        ("text", "text"),
        (None, None),
    ],
)
def test_members_of_lists_and_dicts_alone_are_gone_through(value, expected):
    assert each(value, str) == expected

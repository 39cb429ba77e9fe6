"""Names are given once each, with the lowest free number behind those that come again."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcompile.ir import Names
from kcompile.ir.identifiers import Identifiers


@pytest.mark.parametrize(
    ("taken", "wanted", "given"),
    [
        ([], ["w", "w", "w"], ["w", "w_1", "w_2"]),
        (["w"], ["w", "w"], ["w_1", "w_2"]),
        ([], ["w_1", "w", "w", "w"], ["w_1", "w", "w_2", "w_3"]),
        (["w_1", "w_2"], ["w", "w"], ["w", "w_3"]),
        ([], ["w", "w", "w_1", "w_1"], ["w", "w_1", "w_1_1", "w_1_2"]),
        ([], ["", ""], ["", "_1"]),
    ],
)
def test_a_name_that_is_taken_gets_the_lowest_free_number(taken, wanted, given):
    names = Names(taken)
    assert [names.unique(name) for name in wanted] == given


def test_the_separator_lies_between_name_and_number():
    names = Names(["Net"], separator="")
    assert [names.unique("Net"), names.unique("Net")] == ["Net1", "Net2"]


def test_a_name_kept_from_being_given_is_in_it_and_is_not_given():
    names = Names()
    assert "w" not in names
    names.take("w")
    names.take("w_1")
    assert "w" in names
    assert names.unique("w") == "w_2"


_TEXTS = st.lists(st.sampled_from(["w", "w_1", "w_2", "w_1_1", "b", "b_1"]), max_size=30)


@given(_TEXTS, _TEXTS)
def test_remembering_numbers_gives_what_counting_from_one_gives(taken, wanted):
    names, seen = Names(taken), set(taken)
    for name in wanted:
        expected, number = name, 1
        while expected in seen:
            expected, number = f"{name}_{number}", number + 1
        seen.add(expected)
        assert names.unique(name) == expected


def test_names_given_by_a_copy_of_identifiers_stay_free_in_the_first():
    names = Identifiers(["x"])
    assert names.free("x") == "x_1"
    copied = names.copy()
    assert (copied.free("x"), copied.free("y/z")) == ("x_2", "y_z")
    assert (names.free("x"), names.free("y z")) == ("x_2", "y_z")


def test_fifty_thousand_of_one_name_take_no_square_of_time():
    names = Names()
    begin = time.perf_counter()
    assert [names.unique("w") for _ in range(50_000)][-1] == "w_49999"
    assert time.perf_counter() - begin < 5  # counting from one each time takes minutes

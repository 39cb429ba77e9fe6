"""Fragments of a class: committed whole, or dropped without a trace."""

from __future__ import annotations

import pytest

from kcompile.convert import ConversionError, module_source
from kcompile.convert.fragments import Fragment
from kcompile.ir.identifiers import Identifiers
from kcompile.keras import layers as L
from kcompile.keras.models import Model, Sequential


def fragment() -> Fragment:
    return Fragment(Identifiers(set()), ["state"])


def test_what_is_dropped_leaves_no_trace() -> None:
    body = fragment()
    body.let("x + 1", "y")
    part = body.begin()
    part.let("x + 2", "y")
    part.submodule("dense", "nn.Linear(1, 2)")
    part.state("kept", (2, 3))
    assert body.lines == ["y = x + 1"]
    assert not body.constructors
    assert not body.states
    assert body.free("y") == "y_1"


def test_what_is_committed_stands_behind_what_there_was() -> None:
    body = fragment()
    body.let("x + 1", "y")
    part = body.begin()
    assert part.let("x + 2", "y") == "y_1"
    assert part.submodule("dense", "nn.Linear(1, 2)") == "self.dense"
    assert part.state("state", (2, 3)) == "self.state_"
    body.commit(part)
    assert body.lines == ["y = x + 1", "y_1 = x + 2"]
    assert body.constructors == {"dense": "nn.Linear(1, 2)"}
    assert body.states == {"state_": "torch.zeros(2, 3)"}
    assert body.free("y") == "y_2"


def test_calls_that_need_different_modules_are_refused() -> None:
    body = fragment()
    body.submodule("dense", "nn.Linear(1, 2)")
    with pytest.raises(ConversionError, match="'dense' is called on inputs that need different modules"):
        body.submodule("dense", "nn.Linear(3, 2)")


@pytest.mark.parametrize("masked", [False, True])
def test_a_file_has_no_class_of_a_template_that_failed_behind_it(masked: bool) -> None:
    """The class of the model inside is written before it turns out that it reads a mask."""
    inner = Sequential([L.LSTM(3, input_shape=(4, 2))], name="inner")
    x = L.Input((5, 4, 2))
    value = L.Masking()(x) if masked else x
    source = module_source(Model(x, L.TimeDistributed(inner)(value), name="outer"))
    assert ("class Inner" in source) is not masked
    assert ("class TimeDistributed" in source) is masked


def test_a_layer_that_is_given_one_tensor_twice_turns_it_once() -> None:
    x = L.Input((6, 5, 3))
    image = L.Conv2D(4, 3)(x)
    source = module_source(Model(x, L.Dot((3, 3))([image, image])))
    assert source.count(".permute(0, 2, 3, 1)") == 1

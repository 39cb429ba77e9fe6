"""Text as tensors."""

from __future__ import annotations

import numpy as np
import pytest

from kcompile.ir import OperatorError, StringTensor, Value, op


def test_text_becomes_bytes_of_the_shape_of_the_list() -> None:
    tensor = StringTensor([["a", b"b"], ["\u00fc", ""]])
    assert tensor.shape == (2, 2) and isinstance(tensor, Value)
    assert tensor.numpy().tolist() == [[b"a", b"b"], [b"\xc3\xbc", b""]]
    assert StringTensor("name").numpy() == b"name" and StringTensor("name").shape == ()


@pytest.mark.parametrize(
    "given",
    [np.array(["a", "bc"]), np.array([b"a", b"bc"]), np.array(["a", b"bc"], object), ["a", "bc"]],
    ids=["unicode", "bytes", "objects", "list"],
)
def test_every_kind_of_array_of_text_is_taken(given: object) -> None:
    assert StringTensor(given).numpy().tolist() == [b"a", b"bc"]


def test_comparing_joining_and_indexing_go_element_by_element() -> None:
    parts = StringTensor(["cats", "dogs"])
    assert (parts == "dogs").tolist() == [False, True]
    assert (parts[0] != ["cats", "dogs"]).tolist() == [False, True]
    assert ("a/" + parts + b".png").numpy().tolist() == [b"a/cats.png", b"a/dogs.png"]
    assert [part.numpy() for part in parts] == [b"cats", b"dogs"] and parts[-1].numpy() == b"dogs"
    assert parts != 3 and len({parts, parts}) == 1


def test_what_is_no_text_is_refused() -> None:
    with pytest.raises(TypeError, match="Expected text or bytes, found 3"):
        StringTensor(["a", 3])
    with pytest.raises(TypeError, match="no len"):
        len(StringTensor("a"))


def test_operators_of_numbers_say_that_there_is_no_text_in_pytorch() -> None:
    pytest.importorskip("torch")
    from kcompile.torch_bridge.eager import TorchInterpreter

    text = StringTensor(["a"], TorchInterpreter())
    assert (text == "a").numpy().tolist() == [True]
    with pytest.raises(OperatorError, match="no element type 'string'"):
        op.Identity(text)

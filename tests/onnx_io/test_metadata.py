"""Metadata entries and their versions."""

from __future__ import annotations

import onnx
import pytest

from kcompile.onnx_io import ExportError, FormatError, get_metadata, set_metadata


def test_entries_are_replaced_by_key_and_the_others_stay():
    model = onnx.ModelProto()
    set_metadata(model, {"a": "1", "b": "2"})
    set_metadata(model, {"b": "3"})
    assert get_metadata(model) == {"a": "1", "b": "3"}
    assert len(model.metadata_props) == 2


def test_only_strings():
    with pytest.raises(ExportError, match="'a' is None"):
        set_metadata(onnx.ModelProto(), {"a": None})


def test_a_newer_format_names_both_versions():
    model = onnx.ModelProto()
    set_metadata(model, {"kcompile.format": "7", "kcompile.version": "9.1"})
    with pytest.raises(FormatError, match=r"format 7 \(written by kcompile 9.1\).*up to 1"):
        get_metadata(model)


@pytest.mark.parametrize("text", ["", "one", "-1", "1.5", "x" * 10_000])
def test_a_format_that_is_no_number(text):
    model = onnx.ModelProto()
    set_metadata(model, {"kcompile.format": text})
    with pytest.raises(FormatError, match="should be a number") as caught:
        get_metadata(model)
    assert len(str(caught.value)) < 200

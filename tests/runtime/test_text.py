"""What a terminal would obey is written out: in names, messages, descriptions."""

from __future__ import annotations

import unicodedata

import pytest
from onnx import helper

from kcompile.ir.text import shown
from kcompile_runtime import Executor, InputError, TensorInfo
from kcompile_runtime.__main__ import main
from kcompile_runtime.text import harmless
from tests.runtime.models import FLOAT, build

OBEYED = ["\x1b[2J", "\x1b]8;;http://evil\x1b\\", "\x07", "\x9b1m", "\r", "\x08"]
OBEYED += ["\u202e", "\u2066", "\u200b", "\ud800"]
HOSTILE = "a\x1b[2J\u202e"


@pytest.mark.parametrize("text", OBEYED)
def test_nothing_that_a_terminal_obeys_is_left(text):
    for function in (harmless, shown):
        found = function(f"a{text}b", lines=True)
        assert found.isprintable() and found[0] + found[-1] == "ab"
        assert ascii(text[0])[1:-1] in found


@pytest.mark.parametrize("text", ["", "dense_1/kernel:0", "größe", "层\u3000名", "a\xa0b", "\\x1b", "👩"])
def test_text_of_any_language_stays(text):
    assert harmless(text) == shown(text) == text


def test_lines_stay_in_messages_and_not_in_names():
    assert harmless("a\n\tb", lines=True) == shown("a\n\tb", lines=True) == "a\n\tb"
    assert harmless("a\nb") == shown("a\nb") == "a\\nb"
    assert harmless(InputError("x")) == "x"


def test_the_two_floors_say_the_same_of_every_character():
    every = "".join(map(chr, range(0x3000))) + "\ud800\ue000\ufeff\U000e0001"
    assert harmless(every) == shown(every)
    assert not {unicodedata.category(c) for c in harmless(every)} & {"Cc", "Cf", "Cs", "Zl", "Zp"}


def test_description_errors_and_the_command_show_names_of_a_file_harmlessly(tmp_path, capsys):
    path = tmp_path / "m.onnx"
    node = helper.make_node("Relu", [HOSTILE], [f"{HOSTILE}y"])
    ends = [(HOSTILE, FLOAT, ["N", 2])], [(f"{HOSTILE}y", FLOAT, ["N", 2])]
    path.write_bytes(build([node], *ends, metadata={HOSTILE: HOSTILE}))
    model = Executor(path)
    assert model.inputs[0].name == HOSTILE
    assert str(TensorInfo(HOSTILE, "float32", (HOSTILE, 2))).isprintable()
    with pytest.raises(InputError) as error:
        model.predict({"other": [[1.0]]})
    assert str(error.value).replace("\n", "").isprintable()
    assert main([str(path)]) == 0
    shown_text = capsys.readouterr().out
    assert "\\x1b[2J" in shown_text and shown_text.replace("\n", "").isprintable()
    path.write_bytes(b"no model")
    assert main([str(path)]) == 1

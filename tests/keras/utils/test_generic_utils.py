"""Custom objects, deserialisation by name, function dumps, list helpers and the progress bar."""

from __future__ import annotations

import marshal
import os
import re
import sys

import numpy as np
import pytest

from kcompile.keras.utils import generic_utils as utils
from kcompile.keras.utils import progbar


class Scale:
    def __init__(self, factor=1):
        self.factor = factor

    def get_config(self):
        return {"factor": self.factor}


class FromConfig(Scale):
    @classmethod
    def from_config(cls, config, custom_objects=None):
        made = cls(**config)
        made.custom_objects = custom_objects
        return made


def halve(x):
    return x / 2


BUILT_IN = {"Scale": Scale, "FromConfig": FromConfig, "halve": halve}


def test_scope_makes_objects_known_and_undoes_every_change():
    before = dict(utils.get_custom_objects())
    utils.get_custom_objects()["kept"] = 1
    try:
        with utils.custom_object_scope({"Mine": Scale}, {"other": halve}):
            utils.get_custom_objects()["inside"] = 2
            assert utils.deserialize_keras_object("Mine") is Scale
        assert utils.get_custom_objects() == {**before, "kept": 1}
    finally:
        del utils.get_custom_objects()["kept"]


def test_serialize_and_deserialize_return_an_equal_object():
    config = utils.serialize_keras_object(Scale(3))
    assert config == {"class_name": "Scale", "config": {"factor": 3}}
    assert utils.deserialize_keras_object(config, BUILT_IN).factor == 3
    assert utils.serialize_keras_object(halve) == "halve"
    assert utils.deserialize_keras_object("halve", BUILT_IN) is halve
    assert utils.serialize_keras_object(None) is None
    assert utils.deserialize_keras_object(None) is None


def test_custom_objects_win_over_built_in_ones_and_reach_from_config():
    config = {"class_name": "FromConfig", "config": {"factor": 2}}
    own = {"FromConfig": type("FromConfig", (FromConfig,), {})}
    with utils.custom_object_scope({"deeper": halve}):
        made = utils.deserialize_keras_object(config, BUILT_IN, custom_objects=own)
    assert type(made) is own["FromConfig"]
    assert made.custom_objects == {**utils.get_custom_objects(), "deeper": halve, **own}


def test_registered_class_is_written_and_found_by_its_package_name():
    try:
        cls = utils.register_keras_serializable(package="mine")(type("Twice", (Scale,), {}))
        config = utils.serialize_keras_object(cls(4))
        assert config["class_name"] == "mine>Twice"
        assert isinstance(utils.deserialize_keras_object(config), cls)
        assert isinstance(
            utils.deserialize_keras_object(
                {"module": "m", "class_name": "Twice", "config": {}, "registered_name": "mine>Twice"}
            ),
            cls,
        )
    finally:
        del utils.get_custom_objects()["mine>Twice"]


def test_keras_3_config_of_a_function_and_of_a_class_is_understood():
    function = {
        "module": "builtins",
        "class_name": "function",
        "config": "halve",
        "registered_name": "function",
    }
    assert utils.deserialize_keras_object(function, BUILT_IN) is halve
    made = {"module": "keras", "class_name": "Scale", "config": {"factor": 5}, "registered_name": None}
    assert utils.deserialize_keras_object(made, BUILT_IN).factor == 5


@pytest.mark.parametrize(
    ("identifier", "expected"),
    [
        ("Scal", "Unknown layer: 'Scal'. Did you mean 'Scale'?"),
        ("from_config", "Did you mean 'FromConfig'?"),
        ({"class_name": "Zzz", "config": {}}, "custom_objects={'Zzz': ...}"),
        ({"class_name": "Scale"}, "expected the keys 'class_name' and 'config', found ['class_name']"),
        ({"class_name": 3, "config": {}}, "class_name must be a string"),
        (12, "expected a name or a dict"),
    ],
)
def test_unknown_or_malformed_identifier_is_an_error_that_helps(identifier, expected):
    with pytest.raises(ValueError) as error:
        utils.deserialize_keras_object(identifier, BUILT_IN, printable_module_name="layer")
    assert expected in str(error.value)


GADGETS = {
    "np": np,
    "get": lambda identifier: identifier,
    "deserialize": lambda config: config,
    "deserialize_keras_object": utils.deserialize_keras_object,
    "func_load": utils.func_load,
    "CustomObjectScope": utils.CustomObjectScope,
    "eval": eval,
    "_private": halve,
    "BATCH": 32,
}


@pytest.mark.parametrize("name", sorted(GADGETS))
def test_a_config_cannot_name_the_machinery_of_a_module(name):
    with pytest.raises(ValueError, match="Unknown"):
        utils.deserialize_keras_object({"class_name": name, "config": {}}, GADGETS)


def test_function_survives_dump_and_load_only_outside_safe_mode():
    offset = 10

    def add(x, y=2):
        return np.abs(x) + y + offset

    dumped = utils.func_dump(add)
    assert dumped[1:] == ((2,), (10,))
    with pytest.raises(ValueError, match="safe_mode=False"):
        utils.func_load(dumped)
    assert utils.func_load(dumped, safe_mode=False)(-1) == 13
    with utils.SafeModeScope(False):
        assert not utils.in_safe_mode()
        assert utils.func_load(dumped[0], [5], (1,), {"np": np})(-1) == 7
        with utils.SafeModeScope(True), pytest.raises(ValueError, match="Refused"):
            utils.func_load(dumped)
    assert utils.in_safe_mode()


@pytest.mark.parametrize(
    "code",
    ["", "AAAA", "not base64 !", "4w==", utils.base64.encodebytes(marshal.dumps([1, 2])).decode()],
)
def test_damaged_bytecode_is_a_value_error(code):
    with pytest.raises(ValueError):
        utils.func_load(code, safe_mode=False)


def test_dump_refuses_what_has_no_bytecode_and_load_counts_closure_values():
    with pytest.raises(ValueError, match="Python function"):
        utils.func_dump(len)
    code = utils.func_dump(lambda: unused)[0]  # noqa: F821
    with pytest.raises(ValueError, match="closure values"):
        utils.func_load(code, closure=(1,), safe_mode=False)


def test_has_arg_knows_keywords_and_counts_kwargs_only_when_asked():
    def function(a, *, b=1, **rest):
        pass

    assert utils.has_arg(function, "a") and utils.has_arg(function, "b")
    assert not utils.has_arg(function, "c")
    assert utils.has_arg(function, "c", accept_all=True)
    assert not utils.has_arg(lambda x: x, "c", accept_all=True)
    assert utils.getargspec(lambda x, *y, z=1, **w: 0) == (["x"], "y", "w", None)


def test_list_helpers():
    assert utils.to_list((1, 2)) == [(1, 2)]
    assert utils.to_list((1, 2), allow_tuple=True) == [1, 2]
    assert utils.unpack_singleton([5]) == 5
    assert utils.unpack_singleton([5, 6]) == [5, 6]
    assert utils.is_all_none(None) and utils.is_all_none((None, None)) and not utils.is_all_none([None, 1])
    one = object()
    assert utils.object_list_uid(one) == str(id(one))


def test_slice_arrays_takes_ranges_and_indices_and_keeps_none():
    x = np.arange(10)
    assert utils.slice_arrays(None) == [None]
    assert utils.slice_arrays(x, 2, 4).tolist() == [2, 3]
    first, second = utils.slice_arrays([x, None], np.array([3, 1]))
    assert first.tolist() == [3, 1] and second is None


def test_transpose_shape_keeps_the_type_and_refuses_unknown_formats():
    assert utils.transpose_shape((16, 128, 64, 3), "channels_first", (1, 2)) == (16, 3, 128, 64)
    assert utils.transpose_shape([128, 64, 3], "channels_first", (0, 1)) == [3, 128, 64]
    assert utils.transpose_shape((1, 2, 3), "channels_last", (1,)) == (1, 2, 3)
    with pytest.raises(ValueError, match="data_format"):
        utils.transpose_shape((1, 2), "NCHW", (1,))


def test_unexpected_keys_are_named():
    utils.check_for_unexpected_keys("loss", {"a": 1}, ["a", "b"])
    with pytest.raises(ValueError, match=r"loss dictionary: \['c'\]"):
        utils.check_for_unexpected_keys("loss", {"c": 1}, ["a", "b"])


class Clock:
    def __init__(self, monkeypatch):
        self.now = 1000.0
        monkeypatch.setattr(progbar.time, "time", lambda: self.now)


# The expected texts are what Keras 2.3.1 prints for the same calls at the same times.
def test_bar_on_a_file_is_kerass_text(monkeypatch, capsys):
    clock = Clock(monkeypatch)
    bar = utils.Progbar(1000)
    clock.now += 0.1
    bar.update(32, [("loss", 0.5432), ("acc", 0.7)])
    clock.now += 2
    bar.add(468, [("loss", 1e-5), ("acc", 0.9)])
    clock.now += 0.01
    bar.update(600, [("loss", 0.1)])  # too soon to draw, but averaged in
    clock.now += 1
    bar.update(1000, [("loss", 0.2), ("acc", 1.0)])
    assert capsys.readouterr().out == (
        "\n  32/1000 [..............................] - ETA: 3s - loss: 0.5432 - acc: 0.7000"
        "\n 500/1000 [==============>...............] - ETA: 2s - loss: 0.0348 - acc: 0.8872"
        "\n1000/1000 [==============================] - 3s 3ms/step - loss: 0.1074 - acc: 0.9373\n"
    )


def test_bar_in_a_notebook_redraws_in_place(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "ipykernel", None)
    clock = Clock(monkeypatch)
    bar = utils.Progbar(2, width=10)
    clock.now += 4000
    bar.update(1, [("loss", 2.0)])
    clock.now += 1
    bar.update(2)
    first = "1/2 [====>.....] - ETA: 1:06:40 - loss: 2.0000"
    last = "2/2 [==========] - 4001s 2000s/step - loss: 2.0000"
    assert capsys.readouterr().out == "\r" + first + "\b" * len(first) + "\r" + last + "\n"


@pytest.mark.parametrize("target", [3, None])
@pytest.mark.parametrize("columns", [8, 20, 40, 80, 200])
def test_bar_in_a_terminal_stays_on_one_line_of_its_width(monkeypatch, capsys, columns, target):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("TERM", "xterm-256color")
    clock = Clock(monkeypatch)
    bar = utils.Progbar(target)
    for step in (1, 2):
        clock.now += 70
        bar.update(step, [("loss", 2.0), ("[red]val_mean_absolute_error", 0.25)])
    bar.target = 3  # as fit says it at the end of an epoch
    bar.update(3)
    shown = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
    start, *drawn, last = shown.split("\r\x1b[2K")
    assert start == "" and len(drawn) == 2
    assert all(len(line) < columns and "\n" not in line for line in drawn)
    assert drawn[1].startswith("2/3" if target else "2/?")
    assert ("━" in drawn[1]) == (target is not None and columns >= 40)
    assert last.startswith("3/3") and last.endswith(
        " - loss: 2.0000 - [red]val_mean_absolute_error: 0.2500\n"
    )


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(30, "ETA: 30s"), (90, "ETA: 1:30"), (7325, "ETA: 2:02:05")],
)
def test_estimate_is_shown_in_the_largest_fitting_unit(monkeypatch, capsys, seconds, expected):
    clock = Clock(monkeypatch)
    bar = utils.Progbar(2)
    clock.now += seconds
    bar.update(1)
    assert expected in capsys.readouterr().out


def test_verbose_2_prints_one_line_at_the_end_and_verbose_0_nothing(monkeypatch, capsys):
    clock = Clock(monkeypatch)
    quiet, line = utils.Progbar(4, verbose=0), utils.Progbar(4, verbose=2)
    for step in (2, 4):
        clock.now += 3
        quiet.update(step, [("loss", 1.0)])
        line.update(step, [("loss", step)])
    assert capsys.readouterr().out == " - 6s - loss: 3.0000\n"


def test_unknown_target_counts(monkeypatch, capsys):
    clock = Clock(monkeypatch)
    bar = utils.Progbar(None)
    clock.now += 2
    bar.update(4)
    assert capsys.readouterr().out == "\n      4/Unknown - 2s 500ms/step"


def test_stateful_metrics_are_shown_as_given(monkeypatch, capsys):
    clock = Clock(monkeypatch)
    bar = utils.Progbar(2, verbose=2, stateful_metrics=["auc"])
    clock.now += 1
    bar.update(1, [("auc", 0.1)])
    bar.update(2, [("auc", 0.9)])
    assert "auc: 0.9000" in capsys.readouterr().out


def test_due_tells_when_values_are_worth_fetching(monkeypatch, capsys):
    clock = Clock(monkeypatch)
    bar, line = utils.Progbar(100), utils.Progbar(100, verbose=2)
    assert bar.due(1)
    bar.update(1)
    clock.now += 0.01
    assert not bar.due(2)
    assert bar.due(100)
    clock.now += 0.05
    assert bar.due(3)
    assert not line.due(3) and line.due(100)
    assert not utils.Progbar(100, verbose=0).due(100)


@pytest.mark.parametrize("columns", [20, 40, 80, 200])
def test_a_bar_in_a_notebook_is_never_wider_than_it(columns, monkeypatch):
    written = []
    size = os.terminal_size((columns, 24))
    monkeypatch.setattr(progbar.shutil, "get_terminal_size", lambda *args, **kwargs: size)
    monkeypatch.setattr(utils.Progbar, "_write", staticmethod(written.append))
    bar = utils.Progbar(100, interval=0)
    bar._dynamic_display = True
    for i in range(1, 100):
        bar.update(i, [("loss", 0.5), ("a_metric_of_a_long_name", 0.25)])
    lines = [text.rpartition("\r")[2] for text in written]
    assert max(len(line.rstrip()) for line in lines) < columns
    assert columns < 80 or all("[=" in line or "[>" in line or "[." in line for line in lines)
    bar.update(100)
    assert "a_metric_of_a_long_name: 0.2500" in written[-1]

"""docs/tf-keras.md says all that tf.keras has otherwise, and the facts are those of the live program."""

from __future__ import annotations

import importlib
import inspect
import json
import os
import subprocess

import pytest

from kcompile.keras import layers, optimizers, rules
from kcompile.keras.rules import TF_KERAS

from . import differences, differences_page, left_out

#: Arguments in the middle of a signature that came after tf.keras 2.15.
OF_2_21 = {"adaptive_epsilon", "optional"}


def test_the_page_shows_every_difference():
    page = differences_page.PAGE.read_text(encoding="utf-8")
    assert page == differences_page.with_tables(page), (
        "Something has come to tf.keras's dialect, or gone: python -m tests.tf_keras.differences_page"
    )


def test_defaults_of_the_dialect_are_those_of_tf_keras():
    told = {name.rpartition(".")[2]: {} for name in TF_KERAS.defaults}
    for names in differences.calls().values():
        for name in names.keys() & TF_KERAS.defaults.keys():
            told[name] |= names[name] or {}
    found = {name: {a: told[name][a] for a in row} for name, row in TF_KERAS.defaults.items()}
    assert found == TF_KERAS.defaults


def test_what_is_not_here_has_a_reason_and_no_reason_is_idle():
    """Also where the page is not read: a name that goes missing needs one."""
    names = [f"{home}.{name}" for home, names in differences.missing_names().items() for name in names]
    arguments = [(name, a) for name, listed in differences.missing_arguments().items() for a in listed]
    assert sorted(left_out.MODULES) == differences.missing_modules()
    assert sorted(left_out.reasons_of_names()) == sorted(names)
    assert sorted(left_out.reasons_of_arguments()) == sorted(arguments)
    held = {argument for row in differences.arguments_at_default().values() for argument in row}
    assert sorted(left_out.AT_DEFAULT) == sorted(held)


@pytest.mark.parametrize("path", ["layers", "losses", "metrics", "optimizers", "models", "callbacks"])
def test_all_names_but_one_are_here(path):
    assert len(differences.missing_names().get(path, [])) <= 1


@pytest.mark.peers
def test_the_facts_are_those_of_the_live_program():
    script = str(differences.ROOT / "tests/golden/make_tf_keras_signatures.py")
    code = f"import json, runpy\nprint(json.dumps(runpy.run_path({script!r})['facts_of_all']()))"
    command = [os.environ["KCOMPILE_PEERS_PYTHON"], "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout.splitlines()[-1]) == differences.facts()


def test_an_argument_by_its_place_there_and_by_name_is_given_twice():
    with rules.following(rules.TF_KERAS), pytest.raises(TypeError, match="multiple values for epsilon"):
        optimizers.Adam(1e-3, 0.9, 0.98, 1e-9, epsilon=1e-7)
    with rules.following(rules.TF_KERAS):
        assert optimizers.Adam(1e-3, 0.9, 0.98, 1e-9).get_config()["epsilon"] == 1e-9
    assert optimizers.Adam(1e-3, 0.9, 0.98, True, epsilon=1e-9).get_config()["amsgrad"] is True


_HOMES = {"core": ("layers",), "preprocessing": ("preprocessing.text", "preprocessing.image")}


def _place(name, ours):
    """The key of orders, and what positional arguments are called here."""
    function = ours.__init__ if inspect.isclass(ours) else ours
    parameters = list(inspect.signature(function).parameters.values())
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return "", None
    own = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD and p.name != "self"]
    return differences.place_of(ours), own


#: Whose positional arguments come otherwise, and why that is left so.
OTHER_ORDERS = {
    "Model.add_weight Sequential.add_weight layers.Layer.add_weight": (
        "shape and name come first by position, in the order of either version"
    ),
    "Model.call Sequential.call": "the mask comes first, as in Keras 2.3; calls hand both on by name",
    "Model.compile Model.fit Sequential.compile Sequential.fit": "Keras 2.3's places stay what they are",
    "Model.load_weights Sequential.load_weights": "tf.keras had it by_name first until 2.12",
    "Model.save Sequential.save models.save_model saving.save_model": (
        "tf.keras had include_optimizer before save_format until 2.12"
    ),
    "metrics.Metric.add_weight": "initializer and dtype come first, as Keras 3 has them",
    "optimizers.Optimizer.minimize": "that of tf.keras before 2.11 and Keras 2.3's place for the name",
    "optimizers.legacy.Optimizer.apply_gradients": "one class serves both versions",
    "regularizers.l1 regularizers.l2": "the first argument, under the name of Keras 2.3",
    "utils.deserialize_keras_object": "tf.keras had module_objects second until 2.11",
}


def _reordered():
    """Dotted name -> (positional arguments there, here), where these are others."""
    found = {}
    for name, ours, parameters in differences._pairs():
        place, own = _place(name, ours)
        if own is None:
            continue
        legacy = "legacy" in name and inspect.isclass(ours)
        its = rules.TF_KERAS_LEGACY if legacy else rules.TF_KERAS
        order = list(its.orders.get(place, own))
        renamed = its.renamed.get(place, {}) if rules.takes_by_rules(ours) else {}
        there = [renamed.get(p, p) for p in parameters if not p.startswith("*") and p not in OF_2_21]
        if order[: len(there)] != there[: len(order)]:
            found[name] = (there, order)
    return found


def test_recurrent_layers_refuse_time_first():
    with pytest.raises(ValueError, match="time_major=True"):
        layers.LSTM(2, time_major=True)


def test_positional_arguments_come_in_the_order_of_tf_keras():
    allowed = {name for names in OTHER_ORDERS for name in names.split()}
    assert {name: row for name, row in _reordered().items() if name not in allowed} == {}
    assert allowed <= _reordered().keys(), "a reason is idle"


@pytest.mark.parametrize("place", rules.TF_KERAS.orders)
def test_calls_know_that_order(place):
    part, name = place.split(".")
    homes = _HOMES.get(part, (part,))
    modules = [importlib.import_module(f"kcompile.keras.{home}") for home in homes]
    ours = next(getattr(module, name) for module in modules if hasattr(module, name))
    given = [object() for _ in rules.TF_KERAS.orders[place]]
    with rules.following(rules.TF_KERAS):
        seen = rules.named_arguments(place, (), tuple(given))
        assert list(seen) == list(rules.TF_KERAS.orders[place])
        with pytest.raises(TypeError, match="positional"):
            ours(*given, object())

"""The registry: Keras's own is known by identity, and files can name what it names and nothing else."""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
import json
import pkgutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from kcompile import keras
from kcompile.keras import backend as K
from kcompile.keras import layers, losses, metrics, optimizers, registry
from kcompile.keras.core.called_on_numbers import in_type_of
from kcompile.keras.layers import Dense, Input
from kcompile.keras.models import Model, Sequential, load_model
from kcompile.keras.utils.generic_utils import deserialize_keras_object

FOLDER = Path(keras.__file__).parent
MODULES = [m.name for m in pkgutil.walk_packages(keras.__path__, "kcompile.keras.")]
#: Packages and modules whose public classes programs meet.
API = ("layers", "models", "losses", "metrics", "optimizers", "optimizers.schedules", "callbacks", "utils",
       "initializers", "regularizers", "constraints", "preprocessing.image", "preprocessing.text",
       "preprocessing.sequence", "wrappers.scikit_learn")  # fmt: skip
KINDS = {
    "layer": layers.deserialize,
    "loss": losses.deserialize,
    "metric": metrics.deserialize,
    "optimizer": optimizers.deserialize,
    "schedule": optimizers.schedules.deserialize,
    "activation": keras.activations.deserialize,
    "initializer": keras.initializers.deserialize,
    "regularizer": keras.regularizers.deserialize,
    "constraint": keras.constraints.deserialize,
}


def lying(base, name=None, **members):
    """A subclass that says of itself to be the built-in class."""
    return type(name or base.__name__, (base,), {"__module__": base.__module__, **members})


@functools.cache
def calls(part):
    """(file, call) of every call in the source of Keras, of the files that have a part of a name in them."""
    texts = {path: path.read_text(encoding="utf-8") for path in FOLDER.rglob("*.py")}
    trees = {path: ast.parse(text) for path, text in texts.items() if part in text}
    found = [(p, node) for p, tree in trees.items() for node in ast.walk(tree) if isinstance(node, ast.Call)]
    assert found
    return found


# --- what is built in ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("module", MODULES)
def test_classes_with_a_configuration_are_built_in(module):
    found = vars(importlib.import_module(module))
    classes = [c for c in found.values() if inspect.isclass(c) and c.__module__ == module]
    configured = [c for c in classes if hasattr(c, "get_config") or hasattr(c, "from_config")]
    assert [c.__name__ for c in configured if not registry.is_built_in(c)] == [], (
        f"{module} has to end with registry.register(globals())"
    )


@pytest.mark.parametrize("module", API)
def test_public_classes_are_built_in(module):
    found = importlib.import_module(f"kcompile.keras.{module}")
    public = [getattr(found, name) for name in getattr(found, "__all__", dir(found)) if name[0] != "_"]
    ours = [x for x in public if inspect.isclass(x) and x.__module__.startswith("kcompile.keras")]
    ours = [x for x in ours if x.__module__ != "kcompile.keras.declaration"]  # of modules that list no names
    assert ours and [c.__name__ for c in ours if not registry.is_built_in(c)] == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_subclass_is_not_built_in_whatever_it_says_of_itself(kind):
    classes = [c for c in registry.names(kind).values() if inspect.isclass(c)]
    for cls in classes:
        assert registry.is_built_in(cls)
        assert not registry.is_built_in(type("Mine", (cls,), {}))
        assert not registry.is_built_in(lying(cls))


def test_a_class_that_equals_a_built_in_one_is_not_built_in():
    class Equal(type):
        def __eq__(cls, other):
            return True

        def __hash__(cls):
            return hash(Dense)

    assert Equal("Dense", (), {"__module__": Dense.__module__}) == Dense
    assert not registry.is_built_in(Equal("Dense", (), {"__module__": Dense.__module__}))


@pytest.mark.parametrize("obj", [None, "Dense", Dense(1), np, np.ndarray, K, sorted, lambda x: x, [Dense]])
def test_what_is_no_class_or_function_of_keras_is_not_built_in(obj):
    assert not registry.is_built_in(obj)


def test_a_module_registers_what_it_defines_and_not_what_it_imports():
    class Own:
        told = ()

        @classmethod
        def _on_registered(cls):
            Own.told += (cls.__name__,)

    class Further(Own):
        pass

    Own.__module__ = Further.__module__ = "here"
    before = dict(registry._BUILT_IN)
    try:
        registry.register({"__name__": "here", "Own": Own, "Same": Own, "Further": Further, "np": np})
        registry.register({"__name__": "here", "Own": Own, "Model": ast.AST})
        assert registry.is_built_in(Own) and registry.is_built_in(Further)
        assert not registry.is_built_in(ast.AST) and Own.told == ("Own", "Further")
    finally:
        registry._BUILT_IN.clear()
        registry._BUILT_IN.update(before)


# --- what depends on it -------------------------------------------------------------------------------------


def test_a_module_lists_its_own_public_classes_by_all_their_names():
    own = type("Own", (), {"__module__": "here"})
    names = {"Own": own, "Further": own, "_hidden": own, "Dense": Dense, "helper": lambda: 0, "x": 1}
    before = dict(registry._BUILT_IN)
    try:
        namespace = {"__name__": "here", **names}
        registry.register(namespace, listed=True)
        assert namespace["__all__"] == ["Further", "Own"]
    finally:
        registry._BUILT_IN.clear()
        registry._BUILT_IN.update(before)


def test_what_files_name_as_layers_are_layers_or_functions_that_make_one():
    named = registry.names("layer")
    functions = {name for name, found in named.items() if not inspect.isclass(found)}
    merging = set("add average concatenate dot maximum minimum multiply subtract".split())
    assert functions == merging | {"AtrousConvolution1D", "AtrousConvolution2D", "Input"}
    assert all(issubclass(named[name], layers.Layer) for name in named.keys() - functions)


def test_nothing_asks_for_the_module_in_which_a_class_of_keras_lives():
    """Classes of torch may be told so, which saves importing it."""
    asking = [
        f"{path.name}:{node.lineno}"
        for path, node in calls("__module__")
        if getattr(node.func, "attr", "") == "startswith"
        and "__module__" in ast.dump(node.func)
        and not ast.unparse(node.args[0]).startswith("'torch.")
    ]
    assert asking == []


@pytest.mark.parametrize("name", ["Dense", "Mine"])
def test_a_layer_of_a_user_is_written_as_such(name, tmp_path):
    cls = lying(Dense, name)
    model = Sequential([cls(2, input_shape=(3,))])
    model.save(tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras") as archive:
        entry = json.loads(archive.read("config.json"))["config"]["layers"][1]
    assert entry["registered_name"] == name
    assert type(load_model(tmp_path / "m.keras", custom_objects={name: cls}).layers[0]) is cls


def test_a_model_of_a_user_is_written_as_such(tmp_path):
    x = Input((3,))
    lying(Model)(x, Dense(2)(x)).save(tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras") as archive:
        assert json.loads(archive.read("config.json"))["registered_name"] == "Model"


def test_an_optimizer_of_a_user_is_written_as_such():
    entry = optimizers.layouts.keras_3_config(lying(optimizers.SGD)())
    assert entry["registered_name"] == "SGD"
    assert optimizers.layouts.keras_3_config(optimizers.SGD())["registered_name"] is None


def test_an_optimizer_with_a_rule_of_its_own_is_trained_by_it():
    def get_updates(self, loss, params):
        return []

    assert lying(optimizers.SGD, get_updates=get_updates)().has_own_updates()
    assert lying(optimizers.SGD, _change=None, get_updates=get_updates)().has_own_updates()
    assert lying(optimizers.SGD)()._rule_class() is optimizers.SGD


def test_whole_numbers_reach_a_layer_of_a_user_as_they_are():
    numbers = K.constant(np.ones((2, 3), "int64"), dtype="int64")
    own, users = Dense(2), lying(Dense)(2)
    for layer in (own, users):
        layer.build((2, 3))
    assert in_type_of(own, numbers).dtype == "float32"
    assert in_type_of(users, numbers) is numbers


def test_the_shape_that_a_user_computes_is_asked_for():
    asked = []

    def compute_output_shape(self, shape):
        asked.append(shape)
        return Dense.compute_output_shape(self, shape)

    lying(Dense, compute_output_shape=compute_output_shape)(2)(Input(batch_shape=(4, 3)))
    assert asked == [(4, 3)]


def test_the_result_of_a_users_metric_may_be_a_dict():
    def result(self):
        mean = metrics.Mean.result(self)
        return {"one": mean, "two": mean * 2.0}

    model = Sequential([Dense(1, input_shape=(2,))])
    model.compile("sgd", "mse", metrics=[lying(metrics.MeanSquaredError, result=result)()])
    assert model.metrics_names == ["loss", "one", "two"]


def test_arguments_under_old_names_are_for_built_in_layers_alone():
    with pytest.warns(UserWarning, match="Keras 2 API"):
        assert Dense(output_dim=3).units == 3

    def __init__(self, size, **kwargs):
        Dense.__init__(self, size, **kwargs)

    with pytest.raises(TypeError, match="missing 1 required positional argument: 'size'"):
        lying(Dense, __init__=__init__)(output_dim=3)


# --- names --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_names_stand_for_what_is_built_in(kind):
    found = registry.names(kind)
    assert found and all(registry.is_built_in(x) and registry.is_named(x) for x in found.values())
    with pytest.raises(TypeError):
        found["Popen"] = subprocess.Popen


def test_the_modules_that_give_names_are_those_that_are_asked():
    giving = set()
    for path, node in calls("registry.name"):
        if ast.unparse(node.func) == "registry.name":
            parts = path.relative_to(FOLDER).with_suffix("").parts
            giving.add((node.args[0].value, ".".join(p for p in parts if p != "__init__")))
    assert giving == {(kind, module) for kind, modules in registry._MODULES.items() for module in modules}
    assert registry._MODULES.keys() == KINDS.keys()


def test_what_is_not_built_in_gets_no_name():
    with pytest.raises(ValueError, match="'Popen'.*is named before its module registered it"):
        registry.name("layer", {"Popen": subprocess.Popen})
    assert "Popen" not in registry.names("layer")


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_names_nothing_else_of_the_module(kind):
    """Helpers and imports lie in the same modules; called with arguments of a file they would be gadgets."""
    tables = [vars(importlib.import_module(f"kcompile.keras.{module}")) for module in registry._MODULES[kind]]
    others = {name for table in tables for name in table} - registry.names(kind).keys()
    others |= {"answer_old_names", "following", "said_of", "clone_metric", "get_file", "func_load"}
    if kind == "optimizer":  # found in any case
        others -= {name.lower() for name in registry.names(kind)}
    for name in sorted(others):
        with pytest.raises(ValueError, match="Unknown"):
            KINDS[kind]({"class_name": name, "config": {}})


def test_of_a_users_table_files_name_the_users_objects_and_what_the_registry_names():
    from kcompile.keras.losses import is_categorical_crossentropy
    from kcompile.keras.utils import get_file

    def mine(y_true, y_pred):
        return y_pred

    ours = is_categorical_crossentropy
    table = {"get_file": get_file, "mine": mine, "mse": losses.mse, "ours": ours, "np": np}
    assert deserialize_keras_object("mine", table) is mine
    assert deserialize_keras_object("mse", table) is losses.mse
    for name in ("get_file", "ours", "np"):
        with pytest.raises(ValueError, match=f"Unknown object: '{name}'"):
            deserialize_keras_object(name, table)


def test_an_instance_is_told_by_the_name_of_its_class_or_of_a_base():
    both = layers.Bidirectional(layers.LSTM(2))
    assert registry.is_a(both, "layer", "Bidirectional") and registry.is_a(both, "layer", "RNN", "Wrapper")
    assert registry.is_a(lying(Sequential)(), "layer", "Model")
    assert not registry.is_a(both, "layer", "RNN", "add", "none of ours")
    assert not registry.is_a(None, "layer", "Dense")


def test_only_names_that_are_given_are_asked_for():
    for path, node in calls("registry.is_a"):
        if ast.unparse(node.func) == "registry.is_a":
            kind, *asked = [argument.value for argument in node.args[1:]]
            assert asked and {*asked} <= registry.names(kind).keys(), f"{path}:{node.lineno}"


class Branches(layers.Layer):
    """A layer of a user with attributes of the names that Bidirectional and RNN have."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.forward_layer, self.cell = Dense(2), "no cell"

    def build(self, shapes):
        self.forward_layer.build(shapes[0])
        super().build(shapes)

    def call(self, inputs):
        return self.forward_layer(inputs[0]) + inputs[1]


@pytest.mark.parametrize("ending", ["keras", "h5"])
def test_a_layer_with_attributes_like_those_of_built_in_ones_is_not_taken_for_one(ending, tmp_path):
    a, b = Input((3,)), Input((2,))
    model = Model([a, b], Branches(name="both")([a, b]))
    model.save(tmp_path / f"m.{ending}")
    loaded = load_model(tmp_path / f"m.{ending}", custom_objects={"Branches": Branches})
    x = [np.ones((4, 3), "float32"), np.ones((4, 2), "float32")]
    np.testing.assert_array_equal(loaded.predict(x), model.predict(x))


@pytest.mark.parametrize("name", registry._ELSEWHERE)
def test_objects_of_no_kind_are_where_the_table_says(name):
    found = registry.elsewhere(name)
    assert registry.is_built_in(found) and found.__name__ == name
    assert found.__module__.endswith(f".{registry._ELSEWHERE[name]}")


@pytest.mark.parametrize("name", ["importlib", "_resnet_common", "imagenet_utils", "preprocess_input", ""])
def test_no_other_object_of_no_kind_is_found(name):
    assert registry.elsewhere(name) is None


# --- imports ------------------------------------------------------------------------------------------------


def loaded_after(statement):
    code = f"{statement}\nimport sys\nprint(*(m for m in sys.modules if m.startswith('kcompile.keras')))"
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, capture_output=True, text=True, cwd=FOLDER.parent.parent)
    assert result.returncode == 0, result.stderr
    return {name.removeprefix("kcompile.keras.") for name in result.stdout.split()}


def test_the_registry_alone_imports_nothing_of_keras():
    loaded = loaded_after("from kcompile.keras import registry")
    assert loaded == {"kcompile.keras", "registry", "version"}


def test_a_look_up_imports_what_gives_the_name():
    found = loaded_after("from kcompile.keras import registry\nregistry.names('regularizer')['L2']")
    assert "regularizers" in found and not found & {"engine", "layers", "losses", "optimizers"}
    found = loaded_after("from kcompile.keras import registry\nregistry.elsewhere('LayerScale')")
    assert "applications.convnext" in found and "applications.inception_resnet_v2" not in found


def test_an_object_is_written_and_read_by_the_module_that_names_its_kind():
    found = loaded_after(
        "from kcompile.keras import registry\n"
        "entry = {'class_name': 'LeakyReLU', 'config': {'alpha': 0.5, 'name': 'leaky'}}\n"
        "layer = registry.deserialize('layer', entry)\n"
        "assert registry.is_a(layer, 'layer', 'Layer', 'LeakyReLU')\n"
        "assert registry.serialize('layer', layer)['config']['alpha'] == 0.5"
    )
    assert "layers" in found

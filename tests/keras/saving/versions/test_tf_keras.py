"""TensorFlow's operators as layers, as files of tf.keras 2.0 to 2.3 have them.

What tf_keras 2.21 makes of each is in ``test_functions_of_programs``.
"""

from __future__ import annotations

import copy
import gzip
import json
import random
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from kcompile.keras.layers import Layer
from kcompile.keras.models import load_model, model_from_config, model_from_json
from kcompile.keras.operations.node_defs import read_node_def
from kcompile.keras.operations.rows import ROWS
from kcompile.keras.operations.tensorflow_names import TF_FUNCTIONS
from kcompile.keras.operations.tensorflow_operators import OPERATORS
from tests.golden.functions import tf_cases

FOLDER = Path(__file__).parents[3] / "golden" / "functions"


@cache
def stored(name):
    return json.loads(gzip.decompress((FOLDER / f"{name}.json.gz").read_bytes()))


NODES = stored("tf_node_defs")


@pytest.mark.parametrize(("message", "encoding"), NODES, ids=[message["op"] for message, _ in NODES])
def test_operator_is_the_same_in_both_of_its_forms(message, encoding):
    node = read_node_def(message)
    assert node == read_node_def(encoding) == read_node_def(encoding.encode())
    assert node.op == message["op"] and set(node.attributes) == set(message.get("attr", {}))


def test_lists_that_are_not_packed_and_numbers_below_zero_are_read():
    node = b"\x12\x01A*\x0c\n\x01k\x12\x07\n\x05\x18\x02\x18\x81\x01"
    assert read_node_def(node).attributes == {"k": [2, 129]}
    assert read_node_def({"op": "A", "attr": {"i": {"i": "-1"}}}).attributes == {"i": -1}


@pytest.mark.parametrize("operator", OPERATORS)
def test_row_names_a_function_and_its_parameters(operator):
    call, _, attributes = OPERATORS[operator].partition(";")
    function, *inputs = call.split()
    names = [name.removeprefix("*") for name in inputs]
    names += [part.rpartition("=")[2] for part in attributes.split()]
    parameters = set(ROWS[f"tf.{function}"].operands) if f"tf.{function}" in ROWS else set()
    if function in TF_FUNCTIONS:
        parameters |= {part.split("=")[0] for part in TF_FUNCTIONS[function][1].split()}
    assert parameters and set(names) - {""} <= parameters


def as_in_2_0(config):
    """The configuration in the words of TensorFlow 2.0: no modules, operators encoded, plain lists."""
    encodings = {message["op"]: text for message, text in NODES}
    config = copy.deepcopy(config)
    config["class_name"], config["keras_version"] = "Model", "2.2.4-tf"
    for layer in config["config"]["layers"]:
        layer.pop("module"), layer.pop("registered_name")
        if layer["class_name"] == "TensorFlowOpLayer":
            inner = layer["config"]
            first = next(message for message, _ in NODES if message["op"] == inner["node_def"]["op"])
            if inner["node_def"] == first:
                inner["node_def"] = encodings[first["op"]]
            for index, value in inner["constants"].items():
                inner["constants"][index] = value["config"]["value"] if isinstance(value, dict) else value
    return config


@pytest.mark.parametrize("name", ["attention", "softmax_axis", "getitem_mixed", "math.reduce_std"])
def test_model_in_the_words_of_tensorflow_2_0_gives_the_same(name):
    config = stored("tf_op_layers")[name]
    model, old = model_from_config(config), model_from_config(as_in_2_0(config))
    arrays = [tf_cases.arrays()[key] for key in model.input_names]
    assert np.array_equal(old.predict(arrays), model.predict(arrays))


@pytest.mark.parametrize("ending", ["h5", "keras", "onnx"])
def test_operators_come_back_from_files_written_here(ending, tmp_path):
    model = model_from_config(stored("tf_op_layers")["attention"])
    model.save(tmp_path / f"m.{ending}")
    arrays = [tf_cases.arrays()[key] for key in model.input_names]
    assert np.array_equal(load_model(tmp_path / f"m.{ending}").predict(arrays), model.predict(arrays))


# --- random numbers -----------------------------------------------------------------------------------------


def layer(name, op, inputs, constants=None, **attributes):
    node = {"name": name, "op": op, "input": ["?"] * (len(inputs) + len(constants or {})), "attr": attributes}
    return {
        "class_name": "TensorFlowOpLayer",
        "name": f"tf_op_layer_{name}",
        "config": {"name": name, "trainable": True, "dtype": "float32", "node_def": node,
                   "constants": constants or {}},
        "inbound_nodes": [[[place, 0, 0, {}] for place in inputs]],
    }  # fmt: skip


def network(*layers):
    source = {"class_name": "InputLayer", "name": "x", "inbound_nodes": [],
              "config": {"name": "x", "batch_input_shape": [None, 3], "dtype": "float32"}}  # fmt: skip
    last = layers[-1]["name"]
    config = {"name": "m", "layers": [source, *layers], "input_layers": [["x", 0, 0]],
              "output_layers": [[last, 0, 0]]}  # fmt: skip
    return {"class_name": "Model", "config": config}


@pytest.mark.parametrize(
    ("op", "low", "high"),
    [("RandomStandardNormal", -6.0, 6.0), ("RandomUniform", 0.0, 1.0), ("TruncatedNormal", -2.0, 2.0)],
)
def test_random_numbers_of_a_sampling_layer_are_drawn_anew(op, low, high):
    kind = {"dtype": {"type": "DT_FLOAT"}, "seed": {"i": "0"}, "seed2": {"i": "0"}}
    model = model_from_config(
        network(layer("Shape", "Shape", ["x"]), layer("r", op, ["tf_op_layer_Shape"], **kind))
    )
    x = np.zeros((500, 3), "float32")
    first, second = model.predict(x), model.predict(x)
    assert first.shape == (500, 3) and not np.array_equal(first, second)
    assert low <= first.min() < low / 2 + high / 2 < first.max() <= high and first.std() > 0.2


# --- what is refused ----------------------------------------------------------------------------------------

FLOAT = {"T": {"type": "DT_FLOAT"}}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (layer("r", "ReadFile", ["x"]), "'tf_op_layer_r' of the file is TensorFlow's operator 'ReadFile'"),
        (layer("r", "Reluu", ["x"]), r"'Reluu': which is not read here \(near: Relu"),
        (layer("r", "EagerPyFunc", ["x"]), r"custom_objects=\{'TensorFlowOpLayer': ...\}"),
        (layer("r", "AddV2", ["x"], **FLOAT), "'AddV2': has 1 inputs instead of x, y"),
        (layer("r", "Relu", ["x"], speed={"i": "3"}), "'Relu': has the attribute speed=3, which is not read"),
        (layer("r", "Relu", ["x"], {"a": 1.0}), r"has the constants \['a'\]; numbers were expected"),
        ({**layer("r", "Relu", ["x"]), "inbound_nodes": []}, "'tf_op_layer_r' of the file is called 0 times"),
        ({**layer("r", "Relu", ["x"]), "inbound_nodes": [[1, 2]]}, "is called on what is no tensor"),
        (layer("r", "ResizeBicubic", ["x"], {"1": [2, 2]}), "TensorFlow 1's grid, which is not read"),
        (layer("r", "FusedBatchNormV3", ["x"], {str(i): [1.0] * 3 for i in range(1, 5)}), "by the batch"),
    ],
)  # fmt: skip
def test_operator_that_is_not_read_is_refused_by_name(changed, message):
    with pytest.raises(ValueError, match=message):
        model_from_config(network(changed))


NO_NODES = [
    None, 3, [], "\n\xff", "\x12\x7fA", "*\x02\x0bA", "\x12\x01A" + "\xff" * 20, {"op": "A", "attr": 3},
    {"op": "A", "attr": {"i": {"i": "x"}}}, {"op": "A", "attr": {"f": {"f": 10**400}}},
    {"op": "A", "attr": {"s": {"s": "*"}}},
]  # fmt: skip


@pytest.mark.parametrize("node_def", NO_NODES, ids=range(len(NO_NODES)))
def test_operator_that_cannot_be_read_names_its_layer(node_def):
    changed = layer("r", "Relu", ["x"])
    changed["config"]["node_def"] = node_def
    with pytest.raises(ValueError, match="'tf_op_layer_r' of the file is TensorFlow's operator '.?': "):
        model_from_config(network(changed))


def test_damaged_operators_are_read_or_refused():
    draw = random.Random(7)
    for _, encoding in NODES * 20:
        data = bytearray(encoding.encode())
        for _ in range(draw.randint(1, 4)):
            data[draw.randrange(len(data))] = draw.randrange(256)
        try:
            read_node_def(bytes(data[: draw.randint(1, len(data))]))
        except ValueError as error:
            assert "node_def cannot be read" in str(error)


def test_all_unknown_operators_are_told_at_once():
    with pytest.raises(ValueError, match=r"operator 'A' \(layer 'a'\); operator 'B' \(layer 'b'\)"):
        model_from_config(network(layer("a", "A", ["x"]), layer("b", "B", ["tf_op_layer_a"])))


def test_own_class_takes_the_place_of_operators():
    class Own(Layer):
        def __init__(self, node_def, constants, **kwargs):
            super().__init__(**kwargs)

        def call(self, inputs):
            return inputs * 3.0

    model = model_from_config(network(layer("a", "ReadFile", ["x"])), {"TensorFlowOpLayer": Own})
    assert np.array_equal(model.predict(np.ones((2, 3), "float32")), np.full((2, 3), 3.0))


@pytest.mark.parametrize(
    ("class_name", "config"),
    [
        ("InstanceProperty", {"attr_name": "flat_values"}),
        ("InstanceMethod", {"attr_name": "to_tensor"}),
        ("ClassMethod", {"cls_symbol": "RaggedTensor", "method_name": "from_row_splits"}),
    ],
)
def test_properties_and_methods_of_ragged_tensors_are_refused_by_name(class_name, config):
    entry = {"class_name": class_name, "name": "input.values", "config": {"name": "input.values", **config},
             "inbound_nodes": [["x", 0, 0, {}]]}  # fmt: skip
    name = config.get("attr_name") or config["method_name"]
    with pytest.raises(
        ValueError, match=f"'input.values' of the file asks a ragged or sparse tensor for '{name}'"
    ):
        model_from_config(network(entry))


@pytest.mark.parametrize(
    ("program", "name", "number"),
    [
        ("tf_op_layers", "extract_patches", "100"),
        ("tf", "extract_patches", 100),
        ("tf", "linspace", 10**10),
    ],
)
def test_numbers_that_ask_for_large_constants_are_refused_before_they_are_made(program, name, number):
    text = json.dumps(stored(program)[name])
    large = text.replace('["1", "2", "2", "1"]', f'["1", "{number}", "{number}", "1"]')
    large = large.replace("[1, 2, 2, 1]", f"[1, {number}, {number}, 1]").replace(
        '"num": 4', f'"num": {number}'
    )
    assert large != text
    with pytest.raises(ValueError, match="asks for"):
        model_from_json(large)

"""An axis 0 that does not count samples: states, time-major inputs, tables that are given."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper

from kcompile import keras
from kcompile_runtime import Executor, InputError
from kcompile_runtime.tensors import samples_first

#: inputs, node, arrays given, what comes out
MODELS = {
    "states (layers, batch, units)": (
        {"x": ["b", 5], "h": [2, "b", 5]},
        ("Add", {}),
        [np.ones((300, 5)), np.ones((2, 300, 5))],
        np.full((2, 300, 5), 2),
    ),
    "time-major": ({"x": ["t", "b", 4]}, ("CumSum", {}), [np.ones((500, 2, 4))], None),
    "time-major by its batch's name": (
        {"x": ["frames", "N", 4]},
        ("CumSum", {}),
        [np.ones((500, 2, 4))],
        None,
    ),
    "a table beside": (
        {"x": ["b", 4], "table": ["rows", 4]},
        ("Gemm", {"transB": 1}),
        [np.ones((300, 4)), np.ones((7, 4))],
        np.full((300, 7), 4),
    ),
    "one size for one name": (
        {"x": ["b", "t"], "k": ["b", "t"]},
        ("Mul", {}),
        [np.full((3, 7), 2)] * 2,
        None,
    ),
}


def model_file(path, inputs, node):
    infos = [helper.make_tensor_value_info(name, 1, shape) for name, shape in inputs.items()]
    initializers = []
    names = list(inputs)
    if node[0] == "CumSum":
        initializers.append(onnx.numpy_helper.from_array(np.array(0), "axis"))
        names.append("axis")
    graph = helper.make_graph(
        [helper.make_node(node[0], names, ["y"], **node[1])],
        "g",
        infos,
        [helper.make_tensor_value_info("y", 1, None)],
        initializers,
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("how", ["executor", "run", "keras", "on_batch"])
def test_predictions_on_whole_inputs(name, how, tmp_path):
    inputs, node, arrays, expected = MODELS[name]
    arrays = [array.astype("f4") for array in arrays]
    given = arrays if len(arrays) > 1 else arrays[0]
    path = model_file(tmp_path / "m.onnx", inputs, node)
    if how == "executor":
        found = Executor(path).predict(given)
    elif how == "run":
        found = Executor(path).run(arrays)[0]
    else:
        model = keras.models.load_model(path)
        found = model.predict(given) if how == "keras" else model.predict_on_batch(given)
    if expected is None:
        expected = np.cumsum(arrays[0], 0) if node[0] == "CumSum" else arrays[0] * arrays[1]
    np.testing.assert_allclose(found, expected)


@pytest.mark.parametrize("name", MODELS)
def test_such_models_are_exported_and_verified(name, tmp_path):
    path = model_file(tmp_path / "m.onnx", *MODELS[name][:2])
    model = keras.models.load_model(path)
    assert model.export(tmp_path / "again.onnx") is True
    assert [list(info.shape) for info in Executor(tmp_path / "again.onnx").inputs] == list(
        MODELS[name][0].values()
    )
    model.save(tmp_path / "again.keras")  # whose configuration has no names of axes, but the graph
    arrays = [array.astype("f4") for array in MODELS[name][2]]
    again = keras.models.load_model(tmp_path / "again.keras")
    np.testing.assert_allclose(again.predict(arrays), model.predict(arrays))


def test_samples_are_still_counted_where_axes_are_named_alike(tmp_path):
    path = model_file(tmp_path / "m.onnx", {"a": ["b", 4], "b": ["b", 4]}, ("Add", {}))
    with pytest.raises(InputError, match="number of samples"):
        Executor(path).predict([np.ones((2, 4), "f4"), np.ones((3, 4), "f4")])


@pytest.mark.parametrize(
    ("shapes", "first"),
    [
        ([("batch", 3)], True),
        ([(None, 3)], True),
        ([("x_dim0", "x_dim1")], True),
        ([("batch", "t", 3)], True),
        ([("t", "batch", 3)], False),
        ([("T", 3)], False),
        ([("L", "N", 3)], False),
        ([("b", 3), (2, "b", 3)], False),
        ([("b", "b")], False),
        ([(2, 3)], True),
        ([], True),
        ([None], True),
    ],
)
def test_names_say_where_samples_lie(shapes, first):
    assert samples_first(shapes) is first

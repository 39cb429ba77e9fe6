"""Executor: prediction in any amount, runs by name, descriptions, threads, weights from arrays."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper

from kcompile_runtime import ExecutionError, Executor, InputError, LiveExecutor, ModelFileError, TensorInfo
from tests.runtime import models


@pytest.fixture(scope="module")
def dense() -> Executor:
    return Executor(models.dense())


@pytest.fixture(scope="module")
def two_inputs() -> Executor:
    return Executor(models.two_inputs())


def samples(count: int, *shape: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, *shape)).astype(np.float32)


# predict


@pytest.mark.parametrize("count", [1, 2, 255, 256, 257, 1000])
def test_predict_gives_a_row_for_each_sample(dense: Executor, count: int) -> None:
    x = samples(count, 4)
    y = dense.predict(x)
    assert y.shape == (count, 3) and y.dtype == np.float32
    np.testing.assert_allclose(y, models.dense_reference(x), rtol=1e-5, atol=1e-6)


@given(count=st.integers(0, 70), batch_size=st.integers(1, 80))
def test_predict_does_not_depend_on_the_batch_size(count: int, batch_size: int) -> None:
    executor = _shared_dense()
    x = samples(count, 4)
    y = executor.predict(x, batch_size=batch_size)
    np.testing.assert_allclose(y, models.dense_reference(x), rtol=1e-5, atol=1e-6)


_SHARED: list[Executor] = []


def _shared_dense() -> Executor:
    if not _SHARED:
        _SHARED.append(Executor(models.dense()))
    return _SHARED[0]


def test_predict_bounds_what_one_run_takes() -> None:
    executor = Executor(models.identity(models.FLOAT, ("batch", 64, 64, 4)))
    sizes = []
    run = executor._run
    executor._run = lambda names, feed, options: sizes.append(len(feed["x"])) or run(names, feed, options)
    x = samples(100, 64, 64, 4)
    np.testing.assert_array_equal(executor.predict(x), x)
    assert max(sizes) == 64 and sum(sizes) == 100


def test_predict_of_several_outputs_is_a_list_in_their_order(two_inputs: Executor) -> None:
    a, b = samples(300, 2), samples(300, 2, seed=2)
    total, difference = two_inputs.predict([a, b])
    np.testing.assert_array_equal(total, a + b)
    np.testing.assert_array_equal(difference, a - b)


def test_predict_takes_inputs_by_name_in_any_order(two_inputs: Executor) -> None:
    a, b = samples(5, 2), samples(5, 2, seed=2)
    np.testing.assert_array_equal(two_inputs.predict({"b": b, "a": a})[1], a - b)


@pytest.mark.parametrize("dtype", ["float64", "float16", "int8", "uint16", "int64", "bool", ">f4"])
def test_numbers_are_cast_to_a_float_input(dense: Executor, dtype: str) -> None:
    x = (np.arange(8).reshape(2, 4) % 2).astype(dtype)
    np.testing.assert_allclose(dense.predict(x), models.dense_reference(x.astype("f4")), rtol=1e-5)


def test_lists_of_numbers_are_an_input(dense: Executor) -> None:
    x = [[1, 2, 3, 4.5], [0, 0, 0, 0]]
    np.testing.assert_allclose(dense.predict(x), models.dense_reference(np.array(x)), rtol=1e-5)


def test_a_list_of_one_array_is_the_list_of_inputs(dense: Executor) -> None:
    x = samples(2, 4)
    np.testing.assert_array_equal(dense.predict([x]), dense.predict(x))


def test_an_array_in_another_memory_order_is_read_by_its_indices(dense: Executor) -> None:
    x = samples(4, 6).T[:, ::1]
    assert not x.flags.c_contiguous
    np.testing.assert_allclose(dense.predict(x), models.dense_reference(x), rtol=1e-5, atol=1e-6)


def test_the_argument_is_left_alone(dense: Executor) -> None:
    x = samples(300, 4)
    before = x.copy()
    dense.predict(x)
    np.testing.assert_array_equal(x, before)


def test_a_vector_is_samples_of_one_feature() -> None:
    executor = Executor(models.identity(models.FLOAT, ("batch", 1)))
    np.testing.assert_array_equal(executor.predict(np.array([1.0, 2.0])), [[1.0], [2.0]])


@pytest.mark.parametrize("shape", [("batch", 3), ("batch", "time", 3), (None, None)])
def test_no_samples_give_no_rows(shape: tuple) -> None:
    executor = Executor(models.identity(models.FLOAT, shape))
    x = np.empty((0, *(3 if size == 3 else 7 for size in shape[1:])))
    y = executor.predict(x)
    assert y.shape == x.shape and y.dtype == np.float32


def test_no_samples_of_a_shape_that_only_running_tells() -> None:
    nodes = [helper.make_node("Concat", ["x", "x"], ["y"], axis=1)]
    model = models.build(
        nodes, [("x", models.FLOAT, ["batch", "time"])], [("y", models.FLOAT, ["batch", "twice"])]
    )
    assert Executor(model).predict(np.empty((0, 5))).shape == (0, 10)


def test_strings_go_in_and_come_out() -> None:
    executor = Executor(models.identity(models.STRING))
    words = np.array([["a", "bb"], ["ccc", "ü"]])
    assert executor.predict(words).tolist() == words.tolist()


# models that fix their number of samples


@pytest.mark.parametrize("count", [1, 3, 4, 5, 8])
def test_a_fixed_number_of_samples_is_filled_and_cut(count: int) -> None:
    executor = Executor(models.dense(batch=4))
    x = samples(count, 4)
    np.testing.assert_allclose(executor.predict(x), models.dense_reference(x), rtol=1e-5, atol=1e-6)


def test_no_samples_for_a_fixed_number() -> None:
    assert Executor(models.dense(batch=4)).predict(np.empty((0, 4))).shape == (0, 3)


def test_another_batch_size_than_the_fixed_one_is_refused() -> None:
    with pytest.raises(InputError, match="takes 4 samples a run, found 2"):
        Executor(models.dense(batch=4)).predict(samples(4, 4), batch_size=2)


def test_an_input_without_samples_is_passed_whole() -> None:
    nodes = [helper.make_node("Mul", ["x", "scale"], ["y"])]
    model = models.build(
        nodes,
        [("x", models.FLOAT, ["batch", 2]), ("scale", models.FLOAT, [2])],
        [("y", models.FLOAT, ["batch", 2])],
    )
    x, scale = samples(10, 2), np.array([2.0, -1.0])
    np.testing.assert_allclose(Executor(model).predict([x, scale], batch_size=3), x * scale, rtol=1e-6)


def test_outputs_without_samples_are_given_whole_by_one_run_and_refused_by_several() -> None:
    executor = Executor(models.scalar_sum())
    assert executor.predict(np.ones((5, 2))) == 10
    with pytest.raises(ExecutionError, match="'total' has no axis for samples"):
        executor.predict(np.ones((5, 2)), batch_size=2)


# run


def test_run_gives_the_outputs_asked_for_in_that_order(two_inputs: Executor) -> None:
    a, b = samples(2, 2), samples(2, 2, seed=2)
    difference, total = two_inputs.run({"a": a, "b": b}, ["difference", "total"])
    np.testing.assert_array_equal(total, a + b)
    np.testing.assert_array_equal(difference, a - b)
    assert len(two_inputs.run([a, b])) == 2
    assert two_inputs.run([a, b], []) == []


def test_run_of_a_model_without_inputs() -> None:
    nodes = [helper.make_node("Constant", [], ["y"], value_floats=[1.0, 2.0])]
    assert Executor(models.build(nodes, [], [("y", models.FLOAT, [2])])).run()[0].tolist() == [1.0, 2.0]


def test_a_failing_operator_is_named() -> None:
    nodes = [helper.make_node("Reshape", ["x", "shape"], ["y"])]
    model = models.build(
        nodes,
        [("x", models.FLOAT, ["batch", 2]), ("shape", models.INT64, [2])],
        [("y", models.FLOAT, ["a", "b"])],
    )
    with pytest.raises(ExecutionError, match="Reshape"):
        Executor(model).run([np.ones((3, 2)), np.array([5, 5])])


# descriptions


def test_inputs_outputs_and_metadata_are_described(tmp_path) -> None:
    path = tmp_path / "dense.onnx"
    path.write_bytes(models.dense(metadata={"author": "me"}))
    executor = Executor(path)
    assert executor.inputs == [TensorInfo("x", "float32", ("batch", 4))]
    assert executor.outputs == [TensorInfo("y", "float32", ("batch", 3))]
    assert executor.metadata == {"author": "me"}
    assert executor.states == []
    assert executor.providers[-1] == "CPUExecutionProvider"
    assert repr(executor).startswith("<Executor (x: float32[batch, 4]) -> (y: float32[batch, 3]) on ")


def test_descriptions_cannot_change_the_executor(dense: Executor) -> None:
    dense.inputs.clear()
    dense.metadata["x"] = "y"
    assert len(dense.inputs) == 1 and "x" not in dense.metadata


# threads


def test_threads_share_an_executor(dense: Executor) -> None:
    inputs = [samples(1 + i * 40, 4, seed=i) for i in range(8)]
    barrier = threading.Barrier(4)

    def work(index: int) -> None:
        if index < 4:
            barrier.wait(timeout=30)
        x = inputs[index % 8]
        for _ in range(10):
            np.testing.assert_allclose(dense.predict(x), models.dense_reference(x), rtol=1e-5, atol=1e-6)

    with ThreadPoolExecutor(4) as pool:
        for future in [pool.submit(work, index) for index in range(16)]:
            future.result(timeout=60)


# weights from arrays


def test_weights_come_from_arrays_without_protobuf() -> None:
    model = models.dense(external="memory")
    executor = Executor.from_model(model, models.weights())
    x = samples(3, 4)
    np.testing.assert_allclose(executor.predict(x), models.dense_reference(x), rtol=1e-5, atol=1e-6)


def test_weights_in_any_memory_order_and_their_owner_may_go() -> None:
    given_weights = models.weights()
    given_weights["dense/kernel"] = np.asfortranarray(given_weights["dense/kernel"])
    executor = Executor.from_model(models.dense(external="memory"), given_weights)
    del given_weights
    x = samples(3, 4)
    np.testing.assert_allclose(executor.predict(x), models.dense_reference(x), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dense/kernel": np.zeros((2, 3), np.float32)}, "dimensions do not match"),
        ({"dense/kernel": np.zeros((4, 3), np.float64)}, "data type does not match"),
        ({"dense/kernel": None}, "weights dense/kernel outside itself"),
        ({"other": np.zeros(3, np.float32)}, "other"),
    ],
)
def test_weights_that_the_model_does_not_declare_so_are_refused(change: dict, message: str) -> None:
    arrays = {name: array for name, array in {**models.weights(), **change}.items() if array is not None}
    with pytest.raises(ModelFileError, match=message):
        Executor.from_model(models.dense(external="memory"), arrays)


def test_live_weights_are_seen_at_the_next_run() -> None:
    arrays = models.weights()
    executor = LiveExecutor(models.dense_live(), arrays)
    assert [info.name for info in executor.inputs] == ["x"]
    x = samples(2, 4)
    np.testing.assert_allclose(executor.predict(x), models.dense_reference(x), rtol=1e-5, atol=1e-6)
    arrays["dense/kernel"][...] = 0
    arrays["dense/bias"][...] = [1, 2, 3]
    np.testing.assert_array_equal(executor.predict(x), [[1, 2, 3], [1, 2, 3]])
    np.testing.assert_array_equal(executor.run({"x": x})[0], [[1, 2, 3], [1, 2, 3]])
    assert executor.predict(np.empty((0, 4))).shape == (0, 3)


def test_a_live_weight_can_be_read_from_another_array() -> None:
    executor = LiveExecutor(models.dense_live(), models.weights())
    executor.bind("dense/kernel", np.zeros((4, 3), np.float32))
    executor.bind("dense/bias", np.ones(3, np.float32))
    np.testing.assert_array_equal(executor.predict(samples(1, 4)), [[1, 1, 1]])
    with pytest.raises(KeyError, match="dense/bias"):
        executor.bind("x", np.zeros((1, 4), np.float32))


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("dense/bias", np.zeros(4, np.float32), r"expected dense/bias: float32\[3\], found float32\[4\]"),
        ("dense/bias", np.zeros(3, np.float64), r"found float64\[3\]"),
        ("dense/gain", np.zeros(3, np.float32), "'dense/gain' is no input"),
    ],
)
def test_live_weights_that_do_not_fit_are_refused(name: str, array: np.ndarray, message: str) -> None:
    with pytest.raises(ModelFileError, match=message):
        LiveExecutor(models.dense_live(), {**models.weights(), name: array})


def test_external_weights_beside_the_file_are_read(tmp_path) -> None:
    model = onnx.load_from_string(models.dense())
    path = tmp_path / "dense.onnx"
    onnx.save(model, path, save_as_external_data=True, location="dense.data", size_threshold=0)
    x = samples(3, 4)
    np.testing.assert_allclose(Executor(path).predict(x), models.dense_reference(x), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("count", [3, 100])  # one batch; several
def test_an_input_that_is_an_output_lies_in_memory_of_its_own(count: int, dtype: type) -> None:
    """onnxruntime 1.23 gives the memory of what was fed: of an array that was cast, or of the caller's."""
    x, y = (helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["n", 500]) for name in "xy")
    graph = helper.make_graph([helper.make_node("Neg", ["x"], ["y"])], "g", [x], [x, y])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    executor = Executor(model.SerializeToString())
    given = samples(count, 500).astype(dtype)
    for found, _ in (executor.predict(given, batch_size=32), executor.run([given])):
        assert not np.shares_memory(found, given)
        np.testing.assert_array_equal(found, given.astype(np.float32))


# what onnxruntime's optimizers make slower


@pytest.mark.parametrize("providers", [None, ["CPUExecutionProvider"]])
def test_a_sum_before_a_normalization_stays_by_itself_on_the_cpu(
    providers: list[str] | None, tmp_path: Path
) -> None:
    import onnxruntime

    if providers is None and "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("there it has a kernel of its own")
    x = helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["batch", 5, 8])
    y = helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ["batch", 5, 8])
    scale = onnx.numpy_helper.from_array(np.ones(8, np.float32), "scale")
    nodes = [
        helper.make_node("Relu", ["x"], ["z"]),
        helper.make_node("Add", ["x", "z"], ["sum"]),
        helper.make_node("LayerNormalization", ["sum", "scale", "shift"], ["y"]),
    ]
    shift = onnx.numpy_helper.from_array(np.zeros(8, np.float32), "shift")
    graph = helper.make_graph(nodes, "g", [x], [y], [scale, shift])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)

    def run(made: Callable[[Any], object]) -> set[str]:
        options = onnxruntime.SessionOptions()
        options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
        made(options)
        return {node.op_type for node in onnx.load(tmp_path / "optimized.onnx").graph.node}

    text = model.SerializeToString()
    bare = run(
        lambda options: onnxruntime.InferenceSession(text, options, providers=["CPUExecutionProvider"])
    )
    assert "SkipLayerNormalization" in bare
    ours = run(lambda options: Executor(text, providers, session_options=options))
    assert "SkipLayerNormalization" not in ours and "LayerNormalization" in ours

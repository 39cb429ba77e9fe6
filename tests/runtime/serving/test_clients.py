"""The whole protocol by a client of others: tritonclient, over HTTP and gRPC."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kcompile_runtime.session import load_onnxruntime, older
from tests.runtime import models

from .conftest import Running

VALUES = {
    "BOOL": np.array([[True, False], [False, True]]),
    "FP16": np.array([[0.5, -2.0]], np.float16),
    "BF16": np.array([[0.5, -2.0], [np.nan, 2.0**127]], np.float32),
    "FP32": np.array([[0.1, np.nan], [np.inf, -0.0]], np.float32),
    "FP64": np.array([[1e300, -1e-300]]),
    "BYTES": np.array([["", "a"], ["\u00fc\u4e16", "x" * 300]], object),
    **{f"INT{n}": np.array([[-(2 ** (n - 1)), 2 ** (n - 1) - 1]], f"int{n}") for n in (8, 16, 32, 64)},
    **{f"UINT{n}": np.array([[0, 2**n - 1]], f"uint{n}") for n in (8, 16, 32, 64)},
}


@pytest.fixture(scope="module", params=["http", "grpc"])
def door(request: pytest.FixtureRequest, running: Running) -> Any:
    """(the client's module, a client)"""
    pytest.importorskip("tritonclient")
    module = pytest.importorskip(f"tritonclient.{request.param}")
    client = module.InferenceServerClient(running.http if request.param == "http" else running.grpc)
    yield module, client
    client.close()


def tensor(module: Any, name: str, datatype: str, array: np.ndarray, **how: Any) -> Any:
    entry = module.InferInput(name, list(array.shape), datatype)
    entry.set_data_from_numpy(array, **how)
    return entry


@pytest.mark.parametrize("datatype", sorted(VALUES))
def test_every_datatype_comes_back_as_it_went(door: Any, datatype: str) -> None:
    if datatype == "BF16" and older(load_onnxruntime(), 1, 20):
        pytest.skip("onnxruntime before 1.20 takes no bfloat16")
    module, client = door
    x = VALUES[datatype]
    answer = client.infer(f"identity_{datatype}", [tensor(module, "x", datatype, x)]).as_numpy("y")
    if datatype == "BYTES":
        answer = np.array([v.decode() if isinstance(v, bytes) else v for v in answer.ravel()], object)
        answer = answer.reshape(x.shape)
    np.testing.assert_array_equal(answer, x)


@pytest.mark.parametrize("asked", [False, True])
@pytest.mark.parametrize("given", [False, True])
def test_tensors_of_http_travel_as_json_and_as_bytes(running: Running, given: bool, asked: bool) -> None:
    module = pytest.importorskip("tritonclient.http")
    client = module.InferenceServerClient(running.http)
    x = np.arange(8, dtype=np.float32).reshape(2, 4)
    outputs = [module.InferRequestedOutput("y", binary_data=asked)]
    answer = client.infer("dense", [tensor(module, "x", "FP32", x, binary_data=given)], outputs=outputs)
    np.testing.assert_allclose(answer.as_numpy("y"), models.dense_reference(x), rtol=1e-5)


def test_the_outputs_asked_for_are_those_given(door: Any) -> None:
    module, client = door
    a, b = np.ones((3, 2), np.float32), np.full((3, 2), 5, np.float32)
    inputs = [tensor(module, "a", "FP32", a), tensor(module, "b", "FP32", b)]
    wanted = [module.InferRequestedOutput("difference")]
    answer = client.infer("two_inputs", inputs, outputs=wanted, request_id="7")
    np.testing.assert_array_equal(answer.as_numpy("difference"), a - b)
    assert answer.as_numpy("total") is None
    found = answer.get_response()
    assert (found["id"] if isinstance(found, dict) else found.id) == "7"


def test_the_server_is_live_ready_and_says_what_it_is(door: Any) -> None:
    _, client = door
    assert client.is_server_live() and client.is_server_ready()
    assert client.is_model_ready("dense") and client.is_model_ready("dense", "1")
    about = client.get_server_metadata()
    assert (about["name"] if isinstance(about, dict) else about.name) == "kcompile"


def test_metadata_tells_names_types_and_shapes(door: Any) -> None:
    _, client = door
    found = client.get_model_metadata("dense")
    if not isinstance(found, dict):
        found = client.get_model_metadata("dense", as_json=True)
        for entry in found["inputs"] + found["outputs"]:
            entry["shape"] = [int(size) for size in entry["shape"]]
    assert found == {
        "name": "dense",
        "versions": ["1"],
        "platform": "onnx_onnxruntime",
        "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 4]}],
        "outputs": [{"name": "y", "datatype": "FP32", "shape": [-1, 3]}],
    }


def test_statistics_count_requests(door: Any) -> None:
    module, client = door

    def count() -> int:
        found = client.get_inference_statistics("dense")
        if not isinstance(found, dict):
            return found.model_stats[0].inference_stats.success.count
        return found["model_stats"][0]["inference_stats"]["success"]["count"]

    before = count()
    client.infer("dense", [tensor(module, "x", "FP32", np.zeros((2, 4), np.float32))])
    assert count() == before + 1


def test_the_index_lists_models_with_their_states(door: Any) -> None:
    _, client = door
    found = client.get_model_repository_index()
    rows = found if isinstance(found, list) else client.get_model_repository_index(as_json=True)["models"]
    assert {"name": "dense", "version": "1", "state": "READY"}.items() <= rows[1].items()


def test_clients_may_not_load_unless_told(door: Any) -> None:
    from tritonclient.utils import InferenceServerException

    _, client = door
    for change in (client.load_model, client.unload_model):
        with pytest.raises(InferenceServerException, match="--allow-load"):
            change("dense")


@pytest.mark.parametrize("key", [7, "a client"])
def test_states_are_those_of_the_sequence(door: Any, key: Any) -> None:
    module, client = door
    key = f"{key} {module.__name__}" if isinstance(key, str) else key + len(module.__name__)
    one = tensor(module, "x", "FP32", np.ones((1, 2), np.float32))

    def step(sequence: Any, **flags: bool) -> float:
        return client.infer("accumulator", [one], sequence_id=sequence, **flags).as_numpy("y")[0, 0]

    other = f"{key}!" if isinstance(key, str) else key + 1000
    assert step(key, sequence_start=True) == 1
    assert step(other, sequence_start=True) == 1
    assert [step(key), step(key), step(other)] == [2, 3, 2]
    assert step(key, sequence_end=True) == 4
    from tritonclient.utils import InferenceServerException

    with pytest.raises(InferenceServerException, match="sequence_start"):
        step(key)
    assert step(key, sequence_start=True) == 1


WRONG = {
    "name": ("z", "FP32", (1, 4), "unknown z"),
    "datatype": ("x", "FP64", (1, 4), "expected FP32"),
    "rank": ("x", "FP32", (4,), "expected shape"),
    "size": ("x", "FP32", (1, 5), "expected shape"),
}


@pytest.mark.parametrize("case", sorted(WRONG))
def test_what_does_not_fit_is_refused_with_what_was_expected(door: Any, case: str) -> None:
    from tritonclient.utils import InferenceServerException

    module, client = door
    name, datatype, shape, expected = WRONG[case]
    x = np.zeros(shape, {"FP32": np.float32, "FP64": np.float64}[datatype])
    with pytest.raises(InferenceServerException, match=expected):
        client.infer("dense", [tensor(module, name, datatype, x)])


def test_unknown_models_versions_and_outputs_are_named(door: Any) -> None:
    from tritonclient.utils import InferenceServerException

    module, client = door
    x = [tensor(module, "x", "FP32", np.zeros((1, 4), np.float32))]
    with pytest.raises(InferenceServerException, match="no model 'nothing'"):
        client.infer("nothing", x)
    with pytest.raises(InferenceServerException, match="no version '9'"):
        client.infer("dense", x, model_version="9")
    with pytest.raises(InferenceServerException, match="no output 'q'"):
        client.infer("dense", x, outputs=[module.InferRequestedOutput("q")])


def test_the_example_asks_for_labels(running: Running, tmp_path: Path) -> None:
    pytest.importorskip("tritonclient.http")
    x = np.random.default_rng(0).random((12, 4), np.float32)
    np.save(tmp_path / "images.npy", x)
    script = Path(__file__).parents[3] / "examples" / "ask_server.py"
    command = [sys.executable, str(script), str(tmp_path / "images.npy"), "dense", running.http]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60)
    expected = models.dense_reference(x[:10]).argmax(axis=1)
    assert said.stdout.split() == [str(label) for label in expected], said.stderr

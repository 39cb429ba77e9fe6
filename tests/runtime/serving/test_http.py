"""HTTP as it is written: bodies by hand, TF Serving's form, keys, limits, pages."""

from __future__ import annotations

import gzip
import http.client
import json
import re
import shutil
import ssl
import subprocess
import zlib
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest

from kcompile_runtime.serving.protocol.datatypes import DATATYPES, from_bytes
from kcompile_runtime.session import load_onnxruntime, older
from tests.runtime import models

from . import mutations, peers
from .conftest import Running, serving, write

ONE = {"name": "x", "datatype": "FP32", "shape": [1, 4], "data": [1, 2, 3, 4]}
BINARY = {"name": "x", "datatype": "FP32", "shape": [1, 4], "parameters": {"binary_data_size": 16}}


def infer(running: Running, body: Any, model: str = "dense", **headers: str) -> Any:
    return running.ask("POST", f"/v2/models/{model}/infer", body, **headers)


REFUSED = {
    "no JSON": (b"{", "no JSON"),
    "an array": (b"[]", "expected an object"),
    "NaN": (b'{"inputs": [NaN]}', "NaN is no number"),
    "deep nesting": (b'{"inputs": ' + b"[" * 100_000, "nested deeper"),
    "inputs that are no list": ({"inputs": 3}, "expected a list of objects"),
    "no inputs": ({}, "missing x"),
    "a name twice": ({"inputs": [ONE, ONE]}, "comes twice"),
    "no name": ({"inputs": [{**ONE, "name": None}]}, "expected names"),
    "a long name": ({"inputs": [{**ONE, "name": "x" * 1000}]}, "1 to 256 characters"),
    "an unknown datatype": ({"inputs": [{**ONE, "datatype": "FP8"}]}, "expected a datatype of"),
    "a negative size": ({"inputs": [{**ONE, "shape": [-1, 4]}]}, "expected a shape"),
    "a size that is no number": ({"inputs": [{**ONE, "shape": [True, 4]}]}, "expected a shape"),
    "fewer values": ({"inputs": [{**ONE, "data": [1]}]}, "expected 4 values"),
    "ragged values": ({"inputs": [{**ONE, "data": [[1, 2], [3]]}]}, "differing lengths"),
    "texts": ({"inputs": [{**ONE, "data": ["1", "2", "3", "4"]}]}, "expected values of FP32"),
    "another model's input": ({"inputs": [{**ONE, "name": "a"}]}, "unknown a"),
    "bytes that are not there": ({"inputs": [BINARY]}, "binary_data_size"),
    "a timeout that is no number": ({"inputs": [ONE], "parameters": {"timeout": "x"}}, "timeout"),
    "an unknown output": ({"inputs": [ONE], "outputs": [{"name": "q"}]}, "no output 'q'"),
}


@pytest.mark.parametrize("case", sorted(REFUSED))
def test_a_wrong_body_is_refused_and_says_why(running: Running, case: str) -> None:
    body, expected = REFUSED[case]
    answer = infer(running, body)
    assert (answer.status, expected in answer.json["error"]) == (400, True), answer.body


@pytest.mark.parametrize(
    "length, tail", [("9999", b""), ("-1", b""), ("x", b""), (None, b"0" * 15), (None, b"0" * 17)]
)
def test_lengths_of_binary_parts_are_checked(running: Running, length: str | None, tail: bytes) -> None:
    header = json.dumps({"inputs": [BINARY]}).encode()
    said = {"Inference_Header_Content_Length": str(len(header)) if length is None else length}
    answer = infer(running, header + tail, **said)
    assert answer.status == 400
    assert "expected" in answer.json["error"] or "left" in answer.json["error"]


def test_a_header_that_comes_again_goes_with_the_bytes_behind_it(running: Running) -> None:
    header = json.dumps({"inputs": [BINARY], "parameters": {"binary_data_output": True}}).encode()
    said = {"Inference_Header_Content_Length": str(len(header))}
    for seed in range(3):
        x = np.random.default_rng(seed).random((1, 4), np.float32)
        answer = infer(running, header + x.tobytes(), **said)
        length = int(answer.headers["inference-header-content-length"])
        assert json.loads(answer.body[:length])["outputs"][0]["shape"] == [1, 3]
        y = np.frombuffer(answer.body[length:], np.float32)
        np.testing.assert_allclose(y, models.dense_reference(x)[0], rtol=1e-5)
        assert infer(running, header + x.tobytes()[:-1], **said).status == 400
    for model in ("identity_FP32", "nothing", "dense"):
        status = infer(running, header + bytes(16), model, **said).status
        assert status == {"identity_FP32": 400, "nothing": 404, "dense": 200}[model]


def test_large_bodies_and_tensors_are_refused_before_anything_is_allocated(running: Running) -> None:
    assert infer(running, b"x" * ((1 << 20) + 1)).status == 413
    for shape in ([1 << 40, 4], [0, 1 << 62], [1 << 62, 0]):
        huge = {"inputs": [{**ONE, "shape": shape, "data": []}]}
        assert infer(running, huge).status == 413


def test_integers_beyond_their_type_are_refused(running: Running) -> None:
    answer = running.infer("identity_INT8", [[1, 300]], datatype="INT8")
    assert answer.status == 400 and "-128 to 127" in answer.json["error"]


def test_what_is_not_finite_is_null_in_json(running: Running) -> None:
    entry = {"name": "x", "datatype": "FP32", "shape": [1, 2], "parameters": {"binary_data_size": 8}}
    header = json.dumps({"inputs": [entry]}).encode()
    body = header + np.array([np.nan, 1], np.float32).tobytes()
    answer = infer(running, body, "identity_FP32", Inference_Header_Content_Length=str(len(header)))
    assert answer.json["outputs"][0]["data"] == [None, 1.0]


@pytest.mark.parametrize(
    "method, path", [("GET", "/nothing"), ("GET", "/v2/models/dense/infer"), ("GET", "/v2/models/q")]
)
def test_unknown_addresses_are_json_as_well(running: Running, method: str, path: str) -> None:
    answer = running.ask(method, path)
    assert answer.status in (404, 405) and answer.json["error"]


def test_rows_and_columns_of_tf_serving(running: Running) -> None:
    x = np.arange(8.0).reshape(2, 4)
    expected = models.dense_reference(x)
    rows = running.ask("POST", "/v1/models/dense:predict", {"instances": x.tolist()})
    np.testing.assert_allclose(rows.json["predictions"], expected, rtol=1e-5)
    named = running.ask(
        "POST", "/v1/models/dense/versions/1:predict", {"instances": [{"x": r} for r in x.tolist()]}
    )
    assert named.json == rows.json
    columns = running.ask("POST", "/v1/models/dense:predict", {"inputs": {"x": x.tolist()}})
    assert columns.json == {"outputs": rows.json["predictions"]}
    both = {"a": [1, 2], "b": [3, 5]}
    answer = running.ask("POST", "/v1/models/two_inputs:predict", {"instances": [both]})
    assert answer.json == {"predictions": [{"total": [4, 7], "difference": [-2, -3]}]}
    text = {"instances": [[{"b64": "aGk="}, "you"]]}
    assert running.ask("POST", "/v1/models/identity_BYTES:predict", text).json == {
        "predictions": [["hi", "you"]]
    }


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"instances": []},
        {"instances": [[1]]},
        {"instances": [{"q": 1}]},
        {"instances": 3},
        {"inputs": {"x": "a"}},
        {"instances": [[1, 2, 3, [4]]]},
    ],
    ids=str,
)
def test_wrong_bodies_of_tf_serving_are_refused(running: Running, body: Any) -> None:
    assert running.ask("POST", "/v1/models/dense:predict", body).status == 400


def test_tf_serving_tells_versions_and_the_signature(running: Running) -> None:
    status = running.ask("GET", "/v1/models/dense").json["model_version_status"]
    assert [(row["version"], row["state"]) for row in status] == [("1", "AVAILABLE")]
    found = running.ask("GET", "/v1/models/dense/metadata").json["metadata"]["signature_def"]["signature_def"]
    shape = found["serving_default"]["inputs"]["x"]["tensor_shape"]["dim"]
    assert [dim["size"] for dim in shape] == ["-1", "4"]


def test_the_page_and_the_metrics_show_the_models(running: Running) -> None:
    running.infer("dense", np.zeros((1, 4)))
    page = running.ask("GET", "/")
    assert page.headers["content-type"].startswith("text/html") and b"x: float32[batch, 4]" in page.body
    text = running.ask("GET", "/metrics").body.decode()
    assert 'kcompile_requests_total{model="dense",version="1"}' in text
    assert 'kcompile_compute_seconds_bucket{le="+Inf",model="dense",version="1"}' in text
    assert 'kcompile_batch_samples_bucket{le="1",model="dense",version="1"}' in text


def test_a_request_keeps_its_id(running: Running) -> None:
    assert running.ask("GET", "/v2", x_request_id="abc").headers["x-request-id"] == "abc"
    assert len(running.ask("GET", "/v2").headers["x-request-id"]) == 32


def test_a_key_is_asked_for_by_both_protocols(tmp_path: Path) -> None:
    write(tmp_path, "dense", models.dense())
    with serving(tmp_path, keys=["secret"]) as running:
        assert running.ask("GET", "/v2/health/live").status == 200
        assert running.ask("GET", "/v2/models/dense").status == 401
        assert running.ask("GET", "/v2/models/dense", authorization="Bearer secre").status == 401
        assert running.ask("GET", "/v2/models/dense", authorization="Bearer secret").status == 200
        client = pytest.importorskip("tritonclient.grpc").InferenceServerClient(running.grpc)
        with pytest.raises(Exception, match="Bearer KEY"):
            client.get_model_metadata("dense")
        assert client.get_model_metadata("dense", headers={"authorization": "Bearer secret"}).name == "dense"
        client.close()


def test_mutated_requests_are_answered_or_refused_and_never_a_fault(running: Running) -> None:
    rest = mutations.by_rest(running, 1500, seed=0)
    assert rest.keys() <= {200, 400, 404, 413, 504} and rest[400] > 500 < 1500 - rest[200] and rest[200] > 50
    calls = mutations.by_grpc(running, 1000, seed=0)
    assert calls.keys() <= {"OK", "INVALID_ARGUMENT", "NOT_FOUND", "RESOURCE_EXHAUSTED"}, calls
    assert calls["INVALID_ARGUMENT"] > 200 and calls["OK"] > 20


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_compressed_bodies_are_unpacked_to_the_limit(running: Running, coding: str) -> None:
    def pack(content: bytes) -> bytes:
        return gzip.compress(content) if coding == "gzip" else zlib.compress(content)

    body = pack(json.dumps({"inputs": [ONE]}).encode())
    plain = infer(running, {"inputs": [ONE]}).json
    answer = infer(running, body, Content_Encoding=coding, Accept_Encoding=coding)
    assert answer.headers["content-encoding"] == coding
    assert json.loads(zlib.decompress(answer.body, 47)) == plain
    assert infer(running, pack(b" " * (1 << 21)), Content_Encoding=coding).status == 413
    assert infer(running, body[:-3], Content_Encoding=coding).status == 400
    assert infer(running, b"{}", Content_Encoding=coding).status == 400
    assert infer(running, body, Content_Encoding="br").status == 415


@pytest.mark.parametrize(
    "kind", ["INT8", "INT64", "UINT8", "UINT64", "FP16", "BF16", "FP32", "FP64", "BOOL", "BYTES"]
)
def test_every_datatype_goes_through_json(running: Running, kind: str) -> None:
    if kind == "BF16" and older(load_onnxruntime(), 1, 20):
        pytest.skip("onnxruntime before 1.20 takes no bfloat16")
    values = {
        "INT8": [[-128, 127]],
        "INT64": [[-(2**63), 2**63 - 1]],
        "UINT8": [[0, 255]],
        "UINT64": [[0, 2**64 - 1]],
        "BOOL": [[True, False]],
        "BYTES": [["", "\u4e16"]],
    }.get(kind, [[0.5, -2.0]])
    entry = {"name": "x", "datatype": kind, "shape": [1, 2], "data": values}
    answer = infer(running, {"inputs": [entry]}, f"identity_{kind}")
    assert answer.status == 200, answer.body
    assert answer.json["outputs"][0] == {"name": "y", "datatype": kind, "shape": [1, 2], "data": values[0]}


def test_tls_by_files_for_both_protocols(tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    make = "openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=localhost"
    make += " -addext subjectAltName=DNS:localhost"
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*make.split(), *files], check=True, capture_output=True)
    write(tmp_path / "models", "dense", models.dense())
    with serving(tmp_path / "models", certificate=str(certificate), private_key=str(key)) as running:
        context = ssl.create_default_context(cafile=str(certificate))
        port = running.server.http_port
        connection = http.client.HTTPSConnection("localhost", port, context=context, timeout=30)
        connection.request("GET", "/v2/models/dense")
        assert json.loads(connection.getresponse().read())["name"] == "dense"
        connection.close()
        credentials = grpc.ssl_channel_credentials(certificate.read_bytes())
        with grpc.secure_channel(f"localhost:{running.server.grpc_port}", credentials) as channel:
            call = channel.unary_unary("/inference.GRPCInferenceService/ServerReady")
            assert call(b"", timeout=30) == b"\x08\x01"
            infer = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
            for rows in (1, 16000, 3):
                found = peers.outputs(infer(peers.request(rows), timeout=30))
                np.testing.assert_allclose(found, peers.expected(rows), rtol=1e-4, atol=1e-5)


def test_the_page_shows_the_models_in_a_browser(running: Running, tmp_path: Path) -> None:
    browser = shutil.which("chromium")
    if browser is None:
        pytest.skip("chromium is not installed")
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=5000", "--dump-dom"]
    command = [browser, *options, f"--user-data-dir={tmp_path}", f"http://{running.http}/?send"]
    shown = subprocess.run(command, capture_output=True, timeout=120)
    text = shown.stdout.decode()
    assert '<option value="dense"' in text and "x: float32[batch, 4]" in text
    assert re.search(r'<pre id="answer">[^<]*"model_name"', text), text[-500:]


@pytest.mark.parametrize("offset", range(9))
@pytest.mark.parametrize("kind", ["INT16", "FP32", "FP64"])
def test_tensors_are_aligned_wherever_they_lie_in_a_body(kind: str, offset: int) -> None:
    values = np.arange(6).astype(DATATYPES[kind])
    body = memoryview(b"x" * offset + values.tobytes())
    array = from_bytes(body[offset:], kind, (2, 3), "x")
    assert array.flags.aligned
    np.testing.assert_array_equal(array.ravel(), values)

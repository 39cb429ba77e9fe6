"""``kcompile serve --ray`` on a cluster of two nodes, of which one is killed under load."""

from __future__ import annotations

import concurrent.futures
import contextlib
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest

from kcompile import keras
from kcompile.keras import layers
from kcompile_runtime import Executor

pytest.importorskip("starlette", reason="starlette: pip install 'kcompile[serve]'")


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("model") / "m.onnx"
    keras.models.Sequential([layers.Dense(3, input_shape=(4,), name="y")]).export(path, verify=False)
    return path


@pytest.fixture
def serve():
    """Starts the command with the arguments; returns the address."""
    started = []

    def start(*arguments) -> str:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = str(probe.getsockname()[1])
        command = [sys.executable, "-m", "kcompile", "serve", *map(str, arguments), "--ray", "--port", port]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        started.append(process)
        line = next((line for line in process.stdout if line.startswith("http")), "")
        assert line, "it ended before it served"
        threading.Thread(target=process.stdout.read, daemon=True).start()
        return line.split()[0].rstrip(":")

    yield start
    for process in started:
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


#: For certificates that are made here, and known to nobody.
UNVERIFIED = ssl._create_unverified_context()


def post(url: str, body: dict, **headers: str) -> tuple[int, dict]:
    headers["content-type"] = "application/json"
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=60, context=UNVERIFIED) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def test_the_protocol_is_the_servers_and_no_answer_is_lost_when_a_node_is_killed(cluster, model, serve):
    nodes = [cluster.add_worker() for _ in range(2)]
    cluster.wait_for_nodes()
    address = serve(model, "--replicas", "2", "--max-body", 10_000)
    with urllib.request.urlopen(f"{address}/v2/models/m") as response:
        described = json.load(response)
    assert described["inputs"][0]["shape"] == [-1, 4]
    assert post(f"{address}/v2/models/none/infer", {"inputs": []})[0] == 404
    status, answer = post(f"{address}/v2/models/m/infer", {"inputs": [], "much": "x" * 20_000})
    assert status == 413 and "at most 10000 bytes" in answer["error"]
    executor = Executor(model)
    ask_many(address, described["inputs"][0]["name"], executor, lambda: cluster.remove_node(nodes[1], False))
    x = np.ones((2, 4), np.float32)
    status, answer = post(f"{address}/v1/models/m:predict", {"instances": x.tolist()})
    assert status == 200
    np.testing.assert_allclose(answer["predictions"], executor.predict(x), rtol=1e-5)


def replicas() -> set[int]:
    """The processes of replicas of the clusters that this process has started."""
    parents, found = {}, set()
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            if b"ServeReplica:kcompile:Replica" in (folder / "cmdline").read_bytes():
                found.add(int(folder.name))

    def is_ours(process: int) -> bool:
        while process not in (0, os.getpid()):
            process = parents.get(process, 0)
        return process != 0

    return set(filter(is_ours, found))


@pytest.fixture
def certificate(tmp_path) -> Path:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    make = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=localhost -keyout key.pem -out cert.pem"
    )
    subprocess.run(make.split(), cwd=tmp_path, check=True, capture_output=True)
    return tmp_path / "cert.pem"


def test_no_answer_is_lost_when_a_worker_is_killed_behind_keys_and_tls(cluster, model, serve, certificate):
    cluster.add_worker(2)
    cluster.wait_for_nodes()
    keys = certificate.with_name("keys")
    keys.write_text("secret\n")
    files = ["--tls-cert", certificate, "--tls-key", certificate.with_name("key.pem"), "--api-keys", keys]
    address = serve(model, "--replicas", "2", *files)
    assert address.startswith("https://")
    executor, before = Executor(model), replicas()
    assert len(before) == 2
    status, answer = post(f"{address}/v2/models/m/infer", {"inputs": []})
    assert status == 401 and "Bearer KEY" in answer["error"]

    def kill() -> None:
        os.kill(min(before), signal.SIGKILL)

    ask_many(address, executor.inputs[0].name, executor, kill, authorization="Bearer secret")
    end = time.monotonic() + 60
    while len(replicas()) < 2 and time.monotonic() < end:
        time.sleep(0.5)
    assert len(replicas() - before) == 1


def test_there_are_more_replicas_where_requests_ask_for_them(cluster, model, serve):
    cluster.add_worker(2)
    cluster.wait_for_nodes()
    address = serve(model, "--replicas", "1:2", "--max-batch", "1")
    assert len(replicas()) == 1
    tensor = {
        "name": Executor(model).inputs[0].name,
        "datatype": "FP32",
        "shape": [1, 4],
        "data": [1, 2, 3, 4],
    }
    end = time.monotonic() + 120
    with concurrent.futures.ThreadPoolExecutor(8) as pool:

        def ask(_: int) -> int:
            return post(f"{address}/v2/models/m/infer", {"inputs": [tensor]})[0]

        while len(replicas()) < 2 and time.monotonic() < end:
            assert set(pool.map(ask, range(64))) == {200}
    assert len(replicas()) == 2


def ask_many(address, name, executor, kill, **headers) -> None:
    """Asks from several threads for some seconds, in the middle of which a node or a process is killed."""
    rng = np.random.default_rng(0)
    end = time.monotonic() + 12
    killer = threading.Timer(3, kill)

    def ask(x):
        tensor = {"name": name, "datatype": "FP32", "shape": [1, 4], "data": x.ravel().tolist()}
        return x, post(f"{address}/v2/models/m/infer", {"inputs": [tensor]}, **headers)

    killer.start()
    asked = 0
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        while time.monotonic() < end:
            for x, (status, answer) in pool.map(ask, rng.random((16, 1, 4), np.float32)):
                assert status == 200, answer
                np.testing.assert_allclose(
                    answer["outputs"][0]["data"], executor.predict(x).ravel(), rtol=1e-5, atol=1e-6
                )
                asked += 1
    killer.join()
    assert asked > 100


def test_states_live_in_one_replica(cluster, serve, tmp_path):
    stack = [layers.LSTM(3, stateful=True, return_sequences=True, batch_input_shape=(1, None, 2))]
    keras.models.Sequential(stack).export(tmp_path / "m.onnx", verify=False)
    executor = Executor(tmp_path / "m.onnx")
    cluster.add_worker()
    cluster.wait_for_nodes()
    refused = [
        sys.executable,
        "-m",
        "kcompile",
        "serve",
        str(tmp_path / "m.onnx"),
        "--ray",
        "--replicas",
        "2",
    ]
    done = subprocess.run(refused, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2 and "has states, which live in one process: --replicas 1" in done.stderr
    address = serve(tmp_path / "m.onnx")
    for index, x in enumerate(np.random.default_rng(1).random((4, 1, 1, 2), np.float32)):
        tensor = {
            "name": executor.inputs[0].name,
            "datatype": "FP32",
            "shape": [1, 1, 2],
            "data": x.ravel().tolist(),
        }
        parameters = {"sequence_id": 7, "sequence_start": index == 0, "sequence_end": index == 3}
        status, answer = post(f"{address}/v2/models/m/infer", {"inputs": [tensor], "parameters": parameters})
        assert status == 200, answer
        np.testing.assert_allclose(
            answer["outputs"][0]["data"], executor.predict(x).ravel(), rtol=1e-4, atol=1e-6
        )

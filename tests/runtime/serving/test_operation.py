"""Batches, queues, versions, sessions, and the way a server starts and ends."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest

from kcompile_runtime import Executor, InputError
from kcompile_runtime.serving import model
from kcompile_runtime.serving.batching import Batcher, _Patience
from kcompile_runtime.serving.errors import ServingError
from kcompile_runtime.serving.limits import Limits, Settings
from kcompile_runtime.serving.model import Model
from kcompile_runtime.serving.sessions import OVERHEAD, SequenceStep
from tests.runtime import models

from .conftest import serving, write


def batcher(tmp_path: Path, model: bytes = b"", **settings: Any) -> Batcher:
    path = write(tmp_path, "m", model or models.dense())
    chosen = Settings(**{"intra_op_threads": 1, **settings})
    return Batcher(Model("m", "1", str(path), chosen), chosen)


def rows(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).random((count, 4), np.float32)


def test_requests_that_wait_together_are_one_run_and_each_gets_its_rows(tmp_path: Path) -> None:
    async def main() -> None:
        queue = batcher(tmp_path, delay_s=0.05, max_batch=64)
        xs = [rows(1 + n % 3, n) for n in range(20)]
        answers = await asyncio.gather(*(queue.run([x], ["y"]) for x in xs))
        for x, (y,) in zip(xs, answers, strict=True):
            np.testing.assert_allclose(y, models.dense_reference(x), rtol=1e-5)
        assert queue.statistics.runs == 1 and queue.statistics.samples == sum(map(len, xs))
        await queue.close()

    asyncio.run(main())


@pytest.mark.parametrize("others, least, most", [(0, 1, 12), (2, 1, 12), (7, 300, 300)])
def test_quick_runs_wait_only_where_that_brings_others(others: int, least: int, most: int) -> None:
    patience, waits = _Patience(), 0
    for _ in range(300):
        if patience.worth(1):
            waits += 1
            patience.brought(1 + others)
    assert least <= waits <= most
    assert not patience.worth(8)


def test_requests_that_come_one_by_one_meet_in_a_run(tmp_path: Path) -> None:
    async def main() -> None:
        queue = batcher(tmp_path)
        await queue.run([rows(1, 0)], ["y"])

        async def ask(number: int) -> None:
            for _ in range(number % 5):
                await asyncio.sleep(0)
            x = rows(1, number)
            np.testing.assert_allclose((await queue.run([x], ["y"]))[0], models.dense_reference(x), rtol=1e-5)

        await asyncio.gather(*map(ask, range(20)))
        assert queue.statistics.samples == 21 and queue.statistics.runs < 12
        await queue.close()

    asyncio.run(main())


@pytest.mark.parametrize(
    "cores, slow, threads, parallel",
    [
        (3, False, 2, False),
        (3, True, 3, False),
        (2, False, 1, True),
        (2, True, 2, False),
        (1, False, 1, False),
    ],
)
def test_threads_go_by_the_cores_and_by_how_long_runs_take(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cores: int, slow: bool, threads: int, parallel: bool
) -> None:
    monkeypatch.setattr(model, "_SHORT_S", 0.0 if slow else 1e9)
    monkeypatch.setattr(model.os, "sched_getaffinity", lambda process: set(range(cores)), raising=False)
    path = write(tmp_path, "m", models.dense())
    for settings, expected in ((Settings(), (threads, parallel)), (Settings(intra_op_threads=1), (1, False))):
        found = Model("m", "1", str(path), settings)
        options = found.executor.session.get_session_options()
        assert (options.intra_op_num_threads, found.parallel) == expected


@pytest.mark.parametrize("parallel", [False, True])
def test_a_full_run_begins_beside_another_where_a_core_is_left(tmp_path: Path, parallel: bool) -> None:
    async def main() -> None:
        loaded = Model("m", "1", str(write(tmp_path, "m", models.dense())), Settings(intra_op_threads=1))
        loaded.parallel = parallel
        queue = Batcher(loaded, Settings(max_batch=2))
        begun, end, run = threading.Semaphore(0), threading.Event(), loaded.executor.run

        def slow(*arguments: Any) -> Any:
            begun.release()
            assert end.wait(60)
            return run(*arguments)

        loaded.executor.run = slow  # type: ignore[method-assign,assignment]
        xs = [rows(1, n) for n in range(5)]
        tasks = []
        for x in xs:  # one by one: the first runs alone, then a full run of two, and two wait
            tasks.append(asyncio.create_task(queue.run([x], ["y"])))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        for _ in range(1 + parallel):
            assert await asyncio.to_thread(begun.acquire, True, 30)
        assert not begun.acquire(blocking=False) and queue.queued == 2
        end.set()
        for x, (y,) in zip(xs, await asyncio.gather(*tasks), strict=True):
            np.testing.assert_allclose(y, models.dense_reference(x), rtol=1e-5)
        await queue.close()

    asyncio.run(main())


@pytest.mark.parametrize(
    "hands, passed, worth_s",
    [([], 0, 4e-4), ([5e-5] * 50, 0, 4e-4), ([0.02] * 50, 0, 5e-3), ([0.02] * 50, 2000, 4e-4)],
    ids=["nothing known", "a core is free", "others want the cores", "they did, long ago"],
)
def test_runs_go_to_threads_where_they_take_far_longer_than_that(
    tmp_path: Path, hands: list[float], passed: int, worth_s: float
) -> None:
    async def main() -> None:
        queue = batcher(tmp_path)
        for seconds in hands:
            queue._handing.took(seconds)
        for _ in range(passed):
            queue._handing.passed()
        assert queue._handing.worth_s == pytest.approx(worth_s, rel=0.01)
        places: list[int] = []
        run = queue.model.executor.run

        def noted(*arguments: Any) -> Any:
            places.append(threading.get_ident())
            return run(*arguments)

        queue.model.executor.run = noted  # type: ignore[method-assign,assignment]
        shape = (1, ((4,),))
        for taken in (0.9 * worth_s, 1.1 * worth_s):
            queue._taken = {shape: taken}
            await queue.run([rows(1, 0)], ["y"])
        here = threading.get_ident()
        assert [place == here for place in places] == [True, False]
        await queue.close()

    asyncio.run(main())


def test_a_run_has_at_most_so_many_samples(tmp_path: Path) -> None:
    async def main() -> None:
        queue = batcher(tmp_path, delay_s=0.05, max_batch=4)
        await asyncio.gather(*(queue.run([rows(1, n)], ["y"]) for n in range(10)))
        assert max(queue.statistics.batches) == 4 and queue.statistics.runs == 3
        await queue.close()

    asyncio.run(main())


def test_a_model_whose_outputs_have_no_rows_is_not_batched(tmp_path: Path) -> None:
    async def main() -> None:
        queue = batcher(tmp_path, models.scalar_sum(), delay_s=0.05)
        xs = [np.full((1, 2), n, np.float32) for n in range(5)]
        answers = await asyncio.gather(*(queue.run([x], ["total"]) for x in xs))
        assert [float(total) for (total,) in answers] == [0, 2, 4, 6, 8]
        await queue.close()

    asyncio.run(main())


def test_a_full_queue_refuses_and_time_that_is_over_cancels(tmp_path: Path) -> None:
    async def main() -> None:
        queue = batcher(tmp_path, delay_s=0.2, max_batch=100, limits=Limits(queue=2))
        first = [asyncio.create_task(queue.run([rows(1, n)], ["y"])) for n in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(ServingError, match="2 requests wait") as full:
            await queue.run([rows(1, 2)], ["y"])
        assert full.value.status == 429
        await asyncio.gather(*first)
        with pytest.raises(ServingError, match="longer than its 0.01 s") as late:
            await queue.run([rows(1, 3)], ["y"], timeout_s=0.01)
        assert late.value.status == 504
        await queue.close()
        assert queue.statistics.samples == 2
        with pytest.raises(ServingError, match="unloaded"):
            await queue.run([rows(1, 3)], ["y"])

    asyncio.run(main())


def test_a_wait_that_would_be_long_is_refused_with_its_length(tmp_path: Path) -> None:
    async def main() -> None:
        queue = batcher(tmp_path, delay_s=0.3, max_batch=100, limits=Limits(queue_seconds=0.5))
        await queue.run([rows(1, 0)], ["y"])
        queue._sample_s = 0.2  # as runs of a slower model would have it
        waiting = [asyncio.create_task(queue.run([rows(1, n)], ["y"])) for n in range(6)]
        done = await asyncio.gather(*waiting, return_exceptions=True)
        refused = [one for one in done if isinstance(one, ServingError)]
        assert [(one.status, one.retry_after_s) for one in refused] == [(429, 1)] * 3
        await queue.close()

    asyncio.run(main())


def test_a_higher_priority_runs_first(tmp_path: Path) -> None:
    async def main() -> None:
        queue = batcher(tmp_path, max_batch=1)
        order: list[int] = []

        async def ask(priority: int) -> None:
            await queue.run([rows(1, 0)], ["y"], priority=priority)
            order.append(priority)

        await asyncio.gather(*map(ask, (0, 0, 3, 2, 1)))
        assert order == [1, 2, 3, 0, 0]
        await queue.close()

    asyncio.run(main())


def test_sessions_are_forgotten_beyond_their_bytes(tmp_path: Path) -> None:
    path = write(tmp_path, "m", models.accumulator())
    settings = Settings(limits=Limits(session_bytes=3 * (8 + OVERHEAD)), intra_op_threads=1)
    queue = Batcher(Model("m", "1", str(path), settings), settings)
    one = [np.ones((1, 2), np.float32)]
    for key in (1, 2, 3, 4):
        queue.sessions.run(SequenceStep(key, start=True), one, ["y"])
    assert len(queue.sessions) == 3
    with pytest.raises(ServingError, match="no sequence 1"):
        queue.sessions.run(SequenceStep(1), one, ["y"])
    assert queue.sessions.run(SequenceStep(4), one, ["y"])[0][0, 0] == 2
    assert queue.sessions.run(None, one, ["y"])[0][0, 0] == 1


@pytest.mark.parametrize("kind", ["accumulator", "lstm"])
def test_steps_of_different_sequences_are_one_run_and_mix_nothing(tmp_path: Path, kind: str) -> None:
    model, shape = {"accumulator": (models.accumulator(), (2,)), "lstm": (models.lstm()[0], (3, 3))}[kind]
    series = {
        key: np.random.default_rng(key).random((4, 1 + key % 2, *shape), np.float32) for key in range(6)
    }

    async def main() -> None:
        queue = batcher(tmp_path, model, delay_s=0.02, max_batch=64)
        alone = {key: Executor(model) for key in series}
        for step in range(4):
            asked = (
                queue.run([x[step]], ["y"], SequenceStep(key, start=step == 0)) for key, x in series.items()
            )
            for key, (y,) in zip(series, await asyncio.gather(*asked), strict=True):
                np.testing.assert_allclose(y, alone[key].predict(series[key][step]), rtol=1e-5)
        assert queue.statistics.runs == 4
        await queue.close()

    asyncio.run(main())


def test_steps_of_one_sequence_keep_their_order_though_they_wait_together(tmp_path: Path) -> None:
    async def main() -> None:
        queue = batcher(tmp_path, models.accumulator(), delay_s=0.02, max_batch=64)
        one = [np.ones((1, 2), np.float32)]
        steps = [SequenceStep(n % 2 + 1, start=n < 2) for n in range(10)]
        answers = await asyncio.gather(*(queue.run(one, ["y"], step, n % 3) for n, step in enumerate(steps)))
        assert [y[0, 0] for (y,) in answers] == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
        await queue.close()

    asyncio.run(main())


@pytest.mark.parametrize("model", [models.accumulator(), models.lstm()[0]], ids=["accumulator", "lstm"])
def test_a_step_of_other_samples_is_the_fault_of_its_client_alone(tmp_path: Path, model: bytes) -> None:
    shape = (2,) if model == models.accumulator() else (3, 3)

    async def main() -> None:
        queue = batcher(tmp_path, model, delay_s=0.02, max_batch=64)

        def step(key: int, samples: int, start: bool) -> Any:
            return queue.run([np.ones((samples, *shape), np.float32)], ["y"], SequenceStep(key, start))

        await asyncio.gather(step(1, 2, True), step(2, 2, True))
        good, bad = await asyncio.gather(step(1, 2, False), step(2, 3, False), return_exceptions=True)
        assert len(good[0]) == 2
        assert isinstance(bad, InputError) and "2 samples" in str(bad)
        await queue.close()

    asyncio.run(main())


def test_a_new_version_takes_over_and_a_broken_one_changes_nothing(tmp_path: Path) -> None:
    write(tmp_path, "m", models.identity(models.FLOAT))
    with serving(tmp_path, poll_s=0.02) as running:
        x = [[1.0, 2.0]]
        assert running.infer("m", x).json["model_version"] == "1"
        write(tmp_path, "m", b"no model", 2)
        _until(lambda: len(running.server.repository.index()) == 2)
        bad = [row for row in running.server.repository.index() if row["state"] == "UNAVAILABLE"]
        assert bad[0]["version"] == "2" and "ONNX" in bad[0]["reason"]
        assert running.infer("m", x).json["model_version"] == "1"
        write(tmp_path, "m", models.identity(models.FLOAT), 3)
        running.await_version("m", "3")
        assert running.infer("m", x).json["model_version"] == "3"


def test_no_request_is_lost_while_a_file_is_replaced(tmp_path: Path) -> None:
    path = write(tmp_path, "m", models.dense())
    with serving(tmp_path, poll_s=0.01) as running, ThreadPoolExecutor(2) as pool:
        done = False

        def ask() -> set[int]:
            found = set()
            while not done:
                found.add(running.infer("m", np.zeros((1, 4))).status)
            return found

        asking = [pool.submit(ask) for _ in range(2)]
        for _ in range(10):
            old = running.server.repository.batcher("m")
            temporary = path.with_name("new")
            temporary.write_bytes(models.dense())
            os.replace(temporary, path)
            _until(lambda old=old: running.server.repository.batcher("m") is not old)
        done = True
        assert [one.result() for one in asking] == [{200}, {200}]


def test_clients_load_and_unload_where_they_may(tmp_path: Path) -> None:
    write(tmp_path, "m", models.dense())
    with serving(tmp_path, may_load=True) as running:
        assert running.ask("POST", "/v2/repository/models/m/unload").status == 200
        assert running.infer("m", np.zeros((1, 4))).status == 503
        assert running.ask("POST", "/v2/repository/models/m/load").status == 200
        assert running.infer("m", np.zeros((1, 4))).status == 200
        for name in ("q", "..%2Fm", "%2e%2e"):
            assert running.ask("POST", f"/v2/repository/models/{name}/load").status in (400, 404)


def _until(condition: Any) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "kcompile_runtime.serving", *arguments]


@pytest.mark.parametrize("module", ["kcompile_runtime.serving", "kcompile serve"])
def test_the_command_serves_a_file_and_ends_on_sigterm(tmp_path: Path, module: str) -> None:
    path = tmp_path / "digits.onnx"
    path.write_bytes(models.dense())
    arguments = [sys.executable, "-m", *module.split(), str(path), "--port", "0", "--grpc-port", "0"]
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("http://127.0.0.1:") and "digits (1)" in line
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=30)
    finally:
        process.kill()
    assert "Traceback" not in errors and process.returncode == 0


@pytest.mark.parametrize("content, expected", [(None, "there is no model"), (b"no", "ONNX")])
def test_a_file_that_cannot_be_served_ends_the_command(
    tmp_path: Path, content: bytes | None, expected: str
) -> None:
    path = tmp_path / "m.onnx"
    if content:
        path.write_bytes(content)
    arguments = command(str(path), "--port", "0", "--no-grpc")
    ended = subprocess.run(arguments, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 2 and expected in ended.stderr and "Traceback" not in ended.stderr


def test_serving_loads_nothing_of_the_compiler() -> None:
    code = "import sys, kcompile_runtime.serving.server, kcompile_runtime.serving.protocol.grpc_server;"
    code += "print(sorted({'kcompile', 'onnx', 'torch'} & {name.split('.')[0] for name in sys.modules}))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"


@pytest.mark.skipif(os.name == "nt", reason="no open file is replaced there")
def test_a_nan_that_comes_before_a_new_file_is_seen_is_kept_by_the_old_one(tmp_path: Path) -> None:
    helper = pytest.importorskip("onnx.helper")

    def saved(path: Path, op: str) -> Path:
        x, y = (helper.make_tensor_value_info(n, 1, shape) for n, shape in (("x", ["n", 4]), ("y", ["n", 1])))
        graph = helper.make_graph([helper.make_node(op, ["x"], ["y"], axes=[1])], "g", [x], [y])
        opset = [helper.make_opsetid("", 13)]
        made = helper.make_model(graph, opset_imports=opset, ir_version=8)
        path.write_bytes(made.SerializeToString())
        return path

    path = saved(tmp_path / "m.onnx", "ReduceMax")
    with serving(path, poll_s=0.0) as running:
        os.replace(saved(tmp_path / "new", "ReduceMin"), path)
        entry = {"name": "x", "datatype": "FP32", "shape": [1, 4], "parameters": {"binary_data_size": 16}}
        header = json.dumps({"inputs": [entry]}).encode()
        length = {"Inference_Header_Content_Length": str(len(header))}
        found = []
        for values in ([1, np.nan, 3, 2], [1, 4, 3, 2]):
            body = header + np.array(values, np.float32).tobytes()
            answer = running.ask("POST", "/v2/models/m/infer", body, **length)
            found.append(answer.json["outputs"][0]["data"])
    assert found == [[None], [4.0]]


def test_the_collector_of_garbage_passes_by_modules_but_not_by_models(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(models.dense())
    code = f"""
import gc, sys
from kcompile_runtime.serving import model, server
from kcompile_runtime.serving.__main__ import main
refresh = server.Server._refresh
async def refreshed(self):
    await refresh(self)
    found = [each for each in gc.get_objects() if isinstance(each, model.Model)]
    print(gc.get_freeze_count() > 10_000, len(found), len(gc.get_objects()) < gc.get_freeze_count())
    self.stop()
server.Server._refresh = refreshed
sys.exit(main([{str(path)!r}, "--port", "0", "--no-grpc"]))
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert ended.stdout.splitlines()[0] == "True 1 True", ended.stderr
    before = gc.get_freeze_count()
    write(tmp_path / "models", "m", models.dense())
    with serving(tmp_path / "models"):  # in a program that does more than serving
        assert gc.get_freeze_count() <= before


@pytest.mark.parametrize("option, expected", [("--port", "in use"), ("--grpc-port", "gRPC on port")])
def test_a_port_in_use_ends_the_command(tmp_path: Path, option: str, expected: str) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(models.dense())
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ports = {"--port": "0", "--grpc-port": "0", option: str(taken.getsockname()[1])}
        arguments = command(str(path), *(word for pair in ports.items() for word in pair))
        ended = subprocess.run(arguments, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 2 and expected in ended.stderr and "Traceback" not in ended.stderr


def test_logs_are_objects_a_line_with_the_ids_of_requests(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(models.dense())
    options = ["--port", "0", "--grpc-port", "0", "--log-level", "debug", "--log-format", "json"]
    process = subprocess.Popen(
        command(str(path), *options), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        ready = process.stdout.readline()
        address = ready.split(", ")[0]
        with grpc.insecure_channel(f"127.0.0.1:{re.search('port ([0-9]+)', ready)[1]}") as channel:
            for method, content in (("ServerLive", b""), ("ModelMetadata", b"")):
                call = channel.unary_unary(f"/inference.GRPCInferenceService/{method}")
                with contextlib.suppress(grpc.RpcError):
                    call(content, timeout=30, metadata=[("x-request-id", method)])
        with urllib.request.urlopen(urllib.request.Request(f"{address}/v2", headers={"x-request-id": "q"})):
            process.terminate()
        _, errors = process.communicate(timeout=30)
    finally:
        process.kill()
    lines = [json.loads(line) for line in errors.splitlines()]
    found = [(x["request_id"], x["method"], x["path"], x["status"]) for x in lines if "request_id" in x]
    assert found == [
        ("ServerLive", "gRPC", "ServerLive", 200),
        ("ModelMetadata", "gRPC", "ModelMetadata", 404),
        ("q", "GET", "/v2", 200),
    ]


def test_a_request_that_waits_is_answered_after_sigterm(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(models.dense())
    arguments = command(str(path), "--port", "0", "--no-grpc", "--delay-ms", "800")
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        port = int(process.stdout.readline().split(":")[2])
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        body = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 4], "data": [0, 0, 0, 0]}]}
        connection.request("POST", "/v2/models/m/infer", json.dumps(body))
        time.sleep(0.2)
        process.terminate()
        assert connection.getresponse().status == 200
        connection.close()
        assert process.wait(30) == 0
    finally:
        process.kill()


@pytest.mark.parametrize("package", ["starlette", "uvicorn", "hpack", "prometheus_client", "google"])
def test_a_package_that_is_missing_is_named_with_what_to_install(tmp_path: Path, package: str) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(models.dense())
    code = f"""
import importlib.machinery, sys
real = importlib.machinery.PathFinder.find_spec
importlib.machinery.PathFinder.find_spec = classmethod(
    lambda cls, name, *rest: None if name.split(".")[0] == {package!r} else real(name, *rest)
)
from kcompile_runtime.serving.__main__ import main
sys.exit(main([{str(path)!r}, "--port", "0", "--grpc-port", "0"]))
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert ended.returncode == 2 and "pip install 'kcompile-runtime[serve]'" in ended.stderr, ended.stderr
    assert "Traceback" not in ended.stderr


def test_requests_are_spans_of_the_trace_that_their_client_names(tmp_path: Path) -> None:
    pytest.importorskip("opentelemetry.sdk")
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    spans = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    trace.set_tracer_provider(provider)
    write(tmp_path, "m", models.dense())
    parent = f"00-{'ab' * 16}-{'cd' * 8}-01"
    x = {"name": "x", "datatype": "FP32", "shape": [1, 4], "data": [0, 0, 0, 0]}
    with serving(tmp_path) as running:
        for shape, status in (([1, 4], 200), ([4, 1], 400)):
            body = {"inputs": [{**x, "shape": shape}]}
            assert running.ask("POST", "/v2/models/m/infer", body, traceparent=parent).status == status
    good, bad = spans.get_finished_spans()
    assert (good.name, good.attributes["kcompile.version"]) == ("infer m", "1")
    assert good.context.trace_id == bad.context.trace_id == int("ab" * 16, 16)
    assert (good.status.is_ok, bad.status.is_ok) == (True, False)

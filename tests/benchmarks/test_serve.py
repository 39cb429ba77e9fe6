"""The topics `serve` and `soak` measure what they say, for moments."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

for _package in ("starlette", "uvicorn", "hpack", "grpc", "prometheus_client"):
    pytest.importorskip(_package)

from benchmarks import serve, serve_h2load, soak  # noqa: E402
from benchmarks.measuring import Row  # noqa: E402
from benchmarks.serve_clients import Found, Task, _Recorder  # noqa: E402
from benchmarks.serve_models import Served, written  # noqa: E402
from benchmarks.serve_processes import Clients, Process, kcompile_serve, other  # noqa: E402
from benchmarks.serve_wire import HttpWire  # noqa: E402


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Served:
    return written("digits_cnn", tmp_path_factory.mktemp("digits"))


@pytest.fixture(scope="module")
def clients() -> Iterator[Clients]:
    with Clients() as found:
        yield found


TOPICS: dict[str, tuple[Callable[[Clients, Served], Iterator[Row]], int]] = {
    "transport": (lambda c, m: serve.transport_rows(c, m, 0.2, 1), 6),
    "batch": (lambda c, m: serve.batch_rows(c, m, 0.2, 1), 6),
    "alone": (lambda c, m: serve.alone_rows(c, m, 0.1, 1), 3),
    "tail": (lambda c, m: serve.tail_rows(c, m, 0.3), 2),
    "by hand": (lambda c, m: serve.by_hand_rows(c, m, "CNN", (1, 8), 0.2, 1), 2),
    "loop": (lambda c, m: serve.loop_rows(c, m, "CNN", 0.2, 1), 1),
    "cold": (lambda c, m: serve.cold_rows(m, 1), 2),
}


@pytest.mark.parametrize("topic", sorted(TOPICS))
def test_each_part_gives_its_rows(topic: str, clients: Clients, digits: Served) -> None:
    measure, count = TOPICS[topic]
    found = list(measure(clients, digits))
    assert len(found) == count
    assert all(row.ours > 0 and row.target != 0 for row in found)


def test_the_limit_is_where_transport_and_model_share_the_cores() -> None:
    """Each alone does so many a second, so that both for each request do fewer than either."""
    next_to_bare = serve._limit([300.0, 200.0, 100.0], [50.0], None)
    assert (next_to_bare.ours, next_to_bare.other, next_to_bare.ratio) == (40.0, 50.0, 0.8)
    next_to_others = serve._limit([200.0], [50.0], [20.0])
    assert (next_to_others.ours, next_to_others.ratio) == (40.0, 2.0)
    assert next_to_bare.reached is None and "200/s" in next_to_bare.what


def test_requests_at_drawn_times_open_what_the_server_has_closed_and_lose_none() -> None:
    """By a server that keeps no connection for longer than an answer."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"END")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    async def main() -> None:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        recorder, wires = _Recorder(), []
        for _ in range(3):
            _, wire = await asyncio.get_running_loop().create_connection(
                lambda: HttpWire(b"END"), "127.0.0.1", port
            )
            wires.append(wire)
        for wire in wires:
            assert await recorder.ask(wire.ask, 0.0)
        await asyncio.sleep(0.05)
        assert not any([await recorder.ask(wire.ask, 0.0) for wire in wires])  # nothing was sent
        assert recorder.found().codes == {"200": 3}

        async def broken() -> str:
            raise OSError("no network")

        assert await recorder.ask(broken, 0.0)
        assert recorder.found().codes == {"200": 3, "OSError": 1}
        server.close()

    asyncio.run(main())


def test_reloads_fail_nobody_and_an_overload_is_answered_or_refused(clients: Clients, digits: Served) -> None:
    (reloads,) = serve.reload_rows(clients, digits, 2)
    lost, worst, _, back = serve.overload_rows(clients, digits, 0.3, 0.3)
    assert (reloads.ours, lost.ours) == (0, 0)
    assert worst.ours < 12 and back.ours > 0


def test_other_servers_that_are_not_there_are_named(
    clients: Clients, digits: Served, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(serve, "mlserver_python", lambda: None)
    assert list(serve.mlserver_rows(clients, digits, 0.1, 1)) == []
    assert "make serve-peers" in capsys.readouterr().err


REFUSED = {"rest": "404", "json": "404", "grpc": "NOT_FOUND", "frames": "refused"}


@pytest.mark.parametrize("door", REFUSED)
def test_codes_that_are_no_answer_are_counted_and_no_rate(
    clients: Clients, digits: Served, door: str
) -> None:
    with kcompile_serve(digits.path) as server:
        found = clients.perform(
            Task(door, server.door(door), "nothing", digits.input, (1, *digits.sizes), 0.1, 4)
        )
    assert found.codes.keys() == {REFUSED[door]}
    assert found.rate == 0 and found.worst > 0


@pytest.mark.parametrize("samples", [1, 200])
def test_frames_and_h2load_are_answered_by_both_servers(
    clients: Clients, digits: Served, samples: int
) -> None:
    """200 samples are a message of four frames."""
    with kcompile_serve(digits.path) as ours, other("constant") as grpc_aio:
        for server in (ours, grpc_aio):
            shape = (samples, *digits.sizes)
            task = Task("frames", server.grpc_port, digits.name, digits.input, shape, 0.1, 2)
            found = clients.perform(task)
            assert found.codes.keys() == {"OK"} and found.answered > 1
            if serve_h2load.is_there():
                assert serve_h2load.rate(server.grpc_port, digits, samples, 1, 2) > 1


@pytest.mark.parametrize(
    "said, message",
    [
        (
            "finished in 1s, 5.0 req/s\nrequests: 9 done, 8 succeeded, 1 failed\n(9) data",
            "good answers alone",
        ),
        (
            "finished in 1s, 0.0 req/s\nrequests: 0 done, 0 succeeded, 0 failed\n(0) data",
            "good answers alone",
        ),
        ("nothing", "h2load's report"),
    ],
)
def test_what_h2load_says_is_no_rate_where_some_were_not_answered(said: str, message: str) -> None:
    with pytest.raises(RuntimeError, match=message):
        serve_h2load._read(said)


def test_refusals_that_h2load_takes_for_answers_are_no_rate(
    digits: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = {"-n": (1, 0, 1.0), "-D": (10, 1300, 10.0)}
    monkeypatch.setattr(serve_h2load, "_asked", lambda *options: found["-n" if "-n" in options else "-D"])
    with pytest.raises(RuntimeError, match="refusal"):
        serve_h2load.rate(1, digits, 1, 1, 1)
    found["-n"] = (1, 131, 1.0)
    with pytest.raises(RuntimeError, match="10 answers of 131 bytes, found 1300"):
        serve_h2load.rate(1, digits, 1, 1, 1)


def test_tensors_are_sent_as_numbers_of_json_too(clients: Clients, digits: Served) -> None:
    with kcompile_serve(digits.path) as server:
        task = Task("json", server.port, digits.name, digits.input, (2, *digits.sizes), 0.1, 2)
        assert clients.perform(task).codes.keys() == {"200"}


@pytest.mark.parametrize("door", ["rest", "grpc", "frames"])
def test_requests_at_drawn_times_do_not_wait_for_each_other(
    clients: Clients, digits: Served, door: str
) -> None:
    with other("http2" if door == "frames" else "constant") as server:
        shape = (1, *digits.sizes)
        found = clients.perform(Task(door, server.door(door), "m", "x", shape, 0.5, 4, rate=200.0))
    assert 60 < found.answered < 140 and len(found.codes) == 1
    assert 0 < found.late < 0.5


def test_percentiles_are_of_the_good_answers() -> None:
    found = Found({"200": 100}, 2.0, 100, [n / 100 for n in range(100)])
    assert (found.rate, found.percentile(50), found.percentile(99)) == (50.0, 0.5, 0.99)


def test_a_process_that_ends_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="has ended"):
        Process("-m", "benchmarks.serve_peers", "loop", str(tmp_path / "nothing.onnx"))


@pytest.mark.parametrize("ours, reached", [(0.8, True), (0.6, False)])
def test_a_target_of_rates_is_the_smallest(ours: float, reached: bool) -> None:
    assert Row("t", "w", ours, "/s", 1.0, ours, 0.7, at_least=True).reached is reached


def test_a_soak_finds_no_faults_and_tells_what_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soak, "LEAST", 1)
    found = list(soak.rows(minutes=0.05, what=["serve"]))
    assert [row.what.split()[0] for row in found[1:]] == ["memory", "handles", "threads", "processes"]
    assert found[0].ours == 0 and "OK: " in found[0].what and "404: " in found[0].what

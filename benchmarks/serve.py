"""The server next to what it stands on, to other servers, and under more than it can do.

Server and clients are processes of this machine and share its cores. Rates are of turns that alternate
between our server and what it is compared with; a row is the median over the rounds, and of the ratios within
a round.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from . import serve_h2load
from .measuring import Row
from .serve_clients import Found, Task
from .serve_models import Served, written
from .serve_peers import mlserver_python
from .serve_processes import Clients, MLServer, Process, Server, as_installed, kcompile_serve, other

TOPIC = "serving"
CLIENTS = 64
LOOP_TARGET, CONSTANT_TARGET, BATCH_TARGET = 0.85, 0.7, 0.6
BY_HAND_TARGET, MLSERVER_TARGET = 3.0, 2.0
ALONE_TARGET, TAIL_TARGET = 1.4, 3.0
COLD_TARGET, MEMORY_TARGET_MIB = 1.5, 40.0
OVERLOAD, BACK_S, RELOADS = 4, 2.0, 20
DOORS = {"rest": "REST", "grpc": "gRPC"}
_OURS = " over our HTTP/2"
#: 64 requests of ResNet50 wait longer for each other than a server lets them by default.
_PATIENT = ("--queue-seconds", "120")
_LARGE = (1, 2, 4, 8)
"""Sizes of runs that are tried for ResNet50."""
Rate = Callable[[], float]


def rows(
    overload_s: float = 8.0, seconds: float = 1.25, rounds: int = 3, large: bool = True
) -> Iterator[Row]:
    """All rows.

    Args:
        overload_s: how long four times the capacity is asked for.
        seconds: of one turn.
        rounds: how often the turn changes.
        large: whether ResNet50 is measured as well.
    """
    with tempfile.TemporaryDirectory() as folder, Clients() as clients:
        digits, lstm = (written(name, Path(folder)) for name in ("digits_cnn", "lstm"))
        yield from transport_rows(clients, digits, seconds, rounds)
        yield from alone_rows(clients, digits, seconds / 2, rounds)
        yield from batch_rows(clients, digits, seconds, rounds)
        yield from tail_rows(clients, digits, 2 * seconds)
        yield from by_hand_rows(clients, lstm, "LSTM(64), 64 steps of 32", (16, 32, 64), seconds, rounds)
        yield from mlserver_rows(clients, digits, seconds, rounds)
        yield from reload_rows(clients, digits, RELOADS)
        yield from cold_rows(digits, rounds)
        if large:
            resnet50 = written("resnet50", Path(folder))
            yield from loop_rows(clients, resnet50, "ResNet50", 4 * seconds, max(1, rounds - 1))
            yield from by_hand_rows(clients, resnet50, "ResNet50", _LARGE, 4 * seconds, max(1, rounds - 1))
        yield from overload_rows(clients, resnet50 if large else lstm, overload_s, seconds)


def transport_rows(clients: Clients, model: Served, seconds: float, rounds: int) -> Iterator[Row]:
    """64 clients, one sample a request, next to handlers that answer with a constant: of Starlette, of
    grpc.aio, and of our own HTTP/2.
    """
    with kcompile_serve(model.path) as ours, other("constant") as constant, other("http2") as http2:
        for door, peer, whose in (("rest", constant, ""), ("grpc", constant, ""), ("grpc", http2, _OURS)):
            pair = [_rate(clients, server, model, door, 1, seconds) for server in (ours, peer)]
            what = f"small CNN, {CLIENTS} clients, 1 sample, {DOORS[door]}; next to a constant answer{whose}"
            yield _compared(what, *pair, rounds, CONSTANT_TARGET)
            costs = [_cost(clients, server, model, door, seconds) for server in (ours, peer)]
            found = [(1e3 * a, 1e3 * b) for a, b in _turns(*costs, rounds)]
            what = f"the same, processor time of a request, {DOORS[door]}{whose}"
            yield _row(what, found, "ms", None if whose else 1 / CONSTANT_TARGET)


def batch_rows(clients: Clients, model: Served, seconds: float, rounds: int) -> Iterator[Row]:
    """64 clients, 32 samples a request, next to onnxruntime alone at its best size; and what the transport
    allows.
    """
    with (
        kcompile_serve(model.path) as ours,
        other("constant") as constant,
        other("http2") as http2,
        other("loop", str(model.path)) as loop,
    ):
        best = _best_size(loop, (32, 64, 128), seconds / 2)
        alone = _loop_rate(loop, best, seconds, 32)
        rates = {
            DOORS[door]: [_rate(clients, server, model, door, 32, seconds) for server in (ours, peer)]
            for door, peer in (("rest", constant), ("grpc", http2))
        }
        title, lean = _lean_client(clients, model, seconds)
        rates[title] = [lean(server) for server in (ours, http2)]
        for title, (ask, ask_constant) in rates.items():
            what = (
                f"small CNN, {CLIENTS} clients, 32 samples, {title}; next to bare onnxruntime, {best} a run"
            )
            found = _turns(ask, alone, rounds)
            yield _row(what, found, "/s", None if title == DOORS["rest"] else BATCH_TARGET, at_least=True)
            yield _limit([ask_constant() for _ in range(rounds)], [bare for _, bare in found], None)


def _lean_client(clients: Clients, model: Served, seconds: float) -> tuple[str, Callable[[Server], Rate]]:
    """A client of gRPC that takes next to nothing of the cores, which gRPC's own in Python does not."""
    if serve_h2load.is_there():
        return "gRPC by h2load", lambda server: _h2load_rate(server, model, 32, seconds)
    print("  h2load is not there (Debian's nghttp2-client): frames of Python in its place", file=sys.stderr)
    return "gRPC by frames", lambda server: _rate(clients, server, model, "frames", 32, seconds)


def loop_rows(clients: Clients, model: Served, title: str, seconds: float, rounds: int) -> Iterator[Row]:
    """64 clients, one sample a request, next to onnxruntime alone at its best size."""
    with kcompile_serve(model.path, *_PATIENT) as ours, other("loop", str(model.path)) as loop:
        best = _best_size(loop, _LARGE, seconds / 4)
        what = f"{title}, {CLIENTS} clients, 1 sample, REST; next to bare onnxruntime, {best} a run"
        rate = _rate(clients, ours, model, "rest", 1, seconds)
        yield _compared(what, rate, _loop_rate(loop, best, seconds), rounds, LOOP_TARGET)


def by_hand_rows(
    clients: Clients, model: Served, title: str, sizes: tuple[int, ...], seconds: float, rounds: int
) -> Iterator[Row]:
    """64 clients, one sample a request, next to a handler that runs the session for each; and what there is
    to gain.

    Args:
        clients, model, seconds, rounds: as for all rows.
        title: the model's.
        sizes: of runs, of which onnxruntime alone is given the best.
    """
    with (
        kcompile_serve(model.path, *_PATIENT) as ours,
        other("by_hand", str(model.path)) as by_hand,
        other("constant") as constant,
        other("loop", str(model.path)) as loop,
    ):
        pair = [
            _rate(clients, ours, model, "rest", 1, seconds),
            _rate(clients, by_hand, model, "bytes", 1, seconds),
        ]
        what = f"{title}, {CLIENTS} clients, 1 sample, REST; next to a Starlette handler by hand"
        found = _turns(*pair, rounds)
        yield _row(what, found, "/s", BY_HAND_TARGET, at_least=True)
        answers = _rate(clients, constant, model, "rest", 1, seconds / 2)
        bare = _loop_rate(loop, _best_size(loop, sizes, seconds / 4), seconds / 2)
        turns = _turns(answers, bare, rounds)
        yield _limit([rate for rate, _ in turns], [rate for _, rate in turns], [rate for _, rate in found])


def mlserver_rows(clients: Clients, model: Served, seconds: float, rounds: int) -> Iterator[Row]:
    """64 clients, one sample a request, next to MLServer; nothing where it is not there."""
    if mlserver_python() is None:
        print("  MLServer: run `make serve-peers` first; not measured", file=sys.stderr)
        return
    with kcompile_serve(model.path) as ours, MLServer(model.path) as peer:
        for door, title in (("json", "REST, tensors in JSON"), ("grpc", "gRPC")):
            pair = [_rate(clients, server, model, door, 1, seconds) for server in (ours, peer)]
            what = f"small CNN, {CLIENTS} clients, 1 sample, {title}; next to MLServer"
            yield _compared(what, *pair, rounds, MLSERVER_TARGET)


def alone_rows(clients: Clients, model: Served, seconds: float, rounds: int) -> Iterator[Row]:
    """One client: the median round trip, next to that of a constant answer plus the model's own time."""
    with (
        kcompile_serve(model.path) as ours,
        other("constant") as constant,
        other("http2") as http2,
        other("loop", str(model.path)) as loop,
    ):
        own = 1 / max(_loop_rate(loop, 1, seconds / 2)() for _ in range(rounds))
        for door, peer, whose in (("rest", constant, ""), ("grpc", constant, ""), ("grpc", http2, _OURS)):

            def trip(server: Server, door: str = door) -> Rate:
                return lambda: _ask(clients, server, model, door, 1, seconds, 1).percentile(50)

            found = [(trip(ours)(), trip(peer)() + own) for _ in range(rounds)]
            beside = f"a constant answer{whose} and the model's own time"
            what = f"small CNN, one client, {DOORS[door]}; next to {beside}"
            yield _row(what, [(1e3 * a, 1e3 * b) for a, b in found], "ms", ALONE_TARGET)


def tail_rows(clients: Clients, model: Served, seconds: float) -> Iterator[Row]:
    """Half of what 64 clients reach, at times that are drawn: the slowest of a hundred to the median.

    A request is timed from when it was sent: how much later that was than drawn is the client's.
    """
    with kcompile_serve(model.path) as ours:
        for door, title in DOORS.items():
            most = _ask(clients, ours, model, door, 1, seconds / 2).rate
            found = _ask(clients, ours, model, door, 1, seconds, rate=most / 2)
            slow, median = 1e3 * found.percentile(99), 1e3 * found.percentile(50)
            late = f"sent up to {1e3 * found.late:.1f} ms late"
            what = f"small CNN, half of the load ({most / 2:,.0f}/s, {late}), {title}: p99 next to p50"
            yield Row(TOPIC, what, slow, "ms", median, slow / median, TAIL_TARGET)


def overload_rows(clients: Clients, model: Served, overload_s: float, seconds: float) -> Iterator[Row]:
    """Four times what the server can do: how it answers, what it holds, and what it does afterwards."""
    topic = f"serving, {OVERLOAD} times the capacity for {overload_s:.0f} s ({model.name})"
    with kcompile_serve(model.path) as ours:
        capacity = _ask(clients, ours, model, "rest", 1, 2 * seconds).rate
        before = ours.resident_mib
        found = _ask(clients, ours, model, "rest", 1, overload_s, rate=OVERLOAD * capacity)
        held = ours.resident_mib
        time.sleep(BACK_S)
        after = _ask(clients, ours, model, "rest", 1, 2 * seconds).rate
        refused = found.codes.get("429", 0)
        others = sum(found.codes.values()) - refused - found.answered
        answers = f"{found.answered} answered, {refused} refused"
        yield Row(topic, f"{answers}: neither of both", others, "requests", target=0)
        yield Row(topic, "the slowest answer", found.worst, "s", target=12.0)
        yield Row(topic, "memory, grown by", held - before, "MiB", target=600.0)
        what = f"requests a second, {BACK_S:.0f} s later; next to before"
        yield Row(topic, what, after, "/s", capacity, after / capacity, 0.9, at_least=True)


def reload_rows(clients: Clients, model: Served, reloads: int) -> Iterator[Row]:
    """The file is replaced again and again while 64 clients ask."""
    content = model.path.read_bytes()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, model.path.name)
        path.write_bytes(content)
        with kcompile_serve(path, "--poll", "0.05") as ours:
            failed = answered = 0
            for _ in range(reloads):
                path.with_suffix(".new").write_bytes(content)
                os.replace(path.with_suffix(".new"), path)
                found = _ask(clients, ours, model, "rest", 1, 0.4)
                answered += found.answered
                failed += sum(found.codes.values()) - found.answered
            what = f"small CNN, {reloads} reloads under load, {answered} answers: errors"
            yield Row(TOPIC, what, failed, "requests", target=0)


def cold_rows(model: Served, rounds: int) -> Iterator[Row]:
    """From nothing to ready, and the memory then, next to the same imports and a bare session."""
    found: list[tuple[float, float]] = []
    memory: list[tuple[float, float]] = []
    with as_installed():
        for _ in range(2 * rounds + 1):
            with kcompile_serve(model.path) as ours, other("stack", str(model.path)) as bare:
                found.append((ours.ready_s, bare.ready_s))
                memory.append((ours.resident_mib, bare.resident_mib))
    del found[0], memory[0]  # what both compiled
    yield _row("small CNN, cold start to ready; next to a bare session", found, "s", COLD_TARGET)
    beyond = statistics.median(a - b for a, b in memory)
    what = f"small CNN, memory when ready: {memory[0][0]:.0f} MiB, beyond a bare session"
    yield Row(TOPIC, what, beyond, "MiB", target=MEMORY_TARGET_MIB)


def _ask(
    clients: Clients,
    server: Server,
    model: Served,
    door: str,
    samples: int,
    seconds: float,
    count: int = CLIENTS,
    rate: float | None = None,
) -> Found:
    shape = (samples, *model.sizes)
    return clients.perform(
        Task(door, server.door(door), model.name, model.input, shape, seconds, count, rate)
    )


def _rate(clients: Clients, server: Server, model: Served, door: str, samples: int, seconds: float) -> Rate:
    """Good answers a second; any other is an error of the benchmark's."""

    def rate() -> float:
        found = _ask(clients, server, model, door, samples, seconds)
        if sum(found.codes.values()) != found.answered:
            raise RuntimeError(f"expected good answers alone, found {found.codes}")
        return found.rate

    return rate


def _h2load_rate(server: Server, model: Served, samples: int, seconds: float) -> Rate:
    return lambda: serve_h2load.rate(server.grpc_port, model, samples, seconds, CLIENTS)


def _cost(clients: Clients, server: Server, model: Served, door: str, seconds: float) -> Rate:
    """Seconds of the server's processor time for a request: on a busy machine steadier than rates."""

    def cost() -> float:
        before = server.processor_s
        found = _ask(clients, server, model, door, 1, seconds)
        return (server.processor_s - before) / found.answered

    return cost


def _loop_rate(loop: Process, samples: int, seconds: float, each: int = 1) -> Rate:
    """Requests of ``each`` samples that onnxruntime alone does in a second."""
    return lambda: loop.ask({"samples": samples, "seconds": seconds}) / each


def _best_size(loop: Process, sizes: tuple[int, ...], seconds: float) -> int:
    return max(sizes, key=lambda size: loop.ask({"samples": size, "seconds": seconds}))


def _limit(constant: list[float], bare: list[float], others: list[float] | None) -> Row:
    """What is left where the transport and the model share the cores: the time of a constant answer to the
    same bodies, and that of the model in onnxruntime alone, each as if it kept all the cores busy.

    Args:
        constant, bare: requests a second of both.
        others: what it is next to; None for ``bare``.
    """
    answers, runs = statistics.median(constant), statistics.median(bare)
    rate = 1 / (1 / answers + 1 / runs)
    next_to = runs if others is None else statistics.median(others)
    what = f"the limit of the same: constant answers ({answers:,.0f}/s) and bare onnxruntime ({runs:,.0f}/s)"
    return Row(TOPIC, what, rate, "/s", next_to, rate / next_to)


def _compared(what: str, ours: Rate, others: Rate, rounds: int, target: float | None) -> Row:
    return _row(what, _turns(ours, others, rounds), "/s", target, at_least=True)


def _turns(ours: Rate, others: Rate, rounds: int) -> list[tuple[float, float]]:
    """Both in turn; who begins alternates."""
    ours()  # warms both up
    found = []
    for index in range(rounds):
        if index % 2:
            second = others()
            found.append((ours(), second))
        else:
            first = ours()
            found.append((first, others()))
    return found


def _row(
    what: str, found: list[tuple[float, float]], unit: str, target: float | None, at_least: bool = False
) -> Row:
    ours, others = (statistics.median(values) for values in zip(*found, strict=True))
    ratio = statistics.median(a / b for a, b in found)
    return Row(TOPIC, what, ours, unit, others, ratio, target, at_least)

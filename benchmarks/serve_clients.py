"""Clients in a process of their own: ``python -m benchmarks.serve_clients`` reads a task a line as JSON.

REST is spoken over a connection for each client; gRPC by grpc.aio, a channel for each, or by frames that
were made before. Nothing is collected meanwhile: that would be taken for a pause of the server.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import random
import resource
import sys
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from .serve_wire import CLOSED, GrpcWire, HttpWire

Ask = Callable[[], Awaitable[str]]
"""Sends the request and returns the code of the answer."""
Connect = Callable[[], AbstractAsyncContextManager[Ask]]


@dataclass(frozen=True)
class Task:
    """What is asked, and how often.

    Attributes:
        door: "rest" or "grpc": tensors as bytes by the Open Inference Protocol; "frames": as gRPC without its
            client; "json": as numbers of JSON; "bytes": the tensor alone.
        port: of this machine.
        model, input: names.
        shape: of the input.
        seconds: for how long requests are sent.
        clients: that go on asking, each as soon as it is answered.
        rate: in their place, requests a second at times that are drawn, whether or not others are answered.
    """

    door: str
    port: int
    model: str
    input: str
    shape: tuple[int, ...]
    seconds: float
    clients: int = 64
    rate: float | None = None


@dataclass
class Found:
    """What came back.

    Attributes:
        codes: how often each came.
        seconds: until the last answer.
        answered: good answers.
        good: seconds that they took, in order of size; a thousand of them where they are more.
        worst: seconds of the slowest answer of any code.
        late: seconds within which 99 of 100 requests were sent after the time that was drawn for them. That
            is the client's, whose core others want, and no part of what the answers took.
    """

    codes: dict[str, int]
    seconds: float
    answered: int = 0
    good: list[float] = field(default_factory=list)
    worst: float = 0.0
    late: float = 0.0

    @property
    def rate(self) -> float:
        """Good answers a second."""
        return self.answered / self.seconds

    def percentile(self, percent: float) -> float:
        """Seconds within which so many of the good answers came."""
        return self.good[min(len(self.good) - 1, int(len(self.good) * percent / 100))]


_KEPT = 1000
_MOST_CONNECTIONS = 8192
_AT_ONCE = ("grpc", "frames")
"""Doors whose connections take requests while others are not answered yet."""


class _Recorder:
    def __init__(self) -> None:
        self._codes: Counter[str] = Counter()
        self._good: list[float] = []
        self._worst = 0.0
        self.late: list[float] = []
        self._start = self._last = time.perf_counter()

    async def ask(self, ask: Ask, start: float) -> bool:
        """Asks once; False where nothing was sent, as the server has ended the connection."""
        try:
            code = await ask()
        except Exception as error:
            code = type(error).__name__  # counted among what is neither answered nor refused
        if code == CLOSED:
            return False
        self._last = time.perf_counter()
        taken = self._last - start
        self._codes[code] += 1
        self._worst = max(self._worst, taken)
        if code in ("200", "OK"):
            self._good.append(taken)
        return True

    def found(self) -> Found:
        good = sorted(self._good)
        count = len(good)
        if count > _KEPT:
            good = [good[index * count // _KEPT] for index in range(_KEPT)]
        late = sorted(self.late)[len(self.late) * 99 // 100] if self.late else 0.0
        return Found(dict(self._codes), self._last - self._start, count, good, self._worst, late)


async def perform(task: Task) -> Found:
    """Does the task."""
    connect = {"grpc": _grpc, "frames": _frames}.get(task.door, _http)(task)
    gc.collect()
    gc.disable()
    return await (_closed(task, connect) if task.rate is None else _open(task, connect, task.rate))


async def _closed(task: Task, connect: Connect) -> Found:
    async with contextlib.AsyncExitStack() as stack:
        asks = [await stack.enter_async_context(connect()) for _ in range(task.clients)]
        recorder = _Recorder()
        end = time.perf_counter() + task.seconds

        async def one(ask: Ask) -> None:
            while (start := time.perf_counter()) < end:
                await recorder.ask(ask, start)

        await asyncio.gather(*map(one, asks))
        return recorder.found()


class _Pool:
    """Connections that take one request at a time; more are opened up to half of the files that may be
    open, beyond which requests wait for a free one.
    """

    def __init__(self, stack: contextlib.AsyncExitStack, connect: Connect) -> None:
        self._stack, self._connect = stack, connect
        self._free: asyncio.LifoQueue[Ask] = asyncio.LifoQueue()
        self._all: deque[Ask] = deque()
        self._begun = 0
        self._most = min(_MOST_CONNECTIONS, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2)

    async def open(self, count: int) -> None:
        """Opens so many."""
        for _ in range(count):
            self.give(await self._another())

    async def _another(self) -> Ask:
        self._begun += 1
        self._all.append(ask := await self._stack.enter_async_context(self._connect()))
        return ask

    def next(self) -> Ask:
        """One of those that take several requests at a time, in turn."""
        self._all.rotate()
        return self._all[0]

    async def take(self) -> Ask:
        """One that is free."""
        if self._free.empty() and self._begun < self._most:
            return await self._another()
        return await self._free.get()

    def give(self, ask: Ask) -> None:
        """It is free again."""
        self._free.put_nowait(ask)


async def _open(task: Task, connect: Connect, rate: float) -> Found:
    """Times are drawn as those of people who know nothing of each other: gaps of an exponential kind."""
    draw = random.Random(0)
    async with contextlib.AsyncExitStack() as stack:
        pool = _Pool(stack, connect)
        await pool.open(task.clients)
        recorder = _Recorder()

        async def one(due: float) -> None:
            start = time.perf_counter()
            recorder.late.append(start - due)
            if task.door in _AT_ONCE:
                await recorder.ask(pool.next(), start)
                return
            ask = await pool.take()
            while not await recorder.ask(ask, start):
                ask = await stack.enter_async_context(connect())
            pool.give(ask)

        begun = time.perf_counter()
        due, asked = begun, set()
        while (due := due + draw.expovariate(rate)) < begun + task.seconds:
            if (early := due - time.perf_counter()) > 0:
                await asyncio.sleep(early)
            sent = asyncio.create_task(one(due))
            asked.add(sent)
            sent.add_done_callback(asked.discard)
        await asyncio.gather(*asked)
        return recorder.found()


def _tensor(task: Task) -> bytes:
    return np.random.default_rng(0).random(task.shape, np.float32).tobytes()


def _http(task: Task) -> Connect:
    content, fields = _content(task)
    head = [f"POST {_path(task)} HTTP/1.1", "Host: benchmark", *fields, f"Content-Length: {len(content)}"]
    payload = "\r\n".join([*head, "", ""]).encode() + content

    return _wires(task, lambda: HttpWire(payload))


def _wires(task: Task, make: Callable[[], Any]) -> Connect:
    @contextlib.asynccontextmanager
    async def connect() -> AsyncIterator[Ask]:
        loop = asyncio.get_running_loop()
        _, wire = await loop.create_connection(make, "127.0.0.1", task.port)
        try:
            yield wire.ask
        finally:
            wire.close()

    return connect


def _content(task: Task) -> tuple[bytes, list[str]]:
    """The body, and the lines of its header that say what it is."""
    content = _tensor(task)
    if task.door == "bytes":
        return content, []
    entry: dict[str, Any] = {"name": task.input, "datatype": "FP32", "shape": list(task.shape)}
    if task.door == "json":
        entry["data"] = np.frombuffer(content, np.float32).tolist()
        return json.dumps({"inputs": [entry]}).encode(), ["Content-Type: application/json"]
    entry["parameters"] = {"binary_data_size": len(content)}
    text = json.dumps({"inputs": [entry], "parameters": {"binary_data_output": True}}).encode()
    return text + content, [f"Inference-Header-Content-Length: {len(text)}"]


def _path(task: Task) -> str:
    return "/predict" if task.door == "bytes" else f"/v2/models/{task.model}/infer"


def _message(task: Task) -> Any:
    from kcompile_runtime.serving.protocol.grpc_messages import message

    entry = {"name": task.input, "datatype": "FP32", "shape": task.shape}
    return message("ModelInferRequest")(
        model_name=task.model, inputs=[entry], raw_input_contents=[_tensor(task)]
    )


def _frames(task: Task) -> Connect:
    content = _message(task).SerializeToString()
    return _wires(task, lambda: GrpcWire(f"127.0.0.1:{task.port}", content))


def _grpc(task: Task) -> Connect:
    import grpc

    from kcompile_runtime.serving.protocol.grpc_messages import message

    request = _message(task)
    unlimited = [("grpc.max_receive_message_length", -1), ("grpc.use_local_subchannel_pool", 1)]

    @contextlib.asynccontextmanager
    async def connect() -> AsyncIterator[Ask]:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{task.port}", unlimited) as channel:
            call = channel.unary_unary(
                "/inference.GRPCInferenceService/ModelInfer",
                request_serializer=message("ModelInferRequest").SerializeToString,
                response_deserializer=message("ModelInferResponse").FromString,
            )
            await channel.channel_ready()

            async def ask() -> str:
                try:
                    await call(request)
                except grpc.aio.AioRpcError as error:
                    return error.code().name
                return "OK"

            yield ask

    return connect


def main() -> None:
    """The other end of ``serve_processes.Clients``."""
    print("ready", flush=True)
    run: Callable[[Any], Any] = asyncio.run
    with contextlib.suppress(ImportError):
        import uvloop

        run = uvloop.run
    for line in sys.stdin:
        print(json.dumps(asdict(run(perform(Task(**json.loads(line)))))), flush=True)


if __name__ == "__main__":
    main()

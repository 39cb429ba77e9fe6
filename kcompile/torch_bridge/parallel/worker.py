"""A worker process: ``python -m kcompile.torch_bridge.parallel.worker``, started by ``pool``."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import threading
import traceback
from multiprocessing.connection import Client, Connection
from typing import Any

import torch

from ...ir import Parameter
from . import memory, pool


class _Worker:
    """What a worker knows: the parameters' doubles, and the steps it takes."""

    def __init__(self, rank: int, connection: Connection) -> None:
        self.rank = rank
        self.connection = connection
        self.receiver = memory.Receiver()
        self.parameters: dict[int, Parameter] = {}
        self.steps: dict[int, Any] = {}
        self.device = "cpu"

    def serve(self) -> None:
        """Does what it is told until the connection closes."""
        while True:
            try:
                what, *arguments = self.connection.recv()
            except (EOFError, OSError):
                return
            getattr(self, what)(*arguments)

    def join(self, how: dict[str, Any]) -> None:
        self.device = how["devices"][self.rank]
        torch.set_num_threads(how["threads"])
        pool.join(how, self.rank)

    def seed(self, seed: int) -> None:
        torch.manual_seed((seed + 1_000_003 * self.rank) % 2**63)

    def parameter(self, number: int, packed: Any) -> None:
        self.parameters[number] = packed.made()

    def program(self, key: int, packed: Any) -> None:
        self.steps[key] = packed.made(self.parameters, self.device, self.rank)

    def values(self, values: dict[int, Any]) -> None:
        for number, array in values.items():
            self.parameters[number].assign(array)

    def step(self, key: int, share: Any, described: list[Any]) -> None:
        before = self.receiver.path
        step = self.steps[key]
        inputs = self.receiver.get(described)
        if self.receiver.path != before:
            self.connection.send(("mapped", self.receiver.path))
        step(share, [x.to(step.device) for x in inputs])

    def forget(self, programs: list[int], parameters: list[int]) -> None:
        for key in programs:
            self.steps.pop(key, None)
        for number in parameters:
            self.parameters.pop(number, None)


def _end_with_caller(folder: str) -> None:
    """Ends this process when the caller is gone, whatever it is doing: nothing comes on standard input but
    its end.
    """
    sys.stdin.buffer.read()
    _end(1, folder)


def _end(status: int, folder: str) -> None:
    """Ends at once: collectives must not be waited for. A caller that was killed cannot tidy up."""
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(status)


def main() -> None:
    """Connects to the caller, then serves it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole group; the caller decides
    told = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_caller, args=(told["folder"],), daemon=True).start()
    address = told["address"]
    connection = Client(
        tuple(address) if isinstance(address, list) else address, authkey=bytes.fromhex(told["key"])
    )
    connection.send(("hello", told["rank"]))
    try:
        _Worker(told["rank"], connection).serve()
    except BaseException:
        try:
            connection.send(("error", traceback.format_exc()))
        except OSError:
            pass  # the caller is gone too
        os._exit(1)  # at once: collectives must not be waited for
    _end(0, told["folder"])


if __name__ == "__main__":
    main()

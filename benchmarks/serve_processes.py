"""Servers and clients as processes: started, asked by lines, looked at from outside, ended."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any

from .serve_clients import Found, Task

ROOT = Path(__file__).resolve().parent.parent


class Process:
    """A program that says on its first line that it is ready, and is killed at the end of the block.

    Attributes:
        ready_s: how long that took.
    """

    def __init__(self, *arguments: str, interpreter: str | Path = sys.executable) -> None:
        start = time.perf_counter()
        self._process = subprocess.Popen(
            [str(interpreter), *arguments],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.said = self._line()
        self.ready_s = time.perf_counter() - start

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            command = self._process.args
            raise RuntimeError(f"{' '.join(command)} has ended.")  # type: ignore[arg-type]
        return line

    def ask(self, question: dict[str, Any]) -> Any:
        """Its answer to a line."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        return json.loads(self._line())

    @property
    def resident_mib(self) -> float:
        """Its memory; 0 where there is no /proc."""
        found = re.search(r"VmRSS:\s+(\d+)", self._proc("status"))
        return int(found[1]) / 1024 if found else 0.0

    @property
    def processor_s(self) -> float:
        """Processor time that it has used; 0 where there is no /proc."""
        fields = self._proc("stat").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") if fields else 0.0

    @property
    def threads(self) -> int:
        """How many it has."""
        found = re.search(r"Threads:\s+(\d+)", self._proc("status"))
        return int(found[1]) if found else 0

    @property
    def handles(self) -> int:
        """Open files and sockets."""
        try:
            return len(os.listdir(f"/proc/{self._process.pid}/fd"))
        except OSError:
            return 0

    @property
    def descendants(self) -> int:
        """Processes that it started, those that they started, and so on; 0 where there is no /proc."""
        parents: dict[int, int] = {}
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
            except OSError:  # it has ended
                continue
        found, last = {self._process.pid}, 0
        while len(found) > last:
            last = len(found)
            found |= {child for child, parent in parents.items() if parent in found}
        return len(found) - 1

    def _proc(self, name: str) -> str:
        try:
            return Path(f"/proc/{self._process.pid}/{name}").read_text()
        except OSError:
            return ""

    @property
    def alive(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def __enter__(self) -> Any:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def end(self) -> None:
        """Kills it."""
        self._process.kill()
        self._process.communicate()


class Server(Process):
    """A server, which names its ports when it is ready."""

    @property
    def port(self) -> int:
        """Of HTTP."""
        return int(re.search(r"127\.0\.0\.1:(\d+)", self.said)[1])  # type: ignore[index]

    @property
    def grpc_port(self) -> int:
        """Of gRPC."""
        return int(re.search(r"gRPC on port (\d+)", self.said)[1])  # type: ignore[index]

    def door(self, name: str) -> int:
        """The port of "grpc" and "frames", or of what is spoken over HTTP/1.1."""
        return self.grpc_port if name in ("grpc", "frames") else self.port


@contextlib.contextmanager
def as_installed() -> Iterator[None]:
    """Has programs that start meanwhile keep what they compile of a working copy, as installations do."""
    before = os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    try:
        yield
    finally:
        if before is not None:
            os.environ["PYTHONDONTWRITEBYTECODE"] = before


def kcompile_serve(models: Path, *options: str) -> Server:
    """Our server, on free ports."""
    ports = ("--port", "0", "--grpc-port", "0")
    return Server("-m", "kcompile_runtime.serving", str(models), *ports, *options)


def other(kind: str, *arguments: str) -> Server:
    """A server of ``serve_peers``."""
    return Server("-m", "benchmarks.serve_peers", kind, *arguments)


class MLServer(Server):
    """MLServer, started by a process that ends it when nobody writes to it any more."""

    def __init__(self, model: Path) -> None:
        super().__init__("-m", "benchmarks.serve_peers", "mlserver", str(model))

    def end(self) -> None:
        """Lets that process end both."""
        self._process.communicate(timeout=30)


class Clients(Process):
    """The process that asks."""

    def __init__(self) -> None:
        super().__init__("-m", "benchmarks.serve_clients")

    def perform(self, task: Task) -> Found:
        """Does a task."""
        return Found(**self.ask(asdict(task)))

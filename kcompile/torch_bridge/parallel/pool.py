"""The worker processes of a data-parallel model, started by the process that trains.

A worker is ``python -m kcompile.torch_bridge.parallel.worker``: it does not import the caller's script, so
scripts need no ``if __name__ == "__main__"``. It is told what to do over a private connection, shares in
collectives by torch.distributed (gloo between CPUs, NCCL between GPUs), and ends when its standard input
closes, which the system does when the caller dies, however that happens.
"""

from __future__ import annotations

import json
import os
import queue
import secrets
import shutil
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from multiprocessing.connection import Connection, Listener
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from ...ir import Parameter
from .. import weights
from . import memory
from .errors import ParallelError
from .packing import PackedParameter

TIMEOUT = 600.0
"""Seconds after which processes that wait for one another give up."""
START_TIMEOUT = 120.0
"""Seconds that a worker has to start."""

_current: weakref.ref[Pool] | None = None


def pool(devices: Sequence[str]) -> Pool:
    """The running workers for these devices, started if need be.

    One set of workers runs at a time: those for other devices are stopped.

    Raises:
        ParallelError: if a worker does not start.
    """
    global _current
    running = _current() if _current is not None else None
    if running is not None and not running.closed:
        if running.devices == tuple(devices):
            return running
        running.close()
    if dist.is_available() and dist.is_initialized():
        raise ParallelError(
            "torch.distributed is in use already in this process: under torchrun train the model itself, "
            "which is data-parallel then, instead of multi_gpu_model."
        )
    made = Pool(devices)
    _current = weakref.ref(made)
    return made


class Pool:
    """Worker processes, one for each device but the first, which is the caller's own.

    Args:
        devices: torch's names of the devices ("cpu", "cuda:1").
    """

    def __init__(self, devices: Sequence[str]) -> None:
        self.devices = tuple(devices)
        self.world = len(self.devices)
        self.closed = False
        self._numbers: weakref.WeakKeyDictionary[Parameter, int] = weakref.WeakKeyDictionary()
        self._made = 0
        self._programs = 0
        self._sent: weakref.WeakKeyDictionary[Parameter, int] = weakref.WeakKeyDictionary()
        self._forgotten: list[int] = []
        self._dropped: list[int] = []
        self._seed: int | None = None
        self._folder = memory.folder()
        self._processes: list[subprocess.Popen[bytes]] = []
        self._connections: list[Connection] = []
        held = (self._processes, self._connections, self._folder)
        self._stop = weakref.finalize(self, _end, os.getpid(), *held)
        self._senders = [memory.Sender(self._folder) for _ in range(1, self.world)]
        try:
            self._start()
        except BaseException:
            self.close()
            raise

    # --- starting and ending ---

    def _start(self) -> None:
        key = secrets.token_bytes(32)
        with Listener(authkey=key) as listener:
            for rank in range(1, self.world):
                self._processes.append(_spawn(rank, listener.address, key, self._folder))
            self._connections.extend(_accepted(listener, self._processes))
        on_gpu = self.devices[0].startswith("cuda")
        store = dist.TCPStore("127.0.0.1", 0, self.world, True, wait_for_workers=False)
        how = {
            "port": store.port,
            "world": self.world,
            "backend": "nccl" if on_gpu else "gloo",
            "timeout": TIMEOUT,
            "threads": threads_each(self.devices),
            "devices": self.devices,
        }
        self.send("join", how)
        with self.watched():
            join(how, 0, store)

    def close(self) -> None:
        """Ends the workers. They are gone when this returns."""
        self.closed = True
        self._stop()

    # --- talking ---

    def send(self, *message: Any) -> None:
        """The same message to every worker."""
        with self.watched():
            for connection in self._connections:
                connection.send(message)

    def send_shards(self, key: int, shards: Sequence[tuple[Any, Sequence[Tensor]]]) -> None:
        """Each worker's part of a step."""
        with self.watched():
            for connection, sender, (share, tensors) in zip(
                self._connections, self._senders, shards, strict=True
            ):
                connection.send(("step", key, share, sender.put(tensors)))

    def number_of(self, parameter: Parameter) -> int:
        """The number by which the workers know a parameter; they are told of new ones."""
        number = self._numbers.get(parameter)
        if number is None:
            number = self._numbers[parameter] = self._made
            self._made += 1
            weakref.finalize(parameter, self._dropped.append, number).atexit = False
            self.send("parameter", number, PackedParameter.of(parameter))
        return number

    def next_program(self) -> int:
        """A number for a program."""
        self._programs += 1
        return self._programs

    def send_seed(self, anew: bool) -> None:
        """Seeds the workers after this process: anew for a new program, else if it was seeded since."""
        seed = torch.initial_seed() % 2**62
        if anew or seed != self._seed:
            self._seed = seed
            self.send("seed", seed)

    def forget(self, program: int) -> None:
        """Says that a program is not needed any more; the workers hear of it in time."""
        self._forgotten.append(program)

    def send_changed(self, parameters: Sequence[Parameter]) -> None:
        """The values of parameters that were written since the workers last had them."""
        if self._forgotten or self._dropped:
            programs, self._forgotten[:] = list(self._forgotten), []
            parameters_gone, self._dropped[:] = list(self._dropped), []
            self.send("forget", programs, parameters_gone)
        changed = [p for p in parameters if self._sent.get(p) != p.storage.version]
        if changed:
            self.send("values", {self.number_of(p): p.storage.array for p in changed})
            self.remember(changed)

    def remember(self, parameters: Sequence[Parameter]) -> None:
        """Says that the workers have the present values."""
        for p in parameters:
            self._sent[p] = p.storage.version

    def tidy(self) -> None:
        """Unlinks the shared memory that all who need it have mapped."""
        for connection in self._connections:
            while connection.poll():
                message = connection.recv()
                if message[0] == "error":
                    raise RuntimeError("a worker failed")
                path = Path(message[1])
                if path.parent == self._folder:
                    path.unlink(missing_ok=True)

    # --- failures ---

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Ends the workers if anything goes wrong inside, and names the worker that was to blame.

        Raises:
            ParallelError: where a worker failed; other exceptions go on as they are.
        """
        try:
            yield
        except ParallelError:
            self.close()
            raise
        except Exception as error:
            blame = self._blame(1.0 if _from_outside(error) else 0.0)
            self.close()
            if blame is not None:
                raise ParallelError(blame) from error
            raise
        except BaseException:  # Ctrl-C: the processes are in the middle of a step and cannot go on together
            self.close()
            raise

    def _blame(self, wait: float) -> str | None:
        """What is wrong with which worker; None if they are well."""
        end = time.monotonic() + wait
        while True:
            found = [self._state(i) for i in range(len(self._processes))]
            reasons = [reason for reason in found if reason is not None]
            told = [reason for reason in reasons if "process group" not in reason and "gloo" not in reason]
            if told or (reasons and time.monotonic() > end):
                return (told or reasons)[0]
            if time.monotonic() > end:
                return None
            time.sleep(0.02)

    def _state(self, index: int) -> str | None:
        who = f"Worker {index + 1} of the data-parallel model (on {self.devices[index + 1]})"
        if index < len(self._connections):
            try:
                while self._connections[index].poll():
                    message = self._connections[index].recv()
                    if message[0] == "error":
                        return f"{who} failed:\n{message[1]}"
            except (EOFError, OSError):
                pass  # it is gone: its exit status says more
        status = self._processes[index].poll()
        if status is None:
            return None
        how = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
        return f"{who} {how}. The weights are those of the last step that all processes finished."


def _from_outside(error: Exception) -> bool:
    """Whether an error may come from another process: of a connection or a collective."""
    return isinstance(error, RuntimeError | OSError | EOFError)


def _spawn(rank: int, address: Any, key: bytes, folder: Path) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    process = subprocess.Popen(
        [sys.executable, "-m", f"{__package__}.worker"], stdin=subprocess.PIPE, env=environment
    )
    assert process.stdin is not None
    told = {"rank": rank, "address": address, "key": key.hex(), "folder": str(folder)}
    process.stdin.write(json.dumps(told).encode() + b"\n")
    process.stdin.flush()
    return process


def _accepted(listener: Listener, processes: Sequence[subprocess.Popen[bytes]]) -> list[Connection]:
    """The workers' connections, by rank.

    Raises:
        ParallelError: if one ends, or does not call in time.
    """
    arrived: queue.Queue[Connection] = queue.Queue()

    def accept() -> None:
        for _ in processes:
            try:
                arrived.put(listener.accept())
            except Exception:  # the listener was closed: nobody waits any more
                return

    threading.Thread(target=accept, name="kcompile-workers", daemon=True).start()
    found: dict[int, Connection] = {}
    end = time.monotonic() + START_TIMEOUT
    while len(found) < len(processes):
        try:
            connection = arrived.get(timeout=0.1)
            found[connection.recv()[1]] = connection
        except queue.Empty:
            ended = [p.returncode for p in processes if p.poll() is not None]
            if ended or time.monotonic() > end:
                what = (
                    f"ended with status {ended[0]}"
                    if ended
                    else f"did not start within {START_TIMEOUT:.0f} s"
                )
                raise ParallelError(
                    f"A worker process of the data-parallel model {what}; see its output."
                ) from None
    return [found[rank] for rank in sorted(found)]


def _end(
    caller: int, processes: list[subprocess.Popen[bytes]], connections: list[Connection], folder: Path
) -> None:
    if os.getpid() != caller:  # a fork of the caller that ends
        return
    for connection in connections:
        connection.close()
    for process in processes:
        process.kill()
    if connections and dist.is_initialized():  # ours: no pool is started where there is another group
        dist.destroy_process_group()
    for process in processes:
        process.wait()
        if process.stdin is not None:
            process.stdin.close()
    shutil.rmtree(folder, ignore_errors=True)


def threads_each(devices: Sequence[str]) -> int:
    """Threads for each process, so that those on the CPU together have what the caller has."""
    return max(1, torch.get_num_threads() // max(1, sum(name.startswith("cpu") for name in devices)))


@contextmanager
def threads(count: int) -> Iterator[None]:
    """torch computes on so many threads inside."""
    before = torch.get_num_threads()
    if before == count:
        yield
        return
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def join(how: dict[str, Any], rank: int, store: dist.TCPStore | None = None) -> None:
    """Makes this process one of the group."""
    timeout = timedelta(seconds=how["timeout"])
    if store is None:
        store = dist.TCPStore("127.0.0.1", how["port"], how["world"], False, timeout)
    if how["backend"] == "nccl":
        torch.cuda.set_device(weights.canonical_device(how["devices"][rank]))
    with _loopback():
        dist.init_process_group(
            how["backend"], store=store, rank=rank, world_size=how["world"], timeout=timeout
        )


@contextmanager
def _loopback() -> Iterator[None]:
    """gloo listens on the loopback interface, unless the user chose one: nothing leaves the machine."""
    name = "GLOO_SOCKET_IFNAME"
    loopback = {"linux": "lo", "darwin": "lo0"}.get(sys.platform)
    if name in os.environ or loopback is None:
        yield
        return
    os.environ[name] = loopback
    try:
        yield
    finally:
        del os.environ[name]

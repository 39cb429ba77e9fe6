"""Mutated ONNX models, each in a process of its own: they load, or are one of kcompile's own errors.

    python -m tests.onnx_io.fuzz 20000 [seed] [first case] [stage ...] [-k]

The models are ONNX's own node tests and those that were converted from PyTorch (in the installed package);
``mutations.py`` says what is done to them. Each case goes through ``load_model``, the command line's inspect
and compile, and the runtime's Executor, in a forked child under limits of time and memory. A child that is
killed, that takes too long, or that sees an error which is not kcompile's own is a failure. ``-k`` goes on
after one and counts them all.
"""

from __future__ import annotations

import contextlib
import gc
import io
import os
import random
import resource
import select
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import onnx
from onnx import defs

from .mutations import mutate

SECONDS, MEGABYTES = 10, 1500
MOST_BYTES = 20_000
"""Larger models are left out: the cases have to be cheap."""


def seeds() -> list[tuple[str, bytes]]:
    """Small sound models: (name, content)."""
    from onnx.backend.test.case.node import collect_testcases

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the cases divide by zero on purpose
        found = [(case.name, case.model.SerializeToString()) for case in collect_testcases(None)]
    folder = Path(onnx.__file__).parent / "backend" / "test" / "data"
    for kind in ("simple", "pytorch-converted", "pytorch-operator"):
        found += [(p.parent.name, p.read_bytes()) for p in sorted((folder / kind).glob("*/model.onnx"))]
    return [(name, _in_common_use(content)) for name, content in found if len(content) <= MOST_BYTES]


def _in_common_use(content: bytes) -> bytes:
    """A model in operator set 21 where it says the same there: onnxruntime does not know ONNX's newest."""
    model = onnx.ModelProto.FromString(content)
    names = [node.op_type for node in model.graph.node]
    imports = model.opset_import
    if len(imports) == 1 and imports[0].version > 21 and all(map(_is_old, names)):
        imports[0].version, model.ir_version = 21, 10
    return model.SerializeToString()


def _is_old(operator: str) -> bool:
    return defs.has(operator) and defs.get_schema(operator).since_version <= 25 and defs.has(operator, 21, "")


def case(number: int, seed: int, files: list[tuple[str, bytes]]) -> tuple[str, bytes]:
    """Name and content of a case: the same for the same numbers and the same version of ONNX."""
    rng = random.Random(seed * 1_000_003 + number)
    name, content = files[rng.randrange(len(files))]
    model = onnx.ModelProto.FromString(content)
    done = mutate(model, rng)
    return f"{name} ({', '.join(done)})", model.SerializeToString()


# --- in the child ---


def load(path: str) -> None:
    from kcompile.keras.models import load_model

    load_model(path)


def inspect(path: str) -> None:
    """What ``kcompile inspect`` does."""
    from kcompile.cli.inspecting import inspect_model
    from kcompile.cli.loading import ModelFile

    with contextlib.redirect_stdout(io.StringIO()):
        inspect_model(ModelFile(Path(path)), ir=False, as_json=True)


def compile_(path: str) -> None:
    """What ``kcompile compile`` does."""
    from kcompile.cli.compiling import compile_model
    from kcompile.cli.loading import ModelFile

    with contextlib.redirect_stdout(io.StringIO()):
        compile_model(ModelFile(Path(path)), Path(path + ".compiled.onnx"), False, 21, verify=False)


def execute(path: str) -> None:
    from kcompile_runtime import Executor

    Executor(path, intra_op_threads=1)


STAGES: dict[str, Callable[[str], None]] = {
    "load_model": load,
    "inspect": inspect,
    "compile": compile_,
    "Executor": execute,
}


def _own(error: BaseException, path: str) -> str:
    """What is wrong with an error; empty if it is kcompile's own and names the file."""
    from kcompile.cli.errors import CommandError
    from kcompile.formats import FileFormatError
    from kcompile.ir import GraphError, OperatorError
    from kcompile.onnx_io import ExportError, FormatError
    from kcompile_runtime.errors import ExecutorError

    own = (CommandError, FileFormatError, FormatError, OperatorError, GraphError, ExportError, ExecutorError)
    if not isinstance(error, own):
        return "foreign"
    return "" if os.path.basename(path) in str(error) else "does not name the file"


def _child(path: str, stages: list[str], pipe: int) -> None:
    """Never returns: the exit code is 0, what happened is written to the pipe, a line a stage."""
    limit = _address_space() + MEGABYTES * (1 << 20)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    line = ""
    for stage in stages:
        if stage == "compile" and line == "refused":  # by inspect, which reads it the same way
            continue
        os.write(pipe, f"{stage}\t".encode())
        try:
            STAGES[stage](path)
            line = "accepted"
        except BaseException as error:
            line = "refused"
            if problem := _own(error, path):
                frame = traceback.extract_tb(error.__traceback__)[-1]
                where = f"{os.path.basename(frame.filename)}:{frame.lineno}"
                line = f"{problem}: {type(error).__name__} at {where}: {' '.join(str(error).split())[:300]}"
        os.write(pipe, line.encode("ascii", "replace") + b"\n")
    os._exit(0)


def _address_space() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


# --- in the parent ---


def warm(folder: Path, files: list[tuple[str, bytes]]) -> None:
    """Imports and caches what every case needs, so that a child has it."""
    sound = dict(files)
    for name in ("test_relu", "test_AvgPool2d", "test_attention_4d"):
        path = folder / f"{name}.onnx"
        path.write_bytes(sound[name])
        for stage in (load, inspect, compile_):  # a session starts threads, which no child would have
            stage(str(path))
    import kcompile_runtime.session

    kcompile_runtime.session.load_onnxruntime()
    gc.collect()
    gc.freeze()


def try_case(content: bytes, folder: Path, stages: list[str]) -> dict[str, str]:
    """What each stage made of a file: accepted, refused, or what is wrong."""
    path = folder / "case.onnx"
    path.write_bytes(content)
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(reader)
            _child(str(path), stages, writer)
        finally:
            os._exit(99)
    os.close(writer)
    text, end = b"", time.monotonic() + 6 * SECONDS
    while (left := end - time.monotonic()) > 0:
        if select.select([reader], [], [], left)[0]:
            piece = os.read(reader, 65536)
            if not piece:
                break
            text += piece
    else:
        os.kill(pid, signal.SIGKILL)
    os.close(reader)
    _, status = os.waitpid(pid, 0)
    outcome: dict[str, str] = {}
    for line in text.decode().splitlines():
        stage, _, what = line.partition("\t")
        outcome[stage] = what
    if status and outcome:
        last = list(outcome)[-1]
        killed = signal.Signals(status & 127).name if status & 127 else f"exit {status >> 8}"
        outcome[last] = f"killed: {killed}"
    return outcome


def failures(outcome: dict[str, str]) -> dict[str, str]:
    return {stage: what for stage, what in outcome.items() if what not in ("accepted", "refused")}


def run(
    count: int, seed: int, folder: Path, first: int = 0, stages: list[str] | None = None
) -> Iterator[tuple[int, str, bytes, dict[str, str]]]:
    """Each case with its outcome."""
    files = seeds()
    warm(folder, files)
    for number in range(first, first + count):
        name, content = case(number, seed, files)
        yield number, name, content, try_case(content, folder, stages or list(STAGES))


def main(arguments: list[str]) -> int:
    keep_going = "-k" in arguments
    stages = [a for a in arguments if a in STAGES] or None
    numbers = [int(a) for a in arguments if a.isdigit()]
    count, seed, first = [*numbers, *(1000, 1, 0)[len(numbers) :]]
    folder = Path(tempfile.mkdtemp(prefix="fuzz"))
    counted: Counter[str] = Counter()
    slowest, begin, failed = 0.0, time.monotonic(), 0
    start = begin
    for number, name, content, outcome in run(count, seed, folder, first, stages):
        slowest, start = max(slowest, time.monotonic() - start if number > first else 0), time.monotonic()
        if (number - first) % 500 == 499:
            print(f"{number + 1 - first} models, {time.monotonic() - begin:.0f} s", flush=True)
        wrong = failures(outcome)
        for stage, what in outcome.items():
            counted[f"{stage}: {what if stage not in wrong else 'FAILED'}"] += 1
        if wrong:
            failed += 1
            kept = folder / f"failed_{number}.onnx"
            kept.write_bytes(content)
            print(f"case {number}, made from {name}, kept in {kept}: {wrong}", flush=True)
            if not keep_going:
                return 1
    seconds = time.monotonic() - begin
    print(
        f"{count} models of seed {seed} from {first}: {failed} failed, {seconds:.0f} s, "
        f"slowest {slowest:.1f} s"
    )
    print(dict(sorted(counted.items())))
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

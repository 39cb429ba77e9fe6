"""Mutated files of every format: each loads, or is one of kcompile's own errors, in bounded time and memory.

    python -m tests.formats.fuzz 20000 [seed]

Mutations: bytes set to extremes or at random, bits flipped, cut at 4 KB boundaries or anywhere, pieces
repeated, moved or removed, numbers in texts and configs replaced by impossible ones. A damaged .keras gets
its members mutated as well.
"""

from __future__ import annotations

import io
import random
import re
import resource
import sys
import tempfile
import time
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from kcompile import formats
from kcompile.keras.models import load_model

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
SECONDS, MEGABYTES = 5.0, 500
_NUMBERS = [
    b"0",
    b"-1",
    b"1e308",
    b"99999999999",
    b"2147483648",
    b"null",
    b"[]",
    b"NaN",
    b'"x"',
    b"true",
    b"[[1]]",
]

Mutation = Callable[[bytearray, random.Random], bytes]


def seeds() -> list[tuple[str, bytes]]:
    """Small real files: (name, content)."""
    paths = [
        *sorted((GOLDEN / "formats").glob("*.h5")),
        *sorted((GOLDEN / "formats").glob("*shared.json")),
        *sorted((GOLDEN / "formats").glob("*.yaml")),
        *sorted((GOLDEN / "formats" / "keras3").glob("*.keras")),
        *sorted((GOLDEN / "formats" / "keras3").glob("*.weights.h5")),
        *sorted((GOLDEN / "h5").glob("*.keras-3*.h5")),
    ]
    found = [(path.name, path.read_bytes()) for path in paths]
    header = (
        b'{"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},'
        b'"b":{"dtype":"I64","shape":[],"data_offsets":[24,32]}}'
    )
    found.append(("w.safetensors", len(header).to_bytes(8, "little") + header + bytes(range(32))))
    return found


def set_bytes(data: bytearray, rng: random.Random) -> bytes:
    for _ in range(rng.choice([1, 1, 2, 4, 16, 64])):
        data[rng.randrange(len(data))] = rng.choice([0, 255, 127, 128, rng.randrange(256)])
    return bytes(data)


def flip_bits(data: bytearray, rng: random.Random) -> bytes:
    for _ in range(rng.choice([1, 1, 2, 8])):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(data)


def cut(data: bytearray, rng: random.Random) -> bytes:
    boundaries = range(0, len(data), 4096)
    return bytes(data[: rng.choice(boundaries) if rng.random() < 0.5 else rng.randrange(len(data))])


def move_piece(data: bytearray, rng: random.Random) -> bytes:
    start, size, place = rng.randrange(len(data)), rng.choice([1, 8, 64, 512]), rng.randrange(len(data))
    piece = data[start : start + size]
    action = rng.choice(["repeat", "overwrite", "remove"])
    if action == "repeat":
        data[place:place] = piece
    elif action == "overwrite":
        data[place : place + len(piece)] = piece
    else:
        del data[start : start + size]
    return bytes(data)


def change_number(data: bytearray, rng: random.Random) -> bytes:
    """A value in JSON text replaced; within HDF5 the length stays."""
    places = list(re.finditer(rb"(?<=[:\[ ,])-?[0-9.]+(?=[,}\] ])|true|false|null", data))
    if not places:
        return set_bytes(data, rng)
    place, value = rng.choice(places), rng.choice(_NUMBERS)
    if data[:8] == b"\x89HDF\r\n\x1a\n":
        value = value.ljust(len(place.group()))[: len(place.group())]
    data[place.start() : place.end()] = value
    return bytes(data)


MUTATIONS: list[Mutation] = [set_bytes, flip_bits, cut, move_piece, change_number, change_number]


def mutate(name: str, content: bytes, rng: random.Random) -> bytes:
    if name.endswith(".keras") and rng.random() < 0.7:
        return _mutate_member(content, rng)
    data = rng.choice(MUTATIONS)(bytearray(content), rng)
    if rng.random() < 0.2 and data:
        data = rng.choice(MUTATIONS)(bytearray(data), rng)
    return data


def _mutate_member(content: bytes, rng: random.Random) -> bytes:
    """A sound zip archive around one mutated member, so that more than the check sum is tried."""
    result = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(result, "w") as new:
        names = old.namelist()
        chosen = rng.choice(["config.json", "config.json", "model.weights.h5", "metadata.json"])
        for name in names:
            data = old.read(name)
            if name == chosen:
                data = rng.choice(MUTATIONS)(bytearray(data), rng)
            new.writestr(name, data, rng.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]))
    return result.getvalue()


class Failure(AssertionError):
    """A file that did neither load nor raise an error of kcompile, or took too long or too much."""


def peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def run(count: int, seed: int, folder: Path) -> Counter[str]:
    """Tries ``count`` files.

    Raises:
        Failure: at the first that is not as it should be; the file stays in the folder.
    """
    outcomes: Counter[str] = Counter()
    before = peak_megabytes()
    for number, name, data in cases(count, seed):
        suffix = ".weights.h5" if name.endswith(".weights.h5") else Path(name).suffix
        path = folder / f"case{suffix}"
        path.write_bytes(data)
        start = time.monotonic()
        where = f"case {number} of seed {seed}, made from {name}, kept in {path}"
        try:
            outcomes[try_file(path)] += 1
        except Exception as error:
            raise Failure(f"{where}: {type(error).__name__}: {error}") from error
        if time.monotonic() - start > SECONDS:
            raise Failure(f"{where}: took {time.monotonic() - start:.1f} s")
        if peak_megabytes() - before > MEGABYTES:
            raise Failure(f"{where}: took {peak_megabytes() - before:.0f} MB")
    return outcomes


def cases(count: int, seed: int) -> Iterator[tuple[int, str, bytes]]:
    files = seeds()
    for number in range(count):
        rng = random.Random(seed * 1_000_003 + number)
        name, content = files[number % len(files)]
        yield number, name, mutate(name, content, rng)


def try_file(path: Path) -> str:
    """ "loaded" or "refused".

    Raises:
        Exception: whatever is not an error of kcompile.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            if path.suffix in (".json", ".yaml", ".safetensors") or path.name.endswith(".weights.h5"):
                formats.read(path)
            else:
                load_model(path)
        except ValueError as error:
            if not _is_own(error):
                raise
            return "refused"
    return "loaded"


def _is_own(error: BaseException) -> bool:
    """Whether the error was raised by a statement of kcompile's, with a message."""
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    module = "" if traceback is None else traceback.tb_frame.f_globals.get("__name__", "")
    return bool(str(error)) and module.split(".")[0] == "kcompile"


if __name__ == "__main__":
    total = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    first = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    begin = time.monotonic()
    result = run(total, first, Path(tempfile.mkdtemp(prefix="fuzz")))
    print(f"{total} files: {dict(result)}, {time.monotonic() - begin:.0f} s, peak {peak_megabytes():.0f} MB")

"""Mutated files of every format: each loads, or is one of kcompile's own errors, in bounded time and memory.

    python -m tests.formats.fuzz 20000 [seed]

Readers: whole models in .h5, .keras (weights in .npz too), .onnx, .json and .yaml; weights in .weights.h5,
the index of shards and the shards themselves, .safetensors, .pt in both of torch's layouts.

Mutations: bytes set to extremes or at random, bits flipped, cut at 4 KB boundaries or anywhere, pieces
repeated, moved or removed, numbers in texts and configs replaced by impossible ones. Members of a .keras
and a .pt are mutated within a sound archive as well.
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

import numpy as np

from kcompile import formats
from kcompile.keras.models import load_model
from kcompile.keras.state_dict.files import read_tensors

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


SHARDS = [*sorted((GOLDEN / "formats" / "keras3").glob("nested_nadam_0*.weights.h5"))]


def seeds() -> list[tuple[str, bytes]]:
    """Small sound files of every format: (name, content)."""
    return [*stored(), *_onnx_files(), *_torch_files()]


def stored() -> list[tuple[str, bytes]]:
    """Those that lie in the repository, and others that take no time to make."""
    formats_, keras3 = GOLDEN / "formats", GOLDEN / "formats" / "keras3"
    paths = [
        *sorted(formats_.glob("*.h5")),
        *sorted(formats_.glob("*.keras")),
        *sorted(formats_.glob("*shared.json")),
        *sorted(formats_.glob("*.yaml")),
        *sorted((formats_ / "policies").glob("*float16.*[sh5]")),
        *sorted(keras3.glob("*_[a-z]*.keras")),
        keras3 / "mlp_adam.keras",
        keras3 / "ops_chain.h5",
        *sorted(keras3.glob("*[a-z].weights.h5")),
        keras3 / "nested_nadam.weights.json",
        *SHARDS,
        *sorted((GOLDEN / "h5").glob("*.keras-3*.h5")),
    ]
    # weights alone as Keras 2 has them are read like those of Keras 3
    found = [(path.name.replace("_weights.h5", ".weights.h5"), path.read_bytes()) for path in paths]
    found.append(("npz.keras", _with_npz(keras3 / "mlp_adam.keras")))
    header = (
        b'{"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},'
        b'"b":{"dtype":"I64","shape":[],"data_offsets":[24,32]}}'
    )
    found.append(("w.safetensors", len(header).to_bytes(8, "little") + header + bytes(range(32))))
    return found


def _onnx_files() -> list[tuple[str, bytes]]:
    """Exported here: they carry a Keras config; and the same without it, as anyone's."""
    import onnx

    from kcompile import keras
    from tests.peers import structures

    found = []
    with tempfile.TemporaryDirectory() as folder:
        for name in ("mlp", "convolutional", "lstm"):
            path = Path(folder) / f"{name}.onnx"
            getattr(structures, name)(keras).export(path, verify=False)
            found.append((path.name, path.read_bytes()))
            plain = onnx.load(path)
            del plain.metadata_props[:]
            found.append((f"plain_{name}.onnx", plain.SerializeToString()))
    return found


def _torch_files() -> list[tuple[str, bytes]]:
    import torch

    state = {"a.weight": torch.ones(3, 4), "a.bias": torch.zeros(3), "n.num_batches_tracked": torch.tensor(5)}
    found = []
    for name, zipped in (("w.pt", True), ("old.pth", False)):
        buffer = io.BytesIO()
        torch.save(state, buffer, _use_new_zipfile_serialization=zipped)
        found.append((name, buffer.getvalue()))
    return found


def _with_npz(path: Path) -> bytes:
    """A .keras whose weights are a numpy archive, as Keras 3 can write them."""
    weights, result = io.BytesIO(), io.BytesIO()
    np.savez(weights, **{"layers/dense": np.asarray({"0": np.ones((2, 3), "float32")}, dtype=object)})
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(result, "w") as new:
        for name in ("metadata.json", "config.json"):
            new.writestr(name, old.read(name))
        new.writestr("model.weights.npz", weights.getvalue())
    return result.getvalue()


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
    if name.endswith((".keras", ".pt")) and rng.random() < 0.7:
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
        chosen = rng.choice([*names, *(["config.json"] if "config.json" in names else [])])
        for name in names:
            data = old.read(name)
            if name == chosen:
                data = rng.choice(MUTATIONS)(bytearray(data), rng) if data else b"x"
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
    files = seeds()
    for shard in SHARDS:  # which the index names
        (folder / shard.name).write_bytes(shard.read_bytes())
    for name, data in files:  # what is imported and cached counts for no file
        path = folder / f"sound{_suffix(name)}"
        path.write_bytes(data)
        if tried(path, f"{name} as it is") != "loaded" and name != "npz.keras":
            raise Failure(f"{name} does not load before it is damaged")
    before = peak_megabytes()
    for number, name, data in cases(count, seed, files):
        path = folder / f"case{_suffix(name)}"
        path.write_bytes(data)
        start, begun = time.process_time(), time.monotonic()
        where = f"case {number} of seed {seed}, made from {name}, kept in {path}"
        outcomes[tried(path, where)] += 1
        # of this process: other programs may hold it up
        if time.process_time() - start > SECONDS or time.monotonic() - begun > 20 * SECONDS:
            raise Failure(f"{where}: took {time.monotonic() - begun:.1f} s")
        if peak_megabytes() - before > MEGABYTES:
            raise Failure(f"{where}: took {peak_megabytes() - before:.0f} MB")
    return outcomes


def tried(path: Path, where: str) -> str:
    """As ``try_file``, any other error being a Failure that says where."""
    try:
        return try_file(path)
    except Exception as error:
        raise Failure(f"{where}: {type(error).__name__}: {error}") from error


def _suffix(name: str) -> str:
    double = next((s for s in (".weights.h5", ".weights.json") if name.endswith(s)), None)
    return double or Path(name).suffix


def cases(count: int, seed: int, files: list[tuple[str, bytes]]) -> Iterator[tuple[int, str, bytes]]:
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
            if path.name.endswith((".weights.h5", ".weights.json")):
                formats.read(path)
            elif path.suffix in (".safetensors", ".pt", ".pth"):
                read_tensors(path)
            else:
                load_model(path)
        except ValueError as error:
            if not is_ours(error):
                raise
            return "refused"
    return "loaded"


def is_ours(error: BaseException) -> bool:
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

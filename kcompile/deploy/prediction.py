"""Predicting more than fits into memory: shard by shard into a folder, each result once.

A shard's results are one file, which is there as a whole or not at all. Whoever predicts a shard, and however
often, writes the same file; so a worker may be lost, and the command be run again.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kcompile_runtime import Executor
from kcompile_runtime.header import inspect

from ..atomic import replacing
from . import shards, tables
from .shards import Shard

PLAN = "_plan.json"
DONE = "_done.json"


@dataclass(frozen=True)
class Work:
    """All that a worker needs to predict any shard; plain data, so that it can be sent.

    Attributes:
        model: path of the ONNX file.
        digest: of the model and its weights: what is loaded is kept by it.
        folder: where results go.
        batch_size: samples a run; None for the executor's choice.
        pixels: the range of pixels of images; None for what the model is known for.
        threads: of an operator; None for all cores.
    """

    model: str
    digest: str
    folder: str
    batch_size: int | None = None
    pixels: str | None = None
    threads: int | None = None

    def part(self, shard: Shard) -> Path:
        """The file of a shard's results."""
        suffix = ".parquet" if shard.kind == "parquet" else ".npz"
        return Path(self.folder, f"part-{shard.index:05d}{suffix}")


#: Predicts shards in any order and gives each back when its results are there.
Runner = Callable[[Work, Sequence[Shard]], Iterable[Shard]]


@dataclass(frozen=True)
class Summary:
    """What came of it: files of results, samples in all of them, and files that were there before."""

    parts: int
    rows: int
    resumed: int


def predict_folder(
    model: str | os.PathLike[str],
    data: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    runner: Runner | None = None,
    batch_size: int | None = None,
    shard_rows: int | None = None,
    pixels: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Summary:
    """Predicts data of any size into a folder of files.

    Args:
        model: an ONNX file without states.
        data: .npy, .npz, .parquet or image files: one, or a folder of one kind.
        folder: to make, or of an earlier call for the same, which then goes on.
        runner: who predicts the shards; by default this process.
        batch_size: samples a run.
        shard_rows: samples of one file of results, at most.
        pixels: the range of pixels of images (`images.PIXELS`).
        progress: is told (files of results, of how many).

    Raises:
        FileExistsError: the folder has something else in it.
        FileNotFoundError: there is no such model or data.
        ModelFileError: the file is no model that may be loaded.
        ValueError: the data are not what the model takes.
    """
    work = Work(
        str(Path(model).resolve()), _digest(Path(model)), str(Path(folder).resolve()), batch_size, pixels
    )
    executor = _executor(work.model, work.digest, work.threads)
    if executor.states:
        raise ValueError(
            f"{model}: its states go from sample to sample, which shards cut; predict it in one file"
        )
    kind, files = shards.files_of(data)
    if kind == "images":
        _image_reader(work, executor)  # whether it takes any is said before anything is made
    found = shards.shards_of(kind, [file.resolve() for file in files], shard_rows)
    _begin(Path(folder), _plan(work, files, found))
    waiting = [shard for shard in found if not work.part(shard).exists()]
    resumed = len(found) - len(waiting)
    for count, _ in enumerate((runner or run_here)(work, waiting), resumed + 1):
        if progress is not None:
            progress(count, len(found))
    missing = [str(shard) for shard in found if not work.part(shard).exists()]
    if missing:
        raise ValueError(
            f"{folder}: {len(missing)} results are not there ({missing[0]}): all must see this folder"
        )
    summary = Summary(len(found), sum(shard.rows for shard in found), resumed)
    _write_json(Path(folder, DONE), {"parts": summary.parts, "rows": summary.rows})
    return summary


def run_here(work: Work, waiting: Sequence[Shard]) -> Iterator[Shard]:
    """Predicts shards one after the other in this process."""
    for shard in waiting:
        predict_shard(work, shard)
        yield shard


def predict_shard(work: Work, shard: Shard) -> None:
    """Predicts one shard and puts its results in their place, as a whole.

    Raises:
        ValueError: its samples are not what the model takes; the message names it.
    """
    executor = _executor(work.model, work.digest, work.threads)
    image = _image_reader(work, executor) if shard.kind == "images" else None
    samples = shards.read(shard, executor.inputs, image)
    try:
        outputs = executor.predict(samples.inputs, work.batch_size)
    except ValueError as error:
        raise ValueError(f"{shard}: {error}") from error
    arrays = outputs if isinstance(outputs, list) else [outputs]
    results = dict(zip((info.name for info in executor.outputs), arrays, strict=True))
    if twice := sorted(results.keys() & samples.carried.keys()):
        raise ValueError(f"{shard}: the column {twice[0]!r} is called as an output of the model: rename it")
    path = work.part(shard)
    with replacing(path) as new:
        if shard.kind == "parquet":
            tables.write_table(new, {**samples.carried, **results})
        else:
            _write_arrays(new, {**samples.carried, **results})


@functools.lru_cache(maxsize=1)
def _executor(model: str, digest: str, threads: int | None) -> Executor:
    """The model, loaded once a process."""
    return Executor(model, intra_op_threads=threads)


def _image_reader(work: Work, executor: Executor) -> shards.ImageReader:
    from .image_files import image_reader  # the front end, for what applications do with pixels

    return image_reader(executor, work.pixels)


def _digest(model: Path) -> str:
    """sha256 of a model; of weights in files beside it, their sizes and times."""
    external, _ = inspect(model, repr(str(model)))
    content = hashlib.sha256(model.read_bytes())
    for name in sorted({weight.location for weight in external}):
        content.update(repr(_identity(model.parent / name)[1:]).encode())
    return content.hexdigest()


def _identity(file: Path) -> tuple[str, int, int]:
    status = file.stat()
    return str(file.resolve()), status.st_size, status.st_mtime_ns


def _plan(work: Work, files: Sequence[Path], found: Sequence[Shard]) -> dict[str, Any]:
    """What the folder holds the results of: where it is the same, they are."""
    listing = [_identity(file) for file in files]
    cut = [(shard.files, shard.start, shard.stop) for shard in found]
    digest = hashlib.sha256(repr((listing, cut, work.pixels)).encode()).hexdigest()
    return {"format": 1, "model": work.digest, "data": digest, "parts": len(found)}


def _begin(folder: Path, plan: dict[str, Any]) -> None:
    folder.mkdir(exist_ok=True)
    path = folder / PLAN
    if not path.exists():
        if other := next(folder.iterdir(), None):
            raise FileExistsError(
                f"{folder}: expected a new folder, or one of this command, found {other.name!r}"
            )
        _write_json(path, plan)
    elif _read_json(path) != plan:
        raise FileExistsError(
            f"{folder}: its results are of another model, of other data, or cut otherwise; name a new one"
        )


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return None


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    with replacing(path) as new:
        Path(new).write_text(json.dumps(content), encoding="utf-8")


def _write_arrays(path: str, arrays: Mapping[str, np.ndarray]) -> None:
    with zipfile.ZipFile(path, "w") as archive:  # np.savez cannot take a name such as "file"
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, np.asanyarray(array), allow_pickle=False)

"""``kcompile predict`` into a folder, on this machine or on a Ray cluster."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from ..deploy.shards import KINDS
from .arrays import SUFFIXES
from .errors import CommandError
from .loading import ModelFile, kind_of
from .packaging import onnx_file
from .tables import tell


class Sharding(NamedTuple):
    """How data are predicted into a folder.

    Attributes:
        batch_size: samples a run.
        shard_rows: samples of one file of results.
        pixels: the range of pixels of images.
        ray: by the workers of a cluster.
        address: of the cluster.
    """

    batch_size: int | None = None
    shard_rows: int | None = None
    pixels: str | None = None
    ray: bool = False
    address: str | None = None


def is_sharded(data: Path, output: Path, options: Sharding) -> bool:
    """Whether results go into a folder rather than one file.

    Raises:
        CommandError: options of a folder, and a file to write.
    """
    to_file = output.suffix.lower() in SUFFIXES and not output.is_dir()
    wants_folder = data.is_dir() or data.suffix.lower() in KINDS.keys() - set(SUFFIXES)
    asked = options.ray or options.shard_rows or options.pixels or options.address
    if to_file and (wants_folder or asked):
        raise CommandError(f"-o {output}: these results go into a folder; name one, as {output.stem}.")
    return not to_file and (output.suffix == "" or output.is_dir() or wants_folder)


def predict_shards(
    file: ModelFile, data: Path, output: Path, options: Sharding, as_json: bool = False
) -> None:
    """Predicts a file or folder of data into a folder of files.

    Raises:
        OSError, ValueError: what `kcompile.deploy.prediction.predict_folder` raises.
    """
    from ..deploy.prediction import predict_folder

    runner = None
    if options.ray and kind_of(file.path) != "onnx":
        raise CommandError(f"{file.path}: every node reads the model; compile it to an .onnx file first.")
    if options.ray:
        from ..deploy.ray_tasks import on_ray

        runner = on_ray(options.address)
    with onnx_file(file) as model:
        made = predict_folder(
            model, data, output, runner, options.batch_size, options.shard_rows, options.pixels
        )
    there = f", {made.resumed} of them from before" if made.resumed else ""
    text = f"{output}: {made.rows} samples in {made.parts} files{there}"
    tell({"folder": str(output), **vars(made)}, text, as_json)

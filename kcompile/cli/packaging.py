"""``kcompile package``."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from .errors import CommandError
from .loading import ModelFile, kind_of, load
from .tables import tell


class Batching(NamedTuple):
    """How Triton batches; None for what `write_triton_repository` has by default.

    Attributes:
        max_batch: samples of one run.
        delay_ms: how long a run waits for more requests.
    """

    max_batch: int | None = None
    delay_ms: float | None = None


def package_model(
    file: ModelFile,
    output: Path,
    name: str | None,
    image: str | None,
    triton: bool,
    batching: Batching,
    replace: bool,
    as_json: bool,
) -> None:
    """Writes a folder to deploy, or a repository of Triton's.

    Args:
        file: a model of any kind; what is no ONNX file is exported first.
        output: the folder to make.
        name: of the model; by default after its file.
        image: reference of the image; by default NAME:1.
        triton: write a repository for Triton.
        batching: for Triton.
        replace: whether a folder of an earlier call may be replaced.
        as_json: print JSON.

    Raises:
        CommandError: options that do not go together.
        FileExistsError: the folder is there.
    """
    if triton and image is not None:
        raise CommandError("--image goes with a container of its own; --triton makes none.")
    chosen = {name: value for name, value in batching._asdict().items() if value is not None}
    if chosen and not triton:
        options = " and ".join(f"--{name.replace('_', '-')}" for name in chosen)
        raise CommandError(
            f"{options}: of --triton; a server of ours is told when it starts (docs/serving.md)."
        )
    with onnx_file(file) as model:
        if triton:
            from ..deploy.triton import write_triton_repository

            name = write_triton_repository(model, output, name, replace=replace, **chosen)
            text = f"{output}: model {name!r}; tritonserver --model-repository={output}"
        else:
            from ..deploy.package import write_package

            name = write_package(model, output, name, image, replace)
            text = f"{output}: model {name!r}; {output / 'README.md'} has the commands"
    tell({"folder": str(output), "name": name, "triton": triton}, text, as_json)


@contextmanager
def onnx_file(file: ModelFile) -> Iterator[Path]:
    """The model as an ONNX file: itself, or exported to one that is gone at the end."""
    if kind_of(file.path) == "onnx":
        if file.weights is not None:
            raise CommandError(
                f"{file.path} holds its own weights; --weights goes with .json and .yaml files."
            )
        yield file.path
        return
    model = load(file)
    with tempfile.TemporaryDirectory() as folder:
        exported = Path(folder) / f"{Path(file.path.name.rpartition(':')[2]).stem or 'model'}.onnx"
        model.export(exported)  # type: ignore[union-attr]  # only ONNX files become graphs
        yield exported

"""``kcompile web``."""

from __future__ import annotations

from pathlib import Path

from .loading import ModelFile
from .packaging import onnx_file
from .tables import tell


def write_web_page(
    file: ModelFile,
    output: Path,
    title: str | None,
    labels: Path | None,
    pixels: str | None,
    runtime: Path | None,
    replace: bool,
    as_json: bool,
) -> None:
    """Writes a page that runs a model in the browser, and says how to look at it.

    Args:
        file: a model of any kind; what is no ONNX file is exported first.
        output: the folder to make.
        title: of the page; by default the file's name.
        labels: a file with the name of a class on each line.
        pixels: the range of pixels of images.
        runtime: npm's archive of onnxruntime-web.
        replace: whether a folder of an earlier call may be replaced.
        as_json: print JSON.

    Raises:
        OSError, ValueError: what `kcompile.deploy.web.write_page` raises.
    """
    names = None if labels is None else labels.read_text(encoding="utf-8").splitlines()
    with onnx_file(file) as model:
        from ..deploy.web import write_page

        title = write_page(model, output, title, names, pixels, runtime, replace)
    text = f"{output}: {title!r}; python -m http.server --directory {output} serves it"
    tell({"folder": str(output), "title": title}, text, as_json)

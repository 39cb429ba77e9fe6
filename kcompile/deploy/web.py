"""A static page that runs a model in the browser, by onnxruntime-web."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kcompile_runtime import StateInfo, TensorInfo
from kcompile_runtime.text import harmless

from ..atomic import new_folder
from . import onnxruntime_web
from .images import image_input
from .models import CheckedModel, check_model

PAGE = Path(__file__).parent / "page"
#: Element types that JavaScript has arrays of.
TYPES = frozenset(
    ("float16", "float32", "float64", "bool", "object")
    + tuple(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))
)


def write_page(
    model: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    title: str | None = None,
    labels: Sequence[str] | None = None,
    pixels: str | None = None,
    runtime: str | os.PathLike[str] | None = None,
    replace: bool = False,
) -> str:
    """Writes the folder: the page, the model, and onnxruntime-web.

    Args:
        model: an ONNX file.
        folder: to make.
        title: of the page; by default the file's name.
        labels: of the classes, shown for outputs of so many.
        pixels: the range of pixels of images (`images.PIXELS`); by default what the model is known for.
        runtime: npm's archive of onnxruntime-web; by default it is downloaded, once.
        replace: whether a folder of an earlier call may be replaced.

    Returns:
        the title.

    Raises:
        FileExistsError: the folder is there.
        ModelFileError: the file is no model that may be loaded.
        OSError: onnxruntime-web cannot be downloaded.
        ValueError: a tensor that browsers have no type for, labels that fit no output, another archive.
    """
    checked = check_model(model)
    title = harmless(title or Path(model).stem)
    text = json.dumps(describe(checked, title, labels, pixels), indent=1)
    package = onnxruntime_web.archive(runtime)
    with new_folder(folder, replace) as made:
        checked.copy_into(Path(made))
        for source in sorted(PAGE.iterdir()):
            shutil.copyfile(source, Path(made, source.name))
        Path(made, "model.json").write_text(text, encoding="utf-8")
        Path(made, "onnxruntime-web").mkdir()
        onnxruntime_web.unpack(package, Path(made, "onnxruntime-web"))
    return title


def describe(
    model: CheckedModel, title: str, labels: Sequence[str] | None = None, pixels: str | None = None
) -> dict[str, Any]:
    """What model.json says: title, tensors, states, and how images become inputs.

    Raises:
        ValueError: a type or rank that a page has no form for, or labels that fit no output.
    """
    outputs = [_tensor(tensor) for tensor in model.outputs]
    if labels is not None:
        _label(outputs, list(labels))
    return {
        "title": title,
        "weights": list(model.weights),
        "inputs": [{**_tensor(tensor), **_image(tensor, model, pixels)} for tensor in model.inputs],
        "outputs": outputs,
        "states": [_state(state) for state in model.states],
    }


def _tensor(tensor: TensorInfo) -> dict[str, Any]:
    if tensor.dtype not in TYPES or tensor.shape is None:
        raise ValueError(f"{tensor}: expected a tensor of known rank and of a type that browsers have")
    return {"name": tensor.name, "dtype": tensor.dtype, "shape": list(tensor.shape)}


def _image(tensor: TensorInfo, model: CheckedModel, pixels: str | None) -> dict[str, Any]:
    found = image_input(tensor, model.metadata, pixels)
    if found is None:
        return {}
    image = {
        "height": found.height,
        "width": found.width,
        "channels": found.channels,
        "channelsFirst": found.channels_first,
        "scale": found.pixels.scale,
        "offset": found.pixels.offset,
        "reverse": found.pixels.reverse,
    }
    return {"image": image}


def _state(state: StateInfo) -> dict[str, Any]:
    if state.dtype not in TYPES:
        raise ValueError(f"state {state.input!r}: expected a type that browsers have, found {state.dtype}")
    initial = None
    if state.initial is not None:
        values = state.initial.ravel()
        # as text: JSON has neither NaN nor whole numbers of 64 bits that survive JavaScript's parser
        initial = {"shape": list(state.initial.shape), "data": [str(value) for value in values.tolist()]}
    return {
        "input": state.input,
        "output": state.output,
        "dtype": state.dtype,
        "shape": list(state.shape),
        "initial": initial,
    }


def _label(outputs: list[dict[str, Any]], labels: list[str]) -> None:
    fitting = [output for output in outputs if output["shape"] and output["shape"][-1] == len(labels)]
    if not fitting:
        sizes = ", ".join(f"{output['name']} {output['shape']}" for output in outputs)
        raise ValueError(f"labels: expected one for each class of an output ({sizes}), found {len(labels)}")
    for output in fitting:
        output["labels"] = labels

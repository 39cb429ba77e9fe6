"""``kcompile predict``. A .onnx file needs the runtime alone: neither torch nor the front end is loaded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .arrays import check_output, read_arrays, shaped, write_arrays
from .errors import CommandError
from .loading import ModelFile
from .tables import tell


def predict_file(
    file: ModelFile,
    data: Path,
    output: Path,
    batch_size: int | None,
    as_json: bool = False,
) -> None:
    """Reads samples, runs the model over them, writes its outputs, and says so in one line."""
    check_output(output)
    if not output.absolute().parent.is_dir():
        raise CommandError(f"-o {output}: there is no folder {output.parent}.")
    arrays = read_arrays(data)
    predictor = open_predictor(file)
    names, shapes = predictor.input_names, predictor.input_shapes
    inputs = [
        shaped(array, shape) for array, shape in zip(in_order(arrays, names, data), shapes, strict=True)
    ]
    outputs = predictor.predict(inputs, batch_size)
    write_arrays(output, predictor.output_names, outputs)
    described = [
        {"name": name, "dtype": str(array.dtype), "shape": list(array.shape)}
        for name, array in zip(predictor.output_names, outputs, strict=True)
    ]
    listed = ", ".join(f"{found['name']} {found['dtype']}{found['shape']}" for found in described)
    tell({"file": str(output), "outputs": described}, f"{output}: {listed}", as_json)


class Predictor:
    """A model of any kind, ready to run.

    Args:
        path: the model file, for messages.
        inputs, outputs: (name, shape) of each; sizes that are open are None or a name.
        run: (list of arrays, batch size or None) -> list of arrays.
        reset: sets the states of a stateful model to their start.
    """

    def __init__(self, path: Path, inputs: Any, outputs: Any, run: Any, reset: Any) -> None:
        self.path = path
        self.input_names = [name for name, _ in inputs]
        self.input_shapes = [shape for _, shape in inputs]
        self.output_names = [name for name, _ in outputs]
        self._run = run
        self.reset_states = reset

    def predict(self, arrays: list[np.ndarray], batch_size: int | None = None) -> list[np.ndarray]:
        """One array (samples, ...) per output."""
        results = self._run(arrays, batch_size)
        return list(results) if isinstance(results, list | tuple) else [results]


def open_predictor(file: ModelFile) -> Predictor:
    """A predictor for a model file; for ONNX by ``kcompile_runtime`` alone.

    Raises:
        OSError, ValueError: the file cannot be read, or is no model.
    """
    path = file.path
    if path.suffix.lower() == ".onnx" and file.weights is None:
        from kcompile_runtime import Executor

        executor = Executor(path)
        return Predictor(
            path,
            [(info.name, info.shape) for info in executor.inputs],
            [(info.name, info.shape) for info in executor.outputs],
            executor.predict,
            executor.reset_states,
        )
    if path.suffix.lower() == ".py" and file.weights is None:
        return _module_predictor(path)
    from ..ir import Graph
    from .loading import load

    model = load(file)
    if isinstance(model, Graph):  # an ONNX file under another name
        raise CommandError(f"{path}: this is an ONNX file; name it .onnx.")
    return model_predictor(path, model)


def model_predictor(path: Path, model: Any) -> Predictor:
    """A predictor for a Keras model; the path is for messages."""
    inputs, outputs = model.inputs or (), model.outputs or ()
    return Predictor(
        path,
        [(name, value.shape) for name, value in zip(model.input_names, inputs, strict=True)],
        [(name, value.shape) for name, value in zip(model.output_names, outputs, strict=True)],
        lambda arrays, batch_size: model.predict(
            arrays if len(arrays) > 1 else arrays[0], batch_size=batch_size
        ),
        model.reset_states,
    )


def _module_predictor(path: Path) -> Predictor:
    """A predictor for PyTorch source that ``kcompile convert`` wrote; it runs that file."""
    from ..torch_bridge.module_file import load_module_file

    module = load_module_file(path)
    return Predictor(
        path,
        list(module.inputs.items()),
        [(name, None) for name in module.outputs],
        lambda arrays, batch_size: module.run(arrays),
        module.reset_states,
    )


def in_order(
    arrays: np.ndarray | dict[str, np.ndarray], names: Sequence[str], data: Path
) -> list[np.ndarray]:
    """The arrays of a file in the order of the inputs: by name, or as they stand if no name is an input's."""
    if not isinstance(arrays, dict):
        if len(names) != 1:
            raise CommandError(
                f"{data} has one array, the model {len(names)} inputs ({', '.join(names)}): "
                "give a .npz with one each."
            )
        return [arrays]
    if all(name in arrays for name in names):
        return [arrays[name] for name in names]
    if len(arrays) == len(names) and not set(arrays) & set(names):
        return list(arrays.values())
    raise CommandError(
        f"{data} has the arrays {', '.join(arrays) or '(none)'}; the model's inputs are {', '.join(names)}."
    )

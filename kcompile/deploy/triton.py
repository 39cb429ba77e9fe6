"""Models as Triton's repository has them: NAME/config.pbtxt and NAME/1/model.onnx.

The text format and the fields are those of ``model_config.proto`` of the Triton Inference Server.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from kcompile_runtime import StateInfo, TensorInfo

from ..atomic import new_folder
from .models import CheckedModel, check_model, check_name, name_of

_TYPES = {
    "bool": "TYPE_BOOL",
    "uint8": "TYPE_UINT8",
    "uint16": "TYPE_UINT16",
    "uint32": "TYPE_UINT32",
    "uint64": "TYPE_UINT64",
    "int8": "TYPE_INT8",
    "int16": "TYPE_INT16",
    "int32": "TYPE_INT32",
    "int64": "TYPE_INT64",
    "float16": "TYPE_FP16",
    "float32": "TYPE_FP32",
    "float64": "TYPE_FP64",
    "object": "TYPE_STRING",
    "tensor(bfloat16)": "TYPE_BF16",
}
#: Sequences without a request for so long are forgotten: ten minutes, as kcompile-serve has it.
_IDLE_MICROSECONDS = 600_000_000
_CANDIDATES = 256
Shape = Sequence[int | str | None]


def write_triton_repository(
    model: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    name: str | None = None,
    max_batch: int = 32,
    delay_ms: float = 0.0,
    replace: bool = False,
) -> str:
    """Writes a folder that ``tritonserver --model-repository`` serves.

    Args:
        model: an ONNX file.
        folder: the repository to make, of this one model.
        name: of the model; by default after its file.
        max_batch: samples of one run, where the model takes any number of them.
        delay_ms: how long a run waits for more requests.
        replace: whether a folder of an earlier call may be replaced.

    Returns:
        the model's name.

    Raises:
        FileExistsError: the folder is there.
        ValueError: the name is none, or Triton cannot say the model's types or states.
    """
    checked = check_model(model)
    name = name_of(model) if name is None else check_name(name)
    text = triton_config(checked, name, max_batch, delay_ms)
    with new_folder(folder, replace) as made:
        checked.copy_to(Path(made, name, "1"))
        Path(made, name, "config.pbtxt").write_text(text, encoding="utf-8")
        for index, state in enumerate(checked.states):
            if _starts_otherwise(state):
                file = Path(made, name, "initial_state", f"state_{index}")
                file.parent.mkdir(exist_ok=True)
                file.write_bytes(_initial_value(state, _batches(checked)).tobytes())
    return name


def triton_config(model: CheckedModel, name: str, max_batch: int = 32, delay_ms: float = 0.0) -> str:
    """The text of config.pbtxt.

    Raises:
        ValueError: a type, or a state of open size, that Triton has no words for.
    """
    batches = _batches(model)
    lines = [
        f"name: {_quoted(name)}",
        'platform: "onnxruntime_onnx"',
        f"max_batch_size: {max_batch if batches else 0}",
    ]
    for kind, tensors in (("input", model.inputs), ("output", model.outputs)):
        for tensor in tensors:
            lines += [f"{kind} {{", *_indented(_tensor(tensor, batches)), "}"]
    if model.states:
        lines += ["sequence_batching {", *_indented(_sequences(model.states, batches)), "}"]
    elif batches:
        delay = [f"  max_queue_delay_microseconds: {round(delay_ms * 1e3)}"] if delay_ms else []
        lines += ["dynamic_batching {", *delay, "}"]
    return "\n".join(lines) + "\n"


def _batches(model: CheckedModel) -> bool:
    """Whether axis 0 of all that goes in and out counts samples, of which there may be any number."""
    shapes = [tensor.shape for tensor in (*model.inputs, *model.outputs)] + [s.shape for s in model.states]
    return bool(model.inputs) and all(shape and not isinstance(shape[0], int) for shape in shapes)


def _tensor(tensor: TensorInfo, batches: bool) -> Iterator[str]:
    if tensor.shape is None:
        raise ValueError(f"{tensor}: expected a tensor of known rank, which Triton's configuration names")
    sizes = _sizes(tensor.shape[1:] if batches else tensor.shape)
    yield f"name: {_quoted(tensor.name)}"
    yield f"data_type: {_type(tensor.name, tensor.dtype)}"
    yield f"dims: [{', '.join(map(str, sizes or [1]))}]"
    if not sizes:  # a configuration has no shape without axes
        yield "reshape { shape: [] }"


def _sequences(states: Sequence[StateInfo], batches: bool) -> Iterator[str]:
    yield f"max_sequence_idle_microseconds: {_IDLE_MICROSECONDS}"
    # requests that are there are batched; "direct" would run the slots of clients that wait as well
    yield f"oldest {{ max_candidate_sequences: {_CANDIDATES} }}"
    for index, state in enumerate(states):
        kind = _type(state.input, state.dtype)
        sizes = ", ".join(map(str, _initial_value(state, batches).shape))
        value = f'data_file: "state_{index}"' if _starts_otherwise(state) else "zero_data: true"
        yield "state {"
        yield f"  input_name: {_quoted(state.input)}"
        yield f"  output_name: {_quoted(state.output)}"
        yield f"  data_type: {kind}"
        yield f"  dims: [{sizes}]"
        yield f'  initial_state {{ name: "initial" data_type: {kind} dims: [{sizes}] {value} }}'
        yield "}"


def _starts_otherwise(state: StateInfo) -> bool:
    return state.initial is not None and bool(np.any(state.initial))


def _initial_value(state: StateInfo, batches: bool) -> np.ndarray:
    """What one sequence starts from: of one sample where they are batched."""
    shape = state.shape[1:] if batches else state.shape
    if not shape or -1 in _sizes(shape):
        raise ValueError(
            f"state {state.input!r}: expected sizes that are known, since Triton makes its first value; "
            f"found {_sizes(state.shape)}"
        )
    value = state.allocate(1, {})
    return value[0] if batches else value


def _sizes(shape: Shape) -> list[int]:
    return [size if isinstance(size, int) else -1 for size in shape]


def _type(name: str, dtype: str) -> str:
    if dtype not in _TYPES:
        raise ValueError(f"{name!r}: Triton has no element type {dtype}")
    return _TYPES[dtype]


def _quoted(text: str) -> str:
    """A string of protobuf's text format; whatever a file holds in a name stays within the quotes."""
    safe = {ord('"'): '\\"', ord("\\"): "\\\\"}
    return (
        '"'
        + "".join(
            character.translate(safe)
            if " " <= character <= "~"
            else "".join(f"\\{b:03o}" for b in character.encode("utf-8", "surrogatepass"))
            for character in text
        )
        + '"'
    )


def _indented(lines: Iterator[str]) -> list[str]:
    return [f"  {line}" for line in lines]

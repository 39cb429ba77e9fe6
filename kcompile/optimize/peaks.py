"""What this machine can do at most, measured by the kernels that models run on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from onnx import TensorProto, helper

from kcompile_runtime.session import create_session, default_options, load_onnxruntime

from .timing import fastest

_SIDE = 512  # of the matrices that are multiplied: they fit into caches
_ELEMENTS = 1 << 23  # of the array that is moved: larger than caches
_SECONDS = 0.4


@dataclass(frozen=True)
class Peaks:
    """Peaks of float32, by as many threads as a model uses.

    Attributes:
        flops: operations a second, in a product of matrices.
        bytes: bytes a second, read and written, in an operator over an array larger than the caches.
    """

    flops: float
    bytes: float

    def seconds(self, flops: float, moved: float) -> float:
        """What work would take at the peaks."""
        return max(flops / self.flops, moved / self.bytes)


def measure_peaks(threads: int | None = None, provider: str = "CPUExecutionProvider") -> Peaks:
    """The peaks of this machine, in about a second.

    Args:
        threads: of one operator; onnxruntime's default where it is None.
        provider: that computes.
    """
    matrix = np.random.default_rng(0).standard_normal((_SIDE, _SIDE), np.float32)
    product = _bound("MatMul", [matrix, matrix], threads, provider)
    moved = _bound("Neg", [np.ones(_ELEMENTS, np.float32)], threads, provider)
    return Peaks(
        2 * _SIDE**3 / fastest(product, _SECONDS),
        2 * 4 * _ELEMENTS / fastest(moved, _SECONDS),
    )


def _bound(op_type: str, arrays: list[np.ndarray], threads: int | None, provider: str) -> Any:
    """A call of one operator, whose operands and result lie where it computes."""
    names = [f"x{i}" for i in range(len(arrays))]
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, array.shape)
        for name, array in zip(names, arrays, strict=True)
    ]
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, arrays[0].shape)
    graph = helper.make_graph([helper.make_node(op_type, names, ["y"])], op_type, inputs, [output])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    ort = load_onnxruntime()
    options = default_options(ort)
    if threads is not None:
        options.intra_op_num_threads = threads
    session, _ = create_session(model.SerializeToString(), [provider], session_options=options)
    device = "cuda" if provider == "CUDAExecutionProvider" else "cpu"
    binding = session.io_binding()
    # on a CPU these are the arrays' own memory, which bindings of onnxruntime 1.23 do not keep
    values = [ort.OrtValue.ortvalue_from_numpy(array, device, 0) for array in arrays]
    for name, value in zip(names, values, strict=True):
        binding.bind_ortvalue_input(name, value)
    result = ort.OrtValue.ortvalue_from_shape_and_type(list(arrays[0].shape), np.float32, device, 0)
    binding.bind_ortvalue_output("y", result)

    def run(_kept: object = values) -> None:
        session.run_with_iobinding(binding)
        binding.synchronize_outputs()

    return run

"""An ONNX model in fewer bits; onnxruntime's tools rewrite it, each by one function here.

A model is prepared once (shapes known, batch normalisation folded) and then quantised as often as a search
wants it. Nodes keep the names that export gave them, so a layer is found again by ``layer_of``.
"""

from __future__ import annotations

import contextlib
import logging
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx

from .samples import Samples

Calibration = Literal["minmax", "entropy", "percentile"]

#: Operators with weights of their own: what is put back to float when accuracy asks for it.
WEIGHTED = ("Conv", "ConvTranspose", "Gemm", "MatMul", "LSTM", "GRU", "RNN", "Gather")
_CALIBRATION_BYTES = 256 << 20  # of activations that are held at a time


def prepare(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with its shapes known, constants folded and batch normalisation inside the convolutions."""
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with _quiet(), tempfile.TemporaryDirectory() as folder:
        source, path = Path(folder) / "model.onnx", Path(folder) / "prepared.onnx"
        onnx.save(model, source)
        quant_pre_process(str(source), str(path), skip_symbolic_shape=True)
        return _lean(onnx.load(path))


class Ranges:
    """What the tensors of a prepared model hold on samples.

    Args:
        prepared: the model.
        samples: what it is run on.
        calibration: ``"minmax"`` takes the least and the largest number, ``"percentile"`` leaves out the
            outermost 0.001 %, ``"entropy"`` chooses the range whose distribution loses least (Migacz, 2017).
        path: of a file to write, in which onnxruntime keeps ranges.
    """

    def __init__(
        self, prepared: onnx.ModelProto, samples: Samples, calibration: Calibration, path: Path
    ) -> None:
        from onnxruntime.quantization import CalibrationMethod
        from onnxruntime.quantization.calibrate import create_calibrator, save_tensors_data

        self.path = path
        self.method = {
            "minmax": CalibrationMethod.MinMax,
            "entropy": CalibrationMethod.Entropy,
            "percentile": CalibrationMethod.Percentile,
        }[calibration]
        with _quiet(), tempfile.TemporaryDirectory() as folder:
            plain = Path(folder) / "prepared.onnx"
            onnx.save(prepared, plain)
            calibrator = create_calibrator(
                plain, None, str(Path(folder) / "augmented.onnx"), self.method, extra_options=_OPTIONS
            )
            for batch in samples.batches(_batch_size(prepared, samples)):
                calibrator.collect_data(_reader([batch]))
            save_tensors_data(calibrator.compute_data(), path)


#: Activations of 0 to 255 are told from those around 0 where they are quantised, not while ranges are taken.
_OPTIONS = {"symmetric": False}


def static(prepared: onnx.ModelProto, ranges: Ranges, keep: Collection[str] = ()) -> onnx.ModelProto:
    """Weights and activations of 8 bits by QuantizeLinear and DequantizeLinear, weights by channel.

    Args:
        keep: names of nodes that stay float32.
    """
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

    with _quiet(), tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "quantized.onnx"
        quantize_static(
            prepared,
            str(path),
            None,
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=list(keep),
            calibrate_method=ranges.method,
            calibration_cache_path=str(ranges.path),
        )
        return _lean(onnx.load(path))


def dynamic(prepared: onnx.ModelProto, keep: Collection[str] = ()) -> onnx.ModelProto:
    """Weights of 8 bits; activations are quantised while the model runs, by the range of each batch."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with _quiet(), tempfile.TemporaryDirectory() as folder:
        source, path = Path(folder) / "prepared.onnx", Path(folder) / "quantized.onnx"
        onnx.save(prepared, source)
        quantize_dynamic(
            source,
            path,
            op_types_to_quantize=["MatMul", "Gemm", "LSTM", "Gather", "Attention"],
            per_channel=True,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=list(keep),
        )
        return _lean(onnx.load(path))


def weights(model: onnx.ModelProto, bits: Literal[4, 8], keep: Collection[str] = ()) -> onnx.ModelProto:
    """Matrices of 4 or 8 bits in blocks of 32, which onnxruntime's MatMulNBits reads; the rest is float32."""
    from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

    with _quiet():
        quantizer = MatMulNBitsQuantizer(
            model, bits=bits, block_size=32, is_symmetric=False, nodes_to_exclude=list(keep)
        )
        quantizer.process()
        return _lean(quantizer.model.model)


def float16(model: onnx.ModelProto, keep: Collection[str] = ()) -> onnx.ModelProto:
    """Numbers of 16 bits but for operators that need more; inputs and outputs stay float32."""
    from onnxruntime.transformers.float16 import convert_float_to_float16

    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    with _quiet():
        return _lean(convert_float_to_float16(copy, keep_io_types=True, node_block_list=list(keep)))


def layer_of(name: str) -> str:
    """The layer of a node: ``"block/conv/Conv"`` is of ``"block/conv"``; fused nodes keep one name."""
    return name.removesuffix("/MatMulAddFusion").rpartition("/")[0] or name


def weighted_nodes(model: onnx.ModelProto) -> dict[str, list[str]]:
    """The names of the nodes that use weights, by layer, in the order of computation."""
    stored = {initializer.name for initializer in model.graph.initializer}
    found: dict[str, list[str]] = {}
    for node in model.graph.node:
        if node.op_type in WEIGHTED and stored.intersection(node.input):
            found.setdefault(layer_of(node.name), []).append(node.name)
    return found


def _batch_size(prepared: onnx.ModelProto, samples: Samples) -> int:
    """So many samples that what lies between the layers fits into memory; one where the model fixes it."""
    fixed = [
        value.type.tensor_type.shape.dim[0].dim_value
        for value in prepared.graph.input
        if value.name in samples.arrays and value.type.tensor_type.shape.dim
    ]
    if any(fixed):
        return max(fixed)
    elements = sum(
        float(np.prod([dim.dim_value or 1 for dim in info.type.tensor_type.shape.dim]))
        for info in prepared.graph.value_info
    )
    return int(max(1, min(32, _CALIBRATION_BYTES // max(1.0, 4 * elements))))


def _reader(batches: list[dict[str, np.ndarray]]) -> Any:
    from onnxruntime.quantization import CalibrationDataReader

    class Reader(CalibrationDataReader):
        def __init__(self) -> None:
            self.rest = iter(batches)

        def get_next(self) -> dict[str, np.ndarray] | None:
            return next(self.rest, None)

    return Reader()


def _lean(model: onnx.ModelProto) -> onnx.ModelProto:
    """Without the domains that onnxruntime lists and no operator is of."""
    used = {node.domain for node in _nodes(model.graph)} | {node.domain for node in model.functions}
    kept = [opset for opset in model.opset_import if opset.domain in used | {""}]
    del model.opset_import[:]
    model.opset_import.extend(kept)
    return model


def _nodes(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for body in [attribute.g, *attribute.graphs]:
                yield from _nodes(body)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The tools advise on the root logger what is done here."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(level)

"""An ONNX model in integers of few bits; onnxruntime's tools rewrite it, each by one function here.

A model is prepared once (shapes known, batch normalisation folded) and then quantised as often as a search
wants it. Nodes keep the names that export gave them, so a layer is found again by ``layer_of``.
"""

from __future__ import annotations

import contextlib
import io
import logging
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import onnx
from onnx import numpy_helper

from kcompile_runtime.session import load_onnxruntime, older

from .. import onnx_io
from ..onnx_io.bodies import all_nodes
from .errors import OptimizeError
from .machine import is_x86
from .ranges import Ranges

#: Operators with weights of their own: what is put back to float when accuracy asks for it.
WEIGHTED = ("Conv", "ConvTranspose", "Gemm", "MatMul", "LSTM", "GRU", "RNN", "Gather")
#: Of these, what is computed on 8 bits with ranges known beforehand, and with ranges of each batch.
STATIC = ("Conv", "ConvTranspose", "Gemm", "MatMul", "Gather")
DYNAMIC = ("Gemm", "MatMul", "LSTM", "Gather")
#: What has kernels for ranges of each batch alone: it is computed so next to what is static.
BY_BATCH = tuple(op_type for op_type in DYNAMIC if op_type not in STATIC)
#: What passes 8 bits on, so that nothing is turned into float32 and back between two layers.
_BETWEEN = (
    "Add", "AveragePool", "Clip", "Concat", "Flatten", "GlobalAveragePool", "LeakyRelu", "MaxPool", "Mul",
    "Pad", "Relu", "Reshape", "Resize", "Slice", "Split", "Squeeze", "Transpose", "Unsqueeze",
)  # fmt: skip
_ONNXRUNTIME = "com.microsoft"
_DATA = "weights.data"
_SMALL = 1 << 12  # numbers; a matrix or table with fewer is not worth its scales


def prepare(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with its shapes known, constants folded, and batch normalisation and pads inside the
    convolutions; means over images are pooling. Each node has a name of its own."""
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with quiet(), tempfile.TemporaryDirectory() as folder:
        source, path = Path(folder) / "model.onnx", Path(folder) / "prepared.onnx"
        onnx_io.save(named(model), source)
        quant_pre_process(
            str(source),
            str(path),
            skip_symbolic_shape=True,
            save_as_external_data=onnx_io.is_large(model),
            all_tensors_to_one_file=True,
            external_data_location=_DATA,
        )
        return _lean(named(_tidied(onnx.load(path))))


def _tidied(model: onnx.ModelProto) -> onnx.ModelProto:
    """Without what would be computed in float32 between two layers of 8 bits."""
    import onnx_ir as oir

    from .fusion.graph_editing import Editor
    from .fusion.pads import fold_pads, pool_means

    graph_model = oir.from_proto(model)
    editor = Editor(graph_model.graph)
    if not fold_pads(editor) + pool_means(editor):
        return model
    return shaped(oir.to_proto(graph_model))


def _needs_tools(major: int, minor: int) -> None:
    """
    Raises:
        OptimizeError: onnxruntime is of a release before, whose tools lack what is asked of them.
    """
    ort = load_onnxruntime()
    if older(ort, major, minor):
        raise OptimizeError(
            f"this way of quantizing needs onnxruntime {major}.{minor} or newer, installed is "
            f"{ort.__version__}: "
            'pip install -U onnxruntime, or choose "dynamic" or "float16"'
        )


def static(
    prepared: onnx.ModelProto, ranges: Ranges, keep: Collection[str] = (), reduce_range: bool = False
) -> onnx.ModelProto:
    """Weights and activations of 8 bits by QuantizeLinear and DequantizeLinear, weights by channel; of LSTM
    by ranges of each batch.

    Args:
        keep: names of nodes that stay float32.
        reduce_range: whether weights have 7 bits, for processors whose sums of 16 bits would be cut.
    """
    _needs_tools(1, 27)
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static

    with quiet(), tempfile.TemporaryDirectory() as folder:
        path, spans = Path(folder) / "quantized.onnx", Path(folder) / "ranges.json"
        # a kernel of 8 bits that takes this range for granted
        ranges.save(spans, {n.output[0]: (0.0, 1.0) for n in prepared.graph.node if n.op_type == "Softmax"})
        quantize_static(
            prepared,
            str(path),
            None,
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=[*STATIC, *_BETWEEN],
            per_channel=True,
            reduce_range=reduce_range,
            # kernels of x86 multiply unsigned by signed numbers, those of ARM signed ones around zero
            activation_type=QuantType.QUInt8 if is_x86() else QuantType.QInt8,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=list(keep),
            calibrate_method=CalibrationMethod.MinMax,
            calibration_cache_path=str(spans),
            use_external_data_format=onnx_io.is_large(prepared),
            extra_options={} if is_x86() else {"ActivationSymmetric": True},
        )
        made = with_older_operators(_lean(onnx.load(path)))
    return by_batch(made, keep, reduce_range)


def with_older_operators(model: onnx.ModelProto) -> onnx.ModelProto:
    """Of opset 20 where it is of 21 and uses nothing of that: of a MatMul of opset 21 onnxruntime 1.18 and
    1.19 make an operator of 8 bits that they have no kernel for."""
    opset = next((entry for entry in model.opset_import if entry.domain == ""), None)
    if opset is not None and opset.version == 21 and all(map(_is_older, all_nodes(model.graph.node))):
        opset.version = 20
    return model


def _is_older(node: onnx.NodeProto) -> bool:
    """Whether an operator means the same in opset 20; element types that 21 brought are in no file here."""
    if node.domain:
        return True
    if node.op_type == "GroupNormalization" or not onnx.defs.has(node.op_type, 20):
        return False
    known = onnx.defs.get_schema(node.op_type, 20).attributes
    return all(attribute.name in known for attribute in node.attribute)


def dynamic(
    prepared: onnx.ModelProto, keep: Collection[str] = (), reduce_range: bool = False
) -> onnx.ModelProto:
    """Weights of 8 bits; activations are quantised while the model runs, by the range of each batch."""
    standard = [n.name for n in prepared.graph.node if n.op_type == "Attention" and not n.domain]
    # onnxruntime's own Attention has a kernel of 8 bits
    return _by_batch(prepared, (*DYNAMIC, "Attention"), [*keep, *standard], reduce_range)


def by_batch(model: onnx.ModelProto, keep: Collection[str], reduce_range: bool) -> onnx.ModelProto:
    """The model with its LSTM nodes as ``dynamic`` makes them, whatever else of it is quantised already: only
    these nodes are taken from what onnxruntime's tool makes, which takes Gemm apart everywhere."""
    graph = model.graph
    if all(node.op_type not in BY_BATCH or node.name in keep for node in graph.node):
        return model
    made = _by_batch(model, BY_BATCH, keep, reduce_range).graph
    given = {tensor.name for tensor in graph.initializer}
    places = {tuple(node.output): place for place, node in enumerate(graph.node) if node.op_type in BY_BATCH}
    known = {info.name for info in (*graph.value_info, *graph.output)}
    for node in made.node:
        place = places.get(tuple(node.output))
        if place is None or not node.domain:
            continue
        graph.node[place].CopyFrom(node)
        read = set(node.input) - given
        graph.initializer.extend(tensor for tensor in made.initializer if tensor.name in read)
        for name in node.output:  # onnxruntime does not infer the types of these
            if name and name not in known:
                graph.value_info.append(
                    onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None)
                )
    used = {name for node in all_nodes(graph.node) for name in node.input} | {
        out.name for out in graph.output
    }
    unread = [tensor for tensor in graph.initializer if tensor.name not in used]
    for tensor in unread:
        graph.initializer.remove(tensor)
    if all(opset.domain != _ONNXRUNTIME for opset in model.opset_import):
        model.opset_import.append(onnx.helper.make_opsetid(_ONNXRUNTIME, 1))
    return _lean(model)


def _by_batch(
    model: onnx.ModelProto, op_types: Collection[str], keep: Collection[str], reduce_range: bool
) -> onnx.ModelProto:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with quiet(), tempfile.TemporaryDirectory() as folder:
        source, path = Path(folder) / "prepared.onnx", Path(folder) / "quantized.onnx"
        onnx_io.save(model, source)
        quantize_dynamic(
            source,
            path,
            use_external_data_format=onnx_io.is_large(model),
            op_types_to_quantize=list(op_types),
            # DynamicQuantizeLSTM is slower, and no better, with a scale for each channel
            per_channel=all(node.op_type != "LSTM" for node in model.graph.node),
            reduce_range=reduce_range,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=list(keep),
        )
        return _lean(onnx.load(path))


def weights(model: onnx.ModelProto, bits: Literal[4, 8], keep: Collection[str] = ()) -> onnx.ModelProto:
    """Matrices, and with 4 bits tables, in blocks of 32 numbers that share a scale, which MatMulNBits and
    GatherBlockQuantized of onnxruntime read; the rest stays float32."""
    _needs_tools(1, 27)
    from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer
    from onnxruntime.quantization.onnx_model import ONNXModel

    with quiet():
        matrices = ONNXModel(_copy(model))
        matrices.replace_gemm_with_matmul()
        quantizer = MatMulNBitsQuantizer(
            matrices.model,
            bits=bits,
            block_size=32,
            is_symmetric=False,
            nodes_to_exclude=[*keep, *_small_nodes(matrices.model)],
            op_types_to_quantize=("MatMul", "Gather") if bits == 4 else ("MatMul",),
            quant_axes=(("MatMul", 0), ("Gather", 1)),
        )
        quantizer.process()
        made = quantizer.model.model
    if bits == 8:
        _quantize_tables(made, keep)
    return _copy(_lean(made))  # without the weights that were taken out, whose memory a model keeps


def _copy(model: onnx.ModelProto) -> onnx.ModelProto:
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    return copy


def _small_nodes(model: onnx.ModelProto) -> list[str]:
    """The names of nodes whose weights stay as they are: too few, or no matrix."""
    sizes = {i.name: i.dims for i in model.graph.initializer}
    return [
        node.name
        for node in model.graph.node
        if node.op_type in ("MatMul", "Gather")
        for dims in [next((sizes[name] for name in node.input if name in sizes), ())]
        if len(dims) != 2 or int(np.prod(dims)) < _SMALL
    ]


def _quantize_tables(model: onnx.ModelProto, keep: Collection[str]) -> None:
    """The rows that Gather takes of float32 tables, each in 8 bits with a scale of its own."""
    graph = model.graph
    tables = {
        i.name: i for i in graph.initializer if i.data_type == onnx.TensorProto.FLOAT and len(i.dims) == 2
    }
    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    for name, table in tables.items():
        nodes = readers.get(name, [])
        if (
            int(np.prod(table.dims)) < _SMALL
            or not all(_takes_rows(node, name, keep) for node in nodes)
            or not nodes
        ):
            continue
        numbers = numpy_helper.to_array(table)
        scale = np.maximum(np.abs(numbers).max(1, keepdims=True), np.finfo(np.float32).tiny) / 127
        graph.initializer.remove(table)
        graph.initializer.append(numpy_helper.from_array(np.rint(numbers / scale).astype(np.int8), name))
        graph.initializer.append(numpy_helper.from_array(scale.astype(np.float32), f"{name}_scale"))
        for node in nodes:
            _take_scaled_rows(graph, node, f"{name}_scale")


def _takes_rows(node: onnx.NodeProto, table: str, keep: Collection[str]) -> bool:
    axis = next((a.i for a in node.attribute if a.name == "axis"), 0)
    return node.op_type == "Gather" and node.input[0] == table and axis == 0 and node.name not in keep


def _take_scaled_rows(graph: onnx.GraphProto, node: onnx.NodeProto, scale: str) -> None:
    """Multiplies the rows that a Gather takes by their scales."""
    output, name = node.output[0], node.name
    node.output[0] = f"{output}_rows"
    made = [
        onnx.helper.make_node("Cast", [node.output[0]], [f"{output}_float"], f"{name}/Cast", to=1),
        onnx.helper.make_node(
            "Gather", [scale, node.input[1]], [f"{output}_scales"], f"{name}/Scales", axis=0
        ),
        onnx.helper.make_node("Mul", [f"{output}_float", f"{output}_scales"], [output], f"{name}/Mul"),
    ]
    place = next(i for i, other in enumerate(graph.node) if other.name == name) + 1
    for i, added in enumerate(made):
        graph.node.insert(place + i, added)


def layer_of(name: str) -> str:
    """The layer of a node: "block/conv/Conv" is of "block/conv"; fused nodes keep the first's name."""
    return name.removesuffix("/MatMulAddFusion").rpartition("/")[0] or name


def weighted_nodes(model: onnx.ModelProto) -> dict[str, list[onnx.NodeProto]]:
    """The nodes that use float32 weights, by layer, in the order of computation."""
    stored = {i.name for i in model.graph.initializer if i.data_type == onnx.TensorProto.FLOAT and i.dims}
    found: dict[str, list[onnx.NodeProto]] = {}
    for node in model.graph.node:
        if node.op_type in WEIGHTED and stored.intersection(node.input):
            found.setdefault(layer_of(node.name), []).append(node)
    return found


def shaped(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with the types and shapes of what lies between its nodes."""
    return onnx_io.with_shapes(model)


def named(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model, or a copy, in which no two nodes have the same name, and none has none."""
    names = [node.name for node in all_nodes(model.graph.node)]
    if all(names) and len(set(names)) == len(names):
        return model
    copy, taken = _copy(model), {""}
    for i, node in enumerate(all_nodes(copy.graph.node)):
        if node.name in taken:
            node.name = f"{node.name or node.op_type}.{i}"
        taken.add(node.name)
    return copy


def _lean(model: onnx.ModelProto) -> onnx.ModelProto:
    """Without the domains that onnxruntime lists and no operator is of."""
    used = {node.domain for node in all_nodes(model.graph.node)} | {node.domain for node in model.functions}
    kept = [opset for opset in model.opset_import if opset.domain in used | {""}]
    del model.opset_import[:]
    model.opset_import.extend(kept)
    return model


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """The tools print, and advise on the root logger what is done here."""
    level = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    except OptimizeError:
        raise
    except (AssertionError, KeyError, ValueError, RuntimeError, NotImplementedError) as error:
        said = " ".join(str(error).split())[:300] or type(error).__name__
        raise OptimizeError(f"onnxruntime's tools cannot quantize this model: {said}") from error
    finally:
        logging.disable(level)

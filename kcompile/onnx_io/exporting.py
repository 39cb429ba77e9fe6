"""``ir.Graph`` -> a model to ship: written, optimised, converted to the opset asked for, checked, saved."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import onnx

from kcompile_runtime.importing import whole_import

from .. import __version__, ir
from ..progress import report
from .checking import check_model
from .errors import ExportError
from .metadata import FORMAT, FORMAT_VERSION, VERSION, WEIGHTS, set_metadata
from .opsets import check_opset, convert_opset
from .saving import save_pieces, save_with_data
from .streaming import model_pieces
from .writing import MAX_INLINE_BYTES, write_for_export

if TYPE_CHECKING:
    import onnx_ir as oir

# Constants above this size do not take part in conversion and checking; those below hold axes and shapes.
_LARGE_BYTES = 1024


def export(
    graph: ir.Graph,
    path: str | os.PathLike[str] | None = None,
    *,
    input_names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
    initial: Mapping[ir.Parameter, np.ndarray] | None = None,
    metadata: Mapping[str, str] | None = None,
    opset: int = ir.OPSET,
    external_data: bool | None = None,
    optimize: bool = True,
    check: bool = True,
    name: str = "model",
    weight_names: Mapping[ir.Parameter, str] | None = None,
    unread: Mapping[str, np.ndarray] | None = None,
) -> onnx.ModelProto | None:
    """Exports a graph as an ordinary ONNX model.

    Args:
        graph: sliced for inference; its updates become state pairs (see ``writing.State``).
        path: where to save it, atomically; None to return the model.
        input_names, output_names: by default the values' own names.
        initial: what a state is before the first run and after a reset, where that is not its current value.
        metadata: further entries, for instance ``kcompile.config``; ``kcompile.format``,
            ``kcompile.version``, ``kcompile.states`` and ``kcompile.weights`` are written here.
        opset: version of the standard operator set, see ``opsets.SUPPORTED``.
        external_data: whether the weights go into a file beside the model; by default only over 2 GB.
        optimize: whether to sink transposes, fold the layout of weights and merge equal nodes.
        check: whether to run ``onnx.checker`` with full shape inference before anything is saved.
        name: the name of the graph.
        weight_names: names of weights and states in the file, where those of the parameters are not unique.
        unread: further arrays by name, written as initializers that no node reads: weights that only training
            needs, so that the file can come back whole.

    Returns:
        the model where no path is given, else None.

    Raises:
        ExportError: the graph has operators that ONNX lacks, or that the opset lacks; names clash; the
            weights need external data and no path is given; or the checker finds a fault. Nothing is saved.
        OSError: the file cannot be written; an existing one is left as it was.
    """
    check_opset(opset)
    with whole_import():
        import onnx_ir  # noqa: F401 - with sympy, which does not survive a broken import

    report("exporting")
    written, arrays, weights = write_for_export(
        graph, input_names, output_names, initial, metadata, name, weight_names
    )
    report("optimizing")
    model, layouts = _optimized(written, arrays, weights) if optimize else (_attached(written, arrays), {})
    skeleton, tensors = _detached(model, weights)
    tensors |= _tensors(unread or {})
    total = sum(tensor.nbytes for tensor in tensors.values())
    external = total > MAX_INLINE_BYTES if external_data is None else external_data
    if (external or total > MAX_INLINE_BYTES) and path is None:
        raise ExportError(f"The weights ({total / 2**30:.2f} GiB) need a file of their own: give a path.")
    if opset != ir.OPSET:
        skeleton = convert_opset(skeleton, opset)
    entries = {FORMAT: str(FORMAT_VERSION), VERSION: __version__}
    if layouts:
        entries[WEIGHTS] = json.dumps(layouts, separators=(",", ":"))
    skeleton.producer_version = __version__
    set_metadata(skeleton, entries)
    if check:
        report("checking")
        check_model(skeleton, "The exported model")
    if external and path is not None:
        save_with_data(_with_tensors(skeleton, tensors), path, total)
        return None
    inputs = [value for value in skeleton.graph.input if value.name not in tensors]
    del skeleton.graph.input[:]
    skeleton.graph.input.extend(inputs)
    if path is not None:
        save_pieces(model_pieces(skeleton, tensors), path, total)
        return None
    return _inlined(skeleton, tensors)


def _tensors(arrays: Mapping[str, np.ndarray]) -> dict[str, oir.TensorProtocol]:
    import onnx_ir as oir

    return {name: oir.Tensor(np.asarray(array, order="C"), name=name) for name, array in arrays.items()}


def _attached(written: onnx.ModelProto, arrays: Mapping[str, np.ndarray]) -> oir.Model:
    """The onnx_ir model over the arrays themselves: no weight passes through protobuf."""
    import onnx_ir as oir

    model = oir.from_proto(written)
    for name, array in arrays.items():
        model.graph.initializers[name].const_value = oir.Tensor(array, name=name)
    return model


def _optimized(
    written: onnx.ModelProto, arrays: Mapping[str, np.ndarray], weights: Sequence[str]
) -> tuple[oir.Model, dict]:
    """The form with the fewest transposes, the plainest of equal ones."""
    from .passes import Sinking, count_transposes, optimize, stops_at_channels

    model = _attached(written, arrays)
    before = count_transposes(model)
    layouts = optimize(model, weights)
    if stops_at_channels(model):
        further = _attached(written, arrays)
        further_layouts = optimize(further, weights, Sinking.THROUGH_CHANNELS)
        if count_transposes(further) < count_transposes(model):
            model, layouts = further, further_layouts
    if count_transposes(model) > before:  # a transpose went down into several branches and vanished in none
        model = _attached(written, arrays)
        layouts = optimize(model, weights, Sinking.NOT)
    return model, layouts


def _detached(
    model: oir.Model, weights: Sequence[str]
) -> tuple[onnx.ModelProto, dict[str, oir.TensorProtocol]]:
    """The model with inputs in place of weights and large constants, and their tensors, weights first.

    That small model is what is converted and checked, in a time that no size of weights changes.
    """
    import onnx_ir as oir

    graph = model.graph
    order = {name: i for i, name in enumerate(weights)}
    held = {name: v.const_value for name, v in graph.initializers.items() if v.const_value is not None}
    large = [name for name, tensor in held.items() if name in order or tensor.nbytes > _LARGE_BYTES]
    large.sort(key=lambda name: order.get(name, len(order)))
    for name in large:
        graph.inputs.append(graph.initializers.pop(name))
    tensors = {name: held[name] for name in large}
    return oir.to_proto(model), tensors


def _with_tensors(skeleton: onnx.ModelProto, tensors: Mapping[str, oir.TensorProtocol]) -> oir.Model:
    import onnx_ir as oir

    model = oir.from_proto(skeleton)
    for value in list(model.graph.inputs):
        if value.name is None or value.name not in tensors:
            continue
        model.graph.inputs.remove(value)
        value.const_value = tensors[value.name]
        model.graph.register_initializer(value)
    for name, tensor in tensors.items():
        if name not in model.graph.initializers:
            unread = oir.Value(name=name, const_value=tensor, type=oir.TensorType(tensor.dtype))
            unread.shape = oir.Shape(tensor.shape.numpy())
            model.graph.register_initializer(unread)
    return model


def _inlined(skeleton: onnx.ModelProto, tensors: Mapping[str, oir.TensorProtocol]) -> onnx.ModelProto:
    """The skeleton made whole, in place."""
    import onnx_ir as oir

    graph = skeleton.graph
    small = list(graph.initializer)
    del graph.initializer[:]
    graph.initializer.extend(oir.serde.serialize_tensor(tensor) for tensor in tensors.values())
    graph.initializer.extend(small)
    return skeleton

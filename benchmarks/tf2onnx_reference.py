"""Makes resnet50_tf2onnx.onnxtxt: the graph that tf2onnx makes of Keras's ResNet50, without its weights.

    .venv-peers/bin/pip install tf2onnx==1.17.0
    TF_USE_LEGACY_KERAS=1 .venv-peers/bin/python -m benchmarks.tf2onnx_reference

The graph is stored as ONNX's text. Weights are inputs of it, which ``reference_model`` fills with numbers
when latencies are compared. All names but that of the image are replaced by short ones.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

PATH = Path(__file__).resolve().parent / "resnet50_tf2onnx.onnxtxt"
IMAGE = "image"
# initializers that say how, not what: pads and axes
SMALL = 8


def convert() -> onnx.ModelProto:
    """ResNet50 of tf_keras, whose BatchNormalizations all differ, as tf2onnx converts it."""
    import tensorflow as tf
    import tf2onnx
    import tf_keras

    model = tf_keras.applications.ResNet50(weights=None)
    generator = np.random.default_rng(0)
    model.set_weights([generator.uniform(0.5, 1.5, w.shape).astype("float32") for w in model.get_weights()])
    function = tf.function(lambda image: model(image, training=False))
    signature = [tf.TensorSpec((None, 224, 224, 3), tf.float32, name=IMAGE)]
    # of opset 18 it makes a slower graph: a second Transpose and ReduceMean instead of GlobalAveragePool
    proto, _ = tf2onnx.convert.from_function(function, input_signature=signature, opset=17)
    return proto


def without_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same graph with its weights as inputs, and short names."""
    names = {model.graph.input[0].name: IMAGE}

    def short(name: str, stem: str) -> str:
        return names.setdefault(name, f"{stem}{len(names)}")

    inputs, constants = [model.graph.input[0]], []
    inputs[0].name = IMAGE
    inputs[0].type.tensor_type.shape.dim[0].dim_param = "batch"
    for tensor in model.graph.initializer:
        size = np.prod(tensor.dims)
        tensor.name = short(tensor.name, "w" if size > SMALL else "c")
        if size > SMALL:
            inputs.append(helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims))
        else:
            constants.append(numpy_helper.from_array(numpy_helper.to_array(tensor), tensor.name))
    nodes = []
    for node in model.graph.node:
        ins = [short(name, "v") if name else "" for name in node.input]
        outs = [short(name, "v") for name in node.output]
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        nodes.append(helper.make_node(node.op_type, ins, outs, domain=node.domain, **attributes))
    output = model.graph.output[0]
    output.name = short(output.name, "v")
    output.type.tensor_type.shape.dim[0].dim_param = "batch"
    graph = helper.make_graph(nodes, "resnet50", inputs, [output], constants)
    opset = [helper.make_opsetid("", next(o.version for o in model.opset_import if not o.domain))]
    return helper.make_model(graph, opset_imports=opset, ir_version=8, producer_name=model.producer_name)


def reference_model(path: Path = PATH) -> onnx.ModelProto:
    """The stored graph with weights drawn, of a size that keeps activations near one."""
    model = onnx.parser.parse_model(path.read_text(encoding="utf-8"))
    generator = np.random.default_rng(0)
    image = next(value for value in model.graph.input if value.name == IMAGE)
    for value in model.graph.input:
        if value.name == IMAGE:
            continue
        shape = [d.dim_value for d in value.type.tensor_type.shape.dim]
        # (out, in, height, width) of Conv, (in, out) of MatMul
        inputs = np.prod(shape[1:]) if len(shape) == 4 else shape[0]
        drawn = generator.uniform(-1, 1, shape).astype(np.float32) * np.float32(np.sqrt(3.0 / inputs))
        model.graph.initializer.append(numpy_helper.from_array(drawn, value.name))
    del model.graph.input[:]
    model.graph.input.append(image)
    return model


if __name__ == "__main__":
    PATH.write_text(onnx.printer.to_text(without_weights(convert())) + "\n", encoding="utf-8")

"""The rule that makes weights and images of the golden cases; numpy and the standard library only.

Nothing that is drawn here is stored: whoever asks a network draws the same numbers again.
"""

from __future__ import annotations

import hashlib
import json
import zlib

import numpy as np

# the least size that the architecture takes, at least 64, and the architectures that take no less than more
SIZES = {"Xception": 71, "InceptionV3": 75, "InceptionResNetV2": 75}
CLASSES = 10
# kernels this much larger than the rule, where signals would vanish or grow beyond bounds on their way
GAINS = {
    "EfficientNetB0": 1.3,
    "EfficientNetB1": 1.15,
    "EfficientNetB2": 1.25,
    "EfficientNetB3": 1.3,
    "EfficientNetB4": 1.2,
    "EfficientNetB5": 1.2,
    "EfficientNetB6": 1.15,
    "EfficientNetB7": 1.15,
    "EfficientNetV2M": 0.9,
    "EfficientNetV2L": 0.9,
    "NASNetLarge": 0.9,
    "ResNeXt50": 0.85,
    "ResNeXt101": 0.8,
    "ResNet101": 0.75,
    "ResNet152": 0.7,
    "ResNet101V2": 0.8,
    "ResNet152V2": 0.75,
    "ResNetRS101": 0.9,
    "ResNetRS152": 0.85,
    "ResNetRS200": 0.8,
    "Xception": 0.85,
}
RESCALING = ("MobileNetV3", "EfficientNet", "ConvNeXt", "RegNet", "ResNetRS")
IMAGES = 2
SAMPLES = 32


def random(key, shape):
    """Numbers from -1 to 1, drawn for this key: numpy has frozen RandomState's stream."""
    generator = np.random.RandomState(zlib.crc32(key.encode()) & 0x7FFFFFFF)
    return generator.uniform(-1, 1, shape).astype("float32")


def weight(name, position, kind, shape):
    """A weight, of a size that keeps activations near one in networks of any depth.

    Args:
        name: of the architecture.
        position: in the list of all weights.
        kind: last part of the weight's name ("kernel", "gamma" ...).
        shape: of the weight.
    """
    values = random("%s/%d" % (name, position), shape)
    if kind == "count":
        return np.zeros(shape, "int64")
    if kind in ("gamma", "moving_variance", "variance"):
        return 1 + 0.2 * values
    if len(shape) < 2:
        return 0.1 * values
    # several channels made of one by a depthwise convolution are added up later
    inputs = np.prod(shape[:-2]) * shape[-1] if "depthwise" in kind else np.prod(shape[:-1])
    gain = GAINS.get(name, 1) if len(shape) == 4 else 1
    return values * np.float32(gain * np.sqrt(4.5 / inputs))


def kind_of(name, layer_class=""):
    """The last part of a weight's name: "kernel" of "conv1/kernel:0".

    Keras 3 has another name for the kernel of a depthwise convolution, and none for that of LayerScale.
    """
    kind = name.split("/")[-1].split(":")[0]
    if layer_class == "DepthwiseConv2D" and kind == "kernel":
        return "depthwise_kernel"
    return "gamma" if layer_class == "LayerScale" else kind


def set_weights(model, name, at_once=False):
    """Draws all weights of a model, layer by layer.

    Args:
        at_once: whether to set them in one call, which is quicker in Keras 2.3.
    """
    position, everything = 0, []
    for layer in model.layers:
        drawn, layer_class = [], type(layer).__name__
        for w in layer.weights:
            shape = tuple(int(d) for d in w.shape)
            drawn.append(weight(name, position, kind_of(getattr(w, "path", w.name), layer_class), shape))
            position += 1
        everything += drawn
        if not at_once:
            layer.set_weights(drawn)
    if at_once:
        model.set_weights(everything)
    for layer in model.layers:  # Normalization of real Keras computes with copies of its weights
        if hasattr(layer, "finalize_state"):
            layer.finalize_state()


def images(name):
    """(2, size, size, 3), from -1 to 1; from 0 to 255 for networks that rescale images themselves."""
    size = SIZES.get(name.rsplit(".", 1)[-1], 64)
    drawn = random(name + "/images", (IMAGES, size, size, 3))
    return 127.5 * (1 + drawn) if name.startswith(RESCALING) else drawn


def structure(layers):
    """What must agree for weights to load by order and by name, as a digest and counts.

    Args:
        layers: for each layer (name, class name, [(kind, shape) of each weight]).
    """
    listed = []
    for name, cls, weights in layers:
        listed.append([name, cls, [[kind, [int(d) for d in shape]] for kind, shape in weights]])
    text = json.dumps(listed, separators=(",", ":"))
    return {
        "digest": hashlib.sha256(text.encode()).hexdigest(),
        "layers": len(listed),
        "weights": sum(len(weights) for _, _, weights in listed),
        "parameters": int(sum(np.prod(shape, dtype="int64") for _, _, ws in listed for _, shape in ws)),
    }


def samples(name, output):
    """Some values of an output, by seeded positions, and its shape and largest magnitude."""
    flat = np.asarray(output, "float64").ravel()
    positions = np.random.RandomState(zlib.crc32(name.encode()) & 0x7FFFFFFF).randint(0, flat.size, SAMPLES)
    return {
        "shape": list(np.shape(output)),
        "largest": float(np.abs(flat).max()),
        "mean": float(flat.mean()),
        "values": [float("%.8g" % v) for v in flat[positions]],
    }

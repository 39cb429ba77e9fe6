"""Writes keras3_configs.json: what tf_keras and Keras 3 write of each layer.

Run it where both are installed: ``python tests/keras/layers/make_keras3_configs.py``.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

LAYERS = {
    "Dense": {"units": 3},
    "Activation": {"activation": "relu"},
    "Dropout": {"rate": 0.2},
    "ActivityRegularization": {"l1": 0.1},
    "Flatten": {},
    "Reshape": {"target_shape": (2, 6)},
    "Permute": {"dims": (2, 1)},
    "RepeatVector": {"n": 3},
    "Masking": {},
    "SpatialDropout1D": {"rate": 0.3},
    "SpatialDropout2D": {"rate": 0.3},
    "SpatialDropout3D": {"rate": 0.3},
    "Conv1D": {"filters": 3, "kernel_size": 2},
    "Conv2D": {"filters": 4, "kernel_size": 2, "groups": 2},
    "Conv3D": {"filters": 3, "kernel_size": 2},
    "Conv2DTranspose": {"filters": 3, "kernel_size": 2},
    "Conv3DTranspose": {"filters": 3, "kernel_size": 2},
    "SeparableConv1D": {"filters": 3, "kernel_size": 2},
    "SeparableConv2D": {"filters": 3, "kernel_size": 2},
    "DepthwiseConv2D": {"kernel_size": 2},
    "UpSampling1D": {},
    "UpSampling2D": {"size": (2, 3)},
    "UpSampling3D": {},
    "ZeroPadding1D": {"padding": (1, 2)},
    "ZeroPadding2D": {},
    "ZeroPadding3D": {},
    "Cropping1D": {"cropping": (1, 2)},
    "Cropping2D": {},
    "Cropping3D": {},
    "MaxPooling1D": {"pool_size": 3},
    "MaxPooling2D": {"pool_size": 3, "strides": 2},
    "AveragePooling3D": {"pool_size": 2},
    "GlobalMaxPooling1D": {},
    "GlobalAveragePooling2D": {"keepdims": True},
    "BatchNormalization": {"momentum": 0.9},
    "GaussianNoise": {"stddev": 0.1},
    "GaussianDropout": {"rate": 0.1},
    "AlphaDropout": {"rate": 0.1, "seed": 4},
    "Embedding": {"input_dim": 3, "output_dim": 4, "mask_zero": True},
    "LeakyReLU": {},
    "PReLU": {"shared_axes": [1]},
    "ELU": {"alpha": 0.5},
    "Softmax": {"axis": 1},
    "ReLU": {"max_value": 6.0},
    "Add": {},
    "Concatenate": {"axis": 1},
    "Dot": {"axes": 1},
    "LocallyConnected1D": {"filters": 2, "kernel_size": 3},
    "LocallyConnected2D": {"filters": 2, "kernel_size": 3},
    "ThresholdedReLU": {"theta": 0.5},
}


def configs(keras, serialize) -> list:
    """The configs of all layers that this Keras has."""
    return [serialize(getattr(keras.layers, n)(**k)) for n, k in LAYERS.items() if hasattr(keras.layers, n)]


def main() -> None:
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    import keras
    import tf_keras

    found = {
        f"tf_keras {tf_keras.__version__}": configs(tf_keras, tf_keras.layers.serialize),
        f"keras {keras.__version__}": configs(keras, keras.saving.serialize_keras_object),
    }
    text = json.dumps(
        found, separators=(",", ":"), default=lambda x: x.item() if hasattr(x, "item") else list(x)
    )
    Path(__file__).with_name("keras3_configs.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

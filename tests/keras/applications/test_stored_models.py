"""Models of applications in files: they load with no import by the user, and no bytecode is run."""

from __future__ import annotations

import base64

import numpy as np
import pytest

from kcompile import keras
from kcompile.keras import layers as L
from kcompile.keras import registry
from kcompile.keras.applications import convnext, inception_resnet_v2
from kcompile.keras.applications._grouped_convolution import grouped_conv, sum_over_group
from kcompile.keras.applications.inception_resnet_v2 import scaled_sum
from kcompile.keras.utils.generic_utils import CustomObjectScope, get_custom_objects

# The functions of keras-applications as Keras 2.3 stores them: marshalled by Python 3.7, and by 3.8.
_SCALED = (
    b"\xe3\x02\x00\x00\x00\x00\x00\x00\x00%s\x02\x00\x00\x00\x03\x00\x00\x00S\x00\x00\x00s\x14\x00\x00\x00|\x00d"
    b"\x01\x19\x00|\x00d\x02\x19\x00|\x01\x14\x00\x17\x00S\x00)\x03N\xe9\x00\x00\x00\x00\xe9\x01\x00\x00\x00\xa9"
    b"\x00)\x02\xda\x06inputs\xda\x05scaler\x03\x00\x00\x00r\x03\x00\x00\x00\xfa\x04f.py\xda\x08<lambda>\xa8\x00"
    b"\x00\x00\xf3\x00\x00\x00\x00"
)
_SUMMED = (
    b"\xe3\x01\x00\x00\x00\x00\x00\x00\x00%s\x01\x00\x00\x00\x04\x00\x00\x00\x13\x00\x00\x00s\x1a\x00\x00\x00t\x00"
    b"\x87\x00f\x01d\x01d\x02\x84\x08t\x01\x88\x01\x83\x01D\x00\x83\x01\x83\x01S\x00)\x03Nc\x01\x00\x00\x00\x00\x00"
    b"\x00\x00%s\x02\x00\x00\x00\x08\x00\x00\x00\x13\x00\x00\x00s.\x00\x00\x00g\x00|\x00]&}\x01\x88\x00d\x00d\x00"
    b"\x85\x02d\x00d\x00\x85\x02d\x00d\x00\x85\x02d\x00d\x00\x85\x02|\x01f\x05\x19\x00\x91\x02q\x04S\x00)\x01N\xa9"
    b"\x00)\x02\xda\x02.0\xda\x01i)\x01\xda\x01xr\x01\x00\x00\x00\xfa\x04f.py\xfa\n<listcomp>\xe9\x00\x00\x00s\x02"
    b"\x00\x00\x00\x06\x00z,block3.<locals>.<lambda>.<locals>.<listcomp>)\x02\xda\x03sum\xda\x05range)\x01r\x04\x00"
    b"\x00\x00)\x01\xda\x01c)\x01r\x04\x00\x00\x00r\x05\x00\x00\x00\xda\x08<lambda>\xe9\x00\x00\x00\xf3\x00\x00\x00"
    b"\x00"
)
PYTHON = {"3.7": b"", "3.8": bytes(4)}


def compiled(function, python):
    return function.replace(b"%s", PYTHON[python])


def lambda_config(code, closure=None, arguments=None):
    """What Keras 2.3 writes of such a layer."""
    function = [base64.encodebytes(code).decode(), None, closure]
    return {
        "class_name": "Lambda",
        "config": {"name": "f", "function": function, "function_type": "lambda", "output_shape": None}
        | {"output_shape_type": "raw", "arguments": arguments or {}},
    }


@pytest.mark.parametrize("python", PYTHON)
def test_functions_of_keras_applications_are_known_by_their_bytecode(python):
    layer = L.deserialize(lambda_config(compiled(_SCALED, python), arguments={"scale": 0.17}))
    assert layer.function is scaled_sum and layer.arguments == {"scale": 0.17}
    assert L.deserialize(lambda_config(compiled(_SUMMED, python), [4])).function is sum_over_group


@pytest.mark.parametrize(
    "code, closure",
    [
        (_SCALED.replace(b"\x14\x00\x17", b"\x14\x00\x18"), None),  # a difference instead of a sum
        (_SCALED.replace(b"\xe9\x01", b"\xe9\x02"), None),  # another input
        (_SCALED, [1]),
        (_SUMMED.replace(b"\x03sum", b"\x03max"), [4]),
        (_SUMMED, None),
        (b"", None),
    ],
)
def test_any_other_bytecode_is_refused_as_before(code, closure):
    with pytest.raises(ValueError, match="Refused to load a function from bytecode"):
        L.deserialize(lambda_config(compiled(code, "3.7"), closure))


def convnext_block():
    image = L.Input((8, 8, 4))
    return keras.Model(image, convnext.StochasticDepth(0.2)(convnext._block(image, 4, "block")))


def resnext_convolution():
    image = L.Input((8, 8, 4))
    return keras.Model(image, grouped_conv(image, 2, 3, 1, "conv"))


def inception_block():
    image = L.Input((8, 8, 4))
    return keras.Model(image, inception_resnet_v2._residual_block(image, "block8", 1, 0.2))


def later_inception_block():
    a, b = L.Input((4,)), L.Input((4,))
    return keras.Model([a, b], inception_resnet_v2.CustomScaleLayer(0.5)([a, b]))


@pytest.mark.parametrize("suffix", ["h5", "keras", "onnx"])
@pytest.mark.parametrize(
    "make", [convnext_block, resnext_convolution, inception_block, later_inception_block]
)
def test_files_load_in_safe_mode_without_an_import(make, suffix, tmp_path):
    model = make()
    path = tmp_path / f"model.{suffix}"
    model.export(path) if suffix == "onnx" else model.save(path)
    with CustomObjectScope():
        get_custom_objects().clear()  # as in a process that has imported no application
        loaded = keras.models.load_model(path)
    assert [type(x).__name__ for x in loaded.layers] == [type(x).__name__ for x in model.layers]
    random = np.random.default_rng(0)
    x = [random.standard_normal((2, *i.shape[1:])).astype("float32") for i in model.inputs]
    for found, expected in zip(loaded.predict(x), model.predict(x), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7)


def test_a_clone_trains_like_the_model():
    """Copies in memory go the same way as files."""
    model = inception_block()
    copy = keras.models.clone_model(model)
    assert copy.get_layer("block8_1").function is scaled_sum


def test_names_that_are_no_objects_of_applications_stay_unknown():
    assert registry.elsewhere("importlib") is None
    assert registry.elsewhere("elsewhere") is None
    with pytest.raises(ValueError, match="Unknown layer: 'LayerScales'.*custom_objects"):
        L.deserialize({"class_name": "LayerScales", "config": {}})

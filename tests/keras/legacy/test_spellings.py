"""Keras 1's spellings give what Keras 2.3.1 makes of them, with its warnings (see make_golden.py)."""

from __future__ import annotations

import importlib.util
import json
import re
import warnings
from pathlib import Path
from typing import Any

import pytest

from kcompile import keras
from kcompile.keras import layers
from kcompile.keras.data import TensorSpec
from kcompile.keras.legacy import spellings

HERE = Path(__file__).resolve().parent
GOLDEN = json.loads((HERE / "golden.json").read_text(encoding="utf-8"))


def _cases() -> Any:
    spec = importlib.util.spec_from_file_location("legacy_cases", HERE / "cases.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


cases = _cases()

# Errors that say more than Keras's.
_OWN_ERRORS = ("integer positional arguments",)


@pytest.fixture(autouse=True)
def fresh_names():
    keras.backend.clear_session()


def _without_own_texts(text: str) -> str:
    """A warning without the texts of objects, which are each library's own."""
    return re.sub(r"(=|\()\[?(<|Tensor).*?\.{3,4}", r"\1?...", text)


def _same(found: Any, expected: Any) -> Any:
    """``found`` as JSON gives it back, without what later versions of Keras added to configurations."""
    found = json.loads(json.dumps(found))
    if isinstance(found, dict) and isinstance(expected, dict):
        return {k: _same(v, expected[k]) for k, v in found.items() if k in expected}
    if isinstance(found, list) and isinstance(expected, list) and len(found) == len(expected):
        return [_same(a, b) for a, b in zip(found, expected, strict=True)]
    return found


def test_every_case_has_an_answer_of_keras() -> None:
    assert list(GOLDEN) == cases.CASES


@pytest.mark.parametrize("expression", cases.CASES)
def test_call_gives_what_keras_makes_of_it(expression: str) -> None:
    expected = GOLDEN[expression]
    found = cases.answer(expression, cases.environment(keras))
    assert found.get("error") == expected.get("error"), found
    if "error" in expected:
        if not any(part in expected["message"] for part in _OWN_ERRORS):
            assert found["message"] == expected["message"]
    else:
        assert _same(found["gives"], expected["gives"]) == expected["gives"]
    texts = [_without_own_texts(text) for text in found["warnings"]]
    assert texts == [_without_own_texts(text) for text in expected["warnings"]]


def test_the_table_is_covered_by_cases() -> None:
    """Each class and each method that has a row occurs in a case, under either of its names."""
    text = " ".join(cases.CASES)
    older = {new: old for old, new in spellings.CLASS_NAMES.items() if not old.startswith("Atrous")}
    names = [*spellings.LAYERS, *spellings.METHODS["Model"]]
    absent = [n for n in names if f"{n}(" not in text and f"{older.get(n, n)}(" not in text]
    assert absent == ["InputLayer", "Network"]


def test_the_warning_points_at_the_line_that_calls() -> None:
    with pytest.warns(UserWarning, match="Update your `Dense` call") as caught:
        layers.Dense(output_dim=3)
    assert caught[0].filename == __file__
    with pytest.warns(UserWarning, match="SpatialDropout1D") as caught:
        layers.Embedding(5, 3, dropout=0.1)
    assert caught[0].filename == __file__


def test_calls_of_keras_2_do_not_warn() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        layers.Conv2D(8, (3, 3), padding="same")
        layers.Conv2D(8, 3)
        layers.Conv3D(8, 3, 2)  # as tf.keras is called: kernel_size and strides
        layers.Dense(3, "relu")
        layers.LSTM(3, input_shape=(None, 2))
        layers.Embedding(10, 3, input_length=4)


def test_subclasses_of_users_take_the_old_names_by_way_of_their_base() -> None:
    class MyDense(layers.Dense):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)

    with pytest.warns(
        UserWarning, match=r"Update your `MyDense` call to the Keras 2 API: `MyDense\(units=3\)`"
    ):
        assert MyDense(output_dim=3).units == 3


def test_a_users_class_of_a_built_in_name_is_left_alone() -> None:
    class Dense(layers.Layer):
        def __init__(self, output_dim: int, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.output_dim = output_dim

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert Dense(output_dim=3).output_dim == 3


def test_dim_ordering_of_the_backend_is_the_data_format() -> None:
    K = keras.backend
    before = K.image_data_format()
    try:
        K.set_image_dim_ordering("th")
        assert K.image_data_format() == "channels_first" and K.image_dim_ordering() == "th"
        assert layers.Conv2D(2, 3).data_format == "channels_first"
    finally:
        K.set_image_data_format(before)


_CONVOLUTION = {"nb_filter": 8, "nb_row": 3, "nb_col": 5, "border_mode": "same", "dim_ordering": "th"}


@pytest.mark.parametrize(
    ("class_name", "config", "expected"),
    [
        (
            "Convolution2D",
            _CONVOLUTION,
            {"filters": 8, "kernel_size": (3, 5), "padding": "same", "data_format": "channels_first"},
        ),
        ("Dense", {"output_dim": 3, "bias": True, "name": "d"}, {"units": 3, "use_bias": True, "name": "d"}),
        (
            "AtrousConvolution1D",
            {"nb_filter": 2, "filter_length": 3, "atrous_rate": 2},
            {"filters": 2, "kernel_size": 3, "dilation_rate": 2},
        ),
        ("BatchNormalization", {"mode": 0, "epsilon": 1e-5}, {"epsilon": 1e-5}),
        (
            "LSTM",
            {"output_dim": 3, "forget_bias_init": "one", "input_dim": 2, "consume_less": "gpu"},
            {"units": 3, "unit_forget_bias": True, "input_shape": (None, 2), "implementation": 2},
        ),
        ("Dropout", {"p": 0.5, "trainable": True}, {"rate": 0.5, "trainable": True}),
    ],
)
def test_configurations_of_files_use_the_same_table(class_name: str, config: dict, expected: dict) -> None:
    given = dict(config)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = spellings.upgrade_arguments(class_name, config)
        getattr(layers, spellings.upgrade_class_name(class_name))(**found)
    assert found == expected
    assert config == given


def test_configurations_of_other_classes_stay_as_they_are() -> None:
    assert spellings.upgrade_arguments("MyLayer", {"output_dim": 3}) == {"output_dim": 3}
    assert spellings.upgrade_class_name("MyLayer") == "MyLayer"


def test_mode_of_batch_normalization_in_a_file_is_refused_where_it_means_another_layer() -> None:
    with pytest.raises(TypeError, match="mode=1"):
        spellings.upgrade_arguments("BatchNormalization", {"mode": 1})


@pytest.mark.parametrize(
    "arguments",
    [
        {"shape": (3,), "batch_size": 4},
        {"batch_shape": (4, 3), "optional": False, "ragged": False},
        {"shape": [3], "batch_shape": None, "batch_size": 4, "type_spec": None},
    ],
)
def test_an_input_layer_as_it_is_spelled_today_needs_no_warning(arguments):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert keras.layers.InputLayer(**arguments).batch_input_shape == (4, 3)


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("ragged", "Inputs with ragged=True are not supported"),
        ("type_spec", "expected a TensorSpec.* found True"),
    ],
)
def test_inputs_that_are_no_arrays_are_refused(argument, message):
    with pytest.raises(ValueError, match=message):
        keras.layers.InputLayer(shape=(3,), **{argument: True})


def test_an_input_layer_takes_the_spec_of_a_tensor():
    layer = keras.layers.InputLayer(type_spec=TensorSpec((4, 3), "int32"))
    assert layer.batch_input_shape == (4, 3) and layer.dtype == "int32"


def test_layers_take_the_word_of_keras_3_that_they_are_not_quantized():
    assert keras.layers.Dense(2, quantization_config=None).units == 2
    with pytest.raises(TypeError, match="not understood: 'quantization_config'"):
        keras.layers.Dense(2, quantization_config={"class_name": "Int8QuantizationConfig"})

"""The decorators that copies of Keras 2's layers and optimizers carry convert what Keras 2.3.1's convert."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kcompile import keras
from kcompile.keras import backend as K
from kcompile.keras.layers import Layer
from kcompile.keras.legacy import interfaces

NAMES = json.loads((Path(__file__).parents[1] / "keras2_names.json").read_text(encoding="utf-8"))["modules"]
_CONV = {"nb_filter": 2, "border_mode": "same", "bias": False}
_NEW_CONV = {"filters": 2, "padding": "same", "use_bias": False}
_TF, _LAST = {"dim_ordering": "tf"}, {"data_format": "channels_last"}
_RNN = {"output_dim": 3, "inner_activation": "tanh", "dropout_W": 0.5, "consume_less": "gpu"}
_NEW_RNN = {"units": 3, "recurrent_activation": "tanh", "dropout": 0.5, "implementation": 2}
_LOSS, _PARAMS = object(), [object()]

# decorator: arguments as given, arguments as they arrive
CALLS: dict[str, tuple[tuple[list, dict], tuple[list, dict]]] = {
    "dense": (([], {"output_dim": 3, "W_constraint": None}), ([], {"units": 3, "kernel_constraint": None})),
    "dropout": (([], {"p": 0.5, "seed": 1}), ([], {"rate": 0.5, "seed": 1})),
    "embedding": (([4, 3], {"dropout": 0.1, "init": "zeros"}), ([4, 3], {"embeddings_initializer": "zeros"})),
    "pooling1d": (([], {"pool_length": 2, "stride": 3}), ([], {"pool_size": 2, "strides": 3})),
    "prelu": (([], {"init": "ones"}), ([], {"alpha_initializer": "ones"})),
    "gaussiannoise": (([], {"sigma": 0.5}), ([], {"stddev": 0.5})),
    "gaussiandropout": (([], {"p": 0.5}), ([], {"rate": 0.5})),
    "recurrent": (
        ([], {**_RNN, "forget_bias_init": "one", "input_dim": 2}),
        ([], {**_NEW_RNN, "unit_forget_bias": True, "input_shape": (None, 2)}),
    ),
    "pooling2d": (([], {"border_mode": "same", **_TF}), ([], {"padding": "same", **_LAST})),
    "pooling3d": (([], {"border_mode": "same", **_TF}), ([], {"padding": "same", **_LAST})),
    "global_pooling": (([], {"dim_ordering": "th"}), ([], {"data_format": "channels_first"})),
    "upsampling1d": (([], {"length": 3}), ([], {"size": 3})),
    "upsampling2d": (([], {"dim_ordering": "default"}), ([], {"data_format": None})),
    "upsampling3d": (([], _TF), ([], _LAST)),
    "conv1d": (([], {**_CONV, "filter_length": 3}), ([], {**_NEW_CONV, "kernel_size": 3})),
    "conv2d": (([2, 3, 4], {"subsample": (2, 2)}), ([2, (3, 4)], {"strides": (2, 2)})),
    "separable_conv2d": (
        ([2, 3], {"nb_col": 4, "init": "ones"}),
        ([2, (3, 4)], {"depthwise_initializer": "ones", "pointwise_initializer": "ones"}),
    ),
    "deconv2d": (([2, 3, 4, (None, 8, 8, 2)], _TF), ([2, (3, 4)], _LAST)),
    "conv3d": (
        ([], {**_CONV, "kernel_dim1": 1, "kernel_dim2": 2, "kernel_dim3": 3}),
        ([], {**_NEW_CONV, "kernel_size": (1, 2, 3)}),
    ),
    "convlstm2d": (
        ([2, 3, 4], {"inner_init": "ones", "bias": False}),
        ([2, (3, 4)], {"recurrent_initializer": "ones", "use_bias": False}),
    ),
    "batchnorm": (([], {"mode": 0, "beta_init": "ones"}), ([], {"beta_initializer": "ones"})),
    "zeropadding2d": (([{"top_pad": 1, "left_pad": 2}], _TF), ([((1, 0), (2, 0))], _LAST)),
    "zeropadding3d": (([1], _TF), ([1], _LAST)),
    "cropping2d": (([1], _TF), ([1], _LAST)),
    "cropping3d": (([1], _TF), ([1], _LAST)),
    "spatialdropout1d": (([], {"p": 0.5}), ([], {"rate": 0.5})),
    "spatialdropoutNd": (([], {"p": 0.5, **_TF}), ([], {"rate": 0.5, **_LAST})),
    "lambda": (([abs], {"output_shape": (3,)}), ([abs], {"output_shape": (3,)})),
    "generator_methods": (
        ([], {"generator": 0, "samples_per_epoch": 8, "max_q_size": 1}),
        ([], {"generator": 0, "steps_per_epoch": 8, "max_queue_size": 1}),
    ),
    "model_constructor": (([], {"input": 1, "output": 2}), ([], {"inputs": 1, "outputs": 2})),
    "input": (([], {"input_dtype": "int32"}), ([], {"dtype": "int32"})),
    "add_weight": (
        ([(3, 4), "kernel"], {"initializer": "ones"}),
        ([], {"shape": (3, 4), "name": "kernel", "initializer": "ones"}),
    ),
    "get_updates": (([_PARAMS, {}, _LOSS], {}), ([], {"params": _PARAMS, "loss": _LOSS})),
}


def decorated(decorator: Any) -> Any:
    """A class like a copied layer, whose constructor says what arrived."""

    class Copy:
        @decorator
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            self.arrived = list(args), kwargs

    return Copy


def test_the_calls_cover_every_decorator_of_keras() -> None:
    names = " ".join(NAMES["keras.legacy.interfaces"].values()).split()
    assert {f"legacy_{name}_support" for name in CALLS} == {n for n in names if n.startswith("legacy_")}


@pytest.mark.parametrize("name", CALLS)
def test_a_decorator_converts_what_keras_converts(name: str) -> None:
    (args, kwargs), expected = CALLS[name]
    cls = decorated(getattr(interfaces, f"legacy_{name}_support"))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert cls(*args, **kwargs).arrived == expected
        count = len(caught)
        args, kwargs = expected
        assert cls(*args, **kwargs).arrived == expected  # today's spelling, without a word
    assert bool(count) == (name not in ("lambda", "add_weight", "get_updates")) and len(caught) == count
    assert all(warning.filename == __file__ for warning in caught)
    assert cls.__init__._original_function.__name__ == "__init__"


def test_both_names_at_once_are_refused() -> None:
    with pytest.raises(TypeError, match="legacy keyword argument `output_dim` and the Keras 2 .* `units`"):
        decorated(interfaces.legacy_dense_support)(units=3, output_dim=3)
    with pytest.raises(TypeError, match="`old` and the Keras 2 keyword argument `new`"):
        interfaces.raise_duplicate_arg_error("old", "new")


def test_an_interface_of_ones_own() -> None:
    def preprocessor(args: Any, kwargs: Any) -> Any:
        return [*args[:1], *(2 * x for x in args[1:])], kwargs, [("twice", "once")]

    decorator = interfaces.generate_legacy_interface(
        allowed_positional_args=["n"],
        conversions=[("how", "mode")],
        preprocessor=preprocessor,
        value_conversions={"how": {"tf": 1, (2, 3): "pair"}},
    )
    with pytest.warns(UserWarning, match=r"Update your `Copy` call to the Keras 2 API: `Copy\(6, mode=1\)`"):
        assert decorated(decorator)(3, how="tf").arrived == ([6], {"mode": 1})
    with pytest.warns(UserWarning, match="Update your `Copy` call"):
        assert decorated(decorator)(how=[4]).arrived == ([], {"mode": [4]})
    with pytest.raises(TypeError, match=r"`Copy` can accept only 1 positional arguments \('n',\)"):
        decorated(decorator)(1, 2)


def test_the_preprocessors_of_keras_take_the_same_arguments() -> None:
    interface = interfaces.generate_legacy_interface(preprocessor=interfaces.conv2d_args_preprocessor)
    with pytest.warns(UserWarning, match="Update your `Copy` call"):
        assert decorated(interface)(2, 3, 4).arrived == ([2, (3, 4)], {})
    args, kwargs, converted = interfaces.get_updates_arg_preprocessing([None, _PARAMS, {}, _LOSS], {})
    assert (args, kwargs, converted) == ([None], {"params": _PARAMS, "loss": _LOSS}, [])
    assert {n for n in " ".join(NAMES["keras.legacy.interfaces"].values()).split() if "args_pre" in n} <= set(
        vars(interfaces)
    )


class CopiedSGD(keras.optimizers.Optimizer):
    """As other people's optimizers are written, with the parameters in an order of their own."""

    def __init__(self, lr: float) -> None:
        super().__init__()
        self.lr = K.variable(lr)

    @interfaces.legacy_get_updates_support
    @K.symbolic
    def get_updates(self, params: Any, loss: Any) -> Any:
        grads = self.get_gradients(loss, params)
        return [K.update(p, p - self.lr * g) for p, g in zip(params, grads, strict=True)]


class CopiedDense(Layer):
    @interfaces.legacy_dense_support
    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units

    def build(self, shape: Any) -> None:
        self.kernel = self.add_weight((shape[-1], self.units), name="kernel", initializer="ones")
        super().build(shape)

    def call(self, x: Any) -> Any:
        return K.dot(x, self.kernel)


def test_copied_layers_and_optimizers_train() -> None:
    pytest.importorskip("torch")
    with pytest.warns(UserWarning, match="Update your `CopiedDense` call"):
        model = keras.Sequential([CopiedDense(output_dim=1, input_shape=(2,))])
    model.compile(CopiedSGD(0.5), "mse")
    model.train_on_batch(np.ones((4, 2)), np.zeros((4, 1)))
    np.testing.assert_allclose(model.get_weights()[0], [[-1.0], [-1.0]])  # 1 - 0.5 * 2 * 2

"""Every option of every layer that has a template: written, or left to the layer's operators."""

from __future__ import annotations

import inspect
from pathlib import Path

import numpy as np
import pytest

from kcompile.convert import ConversionError, module_source, write_module
from kcompile.convert.layer_call import _NO_MATTER
from kcompile.convert.templates import TEMPLATES
from kcompile.keras import backend as K
from kcompile.keras import layers as L
from kcompile.keras.models import Model
from kcompile.keras.utils import custom_object_scope
from kcompile.torch_bridge.module_file import load_module_file

from .test_module_source import randomised

STEPS, IMAGE, VOLUME = (6, 4), (6, 4, 4), (6, 6, 4, 4)
FIRST = {
    **dict.fromkeys(("Conv1D", "Conv2D", "Conv3D", "SeparableConv1D", "SeparableConv2D"), (4, 2)),
    **dict.fromkeys(("Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose"), (4, 3)),
    **dict.fromkeys(("DepthwiseConv1D", "DepthwiseConv2D"), (2,)),
    **dict.fromkeys(("LSTM", "GRU", "SimpleRNN", "CuDNNLSTM", "CuDNNGRU", "Dense"), (3,)),
    **dict.fromkeys(("SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "Dropout"), (0.5,)),
    **dict.fromkeys(("GaussianNoise", "GaussianDropout", "AlphaDropout", "Rescaling"), (0.5,)),
    "Embedding": (9, 3),
    "Reshape": ((-1, 2),),
    "Permute": ((2, 1),),
    "RepeatVector": (3,),
    "Activation": ("relu",),
    "MultiHeadAttention": (2, 2),
    "Dot": (2,),
    "GroupNormalization": (2,),
}
"""Arguments without a default."""


def given(kind: str) -> tuple:
    if kind == "TimeDistributed":
        return (L.Dense(3),)
    if kind == "Bidirectional":
        return (L.LSTM(3, return_sequences=True),)
    return FIRST.get(kind, ())


def shape_of(kind: str) -> tuple[int, ...]:
    if kind == "RepeatVector":
        return (4,)
    return VOLUME if "3D" in kind else IMAGE if "2D" in kind or kind == "BatchNormalization" else STEPS


def rank_of(kind: str) -> int:
    return len(shape_of(kind)) - 1


def odd(x):
    return K.tanh(x) * 2


VALUES = {
    "units": [5],
    "filters": [8],
    "kernel_size": [3],
    "strides": [2],
    "pool_size": [3],
    "padding": ["same"],
    "data_format": ["channels_first"],
    "dilation_rate": [2],
    "depth_multiplier": [2],
    "output_padding": [],  # with strides, in ``more`` below
    "cropping": [2],
    "size": [3],
    "interpolation": ["bilinear"],
    "half_pixel_centers": [True],
    "activation": ["softmax", odd],
    "recurrent_activation": ["hard_sigmoid", odd],
    "use_bias": [False],
    "input_dim": [7],
    "output_dim": [2],
    "mask_zero": [True],
    "input_length": [6],
    "target_shape": [(4, 6)],
    "dims": [(1, 2)],
    "n": [2],
    "mask_value": [0.5],
    "rate": [0.25],
    "noise_shape": [(None, 1, 4)],
    "l1": [0.1],
    "l2": [0.1],
    "stddev": [2.0],
    "max_value": [1.0],
    "negative_slope": [0.5],
    "threshold": [0.5],
    "alpha": [0.7],
    "theta": [0.5],
    "axis": [1, [1, 2]],
    "axes": [(1, 1)],
    "normalize": [True],
    "shared_axes": [[1]],
    "momentum": [0.5],
    "epsilon": [0.5],
    "center": [False],
    "scale": [False],
    "rms_scaling": [True],
    "groups": [4],
    "mean": [0.5],
    "variance": [0.25],
    "invert": [True],
    "offset": [0.5, [0.1, 0.2, 0.3, 0.4]],
    "num_heads": [1],
    "key_dim": [3],
    "value_dim": [3],
    "output_shape": [3],
    "attention_axes": [1],
    "sliding_window": [2],
    "use_gate": [True],
    "keepdims": [True],
    "merge_mode": ["sum", "mul", "ave", None],
    "backward_layer": [],  # in ``more`` below
    "layer": [],
    "weights": [],
    "reset_after": [True],
    "return_sequences": [True],
    "return_state": [True],
    "go_backwards": [True],
    "stateful": [],  # its batch has a size: ``test_operator_source``
    "zero_output_for_mask": [True],
    "dtype": [],  # the inputs' is the layers' here; weights of another one have no template
}
"""Values other than the default, by the name of the option."""

ANOTHER = {
    ("Rescaling", "scale"): [[1.0, 2.0, 3.0, 4.0]],
    ("Normalization", "mean"): [],  # both or none
    ("Normalization", "variance"): [],
    ("Normalization", "axis"): [1, (1, 2)],
    ("Softmax", "axis"): [1, [1, 2]],
    ("BatchNormalization", "axis"): [1, 2],
    ("RMSNormalization", "axis"): [1],
    ("Concatenate", "axis"): [1],
    ("GroupNormalization", "axis"): [1],
    **{(f"ZeroPadding{rank}D", "padding"): [2] for rank in (1, 2, 3)},
}


def options_of(kind: str) -> set[str]:
    """What a layer can be told, by its constructor and its configuration."""
    layer = getattr(L, kind)
    named = set(inspect.signature(layer.__init__).parameters) | set(layer(*given(kind)).get_config())
    return {name for name in named if not _NO_MATTER.fullmatch(name)} - {"self", "args", "kwargs"}


def more(kind: str) -> list[dict]:
    """Arguments together, where one does nothing alone."""
    if kind in ("LSTM", "GRU", "SimpleRNN"):
        together = {"return_sequences": True, "zero_output_for_mask": True}
        return [together, {**together, "go_backwards": True}, {"zero_output_for_mask": True},
                {"return_state": True, "return_sequences": True}]  # fmt: skip
    if "Transpose" in kind:
        return [
            {"strides": 2, "output_padding": 1},
            {"strides": 2, "output_padding": 1, "padding": "same"},
            {"strides": 2, "padding": "same"},
            {"strides": 3},
        ]
    if kind == "Normalization":
        return [{"mean": 0.5, "variance": 0.25}, {"mean": 0.5, "variance": 0.25, "invert": True}]
    if kind == "UpSampling2D":
        return [{"interpolation": "bilinear", "half_pixel_centers": half} for half in (True, False)]
    if kind == "ReLU":
        return [{"max_value": 1.0, "negative_slope": 0.5, "threshold": 0.25}]
    if kind == "Bidirectional":
        made = {"return_sequences": True, "zero_output_for_mask": True}
        return [
            {"layer": L.LSTM(3, **made)}, {"layer": L.GRU(3, zero_output_for_mask=True)},
            {"layer": L.LSTM(3, activation=odd)}, {"layer": L.LSTM(3, return_state=True)},
            {"layer": L.LSTM(3), "backward_layer": L.LSTM(3, "relu", go_backwards=True)},
        ]  # fmt: skip
    if kind == "TimeDistributed":
        return [{"layer": L.LSTM(2)}] if shape_of(kind) != STEPS else [{"layer": L.Activation(odd)}]
    return []


def variants(kind: str) -> list[dict]:
    found: list[dict] = [{}]
    for option in sorted(options_of(kind)):
        for value in ANOTHER.get((kind, option), VALUES[option]):
            found.append({option: value})
    return found + more(kind)


def made(kind: str, options: dict):
    """A layer with these options; those given without a name are replaced by name."""
    layer = getattr(L, kind)
    names = [name for name in inspect.signature(layer.__init__).parameters if name != "self"]
    return layer(**{**dict(zip(names, given(kind), strict=False)), **options})


MERGES = ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate", "Dot")


def called(layer, x):
    if isinstance(layer, L.MultiHeadAttention):
        return layer(x, x)
    return layer([x, L.Rescaling(0.5, 1.0)(x)] if type(layer).__name__ in MERGES else x)


def network(kind: str) -> Model:
    """All variants of a layer on one input, without and, where the layer takes it, with a mask."""
    x = L.Input(shape_of(kind))
    start = L.Lambda(lambda t: K.cast(K.abs(t[:, :, 0]) * 2, "int32"))(x) if kind == "Embedding" else x
    outputs = []
    for options in variants(kind):
        for mask in (False, True) if rank_of(kind) == 1 and kind != "Embedding" else (False,):
            if mask and options.get("data_format"):
                continue  # the mask is over steps, which would be channels
            value = L.Masking(0.0)(start) if mask else start
            try:
                found = called(made(kind, options), value)
            except TypeError as error:
                if "does not support masking" not in str(error):
                    raise
                continue
            outputs += found if isinstance(found, list) else [found]
    return Model(x, outputs)


@pytest.mark.parametrize("kind", TEMPLATES)
def test_every_option_is_written(kind: str, tmp_path: Path) -> None:
    with custom_object_scope({"odd": odd}):
        model = randomised(network(kind))
    x = np.random.default_rng(0).standard_normal((2, *shape_of(kind))).astype(np.float32)
    x[0, 4:] = x[1, 1:3] = 0  # masked at the end, and between
    write_module(model, tmp_path / "net.py", verify=False)
    found = load_module_file(tmp_path / "net.py").run([x])
    expected = model.predict(x)
    expected = expected if isinstance(expected, list) else [expected]
    assert len(found) == len(expected) >= len(variants(kind))
    for i, (a, b) in enumerate(zip(expected, found, strict=True)):
        np.testing.assert_allclose(b, a, atol=1e-5, err_msg=f"output {i} of {variants(kind)}")


def test_no_option_is_without_a_value_to_try() -> None:
    missing = {(kind, o) for kind in TEMPLATES for o in options_of(kind) if o not in VALUES}
    assert not missing
    written = {(kind, option) for kind in TEMPLATES for option in TEMPLATES[kind].options.split()}
    unknown = {(kind, o) for kind, o in written if o not in VALUES and not _NO_MATTER.fullmatch(o)}
    assert not unknown


class Dense(L.Dense):  # a user's, of the name of ours
    def call(self, inputs):
        return super().call(inputs) * 2


def test_an_option_that_no_template_knows_is_left_to_operators(monkeypatch, tmp_path: Path) -> None:
    x = L.Input((4,))
    layer = L.Dense(3)
    plain = module_source(Model(x, layer(x)))
    assert "nn.Linear(4, 3)" in plain
    config = L.Dense.get_config
    monkeypatch.setattr(L.Dense, "get_config", lambda self: {**config(self), "from_the_future": 1})
    assert "nn.Linear" not in module_source(Model(x, layer(x)))


def test_a_class_of_the_users_with_our_name_has_no_template(tmp_path: Path) -> None:
    x = L.Input((4,))
    model = randomised(Model(x, Dense(3)(x)))
    write_module(model, tmp_path / "net.py")
    assert "nn.Linear" not in (tmp_path / "net.py").read_text()


def test_a_layer_called_for_training_is_not_written_for_inference() -> None:
    x = L.Input((4,))
    with pytest.raises(ConversionError, match="random"):
        module_source(Model(x, L.Dropout(0.5)(x, training=True)))
    assert "nn.BatchNorm" not in module_source(Model(x, L.BatchNormalization()(x, training=True)))

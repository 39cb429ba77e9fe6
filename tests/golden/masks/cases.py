"""Layers behind a mask, as any Keras can make them: tf_keras, Keras 3 and ours.

Every row is ``name: (shape of one sample, builder)``; the builder takes the Keras module and the masked
tensor and returns what the layer makes of it. A model has that as outputs, and behind each output of three
axes a GlobalAveragePooling1D, which shows whether a mask came through.
"""

from __future__ import annotations

import zlib

import numpy as np

STEPS, FEATURES = 6, 4
SEQUENCE, IMAGES, VOLUMES = (STEPS, FEATURES), (STEPS, 4, 3), (STEPS, 3, 3, 2)
#: Which steps of the two samples count: padding in front, within and behind.
KEPT = np.array([[0, 1, 1, 0, 1, 0], [1, 1, 0, 1, 1, 1]], "float32")

CASES: dict = {}


def _layer(name, shape, make, **call):
    CASES[name] = (shape, lambda k, x: make(k)(x, **call))


def _one(shape, class_name, *variants):
    """A layer class by name, once for each set of arguments."""
    for i, arguments in enumerate(variants or ({},)):
        name = class_name if not i else f"{class_name}_{i}"
        CASES[name] = (shape, lambda k, x, a=arguments: getattr(k.layers, class_name)(**a)(x))


for _class, _variants in {
    "Activation": [{"activation": "tanh"}, {"activation": "softmax"}, {"activation": "gelu"}],
    "ActivityRegularization": [{}],
    "AlphaDropout": [{"rate": 0.2}],
    "AveragePooling1D": [{}, {"padding": "same", "pool_size": 3}],
    "BatchNormalization": [{}, {"axis": 1}],
    "Bidirectional_names": [],
    "Conv1D": [{"filters": 3, "kernel_size": 2}, {"filters": 3, "kernel_size": 2, "padding": "same"},
               {"filters": 3, "kernel_size": 2, "padding": "causal"}],
    "Conv1DTranspose": [{"filters": 3, "kernel_size": 2}],
    "Cropping1D": [{}],
    "Dense": [{"units": 3}],
    "DepthwiseConv1D": [{"kernel_size": 2}],
    "Dropout": [{"rate": 0.2}],
    "EinsumDense": [{"equation": "abc,cd->abd", "output_shape": (None, 3)}],
    "ELU": [{}],
    "Flatten": [{}],
    "GaussianDropout": [{"rate": 0.2}],
    "GaussianNoise": [{"stddev": 0.2}],
    "GlobalAveragePooling1D": [{}, {"keepdims": True}],
    "GlobalMaxPooling1D": [{}, {"keepdims": True}],
    "GroupNormalization": [{"groups": 2}],
    "GRU": [{"units": 3}, {"units": 3, "return_sequences": True}, {"units": 3, "reset_after": False},
            {"units": 3, "return_sequences": True, "go_backwards": True}],
    "Identity": [{}],
    "LayerNormalization": [{}, {"axis": 1}, {"axis": [1, 2]}],
    "LeakyReLU": [{}],
    "LocallyConnected1D": [{"filters": 3, "kernel_size": 2}],
    "LSTM": [{"units": 3}, {"units": 3, "return_sequences": True},
             {"units": 3, "return_sequences": True, "zero_output_for_mask": True},
             {"units": 3, "return_sequences": True, "go_backwards": True}],
    "Masking": [{"mask_value": 0.5}],
    "MaxPooling1D": [{}, {"padding": "same", "pool_size": 3}],
    "Normalization": [{"mean": 0.5, "variance": 2.0}],
    "Permute": [{"dims": (2, 1)}],
    "PReLU": [{}, {"shared_axes": [1]}],
    "ReLU": [{}, {"negative_slope": 0.1, "max_value": 0.5}],
    "Rescaling": [{"scale": 0.5, "offset": 1.0}],
    "Reshape": [{"target_shape": (3, 8)}, {"target_shape": (24,)}],
    "RMSNormalization": [{}],
    "SeparableConv1D": [{"filters": 3, "kernel_size": 2}],
    "SimpleRNN": [{"units": 3}, {"units": 3, "return_sequences": True}],
    "Softmax": [{"axis": 2}],
    "SpatialDropout1D": [{"rate": 0.2}],
    "ThresholdedReLU": [{}],
    "UnitNormalization": [{}],
    "UpSampling1D": [{}],
    "ZeroPadding1D": [{}],
    "AdaptiveAveragePooling1D": [{"output_size": 3}],
    "AdaptiveMaxPooling1D": [{"output_size": 3}],
}.items():  # fmt: skip
    if _variants:
        _one(SEQUENCE, _class, *_variants)

for _class, _variants in {
    "AveragePooling2D": [{}],
    "BatchNormalization": [{}],
    "CenterCrop": [{"height": 3, "width": 2}],
    "Conv2D": [{"filters": 3, "kernel_size": 2}],
    "Conv2DTranspose": [{"filters": 3, "kernel_size": 2}],
    "Cropping2D": [{}],
    "DepthwiseConv2D": [{"kernel_size": 2}],
    "Dropout": [{"rate": 0.2}],
    "Flatten": [{}],
    "GlobalAveragePooling2D": [{}],
    "GlobalMaxPooling2D": [{}],
    "LayerNormalization": [{}],
    "LocallyConnected2D": [{"filters": 3, "kernel_size": 2}],
    "MaxPooling2D": [{}],
    "RandomContrast": [{"factor": 0.2}],
    "RandomCrop": [{"height": 3, "width": 2}],
    "RandomFlip": [{}],
    "RandomHeight": [{"factor": 0.0}],
    "RandomRotation": [{"factor": 0.2}],
    "RandomTranslation": [{"height_factor": 0.2, "width_factor": 0.2}],
    "RandomWidth": [{"factor": 0.0}],
    "RandomZoom": [{"height_factor": 0.2}],
    "Resizing": [{"height": 3, "width": 7}],
    "SeparableConv2D": [{"filters": 3, "kernel_size": 2}],
    "SpatialDropout2D": [{"rate": 0.2}],
    "UpSampling2D": [{}, {"interpolation": "bilinear"}],
    "ZeroPadding2D": [{}],
}.items():
    for _i, _arguments in enumerate(_variants):
        CASES[f"images_{_class}" + (f"_{_i}" if _i else "")] = (
            IMAGES,
            lambda k, x, c=_class, a=_arguments: getattr(k.layers, c)(**a)(x),
        )

for _class, _variants in {
    "AveragePooling3D": [{}],
    "Conv3D": [{"filters": 3, "kernel_size": 2}],
    "Conv3DTranspose": [{"filters": 3, "kernel_size": 2}],
    "ConvLSTM2D": [{"filters": 2, "kernel_size": 2}],
    "Cropping3D": [{}],
    "GlobalAveragePooling3D": [{}],
    "GlobalMaxPooling3D": [{}],
    "MaxPooling3D": [{"pool_size": (2, 1, 1)}],
    "SpatialDropout3D": [{"rate": 0.2}],
    "UpSampling3D": [{}],
    "ZeroPadding3D": [{}],
}.items():
    for _i, _arguments in enumerate(_variants):
        CASES[f"volumes_{_class}"] = (
            VOLUMES,
            lambda k, x, c=_class, a=_arguments: getattr(k.layers, c)(**a)(x),
        )

_layer("RepeatVector", (FEATURES,), lambda k: k.layers.RepeatVector(3))
_layer("SpectralNormalization", SEQUENCE, lambda k: k.layers.SpectralNormalization(k.layers.Dense(3)))
for _mode in ("concat", "sum", "mul", "ave", None):
    _layer(
        f"Bidirectional_{_mode}", SEQUENCE,
        lambda k, m=_mode: k.layers.Bidirectional(k.layers.LSTM(3, return_sequences=True), merge_mode=m),
    )  # fmt: skip
_layer("Bidirectional_last", SEQUENCE, lambda k: k.layers.Bidirectional(k.layers.LSTM(3)))
_layer(
    "Bidirectional_gru", SEQUENCE,
    lambda k: k.layers.Bidirectional(k.layers.GRU(3, return_sequences=True)),
)  # fmt: skip
_layer(
    "Bidirectional_simple", SEQUENCE,
    lambda k: k.layers.Bidirectional(k.layers.SimpleRNN(3, return_sequences=True)),
)  # fmt: skip
_layer(
    "Bidirectional_rnn", SEQUENCE,
    lambda k: k.layers.Bidirectional(k.layers.RNN(k.layers.LSTMCell(3), return_sequences=True)),
)  # fmt: skip
_layer(
    "Bidirectional_states", SEQUENCE,
    lambda k: k.layers.Bidirectional(k.layers.GRU(3, return_sequences=True, return_state=True)),
)  # fmt: skip
_layer(
    "Bidirectional_both_given", SEQUENCE,
    lambda k: k.layers.Bidirectional(
        k.layers.LSTM(3, return_sequences=True),
        backward_layer=k.layers.GRU(2, return_sequences=True, go_backwards=True),
    ),
)  # fmt: skip
_layer(
    "Bidirectional_twice", SEQUENCE,
    lambda k: k.Sequential([
        k.layers.Bidirectional(k.layers.LSTM(3, return_sequences=True)),
        k.layers.Bidirectional(k.layers.LSTM(2, return_sequences=True)),
    ]),
)  # fmt: skip
_layer("RNN_cell", SEQUENCE, lambda k: k.layers.RNN(k.layers.GRUCell(3), return_sequences=True))
_layer(
    "RNN_stacked", SEQUENCE,
    lambda k: k.layers.RNN([k.layers.LSTMCell(3), k.layers.SimpleRNNCell(2)], return_sequences=True),
)  # fmt: skip
_layer("LSTM_states", SEQUENCE, lambda k: k.layers.LSTM(3, return_sequences=True, return_state=True))
_layer("TimeDistributed_dense", SEQUENCE, lambda k: k.layers.TimeDistributed(k.layers.Dense(3)))
_layer("TimeDistributed_conv", IMAGES, lambda k: k.layers.TimeDistributed(k.layers.Conv1D(3, 2)))
_layer("TimeDistributed_flatten", IMAGES, lambda k: k.layers.TimeDistributed(k.layers.Flatten()))
_layer("TimeDistributed_lstm", IMAGES, lambda k: k.layers.TimeDistributed(k.layers.LSTM(3)))
_layer("TimeDistributed_pool", IMAGES, lambda k: k.layers.TimeDistributed(k.layers.GlobalAveragePooling1D()))
_layer("Sequential_conv", SEQUENCE, lambda k: k.Sequential([k.layers.Conv1D(3, 2), k.layers.Dense(2)]))
_layer("Sequential_dense", SEQUENCE, lambda k: k.Sequential([k.layers.Dense(3), k.layers.ReLU()]))


def _plain(k, x, units=FEATURES):
    """A tensor of the same shape that has no mask."""
    return k.layers.Conv1D(units, 1)(x)


for _class in ("Add", "Multiply", "Maximum", "Minimum"):
    CASES[f"{_class}_three"] = (
        SEQUENCE,
        lambda k, x, c=_class: getattr(k.layers, c)()([x, _later(k, x), _later(k, _later(k, x))]),
    )
for _class in ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate"):
    CASES[f"{_class}_both"] = (
        SEQUENCE,
        lambda k, x, c=_class: getattr(k.layers, c)()([x, _later(k, x)]),
    )
    CASES[f"{_class}_one"] = (
        SEQUENCE,
        lambda k, x, c=_class: getattr(k.layers, c)()([x, _plain(k, x)]),
    )
CASES["Concatenate_time"] = (SEQUENCE, lambda k, x: k.layers.Concatenate(1)([x, _plain(k, x)]))
CASES["Concatenate_time_both"] = (SEQUENCE, lambda k, x: k.layers.Concatenate(1)([x, _later(k, x)]))
CASES["Dot"] = (SEQUENCE, lambda k, x: k.layers.Dot((2, 2))([x, _plain(k, x)]))
CASES["Attention"] = (SEQUENCE, lambda k, x: k.layers.Attention()([x, x]))
CASES["Attention_value_alone"] = (SEQUENCE, lambda k, x: k.layers.Attention()([_plain(k, x), x]))
CASES["Attention_query_alone"] = (SEQUENCE, lambda k, x: k.layers.Attention()([x, _plain(k, x)]))
CASES["Attention_scaled"] = (SEQUENCE, lambda k, x: k.layers.Attention(use_scale=True)([x, x]))
CASES["AdditiveAttention"] = (SEQUENCE, lambda k, x: k.layers.AdditiveAttention()([x, x]))
CASES["MultiHeadAttention"] = (SEQUENCE, lambda k, x: k.layers.MultiHeadAttention(2, 3)(x, x))
CASES["MultiHeadAttention_value_alone"] = (
    SEQUENCE,
    lambda k, x: k.layers.MultiHeadAttention(2, 3)(_plain(k, x), x),
)
CASES["MultiHeadAttention_query_alone"] = (
    SEQUENCE,
    lambda k, x: k.layers.MultiHeadAttention(2, 3)(x, _plain(k, x)),
)


def _later(k, x):
    """The steps one place later, behind a mask of their own."""
    return k.layers.Masking()(k.layers.Cropping1D((0, 1))(k.layers.ZeroPadding1D((1, 0))(x)))


NAMES = sorted(CASES)


def seeded(text):
    return np.random.RandomState(zlib.crc32(text.encode()) & 0x7FFFFFFF)


def inputs(name):
    """The batch that a case is asked: two samples, with zeros where a step does not count."""
    shape = CASES[name][0]
    x = seeded(name).uniform(-1, 1, (2, *shape)).astype("float32")
    return x * KEPT.reshape(KEPT.shape + (1,) * (x.ndim - 2)) if len(shape) > 1 else x


def weights(name, shapes):
    """The weights of a case, positive, as variances are among them."""
    counts = {}  # programs have not all the same order
    drawn = []
    for shape in shapes:
        counts[shape] = counts.get(shape, 0) + 1
        random = seeded(f"{name}/{shape}/{counts[shape]}")
        drawn.append(random.uniform(0.1, 0.6, shape).astype("float32"))
    return drawn


def model(k, name):
    """The model of a case; ValueError and the like where the program refuses it."""
    shape, build = CASES[name]
    x = k.Input(shape)
    found = build(k, k.layers.Masking()(x))
    outputs = list(found) if isinstance(found, (list, tuple)) else [found]
    pooled = [k.layers.GlobalAveragePooling1D()(y) for y in outputs if len(y.shape) == 3]
    made = k.Model(x, outputs + pooled)
    made.set_weights(weights(name, [np.shape(w) for w in made.get_weights()]))
    return made


def answers(made, name):
    found = made.predict(inputs(name), verbose=0)
    return [np.asarray(y) for y in (found if isinstance(found, list) else [found])]

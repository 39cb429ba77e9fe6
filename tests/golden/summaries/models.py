"""Models whose summaries and pictures real tf.keras and kcompile print, and with which arguments."""

from __future__ import annotations


def nested(k):
    layers = k.layers
    inner_input = k.Input((4,), name="inner_input")
    inner = k.Model(inner_input, layers.Dense(3, name="deep")(inner_input), name="inner")
    chain = k.Sequential(
        [layers.Dense(3, name="one", input_shape=(3,)), layers.Dense(2, name="two")], name="chain"
    )
    inputs = k.Input((4,), name="images")
    x = inner(inputs)
    x = layers.Dense(3, activation="relu", name="hidden", trainable=False)(x)
    return k.Model(inputs, chain(x), name="outer")


def branches(k):
    layers = k.layers
    inputs = k.Input((8, 8, 3), name="images")
    left = layers.Conv2D(4, 3, padding="same", name="left")(inputs)
    right = layers.Conv2D(4, 1, name="a_convolution_with_a_rather_long_name")(inputs)
    x = layers.Add(name="sum")([left, right])
    x = layers.BatchNormalization(name="norm")(x)
    inner = k.Sequential(
        [layers.Flatten(name="flat", input_shape=(8, 8, 4)), layers.Dense(2, name="dense")], name="head"
    )
    return k.Model(inputs, [inner(x), layers.GlobalAveragePooling2D(name="mean")(x)], name="branches")


MODELS = {"nested": nested, "branches": branches}
SUMMARIES = {
    "plain": {},
    "expanded": {"expand_nested": True},
    "trainable": {"show_trainable": True},
    "both": {"expand_nested": True, "show_trainable": True},
    "wide": {"line_length": 120, "expand_nested": True},
    "range": {"layer_range": ["hidden|sum", "chain|norm"]},
}
PICTURES = {
    "plain": {},
    "dtypes": {"show_dtype": True},
    "activations": {"show_layer_activations": True},
    "trainable": {"show_trainable": True, "expand_nested": True},
    "all": {
        **{"show_dtype": True, "show_shapes": True, "show_layer_activations": True, "show_trainable": True},
        **{"show_layer_names": False, "rankdir": "LR", "dpi": 50},
    },
    "range": {"layer_range": ["hidden|sum", "chain|norm"]},
}

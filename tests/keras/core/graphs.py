"""Layer graphs that real Keras and kcompile both build, to compare order, configuration and weights.

Run with a real Keras this writes ``graphs.json``::

    python -m tests.keras.core.graphs

The file keeps to syntax that Python 3.7 reads.
"""

from __future__ import annotations

import json
import os

FILE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "graphs.json")


def chain(keras):
    x = keras.layers.Input(shape=(3,), name="x")
    h = keras.layers.Dense(4, activation="relu", name="b")(x)
    return keras.models.Model(x, keras.layers.Dense(2, name="a")(h), name="chain")


def diamond(keras):
    layers = keras.layers
    x = layers.Input(shape=(3,), name="x")
    h = layers.Dense(3, name="first")(x)
    long = layers.Dense(3, name="long_2")(layers.Dense(3, name="long_1")(h))
    short = layers.Dense(3, name="short")(h)
    return keras.models.Model(x, layers.add([short, long, h], name="sum"), name="diamond")


def two_towers(keras):
    layers = keras.layers
    a, b = layers.Input(shape=(3,), name="a"), layers.Input(shape=(2,), name="b")
    left = layers.Dense(4, name="left")(a)
    right = layers.Dense(4, name="right_2")(layers.Dense(4, name="right_1")(b))
    joined = layers.concatenate([left, right], name="joined")
    outputs = [layers.Dense(1, name="aux")(left), layers.Dense(2, name="main")(joined)]
    return keras.models.Model([a, b], outputs, name="two_towers")


def inputs_swapped(keras):
    layers = keras.layers
    a, b = layers.Input(shape=(3,), name="a"), layers.Input(shape=(3,), name="b")
    h = layers.subtract([layers.Dense(2, name="on_a")(a), layers.Dense(2, name="on_b")(b)], name="difference")
    return keras.models.Model([b, a], h, name="inputs_swapped")


def shared(keras):
    layers = keras.layers
    a, b = layers.Input(shape=(3,), name="a"), layers.Input(shape=(3,), name="b")
    encode, again = layers.Dense(3, name="encode"), layers.Dense(3, name="again")
    twice = encode(encode(a))
    h = layers.multiply([twice, again(encode(b)), again(a)], name="product")
    return keras.models.Model([a, b], [h, twice], name="shared")


def elsewhere(keras):
    """A layer with calls outside of the model, so that its calls are numbered anew in the configuration."""
    layers = keras.layers
    a, other = layers.Input(shape=(3,), name="a"), layers.Input(shape=(3,), name="other")
    dense = layers.Dense(3, name="dense")
    dense(other)
    y = layers.Activation("tanh", name="act")(dense(a))
    dense(other)
    return keras.models.Model(a, layers.add([y, dense(y)], name="sum"), name="elsewhere")


def nested(keras):
    layers, models = keras.layers, keras.models
    inner_x = layers.Input(shape=(3,), name="inner_x")
    inner = models.Model(inner_x, layers.Dense(2, name="inner_dense")(inner_x), name="inner")
    head = models.Sequential(
        [layers.Dense(2, input_shape=(2,), name="h1"), layers.Dense(1, name="h2")], name="head"
    )
    a, b = layers.Input(shape=(3,), name="a"), layers.Input(shape=(3,), name="b")
    joined = layers.add([inner(a), inner(b)], name="sum")
    return models.Model([a, b], head(joined), name="nested")


def nested_three_deep(keras):
    layers, models = keras.layers, keras.models

    def wrap(model, level):
        x = layers.Input(shape=(3,), name=f"x{level}")
        y = layers.Dense(3, name=f"dense{level}")(model(x) if model is not None else x)
        return models.Model(x, y, name=f"level{level}")

    return wrap(wrap(wrap(None, 1), 2), 3)


def siamese_with_arguments(keras):
    layers = keras.layers
    x = layers.Input(shape=(3,), name="x")
    h = layers.Dropout(0.5, name="drop")(x, training=True)
    y = layers.Dense(2, name="dense")(h)
    return keras.models.Model(inputs=x, outputs=[y, h], name="arguments")


def output_is_input(keras):
    layers = keras.layers
    x, z = layers.Input(shape=(3,), name="x"), layers.Input(shape=(2,), name="z")
    y = layers.Dense(2, name="dense")(x)
    return keras.models.Model([x, z], [y, x, z], name="output_is_input")


def same_output_twice(keras):
    layers = keras.layers
    x = layers.Input(shape=(3,), name="x")
    y = layers.Dense(2, name="dense")(x)
    return keras.models.Model(x, [y, y], name="same_output_twice")


def wide(keras):
    """Many branches of different depths: the order within one depth is that of the first visit."""
    layers = keras.layers
    x = layers.Input(shape=(3,), name="x")
    tips = []
    for i in range(6):
        h = x
        for j in range((i * 5) % 4 + 1):
            h = layers.Dense(2, name=f"branch_{i}_{j}")(h)
        tips.append(h)
    tips = [tips[3], tips[0], tips[5], tips[1], tips[4], tips[2]]
    return keras.models.Model(x, layers.concatenate(tips, name="joined"), name="wide")


def sequential(keras):
    layers = keras.layers
    return keras.models.Sequential(
        [
            layers.Dense(4, input_shape=(3,), name="one"),
            layers.Dropout(0.2, name="drop"),
            layers.Dense(2, name="two"),
        ],
        name="stack",
    )


def sequential_with_input(keras):
    layers = keras.layers
    model = keras.models.Sequential(name="stack")
    model.add(layers.InputLayer(input_shape=(3,), name="x"))
    model.add(layers.Dense(2, name="one"))
    return model


def sequential_nested(keras):
    layers, models = keras.layers, keras.models
    inner = models.Sequential([layers.Dense(4, input_shape=(3,), name="one")], name="inner")
    return models.Sequential([inner, layers.Dense(2, name="two")], name="outer")


def sequential_deferred(keras):
    layers = keras.layers
    model = keras.models.Sequential(
        [layers.Dense(4, name="one"), layers.Dense(2, name="two")], name="deferred"
    )
    model.build((None, 3))
    return model


GRAPHS = {
    build.__name__: build
    for build in (
        chain,
        diamond,
        two_towers,
        inputs_swapped,
        shared,
        elsewhere,
        nested,
        nested_three_deep,
        siamese_with_arguments,
        output_is_input,
        same_output_twice,
        wide,
        sequential,
        sequential_with_input,
        sequential_nested,
        sequential_deferred,
    )
}


def describe_fresh(keras, name):
    """A graph built with nothing before it, so that no backend tells its names apart from others."""
    keras.backend.clear_session()
    return describe(GRAPHS[name](keras))


def describe(model):
    """What must agree: order of layers, names, configuration, shapes, weights."""
    return json.loads(
        json.dumps(
            {
                "layers": [layer.name for layer in model.layers],
                "input_names": list(model.input_names),
                "output_names": list(model.output_names),
                "config": model.get_config(),
                "input_shape": model.input_shape,
                "output_shape": model.output_shape,
                "weights": [list(value.shape) for value in model.get_weights()],
                "trainable": [_short(weight) for weight in model.trainable_weights],
                "count": int(model.count_params()),
            }
        )
    )


def _short(weight):
    """``layer/kernel``, whatever scopes a backend puts around it."""
    return "/".join(weight.name.split(":")[0].split("/")[-2:])


if __name__ == "__main__":
    import keras as real_keras

    with open(FILE, "w") as stream:
        answers = {name: describe_fresh(real_keras, name) for name in GRAPHS}
        json.dump({"keras": real_keras.__version__, "graphs": answers}, stream, separators=(",", ":"))
        stream.write("\n")

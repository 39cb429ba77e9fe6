"""Recurrent layers over cells whose inputs, states and outputs are nests, as programs of tf_keras."""

from typing import Any, NamedTuple

import numpy as np


class Features(NamedTuple):
    vector: Any
    table: Any


class States(NamedTuple):
    sums: Any
    tables: Any


BATCH, STEPS = 3, 4


def _draw(*shape, seed):
    return np.random.default_rng(seed).normal(size=shape).astype("float32") / 2


def _both(nest):
    return (nest["vector"], nest["words"]) if isinstance(nest, dict) else nest


def cells(keras, tf):
    """The classes of cells, by name."""

    class Nested(keras.layers.Layer):
        """Takes a vector and a table and sums up what it makes of both."""

        def __init__(self, units=2, named=False, **kwargs):
            super().__init__(**kwargs)
            self.units, self.named = units, named
            sizes = tf.TensorShape([units]), tf.TensorShape([3, units])
            self.state_size = States(units, sizes[1]) if named else list(sizes)
            self.output_size = sizes

        def build(self, input_shape):
            vector, table = _both(input_shape)
            self.dense = self.add_weight(name="dense", shape=(vector[-1], self.units))
            self.mixing = self.add_weight(name="mixing", shape=(table[1], table[2], 3, self.units))

        def call(self, inputs, states):
            vector, table = _both(inputs)
            first, second = states
            first = tf.tanh(first + tf.matmul(vector, self.dense))
            second = second / 2.0 + tf.einsum("bij,ijkl->bkl", table, self.mixing)
            return (first + 1.0, second), (States(first, second) if self.named else [first, second])

        def get_config(self):
            return {**super().get_config(), "units": self.units, "named": self.named}

    class Table(keras.layers.Layer):
        """Its one state has two axes."""

        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.state_size = self.output_size = tf.TensorShape([3, 2])

        def build(self, input_shape):
            self.kernel = self.add_weight(name="kernel", shape=(input_shape[-1], 2))

        def call(self, inputs, states):
            state = tf.tanh(states[0] + tf.einsum("bij,jk->bik", inputs, self.kernel))
            return state, [state]

    return {"Nested": Nested, "Table": Table}


def _sequences(keras, masked):
    """A vector and a table of each step, as Inputs and as numbers; of the vectors some steps left out."""
    vector, table = _draw(BATCH, STEPS, 5, seed=1), _draw(BATCH, STEPS, 3, 2, seed=2)
    if masked:
        vector[0, 2:] = vector[1, 0] = 0
    inputs = [keras.Input(batch_shape=x.shape, name=name) for x, name in ((vector, "v"), (table, "t"))]
    return inputs, [vector, table]


def _nest(kind, vector, table):
    if kind == "dict":
        return {"words": table, "vector": vector}
    return Features(vector, table) if kind == "named" else (vector, table)


def model(keras, tf, nest="tuple", stacked=False, masked=False, initial=False, named=False, **options):
    """A model of one recurrent layer, and arrays for it."""
    inputs, arrays = _sequences(keras, masked)
    cell = cells(keras, tf)["Nested"]
    vector, table = inputs
    if masked:
        vector = keras.layers.Masking()(vector)
    layer = keras.layers.RNN([cell(3), cell(2)] if stacked else cell(2, named), **options)
    states = {}
    if initial:
        starts = [_draw(BATCH, 2, seed=3), _draw(BATCH, 3, 2, seed=4)]
        more = [keras.Input(batch_shape=x.shape, name=f"start_{i}") for i, x in enumerate(starts)]
        inputs, arrays, states = inputs + more, arrays + starts, {"initial_state": more}
    outputs = layer(_nest(nest, vector, table), **states)
    return keras.Model(inputs, tf.nest.flatten(outputs)), arrays


def table_model(keras, tf, **options):
    """A model of a layer whose one state has two axes, and arrays for it."""
    arrays = [_draw(BATCH, STEPS, 3, 2, seed=2)]
    x = keras.Input(batch_shape=arrays[0].shape, name="t")
    outputs = keras.layers.RNN(cells(keras, tf)["Table"](), **options)(x)
    return keras.Model(x, tf.nest.flatten(outputs)), arrays


CASES = {
    "tuple": (model, {}),
    "named_tuple": (model, {"nest": "named"}),
    "dict": (model, {"nest": "dict"}),
    "named_states": (model, {"named": True, "return_state": True}),
    "sequences": (model, {"return_sequences": True, "return_state": True}),
    "backwards": (model, {"return_sequences": True, "go_backwards": True}),
    "masked": (model, {"masked": True, "return_sequences": True}),
    "masked_zeros": (model, {"masked": True, "return_sequences": True, "zero_output_for_mask": True}),
    "initial": (model, {"initial": True}),
    "stateful": (model, {"stateful": True}),
    "stacked": (model, {"stacked": True, "return_sequences": True}),
    "table": (table_model, {"return_state": True}),
    "table_sequences": (table_model, {"return_sequences": True, "go_backwards": True}),
    "table_stateful": (table_model, {"stateful": True, "unroll": True}),
}


def answers(keras, tf, case):
    """Shapes; predictions, twice; the loss of three steps of SGD, and predictions after them."""
    make, options = CASES[case]
    made, arrays = make(keras, tf, **options)
    made.set_weights([_draw(*w.shape, seed=10 + i) for i, w in enumerate(made.get_weights())])
    made.compile(keras.optimizers.SGD(0.1), "mse")
    targets = [np.zeros(x.shape, "float32") for x in made.outputs]

    def predicted():
        found = made.predict(arrays, batch_size=BATCH, verbose=0)
        found = list(found) if isinstance(found, (list, tuple)) else [found]
        return [[float(x.sum()), float((x * x).sum())] for x in found]

    found = {"shapes": [list(x.shape) for x in made.outputs], "before": [predicted(), predicted()]}
    history = made.fit(arrays, targets, batch_size=BATCH, epochs=3, shuffle=False, verbose=0).history
    return {**found, "loss": [float(x) for x in history["loss"]], "after": predicted()}

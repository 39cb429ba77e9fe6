"""Models saved in the middle of training: one small model, and each optimizer with arguments that matter.

A case's ``not_in`` lists the kinds of files that it does not exist in: "keras3" (Keras 3's own), "tf"
(tf.keras since 2.11), "legacy" (tf.keras before). Keras 3.15 fails to write Adafactor to "keras3.h5"; Nadam
of tf.keras since 2.11 multiplies its momenta up once for each weight, by mistake, and does not save them.
"""

from __future__ import annotations

import numpy as np

from tests.golden import cases as base

STEPS = 3
KINDS = {"keras": [("keras3", "keras"), ("keras3", "h5")], "tf_keras": [("tf", "h5"), ("legacy", "h5")]}
ONLY_KERAS_3 = ("tf", "legacy")


def _case(name, optimizer, not_in=(), **kwargs):
    return {"name": name, "optimizer": optimizer, "kwargs": kwargs, "not_in": not_in}


CASES = [
    _case("sgd", "SGD", learning_rate=0.1),
    _case("momentum", "SGD", learning_rate=0.1, momentum=0.9, nesterov=True),
    _case("rmsprop", "RMSprop", learning_rate=0.02),
    _case("rmsprop_momentum", "RMSprop", learning_rate=0.02, momentum=0.9, centered=True),
    _case("adagrad", "Adagrad", learning_rate=0.1),
    _case("adadelta", "Adadelta", learning_rate=1.0),
    _case("adam", "Adam", learning_rate=0.05),
    _case("amsgrad", "Adam", learning_rate=0.05, amsgrad=True),
    _case("adamax", "Adamax", learning_rate=0.05),
    _case("nadam", "Nadam", ("tf",), learning_rate=0.05),
    _case("ftrl", "Ftrl", learning_rate=0.2),
    _case("clipnorm", "Adam", learning_rate=0.05, clipnorm=0.02, epsilon=0.01),
    _case("schedule", "Adam", learning_rate=["ExponentialDecay", 0.1, 2, 0.5]),
    _case(
        "schedule_sgd",
        "SGD",
        learning_rate=["PiecewiseConstantDecay", [2, 3], [0.2, 0.1, 0.05]],
        momentum=0.5,
    ),
    _case("adamw", "AdamW", ("legacy",), learning_rate=0.05, weight_decay=0.3),
    _case("lion", "Lion", ("legacy",), learning_rate=0.01),
    _case("adafactor", "Adafactor", ("legacy", "keras3.h5"), learning_rate=0.1),
    _case("weight_decay", "SGD", ("legacy",), learning_rate=0.1, momentum=0.9, weight_decay=0.3),
    _case(
        "ema",
        "Adam",
        ("legacy",),
        learning_rate=0.05,
        use_ema=True,
        ema_momentum=0.8,
        ema_overwrite_frequency=5,
    ),
    _case("lamb", "Lamb", ONLY_KERAS_3, learning_rate=0.05),
    _case("muon", "Muon", ONLY_KERAS_3, learning_rate=0.05),
    _case("schedule_free", "ScheduleFreeAdamW", ONLY_KERAS_3, learning_rate=0.05),
    _case("accumulation", "Adam", ONLY_KERAS_3, learning_rate=0.05, gradient_accumulation_steps=2),
    _case("loss_scale", "LossScaleOptimizer", ONLY_KERAS_3, inner=["Adam", 0.05]),
]


def model(keras):
    """Two Dense layers over five numbers; Keras 2.3, tf.keras and Keras 3 alike."""
    layers = keras.layers
    inputs = layers.Input((5,), name="x")
    outputs = layers.Dense(2, name="last")(layers.Dense(4, activation="tanh", name="hidden")(inputs))
    made = keras.models.Model(inputs, outputs)
    shapes = [(5, 4), (4,), (4, 2), (2,)]
    made.set_weights([base.array("states", f"weight{i}", shape) for i, shape in enumerate(shapes)])
    return made


def batch(step):
    """(inputs, targets) of a step."""
    return base.array("states", f"x{step}", (8, 5)), base.array("states", f"y{step}", (8, 2))


def optimizer(keras, case, kind=None):
    """The optimizer of a case; of tf.keras's old kind for "legacy"."""
    module = keras.optimizers.legacy if kind == "legacy" else keras.optimizers
    kwargs = dict(case["kwargs"])
    if isinstance(kwargs.get("learning_rate"), list):
        name, *arguments = kwargs["learning_rate"]
        kwargs["learning_rate"] = getattr(keras.optimizers.schedules, name)(*arguments)
    if "inner" in kwargs:
        name, rate = kwargs.pop("inner")
        kwargs["inner_optimizer"] = getattr(module, name)(learning_rate=rate)
    return getattr(module, case["optimizer"])(**kwargs)


def files(judge):
    """(name, case) of all files of a judge."""
    return [
        (f"{case['name']}.{kind}.{ending}", case)
        for kind, ending in KINDS[judge]
        for case in CASES
        if kind not in case["not_in"] and f"{kind}.{ending}" not in case["not_in"]
    ]


def weights_after(answers, name):
    """The weights that the judge had two steps after the file of this name."""
    return [np.asarray(answers[f"{name}/{i}"]) for i in range(4)]

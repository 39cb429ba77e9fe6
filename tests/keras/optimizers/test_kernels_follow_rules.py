"""What torch's kernels train is what the rules say, whatever the options; and it goes on from files."""

from __future__ import annotations

import numpy as np
import pytest

from kcompile import keras
from kcompile.keras import layers, optimizers
from kcompile.keras.optimizers.rule import BuiltIn
from kcompile.torch_bridge.optimizers import KERNELS

VARIANTS = {
    "SGD": [{}, {"momentum": 0.9}, {"momentum": 0.9, "nesterov": True}],
    "RMSprop": [{}, {"momentum": 0.9}, {"centered": True}, {"momentum": 0.9, "centered": True}],
    "Adagrad": [{}, {"initial_accumulator_value": 0.1}],
    "Adadelta": [{}, {"rho": 0.5}],
    "Adam": [{}, {"amsgrad": True, "beta_1": 0.5, "beta_2": 0.8, "epsilon": 0.01}],
    "AdamW": [{}, {"amsgrad": True}],
    "Adamax": [{}, {"beta_1": 0.5, "beta_2": 0.8, "epsilon": 0.01}],
    "Nadam": [{}, {"schedule_decay": 0.1}, {"beta_1": 0.5}],
    "Lion": [{}, {"beta_1": 0.5, "beta_2": 0.8}],
    "Ftrl": [{}, {"l1_regularization_strength": 0.1, "l2_regularization_strength": 0.2, "beta": 0.1}],
    "Adafactor": [{}],
    "Lamb": [{}],
    "Muon": [{}],
    "ScheduleFreeAdamW": [{}],
}
SCHEDULE = optimizers.schedules.ExponentialDecay(0.2, 3, 0.5)
LATER = {"use_ema": False}  # an argument of later versions: their arithmetic
OPTIONS = {
    "plain": {},
    "later": LATER,
    "decay": {"decay": 0.3},
    "schedule": {"learning_rate": SCHEDULE},
    "norm of all": {"clipnorm": 0.05},
    "norm of each": {"clipnorm": 0.05, **LATER},
    "global norm": {"global_clipnorm": 0.05},
    "value": {"clipvalue": 0.01},
    "weight decay": {"weight_decay": 0.3},
    "average": {"use_ema": True, "ema_momentum": 0.6},
    "average that overwrites": {"use_ema": True, "ema_momentum": 0.6, "ema_overwrite_frequency": 2},
    "accumulation": {"gradient_accumulation_steps": 2},
    "loss scale": {"loss_scale_factor": 8.0},
    "all": {
        "learning_rate": SCHEDULE,
        "clipnorm": 0.05,
        "clipvalue": 0.02,
        "weight_decay": 0.3,
        "use_ema": True,
        "ema_overwrite_frequency": 2,
        "gradient_accumulation_steps": 2,
    },
}
CASES = [
    pytest.param(name, {**own, **options}, id=f"{name}-{i}-{kind}")
    for name, variants in VARIANTS.items()
    for i, own in enumerate(variants)
    for kind, options in OPTIONS.items()
    if "decay" not in options or name in ("SGD", "RMSprop", "Adagrad", "Adadelta", "Adam", "Adamax", "Ftrl")
]
X = np.random.default_rng(0).integers(0, 5, (6, 4, 9)).astype("int32")
Y = np.random.default_rng(1).normal(size=(6, 4, 2)).astype("float32")


def model_with(optimizer):
    """Rows of a table that are read now and then, a convolution whose buffer has strides, a frozen layer, a
    weight without a decay.
    """
    model = keras.models.Sequential(
        [
            layers.Embedding(5, 2, input_length=9, name="table"),
            layers.Reshape((3, 3, 2)),
            layers.Conv2D(3, 2, activation="tanh"),
            layers.Flatten(),
            layers.Dense(4, name="frozen", trainable=False),
            layers.Dense(2, name="last"),
        ]
    )
    random = np.random.default_rng(2)
    model.set_weights([0.5 * random.normal(size=w.shape) for w in model.get_weights()])
    optimizer.exclude_from_weight_decay(var_names=["last/bias"])
    model.compile(optimizer, "mse")
    return model


def trained(model, steps):
    for i in steps:
        model.train_on_batch(X[i], Y[i])
    return model


def by_values(name):
    class InTheGraph(getattr(optimizers, name)):
        """Own gradients, so that only the values say how to train."""

        def get_gradients(self, loss, params):
            return super().get_gradients(loss, params)

    return InTheGraph


@pytest.mark.parametrize("name, arguments", [c for c in CASES if c.values[0] in {*KERNELS, "AdamW"}])
def test_kernels_train_as_the_rule_says(name, arguments):
    found = []
    for optimizer in (getattr(optimizers, name)(**arguments), by_values(name)(**arguments)):
        model = trained(model_with(optimizer), range(5))
        assert optimizer.has_own_updates() == (type(optimizer).__name__ == "InTheGraph")
        found.append([*model.get_weights(), *optimizer.get_weights()])
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("ending", ["h5", "keras"])
@pytest.mark.parametrize("kind", ["plain", "later", "all"])
@pytest.mark.parametrize("name", VARIANTS)
def test_training_goes_on_to_the_bit_from_a_file(name, kind, ending, tmp_path):
    whole = model_with(getattr(optimizers, name)(**VARIANTS[name][-1], **OPTIONS[kind]))
    trained(whole, range(3)).save(tmp_path / f"model.{ending}")
    again = keras.models.load_model(tmp_path / f"model.{ending}")
    again.optimizer.exclude_from_weight_decay(var_names=["last/bias"])
    again.compile(again.optimizer, "mse")
    for one, other in zip(*(trained(m, range(3, 6)).get_weights() for m in (whole, again)), strict=True):
        np.testing.assert_array_equal(one, other)
    for one, other in zip(whole.optimizer.get_weights(), again.optimizer.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_every_optimizer_and_every_kernel_is_in_the_table():
    every = {
        name
        for name, cls in vars(optimizers).items()
        if isinstance(cls, type) and issubclass(cls, BuiltIn) and cls is not BuiltIn and name == cls.__name__
    }
    assert every == set(VARIANTS)
    assert set(KERNELS) <= every

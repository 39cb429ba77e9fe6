"""Training steps of users in half precision, by a program that real tf.keras and kcompile run.

``python -m tests.golden.precision.own_steps`` (in the environment of `make peers`) writes own_steps.json.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

CASES = [
    (policy, step)
    for policy in ("mixed_bfloat16", "mixed_float16")
    for step in ("scaled by hand", "minimize", "built in")
]


def trained(keras, tf, policy, step, run_eagerly=False):
    """Loss by epoch, sums of weights, and the scale at the end.

    The loss is large, so that the first gradients of float16 are not finite: the scale halves.
    """

    class ByHand(keras.Model):
        def train_step(self, data):
            x, y = data
            scales = isinstance(self.optimizer, keras.mixed_precision.LossScaleOptimizer)
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(tf.square(y - self(x, training=True)))
                scaled = self.optimizer.get_scaled_loss(loss) if scales else loss
            gradients = tape.gradient(scaled, self.trainable_variables)
            if scales:
                gradients = self.optimizer.get_unscaled_gradients(gradients)
            self.optimizer.apply_gradients(zip(gradients, self.trainable_variables))  # noqa: B905
            return {"loss": loss}

    class Minimizing(keras.Model):
        def train_step(self, data):
            x, y = data
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(tf.square(y - self(x, training=True)))
            self.optimizer.minimize(loss, self.trainable_variables, tape=tape)
            return {"loss": loss}

    kinds = {"scaled by hand": ByHand, "minimize": Minimizing, "built in": keras.Model}
    keras.mixed_precision.set_global_policy(policy)
    inputs = keras.Input((8,))
    hidden = keras.layers.Dense(16, activation="relu")(inputs)
    model = kinds[step](inputs, keras.layers.Dense(1, dtype="float32")(hidden))
    draw = np.random.RandomState(0)
    for weight in model.trainable_weights:
        weight.assign(draw.normal(size=tuple(weight.shape)).astype("float32") * 0.3)
    model.compile(keras.optimizers.SGD(0.01), "mse", run_eagerly=run_eagerly)
    x = draw.uniform(size=(32, 8)).astype("float32")
    y = 2 * x.sum(axis=1, keepdims=True)
    history = model.fit(x, y, batch_size=8, epochs=3, shuffle=False, verbose=0).history["loss"]
    keras.mixed_precision.set_global_policy("float32")
    scale = getattr(model.optimizer, "loss_scale", None)
    return {
        "loss": [float(x) for x in history],
        "weights": [float(np.abs(w).sum()) for w in model.get_weights()],
        "scale": None if scale is None else float(scale),
    }


if __name__ == "__main__":
    import tensorflow
    import tf_keras

    made = {f"{policy}, {step}": trained(tf_keras, tensorflow, policy, step) for policy, step in CASES}
    Path(__file__).with_suffix(".json").write_text(json.dumps(made, indent=1) + "\n")

"""Makes subclassed.keras and subclassed.npy with tf_keras 2.21: a subclassed model that says its arguments.

Run it in the environment of ``make peers``: ``TF_USE_LEGACY_KERAS=1 python -m
tests.golden.files_of_tf_keras.make_subclassed``.
"""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

PATH = Path(__file__).parent / "subclassed.keras"
ANSWERS = PATH.with_suffix(".npy")
X, Y = np.linspace(-1, 1, 8, dtype="float32").reshape(4, 2), np.ones((4, 1), "float32")


def classes_of(keras: ModuleType) -> dict[str, Any]:
    """The classes by name, over one or the other Keras."""

    class Stacked(keras.Model):
        """Layers in an attribute and in a list."""

        def __init__(self, units: int, depth: int = 1, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.units, self.depth = units, depth
            self.first = keras.layers.Dense(units, activation="tanh")
            self.blocks = [keras.layers.Dense(units) for _ in range(depth)]
            self.last = keras.layers.Dense(1)

        def call(self, x: Any) -> Any:
            for layer in (self.first, *self.blocks, self.last):
                x = layer(x)
            return x

        def get_config(self) -> dict[str, Any]:
            return {**super().get_config(), "units": self.units, "depth": self.depth}

    class Silent(keras.Model):
        """A model that says nothing of itself."""

        def call(self, x: Any) -> Any:
            return x

    return {"Stacked": Stacked, "Silent": Silent}


def main() -> None:
    import tf_keras as keras

    keras.utils.set_random_seed(1)
    model = classes_of(keras)["Stacked"](units=3, depth=2)
    model.compile("adam", "mse")
    model.fit(X, Y, verbose=0)
    model.save(PATH)
    np.save(ANSWERS, model.predict(X, verbose=0))


if __name__ == "__main__":
    main()

"""State that optimizers keep of each weight, and its names in files."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Slot:
    """One kind of state.

    Attributes:
        name: here, and in files of Keras 2.3.
        keras_3, tf_keras, legacy: in files of Keras 3, of tf.keras since 2.11, and of tf.keras before.
        beside: whether files since tf.keras 2.11 have it beside the slot before, weight by weight.
    """

    name: str
    keras_3: str
    tf_keras: str
    legacy: str
    beside: bool = False

    @classmethod
    def alike(cls, name: str, beside: bool = False) -> Slot:
        """One that has the same name everywhere."""
        return cls(name, name, name, name, beside)

    @property
    def in_files(self) -> tuple[str, str, str]:
        """Its names in files of other versions, that of Keras 3 first."""
        return self.keras_3, self.tf_keras, self.legacy


MOMENTS = Slot("m", "momentum", "m", "m"), Slot("v", "velocity", "v", "v", beside=True)
#: What arguments of later versions add.
AVERAGE = Slot.alike("average")
ACCUMULATOR = Slot.alike("gradient_accumulator")

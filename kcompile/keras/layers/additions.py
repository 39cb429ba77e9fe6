"""What ``model.add_loss`` and ``model.add_metric`` are in the files of tf.keras 2: layers that pass on their
input."""

from __future__ import annotations

from typing import Any

from ...ir import Value
from .. import registry
from ..core.layer import Layer
from ..declaration import configured


class AddLoss(Layer):
    """Adds its input to the loss of the model that it is in, and passes it on.

    Args:
        unconditional: accepted, not used: the loss is that of the call.
    """

    supports_masking = True

    @configured
    def __init__(self, unconditional: bool = False, **kwargs: Any) -> None: ...

    def call(self, inputs: Value) -> Value:
        self.add_loss(inputs)
        return inputs


class AddMetric(Layer):
    """Reports the mean of its input over batches as a metric of the model that it is in, and passes it on.

    Args:
        aggregation: "mean" or None, which means the same.
        metric_name: what it is reported under.
    """

    supports_masking = True

    @configured
    def __init__(
        self, aggregation: str | None = None, metric_name: str | None = None, **kwargs: Any
    ) -> None: ...

    def call(self, inputs: Value) -> Value:
        self.add_metric(inputs, self.metric_name, self.aggregation)
        return inputs


registry.register(globals())

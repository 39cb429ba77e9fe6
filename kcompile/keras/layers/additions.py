"""What ``model.add_loss`` and ``model.add_metric`` are in the files of tf.keras 2: layers that pass on their
input."""

from __future__ import annotations

from typing import Any

from ...ir import Value
from .. import registry
from ..core.layer import Layer


class AddLoss(Layer):
    """Adds its input to the loss of the model that it is in, and passes it on.

    Args:
        unconditional: accepted, not used: the loss is that of the call.
    """

    def __init__(self, unconditional: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.unconditional = unconditional

    def call(self, inputs: Value) -> Value:
        self.add_loss(inputs)
        return inputs

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "unconditional": self.unconditional}


class AddMetric(Layer):
    """Reports the mean of its input over batches as a metric of the model that it is in, and passes it on.

    Args:
        aggregation: "mean" or None, which means the same.
        metric_name: what it is reported under.
    """

    def __init__(self, aggregation: str | None = None, metric_name: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.aggregation, self.metric_name = aggregation, metric_name

    def call(self, inputs: Value) -> Value:
        self.add_metric(inputs, self.metric_name, self.aggregation)
        return inputs

    def get_config(self) -> dict[str, Any]:
        own = {"aggregation": self.aggregation, "metric_name": self.metric_name}
        return {**super().get_config(), **own}


registry.register(globals())

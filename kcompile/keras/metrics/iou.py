"""Intersection over union: ``tp / (tp + fp + fn)`` per class, from a confusion matrix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...ir import Constant, Value, claim_steps, op
from .. import backend as K
from .. import registry, rules
from ..backend.tensors import static_sizes
from ..utils.losses_utils import broadcast_weights
from .base import Metric, Pairs, as_tensor, ratio


class IoU(Metric):
    """Mean over some classes of intersection over union; classes that do not occur do not count.

    Labels and predictions that are no class number are left out.

    Args:
        num_classes: number of classes.
        target_class_ids: the classes to take the mean over.
        ignore_class: a label whose elements do not count.
        sparse_y_true, sparse_y_pred: whether labels and predictions are class numbers; else the class is
            where they are largest along ``axis``.

    Raises:
        ValueError: if a target is not below num_classes.
    """

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: str | None = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        super().__init__(name=name, dtype=dtype or rules.in_force().iou_type)
        self.num_classes, self.target_class_ids = num_classes, [int(i) for i in target_class_ids]
        if not all(0 <= i < num_classes for i in self.target_class_ids):
            raise ValueError(
                f"Target class id {max(self.target_class_ids)} is out of range, which is [0, {num_classes})."
            )
        self.ignore_class, self.axis = ignore_class, axis
        self.sparse_y_true, self.sparse_y_pred = sparse_y_true, sparse_y_pred
        self.total_cm = self.add_weight("total_confusion_matrix", shape=(num_classes, num_classes))

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Pairs:
        """Counts a batch; labels and predictions have one shape, but for ``axis`` where it is dropped."""
        y_true, y_pred = self._classes(y_true, self.sparse_y_true), self._classes(y_pred, self.sparse_y_pred)
        if K.ndim(y_true) != K.ndim(y_pred):
            y_true, y_pred = (K.flatten(y) for y in (y_true, y_pred))
        counts = op.And(self._in_range(y_true), self._in_range(y_pred))
        if self.ignore_class is not None:
            counts = op.And(counts, K.not_equal(y_true, self.ignore_class))
        weights = K.cast(counts, K.floatx())
        if sample_weight is not None:
            given = K.cast(as_tensor(sample_weight, self.dtype), K.floatx())
            if len(static_sizes(given)) > len(static_sizes(weights)):
                given = K.flatten(given)
            weights = weights * broadcast_weights(weights, given)
        truth, guess = (
            K.one_hot(K.flatten(K.switch(counts, y, K.zeros_like(y))), self.num_classes)
            for y in (y_true, y_pred)
        )
        matrix = K.dot(K.transpose(truth * K.expand_dims(K.flatten(weights), -1)), guess)
        return [K.update_add(self.total_cm, K.cast(matrix, self.dtype))]

    def _classes(self, y: Any, sparse: bool) -> Value:
        return as_tensor(y, "int64") if sparse else K.argmax(as_tensor(y, K.floatx()), axis=self.axis)

    def _in_range(self, y: Value) -> Value:
        return op.And(K.greater_equal(y, 0), K.less(y, self.num_classes))

    def result(self) -> Value:
        matrix = K.cast(self.total_cm, K.floatx())
        intersections = K.sum(matrix * Constant(np.eye(self.num_classes, dtype=K.floatx())), axis=0)
        unions = K.sum(matrix, axis=0) + K.sum(matrix, axis=1) - intersections
        chosen = Constant(np.isin(np.arange(self.num_classes), self.target_class_ids).astype(K.floatx()))
        seen = K.cast(K.greater(unions, 0.0), K.floatx()) * chosen
        return ratio(K.sum(ratio(intersections, unions) * seen), K.sum(seen))

    def _later_arguments(self) -> dict[str, Any]:
        """Arguments that Keras 2.3 does not have, where they say more than their absence."""
        arguments = {
            "ignore_class": (self.ignore_class, None),
            "sparse_y_true": (self.sparse_y_true, True),
            "sparse_y_pred": (self.sparse_y_pred, True),
            "axis": (self.axis, -1),
        }
        return {name: value for name, (value, default) in arguments.items() if value != default}

    def get_config(self) -> dict[str, Any]:
        own = {"num_classes": self.num_classes, "target_class_ids": self.target_class_ids}
        return {**super().get_config(), **own, **self._later_arguments()}


class MeanIoU(IoU):
    """IoU over all classes."""

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: str | None = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        claim_steps(num_classes * num_classes, f"num_classes={num_classes}")
        targets = range(num_classes)
        super().__init__(num_classes, targets, name, dtype, ignore_class, sparse_y_true, sparse_y_pred, axis)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["target_class_ids"]
        return config


class BinaryIoU(IoU):
    """IoU of yes-or-no labels with predictions that are a yes from ``threshold`` on.

    Args:
        target_class_ids: 0 for no, 1 for yes, or both.
        threshold: of the predictions.
    """

    def __init__(
        self,
        target_class_ids: Sequence[int] = (0, 1),
        threshold: float = 0.5,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        super().__init__(2, target_class_ids, name, dtype)
        self.threshold = threshold

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Pairs:
        """Counts a batch."""
        y_pred = K.cast(K.greater_equal(as_tensor(y_pred, K.floatx()), self.threshold), "int64")
        return super().update_state(y_true, y_pred, sample_weight)

    def get_config(self) -> dict[str, Any]:
        config = {**super().get_config(), "threshold": self.threshold}
        del config["num_classes"]
        return config


class OneHotIoU(IoU):
    """IoU of one-hot labels; predictions are scores of the classes too, unless ``sparse_y_pred``."""

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: str | None = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        super().__init__(num_classes, target_class_ids, name, dtype, ignore_class, False, sparse_y_pred, axis)

    def get_config(self) -> dict[str, Any]:
        return _of_one_hot(super().get_config(), self.sparse_y_pred)


class OneHotMeanIoU(MeanIoU):
    """MeanIoU of one-hot labels; predictions are scores of the classes too, unless ``sparse_y_pred``."""

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: str | None = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        super().__init__(num_classes, name, dtype, ignore_class, False, sparse_y_pred, axis)

    def get_config(self) -> dict[str, Any]:
        return _of_one_hot(super().get_config(), self.sparse_y_pred)


def _of_one_hot(config: dict[str, Any], sparse_y_pred: bool) -> dict[str, Any]:
    config.pop("sparse_y_true", None)
    return {**config, "sparse_y_pred": sparse_y_pred}


registry.register(globals())

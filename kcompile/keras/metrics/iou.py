"""Intersection over union: ``tp / (tp + fp + fn)`` per class, from a confusion matrix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...ir import Constant, Value, claim_steps, op
from .. import backend as K
from .. import registry, rules
from ..backend.tensors import static_sizes
from ..declaration import Argument, configured, fixed
from ..utils.losses_utils import broadcast_weights
from .base import Metric, Pairs, as_tensor, ratio


def _class_numbers(metric: Metric, name: str, value: Sequence[int]) -> list[int]:
    return [int(i) for i in value]


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

    @configured(
        target_class_ids=_class_numbers,
        ignore_class=Argument(written="changed"),
        sparse_y_true=Argument(written="changed"),
        sparse_y_pred=Argument(written="changed"),
        axis=Argument(written="changed"),
    )
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
        if not all(0 <= i < num_classes for i in self.target_class_ids):
            raise ValueError(
                f"Target class id {max(self.target_class_ids)} is out of range, which is [0, {num_classes})."
            )
        self.total_cm = self.add_weight("total_confusion_matrix", shape=(num_classes, num_classes))

    @classmethod
    def _prepare(cls, arguments: dict[str, Any]) -> None:
        arguments["dtype"] = arguments["dtype"] or rules.in_force().iou_type

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
                given, weights = K.flatten(given), K.flatten(weights)
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


class MeanIoU(IoU):
    """IoU over all classes. Labels and predictions: whole numbers of one shape; the result: a scalar."""

    @configured(target_class_ids=Argument(written="never"))
    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: str | None = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None: ...

    @classmethod
    def _prepare(cls, arguments: dict[str, Any]) -> None:
        classes = arguments["num_classes"]
        claim_steps(classes * classes, f"num_classes={classes}")
        arguments["target_class_ids"] = range(classes)


class BinaryIoU(IoU):
    """IoU of yes-or-no labels with predictions that are a yes from ``threshold`` on.

    Args:
        target_class_ids: 0 for no, 1 for yes, or both.
        threshold: of the predictions.

    Labels and predictions: of one shape; the result: a scalar.
    """

    @configured(num_classes=fixed(2))
    def __init__(
        self,
        target_class_ids: Sequence[int] = (0, 1),
        threshold: float = 0.5,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None: ...

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Pairs:
        """Counts a batch."""
        y_pred = K.cast(K.greater_equal(as_tensor(y_pred, K.floatx()), self.threshold), "int64")
        return super().update_state(y_true, y_pred, sample_weight)


class OneHotIoU(IoU):
    """IoU of one-hot labels; predictions are scores of the classes too, unless ``sparse_y_pred``.

    Labels and predictions: (batch, ..., classes); the result: a scalar.
    """

    @configured(sparse_y_true=fixed(False), sparse_y_pred=Argument(written="always"))
    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: str | None = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None: ...


class OneHotMeanIoU(MeanIoU):
    """MeanIoU of one-hot labels; predictions are scores of the classes too, unless ``sparse_y_pred``.

    Labels and predictions: (batch, ..., classes); the result: a scalar.
    """

    @configured(sparse_y_true=fixed(False), sparse_y_pred=Argument(written="always"))
    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: str | None = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None: ...


registry.register(globals(), listed=True)

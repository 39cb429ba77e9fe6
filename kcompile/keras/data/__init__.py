"""Data as pipelines of elements: what ``tf.data`` has."""

from __future__ import annotations

from . import experimental
from .composites import RaggedTensorSpec, SparseTensorSpec, TypeSpec
from .dataset import Dataset
from .files import FixedLengthRecordDataset, TextLineDataset, TFRecordDataset
from .iterators import DatasetIterator
from .options import Options
from .reading import AUTOTUNE
from .stages import INFINITE as INFINITE_CARDINALITY
from .stages import UNKNOWN as UNKNOWN_CARDINALITY
from .structures import DatasetSpec, TensorSpec

Iterator = DatasetIterator
ThreadingOptions = Options

__all__ = [
    "AUTOTUNE",
    "INFINITE_CARDINALITY",
    "UNKNOWN_CARDINALITY",
    "Dataset",
    "DatasetSpec",
    "FixedLengthRecordDataset",
    "Iterator",
    "Options",
    "RaggedTensorSpec",
    "SparseTensorSpec",
    "TFRecordDataset",
    "TensorSpec",
    "TextLineDataset",
    "ThreadingOptions",
    "TypeSpec",
    "experimental",
]

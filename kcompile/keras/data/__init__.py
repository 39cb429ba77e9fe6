"""Data as pipelines of elements: what ``tf.data`` has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kcompile_runtime.lazy_packages import attach

if TYPE_CHECKING:
    from . import experimental as experimental
    from .composites import RaggedTensorSpec as RaggedTensorSpec
    from .composites import SparseTensorSpec as SparseTensorSpec
    from .composites import TypeSpec as TypeSpec
    from .dataset import Dataset as Dataset
    from .files import FixedLengthRecordDataset as FixedLengthRecordDataset
    from .files import TextLineDataset as TextLineDataset
    from .files import TFRecordDataset as TFRecordDataset
    from .iterators import DatasetIterator
    from .options import Options as Options
    from .reading import AUTOTUNE as AUTOTUNE
    from .stages import INFINITE, UNKNOWN
    from .structures import DatasetSpec as DatasetSpec
    from .structures import TensorSpec as TensorSpec

    Iterator = DatasetIterator
    ThreadingOptions = Options
    INFINITE_CARDINALITY, UNKNOWN_CARDINALITY = INFINITE, UNKNOWN

attach(
    globals(),
    {
        "AUTOTUNE": "reading",
        "Dataset": "dataset",
        "DatasetSpec": "structures",
        "FixedLengthRecordDataset": "files",
        "INFINITE_CARDINALITY": "stages:INFINITE",
        "Iterator": "iterators:DatasetIterator",
        "Options": "options",
        "RaggedTensorSpec": "composites",
        "SparseTensorSpec": "composites",
        "TFRecordDataset": "files",
        "TensorSpec": "structures",
        "TextLineDataset": "files",
        "ThreadingOptions": "options:Options",
        "TypeSpec": "composites",
        "UNKNOWN_CARDINALITY": "stages:UNKNOWN",
    },
    ["experimental"],
)

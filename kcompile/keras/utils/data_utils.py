"""Data in batches, and files that are downloaded: the module of Keras 2.

What reads ahead or downloads is imported when it is first used: most programs train on arrays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kcompile_runtime.lazy_packages import attach

from ..legacy.old_names import answer_old_names
from .sequences import PyDataset, Sequence, pack_x_y_sample_weight, unpack_x_y_sample_weight

if TYPE_CHECKING:
    from .download import _extract_archive as _extract_archive
    from .download import _hash_file as _hash_file
    from .download import get_file as get_file
    from .download import validate_file as validate_file
    from .enqueuers import GeneratorEnqueuer as GeneratorEnqueuer
    from .enqueuers import OrderedEnqueuer as OrderedEnqueuer
    from .enqueuers import SequenceEnqueuer as SequenceEnqueuer
    from .enqueuers import get_index as get_index
    from .enqueuers import init_pool as init_pool
    from .enqueuers import init_pool_generator as init_pool_generator
    from .enqueuers import next_sample as next_sample

__all__ = [
    "PyDataset",
    "Sequence",
    "pack_x_y_sample_weight",
    "unpack_x_y_sample_weight",
]

attach(
    globals(),
    {
        "GeneratorEnqueuer": "enqueuers",
        "OrderedEnqueuer": "enqueuers",
        "SequenceEnqueuer": "enqueuers",
        "_extract_archive": "download",
        "_hash_file": "download",
        "get_file": "download",
        "get_index": "enqueuers",
        "init_pool": "enqueuers",
        "init_pool_generator": "enqueuers",
        "next_sample": "enqueuers",
        "validate_file": "download",
    },
)
answer_old_names(__name__)

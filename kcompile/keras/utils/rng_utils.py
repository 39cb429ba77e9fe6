"""Reproducible runs."""

from __future__ import annotations

import random
import sys

import numpy as np

from ...ir.seeding import remember_seed
from .. import registry


def set_random_seed(seed: int) -> None:
    """Seeds Python's, numpy's and torch's random generators, so that the same program gives the same weights.

    Initial weights, the order of samples, dropout and noise all follow from it, in any process and with the
    same number of threads. torch is not loaded by this: where it is not there yet, it gets the seed when
    training begins.

    Args:
        seed: whole number from 0 to 2**32 - 1.

    Raises:
        ValueError: for anything else.
    """
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or not 0 <= seed < 2**32:
        raise ValueError(f"The seed must be a whole number from 0 to 2**32 - 1; found {seed!r}.")
    seed = int(seed)
    random.seed(seed)
    np.random.seed(seed)
    remember_seed(seed)
    if "torch" in sys.modules:
        from ... import torch_bridge

        torch_bridge.seed_now()


registry.register(globals())

"""What is wrong with a model or with samples that are to be optimized with."""

from __future__ import annotations


class OptimizeError(ValueError):
    """A model that cannot be made smaller or faster as asked; the message says why and what can be done."""

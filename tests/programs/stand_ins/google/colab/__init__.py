"""A stand-in for what notebooks find on Colab."""

from . import files

__all__ = ["files"]

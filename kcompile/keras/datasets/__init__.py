"""Small data sets, downloaded once into the cache (``~/.keras/datasets``) and checked by hash.

No file is trusted beyond its hash: readers bound what they allocate by the file's size, and lists of words
that Keras keeps in pickles are read by an unpickler that can build nothing but arrays, lists and numbers.
"""

from __future__ import annotations

from . import boston_housing, cifar10, cifar100, fashion_mnist, imdb, mnist, reuters

__all__ = ["boston_housing", "cifar10", "cifar100", "fashion_mnist", "imdb", "mnist", "reuters"]

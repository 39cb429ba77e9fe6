"""Packages that only some of kcompile needs: imported when asked for, and missed in words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from kcompile_runtime.importing import whole_import

#: By the name that is imported: what people call the package, and what to install.
PACKAGES = {
    "torch": ("PyTorch", "kcompile[train]"),
    "PIL": ("Pillow", "kcompile[train]"),
    "tensorboard": ("TensorBoard", "tensorboard"),
    "scipy": ("SciPy", "scipy"),
    "matplotlib": ("matplotlib", "kcompile[viz]"),
    "pydot": ("pydot", "kcompile[viz]"),
    "netron": ("Netron", "kcompile[viz]"),
    "pyarrow": ("pyarrow", "kcompile[ray]"),
    "ray": ("Ray", "kcompile[ray]"),
}


class MissingPackageError(ModuleNotFoundError):
    """What was asked for needs a package that is not installed; the message says how to install it."""


@contextmanager
def optional(package: str, purpose: str) -> Iterator[None]:
    """For a block that imports a package of ``PACKAGES``, and nothing of ours.

    Args:
        package: the name that is imported.
        purpose: what needs it, to begin a sentence: "Training".

    Raises:
        MissingPackageError: it is not installed.
        ImportError: it is, and does not load.
    """
    try:
        with whole_import():
            yield
    except ModuleNotFoundError as error:
        if error.name != package:
            raise
        title, install = PACKAGES[package]
        hint = " (docs/install.md has PyTorch without CUDA)" if package == "torch" else ""
        message = f"{purpose} needs {title}, which is not installed: pip install '{install}'{hint}"
        raise MissingPackageError(message, name=package) from None

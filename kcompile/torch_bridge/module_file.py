"""A PyTorch source file that ``kcompile convert`` wrote, run."""

from __future__ import annotations

import runpy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .arrays import as_array


@dataclass
class ModuleFile:
    """The module of a file, with its weights, and what it takes and gives.

    Attributes:
        module: in evaluation mode.
        inputs: name -> shape, with None for open sizes.
        outputs: names.
        forget: the file's ``reset_states``, if it has one.
    """

    module: Any
    inputs: dict[str, tuple[int | None, ...]]
    outputs: tuple[str, ...]
    forget: Callable[[Any], None] | None = None

    def reset_states(self) -> None:
        """Sets what stateful layers keep between calls back to zeros."""
        if self.forget is not None:
            self.forget(self.module)

    def run(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        """One array for each output.

        Raises:
            ValueError: if the module does not take these arrays.
        """
        try:
            with torch.no_grad():
                found = self.module(*(torch.from_numpy(np.ascontiguousarray(array)) for array in arrays))
        except (RuntimeError, TypeError, IndexError) as error:
            raise ValueError(str(error)) from error
        return [as_array(y) for y in (found if isinstance(found, tuple) else (found,))]


def load_module_file(path: Path) -> ModuleFile:
    """Executes a source file and calls its ``load()``. This runs its code: only for files of one's own.

    Raises:
        ValueError: if it is not such a file, or its weights are missing.
    """
    try:
        names = runpy.run_path(str(path))
    except SyntaxError as error:
        raise ValueError(f"{path}: not Python source ({error}).") from error
    if not callable(names.get("load")) or not isinstance(names.get("INPUTS"), dict):
        raise ValueError(
            f"{path}: not a module that `kcompile convert` wrote: it has no load() and no INPUTS."
        )
    return ModuleFile(names["load"](), names["INPUTS"], tuple(names["OUTPUTS"]), names.get("reset_states"))

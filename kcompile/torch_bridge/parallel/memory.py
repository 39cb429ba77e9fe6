"""Tensors to another process through memory that both map: a file that is unlinked once both have it."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

_ALIGNMENT = 64
#: Below this many bytes a tensor travels in the message itself.
SMALL = 4096


def folder() -> Path:
    """A new private folder in memory where the system has one with room, else among the temporary files."""
    memory = Path("/dev/shm")  # noqa: S108  the folder made in it is private
    if os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 1 << 28:
        return Path(tempfile.mkdtemp(prefix="kcompile-", dir=memory))
    return Path(tempfile.mkdtemp(prefix="kcompile-"))


class Sender:
    """This side: copies tensors into the block and describes where they lie.

    The other side must be done with one message before the next one is written.

    Args:
        where: folder for the block.
    """

    def __init__(self, where: Path) -> None:
        self._where = where
        self._block: Any = None
        self.path: str | None = None
        self._count = 0

    def put(self, tensors: Sequence[Tensor]) -> list[Any]:
        """One description a tensor, for ``Receiver.get``.

        Raises:
            OSError: if there is no room.
        """
        sizes = [t.numel() * t.element_size() for t in tensors]
        total = sum(-(-size // _ALIGNMENT) * _ALIGNMENT for size in sizes if size >= SMALL)
        if total and (self._block is None or self._block.nbytes() < total):
            self._grow(total)
        found: list[Any] = []
        offset = 0
        for tensor, size in zip(tensors, sizes, strict=True):
            if size < SMALL:
                found.append(tensor.cpu().clone(memory_format=torch.contiguous_format).numpy())
                continue
            assert self._block is not None
            _view(self._block, tensor.dtype, offset, tuple(tensor.shape)).copy_(tensor)
            found.append((self.path, self._block.nbytes(), tensor.dtype, offset, tuple(tensor.shape)))
            offset += -(-size // _ALIGNMENT) * _ALIGNMENT
        return found

    def _grow(self, size: int) -> None:
        size = -(-size * 5 // 4 // 4096) * 4096
        self._count += 1
        path = self._where / f"{id(self):x}-{self._count}"
        with open(path, "wb") as file:
            if hasattr(os, "posix_fallocate"):  # a full memory file system is an error here, a crash later
                os.posix_fallocate(file.fileno(), 0, size)
            else:
                file.truncate(size)
        self._block = torch.UntypedStorage.from_file(str(path), True, size)
        self.path = str(path)


class Receiver:
    """The other side: sees the tensors in the block."""

    def __init__(self) -> None:
        self._block: Any = None
        self.path: str | None = None

    def get(self, described: Sequence[Any]) -> list[Tensor]:
        """The tensors, over the shared memory: valid until this step is done."""
        found = []
        for entry in described:
            if not isinstance(entry, tuple):
                found.append(torch.from_numpy(entry))
                continue
            path, size, dtype, offset, shape = entry
            if path != self.path:
                self._block = torch.UntypedStorage.from_file(path, True, size)
                self.path = path
            assert self._block is not None
            found.append(_view(self._block, dtype, offset, shape))
        return found


def _view(block: torch.UntypedStorage, dtype: torch.dtype, offset: int, shape: tuple[int, ...]) -> Tensor:
    tensor = torch.empty(0, dtype=dtype)
    strides: list[int] = []
    step = 1
    for size in reversed(shape):
        strides.insert(0, step)
        step *= max(size, 1)
    return tensor.set_(block, offset // dtype.itemsize, shape, strides)

"""What a model file holds, as plain data: the one form that every file format is read into and written
from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from kcompile_runtime.text import harmless

#: What a written file says of itself when the archive's metadata does not: the layout is that of Keras 2.3.
KERAS_VERSION = "2.3.1"
BACKEND = "tensorflow"


class FileFormatError(ValueError):
    """A file cannot be used: foreign, truncated, damaged or malformed. The message starts with the file's
    name."""

    def __init__(self, source: str, problem: str) -> None:
        super().__init__(harmless(f"{source}: {problem}", lines=True))
        self.source = source
        self.problem = problem

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.source, self.problem)


class UnsupportedFormatError(FileFormatError):
    """The file is recognised, and it is a kind that is not read or written here."""


class UnsafeFileError(FileFormatError):
    """The file asks for something that a model file may not: links out of it, code, or memory it cannot
    justify."""


class StoredArray:
    """An array that is still in its file.

    It has ``shape``, ``dtype``, ``ndim``, ``size`` and ``nbytes``, and turns into an array by :meth:`read` or
    ``numpy.asarray``. It is readable while the :class:`Archive` it came with is open.
    """

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype, fill: Callable[[np.ndarray], None]) -> None:
        self.shape = shape
        self.dtype = dtype
        self._fill = fill

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        size = 1
        for length in self.shape:
            size *= length
        return size

    @property
    def nbytes(self) -> int:
        return self.size * self.dtype.itemsize

    def read(self, out: np.ndarray | None = None) -> np.ndarray:
        """Read the values, into ``out`` if given, without a copy in between.

        Args:
            out: a writable C-contiguous array of this shape and dtype.

        Raises:
            ValueError: ``out`` has another shape, dtype or memory order.
            FileFormatError: the file is damaged there, or already closed.
        """
        if out is None:
            out = np.empty(self.shape, self.dtype)
        elif out.shape != self.shape or out.dtype != self.dtype or not out.flags.carray:
            raise ValueError(
                f"Expected a writable C-contiguous array of shape {self.shape} and dtype {self.dtype} to "
                f"read into, "
                f"found shape {out.shape}, dtype {out.dtype}, C-contiguous: {out.flags.c_contiguous}."
            )
        self._fill(out)
        return out

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            raise ValueError("The array is still in its file: it cannot be had without a copy.")
        values = self.read()
        return values if dtype is None else values.astype(dtype, copy=False)

    def __repr__(self) -> str:
        return f"<StoredArray shape={self.shape} dtype={self.dtype}>"


#: A weight as archives hold it: by value, or still in its file (``read(..., lazy=True)``).
Array = np.ndarray | StoredArray


@dataclass
class LayerWeights:
    """One layer's weights: ``weights`` are (name, values) pairs in the order of the file."""

    name: str
    weights: list[tuple[str, Array]] = field(default_factory=list)


@dataclass
class Archive:
    """A model file as plain data.

    Attributes:
        config: the model's config, ``{"class_name": ..., "config": ...}``, or None (weights alone).
        layer_weights: one entry a layer in the order of the file, layers without weights included.
        training_config: ``{"optimizer_config", "loss", "metrics", ...}`` as Keras stores compile()'s
            arguments, or None.
        optimizer_weights: the optimizer's state as (name, values) pairs in its order, or None (no state
            stored).
        top_level_weights: weights that belong to the model itself and to no layer of it (tf.keras stores
            such).
        objects: for the weights files of Keras 3, in place of ``layer_weights`` and ``optimizer_weights``:
            path of an object below the model ("layers/lstm/cell", "optimizer", "" for the model itself) ->
            its own variables, with the name that the object had; None for all other files.
        texts: text files that belong to objects, such as vocabularies: path below the model -> content.
        metadata: ``keras_version`` and ``backend`` (str, or None where the file does not say), and ``format``
            (name of the format it was read from). Writers take ``2.3.1`` and ``tensorflow`` where a key is
            missing.
    """

    config: dict[str, Any] | None = None
    layer_weights: list[LayerWeights] = field(default_factory=list)
    training_config: dict[str, Any] | None = None
    optimizer_weights: list[tuple[str, Array]] | None = None
    top_level_weights: list[tuple[str, Array]] = field(default_factory=list)
    objects: dict[str, LayerWeights] | None = None
    texts: dict[str, bytes] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    _close: Callable[[], None] | None = field(default=None, repr=False, compare=False)

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays: about the size of a file that holds them."""
        layers = [*self.layer_weights, *(self.objects or {}).values()]
        pairs = [*(self.optimizer_weights or []), *self.top_level_weights]
        pairs += [pair for layer in layers for pair in layer.weights]
        return sum(getattr(values, "nbytes", 0) for _, values in pairs)

    def close(self) -> None:
        """Close the file that a lazily read archive still holds. Arrays not read by then are lost."""
        if self._close is not None:
            close, self._close = self._close, None
            close()

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

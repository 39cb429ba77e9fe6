"""State that a model carries from call to call: pairs of an input and an output that users do not see."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .errors import InputError, ModelFileError
from .tensors import TensorInfo, format_shape

#: Metadata entry that names a model's states.
STATES_KEY = "kcompile.states"
#: A state larger than this per sample is no state but a file that lies about one.
_MAX_BYTES = 1 << 31


@dataclass(frozen=True)
class StateInfo:
    """One state.

    Attributes:
        input: name of the graph input that reads it.
        output: name of the graph output that replaces it.
        dtype: numpy's name of the element type.
        shape: an int, a str (symbolic axis: takes the size of the input axis of that name) or None (the
            number of samples) for each axis.
        initial: value after `reset_states`, broadcast to the shape; zeros where None.
    """

    input: str
    output: str
    dtype: str
    shape: tuple[int | str | None, ...]
    initial: np.ndarray | None = None

    def allocate(self, samples: int | None, axes: Mapping[str, int]) -> np.ndarray:
        """The value after a reset, for a call with so many samples and named axes of these sizes."""
        shape = tuple(self._size(size, samples, axes) for size in self.shape)
        if self.initial is None:
            return np.zeros(shape, self.dtype)
        try:
            return np.broadcast_to(self.initial, shape).copy()
        except ValueError:
            raise ModelFileError(
                f"state {self.input!r}: expected an initial value that fits {format_shape(shape)}, found "
                f"{format_shape(self.initial.shape)}"
            ) from None

    def sizes_found(self, array: np.ndarray) -> list[int]:
        """Sizes of the axes of an array that count samples.

        Raises:
            InputError: it is no value of this state.
        """
        fixed = zip(self.shape, array.shape, strict=False)
        fits = array.ndim == len(self.shape) and array.dtype == self.dtype
        if not fits or any(isinstance(size, int) and size != found for size, found in fixed):
            expected = f"{self.dtype}{format_shape(self.shape)}"
            raise InputError(
                f"state {self.input!r}: expected {expected}, found {array.dtype}{format_shape(array.shape)}"
            )
        return [array.shape[axis] for axis in self.sample_axes]

    @property
    def sample_axes(self) -> list[int]:
        """The axes that count samples: unnamed ones, or where there are none, axis 0 if it is open."""
        unnamed = [axis for axis, size in enumerate(self.shape) if size is None]
        return unnamed or [0] * (bool(self.shape) and not isinstance(self.shape[0], int))

    def _size(self, size: int | str | None, samples: int | None, axes: Mapping[str, int]) -> int:
        if isinstance(size, int):
            return size
        if isinstance(size, str) and size in axes:
            return axes[size]
        if samples is None:
            raise InputError(f"state {self.input!r}: no input tells the size of its axis {size!r}")
        return samples


def read_states(
    metadata: Mapping[str, str], inputs: list[TensorInfo], outputs: list[TensorInfo], where: str
) -> list[StateInfo]:
    """The states that a model's metadata names, checked against its graph.

    Raises:
        ModelFileError: the entry is malformed or names inputs, outputs, dtypes or shapes that the graph
        lacks.
    """
    text = metadata.get(STATES_KEY)
    if text is None:
        return []
    place = f"{where}: metadata entry {STATES_KEY!r}"
    try:
        entries = json.loads(text)
    except (ValueError, RecursionError):
        raise ModelFileError(f"{place} is not JSON") from None
    if not isinstance(entries, list):
        raise ModelFileError(f"{place}: expected a list, found {type(entries).__name__}")
    by_input = {info.name: info for info in inputs}
    by_output = {info.name: info for info in outputs}
    states = [_read_state(entry, by_input, by_output, place) for entry in entries]
    for names in ([s.input for s in states], [s.output for s in states]):
        if len(set(names)) != len(names):
            raise ModelFileError(f"{place} names a tensor twice: {', '.join(names)}")
    return states


def _read_state(
    entry: Any, inputs: dict[str, TensorInfo], outputs: dict[str, TensorInfo], place: str
) -> StateInfo:
    if not isinstance(entry, dict) or not {"input", "output", "shape", "dtype"} <= entry.keys():
        raise ModelFileError(f"{place}: each state needs 'input', 'output', 'shape' and 'dtype'")
    for key, known in (("input", inputs), ("output", outputs)):
        name = entry[key]
        if not isinstance(name, str) or name not in known:
            raise ModelFileError(f"{place}: the graph has no {key} {name!r}")
    info = inputs[entry["input"]]
    shape = entry["shape"]
    if not isinstance(shape, list) or not all(size is None or type(size) in (int, str) for size in shape):
        raise ModelFileError(f"{place}: state {info.name!r}: shape must be a list of sizes, found {shape!r}")
    if not info.is_numpy or entry["dtype"] != info.dtype:
        raise ModelFileError(
            f"{place}: state {info.name!r}: expected the graph's dtype {info.dtype}, found {entry['dtype']!r}"
        )
    if not _compatible(tuple(shape), info.shape):
        raise ModelFileError(
            f"{place}: state {info.name!r}: its shape {format_shape(tuple(shape))} does not fit the graph's "
            f"{format_shape(info.shape or ())}"
        )
    _check_size([size for size in shape if isinstance(size, int)], info, place)
    initial = entry.get("initial")
    return StateInfo(
        info.name, entry["output"], info.dtype, tuple(shape), _read_initial(initial, info, place)
    )


def _compatible(shape: tuple[int | str | None, ...], graph: tuple[int | str | None, ...] | None) -> bool:
    if graph is None or len(shape) != len(graph):
        return False
    pairs = zip(shape, graph, strict=True)
    return all(a == b for a, b in pairs if isinstance(a, int) and isinstance(b, int))


def _check_size(sizes: list[int], info: TensorInfo, place: str) -> None:
    count = np.dtype(info.dtype).itemsize
    for size in sizes:
        count *= size
    if min(sizes, default=0) < 0 or count > _MAX_BYTES:
        raise ModelFileError(f"{place}: state {info.name!r} declares an impossible size: {sizes}")


def _read_initial(value: Any, info: TensorInfo, place: str) -> np.ndarray | None:
    if value is None:
        return None
    try:
        return np.asarray(value, dtype=info.dtype)
    except (ValueError, TypeError, OverflowError):
        raise ModelFileError(
            f"{place}: state {info.name!r}: its initial value is no {info.dtype} array"
        ) from None


class StateStore:
    """The current value of every state. Not safe for threads: its owner locks."""

    def __init__(self, states: list[StateInfo]) -> None:
        self.states = states
        self._values: dict[str, np.ndarray] = {}
        #: Axes that each call must have in the size that the values have: state, axis, its name.
        self._open = [
            (state.input, axis, size)
            for state in states
            for axis, size in enumerate(state.shape)
            if not isinstance(size, int)
        ]

    def reset(self) -> None:
        """Forget every value; the next call starts from the initial ones."""
        self._values = {}

    def values(self) -> dict[str, np.ndarray]:
        """Arrays by the names of the inputs; none where the next call starts from the initial ones."""
        return dict(self._values)

    def set(self, values: Mapping[str, np.ndarray]) -> None:
        """Take the place of every value.

        Raises:
            InputError: other names, dtypes or shapes than the states have, or numbers of samples that differ.
        """
        self.reset()
        if not values:
            return
        names = [state.input for state in self.states]
        if values.keys() != set(names):
            raise InputError(f"expected the states {', '.join(names)}, found {', '.join(map(str, values))}")
        arrays = {name: np.asarray(values[name]) for name in names}
        sizes = {size for state in self.states for size in state.sizes_found(arrays[state.input])}
        if len(sizes) > 1:
            raise InputError(f"expected states of one number of samples, found {sorted(sizes)}")
        self._values = arrays

    def feed(self, samples: int | None, axes: Mapping[str, int]) -> dict[str, np.ndarray]:
        """State inputs for a call with so many samples.

        Raises:
            InputError: the states were made for another number of samples, or other sizes of named axes.
        """
        if not self._values:
            self._values = {state.input: state.allocate(samples, axes) for state in self.states}
        else:
            self._check_sizes(samples, axes)
        return self._values

    def _check_sizes(self, samples: int | None, axes: Mapping[str, int]) -> None:
        for name, axis, size in self._open:
            # an inner axis that no input names may have grown in the calls before
            default = samples if size is None or axis == 0 else None
            wanted = default if size is None else axes.get(size, default)
            found = self._values[name].shape[axis : axis + 1]  # nothing where a run gave it fewer axes
            if wanted is not None and found and wanted != found[0]:
                what = "samples" if wanted == samples else f"{size!r}"
                raise InputError(
                    f"the model carries state for {found[0]} {what}, this call has {wanted}: pass as "
                    "many, or call reset_states() first"
                )

    def store(self, values: list[np.ndarray]) -> None:
        """Take the state outputs of a call, in the order of `states`."""
        self._values = {state.input: value for state, value in zip(self.states, values, strict=True)}

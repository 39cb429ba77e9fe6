"""A model that is loaded: what it takes and gives, and its runs."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from .. import bfloat16
from ..errors import ModelFileError
from ..executor import Executor
from ..session_settings import settings_beside
from ..tensors import InputSpec, TensorInfo, format_shape, samples_first
from .errors import bad_request
from .limits import Settings
from .padding import Padding
from .protocol.datatypes import datatype_of, datatype_of_array

PLATFORM = "onnx_onnxruntime"
_WARM_UP_SIZE = 8
_WARM_UP_ELEMENTS = 1 << 24
_SHORT_S = 0.02
"""Models that take longer get all the cores; of others a core is left to the protocols."""
_QUICK_BYTES, _SMALL_BYTES = 4 << 20, 32 << 20
"""Files that are no larger are taken for quick; those that may be loaded anew where that was wrong."""


class Model:
    """One version of a model.

    Args:
        name: what clients call it.
        version: a number as text.
        path: of the .onnx file.
        settings: how it is run.

    Raises:
        ModelFileError: it cannot be loaded, or has tensors that the protocol has no datatype for.
        ExecutionError: it fails in its first run.
    """

    def __init__(self, name: str, version: str, path: str, settings: Settings) -> None:
        self.name, self.version, self.path = name, version, path
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        chosen = settings.intra_op_threads or _tuned_threads(path, settings)
        all_cores = chosen or max(1, cores // settings.instances)
        fewer = chosen or max(1, (cores - 1) // settings.instances)
        size = os.path.getsize(path) if os.path.exists(path) else 0
        threads = fewer if size < _QUICK_BYTES else all_cores  # a guess, until it has run
        self.executor = Executor(path, intra_op_threads=threads)
        tuned = self.executor.settings
        #: As given, with what was measured for this file where they leave it open.
        self.settings = settings
        if settings.batch_is_open and tuned is not None and tuned.batch_size is not None:
            self.settings = replace(settings, max_batch=tuned.batch_size, batch_is_open=False)
        self.inputs, self.outputs = self.executor.inputs, self.executor.outputs
        for info in [*self.inputs, *self.outputs]:
            if info.shape is None or datatype_of(info.dtype) is None:
                raise ModelFileError(f"{path}: the protocol has no datatype for {info}")
        self.output_names = [info.name for info in self.outputs]
        self.stateful = bool(self.executor.states)
        #: Whether requests can be joined along axis 0, and the answers be cut there.
        self.has_samples = self._has_samples()
        axis = (self.inputs[0].shape or (None,))[0] if self.has_samples else None
        #: The name of that axis, where it has one.
        self.sample_axis = axis if isinstance(axis, str) else None
        self._specs = [InputSpec(info) for info in self.inputs]
        #: Outputs whose elements are float32 here and bfloat16 for clients.
        self.bfloat16_outputs = [info.name for info in self.outputs if info.dtype == bfloat16.NAME]
        self._refuses_nan = settings.refuses_nan
        _check_names("input", settings.inputs, self.inputs, path)
        _check_names("output", settings.outputs, self.outputs, path)
        self.padding = Padding(settings.pads, self.inputs, self.outputs, path) if settings.pads else None
        if self.padding is not None and (self.stateful or not self.has_samples):
            raise ModelFileError(f"{path}: pad.*: expected a model of samples without states")
        self._only = self._specs[0] if len(self._specs) == 1 else None
        taken = self._warm_up()
        wanted = threads if taken is None else fewer if taken < _SHORT_S else all_cores
        if wanted != threads and size < _SMALL_BYTES:
            self.executor = Executor(path, intra_op_threads=wanted)
            self._warm_up()
            threads = wanted
        self.executor.hold_file()  # requests with NaN may come after it was replaced, and before that is seen
        #: Whether a full run may begin beside the others: where all have one thread, and a core is left.
        self.parallel = not (self.stateful or chosen) and threads == 1 and settings.instances < cores

    def _has_samples(self) -> bool:
        shapes = [info.shape or (0,) for info in self.inputs]
        open_axes = {shape[0] for shape in shapes} | {(info.shape or (0,))[0] for info in self.outputs}
        whole = all(not isinstance(axis, int) for axis in open_axes)
        return bool(shapes) and whole and len(open_axes) == 1 and samples_first(shapes)

    def _warm_up(self) -> float | None:
        """A run of one sample of zeros, where the sizes of all axes are known or may be chosen.

        Returns:
            the seconds that it took; None where there was none.
        """
        feed = {info.name: _zeros(info) for info in self.inputs}
        if any(array.size > _WARM_UP_ELEMENTS for array in feed.values()):
            return None
        settled = all(isinstance(size, int) for info in self.inputs for size in (info.shape or ())[1:])
        start = time.perf_counter()
        try:
            self.executor.new_session().run(feed)
        except Exception:
            if settled:  # else the sizes chosen here may be none that the model takes
                raise
            return None
        return time.perf_counter() - start

    def metadata(self, versions: Sequence[str]) -> dict[str, Any]:
        """The protocol's description."""
        return {
            "name": self.name,
            "versions": list(versions),
            "platform": PLATFORM,
            "inputs": [_described(info) for info in self.inputs],
            "outputs": [_described(info) for info in self.outputs],
        }

    def accept(self, inputs: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """The inputs of a request in order, checked: nothing else reaches onnxruntime.

        Raises:
            ServingError: 400 for a wrong datatype, or a NaN where the settings say no.
            InputError: for wrong names or shapes.
        """
        arrays = self._accept(inputs)
        if self._refuses_nan:
            for info, array in zip(self.inputs, arrays, strict=True):
                if _has_nan(array):
                    raise bad_request(f"input {info.name!r}: expected numbers, found NaN, which is refused")
        return arrays

    def _accept(self, inputs: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        if self._only is not None and len(inputs) == 1:  # what follows in short
            array = inputs.get(self._only.name)
            if array is not None and self._only.fits(array):
                return [array]
        for spec in self._specs:
            array = inputs.get(spec.name)
            if array is not None and array.dtype != spec.dtype:
                raise bad_request(
                    f"input {spec.name!r}: expected {datatype_of(spec.info.dtype)}"
                    f"{format_shape(spec.info.shape or ())}, found {datatype_of_array(array)}"
                )
        return self.executor.accept(inputs)

    def wanted(self, names: Sequence[str]) -> list[str]:
        """The outputs that a request names; all where it names none.

        Raises:
            ServingError: 400 for unknown ones.
        """
        if not names:
            return self.output_names
        unknown = [name for name in names if name not in self.output_names]
        if unknown:
            known = ", ".join(self.output_names)
            raise bad_request(f"model {self.name!r} has no output {unknown[0]!r}; it has {known}")
        return list(names)


def _tuned_threads(path: str, settings: Settings) -> int | None:
    """Threads as they were measured, for one run that has the machine for itself."""
    tuned = settings_beside(path) if settings.instances == 1 else None
    return None if tuned is None else tuned.intra_op_num_threads


def _check_names(kind: str, names: Sequence[str], tensors: Sequence[TensorInfo], path: str) -> None:
    known = [info.name for info in tensors]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ModelFileError(
            f"{path}: its configuration names the {kind} {unknown[0]!r}; it has {', '.join(known)}"
        )


def _has_nan(array: np.ndarray) -> bool:
    if array.dtype == bfloat16.BFLOAT16:
        array = bfloat16.to_float32(array)
    return array.dtype.kind in "fc" and bool(np.isnan(array).any())


def _zeros(info: TensorInfo) -> np.ndarray:
    shape = [size if isinstance(size, int) else _WARM_UP_SIZE for size in info.shape or ()]
    if shape and not isinstance((info.shape or ())[0], int):
        shape[0] = 1
    if info.dtype == "object":
        return np.full(shape, "", object)
    return np.zeros(shape, InputSpec(info).dtype)


def _described(info: TensorInfo) -> dict[str, Any]:
    shape = [size if isinstance(size, int) else -1 for size in info.shape or ()]
    return {"name": info.name, "datatype": datatype_of(info.dtype), "shape": shape}

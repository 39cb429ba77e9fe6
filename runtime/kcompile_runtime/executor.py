"""Loads a model and runs it."""

from __future__ import annotations

import contextlib
import copy
import operator
import os
import sys
import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from . import bfloat16
from .errors import ExecutionError, InputError, ModelFileError
from .nans import Guard, is_finite
from .session import Providers, create_session, describe_model, execution_error, in_own_memory
from .session_settings import SessionSettings, settings_beside
from .states import StateInfo, StateStore, read_states
from .tensors import InputSpec, TensorInfo, check_symbols, format_shape, samples_first

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

# One run of `predict` takes at most about this many bytes of input, but 32 to 256 samples. Below 32 the fixed
# cost of a run shows; above 256 nothing is gained and the memory for what lies between the layers grows.
_BATCH_BYTES = 4 << 20
_MIN_BATCH, _MAX_BATCH = 32, 256


class Executor:
    """A model that is ready to run.

    An Executor may be used from several threads at once. One with states runs the calls one after the other.

    Where ``kcompile tune`` has left a file of settings beside the model (``m.onnx.session.json``), threads,
    level, provider and batch size are as it says; an argument here goes before it.

    Args:
        model: path of an .onnx file, or its bytes. A file may name files with its weights in its own folder;
            bytes may name none.
        providers: onnxruntime execution providers in order of preference, as names or (name, options).
            Default: CUDA where onnxruntime has it and a device answers, else the CPU.
        intra_op_threads: threads for one operator. Default: onnxruntime's, one a core.
        session_options: an onnxruntime.SessionOptions to use in place of the default ones, and of those
            beside the model.

    Raises:
        FileNotFoundError: there is no such file.
        ModelFileError: the model is truncated, foreign, inconsistent or newer than the installed onnxruntime,
            or the settings beside it are not what such a file may say.
        ProviderError: a provider that was asked for is not there.
        RuntimeNotInstalledError: onnxruntime is not installed.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | bytes,
        providers: Providers | None = None,
        *,
        intra_op_threads: int | None = None,
        session_options: Any = None,
    ) -> None:
        self._load(model, providers, {}, intra_op_threads=intra_op_threads, session_options=session_options)

    @classmethod
    def from_model(
        cls,
        model: bytes,
        initializers: Mapping[str, np.ndarray],
        providers: Providers | None = None,
        *,
        intra_op_threads: int | None = None,
        session_options: Any = None,
    ) -> Executor:
        """A model whose weights come as arrays, without a copy through protobuf.

        Args:
            model: bytes of a model in which the initializers named in `initializers` are marked external (any
                location: it is never read).
            initializers: an array for each of them, of the declared dtype and shape. onnxruntime keeps packed
                copies of some and refers to others: an array that changes later calls for a new Executor (or
                a `LiveExecutor`).
            providers, intra_op_threads, session_options: as for the class.

        Raises:
            ModelFileError: also where an array is missing or differs from what the model declares.
        """
        if not isinstance(model, bytes):
            raise TypeError(f"expected the bytes of a model, found {type(model).__name__}")
        executor = cls.__new__(cls)
        executor._load(
            model,
            providers,
            {},
            initializers=initializers,
            intra_op_threads=intra_op_threads,
            session_options=session_options,
        )
        return executor

    def _load(
        self,
        model: str | os.PathLike[str] | bytes,
        providers: Providers | None,
        weights: Mapping[str, np.ndarray],
        **options: Any,
    ) -> None:
        self._where = describe_model(model)
        self._settings = None
        if not isinstance(model, bytes) and options.get("session_options") is None:
            self._settings = settings_beside(model)
        options["settings"] = self._settings
        self._guard = Guard.of(model, {"providers": providers, **options}, self._where)
        self._checks = self._guard is not None
        made = None
        if self._guard is not None and self._guard.always:
            with contextlib.suppress(ModelFileError, RecursionError):  # what is wrong, the form below says
                made = self._guard.create()
                self._checks = False
        self._session, self._keep = made or create_session(model, providers, **options)
        self._run = _runner(self._session)

        inputs = [TensorInfo.from_node(node) for node in self._session.get_inputs()]
        outputs = [TensorInfo.from_node(node) for node in self._session.get_outputs()]
        self._metadata: dict[str, str] = dict(self._session.get_modelmeta().custom_metadata_map)
        states = read_states(self._metadata, inputs, outputs, self._where)
        self._constants = _check_weights(weights, inputs, self._where)

        hidden = {state.input for state in states} | self._constants.keys()
        self._inputs = [info for info in inputs if info.name not in hidden]
        hidden_outputs = {state.output for state in states}
        self._outputs = [info for info in outputs if info.name not in hidden_outputs]
        self._output_names = [info.name for info in self._outputs]
        self._state_outputs = [state.output for state in states]
        self._states = StateStore(states)
        self._stateful = bool(states)
        self._lock = threading.RLock() if states else contextlib.nullcontext()
        self._prepare_inputs()

    def _prepare_inputs(self) -> None:
        self._specs = [InputSpec(info) for info in self._inputs]
        _agree_on_samples(self._specs)
        self._by_name = {spec.name: spec for spec in self._specs}
        self._fixed_batch = _fixed_batch(self._specs)
        self._predict_specs = self._specs
        if self._fixed_batch is not None:
            # `predict` takes any number of samples: it cuts and fills them to the size that the model has.
            free = [TensorInfo(i.name, i.dtype, (None, *(i.shape or ())[1:])) for i in self._inputs]
            self._predict_specs = [InputSpec(info) for info in free]
        size = sum(spec.bytes_per_sample for spec in self._predict_specs if spec.has_sample_axis)
        self._batch = min(_MAX_BATCH, max(_MIN_BATCH, _BATCH_BYTES // max(1, size)))
        if self._settings is not None and self._settings.batch_size is not None:
            self._batch = self._settings.batch_size
        if not samples_first([info.shape for info in self._inputs]):
            self._batch = sys.maxsize
        spec = self._predict_specs[0] if len(self._specs) == 1 else None
        direct = (
            spec is not None and spec.has_sample_axis and self._fixed_batch is None and not self._stateful
        )
        self._direct = spec if direct and len(self._outputs) == 1 else None

    @property
    def inputs(self) -> list[TensorInfo]:
        """Name, dtype and shape of each input, in order; states are not among them."""
        return list(self._inputs)

    @property
    def outputs(self) -> list[TensorInfo]:
        """Name, dtype and shape of each output, in order; states are not among them."""
        return list(self._outputs)

    @property
    def states(self) -> list[StateInfo]:
        """What the model carries from call to call."""
        return list(self._states.states)

    @property
    def metadata(self) -> dict[str, str]:
        """The model's metadata entries."""
        return dict(self._metadata)

    @property
    def providers(self) -> list[str]:
        """Names of the execution providers in use, first choice first."""
        return list(self._session.get_providers())

    @property
    def settings(self) -> SessionSettings | None:
        """What the file of settings beside the model says; None where there is none that fits."""
        return self._settings

    @property
    def session(self) -> InferenceSession:
        """The onnxruntime.InferenceSession underneath."""
        return self._session

    def __repr__(self) -> str:
        inputs = ", ".join(str(info) for info in self._inputs)
        outputs = ", ".join(str(info) for info in self._outputs)
        return f"<{type(self).__name__} ({inputs}) -> ({outputs}) on {self.providers[0]}>"

    def predict(self, x: Any, batch_size: int | None = None) -> Any:
        """Outputs for any number of samples.

        Args:
            x: an array of shape (samples, ...), a list of arrays in the order of `inputs`, or a dict by input
                name. Numbers are cast to a float input's dtype, as Keras does; to an integer one only if each
                keeps its value. Inputs without an axis for samples are passed to every run as they are.
            batch_size: samples a run. Default: what the settings beside the model say; else all in one run
                where they are few, and 32 to 256 by their size.

        Returns:
            One array of shape (samples, ...) for a model with one output, else a list of them. No samples
            give arrays of no rows.

        Raises:
            InputError: wrong names, count, dtype or shape, differing numbers of samples, or, for a model with
                states, a number of samples that does not fit them. Nothing was run.
            ExecutionError: onnxruntime failed.
        """
        direct = self._direct
        if direct is not None and type(x) is np.ndarray and direct.fits(x):
            if 0 < len(x) <= (self._batch if batch_size is None else _check_batch_size(batch_size)):
                run = self._run if not self._checks or is_finite(x) else self._exact_run()
                try:
                    return run(self._output_names, {**self._constants, direct.name: x}, None)[0]
                except Exception as error:
                    raise execution_error(error, self._where) from None
        outputs = self._predict(self._collect(x, self._predict_specs), batch_size)
        return outputs[0] if len(outputs) == 1 else outputs

    def run(self, inputs: Any = (), output_names: Sequence[str] | None = None) -> list[Any]:
        """One run over the inputs as they are.

        Args:
            inputs: a dict by input name, a list in the order of `inputs`, or one array.
            output_names: the outputs wanted. Default: all, in the order of `outputs`.

        Returns:
            A list with one value for each name.

        Raises:
            InputError: wrong names, count, dtype or shape. Nothing was run.
            ExecutionError: onnxruntime failed.
        """
        names = self._output_names if output_names is None else self._check_outputs(output_names)
        arrays = self._collect(inputs, self._specs)
        return self._execute(arrays, _samples(self._specs, arrays) if self._stateful else None, names)

    def reset_states(self) -> None:
        """Return every state to its initial value (zeros where the model names none)."""
        with self._lock:
            self._states.reset()

    def new_session(self) -> Executor:
        """The same model, loaded once, with states of its own that start from their initial values."""
        other = copy.copy(self)
        other._states = StateStore(self._states.states)
        other._lock = threading.RLock() if self._stateful else contextlib.nullcontext()
        return other

    def hold_file(self) -> None:
        """Keep what the file is now for inputs with NaN that come when it has been replaced by another."""
        if self._checks and self._guard is not None:
            self._guard.hold()

    def get_states(self) -> dict[str, np.ndarray]:
        """Arrays of the states by the names of their inputs; none before the first call or after a reset."""
        with self._lock:
            return self._states.values()

    def set_states(self, values: Mapping[str, np.ndarray]) -> None:
        """Go on from these states, as `get_states` gave them; from the initial ones where there are none.

        Raises:
            InputError: wrong names, dtypes or shapes.
        """
        with self._lock:
            self._states.set(values)

    def accept(self, inputs: Any) -> list[np.ndarray]:
        """What `run` would make of its inputs: arrays of the model's dtypes and shapes, in order.

        Raises:
            InputError: wrong names, count, dtype or shape.
        """
        return self._collect(inputs, self._specs)

    # Checking arguments

    def _collect(self, x: Any, specs: list[InputSpec]) -> list[np.ndarray]:
        """Arguments as checked arrays, in the order of the specs."""
        values = self._by_order(x)
        arrays = [spec.accept(value) for spec, value in zip(specs, values, strict=True)]
        if len(arrays) > 1:
            _samples(specs, arrays)
            check_symbols(specs, arrays)
        return arrays

    def _by_order(self, x: Any) -> list[Any]:
        if isinstance(x, Mapping):
            return self._by_name_order(x)
        count = len(self._specs)
        if isinstance(x, (list, tuple)):
            arrays = any(isinstance(value, np.ndarray) for value in x)
            if len(x) == count and (count != 1 or arrays):
                return list(x)
            if count == 1 and not arrays:  # plain numbers
                return [x]
            found = f"a {type(x).__name__} of {len(x)}"
        elif count == 1:
            return [x]
        else:
            found = f"one {type(x).__name__}"
        raise InputError(f"expected {self._expected_inputs()}, found {found}")

    def _by_name_order(self, x: Mapping[str, Any]) -> list[Any]:
        missing = [name for name in self._by_name if name not in x]
        unknown = [str(name) for name in x if name not in self._by_name]
        if missing or unknown:
            parts = [f"missing {', '.join(missing)}"] if missing else []
            parts += [f"unknown {', '.join(unknown)}"] if unknown else []
            raise InputError(f"expected {self._expected_inputs()}, found {' and '.join(parts)}")
        return [x[name] for name in self._by_name]

    def _expected_inputs(self) -> str:
        names = ", ".join(str(info) for info in self._inputs)
        return f"{len(self._specs)} input{'s' * (len(self._specs) != 1)} ({names})"

    def _check_outputs(self, names: Sequence[str]) -> list[str]:
        if isinstance(names, str):
            raise InputError(f"output_names: expected a list of names, found the string {names!r}")
        unknown = [str(name) for name in names if name not in self._output_names]
        if unknown:
            raise InputError(f"no output {', '.join(unknown)}; the model has {', '.join(self._output_names)}")
        return list(names)

    # Running

    def _execute(self, arrays: Sequence[Any], samples: int | None, names: list[str]) -> list[Any]:
        """One run, states included."""
        feed: dict[str, Any] = dict(self._constants)
        for spec, array in zip(self._specs, arrays, strict=True):
            feed[spec.name] = array
        if not self._stateful:
            return self._call(names, feed, arrays)
        with self._lock:
            states = self._states.feed(samples, self._axes(arrays))
            feed.update(states)
            results = self._call([*names, *self._state_outputs], feed, [*arrays, *states.values()])
            self._states.store(results[len(names) :])
            return results[: len(names)]

    def _call(self, names: list[str], feed: dict[str, Any], given: Sequence[Any] = ()) -> list[Any]:
        """One run; ``given`` is what may hold a NaN."""
        if not names:
            return []
        finite = not self._checks or all(is_finite(a) for a in given if isinstance(a, np.ndarray))
        run = self._run if finite else self._exact_run()
        try:
            return run(names, feed, None)
        except Exception as error:  # onnxruntime's exceptions have no common base but this
            raise execution_error(error, self._where) from None

    def _exact_run(self) -> Any:
        """Runs the form of the model that keeps NaN."""
        assert self._guard is not None
        return _runner(self._guard.session())

    def _axes(self, arrays: Sequence[Any]) -> dict[str, int]:
        """Sizes of the named axes of these inputs."""
        pairs = zip(self._specs, arrays, strict=True)
        return {symbol: array.shape[axis] for spec, array in pairs for axis, symbol in spec.symbols}

    def _predict(self, arrays: list[np.ndarray], batch_size: int | None) -> list[Any]:
        if batch_size is not None:
            batch_size = _check_batch_size(batch_size)
        samples = _samples(self._predict_specs, arrays)
        if samples == 0:
            return self._empty_outputs(arrays)
        with self._lock:
            if samples is not None and (size := self._run_size(samples, batch_size)) != samples:
                return self._run_batches(arrays, samples, size)
            return self._execute(arrays, samples, self._output_names)

    def _run_size(self, samples: int, batch_size: int | None) -> int:
        """Samples a run; what a model with states or a fixed number of samples cannot run is refused."""
        fixed = self._fixed_batch
        if fixed is not None and batch_size not in (None, fixed):
            raise InputError(f"batch_size: the model takes {fixed} samples a run, found {batch_size}")
        if fixed is not None:
            size = fixed
        elif batch_size is not None:
            size = min(batch_size, samples)
        else:
            # Each sample of a run goes on from the state of the sample at its place in the run before.
            size = samples if self._stateful else min(self._batch, samples)
        if self._stateful and samples % size:
            raise InputError(
                f"a model with states needs a number of samples that is a multiple of the {size} of one run, "
                f"found {samples}"
            )
        return size

    def _run_batches(self, arrays: list[np.ndarray], samples: int, size: int) -> list[np.ndarray]:
        outputs: list[np.ndarray] = []
        for start in range(0, samples, size):
            count = min(size, samples - start)
            feed = [
                _slice(array, start, count, self._fixed_batch) if spec.has_sample_axis else array
                for spec, array in zip(self._predict_specs, arrays, strict=True)
            ]
            rows = self._fixed_batch or count
            results = self._execute(feed, rows, self._output_names)
            self._check_rows(results, rows, outputs)
            if not outputs:
                outputs = [np.empty((samples, *result.shape[1:]), result.dtype) for result in results]
            for output, result in zip(outputs, results, strict=True):
                output[start : start + count] = result[:count]
        return outputs

    def _check_rows(self, results: list[Any], rows: int, outputs: list[np.ndarray]) -> None:
        """Outputs of several runs can be joined only if each has a row a sample and rows of one shape."""
        for index, (name, result) in enumerate(zip(self._output_names, results, strict=True)):
            if not isinstance(result, np.ndarray) or result.ndim == 0 or len(result) != rows:
                is_array = isinstance(result, np.ndarray)
                found = format_shape(result.shape) if is_array else type(result).__name__
                raise ExecutionError(
                    f"output {name!r} has no axis for samples ({found} for {rows} samples), so several runs "
                    "cannot be joined: use run(), or a batch_size of all samples"
                )
            if outputs and result.shape[1:] != outputs[index].shape[1:]:
                raise ExecutionError(
                    f"output {name!r} has rows of shape {format_shape(result.shape[1:])} in one run and "
                    f"{format_shape(outputs[index].shape[1:])} in another and cannot be joined: use run()"
                )

    def _empty_outputs(self, arrays: list[np.ndarray]) -> list[np.ndarray]:
        """Outputs for no samples: shapes from the graph, or from one run over a sample of zeros."""
        axes = {
            symbol: array.shape[axis]
            for spec, array in zip(self._predict_specs, arrays, strict=True)
            for axis, symbol in spec.symbols
            if axis or not spec.has_sample_axis
        }
        shapes = [_known_shape(info, axes) for info in self._outputs]
        if all(shape is not None for shape in shapes):
            pairs = zip(self._outputs, shapes, strict=True)
            return [np.empty((0, *shape), info.dtype) for info, shape in pairs if shape is not None]
        rows = self._fixed_batch or 1
        one = [
            np.zeros((rows, *array.shape[1:]), array.dtype) if spec.has_sample_axis else array
            for spec, array in zip(self._predict_specs, arrays, strict=True)
        ]
        with self._lock:
            feed = {**self._constants, **{s.name: a for s, a in zip(self._specs, one, strict=True)}}
            if self._stateful:
                feed.update({s.input: s.allocate(rows, self._axes(one)) for s in self._states.states})
            results = self._call(self._output_names, feed)
        self._check_rows(results, rows, [])
        return [result[:0] for result in results]


class LiveExecutor(Executor):
    """A model that reads its weights from arrays at every run, so that in-place changes show at the next one.

    For loops that alternate training and prediction. A run costs up to about twice that of an `Executor`,
    whose weights are constants that onnxruntime folds and packs beforehand.

    Args:
        model: path or bytes of a model in which each weight is a graph input.
        weights: an array for each of these inputs, of its dtype and shape. They are read where they lie while
            a run lasts (C order; an array in another order is copied at each run, and so is every array where
            the model runs on a GPU), and are not among `inputs`.
        providers, intra_op_threads, session_options: as for `Executor`.

    Raises:
        ModelFileError: also where a weight is no input of the model or differs in dtype or shape.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | bytes,
        weights: Mapping[str, np.ndarray],
        providers: Providers | None = None,
        *,
        intra_op_threads: int | None = None,
        session_options: Any = None,
    ) -> None:
        self._load(
            model, providers, weights, intra_op_threads=intra_op_threads, session_options=session_options
        )

    def bind(self, name: str, array: np.ndarray) -> None:
        """Read the weight `name` from another array from now on.

        Raises:
            KeyError: no weight has this name.
            ModelFileError: the array differs in dtype or shape.
        """
        if name not in self._constants:
            raise KeyError(f"no weight {name!r}; the model has {', '.join(self._constants)}")
        infos = [TensorInfo.from_node(node) for node in self._session.get_inputs()]
        # A new dict, so that a run in another thread sees either all of the old weights or all of the new
        # ones.
        self._constants = {**self._constants, **_check_weights({name: array}, infos, self._where)}


def _check_weights(
    weights: Mapping[str, np.ndarray], inputs: list[TensorInfo], where: str
) -> dict[str, np.ndarray]:
    by_name = {info.name: info for info in inputs}
    for name, array in weights.items():
        info = by_name.get(name)
        if info is None:
            raise ModelFileError(f"{where}: weight {name!r} is no input of the graph")
        if not InputSpec(info).fits(array):
            found = f"{array.dtype}{format_shape(array.shape)}"
            raise ModelFileError(f"{where}: weight {name!r}: expected {info}, found {found}")
    return dict(weights)


def _agree_on_samples(specs: list[InputSpec]) -> None:
    """An axis 0 counts samples in one input if it bears the name that it has in the first one."""
    names = [dict(spec.symbols).get(0) for spec in specs if spec.has_sample_axis]
    for spec in specs:
        if spec.has_sample_axis and dict(spec.symbols).get(0, names[0]) != names[0] and names[0]:
            spec.has_sample_axis = False


def _fixed_batch(specs: list[InputSpec]) -> int | None:
    """The number of samples that the graph fixes; None where it leaves it open or has none."""
    if not specs or any(spec.has_sample_axis or not spec.rank for spec in specs):
        return None
    sizes = {spec.fixed[0][1] for spec in specs}
    size = sizes.pop()
    return size if not sizes and size > 0 else None


def _samples(specs: list[InputSpec], arrays: Sequence[Any]) -> int | None:
    """The number of samples, or None where no input has an axis for them.

    Raises:
        InputError: the inputs differ in it.
    """
    counts = [(spec.name, len(a)) for spec, a in zip(specs, arrays, strict=True) if spec.has_sample_axis]
    if not counts:
        return _fixed_batch(specs)
    if any(count != counts[0][1] for _, count in counts):
        listed = ", ".join(f"{name} has {count}" for name, count in counts)
        raise InputError(f"inputs differ in their number of samples: {listed}")
    return counts[0][1]


def _slice(array: np.ndarray, start: int, count: int, fixed: int | None) -> np.ndarray:
    """Samples start..start+count, filled up with zeros to the number that the graph fixes."""
    part = array[start : start + count]
    if fixed is None or count == fixed:
        return part
    padded = np.zeros((fixed, *array.shape[1:]), array.dtype)
    padded[:count] = part
    return padded


def _runner(session: Any) -> Any:
    """``session.run``, without what its Python wrapper repeats of our own checks: 7 of 48 us a call.

    What it wraps is a stable part of onnxruntime's Python package.
    """
    if any(node.type == bfloat16.NAME for node in (*session.get_inputs(), *session.get_outputs())):
        return in_own_memory(session, bfloat16.runner(session))
    raw = getattr(session, "_sess", None)
    return in_own_memory(session, raw.run if raw is not None else session.run)


def _check_batch_size(value: Any) -> int:
    try:
        size = operator.index(value)
    except TypeError:
        raise InputError(f"batch_size: expected a whole number, found {value!r}") from None
    if size < 1:
        raise InputError(f"batch_size: expected at least 1, found {size}")
    return size


def _known_shape(info: TensorInfo, axes: Mapping[str, int]) -> tuple[int, ...] | None:
    """Shape of one row of an output, or None where the graph does not tell."""
    if not info.shape or not info.is_numpy:
        return None
    sizes = [axes.get(size) if isinstance(size, str) else size for size in info.shape[1:]]
    known = tuple(size for size in sizes if size is not None)
    return known if len(known) == len(sizes) else None

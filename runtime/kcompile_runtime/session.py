"""Makes onnxruntime sessions: providers, options, and errors in words of our own."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import importlib.metadata
import os
import re
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from typing import Any

import numpy as np

from .errors import ExecutionError, ModelFileError, ProviderError, RuntimeNotInstalledError
from .forking import protect_children
from .header import ExternalWeight, check_locations, inspect
from .importing import whole_import
from .session_settings import SessionSettings

Providers = Sequence["str | tuple[str, dict[str, Any]]"]

# CUDA's TensorFloat-32 keeps 10 bits of each factor: a model would answer differently on a GPU than on a CPU.
_CUDA_OPTIONS = {"use_tf32": "0"}

_BEYOND = 2**63 - 1
"""kcompile adds it to a negative index, which is no way to count from the end in an embedding."""


@functools.cache
def load_onnxruntime() -> Any:
    """The onnxruntime module.

    Raises:
        RuntimeNotInstalledError: neither onnxruntime nor onnxruntime-gpu is installed, or it does not load.
    """
    try:
        with whole_import():
            import onnxruntime
    except ModuleNotFoundError as error:
        if error.name != "onnxruntime":
            raise RuntimeNotInstalledError(f"onnxruntime is installed but does not load: {error}") from None
        raise RuntimeNotInstalledError(
            "running a model needs onnxruntime, which is not installed: pip install 'kcompile-runtime[cpu]', "
            "or 'kcompile-runtime[gpu]' where there is an NVIDIA GPU"
        ) from None
    except ImportError as error:
        raise RuntimeNotInstalledError(
            f"onnxruntime is installed but does not load: {str(error) or 'no reason given'}{_for_numpy_1()}"
        ) from None
    if not hasattr(onnxruntime, "InferenceSession"):
        # What is left of the folder after one of onnxruntime and onnxruntime-gpu was uninstalled over the
        # other.
        raise RuntimeNotInstalledError(
            "the installed onnxruntime is damaged: uninstall onnxruntime and onnxruntime-gpu, then install "
            "one of them"
        )
    protect_children()
    return onnxruntime


def _for_numpy_1() -> str:
    """What to do where onnxruntime was compiled for numpy 1 and numpy 2 is installed."""
    found = re.match(r"1\.(\d+)", _installed("onnxruntime") or _installed("onnxruntime-gpu"))
    if found is None or int(found[1]) >= 19 or np.__version__.startswith("1."):
        return ""
    return (
        f"; onnxruntime before 1.19 is built for numpy 1, and numpy {np.__version__} is installed: "
        "pip install 'onnxruntime>=1.19', or 'numpy<2'"
    )


def _installed(name: str) -> str:
    """The version of a distribution; "" if it is not installed."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def create_session(
    model: str | os.PathLike[str] | bytes,
    providers: Providers | None = None,
    *,
    initializers: Mapping[str, np.ndarray] | None = None,
    intra_op_threads: int | None = None,
    session_options: Any = None,
    folder: str | None = None,
    settings: SessionSettings | None = None,
) -> tuple[Any, Any]:
    """A session, and whatever must live as long as it.

    ``folder`` is where a model that is given as bytes has its files of weights; ``settings`` are used where
    the other arguments leave it open.

    Raises:
        FileNotFoundError: there is no such file.
        ModelFileError: the model cannot be loaded.
        ProviderError: a provider that was asked for is not there.
        RuntimeNotInstalledError: onnxruntime is not installed.
    """
    ort = load_onnxruntime()
    where = describe_model(model)
    external, measured = inspect(model, where)
    if not isinstance(model, bytes):
        check_locations(external, os.path.dirname(os.path.abspath(os.fspath(model))), where)
    elif folder is not None:
        check_locations(external, folder, where)
    else:
        _check_given({weight.name for weight in external}, initializers or {}, where)
    options = session_options if session_options is not None else default_options(ort)
    if settings is not None:
        settings.apply(ort, options)
        if providers is None and settings.provider == "CPUExecutionProvider":
            providers = [settings.provider]
    if intra_op_threads is not None:
        options.intra_op_num_threads = intra_op_threads
    if folder is not None:
        options.add_session_config_entry("session.model_external_initializers_file_folder_path", folder)
    size = len(model) if isinstance(model, bytes) else _bytes_on_disk(model, external)
    size += sum(array.nbytes for array in (initializers or {}).values())
    _limit_folding(options, measured.folding_limit(size))
    unused = ["ConstantFolding"] if measured.growing and older(ort, 1, 27) else []  # which know no limit
    levels = ort.GraphOptimizationLevel
    if not measured.fusible and options.graph_optimization_level != levels.ORT_DISABLE_ALL:
        options.graph_optimization_level = levels.ORT_ENABLE_BASIC
    keep = None
    if initializers:
        keep = {name: ort.OrtValue.ortvalue_from_numpy(_contiguous(a)) for name, a in initializers.items()}
        options.add_external_initializers(list(keep), list(keep.values()))
    with contextlib.ExitStack() as stack:
        source = model if isinstance(model, bytes) else os.fspath(model)
        if isinstance(model, bytes) and folder is not None and external and older(ort, 1, 21):
            source = stack.enter_context(_beside_links(model, folder, external))
        if providers is not None:
            return _create_with(ort, source, options, _check_providers(ort, providers), where, unused), keep
        return _create_anywhere(ort, source, options, where, unused), keep


def _check_given(external: Set[str], initializers: Mapping[str, np.ndarray], where: str) -> None:
    """Raises a ModelFileError unless there is an array for each weight outside of a model given as bytes."""
    missing = sorted(external - initializers.keys())
    if missing:
        raise ModelFileError(
            f"{where} keeps the weights {', '.join(missing[:5] + ['...'] * (len(missing) > 5))} outside "
            "itself, and no array was given for them: pass the model's path, or arrays to "
            "Executor.from_model"
        )


def in_own_memory(session: Any, run: Callable[..., list[Any]]) -> Callable[..., list[Any]]:
    """``run`` of a session, or what takes its place, with outputs that lie nowhere else.

    Where an output is an input, onnxruntime 1.23 gives the memory of what was fed, whoever may free it.
    """
    given = {node.name for node in session.get_inputs()}
    if given.isdisjoint(node.name for node in session.get_outputs()):
        return run

    def copying(names: Sequence[str], feed: Mapping[str, Any], options: Any = None) -> list[Any]:
        found = run(names, feed, options)
        return [np.array(x) if name in given else x for name, x in zip(names, found, strict=True)]

    return copying


@contextlib.contextmanager
def _beside_links(model: bytes, folder: str, external: list[ExternalWeight]) -> Iterator[str]:
    """Path of a file with these bytes that finds the weights of a folder: for onnxruntime before 1.21."""
    with tempfile.TemporaryDirectory(prefix="kcompile-") as own:
        for location in {weight.location for weight in external}:
            link = os.path.join(own, location)
            os.makedirs(os.path.dirname(link), exist_ok=True)
            os.symlink(os.path.join(os.path.abspath(folder), location), link)
        path = os.path.join(own, "model.onnx")
        if os.path.lexists(path):
            path = os.path.join(own, "model-without-nan.onnx")
        with open(path, "wb") as stream:
            stream.write(model)
        yield path


def describe_model(model: str | os.PathLike[str] | bytes) -> str:
    """How messages name a model."""
    if isinstance(model, bytes):
        return f"model of {len(model)} bytes"
    if isinstance(model, (str, os.PathLike)):
        return repr(os.fspath(model))
    raise TypeError(f"expected the path of a model or its bytes, found {type(model).__name__}")


def execution_error(error: Exception, where: str) -> ExecutionError:
    """What onnxruntime said while running, without its own file names and stack."""
    lookup = re.search(
        r"Name:'([^']*)'.*indices element out of data bounds, idx=(-?\d+) must be within the inclusive range "
        r"\[-?\d+,(-?\d+)\]",
        str(error),
        re.DOTALL,
    )
    if lookup:
        index, last = int(lookup[2]), int(lookup[3])
        index -= _BEYOND if index > _BEYOND // 2 else 0
        return ExecutionError(
            f"{where}: {lookup[1] or 'a Gather'} looks up the index {index}, out of range: "
            f"its table has the indices 0 to {last}"
        )
    return ExecutionError(f"{where}: running the model failed: {_first_line(error)}")


def default_options(ort: Any) -> Any:
    """The onnxruntime.SessionOptions that a model runs with where nobody says otherwise."""
    options = ort.SessionOptions()
    options.log_severity_level = 4  # what goes wrong in a run is raised: it need not be printed, too
    # Threads that wait for work spin before they sleep: for long by default, which takes cores from whoever
    # works beside them (torch between two predictions, other sessions), and not spinning at all costs up to a
    # half more per run (CNN, one sample: 62 against 42 us). Spinning for the length of a short run keeps the
    # speed without the burning. Releases of onnxruntime that do not know the entry ignore it.
    options.add_session_config_entry("session.intra_op.spin_duration_us", "100")
    return options


# It writes a sum and the LayerNormalization behind it as one operator, whose kernel for the CPU takes three
# to six times as long as the two.
_SLOWER_ON_CPU = "SkipLayerNormFusion"

_FOLDING_LIMIT = "optimization.constant_folding_max_output_size_in_bytes"


def _limit_folding(options: Any, limit: int) -> None:
    """What depends on constants alone is computed while the session is made, unless its result is larger."""
    try:
        options.get_session_config_entry(_FOLDING_LIMIT)
    except RuntimeError:  # the caller has not chosen
        options.add_session_config_entry(_FOLDING_LIMIT, str(limit))


def older(ort: Any, major: int, minor: int) -> bool:
    """Whether the onnxruntime is of a release before that one."""
    found = re.match(r"(\d+)\.(\d+)", ort.__version__)
    return found is not None and (int(found[1]), int(found[2])) < (major, minor)


def _bytes_on_disk(model: str | os.PathLike[str], external: list[ExternalWeight]) -> int:
    """Of a model with the files of its weights, which are there."""
    path = os.fspath(model)
    folder = os.path.dirname(os.path.abspath(path))
    files = {os.path.realpath(os.path.join(folder, weight.location)) for weight in external}
    return os.path.getsize(path) + sum(os.path.getsize(file) for file in files)


def _contiguous(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array).reshape(array.shape)


def _check_providers(ort: Any, providers: Providers) -> list[str | tuple[str, dict[str, Any]]]:
    if isinstance(providers, str):
        raise ProviderError(f"providers: expected a list of names, found the string {providers!r}")
    available = ort.get_available_providers()
    for provider in providers:
        name = provider if isinstance(provider, str) else provider[0]
        if name not in available:
            raise ProviderError(
                f"the installed onnxruntime {ort.__version__} has no provider {name!r}; it has "
                f"{', '.join(available)}"
            )
    if not providers:
        raise ProviderError(f"providers is empty; the installed onnxruntime has {', '.join(available)}")
    return list(providers)


def _create_anywhere(ort: Any, source: str | bytes, options: Any, where: str, unused: list[str]) -> Any:
    """On CUDA where it works, else on the CPU."""
    cpu: list[str | tuple[str, dict[str, Any]]] = ["CPUExecutionProvider"]
    if "CUDAExecutionProvider" not in ort.get_available_providers() or not _cuda_device_answers():
        return _create_with(ort, source, options, cpu, where, unused)
    _load_cuda_libraries(ort)
    reason: Exception
    try:
        both = [("CUDAExecutionProvider", _CUDA_OPTIONS), *cpu]
        return _create_with(ort, source, options, both, where, unused)
    except (ModelFileError, ProviderError) as error:
        reason = error
    session = _create_with(ort, source, options, cpu, where, unused)
    warnings.warn(f"running on the CPU: there is a GPU, but {reason}", RuntimeWarning, stacklevel=5)
    return session


def _create_with(
    ort: Any, source: str | bytes, options: Any, providers: Any, where: str, unused: list[str]
) -> Any:
    """
    Args:
        unused: names of onnxruntime's optimizers.
    """
    if all(provider == "CPUExecutionProvider" for provider in providers):
        unused = [*unused, _SLOWER_ON_CPU]
    left_out = {"disabled_optimizers": unused} if unused else {}
    try:
        session = ort.InferenceSession(source, options, providers=providers, enable_fallback=0, **left_out)
    except MemoryError:
        raise
    except Exception as error:  # onnxruntime's exceptions have no common base but this
        raise _load_error(ort, error, where) from None
    wanted = [p if isinstance(p, str) else p[0] for p in providers]
    missing = [name for name in wanted if name not in session.get_providers()]
    if missing:
        raise ProviderError(
            f"onnxruntime {ort.__version__} could not start {', '.join(missing)}; for CUDA, check that the "
            "CUDA and cuDNN libraries it was built for are installed (kcompile-runtime[gpu] brings them)"
        )
    return session


@functools.cache
def _cuda_device_answers() -> bool:
    """Whether the NVIDIA driver is there and counts at least one device."""
    try:
        driver = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    count = ctypes.c_int(0)
    return driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0 and count.value > 0


@functools.cache
def _load_cuda_libraries(ort: Any) -> None:
    """Find CUDA and cuDNN among installed packages, as torch does."""
    if hasattr(ort, "preload_dlls"):
        ort.preload_dlls()


def _load_error(ort: Any, error: Exception, where: str) -> ModelFileError:
    text = str(error)
    runtime = f"onnxruntime {ort.__version__}"
    pattern = r"Opset (\d+) is under development.*support for domain (\S+) is till opset (\d+)"
    if opset := re.search(pattern, text, re.DOTALL):
        found, domain, most = opset.groups()
        return ModelFileError(
            f"{where} uses opset {found} of {domain}; {runtime} supports up to {most}: upgrade onnxruntime "
            f"or export the model with an opset of at most {most}"
        )
    version = re.search(r"Unsupported model IR version: (\d+), max supported IR version: (\d+)", text)
    if version:
        return ModelFileError(
            f"{where} is of ONNX IR version {version[1]}; {runtime} supports up to {version[2]}: upgrade "
            "onnxruntime or export the model for an older one"
        )
    if "protobuf parsing failed" in text:
        return ModelFileError(f"{where} is truncated or damaged: it does not parse as an ONNX model")
    return ModelFileError(f"{runtime} cannot load {where}: {_first_line(error)}")


def _first_line(error: Exception) -> str:
    """The part of an onnxruntime message that speaks of the model."""
    text = re.sub(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ", "", str(error))
    text = re.sub(r"/onnxruntime_src/\S+ .*?\) ", "", text)
    text = re.sub(r"\b\w+\.(cc|h):\d+ \w+ ", "", text)
    return " ".join(text.split())[:500]

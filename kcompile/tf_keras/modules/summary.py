"""``tf.summary``: numbers, pictures and text for TensorBoard."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

import numpy as np

from ...ir import name_scope
from ..tensorflow.tensors import convert_to_tensor

_writer: ContextVar[SummaryWriter | None] = ContextVar("summary_writer", default=None)
_step: ContextVar[int | None] = ContextVar("summary_step", default=None)
#: Whether to record: a truth value, or a function that gives it.
_condition: ContextVar[Any] = ContextVar("summary_condition", default=True)


class SummaryWriter:
    """Writes event files into a folder; ``as_default`` makes it that of the functions below."""

    def __init__(self, logdir: Any) -> None:
        from ...torch_bridge.summary import summary_writer

        self.events = summary_writer(str(logdir))

    @contextlib.contextmanager
    def as_default(self, step: Any = None) -> Iterator[SummaryWriter]:
        """Within, what is recorded goes here; ``step`` is that of records which say none."""
        tokens = _writer.set(self), _step.set(_step.get() if step is None else int(step))
        try:
            yield self
        finally:
            _writer.reset(tokens[0])
            _step.reset(tokens[1])
            self.flush()

    def set_as_default(self, step: Any = None) -> None:
        """From here on what is recorded goes here."""
        _writer.set(self)
        _step.set(None if step is None else int(step))

    def flush(self) -> None:
        """Writes what has been recorded."""
        self.events.flush()

    def close(self) -> None:
        """Writes what has been recorded, and ends."""
        self.events.close()


class FileWriter(SummaryWriter):
    """The writer of TensorFlow 1, which takes messages of TensorBoard.

    Args:
        logdir: the folder, which is made.
        graph: the one graph; the callback TensorBoard writes that of a model.
    """

    def __init__(self, logdir: Any, graph: Any = None, *unused: Any, **options: Any) -> None:
        super().__init__(logdir)

    def add_summary(self, summary: Any, global_step: Any = None) -> None:
        """Records a ``tf.Summary`` under a step."""
        step = None if global_step is None else int(global_step)
        self.events._get_file_writer().add_summary(summary, step)

    def add_graph(self, graph: Any, global_step: Any = None) -> None:
        """Nothing; see the class."""

    def reopen(self) -> None:
        """Nothing: a writer that was closed goes on in another file."""


class Summary:
    """A message of TensorBoard: ``tf.Summary().value.add(tag="loss", simple_value=0.5)``.

    Raises:
        ImportError: tensorboard is not installed.
    """

    def __new__(cls, value: Any = None) -> Any:
        from ...torch_bridge.summary import summary_message

        return summary_message(value)

    @staticmethod
    def Value(tag: str, **what: Any) -> Any:
        """One of its entries."""
        return Summary([{"tag": tag, **what}]).value[0]


#: What there is of version 1 alone.
V1 = ["FileWriter", "Summary"]


def create_file_writer(
    logdir: Any, max_queue: Any = None, flush_millis: Any = None, filename_suffix: Any = None,
    name: Any = None, experimental_trackable: bool = False, experimental_mesh: Any = None,
) -> SummaryWriter:  # fmt: skip
    """A writer into a folder, which is made.

    Raises:
        MissingPackageError: (an ImportError) where tensorboard is not installed.
    """
    return SummaryWriter(logdir)


def _place(step: Any) -> tuple[Any, int] | None:
    """Where and under which number to record; None where there is no writer, or nothing is recorded.

    Raises:
        ValueError: where nobody has said a step.
    """
    writer, condition = _writer.get(), _condition.get()
    if writer is None or not (condition() if callable(condition) else condition):
        return None
    found = _step.get() if step is None else step
    if found is None:
        raise ValueError("No step: tf.summary.scalar(name, value, step=n), or writer.as_default(step=n).")
    return writer.events, int(found)


def scalar(name: str, data: Any, step: Any = None, description: Any = None) -> bool:
    """Records a number; False where there is no writer."""
    place = _place(step)
    if place is not None:
        place[0].add_scalar(name, float(data), place[1])
    return place is not None


def histogram(name: str, data: Any, step: Any = None, buckets: Any = None, description: Any = None) -> bool:
    """Records how numbers are distributed; False where there is no writer."""
    place = _place(step)
    if place is not None:
        from ...torch_bridge.summary import write_histogram

        write_histogram(place[0], name, np.asarray(convert_to_tensor(data)), place[1])
    return place is not None


def image(name: str, data: Any, step: Any = None, max_outputs: int = 3, description: Any = None) -> bool:
    """Records images (images, rows, columns, channels), fractions from 0 to 1 or uint8; False where there is
    no writer.
    """
    place = _place(step)
    if place is not None:
        for i, picture in enumerate(np.asarray(convert_to_tensor(data))[:max_outputs]):
            picture = picture if picture.dtype == np.uint8 else np.clip(picture, 0, 1)
            place[0].add_image(f"{name}/{i}" if i else name, picture, place[1], dataformats="HWC")
    return place is not None


def text(name: str, data: Any, step: Any = None, description: Any = None) -> bool:
    """Records text; False where there is no writer."""
    place = _place(step)
    if place is not None:
        found = data if isinstance(data, str) else np.asarray(convert_to_tensor(data)).reshape(-1)
        lines = [found] if isinstance(found, str) else [x.decode() for x in found]
        place[0].add_text(name, "\n\n".join(lines), place[1])
    return place is not None


def audio(
    name: str, data: Any, sample_rate: int, step: Any = None, max_outputs: int = 3, encoding: Any = None,
    description: Any = None,
) -> bool:  # fmt: skip
    """Records sounds (sounds, samples, channels) from -1 to 1; False where there is no writer."""
    place = _place(step)
    if place is not None:
        for i, sound in enumerate(np.asarray(convert_to_tensor(data))[:max_outputs]):
            place[0].add_audio(f"{name}/{i}" if i else name, sound[:, :1].T, place[1], int(sample_rate))
    return place is not None


def write(tag: str, tensor: Any, step: Any = None, metadata: Any = None, name: Any = None) -> bool:
    """Records a tensor for the plugin of TensorBoard that its metadata name (``SummaryMetadata``); False
    where there is no writer."""
    place = _place(step)
    if place is not None:
        from ...torch_bridge.summary import write_tensor

        found: Any = convert_to_tensor(tensor() if callable(tensor) else tensor).numpy()
        write_tensor(place[0], tag, np.asarray(found), place[1], metadata)
    return place is not None


@contextlib.contextmanager
def record_if(condition: Any) -> Iterator[None]:
    """Within, nothing is recorded unless the condition holds: a truth value, or a function that gives it."""
    token = _condition.set(condition)
    try:
        yield
    finally:
        _condition.reset(token)


def flush(writer: Any = None, name: Any = None) -> None:
    """Writes what has been recorded."""
    found = writer or _writer.get()
    if found is not None:
        found.flush()


def should_record_summaries() -> bool:
    """Whether there is a writer."""
    return _writer.get() is not None


class experimental:
    """``tf.summary.experimental``."""

    @staticmethod
    @contextlib.contextmanager
    def summary_scope(name: str, default_name: str = "summary", values: Any = None) -> Iterator[Any]:
        """The tag of records of this name, and the scope of names that is in force within."""
        with name_scope(name or default_name):
            yield name or default_name, f"{name or default_name}/"

    @staticmethod
    def set_step(step: Any) -> None:
        """The step of records which say none."""
        _step.set(int(step))

    @staticmethod
    def get_step() -> int | None:
        """The step of records which say none."""
        return _step.get()


def trace_on(graph: bool = True, profiler: bool = False, profiler_outdir: Any = None) -> None:
    """Warns that nothing is traced; programs go on."""
    warnings.warn(
        "tf.summary.trace_on: nothing is traced for TensorBoard; the callback TensorBoard writes the model's "
        "graph, and model.summary() and `kcompile inspect --ir` show it.",
        stacklevel=2,
    )


def trace_export(name: str, step: Any = None, profiler_outdir: Any = None) -> None:
    """Writes nothing, since nothing was traced."""


def trace_off() -> None:
    """Ends what ``trace_on`` began: nothing."""


__all__ = [
    "SummaryWriter", "audio", "create_file_writer", "experimental", "flush", "histogram", "image",
    "record_if", "scalar", "should_record_summaries", "text", "trace_export", "trace_off", "trace_on",
    "write",
]  # fmt: skip

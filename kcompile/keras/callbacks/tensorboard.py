"""The TensorBoard callback."""

from __future__ import annotations

import os
import time
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import backend as K
from .. import registry, rules
from ..utils.layer_utils import connections_among, model_nodes
from .base import Callback
from .logs import samples_in

if TYPE_CHECKING:
    from ...torch_bridge.summary import GraphNode


class TensorBoard(Callback):
    """Writes metrics, weights and the layers' graph for TensorBoard (``tensorboard --logdir=...``).

    Args:
        log_dir: folder; training goes to ``train`` under it, validation to ``validation``.
        histogram_freq: epochs from one histogram of every weight to the next; 0 for none.
        batch_size: no longer used.
        write_graph: write the graph of layers.
        write_grads: not supported, as in Keras 2.3 over TensorFlow 2.
        write_images: also write weights as images, with the histograms.
        embeddings_freq, embeddings_layer_names, embeddings_metadata, embeddings_data: not supported,
        likewise.
        update_freq: "epoch"; "batch" writes the batch's metrics too, an integer after so many samples.
        write_steps_per_second: write how many batches a second are trained, with what update_freq writes.
        **kwargs: ``profile_batch`` of later versions is accepted; no profile is written.

    Tags are ``epoch_loss``, ``batch_loss`` and so on for every metric. Needs torch and tensorboard.

    Raises:
        ValueError: for another ``update_freq``.
        TypeError: for arguments that are not known.
    """

    _writes = True

    @rules.with_arguments
    def __init__(
        self,
        log_dir: Any = "./logs",
        histogram_freq: int = 0,
        batch_size: int | None = None,
        write_graph: bool = True,
        write_grads: bool = False,
        write_images: bool = False,
        embeddings_freq: int = 0,
        embeddings_layer_names: Any = None,
        embeddings_metadata: Any = None,
        embeddings_data: Any = None,
        update_freq: Any = "epoch",
        write_steps_per_second: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        if batch_size is not None:
            _ignored("batch_size", "it is no longer used")
        if write_grads:
            _ignored("write_grads", "gradients are not written")
        if embeddings_freq or embeddings_layer_names or embeddings_metadata or embeddings_data is not None:
            _ignored("embeddings_*", "embeddings are not written")
        if kwargs.pop("profile_batch", 0):
            _ignored("profile_batch", "no profile is written")
        if kwargs:
            raise TypeError(f"TensorBoard got unexpected arguments: {', '.join(sorted(kwargs))}.")
        if update_freq not in ("epoch", "batch") and not (isinstance(update_freq, int) and update_freq > 0):
            raise ValueError(
                "update_freq must be 'batch', 'epoch' or a positive number of samples, found "
                f"{update_freq!r}."
            )
        self.log_dir = os.fspath(log_dir)
        self.histogram_freq = histogram_freq
        self.write_graph = write_graph
        self.write_images = write_images
        self.update_freq = 1 if update_freq == "batch" else update_freq
        self.write_steps_per_second = write_steps_per_second
        if write_steps_per_second:  # else batches cost no more
            self.on_train_batch_begin = self._time_batch  # type: ignore[method-assign]
        self._writers: dict[str, Any] = {}
        self._tagged_by = "epoch_"
        self._reset_counts()

    def _reset_counts(self) -> None:
        self._batches_seen = 0
        self._samples_seen = 0
        self._samples_at_last_write = 0

    def _writer(self, run: str) -> Any:
        if run not in self._writers:
            self._writers[run] = _summaries().summary_writer(os.path.join(self.log_dir, run))
        return self._writers[run]

    def set_model(self, model: Any) -> None:
        super().set_model(model)
        self._close()
        self._reset_counts()
        if self.write_graph:
            _summaries().write_graph(self._writer("train"), _graph_nodes(model))

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._epoch_began, self._batches_before = time.perf_counter(), self._batches_seen

    def _time_batch(self, batch: int, logs: Any = None) -> None:
        self._batch_began = time.perf_counter()

    def on_batch_end(self, batch: int, logs: Any = None) -> None:
        if self.update_freq == "epoch":
            self._batches_seen += 1
            return
        logs = {} if logs is None else logs
        if self.write_steps_per_second:
            logs = {**logs, "steps_per_second": 1 / max(time.perf_counter() - self._batch_began, 1e-9)}
        self._samples_seen += samples_in(logs, 1)
        if self._samples_seen - self._samples_at_last_write >= self.update_freq:
            self._tagged_by = "batch_"
            self._write_logs(logs, self._batches_seen)
            self._samples_at_last_write = self._samples_seen
        self._batches_seen += 1

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self._tagged_by = "epoch_"
        logs = {} if logs is None else logs
        if self.write_steps_per_second:
            elapsed = max(time.perf_counter() - self._epoch_began, 1e-9)
            logs = {**logs, "steps_per_second": (self._batches_seen - self._batches_before) / elapsed}
        self._write_logs(logs, epoch)
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            self._write_weights(epoch)
        for writer in self._writers.values():
            writer.flush()

    def on_train_end(self, logs: Any = None) -> None:
        self._close()

    def _close(self) -> None:
        for writer in self._writers.values():
            writer.close()
        self._writers.clear()

    def _write_logs(self, logs: Any, index: int) -> None:
        """Writes the values of a batch or an epoch of this number."""
        for name, value in logs.items():
            if name in ("batch", "size", "num_steps"):
                continue
            run, tag = ("validation", name[4:]) if name.startswith("val_") else ("train", name)
            self._writer(run).add_scalar(self._tagged_by + tag, float(value), index)

    def _write_weights(self, epoch: int) -> None:
        write_histogram = _summaries().write_histogram
        writer = self._writer("train")
        for layer in self.model.layers:
            for weight, value in zip(layer.weights, layer.get_weights(), strict=True):
                tag = weight.name.replace(":", "_")
                write_histogram(writer, tag, value, epoch)
                image = _as_images(value) if self.write_images else None
                if image is not None:
                    writer.add_images(tag, image, epoch, dataformats="NHWC")


def _ignored(argument: str, why: str) -> None:
    warnings.warn(f"The TensorBoard callback ignores `{argument}`: {why}.", stacklevel=3)


def _as_images(weight: np.ndarray) -> np.ndarray | None:
    """(images, height, width, 1), values scaled to 0..1; None for a weight of more than three real axes."""
    image = np.squeeze(weight)
    if not image.size or not np.isfinite(image).all():
        return None
    if image.ndim == 1:
        image = image[None, :, None, None]
    elif image.ndim == 2:
        image = (image.T if image.shape[0] > image.shape[1] else image)[None, :, :, None]
    elif image.ndim == 3:
        if K.image_data_format() == "channels_last":
            image = image.transpose(2, 0, 1)
        image = image[..., None]
    else:
        return None
    low, high = image.min(), image.max()
    return (image - low) / (high - low if high > low else 1)


def _summaries() -> Any:
    """What writes TensorBoard's files, which needs torch."""
    from ...torch_bridge import summary

    return summary


def _graph_nodes(model: Any) -> list[GraphNode]:
    GraphNode = _summaries().GraphNode
    calls = {id(node) for node in model_nodes(model)}
    nodes = []
    for layer in model.layers:
        shape = getattr(layer, "output_shape", None)
        inputs = tuple(dict.fromkeys(name for name, _, _ in connections_among(layer, calls)))
        nodes.append(
            GraphNode(layer.name, type(layer).__name__, inputs, shape if isinstance(shape, tuple) else None)
        )
    return nodes


registry.register(globals())

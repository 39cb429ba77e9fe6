"""Models in memory, run on samples."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import onnx

from kcompile_runtime.session import create_session, in_own_memory

from ..onnx_io import readable
from .samples import Samples, SamplesError

_BYTES = 256 << 20  # of what lies between the layers of one batch


class Runner:
    """A session of a model, for samples in batches.

    Args:
        model: it takes the inputs that the samples are for.
        outputs: names of tensors to give; by default the model's outputs.
        batch: samples of one run; by default as many as fit into memory, or what the model fixes.
    """

    def __init__(
        self, model: onnx.ModelProto, outputs: Iterable[str] | None = None, batch: int | None = None
    ) -> None:
        if outputs is not None:
            model = with_outputs(model, outputs)
        with readable(model) as source:
            self.session, self._keep = create_session(source)
        self._run = in_own_memory(self.session, self.session.run)
        self.names = [output.name for output in self.session.get_outputs()]
        self.fixed = fixed_batch(model)
        self.batch = self.fixed or batch or batch_size(model)

    def batches(self, samples: Samples) -> Iterator[list[np.ndarray]]:
        """The outputs of one batch after the other; what a fixed batch has too much is cut off again.

        Raises:
            SamplesError: the model does not run on them.
        """
        for start in range(0, len(samples), self.batch):
            count = min(self.batch, len(samples) - start)
            index = np.arange(start, start + (self.fixed or count)) % len(samples)
            yield [_cut(array, len(index), count) for array in self.run(samples.rows(index), samples.purpose)]

    def outputs(self, samples: Samples) -> list[np.ndarray]:
        """An array (samples, ...) for each output."""
        found = list(self.batches(samples))
        return [
            np.concatenate(arrays) if arrays[0].ndim else np.stack(arrays)
            for arrays in zip(*found, strict=True)
        ]

    def run(self, feed: dict[str, np.ndarray], purpose: str = "samples") -> list[np.ndarray]:
        """The outputs for arrays by input name."""
        try:
            return self._run(self.names, feed)
        except Exception as error:  # onnxruntime's errors have no base of their own
            said = " ".join(str(error).split())[:300]
            raise SamplesError(f"{purpose}: the model does not run on these samples: {said}") from error


def _cut(array: np.ndarray, given: int, wanted: int) -> np.ndarray:
    return array[:wanted] if array.ndim and len(array) == given else array


def with_outputs(model: onnx.ModelProto, names: Iterable[str]) -> onnx.ModelProto:
    """The model with other tensors as its outputs."""
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    known = {info.name: info for info in [*model.graph.value_info, *model.graph.input, *model.graph.output]}
    del changed.graph.output[:]
    for name in names:
        if name in known:
            changed.graph.output.add().CopyFrom(known[name])
        else:
            changed.graph.output.add(name=name)
    return changed


def fixed_batch(model: onnx.ModelProto) -> int | None:
    """The number of samples that the inputs fix, if they do."""
    weights = {initializer.name for initializer in model.graph.initializer}
    sizes = [
        value.type.tensor_type.shape.dim[0].dim_value
        for value in model.graph.input
        if value.name not in weights and value.type.tensor_type.shape.dim
    ]
    return max(sizes, default=0) or None


def batch_size(model: onnx.ModelProto) -> int:
    """So many samples that what lies between the layers fits into memory."""
    elements = sum(
        float(np.prod([dim.dim_value or 1 for dim in info.type.tensor_type.shape.dim]))
        for info in model.graph.value_info
    )
    return int(max(1, min(32, _BYTES // max(1.0, 4 * elements))))

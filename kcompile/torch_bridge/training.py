"""One step of training or evaluation as one call, and the batches that it is fed.

A step lowers its graph once; each call then costs what the same network written by hand in PyTorch costs: no
synchronisation with the device, no copy on the CPU, gradients dropped rather than zeroed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..ir import Graph, LossScale, Parameter, UpdateRule, changing, steadily
from . import weights
from .arrays import as_tensor, torch_dtype
from .captured import Captured, is_capturable
from .devices import default_device
from .host_memory import keep_freed_memory
from .loss_scaling import LossScaler
from .lowered_modules import apply_updates, refresh, signature, written
from .lowering import lower
from .optimizers import make_optimizer
from .written_out import Pass, WrittenOut

MakeOptimizer = Callable[[list[Tensor]], torch.optim.Optimizer]


def seed(n: int) -> None:
    """Seeds the generators that dropout and noise draw from, on every device."""
    torch.manual_seed(n)


class _Step:
    """A lowered graph, fed with arrays or tensors."""

    def __init__(
        self, graph: Graph, device: torch.device | str | None, trainable: Sequence[Parameter]
    ) -> None:
        self.device = weights.canonical_device(default_device() if device is None else device)
        self.module = lower(graph, self.device, trainable, in_half=True)
        keep_freed_memory()
        self._outputs = signature(self.module).outputs
        self._parameter_devices = signature(self.module).parameter_devices
        self._dtypes = [torch_dtype(value.dtype) for value in graph.inputs]
        self._names = [value.name for value in graph.inputs]

    def _place(self, inputs: Sequence[Any]) -> list[Tensor]:
        if len(inputs) != len(self._dtypes):
            names = ", ".join(self._names) or "none"
            raise ValueError(
                f"The step takes {len(self._dtypes)} inputs ({names}); {len(inputs)} were given."
            )
        if self.device.type != "cpu" or self._parameter_devices:
            refresh(self.module)
        return [place(x, self.device, dtype) for x, dtype in zip(inputs, self._dtypes, strict=True)]

    def _finish(self, results: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Applies the updates; returns the outputs."""
        apply_updates(self.module, results[self._outputs :])
        return tuple(result.detach() for result in results[: self._outputs])


class TrainStep(_Step):
    """Loss, gradients, the graph's updates, the optimizer's step and the constraints, in this order.

    Args:
        graph: sliced for "train". ``outputs[0]`` is the scalar loss; the other outputs are what the caller
            wants back. Its updates (statistics of BatchNormalization, metrics, states) are applied in the
            same step.
        trainable: the weights that the optimizer changes; nothing else does.
        optimizer: an update rule (``kcompile.keras.optimizers`` makes them), or a function that makes a torch
            optimizer from the list of weights; None where the graph's own updates train (an optimizer that
            users write with ``K.gradients``).
        constraints: its updates are applied after the optimizer's step.
        device: where to compute; the GPU if there is one.
        loss_scale: of gradients in float16; a step whose gradients are not finite changes no weights.
        again: whether it will run so often that it pays to write its passes out (``WrittenOut``), on a CPU.

    Attributes:
        module: the lowered graph, an ordinary ``torch.fx.GraphModule``.
        optimizer: the torch optimizer, or None.

    Raises:
        ValueError: if ``outputs[0]`` is not a scalar of a floating point type.
        OperatorError: if the bridge lacks an operator of the graph.
    """

    def __init__(
        self,
        graph: Graph,
        trainable: Sequence[Parameter],
        optimizer: UpdateRule | MakeOptimizer | None,
        constraints: Graph | None = None,
        device: torch.device | str | None = None,
        *,
        loss_scale: LossScale | None = None,
        again: bool = False,
    ) -> None:
        _check_loss(graph)
        self.trainable = tuple(trainable) if optimizer is not None else ()
        super().__init__(graph, device, self.trainable)
        self.optimizer: torch.optim.Optimizer | None = None
        if optimizer is not None:
            device_of = signature(self.module).device_of
            tensors = [weights.parameter_of(p, device_of(p), True) for p in self.trainable]
            make = optimizer if callable(optimizer) else lambda tensors: make_optimizer(optimizer, tensors)
            self.optimizer = make(tensors)
        self._scaler = LossScaler(loss_scale, tensors) if loss_scale and self.optimizer else None
        self._constraints = lower(constraints, self.device, ()) if constraints is not None else None
        self._advance = getattr(self.optimizer, "advance", None) or getattr(self.optimizer, "step", None)
        self._is_together = False
        self._pass: Pass = self._differentiated
        if self.optimizer is not None and self._scaler is None and not self._parameter_devices:
            if self.device.type == "cpu" and again:
                self._pass = WrittenOut(self.module, tensors, self._differentiated)
            elif self.device.type == "cuda" and is_capturable(self.module):
                self._pass = Captured(self.module, tensors, self._differentiated)

    def __call__(self, *inputs: Any) -> tuple[Tensor, ...]:
        """One step. Numpy arrays or tensors in, the graph's outputs as detached tensors out, loss first.

        Nothing here waits for a GPU: reading a result (``float(loss)``) does.

        Raises:
            ValueError: for a wrong number of inputs, or if there are weights to train and the loss has no
                gradient for any of them.
        """
        tensors = self._place(inputs)
        if self.optimizer is None:
            with torch.no_grad():
                results = self.module(*tensors)
        else:
            self.optimizer.zero_grad(set_to_none=True)
            results = self._pass(tensors)
        if self._is_together:
            return self._update(results)
        with changing():
            outputs = self._update(results)
            written(self.module, self.trainable)
        return outputs

    @contextmanager
    def together(self) -> Iterator[None]:
        """Steps in the block are one change of the weights to everybody else."""
        with changing():
            self._is_together = True
            try:
                yield
            finally:
                self._is_together = False
                written(self.module, self.trainable)

    def _update(self, results: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Changes the states and the weights; returns the outputs."""
        outputs = self._finish(results)
        if self._advance is not None and (self._scaler is None or self._scaler.unscale()):
            self._advance()
        if self._constraints is not None:
            with torch.no_grad():
                apply_updates(self._constraints, self._constraints())
        return outputs

    def _differentiated(self, tensors: Sequence[Tensor]) -> Sequence[Tensor]:
        """The graph's results, after backward."""
        with torch.enable_grad():
            results = self.module(*tensors)
            if results[0].requires_grad:
                (results[0] if self._scaler is None else self._scaler.scaled(results[0])).backward()
            elif self.trainable:
                raise ValueError(
                    "The loss has no gradient for any of the trainable weights "
                    f"({', '.join(p.name for p in self.trainable[:5])}): between them and the loss lies an "
                    "operation that cannot be differentiated, such as K.argmax, K.round or a comparison, or "
                    "nothing at all."
                )
        return results


class EvalStep(_Step):
    """The graph's outputs and updates without gradients: ``step(*inputs) -> tuple of tensors``.

    Args:
        graph: usually sliced for "inference"; its updates (metrics, states) are applied.
        device: where to compute; the GPU if there is one.
    """

    def __init__(self, graph: Graph, device: torch.device | str | None = None) -> None:
        super().__init__(graph, device, ())

    def __call__(self, *inputs: Any) -> tuple[Tensor, ...]:
        """The outputs, from numpy arrays or tensors.

        Raises:
            ValueError: for a wrong number of inputs.
        """
        tensors = self._place(inputs)
        with torch.no_grad():
            results = steadily(lambda: self.module(*tensors))
        with changing():
            return self._finish(results)


class Batches:
    """Arrays with a common first axis, prepared once, of which batches are taken.

    ``batches[10:20]`` gives views, ``batches[indices]`` one ``index_select`` an array. For a GPU the arrays
    are copied there once if they take less than a quarter of its free memory; else each batch travels alone.

    Args:
        arrays: numpy arrays or tensors.
        device: where batches are wanted; the GPU if there is one.

    Raises:
        ValueError: if the arrays differ in length.
    """

    def __init__(self, arrays: Sequence[Any], device: torch.device | str | None = None) -> None:
        self.device = weights.canonical_device(default_device() if device is None else device)
        tensors = [x if isinstance(x, Tensor) else as_tensor(np.asarray(x)) for x in arrays]
        lengths = [len(x) for x in tensors]
        if len(set(lengths)) > 1:
            raise ValueError(f"The arrays must have one length; they have {lengths}.")
        self._length = lengths[0] if lengths else 0
        if self.device.type == "cuda":
            size = sum(x.numel() * x.element_size() for x in tensors)
            if size < torch.cuda.mem_get_info(self.device)[0] // 4:
                tensors = [x.to(self.device) for x in tensors]
        self._tensors = tensors

    def __len__(self) -> int:
        """Number of samples."""
        return self._length

    def __getitem__(self, which: slice | Sequence[int] | np.ndarray) -> tuple[Tensor, ...]:
        """The samples of a slice as views, or of a list of indices as copies; one tensor an array."""
        if isinstance(which, slice):
            return tuple(place(x[which], self.device) for x in self._tensors)
        indices = torch.from_numpy(np.ascontiguousarray(which, np.int64))
        return tuple(place(x.index_select(0, place(indices, x.device)), self.device) for x in self._tensors)


def place(x: Any, device: torch.device, dtype: torch.dtype | None = None) -> Tensor:
    """A tensor on the device: shared memory with a numpy array on the CPU, an asynchronous copy to a GPU."""
    if not isinstance(x, Tensor):
        x = as_tensor(np.asarray(x))
    if x.device != device:
        if device.type == "cuda" and x.device.type == "cpu":
            x = x.pin_memory()
        x = x.to(device, non_blocking=True)
    return x if dtype is None or x.dtype == dtype else x.to(dtype)


def _check_loss(graph: Graph) -> None:
    loss = graph.outputs[0] if graph.outputs else None
    if loss is None or loss.rank not in (0, None) or loss.dtype.kind != "f":
        raise ValueError(f"The first output of a training graph must be the loss, a scalar; found {loss!r}.")

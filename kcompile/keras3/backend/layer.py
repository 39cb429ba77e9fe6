"""What a layer has of this backend: weights in the order in which kernels want them, and the few methods of
``torch.nn.Module`` that programs for Keras on PyTorch call."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch


class KCompileLayer:
    """Mixed into ``keras.Layer``."""

    def _post_track_variable(self, variable: Any) -> None:
        if variable.name == "kernel" and getattr(self, "kernel_size", None) and len(variable.shape) > 2:
            rank = len(variable.shape)
            variable.lay_out((rank - 1, rank - 2, *range(rank - 2)))

    # --- as torch.nn.Module -------------------------------------------------------------------------------

    def named_parameters(self, *args: Any, **kwargs: Any) -> Iterator[tuple[str, torch.Tensor]]:
        """The weights by their paths, as tensors that share their memory."""
        return ((v.path, v.value) for v in self.weights)  # type: ignore[attr-defined]

    def parameters(self, recurse: bool = True) -> Iterator[torch.Tensor]:
        """The weights, as tensors that share their memory."""
        return (tensor for _, tensor in self.named_parameters())

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drops the gradients that ``backward`` left in weights."""
        for tensor in self.parameters():
            if isinstance(tensor, torch.Tensor):
                tensor.grad = None

    def train(self, mode: bool = True) -> Any:
        """Nothing: calls say by ``training`` what they are."""
        return self

    def eval(self) -> Any:
        """Nothing: as ``train``."""
        return self

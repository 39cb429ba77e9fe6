"""A graph as an nn.Module whose weights are the Parameters themselves."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from torch import Tensor, fx, nn

from kcompile.ir import Graph, Names, Parameter

from . import weights
from .devices import torch_device
from .lowered_modules import apply_updates, refresh, signature
from .lowering import lower


class LiveModule(nn.Module):
    """A graph's training and inference forms as one module; ``train()`` and ``eval()`` choose.

    The parameters share their memory with the graph's: what a torch optimizer or ``load_state_dict`` writes,
    prediction and saving read; so do they what user code writes in place under ``torch.no_grad()`` (but not
    through ``tensor.data``, which torch does not count). In training mode the forward pass applies the
    graph's updates (moving averages).

    Args:
        training: the graph for training mode, inputs and outputs as of ``inference``.
        inference: the graph for evaluation mode.
        trainable: the parameters that require a gradient.
        device: where it computes.
    """

    graphs: tuple[fx.GraphModule, ...]

    def __init__(
        self, training: Graph, inference: Graph, trainable: Collection[Parameter], device: str = "cpu"
    ) -> None:
        super().__init__()
        graphs = [lower(graph, device, trainable, torch_device) for graph in (training, inference)]
        # not registered: each weight would have two names
        object.__setattr__(self, "graphs", tuple(graphs))
        names = Names(dir(self))
        for graph in graphs:
            for name, parameter in signature(graph).parameters.items():
                self._show(name, parameter, graph, names)
        self.eval()

    def _show(self, name: str, parameter: Parameter, graph: fx.GraphModule, names: Names) -> None:
        tensor = getattr(graph, name)
        if any(tensor is known for known in (*self.parameters(), *self.buffers())):
            return
        name = names.unique(name)
        if isinstance(tensor, nn.Parameter):
            self.register_parameter(name, tensor)
        else:
            self.register_buffer(name, tensor)
        weights.watch(parameter, signature(graph).device_of(parameter))

    def forward(self, *inputs: Tensor) -> Any:
        """One tensor for each input of the graph; gives a tensor, or a tuple for several outputs."""
        graph = self.graphs[0 if self.training else 1]
        described = signature(graph)
        if len(inputs) != len(described.inputs):
            raise ValueError(
                f"the model has {len(described.inputs)} inputs ({', '.join(described.inputs)}); "
                f"{len(inputs)} tensors were given"
            )
        refresh(graph)
        results = graph(*inputs)
        apply_updates(graph, results[described.outputs :])
        outputs = tuple(results[: described.outputs])
        return outputs[0] if len(outputs) == 1 else outputs

    def load_state_dict(self, state_dict: Any, strict: bool = True, assign: bool = False) -> Any:
        """Copies tensors into the weights; ``assign=True`` would end the sharing and is refused."""
        if assign:
            raise RuntimeError(
                "This module shares its weights with a Keras model: they are copied, not assigned."
            )
        return super().load_state_dict(state_dict, strict)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> LiveModule:
        """Moving or casting would end the sharing: only what changes nothing passes."""
        for tensor in (*self.parameters(), *self.buffers()):
            made = fn(tensor)
            if made.device != tensor.device or made.dtype != tensor.dtype:
                raise RuntimeError(
                    f"This module shares its weights with a Keras model and stays {tensor.dtype} on "
                    f"{tensor.device}; make it by model.to_torch(device=...), or load a deep copy of its "
                    "state_dict into a module of its own."
                )
        return self

"""What a layer has of this backend: it is a ``torch.nn.Module`` as well, with its weights as parameters, and
its kernels lie as PyTorch wants them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from keras.src.backend.common.stateless_scope import in_stateless_scope
from keras.src.ops.operation import Operation

from kcompile.ir import Names
from kcompile.torch_bridge import weights


class _Registered(dict[str, Any]):
    """Weights where a module of PyTorch looks for its parameters: each as it is trained or frozen now."""

    def __init__(self, own: dict[str, Any], weights: dict[str, Any]) -> None:
        super().__init__(own)
        self._weights = weights

    def items(self) -> Any:
        """Names and parameters."""
        self.update({name: variable._value for name, variable in self._weights.items()})
        return super().items()

    def values(self) -> Any:
        """The parameters."""
        return dict(self.items()).values()


class KCompileLayer(torch.nn.Module):
    """Mixed into ``keras.Layer``."""

    variables: list[Any]
    weights: list[Any]

    def __setattr__(self, name: str, value: Any) -> None:
        """As Python has it where PyTorch would refuse a layer, before ``__init__``, or pass a property by."""
        if "_modules" in self.__dict__ and not isinstance(getattr(type(self), name, None), property):
            super().__setattr__(name, value)
        else:
            object.__setattr__(self, name, value)

    def _post_build(self) -> None:
        if not in_stateless_scope():  # where variables have values
            self._register_weights()

    def _post_track_variable(self, variable: Any) -> None:
        if variable.name == "kernel" and getattr(self, "kernel_size", None) and len(variable.shape) > 2:
            rank = len(variable.shape)
            variable.lay_out((rank - 1, rank - 2, *range(rank - 2)))

    def _setattr_hook(self, name: str, value: Any) -> tuple[str, Any]:
        """A module of PyTorch that a layer is given becomes a layer."""
        from keras.src.layers import Layer  # above this
        from keras.src.utils.torch_utils import TorchModuleWrapper

        is_foreign = isinstance(value, torch.nn.Module) and not isinstance(value, Layer)
        if is_foreign and not isinstance(self, TorchModuleWrapper):
            value = TorchModuleWrapper(value)
        return name, value

    def _register_weights(self) -> None:
        """Lets a module of PyTorch that holds this one find all weights, by their paths."""
        variables = self.variables
        known = [(variable.parameter, variable.trainable, variable.path) for variable in variables]
        if self.__dict__.get("_known") == known:
            return
        self.__dict__["_known"] = known
        found = {}
        for variable in variables:
            value = variable._value
            if isinstance(value, torch.nn.Parameter):
                weights.watch(variable.parameter, value.device)  # optimizers of PyTorch do not say
                found[variable.path.replace(".", "_")] = variable
        self.__dict__["_parameters"] = _Registered(self._parameters, found)

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, torch.nn.Parameter]]:
        """All weights by their paths, as tensors that share their memory."""
        before, names = (f"{prefix}." if prefix else ""), Names()
        for weight in self.weights:
            value = weight._value
            if isinstance(value, torch.nn.Parameter):
                yield names.unique(before + weight.path), value  # weights of modules of PyTorch have no path

    def parameters(self, recurse: bool = True) -> Iterator[torch.nn.Parameter]:
        """All weights, as tensors that share their memory."""
        return (value for _, value in self.named_parameters())

    def __dir__(self) -> list[str]:
        """Names of attributes; weights have paths, by which they are no attributes."""
        return [name for name in super().__dir__() if name.isidentifier()]

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """The layer called, as modules of PyTorch call it."""
        return Operation.__call__(self, *args, **kwargs)

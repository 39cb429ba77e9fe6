"""Who computes eager tensors."""

from __future__ import annotations

from functools import cache
from typing import Any


@cache
def eager_interpreter() -> Any:
    """What computes eager tensors: PyTorch, on the CPU.

    Raises:
        ImportError: where torch is not installed.
    """
    from ...torch_bridge.eager import TorchInterpreter

    return TorchInterpreter()

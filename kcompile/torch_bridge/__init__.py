"""graph -> PyTorch: lowering to torch.fx, one function per ONNX operator, weights that share the host buffer.

Only this package imports torch; the other floors reach it inside functions, when somebody trains.
"""

from __future__ import annotations

from ..optional import optional

with optional("torch", "What trains, evaluates or converts by PyTorch"):
    import torch
    import torch.fx

from ..ir.seeding import take_seed
from .lowered_modules import Signature, apply_updates, refresh, run, signature
from .lowering import lower
from .weights import parameter_of, tensor_of, written

__all__ = [
    "Signature",
    "apply_updates",
    "lower",
    "parameter_of",
    "refresh",
    "run",
    "seed_now",
    "signature",
    "tensor_of",
    "written",
]


def seed_now() -> None:
    """Seeds torch, on every device, with what ``keras.utils.set_random_seed`` said last, if torch does not
    know yet.
    """
    seed = take_seed()
    if seed is not None:
        torch.manual_seed(seed)


seed_now()

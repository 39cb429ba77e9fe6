"""The weights of a model under PyTorch's names and in PyTorch's layouts, out and in.

- ``layouts``: which tensors of which shape a Keras layer has as a PyTorch module, and the way back.
- ``matching``: which tensor of a file belongs to which layer; ``drafting``: a mapping to complete by hand.
- ``files``: .pt, .pth and .safetensors; ``onnx_weights``: .onnx.
"""

from __future__ import annotations

from .drafting import Draft, draft_mapping, draft_mapping_file
from .files import read_tensors, write_tensors
from .layouts import Unit, state_dict, units_of
from .matching import Report, WeightsMismatch, load_state_dict, match, match_file

__all__ = [
    "Draft",
    "Report",
    "Unit",
    "WeightsMismatch",
    "draft_mapping",
    "draft_mapping_file",
    "load_state_dict",
    "match",
    "match_file",
    "read_tensors",
    "state_dict",
    "units_of",
    "write_tensors",
]

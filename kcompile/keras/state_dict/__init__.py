"""The weights of a model under PyTorch's names and in PyTorch's layouts, out and in.

- ``spec``: what one PyTorch module holds of a layer; ``modules``: those of a whole model.
- ``layouts``: per class of layers, how weights are laid out; ``flattening``: behind a Flatten.
- ``matching``: which tensor of a file belongs to which layer; ``drafting``: a mapping to complete by hand.
- ``files``: .pt, .pth and .safetensors; ``onnx_weights``: .onnx.
"""

from __future__ import annotations

from .drafting import Draft, draft_mapping, draft_mapping_file
from .files import read_tensors, write_tensors
from .loading import load_state_dict, match_file
from .matching import Report, WeightsMismatch, match
from .modules import module_specs, state_dict
from .spec import TorchModuleSpec

__all__ = [
    "Draft",
    "Report",
    "TorchModuleSpec",
    "WeightsMismatch",
    "draft_mapping",
    "draft_mapping_file",
    "load_state_dict",
    "match",
    "match_file",
    "module_specs",
    "read_tensors",
    "state_dict",
    "write_tensors",
]

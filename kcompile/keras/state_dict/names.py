"""Names of modules and tensors: identifiers that hide nothing of nn.Module's."""

from __future__ import annotations

import re

from ...ir.identifiers import Identifiers, identifier
from ..core.layer import Layer
from ..core.network import Network

# Attributes of nn.Module, and of the classes that convert writes, that a submodule or a tensor must not hide.
_TAKEN = frozenset(
    """T_destination add_module apply bfloat16 buffers call_super_init children compile cpu cuda double
    dump_patches eval extra_repr float forward get_buffer get_extra_state get_parameter get_submodule half
    ipu load_state_dict modules mtia named_buffers named_children named_modules named_parameters parameters
    register_backward_hook register_buffer register_forward_hook register_forward_pre_hook
    register_full_backward_hook register_full_backward_pre_hook register_load_state_dict_post_hook
    register_load_state_dict_pre_hook register_module register_parameter register_state_dict_post_hook
    register_state_dict_pre_hook requires_grad_ set_extra_state set_submodule share_memory state_dict to
    to_empty train training type xpu zero_grad self F torch nn math STATES meta""".split()
)


class AttributeNames(Identifiers):
    """Names for attributes of one nn.Module."""

    def __init__(self) -> None:
        super().__init__(_TAKEN)

    def free(self, hint: str) -> str:
        name = identifier(hint)
        hidden = name in _TAKEN or re.fullmatch(r"forward_\d+", name)  # methods of written classes
        return super().free(f"{name}_" if hidden else name)


def attribute_names(model: Network) -> dict[Layer, str]:
    """Python identifiers for the layers of one model, each once."""
    names = AttributeNames()
    own = [*getattr(model, "_input_layers", ()), *model.layers]  # Sequential.layers is without its input
    return {layer: names.free(layer.name) for layer in dict.fromkeys(own)}


class TensorPaths:
    """Dotted paths of tensors in a module, from names of any form; every part is an identifier."""

    def __init__(self) -> None:
        self._names: dict[str, AttributeNames] = {"": AttributeNames()}
        self._modules: dict[tuple[str, str], str] = {}

    def add(self, name: str) -> str:
        """A path like the name; no path is given twice, or is the beginning of another one."""
        *modules, last = [part for part in name.split(".") if part][-_DEEPEST:] or ["weight"]
        holder = ""
        for part in modules:
            if (holder, part) not in self._modules:
                path = self._modules[holder, part] = self._leaf(holder, part)
                self._names[path] = AttributeNames()
            holder = self._modules[holder, part]
        return self._leaf(holder, last)

    def _leaf(self, holder: str, name: str) -> str:
        return f"{holder}.{self._names[holder].free(name)}".lstrip(".")


_DEEPEST = 16
"""Parts of a path: its last ones."""

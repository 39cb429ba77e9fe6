"""What layers compute in and what their weights are: policies of element types."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..ir import as_dtype
from . import backend as K
from . import registry

_MIXED = {"mixed_float16": "float16", "mixed_bfloat16": "bfloat16"}


class Policy:
    """The types of a layer.

    Args:
        name: "float32" or another element type, in which everything is; "mixed_float16" or "mixed_bfloat16":
            training computes in half precision, from weights of float32. Prediction and exported files
            compute in float32.

    Attributes:
        name: as given.
        compute_dtype, variable_dtype: names of the types of the computation and of the weights.

    Raises:
        TypeError: for what is no name.
        ValueError: for a name that is no type.
    """

    def __init__(self, name: Any) -> None:
        if not isinstance(name, str):
            raise TypeError(
                f"The name of a policy is a string such as 'float32' or 'mixed_bfloat16', found {name!r}."
            )
        if name not in _MIXED:
            try:
                as_dtype(name)
            except (TypeError, ValueError, KeyError):
                raise ValueError(
                    f"{name!r} is no element type and no policy; mixed policies are {', '.join(_MIXED)}."
                ) from None
        self._name = name

    @property
    def name(self) -> str:
        return self._name

    @property
    def compute_dtype(self) -> str:
        return _MIXED.get(self._name, self._name)

    @property
    def variable_dtype(self) -> str:
        return "float32" if self._name in _MIXED else self._name

    @property
    def precision(self) -> str | None:
        """The half precision that training computes in; None where there is none but the layer's type."""
        return _MIXED.get(self._name)

    def get_config(self) -> dict[str, Any]:
        """``{"name": ...}``."""
        return {"name": self._name}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Policy:
        """A policy from what ``get_config`` returned."""
        return cls(config["name"])

    def __repr__(self) -> str:
        return f'<Policy "{self._name}">'

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Policy) and self._name == other._name

    def __hash__(self) -> int:
        return hash(self._name)


_global: Policy | None = None


def global_policy() -> Policy:
    """The policy of layers that are told none: the one that was set, else the type ``K.floatx()``."""
    return _global or Policy(K.floatx())


def set_global_policy(policy: Any) -> None:
    """Sets the policy of layers that are made from now on.

    Args:
        policy: Policy or its name; None for ``K.floatx()``.
    """
    global _global
    _global = None if policy is None else get(policy)


def get(identifier: Any) -> Policy:
    """The policy for what a layer is told as ``dtype``.

    Args:
        identifier: Policy, its name, its configuration, an element type, or None for the global policy.

    Raises:
        TypeError, ValueError: for anything else.
    """
    if identifier is None:
        return global_policy()
    if isinstance(identifier, Policy):
        return identifier
    if isinstance(identifier, Mapping):
        return Policy(identifier.get("config", {}).get("name"))
    return Policy(str(identifier) if isinstance(identifier, str) else np.dtype(identifier).name)


registry.register(globals())

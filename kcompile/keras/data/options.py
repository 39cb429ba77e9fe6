"""``tf.data.Options``: what a pipeline may be told of how to run."""

from __future__ import annotations

from typing import Any


class Options:
    """Settings that change no element; accepted as they are, since each step decides by measuring.

    Any attribute can be set; one that holds settings of its own (``threading``, ``autotune``,
    ``experimental_optimization``, ``experimental_distribute``) is made when it is read.
    """

    _GROUPS = ("autotune", "threading", "experimental_distribute", "experimental_optimization")

    def __init__(self) -> None:
        self.deterministic: bool | None = None

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "_GROUPS":
            raise AttributeError(name)
        if name not in self._GROUPS:
            return None
        group = Options()
        setattr(self, name, group)
        return group

    def merge(self, options: Options) -> Options:
        """These settings, and over them others."""
        merged = Options()
        given = {key: value for key, value in vars(options).items() if value is not None}
        merged.__dict__.update({**vars(self), **given})
        return merged

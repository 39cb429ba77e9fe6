"""Scopes of names: paths of variables, and of the layers in graphs."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from keras.src.backend.common import name_scope as common

from kcompile.ir import absolute_scope

from .tensors import is_tracing


class name_scope(common.name_scope):
    """As Keras's; operators that are written down within carry its path."""

    _of_graph: AbstractContextManager[Any] | None = None

    def __enter__(self) -> name_scope:
        super().__enter__()
        if is_tracing():
            self._of_graph = absolute_scope(common.current_path())
            self._of_graph.__enter__()
        return self

    def __exit__(self, *args: object, **kwargs: Any) -> None:
        if self._of_graph is not None:
            self._of_graph.__exit__(None, None, None)
            self._of_graph = None
        super().__exit__(*args, **kwargs)

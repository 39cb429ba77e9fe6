"""Modules that torch.fx generated, without what it does beside running them."""

from __future__ import annotations

import linecache
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import fx
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx import graph_module


def tidy(module: fx.GraphModule) -> None:
    """Lets a module's source go with it, and errors in it pass as they are."""
    weakref.finalize(module, _forget_source, module.forward.__code__.co_filename)
    kind: Any = type(module)  # of this module alone
    kind._wrapped_call = _Call(kind, kind._wrapped_call.cls_call)


@contextmanager
def without_traces() -> Iterator[None]:
    """What torch.fx generates in the block leaves no source behind, of which nobody reads a traceback, and
    no types of the tensors without content, which torch keeps for tracings like it that never come.
    """
    known = set(_sources())
    try:
        yield
    finally:
        for name in set(_sources()) - known:
            _forget_source(name)
        getattr(FakeTensorMode, "cache_clear", lambda: None)()


def _sources() -> dict[str, str]:
    return getattr(graph_module._loader, "eval_cache", {})


def _forget_source(name: str) -> None:
    """torch.fx keeps the source of every module for tracebacks, for good."""
    linecache.cache.pop(name, None)
    _sources().pop(name, None)


class _Call(graph_module._WrappedCall):
    """torch.fx prints the line of generated code in which an error arose, which nobody has written, and takes
    from the error where it came from."""

    def __call__(self, obj: Any, *args: Any, **kwargs: Any) -> Any:
        if self.cls_call is not None:
            return self.cls_call(obj, *args, **kwargs)
        return super(self.cls, obj).__call__(*args, **kwargs)  # type: ignore[arg-type]

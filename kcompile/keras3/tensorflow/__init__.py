"""The small tensorflow for programs of stock Keras 3, where TensorFlow is not installed.

Programs for any backend load their data by ``tf.data`` and read text by Keras's layers, which ask for
TensorFlow, too. They find ``kcompile.tf_keras.tensorflow``, whose ``tf.keras`` is stock Keras here. Each
takes the tensors of the other.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.util
import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType, SimpleNamespace
from typing import Any

from ..import_hook import BackendFinder

NAME, PACKAGE = "tensorflow", "kcompile.tf_keras.tensorflow"


class TensorFlowFinder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds ``tensorflow`` and its modules; comes last on ``sys.meta_path``, after what is installed."""

    def find_spec(self, fullname: str, path: Sequence[str] | None = None, target: Any = None) -> Any:
        """A spec for TensorFlow's modules that are here, None for all others."""
        if fullname.partition(".")[0] != NAME:
            return None
        if fullname != NAME and _below(fullname) is None:
            return None
        return ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """TensorFlow itself, or the module that it has by this name."""
        found = _made() if spec.name == NAME else _below(spec.name)
        assert found is not None
        spec.loader_state = found.__spec__
        return found

    def exec_module(self, module: ModuleType) -> None:
        """The module has run already; importing it by this name must not change its spec."""
        if module.__spec__ is not None and module.__spec__.loader_state is not None:
            module.__spec__ = module.__spec__.loader_state


def _smart_cond(pred: Any, true_fn: Callable[[], Any], false_fn: Callable[[], Any]) -> Any:
    return true_fn() if bool(pred) else false_fn()


class _TensorFlow(ModuleType):
    """``tensorflow``: the names of the small one, but for ``keras``, and a tape that knows its variables.

    Attributes:
        __internal__: what Keras itself takes from there, to weight classes of a dataset.
    """

    __internal__ = SimpleNamespace(smart_cond=SimpleNamespace(smart_cond=_smart_cond))

    def __getattr__(self, name: str) -> Any:
        if name == "keras":
            return importlib.import_module("keras")
        if name == "GradientTape":
            return importlib.import_module(f"{__package__}.gradient_tape").GradientTape
        return getattr(importlib.import_module(PACKAGE), name)

    def __dir__(self) -> list[str]:
        return dir(importlib.import_module(PACKAGE))


def _made() -> ModuleType:
    """TensorFlow, for a program that asks for it: tensors then give their numbers as those of TensorFlow."""
    importlib.import_module("kcompile.torch_bridge.numbers_of_tensors").install()
    return _TensorFlow(NAME)


def _below(fullname: str) -> ModuleType | None:
    """A module of TensorFlow by its dotted name; None where it is not here."""
    parent, _, last = fullname.rpartition(".")
    found = getattr(sys.modules[parent], last, None)
    return found if isinstance(found, ModuleType) else None


def provide() -> None:
    """From now on ``import tensorflow`` finds the small one, unless TensorFlow is installed.

    Layers that prepare text compute with TensorFlow's backend of Keras whichever the backend is: that is the
    one here, which takes tensors of the small tensorflow.
    """
    if importlib.util.find_spec(NAME) is not None:
        return
    sys.meta_path.append(TensorFlowFinder())
    for finder in sys.meta_path:
        if isinstance(finder, BackendFinder):
            finder.aliases.append("keras.src.backend.tensorflow")

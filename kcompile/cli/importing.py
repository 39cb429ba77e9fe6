"""Models that a module of the user's holds or makes: ``package.module:attribute``.

Naming one imports the module, which runs its code. A file's path never does.
"""

from __future__ import annotations

import importlib
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import CommandError

if TYPE_CHECKING:
    from ..keras.training.model import Model

_FORM = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")


def is_in_module(path: Path) -> bool:
    """Whether a model is named by module and attribute, and no file is called so."""
    return _FORM.fullmatch(str(path)) is not None and not os.path.lexists(path)


def model_in_module(name: str, weights: Path | None = None) -> Model:
    """The model ``module:attribute``: of kcompile, a live one of stock Keras 3 or tf_keras, or a function
    without arguments that makes one. Modules are looked for in the working directory first, as ``python -m``
    does.

    Args:
        weights: a file that it loads its weights from.

    Raises:
        CommandError: if there is no such module or attribute, or it is no model.
        ValueError: as ``from_keras``.
    """
    from ..keras.training.model import Model
    from ..live_models.live import from_keras, is_model

    module, _, attribute = name.partition(":")
    found = _attribute(_module(module), attribute, name)
    if callable(found) and not is_model(found):
        found = found()
    if not is_model(found):
        kind = type(found)
        raise CommandError(
            f"{name} is {kind.__module__}.{kind.__qualname__}; expected a model of kcompile, stock Keras 3 "
            "or tf_keras, or a function without arguments that returns one."
        )
    if weights is not None:
        found.load_weights(str(weights))
    return found if isinstance(found, Model) else from_keras(found)


def _module(name: str) -> Any:
    folder = os.getcwd()
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise
        raise CommandError(
            f"{name}: there is no module {error.name!r}, neither in {folder} nor installed."
        ) from error


def _attribute(module: Any, attribute: str, name: str) -> Any:
    from ..keras.utils.generic_utils import close_names

    found = module
    for part in attribute.split("."):
        if not hasattr(found, part):
            near = close_names(part, [known for known in vars(found) if not known.startswith("_")])
            hint = f" Did you mean {' or '.join(near)}?" if near else ""
            raise CommandError(f"{name}: there is no {part!r} in {module.__name__}.{hint}")
        found = getattr(found, part)
    return found

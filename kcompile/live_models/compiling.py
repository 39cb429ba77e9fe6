"""What a live model is compiled with: optimizer and its state, losses and metrics."""

from __future__ import annotations

import warnings
from typing import Any

from ..keras import rules
from ..keras.saving.compile_configs import compile_from_config
from ..keras.training.model import Model
from .optimizer_state import OptimizerState
from .translation import Translation
from .weights import Links


def compile_as(live: Any, model: Model, translation: Translation) -> None:
    """Compiles a model as a live one is, with the state of its optimizer; warns where that cannot be done and
    leaves it uncompiled, or the state as it is at first.

    Args:
        live: compiled or not.
        model: what was made of it.
        translation: who made it.
    """
    if not translation.is_compiled(live):
        return
    try:
        with rules.following(translation.writer.rules), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Keras's, about functions that no configuration holds
            compile_from_config(model, live.get_compile_config())
    except Exception as error:  # whatever configurations of the user's classes may raise
        model.uncompile()
        _warn(f"The model {model.name!r} is not compiled as the live model is: {error} Compile it in code.")
        return
    try:
        _restore(model, translation.optimizer_state(live), translation.links)
    except (ValueError, KeyError) as error:
        _warn(f"The optimizer of the model {model.name!r} starts afresh: {error}")


def _warn(message: str) -> None:
    warnings.warn(message, stacklevel=4)


def _restore(model: Model, state: OptimizerState | None, links: Links) -> None:
    if state is None or model.optimizer.has_own_updates():
        return
    counter, pattern = state.layout
    names, arrays = [counter], [state.iterations]
    for i, parameter in enumerate(model._trained_weights):
        for slot, numbers in state.slots.items():
            names.append(pattern.format(slot=slot, i=i))
            arrays.append(links.arranged(parameter, numbers))
    model.optimizer.restore(names, arrays, model._trained_weights)

"""Process-wide settings: float type, fuzz factor, image layout, name counters and the learning phase."""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ...ir import LEARNING_PHASE, Value, interpreter
from .. import registry, rules

_FLOAT_TYPES = ("float16", "float32", "float64")
_DATA_FORMATS = ("channels_last", "channels_first")

_floatx = "float32"
_epsilon = 1e-7
_image_data_format = "channels_last"
_learning_phase: int | Value = LEARNING_PHASE
_manual_initialization = False
_uids: defaultdict[str, int] = defaultdict(int)


def backend() -> str:
    """``"tensorflow"``: who asks wants to know the conventions, and those of the TensorFlow backend hold."""
    return "tensorflow"


def epsilon() -> float:
    """The fuzz factor of numeric expressions, 1e-7 by default."""
    return _epsilon


@rules.with_arguments
def set_epsilon(e: float) -> None:
    """Sets the fuzz factor."""
    global _epsilon
    _epsilon = float(e)


def floatx() -> str:
    """The default float type, ``"float32"`` unless set."""
    return _floatx


@rules.with_arguments
def set_floatx(floatx: str) -> None:
    """Sets the default float type.

    Raises:
        ValueError: if it is not float16, float32 or float64.
    """
    global _floatx
    if floatx not in _FLOAT_TYPES:
        raise ValueError(f"Unknown floatx type: {floatx!r}; expected one of {', '.join(_FLOAT_TYPES)}.")
    _floatx = str(floatx)


def cast_to_floatx(x: Any) -> np.ndarray:
    """A numpy array of the default float type with the elements of ``x``."""
    return np.asarray(x, dtype=_floatx)


def image_data_format() -> str:
    """``"channels_last"`` (the default) or ``"channels_first"``."""
    return _image_data_format


def set_image_data_format(data_format: str) -> None:
    """Sets the layout that image layers take unless told.

    Raises:
        ValueError: if it is neither channels_last nor channels_first.
    """
    global _image_data_format
    _image_data_format = _checked_data_format(data_format)


def normalize_data_format(value: str | None) -> str:
    """``value`` in lower case, or the default layout for None.

    Raises:
        ValueError: if it is neither channels_last nor channels_first.
    """
    return image_data_format() if value is None else _checked_data_format(value)


def _checked_data_format(value: Any) -> str:
    lowered = value.lower() if isinstance(value, str) else value
    if lowered not in _DATA_FORMATS:
        raise ValueError(
            'The `data_format` argument must be one of "channels_first", "channels_last". '
            f"Received: {value!r}"
        )
    return lowered


def image_dim_ordering() -> str:
    """The layout under its Keras 1 name: ``"tf"`` for channels_last, ``"th"`` for channels_first."""
    return "th" if _image_data_format == "channels_first" else "tf"


def set_image_dim_ordering(dim_ordering: str) -> None:
    """Sets the layout by its Keras 1 name.

    Raises:
        ValueError: if it is neither "tf" nor "th".
    """
    if dim_ordering not in ("tf", "th"):
        raise ValueError(f'Unknown dim_ordering: {dim_ordering!r}; expected "tf" or "th".')
    set_image_data_format("channels_first" if dim_ordering == "th" else "channels_last")


def get_uid(prefix: str = "") -> int:
    """The next number for names that start with ``prefix``, from 1."""
    _uids[prefix] += 1
    return _uids[prefix]


def reset_uids() -> None:
    """Starts all name counters anew."""
    _uids.clear()


def learning_phase() -> int | Value:
    """The learning phase: 0 or 1 where set, else a symbolic input that K.function resolves by value; that of
    the running call where operators compute at once."""
    at_once = interpreter()
    if at_once is None or _learning_phase is not LEARNING_PHASE:
        return _learning_phase
    return int(at_once.training)


def set_learning_phase(value: int | bool) -> None:
    """Fixes the learning phase for what is built from now on.

    Args:
        value: 0 for inference, 1 for training.

    Raises:
        ValueError: for anything else.
    """
    global _learning_phase
    if value not in (0, 1):
        raise ValueError(f"Expected learning phase to be 0 or 1; found {value!r}.")
    _learning_phase = int(value)


@contextmanager
def learning_phase_scope(value: int | bool) -> Iterator[None]:
    """Within, the learning phase is fixed, as ``set_learning_phase`` does it."""
    global _learning_phase
    before = _learning_phase
    set_learning_phase(value)
    try:
        yield
    finally:
        _learning_phase = before


def clear_session() -> None:
    """Starts name counters anew and makes the learning phase symbolic again.

    Values belong to whoever refers to them, so there is no global graph to destroy.
    """
    global _learning_phase
    _learning_phase = LEARNING_PHASE
    reset_uids()


def manual_variable_initialization(value: bool) -> None:
    """Accepted for compatibility: variables always have a value from the moment they exist."""
    global _manual_initialization
    _manual_initialization = bool(value)


def v1_variable_initialization() -> None:
    """Accepted for compatibility: variables always have a value."""


def symbolic(func: Callable) -> Callable:
    """Decorator of functions that build graphs; every function does, so this only keeps the name."""
    return _passed_through(func)


def eager(func: Callable) -> Callable:
    """Decorator of functions that compute at once; K.eval does that where needed."""
    return _passed_through(func)


def _passed_through(func: Callable) -> Callable:
    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return func(*args, **kwargs)

    return wrapper


registry.publish(globals())

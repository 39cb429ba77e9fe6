"""``tf.debugging``: checks of numbers; of a symbolic tensor only what is known of it is checked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...ir import Depends, Value, depends
from ..tensorflow.dtypes import as_dtype
from ..tensorflow.tensors import convert_to_tensor, values_in
from .errors import InvalidArgumentError


def _comparison(holds: Callable[[Any, Any], Any], what: str) -> Callable[..., None]:
    def check(x: Any, y: Any, message: str | None = None, summarize: Any = None, name: Any = None) -> None:
        _check([x, y], lambda a, b: np.all(holds(a, b)), what, message)

    check.__name__ = f"assert_{what.replace(' ', '_')}"
    check.__doc__ = (
        f"Checks that x is {what} y, element by element.\n\nRaises:\n    InvalidArgumentError: if not."
    )
    return check


def _sign(holds: Callable[[Any], Any], what: str) -> Callable[..., None]:
    def check(x: Any, message: str | None = None, summarize: Any = None, name: Any = None) -> None:
        _check([x], lambda a: np.all(holds(a)), what, message)

    check.__name__ = f"assert_{what.replace('-', '_')}"
    check.__doc__ = f"Checks that all of x is {what}.\n\nRaises:\n    InvalidArgumentError: if not."
    return check


def _check(given: list[Any], holds: Callable[..., Any], what: str, message: str | None) -> None:
    if any(depends(x) is Depends.ON_INPUTS for x in values_in(given)):
        return
    arrays = [np.asarray(convert_to_tensor(x)) for x in given]
    if not holds(*arrays):
        shown = " and ".join(str(a) for a in arrays)
        raise InvalidArgumentError(f"{message + ' ' if message else ''}It is not {what}: {shown}")


assert_equal = _comparison(np.equal, "equal")
assert_none_equal = _comparison(np.not_equal, "none equal")
assert_greater = _comparison(np.greater, "greater")
assert_greater_equal = _comparison(np.greater_equal, "greater equal")
assert_less = _comparison(np.less, "less")
assert_less_equal = _comparison(np.less_equal, "less equal")
assert_negative = _sign(lambda x: x < 0, "negative")
assert_non_negative = _sign(lambda x: x >= 0, "non-negative")
assert_non_positive = _sign(lambda x: x <= 0, "non-positive")
assert_positive = _sign(lambda x: x > 0, "positive")


def assert_near(
    x: Any, y: Any, rtol: Any = None, atol: Any = None, message: str | None = None, summarize: Any = None,
    name: Any = None,
) -> None:  # fmt: skip
    """Checks that x and y differ by no more than ``atol + rtol * |y|``, by default ten steps of their type.

    Raises:
        InvalidArgumentError: if they do.
    """
    dtype = np.asarray(convert_to_tensor(x)).dtype
    step = 10 * float(np.finfo(dtype).eps)
    relative, absolute = (step if part is None else float(part) for part in (rtol, atol))
    _check([x, y], lambda a, b: np.allclose(a, b, relative, absolute), "near", message)


def Assert(condition: Any, data: Any = (), summarize: Any = None, name: Any = None) -> None:
    """Checks a condition; ``data`` is said in the error.

    Raises:
        InvalidArgumentError: if it does not hold.
    """
    _check([condition], np.all, "true", f"{data!r}" if data else None)


def assert_shapes(shapes: Any, data: Any = None, summarize: Any = None, message: str | None = None) -> None:
    """Checks shapes of tensors against sizes and symbols, which have one size everywhere.

    Args:
        shapes: pairs of a tensor and its shape, such as ``(x, ("N", 3))``, or a dict of them.

    Raises:
        ValueError: where one has another shape.
    """
    sizes: dict[str, int] = {}
    for tensor, shape in shapes.items() if hasattr(shapes, "items") else shapes:
        own = tuple(convert_to_tensor(tensor).shape or ())
        wanted = tuple(shape)
        matches = len(own) == len(wanted)
        for n, size in zip(own, wanted, strict=False):
            if n is None or size in (None, "."):
                continue
            matches = matches and n == (sizes.setdefault(size, n) if isinstance(size, str) else size)
        if not matches:
            raise ValueError(f"{message + ' ' if message else ''}The shape is {own}, not {wanted}; {sizes}.")


def assert_rank(x: Any, rank: Any, message: str | None = None, name: Any = None) -> None:
    """Checks the number of axes.

    Raises:
        ValueError: if it is another one.
    """
    _rank_is(x, lambda own: own == int(rank), f"{int(rank)}", message)


def assert_rank_at_least(x: Any, rank: Any, message: str | None = None, name: Any = None) -> None:
    """Checks that there are so many axes or more; see ``assert_rank``."""
    _rank_is(x, lambda own: own >= int(rank), f"at least {int(rank)}", message)


def assert_rank_in(x: Any, ranks: Any, message: str | None = None, name: Any = None) -> None:
    """Checks the number of axes against several; see ``assert_rank``."""
    _rank_is(x, lambda own: own in [int(r) for r in ranks], f"one of {list(ranks)}", message)


def assert_scalar(tensor: Any, message: str | None = None, name: Any = None) -> Value:
    """Checks that it has no axes; see ``assert_rank``."""
    _rank_is(tensor, lambda own: own == 0, "0", message)
    return convert_to_tensor(tensor)


def _rank_is(x: Any, holds: Callable[[int], bool], wanted: str, message: str | None) -> None:
    tensor = convert_to_tensor(x)
    if tensor.shape is not None and not holds(len(tensor.shape)):
        said = f"{message} " if message else ""
        raise ValueError(f"{said}The rank must be {wanted}; found the shape {tensor.shape}.")


def assert_type(tensor: Any, tf_type: Any, message: str | None = None, name: Any = None) -> None:
    """Checks the element type.

    Raises:
        TypeError: if it is another one.
    """
    if convert_to_tensor(tensor).dtype != as_dtype(tf_type):
        raise TypeError(f"{message or ''} The type must be {as_dtype(tf_type)!r}; found {tensor!r}.".strip())


def assert_integer(x: Any, message: str | None = None, name: Any = None) -> None:
    """Checks that the elements are whole numbers; see ``assert_type``."""
    if convert_to_tensor(x).dtype.kind not in "iu":
        raise TypeError(f"{message or ''} The type must be one of integers; found {x!r}.".strip())


def check_numerics(tensor: Any, message: str, name: Any = None) -> Value:
    """The tensor, if all its numbers are finite.

    Raises:
        InvalidArgumentError: for NaN and infinities.
    """
    _check([tensor], lambda a: np.all(np.isfinite(a)), "finite", message)
    return convert_to_tensor(tensor)


def is_numeric_tensor(tensor: Any) -> bool:
    """Whether it is a tensor of numbers."""
    return isinstance(tensor, Value) and tensor.dtype.kind in "fiucV"


def set_log_device_placement(enabled: bool) -> None:
    """Accepted: nothing is printed."""


def get_log_device_placement() -> bool:
    """False: nothing is printed."""
    return False


def enable_check_numerics(stack_height_limit: int = 30, path_length_limit: int = 50) -> None:
    """Accepted; ``check_numerics`` and the callback TerminateOnNaN look for NaN."""


def disable_check_numerics() -> None:
    """Accepted; see ``enable_check_numerics``."""


__all__ = [
    "Assert", "assert_equal", "assert_greater", "assert_greater_equal", "assert_integer", "assert_less",
    "assert_less_equal", "assert_near", "assert_negative", "assert_non_negative", "assert_non_positive",
    "assert_none_equal", "assert_positive", "assert_rank", "assert_rank_at_least", "assert_rank_in",
    "assert_scalar", "assert_shapes", "assert_type", "check_numerics", "disable_check_numerics",
    "enable_check_numerics", "get_log_device_placement", "is_numeric_tensor", "set_log_device_placement",
]  # fmt: skip

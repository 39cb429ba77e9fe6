"""Exit codes, and errors as one line each."""

from __future__ import annotations

import re

OK = 0
NEGATIVE = 1
"""The command did its work and the answer is no."""
BAD_INPUT = 2
FAULT = 3
INTERRUPTED = 130


class CommandError(Exception):
    """An error of the user's, found by the command line itself.

    Args:
        message: what was expected, what was found, what to do.
        exit_code: of the process.
    """

    def __init__(self, message: str, exit_code: int = BAD_INPUT) -> None:
        super().__init__(message)
        self.exit_code = exit_code


# What the floors below raise for input that does not fit; anything else is a fault of the program.
_USER_ERRORS = (OSError, ValueError, TypeError, NotImplementedError, RuntimeError, ImportError, MemoryError)


def exit_code_of(error: BaseException) -> int:
    """The exit code for an error that ended the command."""
    code = getattr(error, "exit_code", None)  # CommandError, and typer's usage errors
    if isinstance(code, int):
        return code
    if type(error).__name__ == "ExportError":
        return NEGATIVE
    return BAD_INPUT if isinstance(error, _USER_ERRORS) else FAULT


def message_of(error: BaseException) -> str:
    """The error as one line."""
    describe = getattr(error, "format_message", None)  # typer's usage errors
    if callable(describe):
        text = describe()
    elif isinstance(error, OSError) and error.strerror and error.filename is not None:
        text = f"{error.filename}: {error.strerror}"
    else:
        text = str(error) or type(error).__name__
    from kcompile_runtime.text import harmless  # here: with numpy, which --help does without

    text = harmless(re.sub(r"\s+", " ", text).strip()).replace(
        "safe_mode=False", "safe_mode=False (--unsafe)"
    )
    if exit_code_of(error) == FAULT:
        return f"internal error: {type(error).__name__}: {text} (--debug before the command shows where)"
    return text

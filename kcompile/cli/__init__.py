"""The ``kcompile`` command.

Exit codes: 0 success; 1 the answer is no (``verify`` found a difference, a model cannot be exported or its
export failed verification); 2 bad usage, unreadable or unfit files; 3 a fault of kcompile itself;
130 interrupted; 141 nobody reads the output any more (``| head``). ``kcompile run`` ends with the code of the
script.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from .errors import BAD_INPUT, FAULT, INTERRUPTED, NEGATIVE, OK, exit_code_of, message_of

__all__ = ["BAD_INPUT", "FAULT", "INTERRUPTED", "NEGATIVE", "OK", "main"]


def main(argv: Sequence[str] | None = None, prog: str = "kcompile") -> int:
    """Runs the command.

    Args:
        argv: arguments without the program's name; by default those of the process.
        prog: what usage messages call the program.

    Returns:
        the exit code. An error of the user's is one line on stderr; with ``--debug`` its traceback as well.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    from .app import ScriptToRun, command, settings

    settings.debug = False
    try:
        result = command().main(arguments or ["--help"], prog_name=prog, standalone_mode=False)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except (BrokenPipeError, SystemExit) as error:
        if isinstance(error, SystemExit) and not isinstance(error.__context__, BrokenPipeError):
            raise  # the command line library ends the process by itself after some errors
        from kcompile_runtime.pipes import reader_gone

        return reader_gone()
    except Exception as error:
        if settings.debug:
            import traceback

            from .tables import say

            say(traceback.format_exc(), sys.stderr)
        print(f"kcompile: {message_of(error)}", file=sys.stderr)
        return exit_code_of(error)
    if isinstance(result, ScriptToRun):  # run here, outside of the command line's own frames
        from .scripts import run_on_keras3, run_script

        if result.keras3:
            return run_on_keras3(result.path, result.arguments)
        return run_script(result.path, result.arguments, result.dialect, result.verbose)
    return result if isinstance(result, int) else OK

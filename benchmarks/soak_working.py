"""What the processes that ``soak`` starts have in common: tasks in turn, one for each line that they read."""

from __future__ import annotations

import gc
import json
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import cycle
from typing import Any

Task = Callable[[], str | None]
"""Does something, and says what came of it where that is not its name."""


def work(tasks: Sequence[Task], settle: Callable[[], Any] = lambda: None) -> None:
    """Does the tasks in turn, one for each line on standard input, and answers what came of it.

    An error is a fault: it is told, and the next task goes on.

    Args:
        tasks: what to do.
        settle: called after each of them.
    """
    out, sys.stdout = sys.stdout, sys.stderr
    print("ready", file=out, flush=True)
    for _, task in zip(sys.stdin, cycle(tasks), strict=False):
        name = task.__name__.lstrip("_")
        try:
            came = task() or name
        except Exception as error:
            traceback.print_exc()
            came = f"fault: {name}: {type(error).__name__}"
        settle()
        gc.collect()
        print(json.dumps(Counter([came])), file=out, flush=True)

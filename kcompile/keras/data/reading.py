"""Elements made ahead, in threads: where making one takes long, and handing it over costs less."""

from __future__ import annotations

import os
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from functools import partial
from itertools import islice
from typing import Any

#: "As many as is good": threads, or elements ahead.
AUTOTUNE = -1
#: Elements ahead where nobody says how many.
_AHEAD = 2
#: Making an element is worth a thread if it takes this many seconds, which is some times what a thread costs.
_WORTH_A_THREAD = 3e-4
_LOOKED_AT = 3


def ahead(elements: Iterable[Any], number: int) -> Iterator[Any]:
    """The elements, of which a thread makes up to so many ahead; without one where they come quickly.

    Args: number: AUTOTUNE for a few.
    """
    iterator = iter(elements)
    if number == 0:
        return iterator
    return _ahead(iterator, _AHEAD if number < 0 else number)


def _ahead(iterator: Iterator[Any], number: int) -> Iterator[Any]:
    slow = 0
    while slow < _LOOKED_AT:
        start = time.perf_counter()
        try:
            element = next(iterator)
        except StopIteration:
            return
        slow = slow + 1 if time.perf_counter() - start > _WORTH_A_THREAD else 0
        yield element
    yield from _in_a_thread(iterator, number)


class _End:
    """What a thread puts last.

    Args: error: what stopped it, if anything did.
    """

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


def _in_a_thread(iterator: Iterator[Any], number: int) -> Iterator[Any]:
    made: queue.Queue[Any] = queue.Queue(number)
    unwanted = threading.Event()
    context = copy_context()
    thread = threading.Thread(
        target=lambda: context.run(_fill, iterator, made, unwanted), name="kcompile-data", daemon=True
    )
    thread.start()
    try:
        while not isinstance(element := made.get(), _End):
            yield element
        if element.error is not None:
            raise element.error
    finally:
        unwanted.set()


def _fill(iterator: Iterator[Any], made: queue.Queue[Any], unwanted: threading.Event) -> None:
    end = _End()
    try:
        for element in iterator:
            if not _put(element, made, unwanted):
                return
    except BaseException as error:  # whoever takes the elements raises it
        end = _End(error)
    _put(end, made, unwanted)


def _put(element: Any, made: queue.Queue[Any], unwanted: threading.Event) -> bool:
    while not unwanted.is_set():
        try:
            made.put(element, timeout=0.1)
            return True
        except queue.Full:
            continue
    return False


def mapped(
    function: Callable[[Any], Any], elements: Iterable[Any], threads: int, ordered: bool = True
) -> Iterator[Any]:
    """The function of each element, computed by several threads if it takes long.

    Args:
        threads: how many; AUTOTUNE for one for each CPU.
        ordered: whether results come in the order of the elements, or as they are ready.
    """
    iterator = iter(elements)
    threads = (os.cpu_count() or 1) if threads < 0 else threads
    slow = 0
    # the first call may build what all of them use, so it has no other beside it
    while slow < _LOOKED_AT:
        element = next(iterator, _End)
        if element is _End:
            return
        start = time.perf_counter()
        result = function(element)
        slow = slow + 1 if time.perf_counter() - start > _WORTH_A_THREAD else 0
        yield result
    yield from _mapped_in_threads(function, iterator, max(1, threads), ordered)


def _mapped_in_threads(
    function: Callable[[Any], Any], iterator: Iterator[Any], threads: int, ordered: bool
) -> Iterator[Any]:
    pool = ThreadPoolExecutor(threads, thread_name_prefix="kcompile-data")
    take = _first_begun if ordered else _first_ready
    context = copy_context()
    under_way: deque[Future[Any]] = deque()
    try:
        for element in islice(iterator, 2 * threads):
            under_way.append(pool.submit(partial(context.copy().run, function, element)))
        while under_way:
            result = take(under_way).result()
            for element in islice(iterator, 1):
                under_way.append(pool.submit(partial(context.copy().run, function, element)))
            yield result
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _first_begun(under_way: deque[Future[Any]]) -> Future[Any]:
    return under_way.popleft()


def _first_ready(under_way: deque[Future[Any]]) -> Future[Any]:
    ready = next(iter(wait(under_way, return_when=FIRST_COMPLETED).done))
    under_way.remove(ready)
    return ready

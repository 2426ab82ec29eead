"""The end of a process: threads that other code has left behind do not keep it."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

ERROR_SECONDS = 5.0


@contextmanager
def ends_within(seconds: Callable[[], float], name: str) -> Iterator[None]:
    """What a process does. Python ends only when all threads have ended that are no daemons. Here they have
    so many seconds, a few after an error; then the process ends with the code that it would have had.
    """
    code = 1
    try:
        yield
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        raise
    finally:
        if left := _left_threads():
            patience = min(seconds(), ERROR_SECONDS) if code else seconds()
            why = f"{name}: threads that were left behind still run: {', '.join(left)}"
            threading.Thread(target=_leave, args=(patience, code, why), name="end", daemon=True).start()


def _left_threads() -> list[str]:
    here = threading.current_thread()
    return [thread.name for thread in threading.enumerate() if not thread.daemon and thread is not here]


def _leave(seconds: float, code: int, why: str) -> None:
    time.sleep(seconds)
    try:
        print(f"{why}. The process ends without them (exit code {code}).", file=sys.stderr, flush=True)
    finally:
        os._exit(code)

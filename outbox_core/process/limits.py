"""Remedies where the operating system gives a process no more of something."""

from __future__ import annotations

import re

REMEDIES = {
    r"too many open files": "Raise the limit of open files of this process (ulimit -n).",
    r"can't start new thread": (
        "Raise the limit of threads (ulimit -u, or that of the container), or give the process more memory."
    ),
}
"""By a pattern of the reason."""


def remedied(reason: str) -> str:
    """The reason, with its remedy if there is one."""
    for pattern, remedy in REMEDIES.items():
        if re.search(pattern, reason, re.IGNORECASE):
            return f"{reason.rstrip('. ')}. {remedy}"
    return reason


def is_no_thread(error: BaseException) -> bool:
    """Whether this is Python's error for a thread that the operating system does not start."""
    return isinstance(error, RuntimeError) and str(error) == "can't start new thread"

"""How the commands end. Python itself ends with 1 (a traceback) or 2 (arguments it cannot read)."""

from __future__ import annotations

from enum import IntEnum

INTERRUPTED = 130
"""An operator's command that a person interrupts, as shells say it of SIGINT."""


class ExitCode(IntEnum):
    """How ``run_relay`` and ``run_consumer`` end."""

    CLEAN = 0
    """Stopped when asked, or drained."""
    ERROR = 1
    """It could not run, or had to end to keep a promise."""
    USAGE = 2
    """The arguments name something that does not exist."""
    SHUTDOWN_TIMED_OUT = 3
    """It was asked to stop, and did not finish in time or was forced by a second signal."""
    NOT_DRAINED = 4
    """``--drain`` ended before everything was published."""
    HANDLER_STUCK = 5
    """A handler took longer than INBOX["HANDLER_SECONDS"] and could not be interrupted."""


class StatusCode(IntEnum):
    """The exit codes of ``outbox_status`` and ``inbox_status``, for people and monitoring."""

    OK = 0
    WARNING = 1
    """A person should look."""
    CRITICAL = 2
    """Nothing is published or handled, or the status cannot be read."""

"""What ends a demo before its verdict.

DemoError
├── ProcessEnded    a process that should run has ended
├── CommandFailed   a command that should succeed has failed
├── TookTooLong     something made no progress before its deadline
└── PortTaken       something else listens where the storefront should
"""

from __future__ import annotations


class DemoError(Exception):
    """The demo cannot go on: names the thing and shows the end of its log, or says what to do."""


class ProcessEnded(DemoError):
    """A process that should run has ended."""


class CommandFailed(DemoError):
    """A command that should succeed has failed."""


class TookTooLong(DemoError):
    """Something made no progress before its deadline."""


class PortTaken(DemoError):
    """Something else listens where the storefront should."""

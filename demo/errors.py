"""What ends a demo before its verdict.

DemoError
├── ProcessEnded    a process that should run has ended
├── CommandFailed   a command that should succeed has failed
├── TookTooLong     something made no progress before its deadline
└── PortTaken       another program uses the port of the storefront
"""

from __future__ import annotations


class DemoError(Exception):
    """The demo cannot continue: the message names the cause and shows the end of its log, or a remedy."""


class ProcessEnded(DemoError):
    """A process that should run has ended."""


class CommandFailed(DemoError):
    """A command that should succeed has failed."""


class TookTooLong(DemoError):
    """Something made no progress before its deadline."""


class PortTaken(DemoError):
    """Another program uses the port of the storefront."""

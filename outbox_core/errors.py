"""Every error that outbox_core raises. What is wrong with settings is Django's ImproperlyConfigured.

ProcessError
└── LivenessFileUnusable    it cannot be written, or belongs to another process that is alive
InvalidEvent                a record is not a CloudEvent
"""

from __future__ import annotations


class ProcessError(Exception):
    """A process of the outbox or of the inbox cannot run as it was asked to."""


class LivenessFileUnusable(ProcessError):
    """The liveness file cannot be written, or belongs to another process that is alive."""


class InvalidEvent(Exception):
    """A record is not a CloudEvent; the message says what is wrong with it."""

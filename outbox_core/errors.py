"""Every error that outbox_core raises. What is wrong with settings is Django's ImproperlyConfigured.

ProcessError
├── LivenessFileUnusable    it cannot be written, or a live process uses it
├── AddressUnusable         the address of --http is taken, or is not one of this machine
└── ExtraMissing            an optional dependency is not installed
InvalidEvent                a record is not a CloudEvent
KafkaUnreachable            Kafka does not answer a question of a doctor
NotEditable                 a payload cannot be edited by a person
"""

from __future__ import annotations


class ProcessError(Exception):
    """A process of outbox or inbox cannot run with these arguments."""


class LivenessFileUnusable(ProcessError):
    """The liveness file cannot be written, or a live process uses it."""


class AddressUnusable(ProcessError):
    """A process cannot listen on this address: the port is taken, or the host is not one of this machine."""


class ExtraMissing(ProcessError, ImportError):
    """An optional dependency is not installed; the message names the extra."""


class InvalidEvent(Exception):
    """A record is not a CloudEvent; the message says what is wrong with it."""


class KafkaUnreachable(Exception):
    """Kafka does not answer a question; the message is the client's reason."""


class NotEditable(ValueError):
    """A payload cannot be edited by a person; the message is a sentence that says why."""

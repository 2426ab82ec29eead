"""Every error that devstack raises.

DevstackError
└── Unavailable      one way of having a service does not work on this machine; the next one is tried
"""

from __future__ import annotations


class DevstackError(Exception):
    """PostgreSQL or Kafka cannot be had: names the thing, shows the end of its log, and says what to do."""


class Unavailable(DevstackError):
    """This way of having the service does not work here; says why in one line, details on further ones."""

"""Every error that devstack raises.

DevstackError
└── Unavailable      one way to get a service does not work on this machine; the next one is tried
"""

from __future__ import annotations


class DevstackError(Exception):
    """PostgreSQL or Kafka cannot be started. The message names it, shows the end of its log, and has a
    remedy.
    """


class Unavailable(DevstackError):
    """This way to get the service does not work here. The first line has the reason, others have details."""

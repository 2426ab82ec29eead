"""Processes that died on this host without leaving their group."""

from __future__ import annotations

import errno
import os
import socket
from contextlib import suppress

from inbox.conf import ConsumerSettings, Settings
from inbox.database import UNAVAILABLE
from inbox.errors import SourceUnavailable
from inbox.kafka.members import remove_members
from inbox.models import Instance
from inbox.signals import dead_removed


def remove_dead(inbox: Settings, consumer: ConsumerSettings) -> None:
    """Remove the predecessors of this process from the group, so that it need not wait until their sessions
    time out. If Kafka or the database is unavailable, it waits.

    A process of another container with the same host name cannot be seen, and counts as dead. It joins again.
    """
    with suppress(SourceUnavailable, *UNAVAILABLE):
        rows = Instance.objects.using(inbox.database).filter(
            consumer=consumer.name, host=socket.gethostname(), member__gt=""
        )
        if dead := [row for row in rows if not _runs(row.pid)]:
            remove_members(inbox, consumer.group, [row.member for row in dead])
            rows.filter(id__in=[row.id for row in dead]).delete()
            dead_removed.send(consumer.name, processes=[f"{row.host}:{row.pid}" for row in dead])


def _runs(pid: int) -> bool:
    """Whether another process has this number. In a container, a process often gets the number of its
    predecessor.
    """
    if pid == os.getpid():
        return False
    try:
        os.kill(pid, 0)
    except OSError as error:
        return error.errno != errno.ESRCH
    return True

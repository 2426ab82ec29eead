"""Asks Kafka for the consumer groups now and then, and stores one row."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import closing
from datetime import timedelta
from typing import Any

from django.db.models.functions import Now

from outbox.models import ConsumerGroups
from outbox.operations import registered
from outbox_core.errors import KafkaUnreachable
from outbox_core.people.failure import describe
from outbox_core.people.text import line
from relay.consumer_groups.lags import GroupLags

ASK_SECONDS = 5.0


class GroupsWatch:
    """The relays of an outbox share the row: whoever finds it older than ``seconds`` asks. Sending never
    waits for it. ``inspector`` makes the ``GroupReader``, which is closed afterwards.
    """

    def __init__(
        self,
        alias: str,
        relay: str,
        inspector: Callable[[float], Any],
        seconds: float,
        topics: Callable[[], Collection[str]] = registered.topics,
    ) -> None:
        self._alias = alias
        self._relay = relay
        self._inspector = inspector
        self._seconds = seconds
        self._topics = topics

    def turn(self) -> bool:
        """Ask and store, if it is due. Returns whether it was. Raises errors of the database."""
        if not self._claim():
            return False
        self._store(*self._ask())
        return True

    def _claim(self) -> bool:
        rows = ConsumerGroups.objects.using(self._alias)
        due = rows.filter(pk=1, asked_at__lt=Now() - timedelta(seconds=self._seconds))
        if due.update(asked_at=Now()):
            return True
        made = ConsumerGroups(pk=1, relay=self._relay)
        return not rows.exists() and bool(rows.bulk_create([made], ignore_conflicts=True))

    def _ask(self) -> tuple[list[dict[str, Any]], str]:
        try:
            with closing(self._inspector(ASK_SECONDS)) as inspector:
                return GroupLags(inspector).rows(self._topics()), ""
        except KafkaUnreachable as error:
            return [], line(error) or "Kafka does not answer"
        except Exception as error:  # for an answer that they do not understand, clients raise any error
            return [], describe(error)

    def _store(self, found: list[dict[str, Any]], trouble: str) -> None:
        row = ConsumerGroups.objects.using(self._alias).filter(pk=1)
        if trouble:
            row.update(relay=self._relay, trouble=trouble)  # the last figures stay, with their age
        else:
            row.update(relay=self._relay, trouble="", groups=found, read_at=Now())

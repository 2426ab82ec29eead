"""The buttons that pause and resume a consumer or one of its topics."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views import View

from inbox.conf import ConsumerSettings, settings
from inbox.errors import InboxError
from inbox.operations import pausing
from outbox_core.people.text import line

SEPARATOR = "|"
"""Between the consumer and its topic in a form. No name of a topic has it."""


class PauseView(View):
    """POST only. ``topic`` names the consumer and the topic; without one, all topics."""

    http_method_names = ["post"]
    resume = False

    def post(self, request: HttpRequest) -> HttpResponse:
        if not request.user.has_perm("inbox.pause_consumer"):
            raise PermissionDenied
        consumer, _, topic = request.POST.get("topic", "").rpartition(SEPARATOR)
        try:
            with transaction.atomic(using=settings().database):
                messages.success(request, line(self._act(request, consumer, topic)))
        except InboxError as error:
            messages.error(request, line(error))
        return HttpResponseRedirect(reverse("admin:inbox_inboxstatus_changelist"))

    def _act(self, request: HttpRequest, consumer: str, topic: str) -> str:
        who, database = request.user.get_username(), settings().database
        if self.resume:
            return pausing.resume(consumer, topic, database, who)
        return pausing.pause(consumer, topic, database, request.POST.get("detail", "")[:1_000], who)


def form(consumers: Iterable[ConsumerSettings]) -> dict[str, Any]:
    """What the form offers."""
    return {
        "title": "Pause a consumer or a topic",
        "url": reverse("admin:inbox_inboxstatus_pause"),
        "label": "Consumer",
        "choices": list(_choices(consumers)),
        "effect": "Its events wait in Kafka, in order, until it is resumed. Kafka deletes what is older than "
        "the topic's retention.",
    }


def _choices(consumers: Iterable[ConsumerSettings]) -> Iterator[tuple[str, str]]:
    for consumer in consumers:
        yield value(consumer.name, ""), f"{consumer.name}, all topics"
        for topic in consumer.topics:
            yield value(consumer.name, topic), f"{consumer.name}, topic {topic}"


def value(consumer: str, topic: str) -> str:
    return f"{consumer}{SEPARATOR}{topic}"

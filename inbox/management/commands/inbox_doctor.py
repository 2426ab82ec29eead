"""manage.py inbox_doctor: test each step of the consumers, from the settings to their offsets."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from inbox.conf import settings
from inbox.doctor.steps import ConsumerSteps
from inbox.management.command import InboxCommand
from outbox_core.operations.doctor.command import DoctorCommand
from outbox_core.operations.doctor.step import Step


class Command(DoctorCommand, InboxCommand):
    help = (
        "Test each step of the consumers: settings, PostgreSQL, network, Kafka, and each topic, group and "
        "stored offset. Print what is wrong, and its remedy. It changes nothing, unless --round-trip is "
        "given. Exit code: 0 all steps work; 1 warnings; 2 a step failed."
    )
    logger = "inbox"

    def add_arguments(self, parser: Any) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "names", nargs="*", metavar="name", help="consumers of INBOX['CONSUMERS'] (default: all)"
        )
        self.add_database(parser)

    def subject(self, options: dict[str, Any]) -> dict[str, str]:
        return {"database": self._alias(options)}

    def steps(self, options: dict[str, Any]) -> Iterable[Step]:
        try:
            inbox = settings()
            consumers = [inbox.consumer(name) for name in options["names"] or sorted(inbox.consumers)]
        except ImproperlyConfigured:
            inbox, consumers = None, []
        topic, even_events = options["round_trip"], options["even_events"]
        return self._walked(
            ConsumerSteps(inbox, consumers, self._alias(options), topic, even_events=even_events)
        )

    @staticmethod
    def _walked(steps: ConsumerSteps) -> Iterable[Step]:
        try:
            yield from steps.all()
        finally:
            steps.close()

    def _alias(self, options: dict[str, Any]) -> str:
        try:
            return str(options["database"] or settings().database)
        except ImproperlyConfigured:
            return "unknown"

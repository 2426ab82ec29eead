"""manage.py outbox_doctor: test each step of the relay, from the settings to each topic.

It is a command of the app ``relay``, because it opens the relay's session and asks through its publisher.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import DEFAULT_DB_ALIAS

from outbox.errors import OutboxError
from outbox.log.privileges import RELAY
from outbox.status.failure import problem_of
from outbox_core.operations.doctor.command import DoctorCommand
from outbox_core.operations.doctor.step import Step
from outbox_core.operations.report import Problem
from relay.doctor.steps import RelaySteps


class Command(DoctorCommand):
    help = (
        "Test each step of the relay: settings, PostgreSQL, network, Kafka, and each topic of the registered "
        "events. Print what is wrong, and its remedy. It changes nothing, unless --round-trip is given. "
        "Exit code: 0 all steps work; 1 warnings; 2 a step failed."
    )
    expected = (OutboxError,)
    logger = "relay"

    def add_arguments(self, parser: Any) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--database",
            default=DEFAULT_DB_ALIAS,
            help="the database of the outbox, an alias of DATABASES (default: %(default)s)",
        )

    def subject(self, options: dict[str, Any]) -> dict[str, str]:
        return {"database": options["database"]}

    def steps(self, options: dict[str, Any]) -> Iterable[Step]:
        steps = RelaySteps(options["database"], options["round_trip"], even_events=options["even_events"])
        try:
            yield from steps.all()
        finally:
            steps.close()

    def explain(self, error: BaseException, options: dict[str, Any]) -> Problem:
        return problem_of(options["database"], error, RELAY)

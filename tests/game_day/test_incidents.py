"""Each incident is named where a person looks, with its remedy and runbook. When its cause ends, all is well
by itself. ``python -m tests.game_day`` makes the slow ones, too, and prints when and where each was seen.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest
from django.contrib import admin
from django.core.management import call_command
from django.test import Client, override_settings
from pytest_django import DjangoDbBlocker

import devstack
import devstack.kafka
from inbox.conf import settings as inbox_settings
from inbox.models import InboxStatus
from inbox.status.lag import LagQuestion
from inbox.status.latest_lag import LatestLag
from outbox.models import OutboxEvent
from outbox_core.database import own_connection
from shop.models import Customer
from tests.game_day.incidents import INCIDENTS, Incident, Sign
from tests.game_day.settings import inbox_of
from tests.game_day.stage import SECONDS, Kafka, Stage, problems
from tests.game_day.table import Seen, Table
from tests.torture.ground import ACLS
from tests.torture.machine import Disk
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db
ALIVE_SECONDS = 4.0
"""After this silence a relay counts as gone; 15 in production."""
CHOSEN = [each for each in INCIDENTS if not each.slow or "GAME_DAY" in os.environ]


@pytest.fixture(scope="module")
def table() -> Iterator[Table]:
    table = Table()
    yield table
    table.store(os.environ.get("GAME_DAY_TABLE", ""))


@pytest.fixture(scope="module")
def kafka(request: pytest.FixtureRequest) -> Iterator[Kafka]:
    """The one of all tests, or for slow incidents one that may be frozen, and that has access control and a
    disk of its own.
    """
    if "GAME_DAY" not in os.environ:
        yield Kafka(request.getfixturevalue("kafka_bootstrap"))
        return
    cluster = devstack.kafka.Cluster(config=ACLS)
    (broker,) = cluster.brokers
    with ExitStack() as stack:
        stack.callback(cluster.close)
        disk, no_disk = None, ""
        try:
            broker.data.mkdir()
            disk = Disk(broker.data)
            stack.callback(disk.close)
        except devstack.DevstackError as reason:
            no_disk = str(reason)
        stack.callback(broker.kill)
        cluster.start()
        yield Kafka(cluster.bootstrap_servers, broker, disk, no_disk)


@pytest.fixture(scope="module")
def stage(
    kafka: Kafka,
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Stage]:
    port = urlsplit(os.environ["DATABASE_URL"]).port
    assert port is not None
    with django_db_blocker.unblock(), pytest.MonkeyPatch.context() as patch:
        patch.setattr("outbox.status.reading.ALIVE_SECONDS", ALIVE_SECONDS)
        folder = tmp_path_factory.mktemp("game-day")
        stage = Stage(kafka, folder, _somebody(), port)
        kafka_of_stage = {"OPTIONS": {"bootstrap_servers": [kafka.address]}}
        with override_settings(INBOX=inbox_of(stage.topic), KAFKA=kafka_of_stage), stage:
            lag = LatestLag(LagQuestion(inbox_settings()))
            patch.setitem(vars(admin.site.get_model_admin(InboxStatus)), "_lag", lag)
            stage.wait_until_well()
            yield stage
        call_command("flush", interactive=False, verbosity=0)


def _somebody() -> Client:
    """Who may see all pages, and whose own events are not in the log."""
    OutboxEvent.objects.all().delete()
    user = Customer.objects.register("Ada Lind", "ada@example.com")
    Customer.objects.filter(pk=user.pk).update(is_staff=True, is_superuser=True)
    client = Client()
    client.force_login(Customer.objects.get(pk=user.pk))
    OutboxEvent.objects.all().delete()
    return client


@pytest.fixture
def committed(db: None) -> Iterator[None]:
    """What the test does is committed, although it is a test of Django: the processes must see it."""
    with own_connection("default"):
        yield


@pytest.mark.parametrize("incident", CHOSEN, ids=lambda each: each.name)
def test_an_incident_is_seen_and_ends_by_itself(
    stage: Stage, table: Table, committed: None, incident: Incident
) -> None:
    sign = incident.sign
    begun, known = time.monotonic(), len(stage.logged(sign.action))
    with incident.cause(stage):
        problem = wait_for_problem(stage, sign)
        after = time.monotonic() - begun
        assert incident.says in problem["text"]
        assert sign.remedy in problem["remedy"]
        assert problem["state"] == sign.state
        if sign.on_page:
            wait_until(lambda: sign.runbook.url in stage.page(sign.side), SECONDS, "its page leads there")
        wait_until(lambda: stage.alert(sign.alert), SECONDS, f"{sign.alert} would fire")
        if sign.action:
            wait_until(lambda: len(stage.logged(sign.action)) > known, SECONDS, "it is logged")
            assert stage.logged(sign.action)[-1].startswith("https://")
        ended = time.monotonic()
    wait_until(lambda: not stage.alert(sign.alert), SECONDS, f"{sign.alert} is quiet again")
    stage.wait_until_well()
    wait_until(
        lambda: "Nothing needs attention." in stage.page(sign.side), SECONDS, "its page is green again"
    )
    table.add(Seen(incident, problem["text"], after, time.monotonic() - ended))


def wait_for_problem(stage: Stage, sign: Sign) -> dict[str, str]:
    """The problem of the status, when it is there. The exit code must not say that all is well."""
    found: list[dict[str, str]] = []

    def is_named() -> bool:
        report = stage.report(sign.side) if sign.on_page else stage.report_through_gate()
        found.extend(problems(report, sign.runbook.url))
        return bool(found) and report["exit_code"] > 0

    wait_until(is_named, SECONDS, "it is named")
    return found[0]

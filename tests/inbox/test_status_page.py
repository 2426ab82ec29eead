"""The admin page of the inbox's status: what it says, what it costs, and who may do what."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from uuid import uuid4

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.db import OperationalError
from django.test import Client
from django.utils import timezone

from inbox.conf import ConsumerSettings
from inbox.models import HeldEvent, InboxStatus, Instance, Ledger
from inbox.status.lag import Lag, LagQuestion, PartitionLag
from inbox.status.latest_lag import ASK_EVERY, FORGET_AFTER, LatestLag, asking_for
from inbox.testing import MemoryConsumer
from outbox_core.metrics.background import Background
from tests.inbox.conftest import Effects, raising, send_steps, without_lag
from tests.waiting import wait_until

PAGE = "/admin/inbox/inboxstatus/"
RELEASE = f"{PAGE}release/"
DISCARD = f"{PAGE}discard/"
PROCESSES = "/admin/inbox/instance/"


@pytest.fixture(autouse=True)
def no_kafka(monkeypatch: pytest.MonkeyPatch, settings: object) -> None:
    settings.INBOX = {  # type: ignore[attr-defined]
        **settings.INBOX,  # type: ignore[attr-defined]
        "CONSUMERS": {"test": {"TOPICS": ["test"], "HANDLERS": ["tests.inbox.status_page"]}},
    }
    monkeypatch.setitem(vars(admin.site.get_model_admin(InboxStatus)), "_lag", without_lag())


@pytest.fixture
def cause(consumer: MemoryConsumer, effects: Effects) -> dict[str, str]:
    """Two keys are held for one cause, with one event behind."""
    effects.fails["poison"] = raising(ValueError("<b>bold</b>"))
    send_steps(consumer, "a", 1, 2, fail="poison")
    send_steps(consumer, "b", 1, fail="poison")
    consumer.drain()
    assert HeldEvent.objects.waiting().count() == 3
    type_ = HeldEvent.objects.waiting().values_list("type", flat=True)[0]
    return {"consumer": "test", "topic": "test", "cause": "ValueError", "type": type_}


def client_with(*permissions: str) -> Client:
    user = User.objects.create_user("staff", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client


def test_says_that_nothing_runs_and_what_to_do(admin_client: Client) -> None:
    page = admin_client.get(PAGE).content.decode()
    assert "No consumer" in page
    assert "<code>manage.py run_consumer test</code>" in page


def test_groups_what_is_held_by_cause(admin_client: Client, cause: dict[str, str]) -> None:
    page = admin_client.get(PAGE).content.decode()
    assert "ValueError: &lt;b&gt;bold&lt;/b&gt;" in page
    assert page.count("Release…") == 1, "what is held behind its key is released with it"


def test_releases_a_cause(
    admin_client: Client, consumer: MemoryConsumer, effects: Effects, cause: dict[str, str]
) -> None:
    effects.fails.clear()
    assert admin_client.post(RELEASE, cause, follow=True).status_code == 200
    entry = Ledger.objects.by_people().get()
    assert (entry.verb, entry.who, entry.count) == (Ledger.Verb.RELEASE, "admin", 3)
    consumer.drain()
    assert (effects.of("a"), effects.of("b")) == ([1, 2], [1])


@pytest.mark.parametrize("missing", ["consumer", "topic", "cause", "type"])
def test_releases_nothing_without_a_complete_cause(
    admin_client: Client, cause: dict[str, str], missing: str
) -> None:
    del cause[missing]
    admin_client.post(RELEASE, cause)
    assert not HeldEvent.objects.filter(released_at__isnull=False).exists()


def test_discards_a_group_with_a_reason_only(admin_client: Client, cause: dict[str, str]) -> None:
    admin_client.post(DISCARD, {**cause, "reason": " "})
    assert HeldEvent.objects.waiting().count() == 3
    admin_client.post(DISCARD, {**cause, "reason": "a test customer"})
    entry = Ledger.objects.by_people().get()
    assert (entry.verb, entry.reason, entry.count) == (Ledger.Verb.DISCARD, "a test customer", 2)
    assert HeldEvent.objects.waiting().count() == 1, "what waited behind it is handled"


def test_the_text_of_an_error_needs_the_right_to_see_payloads(cause: dict[str, str]) -> None:
    client = client_with("view_inboxstatus", "release_held")
    for url, given in ((PAGE, {}), (RELEASE, cause)):
        page = client.get(url, given).content.decode()
        assert "ValueError" in page
        assert "bold" not in page


def test_who_may_only_view_sees_no_button_and_changes_nothing(cause: dict[str, str]) -> None:
    client = client_with("view_inboxstatus")
    report = client.get(PAGE).content.decode().partition('id="outbox-status"')[2]
    assert "<button" not in report
    assert RELEASE not in report
    for url in (RELEASE, DISCARD):
        assert client.get(url, cause).status_code == client.post(url, cause).status_code == 403
    assert not HeldEvent.objects.exclude(released_at=None, discarded_at=None).exists()


def test_nobody_else_sees_it(db: None) -> None:
    assert client_with("view_heldevent").get(PAGE).status_code == 403
    assert Client().get(PAGE).status_code == 302


def test_nothing_is_released_by_following_a_link(admin_client: Client, cause: dict[str, str]) -> None:
    asked = admin_client.get(RELEASE, cause).content.decode()
    assert ("csrfmiddlewaretoken" in asked, Ledger.objects.by_people().exists()) == (True, False)
    enforcing = Client(enforce_csrf_checks=True)
    enforcing.force_login(User.objects.get(username="admin"))
    assert enforcing.post(RELEASE, cause).status_code == 403


def test_the_number_of_queries_does_not_grow(
    admin_client: Client, cause: dict[str, str], django_assert_max_num_queries: object
) -> None:
    Instance.objects.bulk_create(
        Instance(id=f"{n:032x}", consumer="test", host="web-1", pid=n, state="running") for n in range(20)
    )
    with django_assert_max_num_queries(13):  # type: ignore[operator]
        page = admin_client.get(PAGE).content.decode()
    assert page.count("web-1:") == 20


def test_says_what_each_process_reads_and_has_in_hand_and_how_far_each_partition_is(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    oldest = timezone.now() - timedelta(minutes=2)
    found = (PartitionLag("test", 0, 40, 0, None), PartitionLag("test", 1, 12, 7, oldest))
    asking = without_lag()
    monkeypatch.setattr(asking, "lag", lambda *_: Lag(7, oldest, partitions=found))
    monkeypatch.setitem(vars(admin.site.get_model_admin(InboxStatus)), "_lag", asking)
    process = {"consumer": "test", "host": "web-1", "pid": 7, "state": "running"}
    Instance.objects.create(id=uuid4(), **process, partitions=1, reads=["test/1"], in_hand=24)
    page = admin_client.get(PAGE)
    (consumer,) = page.context["consumers"]
    assert [(p["partition"], p["records"], p["reader"]) for p in consumer["partitions"]] == [
        (1, 7, "web-1:7"),
        (0, 0, ""),
    ]
    text = page.content.decode()
    assert ("2 partitions, 1 with lag" in text, ">24<" in text) == (True, True)


def test_says_how_many_workers_each_process_has_if_one_has_some(admin_client: Client) -> None:
    process = {"consumer": "test", "host": "web-1", "state": "running"}
    Instance.objects.create(id=uuid4(), pid=7, **process)
    for page in (PAGE, PROCESSES):
        assert "workers" not in admin_client.get(page).content.decode().lower()
    Instance.objects.create(id=uuid4(), pid=8, workers=6, **process)
    text = admin_client.get(PAGE).content.decode()
    assert "processes heard within 60 s, with 6 workers" in text
    assert '<th class="outbox-number">Workers</th>' in text
    assert ('<td class="outbox-number">6</td>' in text, '<td class="outbox-number">-</td>' in text) == (
        True,
        True,
    )
    assert '<td class="field-workers">6</td>' in admin_client.get(PROCESSES).content.decode()


def test_a_producer_may_call_a_type_as_templates_call_the_contents_of_a_dict(
    admin_client: Client, consumer: MemoryConsumer
) -> None:
    consumer.send("items", {}, key="a")
    consumer.drain()
    assert "<td>items</td>" in admin_client.get(PAGE).content.decode()


TEST = ConsumerSettings(name="test", topics=("test",))


class Kafka(LagQuestion):
    """Answers when a test lets it."""

    def __init__(self) -> None:
        self.answers = threading.Event()
        self.asked = 0

    def lag(self, consumer: ConsumerSettings, database: str) -> Lag:
        self.asked += 1
        self.answers.wait(20)
        return Lag(records=self.asked)


@pytest.fixture
def kafka() -> Iterator[Kafka]:
    kafka = Kafka()
    yield kafka
    kafka.answers.set()


def test_the_page_does_not_wait_for_kafka(kafka: Kafka) -> None:
    time = [0.0]
    latest = LatestLag(kafka, clock=lambda: time[0])
    assert latest.lag(TEST, "default") == Lag()
    wait_until(lambda: kafka.asked == 1, 10, "it is asked")
    for _ in range(3):
        time[0] += ASK_EVERY
        assert latest.lag(TEST, "default") == Lag()
    assert kafka.asked == 1, "one question at a time"
    kafka.answers.set()
    wait_until(lambda: latest.lag(TEST, "default") == Lag(records=1), 10, "the answer is shown")
    time[0] += FORGET_AFTER + 1
    assert latest.lag(TEST, "default") == Lag(), "an old answer is not shown"
    wait_until(lambda: latest.lag(TEST, "default") == Lag(records=2), 10, "it is asked again")


def test_a_database_that_does_not_answer_ends_the_question_without_a_word(
    kafka: Kafka, caplog: pytest.LogCaptureFixture
) -> None:
    """The page says it. An error of the thread would be in the log of the web server every few seconds."""
    kafka.lag = raising(OperationalError("connection refused"))  # type: ignore[method-assign,assignment]
    lag = Background(asking_for(kafka, TEST, "default"))
    assert lag.get() == Lag()
    assert caplog.records == []

"""A consumer or one of its topics is paused and resumed: what waits, who may, and what it costs."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from inbox.models import InboxStatus, Instance, Ledger, Pause
from inbox.testing import MemoryConsumer
from tests.inbox.conftest import Effects, raising, send_steps, without_lag
from tests.inbox.operators import run, status

PAGE = "/admin/inbox/inboxstatus/"
HEARTBEAT = 6.0


@pytest.fixture(autouse=True)
def consumers(settings: object, monkeypatch: pytest.MonkeyPatch) -> None:
    paused = {"TOPICS": ["test", "other"], "HANDLERS": ["tests.inbox.status_page"]}
    settings.INBOX = {**settings.INBOX, "CONSUMERS": {"test": paused}}  # type: ignore[attr-defined]
    monkeypatch.setitem(vars(admin.site.get_model_admin(InboxStatus)), "_lag", without_lag())


def later(consumer: MemoryConsumer) -> None:
    """The next heartbeat, and what comes after it."""
    consumer.time.now += HEARTBEAT
    consumer.poll()


def test_a_paused_consumer_handles_nothing_and_continues_in_order(
    consumer: MemoryConsumer, effects: Effects
) -> None:
    effects.fails["poison"] = raising(ValueError("no such customer"))
    send_steps(consumer, "held", 1, fail="poison")
    consumer.drain()
    effects.fails.clear()
    assert run("inbox_pause", "test", "--detail", "INC-1")[0] == 0
    later(consumer)
    send_steps(consumer, "a", 1, 2)
    assert run("inbox_release", "held-1")[0] == 0
    later(consumer)
    assert (effects.of("a"), effects.of("held")) == ([], []), "neither new events nor held ones"
    assert run("inbox_resume", "test")[0] == 0
    later(consumer)
    later(consumer)
    assert (effects.of("a"), effects.of("held")) == ([1, 2], [1])


def test_a_paused_topic_leaves_the_others(consume: Callable[..., MemoryConsumer], effects: Effects) -> None:
    consumer = consume(topics=("test", "other"))
    run("inbox_pause", "test", "--topic", "test")
    send_steps(consumer, "a", 1)
    consumer.send("test.step", {"number": 1, "fail": ""}, key="b", topic="other")
    consumer.poll()
    assert (effects.of("a"), effects.of("b")) == ([], [1]), "also what was paused before it began"


def test_who_paused_and_why_is_in_the_status_and_in_the_ledger(db: None) -> None:
    assert run("inbox_pause", "test", "--topic", "other", "--detail", "INC-1")[0] == 0
    code, text = run("inbox_pause", "test", "--topic", "other")
    assert (code, "paused already" in text, Ledger.objects.count()) == (0, True, 1)
    pause = Pause.objects.get()
    report = status("test")[1]
    assert report["consumers"][0]["pauses"][0] | {"since": None} == {
        "topic": "other",
        "since": None,
        "who": pause.who,
        "detail": "INC-1",
    }
    assert "held" in [problem["state"] for problem in report["problems"]]
    assert run("inbox_resume", "test")[0] == 1, "the consumer itself is not paused"
    assert run("inbox_resume", "test", "--topic", "other")[0] == 0
    entries = Ledger.objects.order_by("pk").values_list("verb", "selection", "reason")
    assert list(entries) == [
        ("pause", {"consumer": "test", "topic": "other"}, "INC-1"),
        ("resume", {"consumer": "test", "topic": "other"}, ""),
    ]


@pytest.mark.parametrize("arguments", [["tset"], ["test", "--topic", "othre"]])
def test_a_slip_of_the_pen_pauses_nothing(db: None, arguments: list[str]) -> None:
    code, text = run("inbox_pause", *arguments)
    assert (code, "Did you mean" in text, Pause.objects.exists()) == (1, True, False)


def test_a_topic_without_a_name_is_not_every_topic(db: None) -> None:
    """Such as that of a variable that is not set."""
    for command in ("inbox_pause", "inbox_resume"):
        with pytest.raises(CommandError, match="--topic: it is empty"):
            call_command(command, "test", "--topic", "")
    assert not Pause.objects.exists()


def test_a_heartbeat_is_one_statement_and_an_idle_round_has_none(consumer: MemoryConsumer) -> None:
    send_steps(consumer, "a", 1)
    consumer.poll()
    assert (Instance.objects.get().reads, Instance.objects.get().in_hand) == (["test/0"], 0)
    consumer.time.now += HEARTBEAT
    with CaptureQueriesContext(connection) as beat:
        consumer.consumer._heartbeat.beat()
    with CaptureQueriesContext(connection) as idle:
        consumer.consumer._heartbeat.beat()
        consumer.consumer._pauses.heed()
    assert (len(beat), len(idle)) == (1, 0)


def test_the_page_pauses_and_resumes_for_those_who_may(db: None) -> None:
    user = User.objects.create_user("staff", is_staff=True)
    client = Client()
    client.force_login(user)
    user.user_permissions.set(Permission.objects.filter(codename="view_inboxstatus"))
    assert f"{PAGE}pause/" not in client.get(PAGE).content.decode()
    assert client.post(f"{PAGE}pause/", {"topic": "test|"}).status_code == 403
    user.user_permissions.add(Permission.objects.get(codename="pause_consumer"))
    assert client.get(f"{PAGE}pause/").status_code == 405
    client.post(f"{PAGE}pause/", {"topic": "test|other", "detail": "INC-1"})
    pause = Pause.objects.get()
    assert (pause.consumer, pause.topic, pause.who, pause.detail) == ("test", "other", "staff", "INC-1")
    page = client.get(PAGE).content.decode()
    assert ("by staff: INC-1" in page, f"{PAGE}resume/" in page) == (True, True)
    client.post(f"{PAGE}resume/", {"topic": "test|other"})
    assert not Pause.objects.exists()
    enforcing = Client(enforce_csrf_checks=True)
    enforcing.force_login(user)
    assert enforcing.post(f"{PAGE}pause/", {"topic": "test|"}).status_code == 403

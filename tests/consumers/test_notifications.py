"""The welcome mail: once for each customer, over a real SMTP server on the loopback interface."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from email import message_from_bytes
from email.message import Message
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from django.core.mail import get_connection
from pytest_django import Settings

from consumers.notifications.mailer import mailer
from consumers.notifications.models import WelcomeMail
from inbox.handling.unit_of_work import UnitOfWork
from inbox.models import HeldEvent
from tests.consumers.conftest import Shop
from tests.inbox.conftest import undecided


class MailServer:
    """Keeps what it accepts; ``replies`` are given first, one for each mail."""

    def __init__(self) -> None:
        self.mails: list[Message] = []
        self.replies: list[str] = []

    async def handle_DATA(self, server: object, session: object, envelope: Any) -> str:
        if self.replies and (reply := self.replies.pop(0)):
            return reply
        self.mails.append(message_from_bytes(envelope.content))
        return "250 accepted"

    async def handle_RCPT(
        self, server: object, session: object, envelope: Any, address: str, options: list[str]
    ) -> str:
        if address.startswith("nobody"):
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 ok"

    @property
    def recipients(self) -> list[str]:
        return [mail["To"] for mail in self.mails]


@pytest.fixture
def server(settings: Settings) -> Iterator[MailServer]:
    server = MailServer()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(server, hostname="127.0.0.1", port=port)
    controller.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
    settings.DEFAULT_FROM_EMAIL = "The shop <welcome@shop.example>"
    yield server
    mailer.close()
    controller.stop()


@pytest.fixture
def notifications(shop: Callable[[str], Shop], server: MailServer) -> Shop:
    return shop("notifications")


def redeliver(notifications: Shop) -> None:
    notifications.consumer.log.committed.clear()
    notifications.consumer.restart()
    notifications.consumer.drain()


def test_customer_is_welcomed(notifications: Shop, server: MailServer) -> None:
    notifications.registered(7)
    notifications.consumer.drain()
    mail = server.mails[0]
    assert (mail["To"], mail["From"], mail["Subject"]) == (
        "user7@example.org",
        "The shop <welcome@shop.example>",
        "Welcome to the shop",
    )
    assert mail["Message-ID"] == "<welcome.7@shop.example>"
    assert "Hello User 7" in mail.get_payload()
    assert WelcomeMail.objects.get().email == "user7@example.org"


def test_mail_is_sent_once_whatever_is_delivered_again(notifications: Shop, server: MailServer) -> None:
    """The same event, another event of the same customer, and the whole topic."""
    notifications.registered(1, event_id="one")
    notifications.registered(1, event_id="one")
    notifications.registered(1, event_id="another")
    notifications.registered(2)
    notifications.consumer.drain()
    redeliver(notifications)
    assert server.recipients == ["user1@example.org", "user2@example.org"]


def test_mail_server_that_is_away_is_waited_for(
    notifications: Shop, server: MailServer, settings: Settings
) -> None:
    port = settings.EMAIL_PORT
    settings.EMAIL_PORT = 1
    notifications.registered(1)
    notifications.registered(2)
    notifications.consumer.poll()
    for _ in range(10):
        notifications.consumer.retry()
    assert (server.mails, undecided().count()) == ([], 0)
    settings.EMAIL_PORT = port
    notifications.consumer.drain()
    assert sorted(server.recipients) == ["user1@example.org", "user2@example.org"]
    assert not HeldEvent.objects.exists()


@pytest.mark.parametrize("reply", ["451 try again later", "421 too busy"])
def test_mail_that_is_deferred_is_tried_again(notifications: Shop, server: MailServer, reply: str) -> None:
    server.replies = [reply, reply]
    notifications.registered(1)
    notifications.consumer.drain()
    assert server.recipients == ["user1@example.org"]
    assert WelcomeMail.objects.count() == 1


def test_mail_that_is_refused_is_held_and_the_others_are_sent(
    notifications: Shop, server: MailServer
) -> None:
    spam = "554 looks like spam"
    server.replies = ["", spam, "", *[spam] * 3]  # it is tried again when the others have been sent
    for customer, email in (
        (1, "a@b.example"),
        (2, "spam@b.example"),
        (3, "nobody@b.example"),
        (4, "c@b.example"),
    ):
        notifications.registered(customer, email)
    notifications.consumer.drain()
    assert server.recipients == ["a@b.example", "c@b.example"]
    assert set(WelcomeMail.objects.values_list("customer_id", flat=True)) == {1, 4}
    errors = dict(HeldEvent.objects.values_list("key", "error"))
    assert "looks like spam" in errors["2"]
    assert "no such mailbox" in errors["3"]


def test_customer_without_an_address_gets_no_mail(notifications: Shop, server: MailServer) -> None:
    notifications.registered(1, email="")
    notifications.consumer.drain()
    assert (server.mails, WelcomeMail.objects.count(), HeldEvent.objects.count()) == ([], 0, 0)


def test_mail_is_in_doubt_only_between_the_mail_server_and_the_commit(
    notifications: Shop, server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be avoided: a crash right there sends one mail again, and it is recognisably the same."""
    crash = iter([True])

    def crash_before_commit(effects: UnitOfWork) -> None:
        if next(crash, False):
            raise SystemExit(9)

    monkeypatch.setattr(UnitOfWork, "_refuse_broken", crash_before_commit)
    notifications.registered(1)
    notifications.registered(2)
    with pytest.raises(SystemExit):
        notifications.consumer.drain()
    notifications.consumer.restart()
    notifications.consumer.drain()
    assert sorted(server.recipients) == ["user1@example.org", "user1@example.org", "user2@example.org"]
    assert len({mail["Message-ID"] for mail in server.mails}) == 2


def test_deleted_customer_is_forgotten(notifications: Shop, server: MailServer) -> None:
    notifications.registered(1)
    notifications.deleted(1)
    notifications.consumer.drain()
    redeliver(notifications)
    assert WelcomeMail.objects.get().email == ""
    assert len(server.mails) == 1


def test_connection_is_kept_while_there_are_mails(
    notifications: Shop, server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[object] = []

    def count() -> Any:
        opened.append(1)
        return get_connection()

    monkeypatch.setattr("consumers.notifications.mailer.get_connection", count)
    for customer in range(20):
        notifications.registered(customer)
    notifications.consumer.drain()
    assert (len(server.mails), len(opened)) == (20, 1)

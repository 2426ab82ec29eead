"""A browser for all of these tests, and a window of somebody who is signed in, on a bad night."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.contrib import admin
from django.core.management import call_command
from django.db import connection, connections
from django.db.models.signals import post_save
from django.utils import timezone
from pytest_django import DjangoDbBlocker
from pytest_django.live_server_helper import LiveServer

from inbox.conf import settings as inbox_settings
from inbox.models import InboxStatus
from inbox.offsets import Stored
from inbox.operations.places import Move, Plan
from inbox.status.lag import Lag, LagQuestion, PartitionLag
from outbox.capture.receivers import receivers_of
from shop.models import Customer
from tests.browser import chromium
from tests.browser.scene import Scene, bad_night

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

WIDE, NARROW = 1280, 400
HIGH = 900


class Site(NamedTuple):
    """Both admins and the shop, served, and what they show."""

    url: str
    scene: Scene


Visit = Callable[[str], "Page"]


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with chromium.running() as browser:
        yield browser


@pytest.fixture(scope="package")
def site(browser: Browser, django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Site]:
    """One for all tests. What Kafka would say of the lag is made up, and no service is asked."""
    with django_db_blocker.unblock(), pytest.MonkeyPatch.context() as patch:
        asking = LagQuestion(inbox_settings())
        patch.setattr(asking, "lag", lambda *_: _lag())
        patch.setitem(vars(admin.site.get_model_admin(InboxStatus)), "_lag", asking)
        patch.setattr("inbox.admin.seeking.plan", lambda *_: _plan())
        patch.setattr("outbox.admin.backfilling.models", lambda: iter([Customer]))
        patch.setattr("outbox.admin.backfilling.chosen", lambda *_: receivers_of(post_save, Customer))
        patch.setattr(settings, "JOURNEY", {})
        patch.setitem(connection.settings_dict, "CONN_MAX_AGE", 0)  # none stays open behind the server
        scene = bad_night()
        server = LiveServer("localhost")
        try:
            yield Site(server.url, scene)
        finally:
            server.stop()
            call_command("flush", interactive=False, verbosity=0)
            connections.close_all()  # under the browser's loop they are others than without it


def _plan() -> Plan:
    """One partition is moved forward, two backward, and one of these very far."""
    places = [(0, 4_000, 4_310, False), (1, 4_000, 0, True), (2, 4_000, 3_988, False)]
    moves = [
        Move(topic="shop.orders", partition=number, stands=at, goes=to, forgotten=old)
        for number, at, to, old in places
    ]
    return Plan(consumer="crm", topic="shop.orders", moves=moves, stored=Stored(0), alive=1)


def _lag() -> Lag:
    oldest = timezone.now() - timedelta(minutes=4)
    behind = [(0, 310, oldest), (1, 0, None), (2, 12, oldest)]
    found = tuple(PartitionLag("shop.orders", number, 4_000, waiting, at) for number, waiting, at in behind)
    return Lag(322, oldest, partitions=found)


@pytest.fixture
def visit(browser: Browser, site: Site) -> Iterator[Visit]:
    """Opens a page in a window of somebody who may see everything."""
    context = browser.new_context(viewport={"width": WIDE, "height": HIGH})
    host = urlsplit(site.url).hostname or ""
    cookie = {"name": settings.SESSION_COOKIE_NAME, "value": site.scene.session, "domain": host, "path": "/"}
    context.add_cookies([cookie])  # type: ignore[list-item]
    page = context.new_page()

    def open_(address: str) -> Page:
        answer = page.goto(f"{site.url}{address}")
        assert answer is not None
        assert answer.status == 200, f"{address}: {answer.status}"
        return page

    yield open_
    context.close()

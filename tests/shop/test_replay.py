"""The command ``replay_purchases``."""

from __future__ import annotations

import os
import signal
import threading
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import Sum

from outbox.testing import CapturedEvents
from shop.models import Customer, DeclinedPayment, Order
from shop.purchases.throttle import Throttle
from tests.waiting import wait_until

FILE = """\
 00004 0001 19970101  2   29.33
 00004 0001 19970118  2   29.73
 00021 0002 19970101  3   63.34
 00021 0002 19970101  3    0.00
 00050 0003 19970101  1    6.79
 00086 0005 19970102  7   11.00
"""
TOTAL = Decimal("140.19")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "purchases.txt"
    path.write_text(FILE)
    return path


def replay(*arguments: Any, **options: Any) -> str:
    out = StringIO()
    call_command("replay_purchases", *map(str, arguments), stdout=out, **options)
    return out.getvalue()


@pytest.mark.django_db(transaction=True)
def test_every_purchase_becomes_a_paid_order(path: Path, outbox_events: CapturedEvents) -> None:
    printed = replay(path, writers=1, declined=0)

    assert "4 customers registered, 6 purchases of 140.19 dollars, 0 declined payments" in printed
    assert "purchases/s" in printed
    assert Order.objects.filter(status=Order.Status.PAID).aggregate(sum=Sum("total")) == {"sum": TOTAL}
    shopping = [kind for kind in outbox_events.types if kind != "shop.product.tagged"]
    assert sorted(shopping) == [
        *["shop.customer.registered"] * 4,
        *["shop.order.paid"] * 6,
        *["shop.order.placed"] * 6,
    ]
    customer = Customer.objects.get(username="cdnow00021")
    assert customer.date_joined.isoformat() == "1997-01-01T12:00:00+00:00"
    assert customer.email == "cdnow00021@example.com"


@pytest.mark.django_db(transaction=True)
def test_several_writers_agree_with_the_file_and_keep_each_customer_s_order(
    path: Path, outbox_events: CapturedEvents
) -> None:
    replay(path, writers=2, declined=1)

    assert Order.objects.aggregate(sum=Sum("total")) == {"sum": TOTAL}
    dates = defaultdict(list)
    for event in outbox_events:
        if event.type == "shop.order.paid":
            dates[event.data["customer_id"]].append(event.data["placed_at"])
    assert sorted(map(len, dates.values())) == [1, 1, 2, 2]
    assert all(placed == sorted(placed) for placed in dates.values())


@pytest.mark.django_db(transaction=True)
def test_declined_orders_leave_a_record_and_nothing_else(path: Path, outbox_events: CapturedEvents) -> None:
    printed = replay(path, writers=1, declined=1)

    assert "6 declined payments rolled back" in printed
    rolled_back = {str(payment.order_id) for payment in DeclinedPayment.objects.all()}
    assert len(rolled_back) == 6
    assert DeclinedPayment.objects.aggregate(sum=Sum("amount")) == {"sum": TOTAL}
    assert not rolled_back & {event.key for event in outbox_events}
    assert not Order.objects.filter(pk__in=rolled_back).exists()


@pytest.mark.django_db(transaction=True)
def test_a_replay_that_was_stopped_goes_on_where_it_was(path: Path) -> None:
    replay(path, writers=1, limit=3)
    Customer.objects.register("Somebody", "who@example.com", "cdnow00086")

    printed = replay(path, writers=1)
    assert "3 purchases are already in the shop and are skipped." in printed
    assert "0 customers registered, 3 purchases" in printed
    assert Order.objects.aggregate(sum=Sum("total")) == {"sum": TOTAL}

    assert replay(path) == "6 purchases are already in the shop and are skipped.\n"


@pytest.fixture
def alarm() -> Iterator[None]:
    """What hangs in a signal handler can be ended by another one alone."""

    def ring(number: int, frame: object) -> None:
        pytest.fail("the replay hangs")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(20)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("alarm")
def test_ctrl_c_ends_a_single_writer_that_waits_for_its_next_turn(path: Path) -> None:
    def interrupt_behind_the_first() -> None:
        wait_until(Order.objects.exists, 60, "the first purchase is there")
        connection.close()
        os.kill(os.getpid(), signal.SIGINT)

    interrupt = threading.Thread(target=interrupt_behind_the_first)
    interrupt.start()
    with pytest.raises(SystemExit) as end:
        replay(path, writers=1, rate=0.1)
    interrupt.join()
    assert end.value.code == 130


@pytest.mark.django_db(transaction=True)
def test_the_seed_alone_decides_which_payments_are_declined(path: Path) -> None:
    def declined(seed: int) -> list[Decimal]:
        Order.objects.all().delete()
        DeclinedPayment.objects.all().delete()
        replay(path, seed=seed, writers=1, declined=0.5)
        return list(DeclinedPayment.objects.values_list("amount", flat=True))

    assert declined(1) == declined(1)
    assert len({tuple(declined(seed)) for seed in range(4)}) > 1


@pytest.mark.django_db
def test_a_bad_line_anywhere_imports_nothing(path: Path) -> None:
    path.write_text(FILE + "00099 19970231 1 5.00\n")
    with pytest.raises(CommandError, match=r"line 7: '19970231' is no date\n    00099 19970231 1 5\.00"):
        replay(path)
    assert not Customer.objects.exists()


@pytest.mark.django_db
def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"Cannot read the purchase file .*gone\.txt"):
        replay(tmp_path / "gone.txt")


@pytest.mark.parametrize(
    ("option", "problem"),
    [
        ("--writers=0", "less than 1"),
        ("--declined=1.1", "not between 0 and 1"),
        ("--rate=0", "not more than 0"),
    ],
)
def test_options_out_of_range_are_refused(option: str, problem: str) -> None:
    with pytest.raises(CommandError, match=problem):
        replay(option)


def test_the_throttle_lets_them_pass_evenly() -> None:
    now, slept = 100.0, []

    def sleep(seconds: float) -> None:
        nonlocal now
        slept.append(round(seconds, 6))
        now += seconds

    throttle = Throttle(4, clock=lambda: now, sleep=sleep)
    for _ in range(3):
        throttle.wait()
    now += 10
    throttle.wait()
    throttle.wait()
    assert slept == [0.25, 0.25, 0.25]

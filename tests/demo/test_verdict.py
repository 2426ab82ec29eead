"""The verdict sees what is wrong, and names it: each test spoils one thing in a world that agrees."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from demo.reconcile import answers, judge
from demo.reconcile.facts import CANCELLED, PAID, PLACED, Buyer, Figure, Ledgers, Logged
from demo.reconcile.findings import Fault
from tests.demo.world import DECLINED, KNOWN, agreeing


@pytest.fixture
def ledgers() -> Ledgers:
    return agreeing()


def faults(ledgers: Ledgers) -> set[Fault]:
    return {finding.fault for finding in judge(ledgers, KNOWN).findings}


def test_what_agrees_is_found_to_agree(ledgers: Ledgers) -> None:
    assert judge(ledgers, KNOWN).findings == ()
    assert judge(ledgers, KNOWN).agrees


@pytest.mark.parametrize("index", range(10))
def test_any_event_missing_in_kafka_is_lost(ledgers: Ledgers, index: int) -> None:
    gone = ledgers.records.pop(index)
    lost = judge(ledgers).of(Fault.LOST)
    assert [finding.where for finding in lost] == ["Kafka"]
    assert gone.event_id in lost[0].what


def test_a_record_that_is_not_in_the_outbox_is_a_phantom(ledgers: Ledgers) -> None:
    ledgers.records.append(ledgers.records[-1]._replace(event_id="another", offset=99))
    assert faults(ledgers) == {Fault.PHANTOM}


def test_an_exact_repetition_is_counted_and_no_fault(ledgers: Ledgers) -> None:
    """What a relay sends again after a crash."""
    ledgers.records.extend(record._replace(offset=record.offset + 50) for record in ledgers.records[-2:])
    verdict = judge(ledgers, KNOWN)
    assert verdict.agrees
    assert verdict.resent == 2


def test_a_repetition_with_other_headers_is_different(ledgers: Ledgers) -> None:
    ledgers.records.append(ledgers.records[0]._replace(headers=(("ce_id", b"?"),), offset=99))
    assert faults(ledgers) == {Fault.DIFFERENT}


def test_a_payload_changed_by_one_byte_is_different(ledgers: Ledgers) -> None:
    first = ledgers.records[0]
    ledgers.records[0] = first._replace(payload=(first.payload or b"") + b" ")
    verdict = judge(ledgers, KNOWN)
    assert {finding.fault for finding in verdict.findings} == {Fault.DIFFERENT}
    assert first.event_id in str(verdict.findings[0])


def test_two_records_of_a_key_that_changed_places_are_out_of_order(ledgers: Ledgers) -> None:
    placed, paid = (
        index for index, record in enumerate(ledgers.records) if record.key == ledgers.records[2].key
    )
    ledgers.records[placed], ledgers.records[paid] = ledgers.records[paid], ledgers.records[placed]
    assert faults(ledgers) == {Fault.DISORDER}


def test_records_of_different_keys_may_change_places(ledgers: Ledgers) -> None:
    ledgers.records[0], ledgers.records[1] = ledgers.records[1], ledgers.records[0]
    assert faults(ledgers) == set()


def test_a_key_in_two_partitions_is_out_of_order(ledgers: Ledgers) -> None:
    ledgers.records[3] = ledgers.records[3]._replace(partition=1)
    assert faults(ledgers) == {Fault.DISORDER}


def test_paid_before_placed_is_out_of_order_even_if_the_outbox_says_so_too(ledgers: Ledgers) -> None:
    """Commit order is not taken on trust."""
    shop, records = ledgers.shop, ledgers.records
    placed, paid = shop.events[2], shop.events[3]
    assert (placed.type, paid.type) == (PLACED, PAID)
    shop.events[2:4] = [paid._replace(id=placed.id), placed._replace(id=paid.id)]
    records[2], records[3] = records[3], records[2]
    assert faults(ledgers) == {Fault.DISORDER}


def test_a_rolled_back_order_in_a_payload_is_seen(ledgers: Ledgers) -> None:
    first = ledgers.records[0]
    ledgers.records.append(
        first._replace(event_id="x", payload=b'{"order_id":"%s"}' % DECLINED.encode(), offset=99)
    )
    seen = judge(ledgers).of(Fault.ROLLED_BACK)
    assert [(finding.where, DECLINED in finding.what) for finding in seen] == [("Kafka", True)]


@pytest.mark.parametrize("where", ["outbox", "Kafka", "CRM", "analytics"])
def test_a_rolled_back_order_is_seen_wherever_it_is(ledgers: Ledgers, where: str) -> None:
    event, record = ledgers.shop.events[2], ledgers.records[2]
    match where:
        case "outbox":
            ledgers.shop.events.append(event._replace(event_id="x", key=DECLINED))
        case "Kafka":
            ledgers.records.append(record._replace(event_id="x", key=DECLINED))
        case "CRM":
            ledgers.crm.purchases.append(DECLINED)
        case "analytics":
            ledgers.analytics.log.append(Logged("x", PAID, DECLINED))
    assert where in {finding.where for finding in judge(ledgers).of(Fault.ROLLED_BACK)}


def test_an_order_whose_event_was_never_written_is_lost(ledgers: Ledgers) -> None:
    """Emitted outside the order's transaction, and the process died in between."""
    forgotten = next(event for event in ledgers.shop.events if event.type == PAID)
    shop = replace(ledgers.shop, events=[event for event in ledgers.shop.events if event != forgotten])
    lost = judge(replace(ledgers, shop=shop)).of(Fault.LOST)
    assert [(finding.where, forgotten.key in finding.what) for finding in lost] == [("outbox", True)]


def test_a_customer_missing_in_the_crm_is_lost(ledgers: Ledgers) -> None:
    del ledgers.crm.buyers[2]
    assert [finding.where for finding in judge(ledgers).of(Fault.LOST)] == ["CRM"]


def test_a_purchase_counted_twice_by_the_crm_is_applied_twice(ledgers: Ledgers) -> None:
    ada = ledgers.crm.buyers[1]
    ledgers.crm.buyers[1] = ada._replace(purchases=ada.purchases + 1, spent=ada.spent + Decimal("10.00"))
    assert Fault.TWICE in faults(ledgers)


@pytest.mark.parametrize(
    "change",
    [
        {"email": "eve@example.com"},
        {"spent": Decimal("35.01")},
        {"first": agreeing().crm.buyers[1].last},
        {"last": None},
    ],
    ids=lambda change: next(iter(change)),
)
def test_any_field_of_a_crm_row_that_differs_is_named(ledgers: Ledgers, change: dict[str, object]) -> None:
    ledgers.crm.buyers[1] = Buyer(**{**ledgers.crm.buyers[1]._asdict(), **change})
    verdict = judge(ledgers)
    assert [finding.fault for finding in verdict.findings] == [Fault.DIFFERENT]
    assert next(iter(change)) in verdict.findings[0].what


def test_an_event_logged_twice_by_analytics_is_applied_twice(ledgers: Ledgers) -> None:
    ledgers.analytics.log.append(ledgers.analytics.log[0])
    assert faults(ledgers) == {Fault.TWICE}


def test_an_event_that_analytics_never_logged_is_lost(ledgers: Ledgers) -> None:
    ledgers.analytics.log.pop()
    assert faults(ledgers) == {Fault.LOST}


def test_a_daily_figure_with_one_event_too_many_is_applied_twice(ledgers: Ledgers) -> None:
    day = next(day for day, type_ in ledgers.analytics.figures if type_ == PLACED)
    figure = ledgers.analytics.figures[day, PLACED]
    ledgers.analytics.figures[day, PLACED] = Figure(figure.events + 1, figure.revenue)
    assert faults(ledgers) == {Fault.TWICE}


def test_a_daily_revenue_off_by_a_cent_is_different(ledgers: Ledgers) -> None:
    day = next(day for day, type_ in ledgers.analytics.figures if type_ == PAID)
    figure = ledgers.analytics.figures[day, PAID]
    ledgers.analytics.figures[day, PAID] = Figure(figure.events, figure.revenue + Decimal("0.01"))
    assert faults(ledgers) == {Fault.DIFFERENT, Fault.TOTAL}


def test_figures_of_a_day_on_which_nothing_happened_are_seen(ledgers: Ledgers) -> None:
    day = min(day for day, _ in ledgers.analytics.figures) - timedelta(days=1)
    ledgers.analytics.figures[day, CANCELLED] = Figure(1, Decimal())
    assert faults(ledgers) == {Fault.TWICE}


@pytest.mark.parametrize("mailbox", ["welcomed", "mails"])
@pytest.mark.parametrize(
    "addresses",
    [
        ["ada@example.com"],
        ["ada@example.com", "bob@example.com", "bob@example.com"],
        ["ada@example.com", "eve@x.y"],
    ],
    ids=["one missing", "one twice", "one to somebody else"],
)
def test_each_customer_gets_one_welcome_mail(ledgers: Ledgers, mailbox: str, addresses: list[str]) -> None:
    spoilt = replace(ledgers, notifications=replace(ledgers.notifications, **{mailbox: addresses}))
    assert faults(spoilt) == {Fault.MAIL}


def test_totals_other_than_those_of_the_data_are_named(ledgers: Ledgers) -> None:
    verdict = judge(ledgers, KNOWN._replace(purchases=4))
    assert {finding.where for finding in verdict.of(Fault.TOTAL)} == {"shop", "Kafka", "CRM", "analytics"}


def test_the_answers_show_examples_and_how_many_more(ledgers: Ledgers) -> None:
    ledgers.records.clear()
    text = answers(judge(ledgers))
    assert "✗ lost:" in text
    assert "… and 8 more" in text
    assert "✓ phantom:" in text

"""What is done to the real databases, to Kafka and to the mails of a finished demo is found and named."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from kafka import KafkaProducer

import devstack
from demo.errors import ProcessEnded
from demo.purchases import Purchases
from demo.reconcile import Verdict
from demo.reconcile.findings import Fault
from demo.run import reconcile
from demo.screen import Screen
from demo.settling import settle
from demo.stage import Stage, staged
from demo.topology import ANALYTICS, CRM, SHOP, Service
from tests.waiting import wait_until


@pytest.fixture(scope="module")
def purchases() -> Purchases:
    return Purchases.cdnow(everything=False, limit=30)


@pytest.fixture(scope="module")
def stage(services: devstack.Stack, purchases: Purchases) -> Iterator[Stage]:
    """A demo whose purchases have arrived everywhere."""
    with staged(Screen()) as stage:
        replay = stage.processes.run(
            "replay", "replay_purchases", *purchases.arguments(), "--declined", "0.5"
        )
        wait_until(lambda: stage.processes.finished(replay), 60, "the replay")
        settle(stage.outbox, stage.broker, stage.processes, stage.screen)
        yield stage


@contextmanager
def changed(stage: Stage, service: Service, *statements: str) -> Iterator[None]:
    """Change a database as the statements say, and put it back."""
    with psycopg.connect(stage.topology.url(service)) as connection:
        tables = [
            statement.split()[2 if statement.startswith(("DELETE", "INSERT")) else 1]
            for statement in statements
        ]
        for table in set(tables):
            connection.execute(f"CREATE TABLE saved_{table} AS TABLE {table}")
        for statement in statements:
            assert connection.execute(statement).rowcount > 0
    try:
        yield
    finally:
        with psycopg.connect(stage.topology.url(service)) as connection:
            for table in set(tables):
                connection.execute(f"DELETE FROM {table}")
                connection.execute(f"INSERT INTO {table} SELECT * FROM saved_{table}")
                connection.execute(f"DROP TABLE saved_{table}")


def faults(verdict: Verdict) -> set[tuple[Fault, str]]:
    return {(finding.fault, finding.where) for finding in verdict.findings}


def test_an_untouched_demo_agrees(stage: Stage, purchases: Purchases) -> None:
    verdict = reconcile(stage, purchases)
    assert verdict.findings == ()
    assert verdict.declined > 0


def test_a_row_deleted_in_the_crm_is_lost(stage: Stage, purchases: Purchases) -> None:
    with changed(
        stage, CRM, "DELETE FROM crm_customer WHERE customer_id = (SELECT min(customer_id) FROM crm_customer)"
    ):
        assert (Fault.LOST, "CRM") in faults(reconcile(stage, purchases))


def test_a_purchase_booked_again_by_the_crm_is_applied_twice(stage: Stage, purchases: Purchases) -> None:
    again = "UPDATE crm_customer SET purchases = purchases + 1 WHERE purchases > 0"
    with changed(stage, CRM, again):
        assert (Fault.TWICE, "CRM") in faults(reconcile(stage, purchases))


def test_a_figure_of_analytics_that_was_changed_is_different(stage: Stage, purchases: Purchases) -> None:
    with changed(stage, ANALYTICS, "UPDATE analytics_daily SET revenue = revenue + 1"):
        assert (Fault.DIFFERENT, "analytics") in faults(reconcile(stage, purchases))


def test_an_order_that_the_shop_no_longer_has_is_a_phantom(stage: Stage, purchases: Purchases) -> None:
    last = "(SELECT id FROM shop_order ORDER BY created_at DESC LIMIT 1)"
    gone = f"DELETE FROM shop_orderline WHERE order_id = {last}", f"DELETE FROM shop_order WHERE id = {last}"
    with changed(stage, SHOP, *gone):
        assert {(Fault.PHANTOM, "outbox"), (Fault.PHANTOM, "CRM")} <= faults(reconcile(stage, purchases))


def test_a_mail_that_was_sent_again_is_seen(stage: Stage, purchases: Purchases) -> None:
    folder = stage.mails
    first = min(folder.glob("*.log"))
    copy = folder / "again.log"
    copy.write_bytes(first.read_bytes())
    try:
        assert faults(reconcile(stage, purchases)) == {(Fault.MAIL, "mailbox")}
    finally:
        copy.unlink()


def test_a_rolled_back_order_that_got_out_is_seen(stage: Stage, purchases: Purchases) -> None:
    """Sent to Kafka by hand; nothing takes it back, so this comes after the others."""
    with psycopg.connect(stage.topology.url(SHOP)) as connection:
        (order_id,) = connection.execute("SELECT order_id::text FROM shop_declinedpayment").fetchone() or (
            "",
        )
    producer = KafkaProducer(bootstrap_servers=stage.topology.bootstrap_servers)
    headers = [("ce_id", b"made-up"), ("ce_type", b"shop.order.paid")]
    producer.send(f"{stage.topology.prefix}shop.orders", b"{}", order_id.encode(), headers).get(timeout=60)
    producer.close()
    assert {(Fault.ROLLED_BACK, "Kafka"), (Fault.PHANTOM, "Kafka")} <= faults(reconcile(stage, purchases))


def test_a_process_that_dies_is_named_with_the_end_of_its_log(stage: Stage) -> None:
    crm = stage.processes.running["crm"]
    crm.kill()
    with pytest.raises(
        ProcessEnded, match=r"crm ended on its own \(killed by SIGKILL\)(?s:.*) crm: reading "
    ):
        stage.processes.check()

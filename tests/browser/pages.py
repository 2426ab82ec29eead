"""Every page that a person on call, or a customer of the example, may come to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import urlencode

from django.urls import reverse

from tests.browser.scene import Scene

Address = Callable[[Scene], str]


def _admin(name: str, *arguments: str, query: Mapping[str, str] | None = None) -> Address:
    """The address of a page of the admin; ``arguments`` are fields of the scene."""

    def address(scene: Scene) -> str:
        path = reverse(f"admin:{name}", args=[getattr(scene, each) for each in arguments])
        return f"{path}?{urlencode(query)}" if query else path

    return address


def _shop(name: str, *arguments: str) -> Address:
    return lambda scene: reverse(f"shop:{name}", args=[getattr(scene, each) for each in arguments])


OF_OUTBOX = {"topic": "shop.orders", "type": "shop.order.paid", "cause": "poison"}
A_RELEASE = {"verb": "release", "topic": "shop.orders"}
OF_INBOX = {"consumer": "crm", "topic": "shop.orders", "type": "shop.order.paid", "cause": "ValueError"}

A_BACKFILL = {"model": "shop.Customer", "rate": "1000", "reason": "INC-15"}
AN_AUDIT = {"topics": "shop.orders", "reason": "INC-17"}
A_MOVE = {"topic": "crm|shop.orders", "place": "time", "at": "2026-01-31T12:00", "reason": "INC-14"}

ADMIN: Mapping[str, Address] = {
    "outbox status": _admin("outbox_outboxstatus_changelist"),
    "divide the log": _admin("outbox_outboxstatus_shards", query={"count": "4", "reason": "INC-16"}),
    "outbox release group": _admin("outbox_outboxstatus_release_group", query=OF_OUTBOX),
    "outbox discard group": _admin("outbox_outboxstatus_discard_group", query=OF_OUTBOX),
    "events": _admin("outbox_outboxevent_changelist"),
    "search": _admin("outbox_outboxevent_changelist", query={"q": "customer-7", "by": "key"}),
    "event": _admin("outbox_outboxevent_change", "event"),
    "held event of the outbox": _admin("outbox_outboxevent_change", "pending"),
    "replay an event": _admin("outbox_outboxevent_replay", "event"),
    "correct an event": _admin("outbox_outboxevent_correct", "event"),
    "holds": _admin("outbox_hold_changelist"),
    "hold": _admin("outbox_hold_change", "hold"),
    "outbox ledger": _admin("outbox_ledger_changelist"),
    "entry of the outbox": _admin("outbox_ledger_change", "entry"),
    "operations of the outbox": _admin("outbox_operation_changelist"),
    "new operation of the outbox": _admin("outbox_operation_new", query=A_RELEASE),
    "operation of the outbox": _admin("outbox_operation_change", "operation"),
    "new backfill": _admin("outbox_operation_backfill", query=A_BACKFILL),
    "new audit": _admin("outbox_operation_audit", query=AN_AUDIT),
    "audit": _admin("outbox_operation_change", "audit"),
    "inbox status": _admin("inbox_inboxstatus_changelist"),
    "inbox release group": _admin("inbox_inboxstatus_release", query=OF_INBOX),
    "inbox discard group": _admin("inbox_inboxstatus_discard", query=OF_INBOX),
    "move a consumer": _admin("inbox_inboxstatus_seek", query=A_MOVE),
    "held events": _admin("inbox_heldevent_changelist"),
    "held event": _admin("inbox_heldevent_change", "held"),
    "processes": _admin("inbox_instance_changelist"),
    "operations of the inbox": _admin("inbox_operation_changelist"),
    "new operation of the inbox": _admin("inbox_operation_new", query=A_RELEASE | {"consumer": "crm"}),
    "inbox ledger": _admin("inbox_ledger_changelist"),
    "entry of the inbox": _admin("inbox_ledger_change", "inbox_entry"),
}
SHOP: Mapping[str, Address] = {
    "catalogue": _shop("catalogue"),
    "product": _shop("product", "product"),
    "basket": _shop("basket"),
    "checkout": _shop("checkout"),
    "account": _shop("account"),
    "order": _shop("order", "order"),
    "declined payment": _shop("declined", "declined"),
}
PAGES = {**ADMIN, **SHOP}

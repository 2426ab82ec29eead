"""The page of headers on the wire: every one that a record may have, with its meaning."""

from __future__ import annotations

import json
from typing import get_args

from docsite.reference import markdown
from outbox.write.attributes import RESERVED
from outbox_core.wire.encode import BinaryEncoder, Extension, Row

BINDING = "https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md"
HEAD = f"""# On the wire

Records follow the [CloudEvents 1.0 Kafka binding]({BINDING}).
In *binary* mode, the default, the payload is the value of the record, and headers describe it. In
*structured* mode (`RELAY["CONTENT_MODE"]`) the value is one JSON object that has both. The payload is its
`data`, or `data_base64` if it is not JSON. The other names are those below without `ce_`; `content-type` is
`datacontenttype` there. The key of the record is the key of the event. A deletion is a record without a
value (a tombstone), in binary mode always.
"""
TAIL = """
Extension attributes of your own are headers, too: `tenant` is sent as `ce_tenant`, and a handler of the
inbox finds it as `event.headers["tenant"]`. A name has 1 to 20 of a-z and 0-9, and the names above are
reserved. A value is 1 to 1,024 bytes of text without control characters. With `OUTBOX["KEY_ATTRIBUTES"]`
the key begins with the values of attributes, each with a colon behind it; in these, `%25` is `%` and `%3A`
is `:`.

A *re-send* happens after some failures: the same key, value, headers and `ce_id` at a new offset. A
*replay* is something else: an operator has an event sent again on purpose, with `ce_replay`
([outbox_replay](../how-to/replay.md)). The inbox passes such an event only to handlers with
`replays=True`, or with `--apply-replays` to all, once in each replay.
"""
MEANING = {
    "content-type": "The media type of the value.",
    "ce_specversion": "`1.0`.",
    "ce_id": "The id of the event. It stays the same however often the event is sent.",
    "ce_source": '`OUTBOX["SOURCE"]`. Source and id together identify an event.',
    "ce_type": "The type of the event, such as `shop.order.placed`.",
    "ce_time": "When the event was emitted, RFC 3339 in UTC.",
    "ce_subject": "What the event is about, if the event type declares it.",
    "ce_partitionkey": "The key of the record once more; only if `RELAY['EXTENSIONS']` has `partitionkey`.",
    "ce_sequence": "The event's id in the table, twenty digits. It grows, with gaps. "
    "`RELAY['EXTENSIONS']` may leave it out.",
    "ce_dataschema": "The schema of the payload, if the event type declares one.",
    "ce_dataversion": "The version of the event type, if it is not 1.",
    "ce_traceparent": "The trace that the event belongs to (W3C Trace Context).",
    "ce_tracestate": "What tracing systems add to the trace.",
    "ce_correlationid": "What a request and all that follows from it have in common.",
    "ce_causationid": "The id of the event whose handler emitted this one.",
    "ce_actor": "Who did it.",
    "ce_backfill": "`true` on an event that `outbox_backfill` wrote for a row that existed already.",
    "ce_replay": "The id of the replay in which an operator had the event sent again (see below).",
}
NOT_SENT = {"data", "datacontenttype"}
"""Attributes of the structured mode. In binary mode they are the value and ``content-type``."""


def page() -> str:
    rows = [(markdown.code(name), MEANING.get(name, "")) for name in sorted(found())]
    return f"{HEAD}\n{markdown.table(('Header', 'Meaning'), rows)}{TAIL}"


def found() -> set[str]:
    """The headers of a record that has every attribute with a meaning."""
    fixed = {name for name, _ in _encoded({})}
    others = {name for name in RESERVED if f"ce_{name}" not in fixed} - NOT_SENT
    return {name for name, _ in _encoded(dict.fromkeys(others, "x"))}


def _encoded(attributes: dict[str, str]) -> list[tuple[str, bytes]]:
    extensions = json.dumps(attributes)
    row = Row(
        1, "topic", "key", "type", "subject", "application/json", "id", b"{}", extensions, "time", "/source"
    )
    return BinaryEncoder("/source", get_args(Extension))(row).headers

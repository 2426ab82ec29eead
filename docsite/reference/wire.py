"""The page of headers on the wire: every one that the code knows, with its meaning."""

from __future__ import annotations

import ast
import re

from docsite.reference import markdown, sources

BINDING = "https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md"
HEAD = f"""# On the wire

Records follow the [CloudEvents 1.0 Kafka binding]({BINDING}).
In *binary* mode the payload is the value of the record, and what describes it is in headers. In *structured*
mode the value is one JSON object that has both. The key of the record is the key of the event. A deletion is
a record without a value (a tombstone).
"""
MEANING = {
    "content-type": "The media type of the value.",
    "ce_specversion": "`1.0`.",
    "ce_id": "The id of the event. It stays the same however often the event is sent.",
    "ce_source": '`OUTBOX["SOURCE"]`. Source and id together name an event.',
    "ce_type": "The type of the event, such as `shop.order.placed`.",
    "ce_time": "When the event was emitted, RFC 3339 in UTC.",
    "ce_subject": "What the event is about, where the event type says so.",
    "ce_partitionkey": "The key of the record once more, as text.",
    "ce_sequence": "The event's id in the table, twenty digits. It grows, with gaps.",
    "ce_dataschema": "The schema of the payload, where the event type names one.",
    "ce_dataversion": "The version of the event type, where it is above 1.",
    "ce_traceparent": "The trace that the event belongs to (W3C Trace Context).",
    "ce_tracestate": "What tracing systems add to the trace.",
    "ce_correlationid": "What a request and all that follows from it have in common.",
    "ce_causationid": "The id of the event whose handler emitted this one.",
    "ce_actor": "Who did it.",
    "ce_replay": "There on events that an operator has sent again.",
}
HEADER = re.compile(r"^(?:ce_[a-z]+|content-type)$")


def page() -> str:
    rows = [(markdown.code(name), MEANING.get(name, "")) for name in sorted(found() | known_extensions())]
    return f"{HEAD}\n{markdown.table(('Header', 'Meaning'), rows)}"


def found() -> set[str]:
    """The headers whose names stand in the code."""
    constants = (
        node.value.decode("latin-1") if isinstance(node.value, bytes) else node.value
        for tree in sources.trees().values()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes)
    )
    return {value for value in constants if HEADER.match(value)}


def known_extensions() -> set[str]:
    """The headers of the extension attributes that a context puts on an event."""
    return {f"ce_{name}" for name in _constants("context") if f"ce_{name}" in MEANING}


def _constants(module: str) -> set[str]:
    return {
        node.value
        for name, tree in sources.trees().items()
        if name.rpartition(".")[2] == module
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }

"""The trace that an event belongs to (W3C Trace Context)."""

from __future__ import annotations

from collections.abc import Mapping


def trace_id(headers: Mapping[str, str]) -> str:
    """The trace id of ``traceparent``, as 32 hexadecimal digits; empty if there is none."""
    parts = headers.get("traceparent", "").split("-")
    return parts[1] if len(parts) >= 4 and len(parts[1]) == 32 else ""

"""The attributes of a CloudEvent, by the names that Kafka's headers give them, and its content type. Pure."""

from __future__ import annotations

from functools import lru_cache

STRUCTURED = "application/cloudevents+json"
CONTENT_TYPE = "content-type"
MAX_NAME_BYTES = 1000  # of id and source, which are indexed


@lru_cache
def attribute(header: str) -> str | None:
    """The attribute in this header, or CONTENT_TYPE itself; None if the header is another program's."""
    small = header.lower()
    if small == CONTENT_TYPE:
        return CONTENT_TYPE
    return small[3:] if small.startswith("ce_") else None


@lru_cache
def is_structured(content_type: str) -> bool:
    """Whether a record of this content type holds the whole event in its value."""
    return content_type.lower().startswith("application/cloudevents")


@lru_cache
def is_json(content_type: str | None) -> bool:
    """Whether data of this type is JSON. Data without a content type counts as JSON."""
    essence = (content_type or "application/json").split(";")[0].strip().lower()
    return essence.endswith(("/json", "+json"))


def printable(raw: bytes | str) -> str:
    """These bytes as text that PostgreSQL can store and a person can read."""
    text = raw.decode("utf-8", "backslashreplace") if isinstance(raw, bytes) else raw
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", "\\x00").encode("utf-8", "backslashreplace").decode()

"""Reads the JSON documents that relays and audits store for the status."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")


def stored(document: Mapping[str, Any] | str | None, kind: type[T]) -> T | None:
    """The document as this type; None if nobody has stored one yet. Django's connections return it as text,
    others as a mapping.
    """
    if document is None:
        return None
    if isinstance(document, str):
        return msgspec.json.decode(document, type=kind)
    return msgspec.convert(document, kind)

"""The events of the tests' app."""

from __future__ import annotations

from dataclasses import dataclass

import outbox


@outbox.event("test.parcel.saved", topic="test.parcels", key="parcel_id", version=2, subject="code")
@dataclass(frozen=True, slots=True, kw_only=True)
class ParcelSaved:
    parcel_id: int
    code: str
    weight: int = 0
    created: bool = False


@outbox.event("test.parcel.deleted", topic="test.parcels", key="parcel_id", tombstone=True)
@dataclass(frozen=True, slots=True, kw_only=True)
class ParcelDeleted:
    parcel_id: int


@outbox.event("test.note", topic="test.notes", key="about")
@dataclass(frozen=True, slots=True)
class Note:
    about: str
    text: str = ""


@outbox.event("test.turn", topic="test.turns", key="about", serialize=True)
@dataclass(frozen=True, slots=True)
class Turn:
    about: str

"""The fields of the shop's events that are needed here."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CustomerRegistered:
    customer_id: int
    username: str
    email: str
    name: str


@dataclass(frozen=True, slots=True)
class CustomerDeleted:
    customer_id: int

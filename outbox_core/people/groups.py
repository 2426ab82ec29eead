"""A failure group as both status pages show it: its text, and links to what this user may do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest

from outbox_core.operations.report import Cause
from outbox_core.people.humanize import amount, duration
from outbox_core.people.text import line

FIELDS = ("consumer", "cause", "topic", "type", "database")
"""What names a group in a form."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A link that is empty is not offered."""

    cause: Cause
    database: str = ""
    sample_url: str = ""
    release_url: str = ""
    discard_url: str = ""
    resume_url: str = ""
    note: str = ""
    with_detail: bool = True

    @property
    def consumer(self) -> str:
        return line(self.cause.consumer)

    @property
    def reason(self) -> str:
        return line(self.cause.reason)

    @property
    def topic(self) -> str:
        return line(self.cause.topic)

    @property
    def type(self) -> str:
        return line(self.cause.type)

    @property
    def detail(self) -> str:
        return line(self.cause.detail, 300) if self.with_detail else ""

    @property
    def sample(self) -> str:
        return line(self.cause.sample, 200)

    @property
    def keys(self) -> str:
        return amount(self.cause.keys, capped=self.cause.capped)

    @property
    def events(self) -> str:
        return amount(self.cause.events, capped=self.cause.capped)

    @property
    def first(self) -> str:
        return f"{duration(self.cause.oldest)} ago"

    @property
    def last(self) -> str:
        return f"{duration(self.cause.newest)} ago"

    @property
    def attempts(self) -> str:
        return amount(self.cause.attempts) if self.cause.attempts else "-"


def named(cause: Cause, database: str = "") -> dict[str, str]:
    """The fields of a form that name the group of this cause."""
    values = (cause.consumer, cause.reason, cause.topic, cause.type, database)
    return {name: value for name, value in zip(FIELDS, values, strict=True) if value or name == "type"}


def link(url: str, cause: Cause, database: str = "") -> str:
    """The address of the page that asks before it changes this group."""
    return f"{url}?{urlencode(named(cause, database))}"


def may(request: HttpRequest, permission: str) -> bool:
    return bool(request.user.has_perm(permission))


def context(groups: Sequence[Group]) -> dict[str, Any]:
    """For the template: the groups, and whether any of them has an action."""
    acting = any(each.release_url or each.discard_url or each.resume_url for each in groups)
    return {"groups": groups, "acting": acting}

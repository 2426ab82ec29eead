"""Filters that the templates of both admins use."""

from __future__ import annotations

from collections.abc import Iterator

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from outbox_core.people import humanize as words
from outbox_core.people.text import line


def library() -> template.Library:
    """A library of these filters, to which an app adds its own."""
    register = template.Library()
    for each in (duration, milliseconds, amount, plain, code):
        register.filter(each)
    return register


def duration(seconds: float | None) -> str:
    """``3 min 20 s``, without a line break; a dash for None."""
    return "-" if seconds is None else words.duration(seconds).replace(" ", "\N{NO-BREAK SPACE}")


def milliseconds(number: float | None) -> str:
    """``22 ms``, or ``1.5 s`` above a second, without a line break; a dash for None."""
    return "-" if number is None else words.milliseconds(number).replace(" ", "\N{NO-BREAK SPACE}")


def amount(number: float | None, capped: bool = False) -> str:
    """``1,234``, ``10,000+`` where capped; a dash for None."""
    return "-" if number is None else words.amount(number, capped=capped)


def plain(value: object) -> str:
    """On one line, with control characters escaped."""
    return line(value, 1_000)


def code(text: str) -> SafeString:
    """Text between backticks as code."""
    return format_html_join("", "{}", [(part,) for part in _parts(text)])


def _parts(text: str) -> Iterator[str]:
    for place, part in enumerate(text.split("`")):
        yield format_html("<code>{}</code>", part) if place % 2 else part

"""Pieces of HTML that several pages of the outbox share."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from outbox_core.people.humanize import duration


def badge(status: str, tone: str = "") -> SafeString:
    """A status as a coloured word, in the colour of the status or of ``tone``."""
    return format_html('<span class="outbox-badge outbox-{}">{}</span>', tone or status, status)


def ago(moment: datetime) -> SafeString:
    """How long ago, with the time itself as a tooltip."""
    age = duration((timezone.now() - moment).total_seconds())
    return format_html(
        '<time class="outbox-ago" datetime="{}" title="{}">{} ago</time>', moment.isoformat(), moment, age
    )


def pairs(rows: Iterable[tuple[str, str]]) -> SafeString:
    """A table of names and values."""
    return wide(
        "Names and values",
        format_html(
            '<table class="outbox-pairs">{}</table>',
            format_html_join("", '<tr><th scope="row">{}</th><td>{}</td></tr>', rows),
        ),
    )


def wide(name: str, table: SafeString) -> SafeString:
    """A table that may be wider than a phone: it scrolls by itself, also by keyboard."""
    return format_html(
        '<div class="outbox-wide-table" role="region" tabindex="0" aria-label="{}">{}</div>', name, table
    )

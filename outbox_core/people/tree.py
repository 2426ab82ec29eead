"""JSON as a tree that opens and closes, from a text that is already without secrets."""

from __future__ import annotations

import json

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from outbox_core.people.text import escape, line

MOST = 2_000
"""A tree of more nodes is no help."""
OPEN = 2
"""Levels that are open at first."""


class Digits(str):
    """A number as it is written."""

    __slots__ = ()


def tree(text: str) -> SafeString | None:
    """None where the text is no object or list, or too large."""
    try:
        data = json.loads(text, parse_float=Digits, parse_int=Digits)
    except (ValueError, RecursionError):
        return None
    if not isinstance(data, dict | list) or _size(data) > MOST:
        return None
    return format_html('<div class="outbox-tree">{}</div>', _branches(data, 1))


def _size(data: object) -> int:
    inside = data.values() if isinstance(data, dict) else data if isinstance(data, list) else ()
    return 1 + sum(map(_size, inside))


def _branches(data: dict[str, object] | list[object], level: int) -> SafeString:
    named = (
        data.items() if isinstance(data, dict) else ((str(place), each) for place, each in enumerate(data))
    )
    return format_html(
        "<ul>{}</ul>", format_html_join("", "<li>{}</li>", ((_node(*each, level),) for each in named))
    )


def _node(name: str, value: object, level: int) -> SafeString:
    shown = line(name, 200)
    if not isinstance(value, dict | list) or not value:
        return format_html('<span class="outbox-name">{}</span> {}', shown, _leaf(value))
    kind = f"{{{len(value)}}}" if isinstance(value, dict) else f"[{len(value)}]"
    return format_html(
        '<details{}><summary><span class="outbox-name">{}</span> {}</summary>{}</details>',
        mark_safe(" open") if level < OPEN else "",
        shown,
        kind,
        _branches(value, level + 1),
    )


def _leaf(value: object) -> str:
    if isinstance(value, Digits):
        return str(value)
    return escape(json.dumps(value, ensure_ascii=False))

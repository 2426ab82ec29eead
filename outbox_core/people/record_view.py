"""A record as HTML: its headers and its payload, as far as the user may see them."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from outbox_core.people.markup import pairs
from outbox_core.people.payload import headers, pretty
from outbox_core.people.redaction import Redactor
from outbox_core.people.text import escape
from outbox_core.people.tree import tree


def headers_table(
    topic: str, key: bytes | None, sent: Iterable[tuple[str, bytes | None]], redactor: Redactor
) -> SafeString:
    """Topic, key and headers."""
    shown_key = "" if key is None else escape(redactor.text(key.decode(errors="backslashreplace")))
    return pairs([("(topic)", escape(topic)), ("(key)", shown_key), *headers(sent, redactor)])


def payload_block(payload: bytes | None, content_type: str, redactor: Redactor, *, raw: bool) -> SafeString:
    """The payload and a note on it. ``raw``: the user may see what cannot be parsed."""
    shown = pretty(payload, redactor, content_type, raw=raw)
    return format_html(
        '<div>{}{}<p class="outbox-note">{} {}</p></div>',
        tree(shown.text) or "",
        _text(shown.text) if shown.text else "",
        escape(content_type),
        shown.note,
    )


def _text(text: str) -> SafeString:
    """With a button that copies it, which a script makes work."""
    return format_html(
        '<details class="outbox-text"{}><summary>Text</summary>'
        '<button type="button" class="button outbox-copy" hidden>Copy</button>'
        '<pre class="outbox-payload">{}</pre></details>',
        "" if tree(text) else mark_safe(" open"),
        text,
    )

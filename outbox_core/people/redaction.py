"""Hides secrets where people look at events: by name, by shape, and inside texts.

Kafka gets the original. What cannot be parsed is hidden completely. Pure.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import unquote_plus

from outbox_core.people import secrets
from outbox_core.people.names import SecretNames

HIDDEN = "••••••"
MAX_DEPTH = 60
NAMED_BY = frozenset(
    {"name", "key", "field", "fieldname", "attribute", "attr", "header", "param", "parameter", "property"}
    | {"k", "id", "label", "title", "setting", "column", "type", "code", "path"}
)
VALUED_BY = (
    "value",
    "val",
    "content",
    "data",
    "text",
    "v",
    "old",
    "new",
    "before",
    "after",
    "from",
    "to",
    "default",
)


class Redactor:
    """Hides the values of secret names (``more`` adds names) and values that look like a secret.

    ``hidden`` counts them.
    """

    def __init__(self, more: Sequence[str] = ()) -> None:
        self._names = SecretNames(more)
        self.hidden = 0

    def hides(self, name: str) -> bool:
        """Whether the value of this name is a secret."""
        return name in self._names

    def value(self, name: str, value: str) -> str:
        """The value of a header or column as it may be shown."""
        return self._hide() if self.hides(name) else self.text(value)

    def tree(self, data: object, depth: int = 0) -> object:
        """A copy of parsed JSON without the secrets, at any depth."""
        if depth > MAX_DEPTH:
            return self._hide()
        if isinstance(data, dict):
            return self._object(data, depth + 1)
        if isinstance(data, list):
            return list(self._list(data, depth + 1))
        if isinstance(data, str):
            return self.text(data, depth + 1)
        return data

    def number(self, digits: str) -> str | None:
        """The digits of a JSON number. None if they are the number of a payment card."""
        if not secrets.is_card(digits):
            return digits
        self.hidden += 1
        return None

    def text(self, text: str, depth: int = 0) -> str:
        """A string without the secrets in it: JSON in JSON, a form, a URL, a header, a sentence."""
        inner = _json_in(text)
        if inner is not None and depth <= MAX_DEPTH:
            return self._nested(text, inner, depth)
        if self._names_a_secret(text) or self._encodes_a_secret(text, depth):
            return self._hide()
        shown, count = secrets.hide_shapes(text, HIDDEN)
        self.hidden += count
        return self._assignments(shown)

    def _nested(self, text: str, inner: object, depth: int) -> str:
        before = self.hidden
        clean = self.tree(inner, depth + 1)
        return text if self.hidden == before else json.dumps(clean, ensure_ascii=False)

    def _object(self, data: dict[str, object], depth: int) -> dict[str, object]:
        pair = self._is_pair(data)
        return {
            self.text(name, depth): self._hide()
            if value is not None and (self.hides(name) or (pair and secrets.plain(name) not in NAMED_BY))
            else self.tree(value, depth)
            for name, value in data.items()
        }

    def _is_pair(self, data: Mapping[str, object]) -> bool:
        """``{"name": "password", "value": …}``, in any of its spellings."""
        names = {secrets.plain(name): value for name, value in data.items()}
        named = any(
            isinstance(value, str) and self.hides(value) for name, value in names.items() if name in NAMED_BY
        )
        return named and any(
            name.startswith(VALUED_BY) or name.endswith("value") for name in names.keys() - NAMED_BY
        )

    def _list(self, data: list[object], depth: int) -> Iterator[object]:
        """The item behind a secret name is its value: ``["password", "hunter2"]``."""
        follows = False
        for item in data:
            yield self._hide() if follows else self.tree(item, depth)
            follows = not follows and isinstance(item, str) and self.hides(item)

    def _names_a_secret(self, text: str) -> bool:
        """Whether markup, a quoted name or a multipart form in the text names a secret. Then all of it is
        hidden.
        """
        return any(self.hides(name) for name in secrets.quoted_names(text))

    def _encodes_a_secret(self, text: str, depth: int) -> bool:
        if depth > MAX_DEPTH:
            return True
        decoded = _decoded(text)
        if decoded is None or decoded == text:
            return False
        trial = Redactor()
        trial._names = self._names
        trial.text(decoded, depth + 10)
        return bool(trial.hidden)

    def _assignments(self, text: str) -> str:
        """``password=…``, ``pwd: …``: up to the next field of a form, otherwise to the end of the line."""
        shown, at = [], 0
        for name, begin, end in secrets.assignments(text):
            if begin >= at and self.hides(unquote_plus(name)) and not text[begin:end].startswith(HIDDEN):
                shown += [text[at:begin], self._hide()]
                at = end
        return "".join([*shown, text[at:]])

    def _hide(self) -> str:
        self.hidden += 1
        return HIDDEN


def _json_in(text: str) -> object:
    """The object, list or string if the text is JSON of one; otherwise None."""
    stripped = text.strip()
    if stripped[:1] not in ("{", "[", '"') or len(stripped) < 2:
        return None
    try:
        found: object = json.loads(stripped)
    except (ValueError, RecursionError):
        return None
    return found


def _decoded(text: str) -> str | None:
    """The text in a percent-encoded or base64 string, if it is text."""
    if "%" in text:
        return unquote_plus(text)
    packed = text.strip()
    if not secrets.BASE64.fullmatch(packed):
        return None
    try:
        data = base64.b64decode(packed.translate({45: 43, 95: 47}) + "=" * (-len(packed) % 4), validate=True)
        decoded = data.decode()
    except (binascii.Error, ValueError):
        return None
    return (
        decoded
        if decoded.lstrip()[:1] in ("{", "[", "<") or ("=" in decoded and decoded.isprintable())
        else None
    )

"""A payload as a text that a person may edit, in which secrets are numbered placeholders. Pure."""

from __future__ import annotations

import re
from typing import NamedTuple

import msgspec

from outbox_core.errors import NotEditable
from outbox_core.people.leaves import Path, leaves
from outbox_core.people.payload import MAX_TEXT, exact, indented, without_secrets
from outbox_core.people.redaction import HIDDEN, Redactor
from outbox_core.people.text import in_json, line

PLACEHOLDER = re.compile(rf"{HIDDEN} ([1-9][0-9]{{0,5}})")


class Hidden(NamedTuple):
    """A value behind a placeholder, and what people see of it elsewhere."""

    value: object
    shown: object


class Editable:
    """``text`` is the payload of an event for a form. Raises NotEditable for one that is no JSON, too large,
    or has a secret as the name of a member.
    """

    def __init__(self, payload: bytes, redactor: Redactor) -> None:
        self._redactor = redactor
        self._hidden: list[Hidden] = []
        try:
            data, shown = exact(payload), without_secrets(payload, redactor)
        except (ValueError, RecursionError) as error:
            raise NotEditable(f"Its payload cannot be read as JSON: {line(error)}.") from error
        self.text = in_json(indented(self._masked(data, shown)))
        if len(self.text) > MAX_TEXT:
            raise NotEditable(f"Its payload has more than {MAX_TEXT:,} characters.")

    def payload(self, text: str) -> bytes:
        """The payload that an edited text means: each placeholder is its value again. Raises ValueError for
        what is no JSON, and for a placeholder that stands where its value would no longer be hidden.
        """
        used: dict[Path, Hidden] = {}
        try:
            data = self._restored(exact(text), (), used)
            payload = msgspec.json.encode(data)
            if used:
                self._require_hidden(payload, used)
        except RecursionError as error:
            raise ValueError("it is nested too deeply") from error
        return payload

    def _masked(self, data: object, shown: object) -> object:
        if isinstance(data, dict) and isinstance(shown, dict):
            if data.keys() != shown.keys():
                raise NotEditable("The name of a member in its payload holds a secret.")
            return {name: self._masked(value, shown[name]) for name, value in data.items()}
        if isinstance(data, list) and isinstance(shown, list):
            return [self._masked(*pair) for pair in zip(data, shown, strict=True)]
        if data == shown and not (isinstance(data, str) and HIDDEN in data):
            return data
        self._hidden.append(Hidden(data, shown))
        return f"{HIDDEN} {len(self._hidden)}"

    def _restored(self, data: object, path: Path, used: dict[Path, Hidden]) -> object:
        if isinstance(data, dict):
            return {name: self._restored(value, (*path, name), used) for name, value in data.items()}
        if isinstance(data, list):
            return [self._restored(value, (*path, number), used) for number, value in enumerate(data)]
        if isinstance(data, str) and HIDDEN in data:
            used[path] = self._of(data)
            return used[path].value
        return data

    def _of(self, text: str) -> Hidden:
        found = PLACEHOLDER.fullmatch(text)
        if found is None or int(found[1]) > len(self._hidden):
            raise ValueError(f"'{line(text, 100)}' is no placeholder of this payload")
        return self._hidden[int(found[1]) - 1]

    def _require_hidden(self, payload: bytes, used: dict[Path, Hidden]) -> None:
        found = leaves(payload, self._redactor)
        for path, hidden in used.items():
            above = [found[path[:length]] for length in range(len(path) + 1) if path[:length] in found]
            if not any(leaf.shown in (HIDDEN, hidden.shown) for leaf in above):
                name = self._hidden.index(hidden) + 1
                raise ValueError(f"'{HIDDEN} {name}' stands where its value would not be hidden")

"""The values of a payload, each with the text that may be shown of it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec

from outbox_core.people.payload import exact, without_secrets
from outbox_core.people.redaction import Redactor
from outbox_core.people.text import line

Step = str | int
Path = tuple[Step, ...]
MOST = 100
"""The most changes that are kept."""
LONGEST = 200


class Leaf(NamedTuple):
    """A value without members, or one whose members are hidden: it, and ``shown`` of it. ``name`` is its
    path for people: ``$.lines[0].total``.
    """

    path: Path
    name: str
    value: object
    shown: object

    @property
    def is_hidden(self) -> bool:
        return self.value != self.shown

    @property
    def text(self) -> str:
        return line(msgspec.json.encode(self.shown).decode(), LONGEST)


def leaves(payload: bytes, redactor: Redactor) -> dict[Path, Leaf]:
    """The leaves of a payload by their path. Raises ValueError or RecursionError for what is no JSON."""
    found = _walk((), "$", exact(payload), without_secrets(payload, redactor))
    return {leaf.path: leaf for leaf in found}


def lost(given: bytes, written: bytes) -> str:
    """The path of a value for which ``written`` has no place, such as a field that a type does not have.
    Empty if there is none.
    """
    data, kept = exact(given), exact(written)
    places = {leaf.path for leaf in _walk((), "$", kept, kept)}
    places |= _above(places)
    return next((leaf.name for leaf in _walk((), "$", data, data) if leaf.path not in places), "")


def changes(before: bytes, after: bytes, redactor: Redactor) -> dict[str, str]:
    """What differs, without secrets: ``{"$.total": "1.10 → 1.20"}``. At most ``MOST`` of them. An ellipsis
    stands for a value with members, which have lines of their own.
    """
    old, new = leaves(before, redactor), leaves(after, redactor)
    inner_old, inner_new = _above(old), _above(new)
    found = {}
    for path, leaf in (old | new).items():
        was, now = old.get(path), new.get(path)
        if was is None or now is None or was.value != now.value:
            found[leaf.name] = f"{_text(path, was, inner_old)} → {_text(path, now, inner_new)}"
    if len(found) > MOST:
        return {**dict([*found.items()][:MOST]), "…": f"and {len(found) - MOST:,} more"}
    return found


def _above(found: Iterable[Path]) -> set[Path]:
    """The paths of values that have members."""
    return {path[:length] for path in found for length in range(len(path))}


def _text(path: Path, leaf: Leaf | None, inner: set[Path]) -> str:
    if leaf is not None:
        return leaf.text
    return "…" if path in inner else "missing"


def _walk(path: Path, name: str, data: object, shown: object) -> Iterator[Leaf]:
    if isinstance(data, dict) and data and isinstance(shown, dict) and len(shown) == len(data):
        for (step, value), (seen_step, seen) in zip(data.items(), shown.items(), strict=True):
            yield from _walk((*path, step), f"{name}.{line(seen_step, 100)}", value, seen)
    elif isinstance(data, list) and data and isinstance(shown, list):
        for number, (value, seen) in enumerate(zip(data, shown, strict=True)):
            yield from _walk((*path, number), f"{name}[{number}]", value, seen)
    else:
        yield Leaf(path, name, data, shown)

"""The result of a bulk action in the admin, in sentences. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from outbox_core.operations.bulk import Tally
from outbox_core.people.humanize import plural


def sentences(verb: str, noun: str, tally: Tally, command: str, then: str = "") -> Iterator[str]:
    """``Released 3 holds: …``. If the request could not finish, it names the command that does the rest."""
    if tally.done:
        yield f"{verb} {plural(tally.done, noun)}{then}."
    if tally.skipped:
        yield f"Not changed: {plural(tally.skipped, noun)}, which are being released."
    if not tally.done and not tally.skipped:
        yield f"Nothing was {verb.lower()}: it is no longer held, or is being released already."
    if not tally.complete:
        yield f"One request cannot do all of it. Repeat it, or run the command for the rest: {command}"

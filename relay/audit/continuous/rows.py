"""Whether the log still has the events that are proved."""

from __future__ import annotations

from collections.abc import Iterator

from relay.audit.compared import Compared
from relay.audit.findings import Difference, Wrong
from relay.audit.ids import BITS, PAGE_IDS, IdSet
from relay.audit.log import Log

NEWEST, OLDER = 32, 32
"""How many pages of ids are looked at in each cycle: the newest always, older ones by turns."""
MOST_PAGES = 4_096
"""The most pages that are remembered: about 268 million events, 32 MiB for each set."""


class Rows:
    """Looks at the events that were found to be published; they are among the ``known`` ones. Retention
    deletes from the beginning of the log, so only what is missing behind the first published event was
    deleted by somebody.
    """

    def __init__(self, log: Log, both: Compared, known: IdSet) -> None:
        self._log = log
        self._ids = both.expected.ids
        self._known = known
        self._sets = (both.expected.ids, both.checker.seen, known)
        self._findings = both.findings
        self._absent: set[int] = set()
        self._older_than = 0

    def steps(self) -> Iterator[None]:
        """Look at some pages. What is absent twice is a difference: once, two sessions of ``outbox_prune``
        may be deleting rows, and the one that is ahead has committed first.
        """
        self._forget()
        absent: set[int] = set()
        for page in self._pages():
            absent |= self._absent_of(page)
            yield
        for number in sorted(absent & self._absent):
            self._add(number)
        self._absent = absent - self._absent

    def _forget(self) -> None:
        """Forget what retention has deleted, and the oldest if there are too many."""
        first, pages = self._log.horizon(), self._known.pages
        begin = first.id if first is not None else (pages[-1] + 1) * PAGE_IDS if pages else 0
        if len(pages) > MOST_PAGES:
            begin = max(begin, pages[-MOST_PAGES] * PAGE_IDS)
        for each in self._sets:
            each.drop_below(begin)

    def _pages(self) -> set[int]:
        pages = self._ids.pages
        older = [page for page in pages[:-NEWEST] if page < self._older_than] or pages[:-NEWEST]
        turn = older[-OLDER:]
        self._older_than = turn[0] if turn else 0
        return {*pages[-NEWEST:], *turn, *(number >> BITS for number in self._absent)}

    def _absent_of(self, page: int) -> set[int]:
        if self._log.count(page, self._ids.bits(page)) == self._ids.count(page):
            return set()
        there = self._log.ids(page)
        return {number for number in self._ids.of(page) if number not in there}

    def _add(self, number: int) -> None:
        self._ids.remove(number)
        self._findings.add(
            Difference(
                wrong=Wrong.PHANTOM,
                event_id="",
                topic="",
                key="",
                where=f"#{number} of the outbox",
                detail="its row was deleted",
            )
        )

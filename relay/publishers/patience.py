"""How long to wait for the answer to a question, how much to ask at once, and how soon to ask again. Pure."""

from __future__ import annotations

LEAST_SECONDS = 5.0
"""The shortest time without an answer after which a question is asked again on a new connection."""
SLOW_SECONDS = 1.0
"""An answer that takes longer comes over a slow link."""
REST = 5
"""A question that is asked in the background over a slow link is not asked again for so many times as long as
the last answer took, because acknowledgements pass the same link.
"""
MOST_TOPICS = 1_000


class Patience:
    """Learns from the answers to one kind of question.

    A question is given up after ``seconds``: first after half of ``most_seconds``, later after up to three
    times as many, because a link with a latency of seconds needs them. ``portion`` is about how many topics
    it may ask: one that was given up is asked in halves. ``rest`` is how long a question in the
    background then waits, 0 on a link that is not slow.
    """

    def __init__(self, most_seconds: float) -> None:
        self._least = self.seconds = max(most_seconds / 2, LEAST_SECONDS)
        self.portion = MOST_TOPICS
        self.rest = 0.0

    def answered(self, count: int, seconds: float) -> None:
        """The answer about ``count`` topics came after so many seconds."""
        if seconds < self._least / 4:
            self.portion = min(max(self.portion, 2 * count), MOST_TOPICS)
        self.seconds = max(self._least, min(2 * seconds, 6 * self._least))
        self.rest = REST * seconds if seconds > SLOW_SECONDS else 0.0

    def given_up(self, count: int) -> None:
        """No answer about ``count`` topics came in time."""
        self.portion = max(1, count // 2)
        self.seconds = min(2 * self.seconds, 6 * self._least)
        self.rest = REST * self._least

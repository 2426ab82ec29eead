"""What the demo prints: phases with their times, and progress bars. If standard output is not a terminal, a
bar is a few plain lines.
"""

from __future__ import annotations

import os
import sys
import textwrap
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NoReturn

from tqdm import tqdm

INDENT = "   "
FORMAT = INDENT + "{desc:<24} {percentage:3.0f}% {bar} {n_fmt}/{total_fmt} [{elapsed}]"
PLAIN_STEPS = 4
REDRAW_SECONDS = 0.5
COLOURS = {"✓": 32, "✗": 31}


@dataclass(slots=True)
class Bar:
    """How much of something is done."""

    label: str
    total: int
    _tqdm: tqdm[NoReturn] = field(repr=False)
    _done: int = 0

    def to(self, done: int, total: int | None = None) -> None:
        """Show that so much is done, of a total that may only be known by now."""
        if total is not None and total != self.total:
            self.total = self._tqdm.total = total
        step, before = (
            done * PLAIN_STEPS // max(1, self.total),
            self._done * PLAIN_STEPS // max(1, self.total),
        )
        self._done = done
        if not self._tqdm.disable:
            self._draw(min(done, self.total))
        elif step > before:
            tqdm.write(f"{INDENT}{self.label}: {done:,} of {self.total:,}", file=sys.stdout)
            sys.stdout.flush()

    def _draw(self, done: int) -> None:
        idle = time.time() - self._tqdm.last_print_t
        if done != self._tqdm.n or idle > REDRAW_SECONDS:
            self._tqdm.n = done
            self._tqdm.last_print_t = time.time()
            self._tqdm.refresh()


@dataclass(slots=True)
class Screen:
    """Standard output, and how long each phase took."""

    seconds: dict[str, float] = field(default_factory=dict)

    def say(self, text: str = "") -> None:
        """Print lines below the heading of the phase, above a bar if there is one."""
        for line in text.splitlines() or [""]:
            tqdm.write(_coloured(f"{INDENT}{line}".rstrip()), file=sys.stdout)
        sys.stdout.flush()

    def wrap(self, label: str, words: Iterable[str]) -> None:
        """Print words behind a label, on as many lines as they need."""
        indent = " " * len(label)
        self.say(
            textwrap.fill(
                " ".join(words), 76, initial_indent=label, subsequent_indent=indent, break_on_hyphens=False
            )
        )

    @contextmanager
    def phase(self, title: str) -> Iterator[None]:
        """Print the heading and, at the end, note the time that it took."""
        tqdm.write(f"\n{len(self.seconds) + 1}. {title}", file=sys.stdout)
        sys.stdout.flush()
        started = time.monotonic()
        yield
        self.seconds[title] = time.monotonic() - started

    @contextmanager
    def bar(self, label: str, total: int) -> Iterator[Bar]:
        # disable=None: no bar where the file is no terminal
        with tqdm(
            total=total,
            desc=label,
            bar_format=FORMAT,
            file=sys.stdout,
            disable=None,
            dynamic_ncols=True,
            leave=True,
        ) as shown:
            yield Bar(label, total, shown)

    def summary(self) -> str:
        """The time of each phase, in a line or two."""
        parts = [f"{title.lower()} {seconds:.1f} s" for title, seconds in self.seconds.items()]
        return textwrap.fill(f"{sum(self.seconds.values()):.1f} s in all: {', '.join(parts)}", 76)


def _coloured(line: str) -> str:
    """Green for what is right, red for what is not, on a terminal that allows it (no-color.org)."""
    colour = COLOURS.get(line.strip()[:1])
    return (
        f"\x1b[{colour}m{line}\x1b[0m"
        if colour and sys.stdout.isatty() and "NO_COLOR" not in os.environ
        else line
    )

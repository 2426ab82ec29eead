"""Numbers and durations as people read them. Pure."""

from __future__ import annotations

_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


def duration(seconds: float) -> str:
    """Two units at most: ``0.4 s``, ``12 s``, ``3 min 20 s``, ``2 h 5 min``, ``9 d``."""
    if seconds < 10:
        return f"{max(seconds, 0.0):.1f} s"
    left = round(seconds)
    words: list[str] = []
    for unit, size in _UNITS:
        count, left = divmod(left, size)
        if count or words:
            words.append(f"{count} {unit}" if count else "")
        if len(words) == 2:
            break
    return " ".join(filter(None, words))


def milliseconds(number: float) -> str:
    """``22 ms``; above a second, a duration."""
    return f"{number:.0f} ms" if number < 1_000 else duration(number / 1_000)


def amount(number: float, *, capped: bool = False) -> str:
    """``1,234``; ``10,000+`` if it was counted only so far; ``0.25`` below ten."""
    whole = number >= 10 or number == int(number)
    return (f"{number:,.0f}" if whole else f"{number:.2g}") + ("+" if capped else "")


def plural(number: float, noun: str, *, capped: bool = False) -> str:
    """``1 event``, ``3 events``, ``10,000+ events``."""
    return f"{amount(number, capped=capped)} {noun}" + ("" if number == 1 and not capped else "s")

"""Suggests a known name for an unknown one."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """``Did you mean 'x'?``, or an empty text. Ignores case and separators."""
    plain = {_plain(each): each for each in known}
    close = get_close_matches(_plain(name), plain, n=1)
    return f"Did you mean {plain[close[0]]!r}?" if close else ""


def _plain(name: str) -> str:
    return name.lower().replace(".", "_").replace("-", "_")

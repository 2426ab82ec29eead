"""Chooses how to get a service: the first way that works on this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from devstack.console import announce
from devstack.errors import DevstackError, Unavailable

S = TypeVar("S")


def first_available(ways: Iterable[Callable[[], S]]) -> S:
    """What the first way that is not Unavailable returns; says which it is, and why no earlier one."""
    reasons: list[str] = []
    for way in ways:
        try:
            service = way()
        except Unavailable as unavailable:
            reason, *details = str(unavailable).splitlines()
            reasons.append(reason)
            for line in details:
                announce(line)
        else:
            announce(f"{service} ({'; '.join(reasons)})" if reasons else str(service))
            return service
    raise DevstackError("; ".join(reasons))

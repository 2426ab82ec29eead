"""A cache for downloads, and for copies that another user can read."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path

Build = Callable[[Path], None]


def folder() -> Path:
    """The user's cache folder of this project."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base, "django-outbox-relay")


def system_folder() -> Path:
    """A cache folder that every user can read; only root writes it."""
    return Path("/var/cache/django-outbox-relay")


def kept(place: Path, build: Build) -> Path:
    """Return ``place``; where it is missing, ``build`` fills a folder that then becomes it in one rename.

    Several processes at once wait for the first of them; what an interrupted one left behind is thrown away.
    """
    if place.is_dir():
        return place
    place.parent.mkdir(parents=True, exist_ok=True)
    with open(place.with_name(f".{place.name}.lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.is_dir():
            _build(place, build)
    return place


def _build(place: Path, build: Build) -> None:
    unfinished = place.with_name(f".{place.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir()
    build(unfinished)
    unfinished.rename(place)

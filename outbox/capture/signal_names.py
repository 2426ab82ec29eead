"""The name under which a signal is defined."""

from __future__ import annotations

import sys
from functools import lru_cache
from types import ModuleType

from django.core import signals as core_signals
from django.db.models import signals
from django.dispatch import Signal


def name_of(signal: Signal) -> str:
    """The name of a signal, such as post_save or shop.signals.order_placed."""
    known = {**vars(signals), **vars(core_signals)}
    return next((name for name, value in known.items() if value is signal), None) or _path_of(signal)


@lru_cache(maxsize=64)
def _path_of(signal: Signal) -> str:
    """The module and name of a signal; its repr if no module has it."""
    paths = [
        f"{module}.{name}"
        for module, loaded in list(sys.modules.items())
        for name, value in list(vars(loaded).items() if isinstance(loaded, ModuleType) else ())
        if value is signal
    ]
    return min(paths, key=lambda path: (".signals." not in path, len(path)), default=repr(signal))

"""Where a class or function is defined, as ``module:line``."""

from __future__ import annotations

import inspect
from typing import Any


def source_line(defined: Any) -> str:
    """``shop.events:53``; without the line if the source cannot be read."""
    defined = inspect.unwrap(defined)
    code = getattr(defined, "__code__", None)
    try:
        number = code.co_firstlineno if code is not None else inspect.findsource(defined)[1] + 1
    except (OSError, TypeError):
        return str(defined.__module__)
    return f"{defined.__module__}:{number}"

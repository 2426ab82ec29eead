"""A consumer must have a handler."""

from __future__ import annotations

from typing import Any

import inbox


@inbox.handler("watch.happened")
def happened(data: dict[str, Any], event: inbox.Event) -> None:
    """Nothing to do."""

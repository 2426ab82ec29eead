"""Every guard that is held by a test, and how to take it out."""

from __future__ import annotations

from tests.torture.mutations.others import INBOX, OUTBOX
from tests.torture.mutations.relays import RELAY
from tests.torture.mutations.tools import Mutation

MUTATIONS: dict[str, Mutation] = {**RELAY, **OUTBOX, **INBOX}

__all__ = ["MUTATIONS"]

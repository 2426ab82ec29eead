"""SQL statements in files, so that each can be read and EXPLAINed alone."""

from __future__ import annotations

from outbox_core.sql import Statements

statement = Statements(__name__)

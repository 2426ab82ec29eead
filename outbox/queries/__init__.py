"""The statements that are worth a file of their own, each to be read and EXPLAINed alone."""

from __future__ import annotations

from outbox_core.sql import Statements

statement = Statements(__name__)

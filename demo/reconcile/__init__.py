"""Reads what every service has, and compares all of it."""

from __future__ import annotations

from demo.reconcile.figures import rows
from demo.reconcile.reading import read_all
from demo.reconcile.table import answers, table
from demo.reconcile.verdict import Verdict, judge

__all__ = ["Verdict", "answers", "judge", "read_all", "rows", "table"]

"""Fixtures of this folder."""

from tests.admin.conftest import admin_client, log, staff

__all__ = ["admin_client", "log", "staff"]

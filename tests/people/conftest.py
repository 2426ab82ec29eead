"""Fixtures of this folder."""

from tests.admin.conftest import admin_client, log

__all__ = ["admin_client", "log"]

"""The Django app of the CRM."""

from __future__ import annotations

from django.apps import AppConfig


class CrmConfig(AppConfig):
    name = "consumers.crm"
    verbose_name = "CRM"

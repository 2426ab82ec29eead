"""What the admin pages of the inbox share."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from inbox.conf import settings
from outbox_core.people.admin import ReadOnlyAdmin


class InboxAdmin(ReadOnlyAdmin):
    """Rows of the inbox's database."""

    class Media:
        css = {"all": ["inbox/admin.css"]}
        js = ["inbox/copy.js"]

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).using(settings().database)

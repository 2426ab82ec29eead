"""The admin page of the mails that were sent."""

from __future__ import annotations

from django.contrib import admin

from consumers.notifications.models import WelcomeMail


@admin.register(WelcomeMail)
class WelcomeMailAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("customer_id", "email", "sent_at")
    search_fields = ("=customer_id", "email")
    ordering = ("-sent_at",)
    show_full_result_count = False

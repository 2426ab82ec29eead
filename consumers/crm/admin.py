"""The admin page of the CRM: its customers."""

from __future__ import annotations

from django.contrib import admin

from consumers.crm.models import Customer


@admin.register(Customer)
class CustomerAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("customer_id", "name", "email", "first_purchase", "last_purchase", "purchases", "spent")
    search_fields = ("=customer_id", "name", "email")
    show_full_result_count = False

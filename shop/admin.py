"""The admin pages of the shop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.db.models import Count, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html

from shop.errors import StatusConflict
from shop.models import Customer, DeclinedPayment, Order, OrderLine, Product, Tag

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.utils.safestring import SafeString

admin.site.site_header = "Longplay, behind the counter"
admin.site.site_title = "Longplay"
admin.site.index_title = "What would you like to look after?"


class ReadOnly(admin.ModelAdmin):  # type: ignore[type-arg]
    """For rows that only the shop writes: read-only here."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Product)
class ProductAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("sleeve", "name", "artist", "genre", "price", "tag_names")
    list_display_links = ("sleeve", "name")
    list_editable = ("price",)
    list_filter = ("genre", "tags")
    search_fields = ("name", "artist", "tags__name")
    prepopulated_fields = {"slug": ("name",)}
    filter_horizontal = ("tags",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Product]:
        return super().get_queryset(request).prefetch_related("tags")

    @admin.display(description="")
    def sleeve(self, product: Product) -> SafeString:
        svg = render_to_string("shop/_sleeve.html", {"product": product})
        return format_html('<div style="width:3rem">{}</div>', svg)

    @admin.display(description="tags")
    def tag_names(self, product: Product) -> str:
        return ", ".join(tag.name for tag in product.tags.all())


@admin.register(Tag)
class TagAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("name", "records")
    search_fields = ("name",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Tag]:
        tags: QuerySet[Tag] = super().get_queryset(request)
        return tags.annotate(record_count=Count("products"))

    @admin.display(ordering="record_count")
    def records(self, tag: Any) -> int:
        return int(tag.record_count)


class OrderLineInline(admin.TabularInline):  # type: ignore[type-arg]
    model = OrderLine
    fields = ("product", "name", "quantity", "price")
    readonly_fields = fields
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Order)
class OrderAdmin(ReadOnly):
    """Orders come from customers. The actions are those of the shop: pay and cancel."""

    list_display = ("id", "customer", "status", "total", "placed_at")
    list_filter = ("status", "placed_at")
    list_select_related = ("customer",)
    search_fields = ("id__exact", "customer__email", "customer__first_name", "customer__last_name")
    search_help_text = "An order's whole number, or a customer's name or e-mail"
    date_hierarchy = "placed_at"
    show_full_result_count = False
    inlines = (OrderLineInline,)
    actions = ("mark_as_paid", "cancel")

    def has_settle_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("shop.change_order"))

    @admin.action(description="Mark as paid", permissions=["settle"])
    def mark_as_paid(self, request: HttpRequest, orders: QuerySet[Order]) -> None:
        self._settle(request, orders, "paid", lambda order: order.pay())

    @admin.action(description="Cancel", permissions=["settle"])
    def cancel(self, request: HttpRequest, orders: QuerySet[Order]) -> None:
        self._settle(request, orders, "cancelled", lambda order: order.cancel(f"by {request.user}"))

    def _settle(
        self, request: HttpRequest, orders: QuerySet[Order], verb: str, settle: Callable[[Order], None]
    ) -> None:
        done = 0
        for order in orders:
            try:
                settle(order)
            except StatusConflict as conflict:
                self.message_user(request, str(conflict), messages.WARNING)
            else:
                self.log_change(request, order, f"Order {verb}.")
                done += 1
        if done:
            self.message_user(request, f"{done} order{'' if done == 1 else 's'} {verb}.", messages.SUCCESS)


@admin.register(Customer)
class CustomerAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("username", "name", "email", "date_joined", "orders", "spent")
    list_filter = ("date_joined", "is_staff")
    search_fields = ("username", "email", "first_name", "last_name")
    date_hierarchy = "date_joined"
    ordering = ("-pk",)
    show_full_result_count = False
    fields = ("username", "first_name", "last_name", "email", "date_joined", "last_login")
    readonly_fields = ("date_joined", "last_login")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Customer]:
        # Subqueries, so that only the customers of one page are summed up.
        own = Order.objects.filter(customer=OuterRef("pk"), paid_at__isnull=False, cancelled_at=None)
        by_customer = own.order_by().values("customer")
        customers: QuerySet[Customer] = super().get_queryset(request)
        return customers.annotate(
            order_count=Coalesce(Subquery(by_customer.values(n=Count("pk"))), 0),
            order_sum=Subquery(by_customer.values(n=Sum("total"))),
        )

    def save_model(self, request: HttpRequest, obj: Customer, form: Any, change: bool) -> None:
        if not change:
            obj.set_unusable_password()
        super().save_model(request, obj, form, change)

    @admin.display(description="paid orders")
    def orders(self, customer: Any) -> SafeString:
        url = reverse("admin:shop_order_changelist") + f"?customer__id__exact={customer.pk}"
        return format_html('<a href="{}">{}</a>', url, customer.order_count)

    @admin.display(description="spent")
    def spent(self, customer: Any) -> str:
        return f"{customer.order_sum or 0:,.2f}"


@admin.register(DeclinedPayment)
class DeclinedPaymentAdmin(ReadOnly):
    list_display = ("order_id", "customer_id", "amount", "declined_at")
    date_hierarchy = "declined_at"
    search_fields = ("order_id__exact", "customer_id__exact")
    search_help_text = "An order's or a customer's whole number"
    show_full_result_count = False

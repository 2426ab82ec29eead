"""The addresses of the shop."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

from shop.views import basket, catalogue, checkout, customer, health, journey

shop = [
    path("", catalogue.catalogue, name="catalogue"),
    path("records/<slug:slug>/", catalogue.product, name="product"),
    path("basket/", basket.basket, name="basket"),
    path("basket/<slug:slug>/add/", basket.add, name="basket-add"),
    path("basket/<slug:slug>/change/", basket.change, name="basket-change"),
    path("welcome/", customer.welcome, name="welcome"),
    path("account/", customer.account, name="account"),
    path("account/delete/", customer.delete, name="account-delete"),
    path("sign-out/", customer.sign_out, name="sign-out"),
    path("checkout/", checkout.checkout, name="checkout"),
    path("orders/<uuid:pk>/", journey.order, name="order"),
    path("orders/<uuid:pk>/journey.json", journey.journey, name="journey"),
    path("orders/<uuid:pk>/pay/", checkout.pay, name="order-pay"),
    path("orders/<uuid:pk>/cancel/", checkout.cancel, name="order-cancel"),
    path("declined/<uuid:order_id>/", journey.declined, name="declined"),
]

urlpatterns = [
    path("", include((shop, "shop"))),
    path("healthz", health.healthz, name="healthz"),
    path("admin/", admin.site.urls),
]

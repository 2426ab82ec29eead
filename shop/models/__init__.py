"""The tables of the shop."""

from shop.models.customer import Customer
from shop.models.order import Order, OrderLine
from shop.models.payment import DeclinedPayment
from shop.models.product import Product, Tag

__all__ = ["Customer", "DeclinedPayment", "Order", "OrderLine", "Product", "Tag"]

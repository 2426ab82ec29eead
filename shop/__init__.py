"""Longplay, a small record shop: the example service that writes the events."""

__version__ = "0.1.0"

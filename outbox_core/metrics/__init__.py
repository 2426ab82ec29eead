"""Metrics: their names and meanings, and how Prometheus reads them."""

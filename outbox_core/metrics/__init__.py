"""Metrics: what they are called and mean, and how Prometheus gets them."""

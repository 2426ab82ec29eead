"""Capturing changes: signal receivers, the hook in save(), and bulk writes."""

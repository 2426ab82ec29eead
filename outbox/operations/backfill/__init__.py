"""Backfill: events for rows that exist already, in chunks that lock their rows."""

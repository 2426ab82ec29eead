"""Handling: from a record to its handlers, in one transaction."""

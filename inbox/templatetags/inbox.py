"""Filters for the inbox's templates."""

from outbox_core.people.filters import library

register = library()

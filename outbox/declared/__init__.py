"""The declared types of an event: each field is converted to its type, or the event is refused.

docs/reference/types-on-the-wire.md shows each type in JSON.
"""

from __future__ import annotations

from outbox.declared.compiled import compiled, converters, problems, wire_form
from outbox.declared.fields import field_names, wire_names
from outbox.declared.numbers import Places

__all__ = ["Places", "compiled", "converters", "field_names", "problems", "wire_form", "wire_names"]

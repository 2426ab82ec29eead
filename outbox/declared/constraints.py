"""``msgspec.Meta``: limits of a value, which a consumer that reads with the same class enforces, too."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

import msgspec
import msgspec.inspect

from outbox.declared.converter import Converter
from outbox.declared.refusal import Refused

_LIMITED = (str, int, float, bytes, list, dict)
_SCALARS = {str, int, float, bool, Decimal, UUID, datetime, date, time, timedelta}
_LIMITS = ("gt", "ge", "lt", "le", "multiple_of", "pattern", "min_length", "max_length")


def limited(inner: Converter, meta: msgspec.Meta) -> Converter:
    """The converter with the limits of ``meta``. Raises TypeError for a limit that the type cannot have."""
    if all(getattr(meta, name) is None for name in _LIMITS):
        return inner
    for cls in inner.natives & _SCALARS:
        msgspec.inspect.type_info(Annotated[cls, meta])

    def convert(value: Any) -> Any:
        written = inner.convert(value)
        if isinstance(written, _LIMITED) and not isinstance(written, bool):
            try:
                msgspec.convert(written, Annotated[type(written), meta])
            except msgspec.ValidationError as error:
                reason = str(error).replace("`", "").removeprefix("Expected ")
                raise Refused(value, f"{reason} is declared", "Give a value within these limits.") from None
        return written

    return Converter(inner.label, convert, inner.natives)

"""``OUTBOX["KEY_ATTRIBUTES"]``: a key that begins with attributes. Key ``1`` of tenant ``t1`` is ``t1:1``.

Order, shards, partitions, locks and holds all follow the key, so each tenant has its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from outbox.errors import InvalidKey

SEPARATOR = ":"


def scoped(key: str, names: Sequence[str], attributes: Mapping[str, str], type_name: str) -> str:
    """The values of these attributes, then the key. Different values or keys never give the same text.

    Raises InvalidKey if the event has no such attribute.
    """
    for name in names:
        if name not in attributes:
            raise InvalidKey(
                f'{type_name} has no attribute {name!r}, and OUTBOX["KEY_ATTRIBUTES"] begins every key with '
                f"it. Set it for all events of a block with outbox.context.attributes({name}=…), for a "
                f"type with attributes={{{name!r}: …}}, or for one event in emit()."
            )
    return SEPARATOR.join([*(_escaped(attributes[name]) for name in names), key])


def _escaped(value: str) -> str:
    """Percent-encoded where it would look like the separator (RFC 3986, section 2.1)."""
    return value.replace("%", "%25").replace(SEPARATOR, "%3A")

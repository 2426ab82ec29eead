"""Writes what a batch says about customers."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import inbox
from consumers.crm.models import Customer


class Register(inbox.Batch):
    """The customers of a batch, with the last value of each field, written together."""

    def __init__(self) -> None:
        self._fields: defaultdict[int, dict[str, Any]] = defaultdict(dict)

    def put(self, customer_id: int, **fields: Any) -> None:
        self._fields[customer_id].update(fields)

    def write(self) -> None:
        alike: defaultdict[tuple[str, ...], list[Customer]] = defaultdict(list)
        for customer_id, fields in sorted(self._fields.items()):
            alike[tuple(sorted(fields))].append(Customer(customer_id=customer_id, **fields))
        for names, customers in sorted(alike.items()):
            Customer.objects.bulk_create(
                customers, update_conflicts=True, unique_fields=["customer_id"], update_fields=names
            )

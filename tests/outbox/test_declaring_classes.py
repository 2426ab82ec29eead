"""Classes of attrs, msgspec and pydantic are alike; annotations that cannot be read are named."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import attrs
import msgspec
import pytest
from django.core.exceptions import ImproperlyConfigured
from pydantic import create_model

import outbox
from outbox.write.encode import encode
from tests.outbox.declaring import Money, written
from tests.testapp.models import Parcel


@attrs.frozen
class Attrs:
    total: Money


class Struct(msgspec.Struct, tag="line", rename="camel"):
    unit_price: Money


def test_attrs_classes_and_structs_are_converted_alike() -> None:
    assert encode(Attrs(Decimal(1))) == b'{"total":"1.00"}'
    assert encode(Struct(Decimal(1))) == b'{"type":"line","unitPrice":"1.00"}'


def test_pydantic_models_are_converted_alike() -> None:
    model = create_model("Model", total=(Money, ...), at=(datetime | None, None))
    assert encode(model(total=1)) == b'{"total":"1.00","at":null}'
    with pytest.raises(outbox.InvalidField, match=r"Model\.total is a str"):
        encode(model.model_construct(total="x", at=None))


def test_annotations_may_name_what_only_the_function_around_knows() -> None:
    @dataclass
    class Inner:
        value: Money

    @outbox.event("test.local", topic="t", key="name")
    @dataclass
    class Outer:
        name: str
        inner: Inner

    assert encode(Outer("a", Inner(Decimal(1)))) == b'{"name":"a","inner":{"value":"1.00"}}'


def test_an_annotation_that_cannot_be_read_is_named_when_an_event_is_made_of_it() -> None:
    cls: Any = dataclass(
        type("Broken", (), {"__annotations__": {"value": "Missing"}, "__module__": __name__})
    )
    with pytest.raises(ImproperlyConfigured, match=r"Broken cannot be read: .*'Missing'"):
        encode(cls(1))


def test_a_type_without_a_form_in_json_is_named() -> None:
    with pytest.raises(outbox.InvalidField, match=r"Sample\.value is a int: Parcel has no form in JSON"):
        written(Parcel, 1)
    with pytest.raises(outbox.NotEncodable, match=r"Sample\.value is a Parcel: .* primary key"):
        written(Parcel, Parcel(code="a"))

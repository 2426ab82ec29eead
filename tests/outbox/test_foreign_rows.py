"""Rows that other programs write: the table refuses what no relay could publish in its order."""

from __future__ import annotations

import secrets

import pytest
from django.db import IntegrityError, connection
from psycopg.errors import CheckViolation

from outbox.fields import MAX_KEY_BYTES
from outbox.models import Hold

SOUND = {
    "topic": "'t'",
    "key": "'k'",
    "headers": """'{"dataversion": "1"}'""",
    "created_at": "now()",
    "id": "1000000",
    "bucket": "0",
}


def insert(**changed: str) -> None:
    values = SOUND | changed
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO outbox_event (type, content_type, event_id, {', '.join(values)})"
            f" VALUES ('test.event', 'text/plain', gen_random_uuid(), {', '.join(values.values())})"
        )


@pytest.mark.django_db
@pytest.mark.parametrize("headers", ["{}", '{"": ""}', '{"a": "1", "b": "[null]"}'])
def test_texts_are_taken_as_headers(headers: str) -> None:
    insert(headers=f"'{headers}'")


@pytest.mark.django_db
@pytest.mark.parametrize(
    "headers",
    [
        *('{"a": 1}', '{"a": "1", "b": null}', '{"a": true}', '{"a": ["1"]}', '{"a": {"b": "1"}}'),
        *("null", "[]", '["1"]', '[{"a": "1"}]', '"1"', "1"),
    ],
)
def test_headers_are_an_object_of_texts(headers: str) -> None:
    with pytest.raises(IntegrityError, match="outbox_event_headers"):
        insert(headers=f"'{headers}'")


@pytest.mark.django_db
@pytest.mark.parametrize("time", ["infinity", "-infinity", "0044-03-15 BC", "9999-12-31", "20000-01-01"])
def test_the_time_is_one_that_all_programs_can_read(time: str) -> None:
    with pytest.raises(IntegrityError, match="outbox_event_created_at"):
        insert(created_at=f"'{time}'")


@pytest.mark.django_db
@pytest.mark.parametrize("number", [0, -1])
def test_ids_begin_at_1_as_a_window_begins_behind_0(number: int) -> None:
    with pytest.raises(IntegrityError, match="outbox_event_id"):
        insert(id=str(number))


@pytest.mark.django_db
@pytest.mark.parametrize("bucket", [-1, 256])
def test_the_bucket_is_one_of_256(bucket: int) -> None:
    with pytest.raises(IntegrityError, match="outbox_event_bucket") as caught:
        insert(bucket=str(bucket))
    assert isinstance(caught.value.__cause__, CheckViolation)
    assert caught.value.__cause__.diag.constraint_name == "outbox_event_bucket"


@pytest.mark.django_db
def test_the_key_is_short_enough_for_a_hold() -> None:
    """An index of PostgreSQL takes 2,704 bytes. A relay that could not hold a key would stand still."""
    incompressible = secrets.token_hex(MAX_KEY_BYTES // 2)
    insert(key=f"'{incompressible}'")
    Hold.objects.create(scope=Hold.Scope.KEY, topic="t" * 249, key=incompressible, reason=Hold.Reason.POISON)
    with pytest.raises(IntegrityError, match="outbox_event_key"):
        insert(key=f"'{'ü' * (MAX_KEY_BYTES // 2)}x'", id="1000001")


@pytest.mark.django_db
@pytest.mark.parametrize("topic", ["", ".", "..", "no/topic", "no topic", "topic\n", "t" * 250])
def test_the_topic_can_be_one(topic: str) -> None:
    with pytest.raises(IntegrityError, match="outbox_event_topic"):
        insert(topic=f"'{topic}'")

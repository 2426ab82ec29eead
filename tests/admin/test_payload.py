"""What people see of a payload: readable, exact, and without its secrets."""

from __future__ import annotations

import json

import pytest

from outbox.admin import payload
from outbox.admin.payload import hex_dump, pretty
from outbox.redaction import HIDDEN, Redactor


def shown(data: bytes, *patterns: str) -> str:
    return pretty(data, Redactor(patterns) if patterns else Redactor()).text


def test_json_is_indented_and_its_numbers_keep_their_digits() -> None:
    text = shown('{"total":1.10,"id":12345678901234567890123,"rate":1e3,"name":"Teekanne „Blau“"}'.encode())
    assert text.splitlines() == [
        "{",
        '  "total": 1.10,',
        '  "id": 12345678901234567890123,',
        '  "rate": 1e3,',
        '  "name": "Teekanne „Blau“"',
        "}",
    ]


@pytest.mark.parametrize(
    "name", ["password", "Card-Number", "card_number", "accessToken", "client_secret", "CVC"]
)
def test_secrets_are_hidden_at_any_depth(name: str) -> None:
    data = json.dumps({"a": [{name: {"deep": "hunter2"}}, {"b": {name: 4111}}], "ok": "shown"}).encode()
    redactor = Redactor()
    text, note = pretty(data, redactor)
    assert "hunter2" not in text
    assert "4111" not in text
    assert text.count(HIDDEN) == 2
    assert "shown" in text
    assert "Hidden here, not in Kafka: 2." in note


def test_the_names_of_secrets_can_be_chosen() -> None:
    text = shown(b'{"blood_type":"0","password":"x"}', "bloodType")
    assert json.loads(text) == {"blood_type": HIDDEN, "password": "x"}


@pytest.mark.parametrize("data", [b"\x00\xff\x10ABC", b'{"broken', b"", b"\xff\xfe{}", b"[" * 100_000])
def test_what_is_not_json_is_a_hex_dump(data: bytes) -> None:
    text, note = pretty(data, Redactor())
    assert text.startswith(f"00000000  {data[:1].hex()}") if data else text == ""
    assert "not JSON" in note


def test_a_hex_dump_shows_offsets_bytes_and_ascii() -> None:
    dump = hex_dump(b"\x00\xff\x10ABC" + b"z" * 12).splitlines()
    assert dump[0] == "00000000  00 ff 10 41 42 43 7a 7a 7a 7a 7a 7a 7a 7a 7a 7a  ...ABCzzzzzzzzzz"
    assert dump[1].split() == ["00000010", "7a", "7a", "zz"]


def test_a_tombstone_says_that_it_is_one() -> None:
    text, note = pretty(None, Redactor())
    assert text == ""
    assert "tombstone" in note


def test_what_is_too_long_is_cut_off_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(payload, "MAX_TEXT", 100)
    text, note = pretty(json.dumps(["x" * 50] * 10).encode(), Redactor())
    assert len(text) < 110
    assert "Cut off" in note
    assert "first 8,192" in pretty(b"\xff" * 9_000, Redactor()).note

"""What people see of a payload: readable, exact, and without its secrets."""

from __future__ import annotations

import json

import pytest

from outbox_core.people import payload
from outbox_core.people.payload import headers, hex_dump, pretty
from outbox_core.people.redaction import HIDDEN, Redactor


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


def test_a_project_adds_names_of_secrets() -> None:
    text = shown(b'{"blood_type":"0","password":"x"}', "bloodType")
    assert json.loads(text) == {"blood_type": HIDDEN, "password": HIDDEN}


def test_the_number_of_a_card_is_hidden_among_the_numbers() -> None:
    assert json.loads(shown(b'{"n":4111111111111111,"id":4111111111111112}')) == {
        "n": HIDDEN,
        "id": 4111111111111112,
    }


def test_a_form_is_shown_field_by_field() -> None:
    data = b"user=mara&password=hunter2&note=a%0Ab"
    assert pretty(data, Redactor(), "application/x-www-form-urlencoded").text.splitlines() == [
        "user: mara",
        f"password: {HIDDEN}",
        "note: a\\nb",
    ]


def test_what_deceives_is_escaped() -> None:
    assert "\u202e" not in shown('{"a": "x\u202ey"}'.encode())


@pytest.mark.parametrize(
    "data",
    [
        b"\x00\xff\x10ABC hunter2",
        b'{"password": "hunter2", broken',
        b"<login><password>hunter2</password></login>",
        b'--x\r\nContent-Disposition: form-data; name="password"\r\n\r\nhunter2\r\n--x--',
        b"\xff\xfe{}hunter2",
        b"[" * 100_000,
        b'{"a": 1, "a": "hunter2"}',
        b"password: hunter2",
        b'{"a":1}\n{"password":"hunter2"}',
    ],
)
def test_of_what_cannot_be_parsed_only_size_and_type_are_shown(data: bytes) -> None:
    text, note = pretty(data, Redactor(), "text/x")
    assert text == ""
    assert f"{len(data):,} bytes of text/x" in note
    assert f"{data[0]:02x}" in pretty(data, Redactor(), raw=True).text


def test_headers_are_shown_without_secrets_and_bytes_as_their_size() -> None:
    sent = [
        ("ce_authorization", b"Bearer x"),
        ("ce_id", b"1"),
        ("h", b"\xff\xfe"),
        ("e", None),
        ("x", b"a\nb"),
    ]
    assert headers(sent, Redactor()) == [
        ("ce_authorization", HIDDEN),
        ("ce_id", "1"),
        ("h", "(2 bytes that are not UTF-8)"),
        ("e", ""),
        ("x", "a\\nb"),
    ]


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
    assert "first 8,192" in pretty(b"\xff" * 9_000, Redactor(), raw=True).note

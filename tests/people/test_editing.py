"""A payload that a person edits: exact, and its secrets stay where they are hidden."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outbox_core.errors import NotEditable
from outbox_core.people.editing import Editable
from outbox_core.people.leaves import MOST, changes
from outbox_core.people.redaction import HIDDEN, Redactor

CARD = 4_111_111_111_111_111
SECRET = '{"password": "hunter2", "note": "x", "lines": [{"token": "a1"}, {"token": "b2"}]}'


def editable(payload: str) -> Editable:
    return Editable(payload.encode(), Redactor())


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abcd"), inner, max_size=4),
    max_leaves=20,
)


@given(json_values)
def test_what_nobody_edits_stays_as_it_is(data: object) -> None:
    form = Editable(json.dumps(data).encode(), Redactor())
    assert json.loads(form.payload(form.text)) == data


def test_digits_stay_as_they_are_written() -> None:
    form = editable('{"total": 1.10, "id": 12345678901234567890123, "rate": 1e3}')
    assert form.payload(form.text) == b'{"total":1.10,"id":12345678901234567890123,"rate":1e3}'


def test_characters_that_deceive_are_escapes_that_mean_the_same() -> None:
    form = editable('{"name": "a\u202eb"}')
    assert "\u202e" not in form.text
    assert json.loads(form.payload(form.text)) == {"name": "a\u202eb"}


def test_secrets_are_placeholders_that_keep_their_values() -> None:
    form = editable(SECRET)
    for secret in ("hunter2", "a1", "b2"):
        assert secret not in form.text
    edited = json.loads(form.text)
    edited["note"] = "y"
    edited["lines"].pop(0)
    assert json.loads(form.payload(json.dumps(edited))) == {
        "password": "hunter2",
        "note": "y",
        "lines": [{"token": "b2"}],
    }
    edited["password"] = "correct horse"
    assert json.loads(form.payload(json.dumps(edited)))["password"] == "correct horse"


@pytest.mark.parametrize(
    "edited",
    [
        f'{{"note": "{HIDDEN} 1"}}',
        f'{{"note": ["{HIDDEN} 2"]}}',
        f'"{HIDDEN} 1"',
        f'{{"password": "{HIDDEN} 9"}}',
        f'{{"password": "x{HIDDEN} 1"}}',
        f'{{"password": "{HIDDEN}"}}',
    ],
)
def test_a_placeholder_cannot_show_its_value_nor_be_something_else(edited: str) -> None:
    form = editable(SECRET)
    with pytest.raises(ValueError, match=HIDDEN):
        form.payload(edited)


def test_a_part_that_was_shown_elsewhere_cannot_be_uncovered_by_moving_it() -> None:
    form = editable('{"password": "user bob password=x", "note": ""}')
    with pytest.raises(ValueError, match="would not be hidden"):
        form.payload(f'{{"note": "{HIDDEN} 1"}}')


@pytest.mark.parametrize(
    "edited", ["", "{", '{"a": 1, "a": 2}', "NaN", '{"a": Infinity}', "[" * 100_000, '"\\ud800"']
)
def test_what_is_no_json_is_refused(edited: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        editable("{}").payload(edited)


@pytest.mark.parametrize(
    "payload", ["", "no json", '{"a": 1, "a": 2}', '{"password=hunter2": 1}', f'"{"x" * 200_001}"', "[NaN]"]
)
def test_what_cannot_be_edited_says_why(payload: str) -> None:
    with pytest.raises(NotEditable, match=r"payload.*\."):
        editable(payload)


def test_changes_name_each_place_and_hide_secrets() -> None:
    before = '{"total": 1.10, "lines": [{"n": 1}, {"n": 2}], "password": "old", "gone": null}'
    after = f'{{"total": 1.20, "lines": [{{"n": 1}}], "password": "new", "card": {CARD}}}'
    assert changes(before.encode(), after.encode(), Redactor()) == {
        "$.total": "1.10 → 1.20",
        "$.lines[1].n": "2 → missing",
        "$.password": f'"{HIDDEN}" → "{HIDDEN}"',
        "$.gone": "null → missing",
        "$.card": f'missing → "{HIDDEN}"',
    }


def test_changes_are_bounded() -> None:
    many = json.dumps({f"n{number}": "x " * 200 for number in range(500)}).encode()
    found = changes(b"{}", many, Redactor())
    assert (len(found), found["$"], found["…"]) == (MOST + 1, "{} → …", "and 401 more")
    assert max(map(len, found.values())) < 300

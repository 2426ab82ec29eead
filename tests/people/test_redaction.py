"""Secrets are hidden by name, by shape and in texts within texts; what is none is shown."""

from __future__ import annotations

import base64
import json

import pytest

from outbox_core.people.redaction import HIDDEN, Redactor

SECRET = "hunter2"
NAMES = (
    *("password", "pwd", "pass", "passphrase", "pin", "pan", "otp", "jwt", "bearer", "session", "session_id"),
    *("sessionid", "credentials", "auth", "api-key", "access_key", "signature", "Card-Number", "card_number"),
    *(
        "accessToken",
        "client_secret",
        "CVC",
        "cvv2",
        "userPIN",
        "PINcode",
        "pin_code",
        "X-Api-Key",
        "ce_authorization",
    ),
    *(
        "Set-Cookie",
        "dbpass",
        "userpwd",
        "user[password]",
        "newPassword2",
        "APIKey",
        "private_key",
        "iban",
        "sid",
    ),
    *(
        "\uff50\uff41\uff53\uff53word",
        "pass_word",
        "otps",
        "authToken",
        "AWS_SECRET_ACCESS_KEY",
        "smsotp",
        "card.pan",
    ),
)
INNOCENT = (
    *("passenger", "spinner", "compass", "company", "panel", "authorName", "option", "author", "authority"),
    *("opinion", "shopping", "spanish", "japan", "expand", "obsession", "passive", "bypass_count", "captain"),
    *("key", "name", "companion", "secretary", "tokenizer", "bearing", "mapping", "capital", "address", "id"),
    *(
        "order_id",
        "traceparent",
        "ce_type",
        "ce_source",
        "correlationid",
        "pinned_at",
        "compassion",
        "signed_at",
    ),
)


@pytest.mark.parametrize("name", NAMES)
def test_names_of_secrets_are_known_in_any_spelling(name: str) -> None:
    assert Redactor().hides(name)
    assert Redactor().tree({"a": [{name: {"deep": SECRET}}]}) == {"a": [{name: HIDDEN}]}


@pytest.mark.parametrize("name", INNOCENT)
def test_words_that_only_contain_such_a_name_are_shown(name: str) -> None:
    assert Redactor().tree({name: "x"}) == {name: "x"}


def test_a_project_adds_names() -> None:
    redactor = Redactor(["bloodType", "dob"])
    assert redactor.tree({"blood_type": "0", "dob": "1970", "password": "x", "adobe": "y"}) == {
        "blood_type": HIDDEN,
        "dob": HIDDEN,
        "password": HIDDEN,
        "adobe": "y",
    }


def nested(data: object, times: int) -> object:
    for _ in range(times):
        data = json.dumps(data)
    return data


@pytest.mark.parametrize(
    "data",
    [
        nested({"password": SECRET}, 1),
        nested({"a": [{"pwd": SECRET}]}, 2),
        nested({"password": SECRET}, 3),
        json.dumps({"a": json.dumps({"b": json.dumps({"otp": SECRET})})}),
        {"name": "password", "value": SECRET},
        {"Key": "api_key", "Value": SECRET},
        {"field": "pin", "old": "1", "new": SECRET},
        {"attributes": [{"attribute": "pan", "stringValue": SECRET}]},
        [["password", SECRET], ["user", "mara"]],
        ["user", "mara", "password", SECRET],
        "user=mara&password=hunter2&x=1",
        "user=mara&pass%77ord=hunter2",
        "user%5Bpassword%5D=hunter2",
        "%7B%22password%22%3A%22hunter2%22%7D",
        "https://mara:hunter2@example.org/a",
        "postgres://mara:hun/hunter2@example.org/a",
        "mara:hunter2@example.org",
        "https://example.org/?a=1&access_token=hunter2&b=2",
        "https://example.org/#id_token=hunter2",
        "Authorization: Bearer hunter2",
        "curl -H 'Authorization: Basic hunter2'",
        "sent Bearer hunter2",
        "password: hunter2; and more hunter2",
        "Server=x;Pwd=hunter2;",
        "the password is hunter2",
        "<login><password>hunter2</password></login>",
        '<user password="hunter2"/>',
        '<ns:user ns:name="x"><ns:pwd>hunter2</ns:pwd>',
        "{'password': 'hunter2'}",
        '{"password": "hunter2", broken',
        'Content-Disposition: form-data; name="password"\r\n\r\nhunter2',
        base64.b64encode(b'{"password": "hunter2"}').decode(),
        base64.urlsafe_b64encode(b'[{"password": "hunter2"}]').decode(),
        {"password=hunter2": 1},
    ],
)
def test_a_secret_is_hidden_wherever_a_text_may_hold_it(data: object) -> None:
    redactor = Redactor()
    shown = json.dumps(redactor.tree(data))
    assert SECRET not in shown
    assert base64.b64encode(b"hunter2").decode()[:6] not in shown
    assert redactor.hidden


@pytest.mark.parametrize(
    "text",
    [
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
        "4111 1111 1111 1111",
        "card 5500-0000-0000-0004 refused",
        "378282246310005",
        "AKIAIOSFODNN7EXAMPLE",
        "sk_live_" + "4eC39HqLyjWDarjtT1",
        "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----",
        "Basic bWFyYTpodW50ZXIy",
    ],
)
def test_what_looks_like_a_secret_is_hidden_without_a_name(text: str) -> None:
    redactor = Redactor()
    shown = redactor.text(text)
    assert redactor.hidden == 1
    assert not any(part in shown for part in text.split() if len(part) > 8 or part == "1111")


@pytest.mark.parametrize(
    "text",
    [
        "4111 1111 1111 1112",
        "1764374400123456",
        "2026-11-29T00:08:15.123456Z",
        "0191f1c8-7b1e-7c3d-9a53-1b0c8c2f9d11",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "Teekanne „Blau“ [draft]",
        "the company's panel: option 3",
        "<p>A <b>bold</b> text</p>",
        "mailto:mara@example.org",
        "mara@example.org",
        "https://example.org/a?b=1",
        "a basic training",
        "shop.order.placed",
        "{not json}",
        "[Error 30] GroupAuthorizationFailedError: shop.crm. Grant READ on the group to this user.",
        "kafka:9092: TOPIC_AUTHORIZATION_FAILED: Broker: Topic authorization failed",
        "SaslAuthenticationFailedError: Authentication failed: Invalid username or password",
    ],
)
def test_what_is_no_secret_is_shown_as_it_is(text: str) -> None:
    redactor = Redactor()
    assert redactor.text(text) == text
    assert not redactor.hidden


def test_json_in_a_string_without_secrets_keeps_its_text() -> None:
    assert Redactor().text('{"a":  1.10}') == '{"a":  1.10}'


def test_a_product_named_like_a_secret_is_shown() -> None:
    assert Redactor().tree({"name": "Pan", "price": 12}) == {"name": "Pan", "price": 12}


def test_what_is_too_deep_to_look_at_is_hidden() -> None:
    data: object = SECRET
    for _ in range(200):
        data = [data]
    assert SECRET not in json.dumps(Redactor().tree(data))

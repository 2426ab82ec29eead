"""What is wrong with RELAY is said by name, with the remedy, before anything is published."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test.utils import override_settings

from relay.checks import check_settings
from relay.conf import settings

KAFKA = {"OPTIONS": {"bootstrap_servers": ["127.0.0.1:1"]}}


def said(**changed: Any) -> str:
    with override_settings(RELAY={**KAFKA, **changed}):
        return " ".join(f"{message.msg} {message.hint or ''}" for message in check_settings())


def test_the_least_that_must_be_said_is_enough() -> None:
    assert said() == ""


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"PAGE_ROW": 10}, "PAGE_ROWS"),
        ({"PAGE_ROWS": 0}, "PAGE_ROWS"),
        ({"PAGE_ROWS": "many"}, "PAGE_ROWS"),
        ({"LEASE_SECONDS": 0.1}, "LEASE_SECONDS"),
        ({"BACKOFF_SECONDS": -1}, "BACKOFF_SECONDS"),
        ({"POISON": "hold"}, "POISON"),
        ({"PUBLISHER": "nowhere.Publisher"}, "dotted path"),
        ({"OPTIONS": {}}, "bootstrap_servers"),
        ({"OPTIONS": {"bootstrap_server": "127.0.0.1:1"}}, "'bootstrap_servers'"),
        ({"OPTIONS": {**KAFKA["OPTIONS"], "acks": 1}}, "acks"),
        ({"PUBLISHER_OPTIONS": {"batch_byte": 1}}, "'batch_bytes'"),
    ],
)
def test_what_cannot_be_is_named_with_the_remedy(changed: dict[str, Any], words: str) -> None:
    assert words in said(**changed)


def test_a_publisher_is_not_made_of_options_that_it_does_not_know() -> None:
    with override_settings(RELAY={**KAFKA, "PUBLISHER_OPTIONS": {"delivery_second": 1.0}}):
        with pytest.raises(ImproperlyConfigured, match="Did you mean 'delivery_seconds'"):
            settings().make_publisher()


class Anything:
    """A publisher of somebody's own, which takes what it gets."""

    def __init__(self, options: Any, pace: float = 1.0, **more: Any) -> None:
        self.got = pace, more


class Picky:
    def __init__(self, options: Any, pace: float = 1.0) -> None:
        self.got = pace


def test_publishers_of_ones_own_declare_options_as_they_like() -> None:
    wanted = {"pace": 2.0, "colour": "red"}
    with override_settings(RELAY={"PUBLISHER": f"{__name__}.Anything", "PUBLISHER_OPTIONS": wanted}):
        assert vars(settings().make_publisher()) == {"got": (2.0, {"colour": "red"})}
    with override_settings(RELAY={"PUBLISHER": f"{__name__}.Picky", "PUBLISHER_OPTIONS": {"pace": 3.0}}):
        assert vars(settings().make_publisher()) == {"got": 3.0}
    with override_settings(RELAY={"PUBLISHER": f"{__name__}.Picky", "PUBLISHER_OPTIONS": wanted}):
        with pytest.raises(ImproperlyConfigured, match=r"'colour', which \S+Picky does not know"):
            settings().make_publisher()

"""Hiding secrets where people look at events. What goes to Kafka is untouched. Pure."""

from __future__ import annotations

from collections.abc import Sequence

DEFAULT = (
    "password",
    "passwd",
    "secret",
    "token",
    "authorization",
    "cookie",
    "apikey",
    "privatekey",
    "cardnumber",
    "cvc",
    "cvv",
    "iban",
    "ssn",
)
HIDDEN = "••••••"


class Redactor:
    """Hides the values of names that contain one of ``patterns``, whatever their case and punctuation.

    ``hidden`` counts them.
    """

    def __init__(self, patterns: Sequence[str] = DEFAULT) -> None:
        self._patterns = [_plain(pattern) for pattern in patterns]
        self.hidden = 0

    def hides(self, name: str) -> bool:
        """Whether a value of that name is a secret."""
        return any(pattern in _plain(name) for pattern in self._patterns)

    def value(self, name: str, value: str) -> str:
        """The value, or what stands for it."""
        if not self.hides(name):
            return value
        self.hidden += 1
        return HIDDEN

    def tree(self, data: object) -> object:
        """A copy of parsed JSON without the secrets, at any depth."""
        if isinstance(data, dict):
            return {name: self._member(name, value) for name, value in data.items()}
        if isinstance(data, list):
            return [self.tree(item) for item in data]
        return data

    def _member(self, name: str, value: object) -> object:
        if value is not None and self.hides(name):
            self.hidden += 1
            return HIDDEN
        return self.tree(value)


def _plain(name: str) -> str:
    return "".join(filter(str.isalnum, name.casefold()))

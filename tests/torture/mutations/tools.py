"""Ways to take a guard out: what is left is what somebody might write who does not know why it is there."""

from __future__ import annotations

from collections.abc import Callable

import pytest

Mutation = Callable[[pytest.MonkeyPatch], None]


def changed(
    statements: Callable[..., str], names: str | tuple[str, ...], *changes: tuple[str, str]
) -> Callable[..., str]:
    """A reader of statements that replaces some text in one or some of them."""
    all_names = (names,) if isinstance(names, str) else names

    def read(asked: str, **options: object) -> str:
        text = statements(asked, **options)
        for old, new in changes if asked in all_names else ():
            assert old in text, f"{asked}.sql does not contain {old!r} any more"
            text = text.replace(old, new)
        return text

    return read


def sql(names: str | tuple[str, ...], *changes: tuple[str, str]) -> Mutation:
    """One or some statements of the relay with some text replaced."""

    def mutate(patch: pytest.MonkeyPatch) -> None:
        from relay.log import session
        from relay.sql import statement

        patch.setattr(session, "statement", changed(statement, names, *changes))
        session.qualified.cache_clear()

    return mutate


def query(module: str, name: str, *changes: tuple[str, str]) -> Mutation:
    """A statement of the outbox with some text replaced, as a module of it reads it."""

    def mutate(patch: pytest.MonkeyPatch) -> None:
        from outbox.sql import statement

        patch.setattr(f"{module}.statement", changed(statement, name, *changes))

    return mutate


def inbox_query(module: str, name: str, *changes: tuple[str, str]) -> Mutation:
    """A statement of the inbox with some text replaced, as a module of it reads it."""

    def mutate(patch: pytest.MonkeyPatch) -> None:
        from inbox.sql import statement

        patch.setattr(f"{module}.statement", changed(statement, name, *changes))

    return mutate


def instead(path: str, replacement: object) -> Mutation:
    return lambda patch: patch.setattr(path, replacement)

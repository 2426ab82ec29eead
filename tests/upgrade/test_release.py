"""A release whose migrations were rewritten is told from one that only adds some."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.upgrade.release import Release

FIRST = "outbox/migrations/0001_initial.py"


def release(folder: Path, **migrations: str) -> Release:
    for name, text in migrations.items():
        path = folder / f"outbox/migrations/{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return Release("any", folder)


@pytest.mark.parametrize(
    ("first", "rewritten"), [("one", []), ("another", [FIRST])], ids=["one is added", "one is rewritten"]
)
def test_only_a_migration_that_was_changed_or_removed_is_rewritten(
    tmp_path: Path, first: str, rewritten: list[str]
) -> None:
    old = release(tmp_path / "old", **{"0001_initial": "one"})
    new = release(tmp_path / "new", **{"0001_initial": first, "0002_more": "two"})
    assert new.rewrote_migrations_of(old) == rewritten
    assert Release("none", tmp_path).rewrote_migrations_of(old) == [FIRST]


def test_this_tree_has_the_migrations_of_all_packages() -> None:
    found = Release.here().migrations()
    assert {"outbox", "inbox", "shop", "consumers"} <= {Path(path).parts[0] for path in found}

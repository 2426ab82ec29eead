"""Each SQL statement that the code names is a file, and each file is named."""

from __future__ import annotations

import ast
import errno
from collections.abc import Iterator
from pathlib import Path

import pytest

from outbox_core.sql import Statements

ROOT = Path(__file__).resolve().parents[2]
CALLS = {"fetch", "_fetch", "run", "statement"}


@pytest.mark.parametrize("package", ["outbox", "relay", "inbox"])
def test_statements_and_files_belong_together(package: str) -> None:
    folder = ROOT / package / "sql"
    files = {str(path.relative_to(folder).with_suffix("")) for path in folder.rglob("*.sql")}
    named = set(_named(ROOT / package))
    assert named <= files
    texts = "".join(path.read_text() for path in (ROOT / package).rglob("*.py"))
    included = "".join(path.read_text() for path in folder.rglob("*.sql"))
    assert [name for name in files if f'"{name}"' not in texts and f"\\i {name}.sql" not in included] == []


def _named(folder: Path) -> Iterator[str]:
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call(
                    func=ast.Attribute(attr=name) | ast.Name(id=name),
                    args=[ast.Constant(value=str(first)), *_],
                ) if name in CALLS:
                    yield first


def test_one_statement_that_is_read_brings_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Later the process may be able to open no more files."""
    statement = Statements("relay.sql")
    statement("log/news")

    def refused(*args: object, **options: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(Path, "open", refused)
    assert "DELETE" in statement("cluster/deregister")

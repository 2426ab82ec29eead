"""The statements that grant what a role lacks. Pure."""

from __future__ import annotations

from collections.abc import Iterable


def grants(missing: Iterable[tuple[str, str]], schema: str, role: str) -> str:
    """The statements that give what is missing, ``(table, privilege)`` each."""
    by_table: dict[str, list[str]] = {}
    for table, privilege in missing:
        by_table.setdefault(table, []).append(privilege)
    prefix = "" if schema == "public" else f"{schema}."
    return " ".join(
        f"GRANT {', '.join(privileges)} ON {prefix}{table} TO {role};"
        for table, privileges in by_table.items()
    )

"""The grants of docs/how-to/roles.md, which the tests give to roles of their own."""

from __future__ import annotations

import re

from tests.docs.examples import ROOT

PAGE = (ROOT / "docs" / "how-to" / "roles.md").read_text(encoding="utf-8")
GRANT = re.compile(r"^GRANT ([A-Z, ]+) ON (?:SEQUENCE |FUNCTION )?(\w+)(?:\(\))? TO (\w+);$", re.MULTILINE)


def grants(role: str, name: str) -> list[str]:
    """The statements that give ``name`` what the page gives to ``role``."""
    found = (match[0] for match in GRANT.finditer(PAGE) if match[3] == role)
    return [statement.replace(f" TO {role};", f" TO {name};") for statement in found]

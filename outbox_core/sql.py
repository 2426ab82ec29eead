"""SQL statements in files, so that each can be read and EXPLAINed alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class Statements:
    """Reads the statements of a folder of SQL files, named as a ``package``."""

    package: str

    def __call__(self, name: str, **numbers: int) -> str:
        """The text of ``<name>.sql`` with its ``{numbers}`` filled in."""
        text = _text(self.package, name)
        for placeholder, number in numbers.items():
            text = text.replace(f"{{{placeholder}}}", str(int(number)))
        return text


@cache
def _text(package: str, name: str) -> str:
    return (files(package) / f"{name}.sql").read_text(encoding="utf-8")

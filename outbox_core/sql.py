"""SQL statements in files, so that each can be read and EXPLAINed alone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

_INCLUDE = re.compile(r"^ *\\i (\w+)\.sql$", re.M)


@dataclass(frozen=True, slots=True)
class Statements:
    """Reads the statements of a folder of SQL files, named as a ``package``."""

    package: str

    def __call__(self, name: str, **numbers: int) -> str:
        r"""The text of ``<name>.sql`` with its ``{numbers}`` filled in.

        A line ``\i other.sql`` is replaced by that file of the folder, as psql does.
        """
        text = _text(self.package, name)
        for placeholder, number in numbers.items():
            text = text.replace(f"{{{placeholder}}}", str(int(number)))
        return text


@cache
def _text(package: str, name: str) -> str:
    text = (files(package) / f"{name}.sql").read_text(encoding="utf-8")
    return _INCLUDE.sub(lambda line: _text(package, line[1]), text)

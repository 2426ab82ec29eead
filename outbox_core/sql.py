"""SQL statements in files, so that each can be read and EXPLAINed alone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

_INCLUDE = re.compile(r"^ *\\i (\w+)\.sql$", re.M)


@dataclass(frozen=True, slots=True)
class Statements:
    """Reads the statements of a folder of SQL files, named as a ``package``."""

    package: str

    def __call__(self, name: str, **numbers: int) -> str:
        r"""The text of ``<name>.sql`` with its ``{numbers}`` filled in.

        A line ``\i other.sql`` is replaced by that file of the folder, as psql does.
        """
        text = _texts(self.package)[name]
        for placeholder, number in numbers.items():
            text = text.replace(f"{{{placeholder}}}", str(int(number)))
        return text


@cache
def _texts(package: str) -> Mapping[str, str]:
    """All statements of the folder, read at once: later the process may be able to open no more files."""
    raw = dict(_read(files(package)))

    def included(text: str) -> str:
        return _INCLUDE.sub(lambda line: included(raw[line[1]]), text)

    return {name: included(text) for name, text in raw.items()}


def _read(folder: Traversable, prefix: str = "") -> Iterator[tuple[str, str]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _read(entry, f"{prefix}{entry.name}/")
        elif entry.name.endswith(".sql"):
            yield prefix + entry.name.removesuffix(".sql"), entry.read_text(encoding="utf-8")

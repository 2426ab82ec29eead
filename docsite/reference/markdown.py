"""Writing Markdown: tables, code, and docstrings as the code has them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines) + "\n"


def code(value: object) -> str:
    """Inline code."""
    return f"`{value}`" if str(value) else ""


def doc(thing: object) -> str:
    """The docstring of an object or a text as Markdown: one paragraph of it for each of its own."""
    found = inspect.cleandoc(thing if isinstance(thing, str) else inspect.getdoc(thing) or "")
    return "\n\n".join(map(_paragraph, found.split("\n\n")))


def _paragraph(text: str) -> str:
    """Trees and code keep their lines."""
    if re.search(r"^├|^class \w+:|^@\w+", text, re.MULTILINE):
        return f"```text\n{text}\n```"
    return escaped(re.sub(r"``([^`]+)``", r"`\1`", text))


def escaped(text: str) -> str:
    """Text whose angle brackets are no tags. Code shows an escape as it is written, so it has none."""
    parts = re.split(r"(`[^`]+`)", text)
    return "".join(part if part.startswith("`") else part.replace("<", "&lt;") for part in parts)


def sentence(thing: object) -> str:
    """The docstring's first paragraph, on one line."""
    return " ".join(doc(thing).partition("\n\n")[0].split())


def naming(thing: object, name: str) -> str:
    """The sentences of a docstring that name something as code."""
    sentences = re.split(r"(?<=\.)\s+(?=[`A-Z])", " ".join(doc(thing).split()))
    return " ".join(each for each in sentences if f"`{name}`" in each)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")

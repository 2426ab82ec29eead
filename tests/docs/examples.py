"""The fenced examples of the documentation."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
IN_ROOT = ("README.md", "CONTRIBUTING.md", "RELEASING.md")
PAGES = [*sorted((ROOT / "docs").rglob("*.md")), *(ROOT / name for name in IN_ROOT)]
FENCE = re.compile(
    r"^ *```(?P<language>\w+)(?: title=\"(?P<title>[^\"]+)\")?\n(?P<code>.*?)^ *```", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Example:
    """A fenced block. ``title`` is the file of a project that it is the text of."""

    page: Path
    language: str
    title: str
    code: str

    def __str__(self) -> str:
        return f"{self.page.name}:{self.title or self.language}"


def examples(language: str) -> list[Example]:
    """Those of a language, on every page."""
    return [
        Example(page, language, match["title"] or "", textwrap.dedent(match["code"]))
        for page in PAGES
        for match in FENCE.finditer(page.read_text(encoding="utf-8"))
        if match["language"] == language
    ]


def commands() -> list[tuple[Example, str]]:
    """The commands of shell examples, one for each line."""
    found = [
        (example, line.partition(" #")[0].strip())
        for example in examples("shell")
        for line in example.code.splitlines()
    ]
    return [(example, command) for example, command in found if command]

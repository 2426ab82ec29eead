"""The pages that are not files of docs/: path in the site -> Markdown."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ROOT_PAGES = {
    "contributing.md": "CONTRIBUTING.md",
    "releasing.md": "RELEASING.md",
    "changelog.md": "CHANGELOG.md",
    "security.md": "SECURITY.md",
}
LINK = re.compile(r"\[([^\]]+)\]\((?!https?:|#|mailto:)([^)\s]+)\)")


@cache
def generated() -> dict[str, str]:
    """Every page that is made of the code, and those that stand in the root of the repository."""
    from docsite.reference import actions, api, checks, commands, metrics, settings, tables, wire

    reference = {
        "settings": settings.page,
        "commands": commands.page,
        "checks": checks.page,
        "log-actions": actions.page,
        "metrics": metrics.page,
        "wire": wire.page,
        "tables": tables.page,
        "api": api.page,
    }
    return {
        **{f"reference/{name}.md": make() for name, make in reference.items()},
        **{page: _from_root(file) for page, file in ROOT_PAGES.items()},
    }


def _from_root(file: str) -> str:
    """A page of the repository's root, whose links to docs/ are links inside the site."""
    return LINK.sub(_inside, (ROOT / file).read_text(encoding="utf-8"))


def _inside(match: re.Match[str]) -> str:
    """A link to a page of the site; a link to another file of the repository becomes its text."""
    text, target = match[1], match[2]
    pages = {file: page for page, file in ROOT_PAGES.items()}
    if target.startswith("docs/"):
        return f"[{text}]({target.removeprefix('docs/')})"
    return f"[{text}]({pages[target]})" if target in pages else text

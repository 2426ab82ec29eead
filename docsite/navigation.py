"""The navigation: folders in the order of Diataxis, pages in the order of their titles."""

from __future__ import annotations

from pathlib import Path

from docsite import pages

SECTIONS = {
    "Tutorial": "tutorial",
    "How-to guides": "how-to",
    "Runbooks": "runbooks",
    "Reference": "reference",
    "Explanation": "explanation",
    "Decisions": "decisions",
}
LAST = ("glossary.md", "upgrading.md", *pages.ROOT_PAGES)
Nav = list[dict[str, object]]


def of(docs: Path) -> Nav:
    """The navigation of the pages in a folder and of those that are made of the code."""
    titles = {
        path.relative_to(docs).as_posix(): _title(path.read_text("utf-8")) for path in docs.rglob("*.md")
    }
    titles |= {path: _title(text) for path, text in pages.generated().items()}
    nav: Nav = [{"Home": "index.md"}]
    for section, folder in SECTIONS.items():
        if inside := _section(folder, titles):
            nav.append({section: inside})
    return nav + [{titles[page]: page} for page in LAST if page in titles]


def _section(folder: str, titles: dict[str, str]) -> list[object]:
    """The overview of a folder first, numbered pages by number, others by title."""
    inside = {path: title for path, title in titles.items() if path.startswith(f"{folder}/")}
    overview = [path for path in inside if path.endswith(("/README.md", "/index.md"))]
    rest = sorted(inside.keys() - set(overview), key=lambda path: (_number(path), inside[path].lower()))
    return [*overview, *({inside[path]: path} for path in rest)]


def _number(path: str) -> str:
    name = Path(path).name
    return name if name[:4].isdigit() else ""


def _title(text: str) -> str:
    line = next((line for line in text.splitlines() if line.startswith("# ")), "# Untitled")
    return line.removeprefix("# ").strip()

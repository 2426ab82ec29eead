"""Finds broken links in a built site, and resources that a browser would fetch from other hosts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

FETCHED = {"src", "srcset", "data"}
NO_PAGE = "404.html"  # its links begin with the address of the site


@dataclass
class Page(HTMLParser):
    """The targets and anchors of one page. ``fetched`` is what a browser loads without being asked."""

    links: list[str] = field(default_factory=list)
    fetched: list[str] = field(default_factory=list)
    anchors: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value for name, value in attrs if value}
        self.anchors |= {values[name] for name in ("id", "name") if name in values}
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        elif tag == "link" and values.get("rel") in ("stylesheet", "icon", "preload", "preconnect"):
            self.fetched.append(values.get("href", ""))
        self.fetched += [values[name] for name in FETCHED if name in values]


def broken(site: Path) -> list[str]:
    """A line for each link that leads nowhere and for each resource that is fetched from elsewhere."""
    pages = {path: _read(path) for path in sorted(site.rglob("*.html")) if path.name != NO_PAGE}
    return [line for path, page in pages.items() for line in _problems(path, page, pages, site)]


def _read(path: Path) -> Page:
    page = Page()
    page.feed(path.read_text(encoding="utf-8"))
    return page


def _problems(path: Path, page: Page, pages: dict[Path, Page], site: Path) -> Iterator[str]:
    name = path.relative_to(site)
    for target in page.fetched:
        if urlsplit(target).netloc:
            yield f"{name}: {target} is fetched from another host"
    for target in [*page.links, *page.fetched]:
        if not urlsplit(target).scheme and not urlsplit(target).netloc and not _exists(path, target, pages):
            yield f"{name}: {target} leads nowhere"


def _exists(path: Path, target: str, pages: dict[Path, Page]) -> bool:
    address, anchor = urldefrag(target)
    file = (path.parent / unquote(urlsplit(address).path)).resolve() if address else path
    if file.is_dir():
        file /= "index.html"
    if not file.exists():
        return False
    return not anchor or file not in pages or unquote(anchor) in pages[file].anchors

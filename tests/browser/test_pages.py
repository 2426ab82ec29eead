"""Each page in a real browser: light and dark, as wide as a desk's and as narrow as a phone's.

SCREENSHOTS=folder keeps what it looks like, for people.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.chromium import barriers
from tests.browser.conftest import HIGH, NARROW, WIDE, Site, Visit
from tests.browser.pages import PAGES

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.django_db
LOOKS = [(WIDE, "light"), (NARROW, "dark")]
FOLDER = os.environ.get("SCREENSHOTS")
OF_DJANGO = {"label-title-only (serious): #searchbar"}
"""The search of Django's lists has an icon as its label."""


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_no_barrier_and_never_scrolls_sideways(visit: Visit, site: Site, name: str) -> None:
    page = visit(PAGES[name](site.scene))
    for width, scheme in LOOKS:
        show(page, width, scheme)
        if FOLDER:
            page.screenshot(path=Path(FOLDER, f"{name.replace(' ', '-')}-{width}.png"), full_page=True)
        assert set(barriers(page)) - OF_DJANGO == set(), f"{width} wide, {scheme}"
        assert page.evaluate("document.documentElement.scrollWidth") <= width, "it scrolls sideways"


def show(page: Page, width: int, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.set_viewport_size({"width": width, "height": HIGH})
    page.evaluate("Promise.allSettled(document.getAnimations().map(each => each.finished))")  # colours fade

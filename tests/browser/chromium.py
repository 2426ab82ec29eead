"""Chromium, as Debian's package has it: Playwright steers it, and axe-core looks for barriers."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
SEVERE = ("serious", "critical")
AXE = "axe_playwright_python"


def why_not() -> str:
    """Why no browser is to be had here; empty if one is."""
    if find_spec("playwright") is None or find_spec(AXE) is None:
        return "needs playwright and axe-playwright-python, which the extra `browser` has"
    if program() is None:
        return f"needs one of {', '.join(PROGRAMS)}, which Debian's package chromium has"
    return ""


def program() -> str | None:
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


@contextmanager
def running() -> Iterator[Browser]:
    """A browser without a window. Its loop runs in this thread, which Django takes for asynchronous code."""
    if reason := why_not():
        pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright, pytest.MonkeyPatch.context() as patch:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []  # root may not have one
        browser = playwright.chromium.launch(
            executable_path=program(), args=[*sandbox, "--disable-dev-shm-usage"]
        )
        yield browser
        browser.close()


def barriers(page: Page) -> list[str]:
    """What axe-core calls serious or critical on a page as it is shown now."""
    if not page.evaluate("typeof axe === 'object'"):
        page.add_script_tag(path=_script())
    found: Sequence[dict[str, Any]] = page.evaluate(
        "axe.run(document, {resultTypes: ['violations']}).then(found => found.violations)"
    )
    return [
        f"{each['id']} ({each['impact']}): {', '.join(str(node['target'][0]) for node in each['nodes'][:5])}"
        for each in found
        if each["impact"] in SEVERE
    ]


def _script() -> Path:
    spec = find_spec(AXE)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).with_name("axe.min.js")

"""Without a mouse: Tab reaches each action and shows where it is; Enter and Space act."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.browser.conftest import Site, Visit
from tests.browser.pages import PAGES

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.django_db
WITH_ACTIONS = (
    *("outbox status", "outbox discard group", "search", "event", "replay an event", "hold"),
    *("inbox status", "held event", "basket", "order"),
)
MARK = """
() => {
    const actions = "a[href], button, input:not([type=hidden]), select, textarea, summary";
    const found = [...document.querySelectorAll(actions)].filter(
        (each) => each.checkVisibility({visibilityProperty: true}) && !each.disabled && each.tabIndex >= 0);
    for (const each of found) {
        const style = getComputedStyle(each);
        each.unfocused = [style.outlineStyle, style.boxShadow, style.borderColor].join();
    }
    window.waiting = new Set(found);
    return found.length;
}
"""
FOCUSED = """
() => {
    const active = document.activeElement, style = getComputedStyle(active);
    const shown = [style.outlineStyle, style.boxShadow, style.borderColor].join() !== active.unfocused;
    const waited = window.waiting.delete(active);
    return waited && !shown ? active.outerHTML.slice(0, 200) : null;
}
"""
LEFT = "() => [...window.waiting].map((each) => each.outerHTML.slice(0, 200))"


@pytest.mark.parametrize("name", WITH_ACTIONS)
def test_tab_reaches_each_action_and_shows_where_it_is(visit: Visit, site: Site, name: str) -> None:
    page = visit(PAGES[name](site.scene))
    page.context.set_offline(True)  # the status pages are not refreshed meanwhile
    page.evaluate("document.activeElement.blur()")  # some forms take the focus
    unseen = []
    for _ in range(page.evaluate(MARK) + 40):  # what scrolls has the focus, too
        page.keyboard.press("Tab")
        unseen.append(page.evaluate(FOCUSED))
        if not page.evaluate("window.waiting.size"):
            break
    assert page.evaluate(LEFT) == []
    assert [each for each in unseen if each] == []


def test_a_group_is_released_without_a_mouse(visit: Visit, site: Site) -> None:
    page = visit(PAGES["outbox status"](site.scene))
    page.locator("#failure-groups summary").focus()
    page.keyboard.press("Space")
    assert page.locator("#more-groups").get_attribute("open") is not None
    tab_to(page, "Release…")
    page.keyboard.press("Enter")
    page.wait_for_url("**/release/?*")
    tab_to(page, "Release")
    page.keyboard.press("Space")
    page.wait_for_selector(".messagelist .success")


def tab_to(page: Page, label: str) -> None:
    """Press Tab until something with this label has the focus."""
    for _ in range(100):
        page.keyboard.press("Tab")
        focused = page.evaluate("document.activeElement.value || document.activeElement.textContent")
        if focused.strip() == label:
            return
    pytest.fail(f"Tab does not reach {label}")

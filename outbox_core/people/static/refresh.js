"use strict";
// Keeps the status page current: while the page is visible, it fetches the page again and replaces the report. What is
// scrolled, open or focused stays so; while the reader selects text, nothing is replaced.
document.addEventListener("DOMContentLoaded", function () {
    const report = document.getElementById("outbox-status");
    const pause = Number(report.dataset.refreshSeconds) * 1000;
    const seen = new Date();

    function tellStale(why) {
        const stale = document.getElementById("outbox-stale");
        stale.textContent = " – not refreshed since " + seen.toLocaleTimeString() + ": " + why;
        stale.hidden = false;
    }

    function isRead() {
        const selection = document.getSelection();
        const selects = !selection.isCollapsed && report.contains(selection.anchorNode);
        const active = document.activeElement;
        return selects || (report.contains(active) && active.matches("input, select, textarea, button"));
    }

    function name(element) {
        return element.getAttribute("href") || (element.matches("summary") ? element.parentElement.id : null);
    }

    function place() {
        const focused = report.contains(document.activeElement) ? name(document.activeElement) : null;
        const modules = [...report.querySelectorAll("[id]")].map((each) => [each.id, each.scrollLeft, each.open]);
        return {focused: focused, modules: modules};
    }

    function restore(before) {
        for (const [id, left, open] of before.modules) {
            const again = document.getElementById(id);
            if (again !== null) {
                again.scrollLeft = left;
                if (open !== undefined) {
                    again.open = open;
                }
            }
        }
        if (before.focused !== null) {
            const again = [...report.querySelectorAll("a, summary")].find((each) => name(each) === before.focused);
            again?.focus({preventScroll: true});
        }
    }

    async function refresh() {
        if (document.hidden || isRead()) {
            return;
        }
        try {
            const answer = await fetch(window.location.href, {signal: AbortSignal.timeout(15000)});
            const page = new DOMParser().parseFromString(await answer.text(), "text/html");
            const fresh = page.getElementById("outbox-status");
            if (!answer.ok || fresh === null) {
                tellStale(answer.ok ? "please log in again" : "the server answers " + answer.status);
                return;
            }
            if (isRead()) {
                return;
            }
            const before = place();
            report.replaceChildren(...fresh.childNodes);
            restore(before);
            document.title = page.title;
            seen.setTime(Date.now());
        } catch (error) {
            tellStale("the server does not answer");
        }
    }

    async function loop() {
        await refresh();
        setTimeout(loop, pause);
    }
    setTimeout(loop, pause);
    document.addEventListener("visibilitychange", refresh);
});

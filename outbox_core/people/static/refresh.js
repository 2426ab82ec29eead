"use strict";
// Keeps the status page current: while the page is visible, it fetches the page again and replaces the report.
document.addEventListener("DOMContentLoaded", function () {
    const report = document.getElementById("outbox-status");
    const pause = Number(report.dataset.refreshSeconds) * 1000;
    const seen = new Date();

    function tellStale(why) {
        const stale = document.getElementById("outbox-stale");
        stale.textContent = " – not refreshed since " + seen.toLocaleTimeString() + ": " + why;
        stale.hidden = false;
    }

    async function refresh() {
        if (document.hidden || report.contains(document.activeElement)) {
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
            report.replaceChildren(...fresh.childNodes);
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

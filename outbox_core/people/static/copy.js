"use strict";
// Buttons that copy the text behind them, as it is shown.
document.addEventListener("DOMContentLoaded", function () {
    for (const button of document.querySelectorAll(".outbox-copy")) {
        if (!navigator.clipboard) continue; // not on a page without HTTPS
        button.hidden = false;
        button.addEventListener("click", async function () {
            await navigator.clipboard.writeText(button.parentElement.querySelector("pre").textContent);
            button.textContent = "Copied";
        });
    }
});

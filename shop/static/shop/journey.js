// Asks how far the order has come until it has arrived, and writes the answer into the page.
const journey = document.querySelector("[data-journey]");
const QUICK = 300;
const PATIENT = 3000;
const started = Date.now();

function show(answer) {
  const marks = document.querySelectorAll("[data-mark]");
  if (marks.length !== Object.keys(answer.marks).length) {
    location.reload(); // another event has joined: let the server draw it
    return;
  }
  for (const mark of marks) {
    const { state, text } = answer.marks[mark.dataset.mark];
    mark.dataset.state = state;
    mark.textContent = text;
  }
  for (const place of document.querySelectorAll("[data-knows]")) {
    place.textContent = answer.knows[place.dataset.knows];
  }
  const summary = document.getElementById("summary");
  if (summary.textContent !== answer.summary) summary.textContent = answer.summary;
  summary.classList.toggle("complete", answer.complete);
}

async function ask() {
  let complete = false;
  try {
    const response = await fetch(journey.dataset.journey, { headers: { Accept: "application/json" } });
    if (response.ok) {
      const answer = await response.json();
      show(answer);
      complete = answer.complete;
    }
  } catch {
    // The shop is away for a moment: ask again.
  }
  if (!complete) setTimeout(ask, Date.now() - started < 30000 ? QUICK : PATIENT);
}

if (journey && journey.dataset.complete !== "true") setTimeout(ask, QUICK);

// The chat's input: history, and answers in place. Without it the form posts and the page comes back. Loaded after
// complete.js.
"use strict";

const HISTORY = "callboard.history", MOST_LINES = 100;

function readHistory() {
  try {
    const lines = JSON.parse(localStorage.getItem(HISTORY));
    return Array.isArray(lines) ? lines.filter((line) => typeof line === "string") : [];
  } catch (broken) {
    return [];
  }
}

function keepLine(line) {
  const lines = readHistory().filter((other) => other !== line);
  try {
    localStorage.setItem(HISTORY, JSON.stringify([...lines, line].slice(-MOST_LINES)));
  } catch (full) {
    // Without a history one types it again.
  }
}

// Sends a line. What could not be done stays in the input, with the reason above it.
async function sayLine(form) {
  const input = form.elements.line, line = input.value;
  if (!line.trim() || form.dataset.busy) return;
  form.dataset.busy = "yes";
  const answer = await sendForm(form);
  delete form.dataset.busy;
  delete form.dataset.key;
  if (!showTold(answer)) return;
  keepLine(line);
  if (input.value === line) input.value = "";
  // A page of older entries hears of nothing new.
  if (!document.body.dataset.live) return location.assign(location.pathname);
  scrollToEnd(document.getElementById("entries"));
}

// The arrows bring back what was said before; without an open list.
function startComposer(form) {
  const input = form.elements.line, completion = startCompletion(input, document.getElementById("suggestions"), "");
  let recalled = -1, draft = "";

  function recall(step) {
    const lines = readHistory();
    if (recalled < 0) draft = input.value;
    const next = recalled < 0 ? (step < 0 ? lines.length - 1 : -1) : recalled + step;
    if (next < 0 && step < 0) return;
    recalled = next >= 0 && next < lines.length ? next : -1;
    input.value = recalled < 0 ? draft : lines[recalled];
    input.setSelectionRange(input.value.length, input.value.length);
  }

  input.addEventListener("input", () => (recalled = -1));
  input.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!isPlainKey(event) || completion.takeKey(event) || !step || (step > 0 && recalled < 0)) return;
    recall(step);
    event.preventDefault();
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    completion.close();
    recalled = -1;
    sayLine(form);
  });
}

document.querySelectorAll("form[data-line]").forEach(startComposer);
